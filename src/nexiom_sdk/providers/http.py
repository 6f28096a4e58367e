"""The wire: the only module that knows an HTTP library. Calls go in, replies come out, nothing foreign is raised.

What goes wrong comes back as a value, a `Trouble`, and is raised by others: so no exception carries frames of the
HTTP library, whose variables hold keys and signed addresses, and `Trouble.left` says whether the request went out.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import version

import httpcore
import httpx

from nexiom_sdk.errors import InvalidInput, UnsafeUrl
from nexiom_sdk.providers.auth import Auth, Unsigned
from nexiom_sdk.providers.guard import Origin, Resolver, check_origin, public_addresses, system_resolver
from nexiom_sdk.providers.inflate import ENCODINGS, inflated
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Call, Head, Reply, Trouble
from nexiom_sdk.redaction import redact
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)

_LONGEST_ID = 100
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


def origin_of(url: str) -> Origin:
    """Where a URL leads, as the HTTP library reads it: nobody else's opinion counts when keys are handed out.

    Raises:
        UnsafeUrl: It is not a URL with a host, or it carries a login.

    Example:
        >>> str(origin_of("https://cdn.example/v.mp4?sig=1"))
        'https://cdn.example'
    """
    origin = _read_origin(url)
    if origin is None:
        del url  # it may be signed, and tracebacks show local variables
        raise UnsafeUrl("An address was not opened: it has no host, or a login in it.")
    return origin


def join(url: str, location: str) -> str:
    """Where a redirect leads: its location may be relative to the URL it came from."""
    try:
        return str(httpx.URL(url).join(location))
    except (httpx.InvalidURL, ValueError):
        return ""


class HttpClient:
    """The connections of one adapter.

    Args:
        options: Bounds.
        keys: Base URL and key of each API. A key goes to the origin of its API and nowhere else; where two APIs share
            an origin, to the one whose base URL the address begins with.
        trusted: Origins that the operator named: they may be private, and plain http.
        network: What dials once the guard has allowed it; None: the sockets of this machine.
    """

    def __init__(
        self,
        options: HttpOptions,
        *,
        keys: Collection[tuple[str, Auth]] = (),
        trusted: Collection[Origin] = (),
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self.options = options
        self._keys: dict[Origin, list[tuple[str, Auth]]] = {}
        for base_url, auth in sorted(keys, key=lambda key: len(key[0]), reverse=True):
            self._keys.setdefault(origin_of(base_url), []).append((base_url, auth))
        self._trusted = frozenset(trusted)
        self._network = network

    @cached_property
    def _calls(self) -> httpcore.AsyncConnectionPool:
        return self._pool()

    @cached_property
    def _files(self) -> httpcore.AsyncConnectionPool:
        """Of their own: long downloads must not keep calls from finding a connection."""
        return self._pool()

    @cached_property
    def _agent(self) -> str:
        return f"nexiom_sdk/{version('nexiom_sdk')}"

    async def send(self, call: Call, *, provider: str) -> Reply | Trouble:
        """Make a call and read its whole reply.

        Args:
            call: With a whole address as its path.
            provider: Whose reply it will be.
        """
        limit = call.timeout_seconds or self.options.call_timeout_seconds
        exchange = Exchange(self._calls, await self._request(call), quiet_seconds=self._quiet(call))
        try:
            async with asyncio.timeout(limit):
                head = await exchange.start()
                if isinstance(head, Trouble):
                    return head
                body = await exchange.read(self.options.max_json_bytes)
        except TimeoutError:
            return Trouble(reason=f"no whole answer within {limit:g} s", left=exchange.left)
        finally:
            await exchange.aclose()
        if isinstance(body, Trouble):
            return body
        now = self.options.clock.now()
        return Reply(provider=provider, status=head.status, headers=head.headers, body=body, received_at=now)

    async def begin(self, call: Call) -> Exchange:
        """An exchange whose body is read bit by bit; the caller starts and closes it."""
        return Exchange(self._files, await self._request(call), quiet_seconds=self._quiet(call))

    async def aclose(self) -> None:
        """Close the connections."""
        for name in {"_calls", "_files"} & self.__dict__.keys():
            with _quietly():
                await getattr(self, name).aclose()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = httpx.create_ssl_context(trust_env=False)
        if self.options.ca_file is not None:
            context.load_verify_locations(cafile=self.options.ca_file)
        return context

    def _pool(self) -> httpcore.AsyncConnectionPool:
        _keep_quiet()
        resolve = self.options.resolve or system_resolver
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=64,
            max_keepalive_connections=16,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=GuardedNetwork(resolve, trusted=self._trusted, network=self._network),
        )

    def _quiet(self, call: Call) -> Mapping[str, float]:
        options = self.options
        read = max(options.read_timeout_seconds, call.timeout_seconds or 0.0)
        return {
            "connect": options.connect_timeout_seconds,
            "pool": options.connect_timeout_seconds,
            "read": read,
            "write": options.write_timeout_seconds,
        }

    def _key(self, origin: Origin, url: str) -> Auth | None:
        keys = self._keys.get(origin, [])
        return next((auth for base_url, auth in keys if url.startswith(base_url)), keys[-1][1] if keys else None)

    async def _request(self, call: Call) -> httpx.Request:
        """The call, encoded and signed.

        Raises:
            InvalidInput: The body holds something that JSON cannot carry.
            UnsafeUrl: The address must not be opened.
        """
        origin = origin_of(call.path)
        check_origin(origin, trusted=self._trusted)
        fields = [(name, (None, text)) for name, text in (call.form or {}).items()]
        parts = [(part.name, (part.filename, part.data, part.media_type)) for part in call.files]
        try:
            request = httpx.Request(
                call.method,
                call.path,
                params=dict(call.query) or None,
                headers={"User-Agent": self._agent, "Accept": "*/*", "Accept-Encoding": "identity", **call.headers},
                json=call.json,
                files=[*fields, *parts] or None,
            )
        except ValueError:
            request = None
        if request is None:
            raise InvalidInput("The order holds a value that cannot be sent: half a character, or not a number.")
        auth = self._key(origin, call.path) if call.signed else None
        if auth is not None:
            body = await request.aread() if auth.needs_body else b""
            unsigned = Unsigned(method=call.method, url=str(request.url), headers=request.headers, body=body)
            request.headers.update(await auth.sign(unsigned))
        return request


class Exchange:
    """One request and its reply, on the wire."""

    def __init__(
        self, pool: httpcore.AsyncConnectionPool, request: httpx.Request, *, quiet_seconds: Mapping[str, float]
    ) -> None:
        self.left = False
        self._pool = pool
        self._request = request
        self._quiet_seconds = quiet_seconds
        self._response: httpcore.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def start(self) -> Head | Trouble:
        """Send the request and read the beginning of the reply."""
        url, clock = self._request.url, asyncio.get_running_loop().time
        begun = clock()
        try:
            with _quietly():
                self._response = response = await self._pool.handle_async_request(
                    httpcore.Request(
                        self._request.method,
                        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                        headers=self._request.headers.raw,
                        content=self._request.stream,
                        extensions={"timeout": dict(self._quiet_seconds), "trace": self._trace},
                    )
                )
        except _FAILURES as error:
            return self._trouble(error)
        headers = _joined(response.headers)
        encoding = headers.get("content-encoding", "identity").lower()
        if encoding not in {"identity", *ENCODINGS}:
            return Trouble(reason="the answer is compressed in a way that nobody asked for", left=True)
        self._chunks = response.aiter_stream() if encoding == "identity" else inflated(response.aiter_stream())
        _log.debug(
            "%s %s %d in %.0f ms, request id %s",
            self._request.method,
            _origin(url),
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
            with _quietly():
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
            with _quietly():
                await self._response.aclose()

    async def _trace(self, event: str, _info: Mapping[str, object]) -> None:
        if event.endswith("send_request_headers.started"):
            self.left = True

    def _trouble(self, error: Exception) -> Trouble:
        if isinstance(error, UnsafeUrl):
            return Trouble(reason=error.message, left=False, unsafe=True)
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
        self._network = network or httpcore.AnyIOBackend()

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
        except OSError as error:
            raise httpcore.ConnectError(f"the name cannot be resolved: {error.strerror or error}") from error
        for address in addresses[:-1]:
            try:
                return await dial(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await dial(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait, for the library's own retries, of which there are none."""
        await self._network.sleep(seconds)


_ours: contextvars.ContextVar[bool] = contextvars.ContextVar("nexiom_sdk_http", default=False)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Drop the debug lines that httpcore writes meanwhile: they show headers. One line of ours replaces them."""
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)


def _not_ours(_record: logging.LogRecord) -> bool:
    return not _ours.get()


def _keep_quiet() -> None:
    for name in ("httpcore.connection", "httpcore.http11"):
        logging.getLogger(name).addFilter(_not_ours)  # once: the same filter is not added again


def _read_origin(text: str) -> Origin | None:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        return None
    return None if not url.host or url.userinfo or "\\" in text else _origin(url)


def _origin(url: httpx.URL) -> Origin:
    usual = {"https": 443, "http": 80}.get(url.scheme, 0)
    return Origin(url.scheme, url.raw_host.decode("ascii").lower(), usual if url.port is None else url.port)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
