from __future__ import annotations

import asyncio
import gc
import itertools
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme

from loopback_rig import FOX, GET, Client, said_by
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.testing import (
    Answer,
    Cut,
    Drop,
    Hang,
    LoopbackServer,
    Reset,
    Script,
)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def test_a_request_is_received_as_it_was_sent(http: httpx.AsyncClient) -> None:
    async with LoopbackServer(lambda _: Answer()) as server:
        headers = [("X-Tag", "a"), ("x-tag", "b"), ("authorization", "Bearer k")]
        await http.put(f"{server.origin}/a%2Fb?q=1&q=", headers=headers, json={"prompt": "лиса"})
        (received,) = server.received
        assert (received.method, received.target) == ("PUT", "/a%2Fb?q=1&q=")
        assert received.json() == {"prompt": "лиса"}
        assert received.headers["x-tag"] == "a, b"
        assert received.headers["host"] == server.origin.removeprefix("http://")


async def test_a_body_in_chunks_is_received_whole(http: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for number in range(5):
            yield bytes([number]) * 100_000

    async with LoopbackServer(lambda received: Answer(body=received.body)) as server:
        reply = await http.post(server.origin, content=chunks())
        assert server.received[0].headers["transfer-encoding"] == "chunked"
        assert reply.content == server.received[0].body == b"".join([chunk async for chunk in chunks()])


async def test_a_connection_serves_one_request_after_the_other(http: httpx.AsyncClient) -> None:
    async with LoopbackServer(lambda received: Answer.json(received.path)) as server:
        assert server.connections == 0
        assert [(await http.get(f"{server.origin}/{number}")).json() for number in range(3)] == ["/0", "/1", "/2"]
        assert [received.path for received in server.received] == ["/0", "/1", "/2"]
        assert server.connections == 1


async def test_a_connection_ends_when_either_side_says_so() -> None:
    closing = Answer(headers={"connection": "close"}, body=b"a fox")
    assert (await said_by(closing)).endswith(b"a fox")
    assert (await said_by(FOX, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).endswith(b"a fox")


@pytest.mark.parametrize(
    ("answer", "length", "encoding"),
    [
        (Answer(chunks=[b"a ", b"", b"fox"]), None, "chunked"),
        (Answer(chunks=[b"a ", b"", b"fox"], length=5), "5", None),
        (Answer(body=b"a fox"), "5", None),
    ],
)
async def test_a_body_goes_out_whole_in_chunks_or_under_its_length(
    answer: Answer, length: str | None, encoding: str | None, http: httpx.AsyncClient
) -> None:
    async with LoopbackServer(lambda _: answer) as server:
        for _ in range(2):
            reply = await http.get(server.origin)
            assert reply.content == b"a fox"
            assert reply.headers.get("content-length") == length
            assert reply.headers.get("transfer-encoding") == encoding
        assert server.connections == 1


async def test_an_endless_body_ends_when_the_client_leaves(http: httpx.AsyncClient) -> None:
    async with LoopbackServer(lambda _: Answer(chunks=itertools.repeat(b"x" * 65_536))) as server:
        async with http.stream("GET", server.origin) as reply:
            assert (await anext(reply.aiter_bytes(1000))) == b"x" * 1000
        await asyncio.gather(*server._serving)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("DELETE", 204)])
async def test_where_http_allows_no_body_none_is_sent(method: str, status: int, http: httpx.AsyncClient) -> None:
    async with LoopbackServer(lambda _: Answer(status, body=b"a fox")) as server:
        for _ in range(2):
            reply = await http.request(method, server.origin)
            assert (reply.status_code, reply.content) == (status, b"")
            assert reply.headers.get("content-length") == ("5" if method == "HEAD" else None)
        assert server.connections == 1


async def test_a_client_that_asks_before_it_sends_is_told_to_go_on() -> None:
    async with LoopbackServer(lambda received: Answer(body=received.body)) as server:
        client = await Client.of(
            server, b"PUT / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
        )
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 \r\n\r\n"
        client.writer.write(b"a fox")
        await client.reader.readuntil(b"a fox")
        client.leave()


async def test_what_is_not_http_is_refused_and_no_request() -> None:
    async with LoopbackServer(lambda _: FOX) as server:
        reply = await (await Client.of(server, b"\x16\x03\x01 hello\r\n\r\n")).all()
        assert reply.startswith(b"HTTP/1.1 400 ")
        assert server.received == []


