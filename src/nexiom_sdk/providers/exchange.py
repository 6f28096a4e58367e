"""One request and its reply on the wire, and the network below it. Nothing foreign is raised: trouble is a value.

So no exception carries frames of the HTTP library, whose variables hold keys and signed addresses, and `Trouble.left`
says whether the request went out.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import httpcore

from nexiom_sdk.errors import UnsafeUrl
from nexiom_sdk.providers.guard import Origin, Resolver, public_addresses
from nexiom_sdk.providers.inflate import ENCODINGS, inflated
from nexiom_sdk.providers.quiet_logs import Quietly, hush
from nexiom_sdk.providers.wire import Head, Trouble
from nexiom_sdk.redaction import redact
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)

_LONGEST_ID = 100
_MOST_ADDRESSES = 4  # of one name that are tried
_MOST_CONNECTIONS, _MOST_IDLE = 64, 16
_IDLE_SECONDS = 5.0  # servers close idle connections; an order on one that is being closed would be uncertain
_NEVER_LEFT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.UnsupportedProtocol)
_FAILURES = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
    zlib.error,
    UnsafeUrl,
)
_WORDS: Mapping[type[Exception], str] = {
    httpcore.ConnectError: "no connection",
    httpcore.ConnectTimeout: "no connection in time",
    httpcore.PoolTimeout: "all connections are busy",
    httpcore.ReadTimeout: "no answer in time",
    httpcore.WriteTimeout: "the request was not taken in time",
    httpcore.RemoteProtocolError: "the answer broke off",
    httpcore.ReadError: "the connection broke",
    zlib.error: "the answer is compressed and damaged",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Outgoing:
    """A request, encoded and signed.

    Args:
        method: Such as POST.
        url: Where it goes.
        origin: The same, for the log.
        headers: As they are sent.
        content: The body.
        silence_seconds: Longest silences by step: connect, pool, read and write.
    """

    method: str
    url: httpcore.URL
    origin: Origin
    headers: Sequence[tuple[bytes, bytes]]
    content: AsyncIterable[bytes]
    silence_seconds: Mapping[str, float]


class Exchange:
    """One request and its reply.

    Args:
        pool: Connections.
        outgoing: What is sent, once.

    Attributes:
        left: Whether a part of the request may have reached the server.
        encoded: Whether the body is compressed, so that bytes may come without any that are decoded.
    """

    def __init__(self, pool: httpcore.AsyncConnectionPool, outgoing: Outgoing) -> None:
        self.left: bool = False
        self.encoded: bool = False
        self._pool = pool
        self._outgoing = outgoing
        self._response: httpcore.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def start(self) -> Head | Trouble:
        """Send the request and read the beginning of the reply."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        out = self._outgoing
        request = httpcore.Request(
            out.method,
            out.url,
            headers=out.headers,
            content=out.content,
            extensions={"timeout": dict(out.silence_seconds), "trace": self._trace},
        )
        try:
            with Quietly():
                self._response = response = await self._pool.handle_async_request(request)
        except _FAILURES as error:
            return self._trouble(error)
        headers = _joined(response.headers)
        encoding = headers.get("content-encoding", "identity").lower()
        if encoding not in {"identity", *ENCODINGS}:
            return Trouble(reason="the answer is compressed in a way that nobody asked for", left=True)
        self.encoded = encoding != "identity"
        self._chunks = inflated(response.aiter_stream()) if self.encoded else response.aiter_stream()
        _log.debug(
            "%s %s %d in %.0f ms, request id %s",
            out.method,
            out.origin,
            response.status,
            (clock() - begun) * 1000,
            printable(headers.get("x-request-id", "-"), _LONGEST_ID),
            extra={"action": "http_call"},
        )
        return Head(status=response.status, headers=headers)

    async def chunk(self) -> bytes | Trouble:
        """The next bytes of the body, decoded; none at its end."""
        if self._chunks is None:
            return b""
        try:
            with Quietly():
                return await anext(self._chunks, b"")
        except _FAILURES as error:
            return self._trouble(error)

    async def read(self, most_bytes: int) -> bytes | Trouble:
        """The whole body, if it has at most this many bytes."""
        body = bytearray()
        while chunk := await self.chunk():
            if isinstance(chunk, Trouble):
                return chunk
            body += chunk
            if len(body) > most_bytes:
                return Trouble(reason=f"the answer has more than {most_bytes:,} bytes", left=True, too_large=True)
        return bytes(body)

    async def aclose(self) -> None:
        """Give the connection back, or close it where the reply was not read to its end."""
        if self._response is not None:
            with Quietly():
                await self._response.aclose()

    async def _trace(self, event: str, _info: Mapping[str, object]) -> None:
        if event.endswith("send_request_headers.started"):
            self.left = True

    def _trouble(self, error: Exception) -> Trouble:
        if isinstance(error, UnsafeUrl):
            return Trouble(reason=error.message, left=False, unsafe=True)
        if isinstance(refused := error.__context__, ssl.SSLCertVerificationError):  # the pool drops the cause
            why = redact(refused.verify_message).rstrip(".")
            return Trouble(reason=f"the certificate of {self._outgoing.origin.host} is refused ({why})", left=self.left)
        words = next((text for kind, text in _WORDS.items() if isinstance(error, kind)), "the exchange failed")
        detail = redact(str(error))
        left = self.left or not isinstance(error, _NEVER_LEFT)
        return Trouble(reason=f"{words} ({detail})" if detail else words, left=left)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Dials only what the guard allows, and exactly the addresses that it saw."""

    def __init__(
        self,
        resolve: Resolver,
        *,
        trusted: Collection[Origin] = (),
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolve = resolve
        self._trusted = {(origin.host, origin.port) for origin in trusted}
        self._network = network or cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers."""
        dial = self._network.connect_tcp
        if (host, port) in self._trusted:
            return await dial(host, port, timeout, local_address, socket_options)
        try:
            async with asyncio.timeout(timeout):
                addresses = await public_addresses(host, port, self._resolve)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except UnicodeError as error:
            raise httpcore.ConnectError("the name cannot be resolved: it is none") from error
        except OSError as error:
            raise httpcore.ConnectError(f"the name cannot be resolved: {error.strerror or error}") from error
        addresses = addresses[:_MOST_ADDRESSES]
        for address in addresses[:-1]:
            try:
                return await dial(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await dial(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait, for the library's own retries, of which there are none."""
        await self._network.sleep(seconds)


def pool_of(tls: ssl.SSLContext, network: GuardedNetwork) -> httpcore.AsyncConnectionPool:
    """Connections for one kind of exchange.

    Args:
        tls: How servers are verified.
        network: What dials.
    """
    hush()
    return httpcore.AsyncConnectionPool(
        ssl_context=tls,
        max_connections=_MOST_CONNECTIONS,
        max_keepalive_connections=_MOST_IDLE,
        keepalive_expiry=_IDLE_SECONDS,
        network_backend=network,
    )


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
