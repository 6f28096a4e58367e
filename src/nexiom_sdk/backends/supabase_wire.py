"""The HTTP of Supabase Storage: requests signed with the project's key, bounded replies, and refusals in our words.

An upload that breaks off is never ended properly: the connection is closed before the end of the body, so the service
keeps nothing of it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.metadata import version
from typing import cast

import httpx
from pydantic import SecretStr

from nexiom_sdk.backends.supabase_errors import NO_PROJECT, refused
from nexiom_sdk.errors import StorageError, StorageUnavailable
from nexiom_sdk.providers.quiet_logs import Quietly, hush
from nexiom_sdk.redaction import redact
from nexiom_sdk.storage import unusable

MOST_JSON_BYTES = 8 * 1024 * 1024  # of a page of a list; everything else is far smaller
_MOST_COMPLAINT_BYTES = 64 * 1024
_CONNECT_SECONDS = 10.0
_MOST_CONNECTIONS, _IDLE_SECONDS = 64, 5.0
_PATIENCE_AFTER_AN_UPLOAD = 5  # times as long: what stands before the service may hand the bytes on only then
_WORDS: Mapping[type[httpx.TransportError], str] = {
    httpx.ConnectError: "there is no connection",
    httpx.ConnectTimeout: "there is no connection in time",
    httpx.PoolTimeout: "all connections are busy",
    httpx.ReadTimeout: "it does not answer in time",
    httpx.WriteTimeout: "it does not take the bytes in time",
    httpx.RemoteProtocolError: "its answer broke off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is sent along with a request.

    Args:
        chunks: The bytes; what they raise breaks the request off and is raised as it is.
        media_type: What they are.
        size_bytes: How many there will be; None: nobody knows before their end.
    """

    chunks: AsyncIterator[bytes]
    media_type: str
    size_bytes: int | None = None