@pytest.mark.parametrize("linger", [struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)], ids=["close", "reset"])
async def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_defect(linger: bytes) -> None:
    async with LoopbackServer(lambda _: FOX) as server:
        client = await Client.of(server, b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\na fo")
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.leave()
        assert server.connections == 1
        await asyncio.gather(*server._serving)
        assert server.received == []


async def test_every_connection_counts_even_a_silent_one_that_nobody_waited_for() -> None:
    async with LoopbackServer(lambda _: FOX) as server:
        where = urlsplit(server.origin)
        for count in (1, 2):
            socket.create_connection((where.hostname, where.port)).close()
            assert server.connections == count
        socket.create_connection((where.hostname, where.port)).close()
    assert server.connections == 3


async def test_what_the_answer_function_raises_is_raised_in_the_test(http: httpx.AsyncClient) -> None:
    async def run() -> None:
        async with LoopbackServer(lambda received: Answer(1 // len(received.body))) as server:
            with pytest.raises(httpx.RemoteProtocolError):
                await http.get(server.origin)

    with pytest.raises(ZeroDivisionError):
        await run()


async def test_it_is_raised_even_if_the_test_failed_of_it_too(http: httpx.AsyncClient) -> None:
    with pytest.raises(AssertionError, match="no answer left for GET /jobs") as caught:
        async with LoopbackServer(Script()) as server:
            await http.get(f"{server.origin}/jobs")
    assert isinstance(caught.value.__context__, httpx.RemoteProtocolError)


async def test_several_defects_come_together(http: httpx.AsyncClient) -> None:
    async def run() -> None:
        async with LoopbackServer(Script()) as server:
            for _ in range(2):
                with pytest.raises(httpx.RemoteProtocolError):
                    await http.get(server.origin)

    with pytest.raises(ExceptionGroup) as caught:
        await run()
    assert len(caught.value.exceptions) == 2


async def test_a_cancelled_test_stays_cancelled() -> None:
    async def run() -> None:
        async with LoopbackServer(Script()) as server:
            await (await Client.of(server, GET)).all()
            failed.set()
            await asyncio.Event().wait()

    failed = asyncio.Event()
    running = asyncio.ensure_future(run())
    await failed.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_body_that_would_fill_memory_fails_the_test(http: httpx.AsyncClient) -> None:
    with pytest.raises(AssertionError, match="more than 1,000 bytes"):
        async with LoopbackServer(lambda _: FOX, most_body_bytes=1000) as server:
            assert (await http.put(server.origin, content=b"x" * 1000)).status_code == 200
            await http.put(server.origin, content=b"x" * 1001)
    assert [len(received.body) for received in server.received] == [1000]


async def test_it_leaves_neither_task_nor_socket_behind(tls: ssl.SSLContext) -> None:
    def descriptors() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    tasks, before = asyncio.all_tasks(), descriptors()
    for context in (None, tls):
        async with LoopbackServer(lambda _: Hang(), tls=context) as server:
            clients = [await Client.of(server, said) for said in (b"", GET, GET[:5])]
            while server.connections < 3:
                await asyncio.sleep(0)
            late = socket.create_connection((urlsplit(server.origin).hostname, urlsplit(server.origin).port))
        assert late.recv(1) == b""
        late.close()
        assert asyncio.all_tasks() == tasks
        for client in clients:
            with suppress(ConnectionResetError):  # of whom something was never read
                assert await client.all() == b""
        with pytest.raises(ConnectionRefusedError):
            await Client.of(server)
        await server.aclose()
    await asyncio.sleep(0)
    gc.collect()
    assert descriptors() == before


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", ""])  # noqa: S104 - what is refused
def test_it_listens_on_nothing_but_loopback(host: str) -> None:
    with pytest.raises(InvalidInput, match="loopback"):
        LoopbackServer(lambda _: FOX, host=host)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 on loopback")
async def test_it_listens_on_the_address_that_is_named(http: httpx.AsyncClient) -> None:
    async with LoopbackServer(lambda _: FOX, host="::1") as server:
        assert server.origin.startswith("http://[::1]:")
        assert (await http.get(server.origin)).content == b"a fox"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_tls_is_served_with_the_context_that_is_given(tls: ssl.SSLContext, authority: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    script = Script(FOX, Cut(FOX, 20), Drop(), Reset(), FOX)
    async with LoopbackServer(script, tls=tls) as server, httpx.AsyncClient(trust_env=False, verify=trusting) as http:
        assert server.origin.startswith("https://127.0.0.1:")
        assert (await http.get(server.origin)).content == b"a fox"
        for _ in range(3):
            with pytest.raises(httpx.TransportError):
                await http.get(server.origin)
        assert (await http.get(server.origin)).content == b"a fox"


async def test_a_client_that_does_not_trust_it_counts_as_a_connection_and_no_request(
    tls: ssl.SSLContext, http: httpx.AsyncClient
) -> None:
    async with LoopbackServer(lambda _: FOX, tls=tls) as server:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await http.get(server.origin)
        assert (server.connections, server.received) == (1, [])


def test_importing_it_loads_neither_an_http_client_nor_a_test_runner() -> None:
    probe = (
        "import sys, nexiom_sdk.testing; print(*sorted({'httpx', 'httpcore', 'pytest', 'anyio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
