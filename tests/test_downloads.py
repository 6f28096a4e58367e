from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest
from pydantic import SecretStr

from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import NexiomError, ProviderUnavailable, ResponseTooLarge, ResultExpired, UnsafeUrl
from nexiom_sdk.providers.auth import HeaderKey
from nexiom_sdk.providers.downloads import Download, open_url
from nexiom_sdk.providers.http import HttpClient, origin_of
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.testing import Answer, Cut, Drip, Drop, Fault, LoopbackServer, Received, Script

VIDEO = bytes(range(256)) * 2000
FILE = Answer.file(VIDEO, etag='"v1"')
HALF = Cut(FILE, -len(VIDEO) // 2)


class Fetched:
    """What came of a download, and what the server saw."""

    def __init__(self, data: bytes, error: NexiomError | None, received: Sequence[Received]) -> None:
        self.data, self.error, self.received = data, error, received


async def fetched(
    answer: Callable[[Received], Answer | Fault],
    *others: LoopbackServer,
    options: HttpOptions | None = None,
    signed: bool = False,
    path: str = "/v.mp4?sig=CANARY",
) -> Fetched:
    """Download from a server that the operator named."""
    data, error = bytearray(), None
    async with LoopbackServer(answer) as server:
        client = HttpClient(
            options or HttpOptions(),
            trusted=[origin_of(one.origin) for one in (server, *others)],
            keys=[(server.origin, HeaderKey(SecretStr("not-a-real-key")))],
        )
        try:
            async for chunk in Download(client, server.origin + path, provider="Acme", signed=signed).chunks():
                data += chunk
        except NexiomError as raised:
            error = raised
        await client.aclose()
    assert "CANARY" not in str(error)
    return Fetched(bytes(data), error, server.received)


async def test_a_file_arrives_as_it_is_without_a_key_and_uncompressed() -> None:
    got = await fetched(lambda _: FILE)
    assert (got.data == VIDEO, got.error, len(got.received)) == (True, None, 1)
    assert "authorization" not in got.received[0].headers
    assert got.received[0].headers["accept-encoding"] == "identity"


async def test_a_file_of_the_api_is_asked_for_with_its_key() -> None:
    got = await fetched(lambda _: FILE, signed=True)
    assert got.received[0].headers["authorization"] == "Bearer not-a-real-key"


async def test_a_file_that_breaks_off_is_gone_on_with_where_it_broke() -> None:
    got = await fetched(Script(HALF, then=FILE))
    assert (got.data == VIDEO, got.error) == (True, None)
    asked = got.received[1].headers
    assert (asked["range"], asked["if-range"]) == (f"bytes={len(VIDEO) // 2}-", '"v1"')


async def test_it_breaks_off_again_and_again_and_still_arrives() -> None:
    def answer(received: Received) -> Answer | Fault:
        rest = len(FILE.to(received).body)
        return Cut(FILE, -rest // 2) if rest > 60_000 else FILE

    got = await fetched(answer)
    assert (got.data == VIDEO, got.error) == (True, None)
    assert len(got.received) == 5


async def test_a_server_that_knows_no_ranges_sends_it_anew_and_nothing_comes_twice() -> None:
    whole = Answer.file(VIDEO, etag='"v1"', ranges=False)
    got = await fetched(Script(Cut(whole, -1000), then=whole))
    assert (got.data == VIDEO, got.error) == (True, None)


@pytest.mark.parametrize(
    "second",
    [
        Answer.file(VIDEO, etag='"v2"'),
        Answer(206, headers={"content-range": "bytes 7-9/99", "etag": '"v1"'}, body=b"abc"),
        Answer(206, headers={"etag": '"v1"'}, body=b"abc"),
    ],
    ids=["another version", "another place", "no place"],
)
async def test_a_file_that_changed_meanwhile_is_not_patched_together(second: Answer) -> None:
    got = await fetched(Script(HALF, then=second))
    assert isinstance(got.error, ProviderUnavailable)
    assert "changed" in got.error.message
    assert got.data == VIDEO[: len(VIDEO) // 2]


@pytest.mark.parametrize(
    "headers",
    [{}, {"etag": 'W/"weak"'}, {"etag": '"v1"', "accept-ranges": "none"}],
    ids=["no validator", "a weak one", "no ranges"],
)
async def test_what_cannot_be_gone_on_with_says_so_and_that_it_was_paid(headers: dict[str, str]) -> None:
    got = await fetched(Script(Cut(Answer(headers=headers, body=VIDEO), -10)))
    assert isinstance(got.error, ProviderUnavailable)
    assert (got.error.charged, len(got.received)) == ("yes", 1)
    assert "broke off after" in got.error.message


async def test_a_server_that_breaks_off_for_ever_is_given_up() -> None:
    got = await fetched(Script(HALF, then=Cut(Answer(206, headers={"etag": '"v1"'}, body=b""), 20)))
    assert isinstance(got.error, ProviderUnavailable)
    dropping = await fetched(Script(HALF, then=Drop()))
    assert isinstance(dropping.error, ProviderUnavailable)
    assert len(dropping.received) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, ResultExpired),
        (404, ResultExpired),
        (410, ResultExpired),
        (500, ProviderUnavailable),
        (409, ProviderUnavailable),
    ],
)
async def test_a_refusal_says_whether_the_address_has_expired(status: int, kind: type[NexiomError]) -> None:
    got = await fetched(
        lambda _: Answer(status, headers={"retry-after": "7"}, body=b"<Error>https://x/?CANARY</Error>")
    )
    assert type(got.error) is kind
    assert got.error.charged == "yes"


