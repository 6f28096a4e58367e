"""Result files on their way here: guarded, in constant memory, resumed where the server can, stopped at every cap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TypeVar

from nexiom_sdk.errors import ProviderError, ProviderUnavailable, ResponseTooLarge, ResultExpired, UnsafeUrl
from nexiom_sdk.providers.exchange import Exchange
from nexiom_sdk.providers.http import HttpClient, join
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Call, Head, Reply, Trouble

T = TypeVar("T")

MOST_REDIRECTS = 3
MOST_RESUMPTIONS = 5
_ERROR_BODY_BYTES = 64 * 1024
_WHOLE, _PART = 200, 206
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({401, 403, 404, 410})


class Download:
    """One file, from its beginning to its end.

    Args:
        client: Connections; it sends keys only to the origins they belong to.
        url: Where the file is. It may lead elsewhere, three times, and each place is checked as the first one was.
        provider: Whose file it is, for errors.
        signed: Whether the file needs the key of the origin it is at.
        refusal: What a refusal means, where the adapter knows.
        most_bytes: Largest file; None: `HttpOptions.max_video_bytes`.
    """

    def __init__(
        self,
        client: HttpClient,
        url: str,
        *,
        provider: str,
        signed: bool = False,
        refusal: Callable[[Reply], ProviderError | None] = lambda _: None,
        most_bytes: int | None = None,
    ) -> None:
        self._client = client
        self._call = Call("GET", url, signed=signed)  # a Call, because its repr shows no signature
        self._provider = provider
        self._refusal = refusal
        self._most_bytes = client.options.max_video_bytes if most_bytes is None else most_bytes
        self._at = 0
        self._validator: str | None = None
        self._pace = _Pace(client.options)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The bytes of the file.

        Raises:
            ResultExpired: The address is no longer served.
            ProviderUnavailable: It cannot be fetched now, or is too slow.
            ResponseTooLarge: It is larger than any video may be.
            UnsafeUrl: It leads where nothing may be opened.
        """
        for resumption in range(MOST_RESUMPTIONS + 1):
            exchange, known = await self._begin()
            try:
                while chunk := await self._next(exchange):
                    if isinstance(chunk, Trouble):
                        break
                    fresh, known = chunk[known:], max(known - len(chunk), 0)
                    if fresh:
                        self._count(len(fresh))
                        yield fresh
            finally:
                await exchange.aclose()
            if not isinstance(chunk, Trouble):
                return
            if self._validator is None or not self._at or resumption == MOST_RESUMPTIONS:
                raise self._unavailable(f"broke off after {self._at:,} bytes: {chunk.reason}")

    async def _begin(self) -> tuple[Exchange, int]:
        """An exchange whose next bytes are the file, and how many of them are here already."""
        for _ in range(MOST_REDIRECTS + 1):
            async with AsyncExitStack() as unless_begun:
                exchange = await self._client.begin(self._wanted())
                unless_begun.push_async_callback(exchange.aclose)
                head = await self._in_time(exchange.start())
                if isinstance(head, Trouble):
                    raise (
                        self._unsafe(head.reason)
                        if head.unsafe
                        else self._unavailable(f"cannot be fetched now: {head.reason}")
                    )
                if head.status in {_WHOLE, _PART}:
                    known = self._known(head)
                    unless_begun.pop_all()
                    return exchange, known
                if head.status not in _REDIRECTS:
                    raise await self._refused(exchange, head)
                self._call = replace(self._call, path=join(self._call.path, head.headers.get("location", "")))
        raise self._unsafe(f"{self._provider} redirects its file more than {MOST_REDIRECTS} times.")

    async def _next(self, exchange: Exchange) -> bytes | Trouble:
        """The next chunk; what is not compressed has its time by itself, for each read has one."""
        return await (self._in_time(exchange.chunk()) if exchange.encoded else exchange.chunk())

    async def _in_time(self, step: Awaitable[T]) -> T | Trouble:
        """A step that brings nothing for as long as a whole call may take has brought its last."""
        limit = self._client.options.call_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                return await step
        except TimeoutError:
            return Trouble(reason=f"nothing came within {limit:g} s", left=True)

    def _wanted(self) -> Call:
        if not self._at or self._validator is None:
            return self._call
        return replace(self._call, headers={"Range": f"bytes={self._at}-", "If-Range": self._validator})

    def _known(self, head: Head) -> int:
        """How many of the coming bytes are here already; the file must be the one that they are from."""
        length = head.headers.get("content-length", "")
        coming = int(length) if length.isascii() and length.isdigit() else 0
        known = self._at if head.status == _WHOLE else 0
        if self._at + coming - known > self._most_bytes:
            raise self._too_large()
        begins_there = head.status == _WHOLE or head.headers.get("content-range", "").startswith(f"bytes {self._at}-")
        validator = _validator(head.headers)
        if not begins_there or (self._at and validator != self._validator):
            raise self._unavailable("changed while it was being fetched")
        self._validator = validator
        return known

    def _count(self, size_bytes: int) -> None:
        self._at += size_bytes
        if self._at > self._most_bytes:
            raise self._too_large()
        if trouble := self._pace.trouble(size_bytes):
            raise self._unavailable(trouble)

    async def _refused(self, exchange: Exchange, head: Head) -> ProviderError:
        body = await self._in_time(exchange.read(_ERROR_BODY_BYTES))
        reply = self._client.reply(head, b"" if isinstance(body, Trouble) else body, provider=self._provider)
        error = self._refusal(reply)
        if error is None:
            gone = head.status in _GONE
            kind, words = (ResultExpired, "no longer serves") if gone else (ProviderUnavailable, "does not serve")
            said = f"{head.status} {reply.excerpt}".rstrip()
            msg = f"{self._provider} {words} the file ({said})."
            error = kind(msg, provider=self._provider, retry_after_seconds=reply.retry_after_seconds)
        error.charged = "yes"
        return error

    def _unavailable(self, what: str) -> ProviderUnavailable:
        return ProviderUnavailable(f"The file of {self._provider} {what}.", provider=self._provider, charged="yes")

    def _unsafe(self, message: str) -> UnsafeUrl:
        return UnsafeUrl(message, provider=self._provider, charged="yes")

    def _too_large(self) -> ResponseTooLarge:
        msg = f"The file of {self._provider} has more than {self._most_bytes:,} bytes."
        hint = "Set NEXIOM_VIDEO_MAX_BYTES to more, and look whether NEXIOM_SPOOL_MAX_BYTES has room for it."
        return ResponseTooLarge(msg, provider=self._provider, charged="yes", next_step=hint)


