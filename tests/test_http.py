from __future__ import annotations

import asyncio
import gzip
import logging
import math
import ssl
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import httpcore
import pytest
import trustme
from pydantic import SecretStr

from network_rig import Loopback
from nexiom_sdk.errors import InvalidInput, UnsafeUrl
from nexiom_sdk.providers.auth import HeaderKey, Unsigned
from nexiom_sdk.providers.exchange import GuardedNetwork
from nexiom_sdk.providers.http import HttpClient, join, origin_of
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Call, Part, Reply, Trouble
from nexiom_sdk.testing import Answer, Cut, Drip, Drop, DropUnread, Fault, Garbage, Hang, LoopbackServer, Reset, Script

KEY = "CANARY-key-4711"
QUICK = HttpOptions(call_timeout_seconds=0.2)


def client_of(*servers: LoopbackServer, options: HttpOptions | None = None, keys: bool = False) -> HttpClient:
    """A client whose operator named these servers."""
    return HttpClient(
        options or HttpOptions(),
        trusted=[origin_of(server.origin) for server in servers],
        keys=[(server.origin, HeaderKey(SecretStr(KEY))) for server in servers[:1] if keys],
    )


def resolving(*answers: Sequence[str]) -> HttpOptions:
    """Names lead to these addresses, each time to the next ones."""
    waiting = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return HttpOptions(resolve=resolve)


class Dials(Loopback):
    """Notes what is dialled and connects to one port instead, or refuses."""

    def __init__(self, port: int | None = None, *, refuse: Iterable[str] = ()) -> None:
        self.dialled: list[tuple[str, int]] = []
        self._port = port
        self._refuse = set(refuse)

    def port_for(self, host: str, port: int) -> int:
        self.dialled.append((host, port))
        if host in self._refuse or self._port is None:
            raise httpcore.ConnectError("refused")
        return self._port


async def test_a_call_arrives_as_it_was_described() -> None:
    call = Call("POST", "", query={"kind": "a b&c"}, headers={"Acme-Version": "7"}, json={"prompt": "a f\u00f6x"})
    async with LoopbackServer(lambda _: Answer.json({"id": 1}, headers={"X-Request-Id": "r-1"})) as server:
        client = client_of(server, keys=True)
        reply = await client.send(
            Call("POST", f"{server.origin}/v1/videos", query=call.query, headers=call.headers, json=call.json),
            provider="Acme",
        )
        await client.aclose()
    [received] = server.received
    assert isinstance(reply, Reply)
    assert (reply.status, reply.request_id, reply.body) == (200, "r-1", b'{"id": 1}')
    assert (received.method, received.path, received.query) == ("POST", "/v1/videos", {"kind": ("a b&c",)})
    assert received.json() == {"prompt": "a f\u00f6x"}
    expected = {"acme-version": "7", "authorization": f"Bearer {KEY}", "accept-encoding": "identity"}
    assert expected.items() <= received.headers.items()
    assert received.headers["user-agent"].startswith("nexiom_sdk/")


async def test_a_form_is_multipart_with_its_text_before_its_files_even_without_files() -> None:
    part = Part(name="file", filename="a.png", media_type="image/png", data=b"\x89PNG")
    async with LoopbackServer(Script(then=Answer())) as server:
        client = client_of(server)
        await client.send(Call("POST", server.origin, form={"b": "1", "a": "2"}, files=(part,)), provider="Acme")
        await client.send(Call("POST", server.origin, form={"model": "m"}), provider="Acme")
        await client.aclose()
    with_file, text_only = (received.form() for received in server.received)
    assert [(one.name, one.filename, one.data) for one in with_file] == [
        ("b", None, b"1"),
        ("a", None, b"2"),
        ("file", "a.png", b"\x89PNG"),
    ]
    assert [(one.name, one.filename, one.data) for one in text_only] == [("model", None, b"m")]


async def test_connections_are_used_again() -> None:
    async with LoopbackServer(lambda _: Answer.json({})) as server:
        client = client_of(server)
        for _ in range(5):
            await client.send(Call("GET", server.origin), provider="Acme")
        assert server.connections == 1
        await client.aclose()


async def test_a_key_goes_to_its_origin_and_nowhere_else_and_only_where_it_is_wanted() -> None:
    async with LoopbackServer(lambda _: Answer()) as home, LoopbackServer(lambda _: Answer()) as other:
        client = client_of(home, other, keys=True)
        for url, signed in ((home.origin, True), (home.origin, False), (other.origin, True)):
            await client.send(Call("GET", url, signed=signed), provider="Acme")
        await client.aclose()
    assert ["authorization" in one.headers for one in (*home.received, *other.received)] == [True, False, False]


async def test_two_apis_at_one_origin_get_their_own_keys() -> None:
    async with LoopbackServer(lambda _: Answer()) as server:
        keys = {f"{server.origin}/v1": "first", f"{server.origin}/dream/v1": "second"}
        client = HttpClient(
            HttpOptions(),
            keys=[(url, HeaderKey(SecretStr(key))) for url, key in keys.items()],
            trusted=[origin_of(server.origin)],
        )
        for url in keys:
            await client.send(Call("GET", f"{url}/videos"), provider="Acme")
        await client.aclose()
    assert [one.headers["authorization"] for one in server.received] == ["Bearer first", "Bearer second"]


