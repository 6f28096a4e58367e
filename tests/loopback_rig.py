"""A client of a loopback server that sees every byte."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from nexiom_sdk.testing import Answer, Fault, LoopbackServer, Script

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
FOX = Answer(headers={"x-a": "1"}, body=b"a fox")
FOX_ON_THE_WIRE = b"HTTP/1.1 200 \r\nx-a: 1\r\ncontent-length: 5\r\n\r\na fox"


class Client:
    """A client that sees every byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, server: LoopbackServer, said: bytes = b"") -> Client:
        where = urlsplit(server.origin)
        client = cls(*await asyncio.open_connection(where.hostname, where.port))
        client.writer.write(said)
        return client

    async def all(self) -> bytes:
        """Everything until the end."""
        try:
            return await self.reader.read()
        finally:
            self.leave()

    def leave(self) -> None:
        self.writer.transport.abort()


async def said_by(reaction: Answer | Fault, request: bytes = GET) -> bytes:
    """What arrives as a reaction to one request, to its last byte."""
    async with LoopbackServer(Script(reaction)) as server:
        return await (await Client.of(server, request)).all()