class StorageWire:
    """The connections to one project.

    Args:
        base_url: Address of the project, without a slash at its end.
        key: Its secret key.
        silence_seconds: How long the service may be silent.
    """

    def __init__(self, base_url: str, key: SecretStr, *, silence_seconds: float) -> None:
        self.base_url = base_url
        self._key = key
        self._silence_seconds = silence_seconds

    async def ask(self, method: str, path: str, said: object = None, *, about: str) -> object:
        """What the service answers to a question, as JSON.

        Args:
            method: Such as POST.
            path: Behind `/storage/v1`, encoded.
            said: What is sent as JSON; None: nothing.
            about: The key or bucket that it is about, for errors.

        Raises:
            StorageError: It cannot be had.
        """
        body = None
        if said is not None:
            data = json.dumps(said).encode()
            body = Body(chunks=_once(data), media_type="application/json", size_bytes=len(data))
        try:
            async with asyncio.timeout(self._silence_seconds), self._answer(method, path, body, about) as response:
                return _parsed(await self._read(response, MOST_JSON_BYTES), self.base_url)
        except TimeoutError:
            pass  # raised below, without frames that hold the key
        raise self._unreachable("it does not answer in time")

    async def send(self, path: str, body: Body, *, about: str) -> None:
        """Upload; an object that is there is replaced once the new one is whole.

        Raises:
            StorageError: It is not stored, or nobody who would know says that it is.
        """
        said: object = None
        try:
            async with asyncio.timeout(None) as limit:
                sent = replace(body, chunks=_then(body.chunks, partial(self._begin_to_wait, limit)))
                async with self._answer("POST", path, sent, about, upload=True) as response:
                    said = _parsed(await self._read(response, MOST_JSON_BYTES), self.base_url)
        except TimeoutError:
            pass  # raised below, without frames that hold the key
        if not isinstance(said, dict) or "Key" not in said:
            raise self._unreachable("its answer to an upload names no object")

    def _begin_to_wait(self, limit: asyncio.Timeout) -> None:
        """All is sent: an answer that drips must not keep a worker for ever."""
        limit.reschedule(asyncio.get_running_loop().time() + _PATIENCE_AFTER_AN_UPLOAD * self._silence_seconds)

    async def chunks(self, path: str, *, about: str) -> AsyncGenerator[bytes, None]:
        """Download."""
        async with self._answer("GET", path, None, about) as response:
            async for chunk in self._body(response):
                yield chunk

    async def aclose(self) -> None:
        """Close the connections."""
        if "_transport" in self.__dict__:
            with Quietly():
                await self._transport.aclose()

    @cached_property
    def _transport(self) -> httpx.AsyncHTTPTransport:
        """Below the client of the library, which would log addresses, keep cookies and read the environment."""
        hush()
        limits = httpx.Limits(
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_MOST_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
        )
        return httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=limits)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Body | None, about: str, *, upload: bool = False
    ) -> AsyncGenerator[httpx.Response]:
        """The beginning of the answer to a request, if it is a good one."""
        async with aclosing(self._whole(body)) as content:
            response = await self._begun(self._request(method, path, body, content, upload=upload))
            try:
                if not response.is_success:
                    said = await self._complaint(response)
                    raise refused(response.status_code, said, base_url=self.base_url, about=about)
                yield response
            finally:
                with Quietly():
                    await response.aclose()

    async def _complaint(self, response: httpx.Response) -> str:
        """What is said instead of a good answer, without secrets."""
        said = await self._read(response, _MOST_COMPLAINT_BYTES)
        return redact(said.decode("utf-8", "replace"), [self._key.get_secret_value()])

    async def _begun(self, request: httpx.Request) -> httpx.Response:
        try:
            with Quietly():
                return await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            trouble = self._trouble(error)
        raise trouble  # outside, so that no frame of the library with the key in it comes along

    async def _body(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        trouble: StorageError | None = None
        if response.headers.get("content-encoding", "identity") != "identity":
            trouble = self._unreachable("its answer is compressed in a way that nobody asked for")
        stream = response.aiter_raw()
        async with aclosing(cast("AsyncGenerator[bytes, None]", stream)):
            while trouble is None:
                try:
                    with Quietly():
                        chunk = await anext(stream, b"")
                except httpx.TransportError as error:
                    trouble = self._trouble(error)
                    break
                if not chunk:
                    return
                yield chunk
        raise trouble

    async def _read(self, response: httpx.Response, most_bytes: int) -> bytes:
        data = bytearray()
        async for chunk in self._body(response):
            data += chunk
            if len(data) > most_bytes:
                del data, chunk  # tracebacks show local variables, and nobody knows what is said here
                raise self._unreachable(f"its answer has more than {most_bytes:,} bytes")
        return bytes(data)

    def _request(
        self, method: str, path: str, body: Body | None, content: AsyncIterator[bytes], *, upload: bool
    ) -> httpx.Request:
        headers = {"User-Agent": f"nexiom_sdk/{version('nexiom_sdk')}", "Accept-Encoding": "identity"}
        silence = dict.fromkeys(("pool", "read", "write"), self._silence_seconds) | {"connect": _CONNECT_SECONDS}
        if upload:
            headers["x-upsert"] = "true"
            silence["read"] *= _PATIENCE_AFTER_AN_UPLOAD
        if body is not None:
            headers["Content-Type"] = body.media_type
            headers |= {} if body.size_bytes is None else {"Content-Length": str(body.size_bytes)}
        return httpx.Request(
            method,
            f"{self.base_url}/storage/v1{path}",
            headers=headers | _signature(self._key.get_secret_value()),
            content=None if body is None else content,
            extensions={"timeout": silence},
        )

    async def _whole(self, body: Body | None) -> AsyncGenerator[bytes, None]:
        """The bytes, if they are as many as was said: the library below would raise what is not its own."""
        if body is None:
            return
        sent = 0
        async for chunk in body.chunks:
            sent += len(chunk)
            if body.size_bytes is not None and sent > body.size_bytes:
                break
            if chunk:  # an empty one would end the body
                yield chunk
        if body.size_bytes not in {None, sent}:
            raise self._unreachable("what was to be sent changed its length meanwhile")

    def _trouble(self, error: httpx.TransportError) -> StorageUnavailable:
        return self._unreachable(
            next((words for kind, words in _WORDS.items() if isinstance(error, kind)), "the connection broke")
        )

    def _unreachable(self, words: str) -> StorageUnavailable:
        return unusable(self.base_url, words, "Check the network and NEXIOM_SUPABASE_URL")


async def _then(chunks: AsyncIterator[bytes], told: Callable[[], None]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
    told()


def _signature(key: str) -> dict[str, str]:
    """New keys (`sb_secret_...`) go alone; the older ones are tokens, which are read where tokens are."""
    return {"apikey": key} | ({"Authorization": f"Bearer {key}"} if key.count(".") == 2 else {})  # noqa: PLR2004 - a token


async def _once(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


def _parsed(data: bytes, base_url: str) -> object:
    try:
        return cast("object", json.loads(data))
    except (ValueError, RecursionError):
        pass  # raised below, without the answer in the context
    del data
    raise unusable(base_url, "its answer cannot be read", NO_PROJECT)