async def test_a_scheme_that_needs_the_body_signs_the_bytes_that_are_sent() -> None:
    class Digest:
        needs_body: ClassVar[bool] = True

        async def sign(self, request: Unsigned, /) -> dict[str, str]:
            return {"x-signed": f"{request.method} {request.body.decode()}"}

    async with LoopbackServer(lambda _: Answer()) as server:
        client = HttpClient(HttpOptions(), keys=[(server.origin, Digest())], trusted=[origin_of(server.origin)])
        await client.send(Call("POST", server.origin, json={"a": 1}), provider="Acme")
        await client.aclose()
    [received] = server.received
    assert received.headers["x-signed"] == f"POST {received.body.decode()}"


FAULTS: dict[str, tuple[Answer | Fault, HttpOptions]] = {
    "dropped": (Drop(), HttpOptions()),
    "reset": (Reset(), HttpOptions()),
    "dropped while the body is sent": (DropUnread(1000), HttpOptions()),
    "cut in the head": (Cut(Answer.json({"id": 1}), 9), HttpOptions()),
    "cut in the body": (Cut(Answer.json({"id": 1}), -3), HttpOptions()),
    "garbage": (Garbage(b"\x00\x01 what is this\r\n\r\n"), HttpOptions()),
    "silence": (Hang(), QUICK),
    "one byte at a time": (Drip(Answer.json({"id": 1}), 1, 0.05), QUICK),
    "too large": (Answer(body=bytes(2000)), HttpOptions(max_json_bytes=1000)),
    "a bomb": (
        Answer(headers={"content-encoding": "gzip"}, body=gzip.compress(bytes(5_000_000))),
        HttpOptions(max_json_bytes=100_000),
    ),
    "damaged compression": (Answer(headers={"content-encoding": "gzip"}, body=b"no"), HttpOptions()),
    "compression that nobody asked for": (Answer(headers={"content-encoding": "br"}, body=b"no"), HttpOptions()),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_breaks_after_the_request_went_out_says_that_it_did(fault: str) -> None:
    answer, options = FAULTS[fault]
    async with LoopbackServer(Script(answer)) as server:
        client = client_of(server, options=options)
        reply = await client.send(Call("POST", server.origin, json={"x": "y" * 3_000_000}), provider="Acme")
        await client.aclose()
        assert server.connections == 1
    assert isinstance(reply, Trouble)
    assert reply.left
    assert reply.too_large == (fault in {"too large", "a bomb"})


async def test_a_closed_port_says_that_nothing_went_out() -> None:
    async with LoopbackServer(lambda _: Answer()) as server:
        origin = server.origin
    client = HttpClient(HttpOptions(), trusted=[origin_of(origin)])
    reply = await client.send(Call("POST", origin, json={}), provider="Acme")
    assert reply == Trouble(reason="no connection (All connection attempts failed)", left=False)
    await client.aclose()


async def test_a_gzip_reply_within_its_bounds_is_read() -> None:
    packed = Answer(headers={"content-encoding": "gzip"}, body=gzip.compress(b'{"id": 1}'))
    async with LoopbackServer(lambda _: packed) as server:
        client = client_of(server)
        reply = await client.send(Call("GET", server.origin), provider="Acme")
        await client.aclose()
    assert isinstance(reply, Reply)
    assert reply.body == b'{"id": 1}'


@pytest.mark.parametrize("value", [math.nan, "\ud800"])
async def test_a_value_that_json_cannot_carry_is_refused_before_anything_is_sent(value: float | str) -> None:
    async with LoopbackServer(lambda _: Answer()) as server:
        client = client_of(server)
        with pytest.raises(InvalidInput) as caught:
            await client.send(Call("POST", server.origin, json={"x": value}), provider="Acme")
        assert (server.connections, caught.value.__context__) == (0, None)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "video.mp4",
        "https:///x",
        "https://me:you@cdn.example/",
        "https://cdn.example\\@evil.example/",
        "https://[::1/",
    ],
)
def test_what_is_no_plain_address_has_no_origin(url: str) -> None:
    with pytest.raises(UnsafeUrl):
        origin_of(url)


def test_a_refused_address_shows_in_no_traceback() -> None:
    with pytest.raises(UnsafeUrl) as caught:
        origin_of("https://me:you@cdn.example/v.mp4?sig=" + KEY)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in "".join(shown.format())


def test_a_redirect_may_be_relative_and_nonsense_leads_nowhere() -> None:
    assert join("https://cdn.example/a/b?x=1", "../c") == "https://cdn.example/c"
    assert join("https://cdn.example/a", "https://[::1/") == ""


