"""The bytes of one connection at the server's side, in plain text or TLS, on a socket that nothing else buffers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_READ_BYTES = 65_536


class ClientLeft(Exception):
    """The connection ended or broke at the other side: what clients do, and no defect."""


class Stream:
    """The bytes of a connection; what was sent is with the kernel, so that closing it loses nothing."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    async def receive(self) -> bytes:
        """Some bytes; none when the client has sent its last."""
        try:
            return await asyncio.get_running_loop().sock_recv(self.connection, _READ_BYTES)
        except OSError as error:
            raise ClientLeft from error

    async def send(self, data: bytes) -> None:
        """All of these bytes."""
        try:
            await asyncio.get_running_loop().sock_sendall(self.connection, data)
        except OSError as error:
            raise ClientLeft from error


class TlsStream(Stream):
    """The same inside TLS."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(connection)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def receive(self) -> bytes:
        return await self._run(lambda: self._tls.read(_READ_BYTES))

    async def send(self, data: bytes) -> None:
        if data:
            await self._run(lambda: self._tls.write(data))

    async def _run(self, step: Callable[[], T]) -> T:
        """Take a step of TLS, with as many bytes to and fro as it needs."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                pass  # the client has to say something first, below
            except ssl.SSLError as error:
                raise ClientLeft from error
            finally:
                await super().send(self._outgoing.read())
            data = await super().receive()
            if not data:
                raise ClientLeft
            self._incoming.write(data)