class _Pace:
    """Tells when a download takes too long or hardly moves: a server that drips must not hold a worker for hours."""

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._begun = self._window_begun = options.clock.monotonic()
        self._window_bytes = 0

    def trouble(self, size_bytes: int) -> str | None:
        """What is wrong with the pace, now that these bytes have come."""
        options, now = self._options, self._options.clock.monotonic()
        self._window_bytes += size_bytes
        if now - self._begun > options.download_timeout_seconds:
            return f"takes more than {options.download_timeout_seconds:g} s"
        window = now - self._window_begun
        if window < options.throughput_window_seconds:
            return None
        slow = self._window_bytes < options.min_bytes_per_second * window
        rate = self._window_bytes / window / 1024
        self._window_begun, self._window_bytes = now, 0
        return f"comes too slowly, with {rate:.1f} KiB/s" if slow else None


def open_url(url: str, /, *, max_bytes: int, options: HttpOptions | None = None) -> AsyncIterator[bytes]:
    """The bytes behind a user's https address, under the same guard as results.

    Args:
        url: The address.
        max_bytes: Most bytes that are taken.
        options: Bounds.

    Raises:
        ResultExpired: Nothing is served there.
        ProviderUnavailable: It cannot be fetched now.
        ResponseTooLarge: There are more bytes.
        UnsafeUrl: It leads where nothing may be opened.
    """
    client = HttpClient(options or HttpOptions())
    return _free(client, Download(client, url, provider="the reference", most_bytes=max_bytes))


async def _free(client: HttpClient, download: Download) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in download.chunks():
            yield chunk
    except ProviderError as error:
        error.charged = "no"
        raise
    finally:
        await client.aclose()


def _validator(headers: Mapping[str, str]) -> str | None:
    """What proves that two replies are the same file; None where nothing does, or a part of it would not fit."""
    if headers.get("content-encoding", "identity") != "identity" or headers.get("accept-ranges") == "none":
        return None
    tag = headers.get("etag", "")
    return tag if tag.startswith('"') else headers.get("last-modified")