async def test_three_redirects_are_followed_and_a_fourth_is_not() -> None:
    def answer(received: Received) -> Answer:
        left = int(received.path.strip("/"))
        return FILE if left == 0 else Answer(302, headers={"location": f"/{left - 1}"})

    got = await fetched(answer, path="/3")
    assert got.data == VIDEO
    lost = await fetched(answer, path="/4")
    assert isinstance(lost.error, UnsafeUrl)
    assert "more than 3 times" in lost.error.message


async def test_a_redirect_takes_no_key_to_another_origin() -> None:
    async with LoopbackServer(lambda _: FILE) as other:
        away = Answer(307, headers={"location": f"{other.origin}/v.mp4"})
        got = await fetched(lambda _: away, other, signed=True)
        assert got.data == VIDEO
        assert "authorization" in got.received[0].headers
        assert [("authorization" in one.headers, "cookie" in one.headers) for one in other.received] == [(False, False)]


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/",
        "file:///etc/passwd",
        "//[::1/",
        "https://x@127.0.0.1/",
        "",
    ],
)
async def test_a_redirect_into_our_own_network_is_not_followed(location: str) -> None:
    got = await fetched(lambda _: Answer(302, headers={"location": location} if location else {}))
    assert isinstance(got.error, UnsafeUrl)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_redirect_to_another_port_of_this_machine_opens_no_connection(scheme: str) -> None:
    async with LoopbackServer(lambda _: FILE) as inside:
        target = inside.origin.replace("http", scheme)
        got = await fetched(lambda _: Answer(302, headers={"location": target}))
        assert isinstance(got.error, UnsafeUrl)
        assert inside.connections == 0


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_over_the_cap_is_stopped(announced: bool) -> None:
    options = HttpOptions(max_video_bytes=100_000)
    body = Answer(body=VIDEO) if announced else Answer(chunks=[VIDEO[:60_000]] * 9)
    got = await fetched(lambda _: body, options=options)
    assert isinstance(got.error, ResponseTooLarge)
    assert len(got.data) <= (0 if announced else 100_000)


class Hurrying(SystemClock):
    """Ten seconds pass whenever somebody looks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        self.seconds += 10
        return self.seconds

    def now(self) -> datetime:
        return super().now()


async def test_a_file_that_drips_is_given_up() -> None:
    drops = Answer(chunks=(b"x" for _ in range(50)))
    got = await fetched(lambda _: drops, options=HttpOptions(clock=Hurrying()))
    assert isinstance(got.error, ProviderUnavailable)
    assert "too slowly" in got.error.message
    assert len(got.data) <= 4


async def test_a_file_that_takes_for_ever_is_given_up_however_fast_it_comes() -> None:
    options = HttpOptions(clock=Hurrying(), download_timeout_seconds=60, min_bytes_per_second=0)
    got = await fetched(lambda _: Answer(chunks=(b"x" * 1000 for _ in range(50))), options=options)
    assert isinstance(got.error, ProviderUnavailable)
    assert "more than 60 s" in got.error.message


async def test_a_file_that_was_compressed_although_nobody_asked_is_unpacked() -> None:
    packed = Answer(headers={"content-encoding": "gzip", "etag": '"v1"'}, body=gzip.compress(VIDEO))
    assert (await fetched(lambda _: packed)).data == VIDEO


async def test_the_address_of_a_user_is_guarded_like_a_result_and_costs_nothing() -> None:
    async with LoopbackServer(lambda _: FILE) as inside:
        for url in (inside.origin, inside.origin.replace("http", "https"), "https://localhost/", "ftp://x.example/"):
            with pytest.raises(UnsafeUrl) as caught:
                _ = [chunk async for chunk in open_url(url, max_bytes=10)]
            assert caught.value.charged == "no"
        assert inside.connections == 0


async def test_a_head_or_a_refusal_that_drips_is_given_up() -> None:
    quick = HttpOptions(call_timeout_seconds=0.2)
    for drip in (Drip(FILE, 1, 0.05), Drip(Answer(404, body=b"no" * 500), 60, 0.1)):
        got = await fetched(lambda _, drip=drip: drip, options=quick)  # type: ignore[misc]  # bound at once
        assert isinstance(got.error, ProviderUnavailable | ResultExpired)
