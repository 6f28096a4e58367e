"""A real web server on loopback that answers what a test says, and breaks the way a test says, to the byte."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import h11

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.testing.answers import (
    Answer,
    Cut,
    Drip,
    Drop,
    DropUnread,
    Fault,
    Garbage,
    Hang,
    Received,
    Reset,
)
from nexiom_sdk.testing.streams import ClientLeft, Stream, TlsStream

_FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}
_NO_BODY = frozenset({204, 304})
_NOT_HTTP = b"HTTP/1.1 400 \r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class LoopbackServer:
    """A web server for tests, open inside `async with`.

    What the answer function raises closes the connection, and is raised again at the end of the `async with`.

    Args:
        answer: Called with each request once it is complete. An object may also have `at_head(received)`, called while
            the body is unread: it gives a `DropUnread`, or None to read on.
        tls: Serve TLS with this context instead of plain text.
        host: `127.0.0.1` or `::1`.
        most_body_bytes: A larger request body fails the test instead of filling its memory.

    Attributes:
        received: The requests, in the order in which they were complete.

    Raises:
        InvalidInput: The host is something else.

    Example:
        >>> import asyncio, httpx
        >>> async def ask() -> str:
        ...     async with LoopbackServer(lambda received: Answer(body=received.body.upper())) as server:
        ...         async with httpx.AsyncClient(trust_env=False) as client:
        ...             return (await client.post(f"{server.origin}/jobs", content="a fox")).text
        >>> asyncio.run(ask())
        'A FOX'
    """

    def __init__(
        self,
        answer: Callable[[Received], Answer | Fault],
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        most_body_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        if host not in _FAMILIES:
            raise InvalidInput(f"A test server listens on loopback, {' or '.join(_FAMILIES)}, and not on {host!r}.")
        self.received: list[Received] = []
        self._answer = answer
        self._at_head: Callable[[Received], DropUnread | None] = getattr(answer, "at_head", lambda _: None)
        self._tls = tls
        self._host = host
        self._most_body_bytes = most_body_bytes
        self._listener: socket.socket | None = None
        self._port = 0
        self._serving: list[asyncio.Task[None]] = []
        self._defects: list[BaseException] = []

    @property
    def origin(self) -> str:
        """Scheme, host and port, such as `http://127.0.0.1:54321`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}"

    @property
    def connections(self) -> int:
        """How many TCP connections were made so far, whether or not anything was sent on them."""
        self._accept()
        return len(self._serving)

    async def __aenter__(self) -> Self:
        self._listener = listener = socket.create_server((self._host, 0), family=_FAMILIES[self._host])
        listener.settimeout(0)
        self._port = listener.getsockname()[1]
        asyncio.get_running_loop().add_reader(listener, self._accept)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
        if self._defects and not isinstance(error, asyncio.CancelledError):
            one = len(self._defects) == 1
            raise self._defects[0] if one else BaseExceptionGroup("the answer function failed", self._defects)

    async def aclose(self) -> None:
        """Stop listening and end all connections; the end of the `async with` does it too."""
        self._accept()
        listener, self._listener = self._listener, None
        if listener is None:
            return
        asyncio.get_running_loop().remove_reader(listener)
        listener.close()
        for task in self._serving:
            task.cancel()
        ends = await asyncio.gather(*self._serving, return_exceptions=True)
        self._defects = [end for end in ends if end is not None and not isinstance(end, asyncio.CancelledError)]

    def _accept(self) -> None:
        """Take every connection that is waiting."""
        while self._listener is not None:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each piece leaves when it is sent
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        task.add_done_callback(lambda _: connection.close())
        self._serving.append(task)

    async def _serve(self, connection: socket.socket) -> None:
        stream = Stream(connection) if self._tls is None else TlsStream(connection, self._tls)
        http = h11.Connection(h11.SERVER)
        with suppress(ClientLeft):
            try:
                while await self._exchange(stream, http):
                    http.start_next_cycle()
            except h11.RemoteProtocolError:
                await stream.send(_NOT_HTTP)

    async def _exchange(self, stream: Stream, http: h11.Connection) -> bool:
        """One request and its answer; whether another request may follow."""
        head = _received(await _event(stream, http))
        early = self._at_head(head)
        if http.they_are_waiting_for_100_continue:
            await stream.send(http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        received = replace(head, body=await self._body(stream, http, early.after_bytes if early else None))
        self.received.append(received)
        reaction = early or self._answer(received)
        if isinstance(reaction, DropUnread) and not early:
            raise AssertionError("DropUnread came when the body was read: give it to a Script, which is asked before")
        await _play(reaction, received, stream, http)
        return isinstance(reaction, Answer) and http.our_state is h11.DONE

    async def _body(self, stream: Stream, http: h11.Connection, enough_bytes: int | None) -> bytes:
        body = bytearray()
        while enough_bytes is None or len(body) < enough_bytes:
            event = await _event(stream, http)
            if not isinstance(event, h11.Data):
                break
            body += event.data
            if len(body) > self._most_body_bytes:
                raise AssertionError(f"a request body has more than {self._most_body_bytes:,} bytes")
        return bytes(body[:enough_bytes])


async def _play(reaction: Answer | Fault, received: Received, stream: Stream, http: h11.Connection) -> None:
    """Do to the client what was decided."""
    for piece in _pieces(reaction, received, http):
        await stream.send(piece)
        if isinstance(reaction, Drip):
            await asyncio.sleep(reaction.step_seconds)
    if isinstance(reaction, Hang):
        while await stream.receive():
            pass
    if isinstance(reaction, Reset):
        stream.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


def _pieces(reaction: Answer | Fault, received: Received, http: h11.Connection) -> Iterable[bytes]:
    """The bytes that go out, as they are to be sent."""
    match reaction:
        case Answer():
            return _wire(reaction, received, http)
        case Cut(answer, after_bytes):
            return [b"".join(_wire(answer, received, http))[:after_bytes]]
        case Drip(answer, step):
            data = b"".join(_wire(answer, received, http))
            return [data[start : start + step] for start in range(0, len(data), step)]
        case Garbage(data):
            return [data]
        case Drop() | DropUnread() | Hang() | Reset():
            return []


def _wire(answer: Answer, received: Received, http: h11.Connection) -> Iterator[bytes]:
    """The answer as the bytes that go out, piece by piece."""
    answer = answer.to(received)
    length = len(answer.body) if answer.chunks is None else answer.length
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
    if length is not None and answer.status not in _NO_BODY:
        headers.append((b"content-length", str(length).encode()))
    yield http.send(h11.Response(status_code=answer.status, headers=headers)) or b""
    if received.method != "HEAD" and answer.status not in _NO_BODY:
        for chunk in (answer.body,) if answer.chunks is None else answer.chunks:
            yield http.send(h11.Data(data=chunk)) or b""
    yield http.send(h11.EndOfMessage()) or b""


async def _event(stream: Stream, http: h11.Connection) -> object:
    """The next part of a request."""
    while (event := http.next_event()) is h11.NEED_DATA:
        data = await stream.receive()
        if not data:
            raise ClientLeft
        http.receive_data(data)
    return event


def _received(head: object) -> Received:
    assert isinstance(head, h11.Request)
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Received(method=head.method.decode("ascii"), target=head.target.decode("latin-1"), headers=headers)