PRIVATE_ANSWERS = [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"]]


@pytest.mark.parametrize("answers", PRIVATE_ANSWERS, ids=str)
async def test_a_name_that_leads_into_a_private_network_is_never_dialled(answers: Sequence[str]) -> None:
    dials = Dials(1)
    client = HttpClient(resolving(answers), network=dials)
    reply = await client.send(Call("GET", "https://cdn.example/v.mp4"), provider="Acme")
    assert isinstance(reply, Trouble)
    assert (reply.unsafe, reply.left, dials.dialled) == (True, False, [])


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "127.0.0.1"])
async def test_no_spelling_of_loopback_reaches_a_listener(host: str) -> None:
    # These are resolved by this machine, which knows all spellings; nothing is asked of any name server.
    dials = Dials(1)
    client = HttpClient(HttpOptions(), network=dials)
    reply = await client.send(Call("GET", f"https://{host}/latest/meta-data"), provider="Acme")
    assert isinstance(reply, Trouble)
    assert (reply.unsafe, dials.dialled) == (True, [])


async def test_what_is_dialled_is_the_address_that_was_looked_at() -> None:
    dials = Dials()
    client = HttpClient(resolving(["8.8.8.8"], ["127.0.0.1"]), network=dials)
    call = Call("GET", "https://cdn.example/v.mp4")
    first, second = [await client.send(call, provider="Acme") for _ in range(2)]
    assert dials.dialled == [("8.8.8.8", 443)]
    assert isinstance(first, Trouble)
    assert isinstance(second, Trouble)
    assert (first.unsafe, second.unsafe) == (False, True)


async def test_the_next_address_of_a_name_is_tried_when_one_does_not_answer() -> None:
    async with LoopbackServer(lambda _: Answer()) as server:
        dials = Dials(origin_of(server.origin).port, refuse=["8.8.8.8"])
        network = GuardedNetwork(resolving(["8.8.8.8", "9.9.9.9"]).resolve or _no_resolver, network=dials)
        stream = await network.connect_tcp("cdn.example", 443, timeout=5)
        await stream.aclose()
    assert [host for host, _ in dials.dialled] == ["8.8.8.8", "9.9.9.9"]


async def _no_resolver(host: str, port: int) -> Sequence[str]:
    raise AssertionError


async def test_a_name_that_cannot_be_resolved_or_not_in_time_says_that_nothing_went_out() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError(8, "nodename nor servname provided")

    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    for options in (HttpOptions(resolve=unknown), HttpOptions(resolve=silent, connect_timeout_seconds=0.05)):
        client = HttpClient(options)
        reply = await client.send(Call("POST", "https://api.acme.example/"), provider="Acme")
        assert isinstance(reply, Trouble)
        assert not reply.left


class Tls:
    """A certificate authority of our own, and servers with its certificates."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))

    def context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name).configure_cert(context)
        return context


@pytest.mark.parametrize(("name", "works"), [("cdn.example", True), ("other.example", False)])
async def test_the_name_in_the_certificate_is_checked_although_an_address_is_dialled(
    name: str, works: bool, tmp_path: Path
) -> None:
    tls = Tls(tmp_path)
    async with LoopbackServer(lambda _: Answer(), tls=tls.context(name)) as server:
        options = HttpOptions(resolve=resolving(["8.8.8.8"]).resolve, ca_file=tls.ca_file)
        client = HttpClient(options, network=Dials(origin_of(server.origin).port))
        reply = await client.send(Call("POST", "https://cdn.example/v"), provider="Acme")
        await client.aclose()
        assert len(server.received) == int(works)
    assert isinstance(reply, Reply if works else Trouble)
    if isinstance(reply, Trouble):
        assert not reply.left
        assert "certificate" in reply.reason.lower()


async def test_a_certificate_of_nobody_known_is_refused(tmp_path: Path) -> None:
    async with LoopbackServer(lambda _: Answer(), tls=Tls(tmp_path).context("127.0.0.1")) as server:
        client = client_of(server)
        reply = await client.send(Call("POST", server.origin), provider="Acme")
        await client.aclose()
        assert server.received == []
    assert isinstance(reply, Trouble)
    assert not reply.left


async def test_no_log_of_any_library_shows_a_key_or_a_signed_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    away = Answer(302, headers={"location": "https://cdn.example/v.mp4?sig=CANARY-query"})
    async with LoopbackServer(lambda _: away) as server:
        client = client_of(server, keys=True)
        await client.send(Call("GET", f"{server.origin}/v?sig=CANARY-query"), provider="Acme")
        await client.aclose()
    assert "CANARY" not in caplog.text
    assert [one.name for one in caplog.records if getattr(one, "action", "") == "http_call"] == [
        "nexiom_sdk.providers.exchange"
    ]


async def test_other_users_of_the_same_libraries_keep_their_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with LoopbackServer(lambda _: Answer()) as server, httpcore.AsyncConnectionPool() as pool:
        ours = client_of(server)
        await ours.send(Call("GET", server.origin), provider="Acme")
        await ours.aclose()
        before = len([one for one in caplog.records if one.name.startswith("httpcore")])
        await pool.request("GET", server.origin)
    assert before == 0
    assert [one for one in caplog.records if one.name.startswith("httpcore")]
