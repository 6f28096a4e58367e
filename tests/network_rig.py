"""A network for the clients under test on which every dial ends on this machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import httpcore

_SOCKETS = httpcore.AnyIOBackend()


class Loopback(httpcore.AsyncNetworkBackend, ABC):
    """Connects to a port of loopback, whatever address is dialled."""

    @abstractmethod
    def port_for(self, host: str, port: int) -> int:
        """The port of what listens there; it may note the dial, or raise what a network raises."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        here = self.port_for(host, port)
        return await _SOCKETS.connect_tcp("127.0.0.1", here, timeout, local_address, socket_options)
