"""Calls go in, replies come out: encoded, signed with the key of their origin, bounded.

Only this module knows httpx, and only `exchange` knows the transport below it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection
from functools import cached_property
from importlib.metadata import version
from typing import cast

import httpcore
import httpx

from nexiom_sdk.errors import InvalidInput, UnsafeUrl
from nexiom_sdk.providers.auth import Auth, Unsigned
from nexiom_sdk.providers.exchange import Exchange, GuardedNetwork, Outgoing, pool_of
from nexiom_sdk.providers.guard import USUAL_PORTS, Origin, check_origin, system_resolver
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.quiet_logs import Quietly
from nexiom_sdk.providers.wire import Call, Head, Reply, Trouble


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
        secrets: What must not be shown of any reply.
        network: What dials once the guard has allowed it; None: the sockets of this machine.
    """

    def __init__(
        self,
        options: HttpOptions,
        *,
        keys: Collection[tuple[str, Auth]] = (),
        trusted: Collection[Origin] = (),
        secrets: Collection[str] = (),
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self.options = options
        self.secrets: tuple[str, ...] = tuple(secrets)
        self._keys: dict[Origin, list[tuple[str, Auth]]] = {}
        for base_url, auth in sorted(keys, key=lambda key: len(key[0]), reverse=True):
            self.add_key(base_url, auth)
        self._trusted = frozenset(trusted)
        self._network = network

    def add_key(self, base_url: str, auth: Auth) -> None:
        """A key for one more API; it goes to the origin of that API and nowhere else."""
        known = self._keys.setdefault(origin_of(base_url), [])
        if (base_url, auth) not in known:
            known.append((base_url, auth))

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
        exchange = await self._exchange(call, self._calls)
        try:
            async with asyncio.timeout(limit):
                head = await exchange.start()
                if isinstance(head, Trouble):
                    return head
                body = await exchange.read(call.max_bytes or self.options.max_json_bytes)
        except TimeoutError:
            return Trouble(reason=f"no whole answer within {limit:g} s", left=exchange.left)
        finally:
            await exchange.aclose()
        if isinstance(body, Trouble):
            return body
        return self.reply(head, body, provider=provider)

    def reply(self, head: Head, body: bytes, *, provider: str) -> Reply:
        """A whole reply."""
        return Reply(
            provider=provider,
            status=head.status,
            headers=head.headers,
            body=body,
            received_at=self.options.clock.now(),
            secrets=self.secrets,
        )

    async def begin(self, call: Call) -> Exchange:
        """An exchange whose body is read bit by bit; the caller starts and closes it."""
        return await self._exchange(call, self._files)

    async def aclose(self) -> None:
        """Close the connections."""
        for name in {"_calls", "_files"} & self.__dict__.keys():
            with Quietly():
                await getattr(self, name).aclose()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = httpx.create_ssl_context(trust_env=False)
        if self.options.ca_file is not None:
            context.load_verify_locations(cafile=self.options.ca_file)
        return context

    def _pool(self) -> httpcore.AsyncConnectionPool:
        resolve = self.options.resolve or system_resolver
        return pool_of(self._tls, GuardedNetwork(resolve, trusted=self._trusted, network=self._network))

    def _key(self, origin: Origin, url: str) -> Auth | None:
        keys = self._keys.get(origin, [])
        return next((auth for base_url, auth in keys if url.startswith(base_url)), keys[-1][1] if keys else None)

    async def _exchange(self, call: Call, pool: httpcore.AsyncConnectionPool) -> Exchange:
        """The call, encoded and signed.

        Raises:
            InvalidInput: The body holds something that JSON cannot carry.
            UnsafeUrl: The address must not be opened.
        """
        origin, options = origin_of(call.path), self.options
        check_origin(origin, trusted=self._trusted)
        request = self._encoded(call)
        auth = self._key(origin, call.path) if call.signed else None
        if auth is not None:
            body = await request.aread() if auth.needs_body else b""
            unsigned = Unsigned(method=call.method, url=str(request.url), headers=request.headers, body=body)
            request.headers.update(await auth.sign(unsigned))
        silence = {
            "connect": options.connect_timeout_seconds,
            "pool": options.connect_timeout_seconds,
            "read": max(options.read_timeout_seconds, call.timeout_seconds or 0.0),
            "write": options.write_timeout_seconds,
        }
        url = request.url
        outgoing = Outgoing(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            origin=origin,
            headers=request.headers.raw,
            content=cast("httpx.AsyncByteStream", request.stream),
            silence_seconds=silence,
        )
        return Exchange(pool, outgoing)

    def _encoded(self, call: Call) -> httpx.Request:
        fields = [(name, (None, text)) for name, text in (call.form or {}).items()]
        parts = [(part.name, (part.filename, part.data, part.media_type)) for part in call.files]
        try:
            return httpx.Request(
                call.method,
                call.path,
                params={name: value if isinstance(value, str) else list(value) for name, value in call.query.items()}
                or None,
                headers={"User-Agent": self._agent, "Accept": "*/*", "Accept-Encoding": "identity", **call.headers},
                json=call.json,
                files=[*fields, *parts] or None,
            )
        except ValueError:
            pass  # raised below, without the order in the context
        raise InvalidInput("The order holds a value that cannot be sent: half a character, or not a number.")


def _read_origin(text: str) -> Origin | None:
    try:
        url = httpx.URL(text)
        return None if not url.host or url.userinfo or "\\" in text else _origin(url)
    except (httpx.InvalidURL, ValueError):  # also of names that IDNA does not know
        return None


def _origin(url: httpx.URL) -> Origin:
    port = USUAL_PORTS.get(url.scheme, 0) if url.port is None else url.port
    return Origin(url.scheme, url.raw_host.decode("ascii").lower(), port)
