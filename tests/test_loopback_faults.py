from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from loopback_rig import FOX, FOX_ON_THE_WIRE, GET, Client, said_by
from nexiom_sdk.testing import (
    Answer,
    Cut,
    Drip,
    Drop,
    DropUnread,
    Fault,
    Garbage,
    Hang,
    LoopbackServer,
    Reset,
    Script,
)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def test_a_download_resumes_where_it_broke(http: httpx.AsyncClient) -> None:
    video = Answer.file(bytes(range(200)), etag='"v1"')
    async with LoopbackServer(Script(Cut(video, after_bytes=-60), then=video)) as server:
        got = b""
        with pytest.raises(httpx.RemoteProtocolError):
            async with http.stream("GET", server.origin) as reply:
                async for chunk in reply.aiter_bytes():
                    got += chunk
        assert len(got) == 140
        rest = await http.get(server.origin, headers={"range": f"bytes={len(got)}-", "if-range": reply.headers["etag"]})
        assert rest.status_code == 206
        assert got + rest.content == bytes(range(200))


async def test_drop_reads_the_request_and_closes_without_a_byte() -> None:
    async with LoopbackServer(lambda _: Drop()) as server:
        client = await Client.of(server, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\na fox")
        assert await client.all() == b""
        assert server.received[0].body == b"a fox"


async def test_reset_breaks_the_connection() -> None:
    with pytest.raises(ConnectionResetError):
        await said_by(Reset())


@pytest.mark.parametrize("after_bytes", [0, 1, 100_000])
async def test_drop_unread_closes_while_the_body_is_being_sent(after_bytes: int, http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536

    async with LoopbackServer(Script(DropUnread(after_bytes), then=FOX)) as server:
        with pytest.raises(httpx.TransportError):
            await http.put(f"{server.origin}/file", content=endless())
        assert (await http.put(f"{server.origin}/file", content=b"small")).content == b"a fox"
        assert [received.body for received in server.received] == [b"x" * after_bytes, b"small"]


@pytest.mark.parametrize("after_bytes", [0, 1, 20, len(FOX_ON_THE_WIRE) - 1, len(FOX_ON_THE_WIRE), 10**9, -1, -5])
async def test_cut_sends_exactly_so_many_bytes(after_bytes: int) -> None:
    assert await said_by(Cut(FOX, after_bytes)) == FOX_ON_THE_WIRE[:after_bytes]


async def test_garbage_is_sent_as_it_is() -> None:
    assert await said_by(Garbage(b"\x00SSH-2.0\r\n")) == b"\x00SSH-2.0\r\n"


async def test_a_client_that_hangs_hears_nothing_while_others_are_served(http: httpx.AsyncClient) -> None:
    async with LoopbackServer(Script(then=FOX).on("GET /", Hang())) as server:
        client = await Client.of(server, GET)
        while not server.received:
            await asyncio.sleep(0)
        assert (await http.get(f"{server.origin}/other")).content == b"a fox"
        assert not client.reader.at_eof()
        assert not server._serving[0].done()
        client.leave()
        await server._serving[0]


async def test_drip_gives_the_answer_step_by_step() -> None:
    assert await said_by(Drip(FOX, bytes_per_step=7, step_seconds=0)) == FOX_ON_THE_WIRE
    async with LoopbackServer(lambda _: Drip(FOX, bytes_per_step=7, step_seconds=3600)) as server:
        client = await Client.of(server, GET)
        first = await client.reader.readexactly(7)
    assert first + await client.all() == FOX_ON_THE_WIRE[:7]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Answer(headers={"x": "a\r\nb: c"}), "Illegal header value"),
        (Answer(chunks=[b"a fox"], length=4), "Too much data"),
        (Answer(chunks=[b"a fox"], length=6), "Too little data"),
        (DropUnread(), "DropUnread came when the body was read"),
    ],
)
async def test_an_answer_that_cannot_be_given_is_a_defect_of_the_test(answer: Answer | Fault, what: str) -> None:
    with pytest.raises(Exception, match=what):
        async with LoopbackServer(lambda _: answer) as server:
            await (await Client.of(server, GET)).all()
