"""Results that break on their way here, as their user sees it: rows F17 to F20 and F26 of the fault catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from media_faults_rig import VIDEO, ResultWire, runway, seen, spooled, step, stored, until_saving
from nexiom_sdk import JobStatus
from nexiom_sdk.errors import MalformedResponse, ProviderError, ResultExpired, ResultInvalid
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, Garbage, Reset, sample_video
from wire_rig import ROWS, Bench, bench

DATA = sample_video()
MIDDLE = len(DATA) // 2


@pytest.mark.parametrize(
    "said", ["text/plain", "application/octet-stream", "text/html; charset=utf-8", "image/png", None]
)
async def test_f17_a_video_is_known_by_its_bytes_whatever_its_type_is_called(said: str | None, tmp_path: Path) -> None:
    file = Answer(headers={} if said is None else {"content-type": said}, body=DATA)
    async with runway(tmp_path, ResultWire(file)) as at:
        got = await seen(at)
    assert got.result is not None
    assert (got.result.probe.container, got.result.path.endswith(".mp4")) == ("mp4", True)
    assert (got.videos, got.paid) == ([got.result.path], 1)


NO_VIDEO: Mapping[str, tuple[Answer, str]] = {
    "json": (Answer.json({"error": "AccessDenied"}), "looks like JSON"),
    "xml": (Answer(headers={"content-type": "application/xml"}, body=b"<?xml version='1.0'?><Error/>"), "or XML"),
    "a web page": (
        Answer(headers={"content-type": "video/mp4"}, body=b"<!doctype html>Log in"),
        "looks like a web page",
    ),
    "nothing": (Answer(headers={"content-type": "video/mp4"}), "is empty"),
    "a part with a strange name": (
        Answer(body=b"\0\0\0\x18ftypisom" + bytes(12) + b"\x7f\0\0\0\x1b[2J"),
        "'\ufffd[2J'",
    ),
    "a picture": (
        Answer(headers={"content-type": "video/mp4"}, body=b"\x89PNG\r\n\x1a\n" + bytes(90)),
        "it is image/png",
    ),
}


@pytest.mark.parametrize("what", NO_VIDEO)
async def test_f18_something_else_in_place_of_the_video_is_fetched_anew_and_then_told(
    what: str, tmp_path: Path
) -> None:
    answer, words = NO_VIDEO[what]
    wire = ResultWire(answer)
    async with runway(tmp_path, wire) as at:
        got = await seen(at)
        assert spooled(at) == []
    assert isinstance(got.error, ResultInvalid)
    assert (got.job.status, got.job.error_code, got.error.charged) == (JobStatus.FAILED, "result_invalid", "yes")
    assert words in got.error.message
    assert "has probably charged" in str(got.error)
    assert "ask for a refund" in got.error.next_step
    assert "costs again" in got.error.next_step
    assert _looks(wire) == [1, 2, 3], "each attempt asks for a fresh address, and uses it"
    assert (got.videos, got.paid) == ([], 1)


@pytest.mark.parametrize("what", NO_VIDEO)
async def test_f18_a_good_file_at_the_fresh_address_completes_the_job(what: str, tmp_path: Path) -> None:
    wire = ResultWire(NO_VIDEO[what][0], VIDEO)
    async with runway(tmp_path, wire) as at:
        got = await seen(at)
    assert got.result is not None
    assert (got.videos, got.paid, _looks(wire)) == ([got.result.path], 1, [1, 2])


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_f19_an_expired_link_is_asked_for_twice_more_and_then_given_up(status: int, tmp_path: Path) -> None:
    wire = ResultWire(Answer(status, body=b"<Error>Request has expired https://x.example/?CANARY</Error>"))
    async with runway(tmp_path, wire) as at:
        got = await seen(at)
    assert isinstance(got.error, ResultExpired)
    assert (got.job.status, got.job.error_code, got.error.charged) == (JobStatus.FAILED, "result_expired", "yes")
    assert got.error.message.startswith(f"Runway no longer serves the file ({status} <Error>")
    assert "provider's console" in got.error.next_step
    assert f"`nexiom jobs resubmit {got.job.id}` pays for a new one" in got.error.next_step
    assert (_looks(wire), got.videos, got.paid) == ([1, 2, 3], [], 1)


BROKEN: Mapping[str, tuple[Answer | None, type[ProviderError]]] = {
    "expired": (None, ResultExpired),  # in the words of that provider
    "no video": (Answer.json({"error": "AccessDenied"}), ResultInvalid),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("row", ROWS)
async def test_f18_f19_each_provider_is_asked_three_times_and_paid_once(row: str, how: str, tmp_path: Path) -> None:
    answer, kind = BROKEN[how]
    async with bench(row, tmp_path) as at:
        at.wire.content_misses = 99
        if answer is not None:
            at.wire.break_next("content", *[answer] * 99)
        with pytest.raises(kind) as caught:
            await at.studio.generate(at.request())
        fetches = [one for one in at.server.received if at.wire.verb(one) == "content"]
        assert (len(fetches), len(at.wire.orders), stored(at), spooled(at)) == (3, 1, [], [])
    assert caught.value.charged == "yes"
    assert "has probably charged" in str(caught.value)


@pytest.mark.parametrize("expired", [1, 2])
async def test_f19_a_fresh_link_that_works_completes_the_job(expired: int, tmp_path: Path) -> None:
    wire = ResultWire(*[Answer(403)] * expired, VIDEO)
    async with runway(tmp_path, wire) as at:
        got = await seen(at)
    assert got.result is not None
    assert (got.videos, got.paid, len(wire.fetched)) == ([got.result.path], 1, expired + 1)


@pytest.mark.parametrize("then", [Answer(403), Answer.json({"error": "AccessDenied"})], ids=["expired", "no video"])
async def test_f19_fetches_that_broke_take_none_from_a_link_that_expired_meanwhile(
    then: Answer, tmp_path: Path
) -> None:
    wire = ResultWire(*[Answer(503)] * 9, then, VIDEO)  # three steps, each with three attempts
    async with runway(tmp_path, wire) as at:
        got = await seen(at)
    assert (got.job.status, got.job.error_code) == (JobStatus.COMPLETED, None)


async def test_f19_a_file_that_is_not_served_for_now_is_tried_for_a_day_and_then_told_with_the_money(
    tmp_path: Path,
) -> None:
    async with runway(tmp_path, ResultWire(Answer(500, body=b"oops"))) as at:
        job = await until_saving(at)
        for _ in range(5):
            job = await step(at, job)
            assert (job.status, job.error_code) == (JobStatus.PROCESSING, None)
            assert job.provider_metadata["trouble"] == "Runway does not serve the file (500 oops)."
        at.clock.advance(24 * 3600)
        job = await step(at, job)
        assert (stored(at), len(at.wire.orders)) == ([], 1)
    assert (job.status, job.error_code, job.failure().charged) == (JobStatus.FAILED, "provider_unavailable", "yes")


async def test_f19_an_order_that_the_provider_has_forgotten_by_then_is_an_expired_one(tmp_path: Path) -> None:
    wire = ResultWire(Answer(410))
    wire.meanwhile = lambda: wire.break_next("poll", Answer.json({"error": "Could not find Task"}, 404))
    async with runway(tmp_path, wire) as at:
        at.clock.advance(1)
        got = await seen(at)
    assert isinstance(got.error, ResultExpired)
    assert (got.error.charged, got.videos, got.paid) == ("yes", [], 1)


class Dated:
    """A file that is told apart by the time of its last change, whole at first only to its middle.

    Args:
        now: When it was changed, as the second request is told.
    """

    then = "Thu, 26 Nov 2026 10:00:00 GMT"

    def __init__(self, now: str = then) -> None:
        self._now = now

    def first(self) -> Fault:
        return Cut(Answer(headers={"last-modified": self.then}, body=DATA), -MIDDLE)

    def rest(self) -> Answer:
        headers = {"last-modified": self._now}
        if self._now != self.then:
            return Answer(headers=headers, body=DATA)
        headers["content-range"] = f"bytes {len(DATA) - MIDDLE}-{len(DATA) - 1}/{len(DATA)}"
        return Answer(206, headers=headers, body=DATA[len(DATA) - MIDDLE :])


NO_RANGES = Answer.file(DATA, etag='"v1"', ranges=False)
WEAK = Answer(headers={"etag": 'W/"v1"'}, body=DATA)
CLOSED = Garbage(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\n\r\n" + DATA[:MIDDLE])  # its length is never told
# What comes, how many requests ask for the rest only, and how often the provider is asked for an address.
CUT: Mapping[str, tuple[Sequence[Answer | Fault], int, int]] = {
    "the same version goes on": ((Cut(VIDEO, -MIDDLE), VIDEO), 1, 1),
    "the same version goes on after five breaks": ((*[Cut(VIDEO, -MIDDLE // n) for n in range(1, 6)], VIDEO), 5, 1),
    "the same date goes on": ((Dated().first(), Dated().rest()), 1, 1),
    "a server without ranges sends it anew": ((Cut(NO_RANGES, -MIDDLE), NO_RANGES), 1, 1),
    "another version is fetched from its beginning": ((Cut(VIDEO, -MIDDLE), Answer.file(DATA, etag='"v2"')), 1, 2),
    "another date is fetched from its beginning": ((Dated().first(), Dated("now").rest(), VIDEO), 1, 2),
    "a weak version is fetched from its beginning": ((Cut(WEAK, -MIDDLE), WEAK), 0, 2),
    "no version is fetched from its beginning": ((Cut(Answer(body=DATA), -MIDDLE), Answer(body=DATA)), 0, 2),
    "no length is fetched from its beginning": ((CLOSED, VIDEO), 0, 2),
    "a reset in the middle goes on": ((Cut(VIDEO, -MIDDLE), Reset(), VIDEO), 1, 2),
    "a refusal of the rest begins anew": ((Cut(VIDEO, -MIDDLE), Answer(416), VIDEO), 1, 2),
    "dropped before its first byte": ((Drop(), VIDEO), 0, 1),
}


@pytest.mark.parametrize("how", CUT)
async def test_f20_a_download_cut_in_the_middle_arrives_whole_and_is_never_seen_before(
    how: str, tmp_path: Path
) -> None:
    answers, parts, told = CUT[how]
    wire = ResultWire(*answers)
    async with runway(tmp_path, wire) as at:
        wire.meanwhile = lambda: _nothing_is_visible(at)
        got = await seen(at)
    assert got.result is not None
    assert (got.videos, got.paid) == ([got.result.path], 1)
    assert ["range" in one.headers for one in wire.fetched].count(True) == parts
    assert wire.told == told


async def test_f20_while_the_bytes_arrive_they_are_in_the_spool_only(tmp_path: Path) -> None:
    async with runway(tmp_path, wire := ResultWire()) as at:

        def arriving() -> Iterator[bytes]:
            for start in range(0, len(DATA), 4096):
                yield DATA[start : start + 4096]
                _nothing_is_visible(at)
                assert all(".part" in one.parent.name for one in spooled(at))

        wire.files = [Answer(chunks=arriving(), length=len(DATA))]
        got = await seen(at)
        assert (len(got.videos), got.paid, spooled(at)) == (1, 1, [])


@pytest.mark.parametrize(
    ("ends", "kind", "words"),
    [
        (CLOSED, ResultInvalid, "incomplete"),
        (Answer(body=DATA[:MIDDLE]), ResultInvalid, "incomplete"),
        (Answer(body=DATA[:-1]), ResultInvalid, "incomplete"),
        (Answer(body=DATA[:3000] + bytes(len(DATA) - 3000)), ResultInvalid, "does not play to its end"),
    ],
    ids=["without a length", "with the length of the half", "without its last byte", "of the right length, and empty"],
)
async def test_f20_half_a_video_is_never_accepted_whatever_length_was_announced(
    ends: Answer | Fault, kind: type[ResultInvalid], words: str, tmp_path: Path
) -> None:
    wire = ResultWire(ends)
    async with runway(tmp_path, wire) as at:
        wire.meanwhile = lambda: _nothing_is_visible(at)
        got = await seen(at)
        assert spooled(at) == []
    assert isinstance(got.error, kind)
    assert words in got.error.message
    assert (got.error.charged, got.videos, got.paid, len(wire.fetched)) == ("yes", [], 1, 3)


NO_FILE: Mapping[str, Sequence[str] | None] = {"no list": None, "an empty list": [], "an empty address": [""]}


@pytest.mark.parametrize("what", NO_FILE)
async def test_f26_success_without_a_file_is_looked_at_twice_more_and_then_told(what: str, tmp_path: Path) -> None:
    wire = ResultWire(addresses=lambda _order, _look: NO_FILE[what])
    async with runway(tmp_path, wire) as at:
        got = await seen(at)
    assert isinstance(got.error, MalformedResponse)
    assert (got.job.status, got.job.error_code, got.error.charged) == (JobStatus.FAILED, "malformed_response", "yes")
    assert str(got.error).startswith("runway reports success without a file. The provider has probably charged for it.")
    assert "provider's console" in got.error.next_step
    assert "costs again" in got.error.next_step
    assert (wire.told, wire.fetched, got.videos, got.paid) == (3, [], [], 1)
    assert got.job.cost_usd is not None, "the provider named its price"


@pytest.mark.parametrize("empty", [1, 2])
async def test_f26_a_file_that_is_named_a_look_later_is_fetched(empty: int, tmp_path: Path) -> None:
    def addresses(order: str, look: int) -> Sequence[str]:
        return [] if look <= empty else [f"{wire.origin}/results/{order}.mp4"]

    wire = ResultWire(addresses=addresses)
    async with runway(tmp_path, wire) as at:
        got = await seen(at)
    assert got.result is not None
    assert (got.videos, got.paid, wire.told) == ([got.result.path], 1, empty + 1)


async def test_f26_looks_that_broke_take_none_from_a_success_without_a_file(tmp_path: Path) -> None:
    def addresses(order: str, look: int) -> Sequence[str]:
        return [] if look <= 2 else [f"{wire.origin}/results/{order}.mp4"]

    wire = ResultWire(addresses=addresses)
    wire.looks = 0  # no look in between tells that the task goes on
    async with runway(tmp_path, wire) as at:
        at.wire.break_next("poll", *[Answer(503)] * 12)  # four steps, each with three attempts
        got = await seen(at)
    assert got.result is not None
    assert (got.videos, got.paid, wire.told) == ([got.result.path], 1, 3)


async def test_f26_a_success_without_a_file_in_an_earlier_order_takes_no_look_from_the_next_one(
    tmp_path: Path,
) -> None:
    wire = ResultWire(addresses=lambda _order, look: [] if look <= 5 else [f"{wire.origin}/results/{_order}.mp4"])
    async with runway(tmp_path, wire) as at:
        got = await seen(at)
        assert got.error is not None
        job = await at.studio.resubmit(got.job.id)
        result = await at.studio.wait(job.id)
        assert stored(at) == [result.path]
    assert (wire.told, len(wire.orders)) == (6, 2)


async def test_f26_two_jobs_that_are_given_one_address_have_an_object_each_and_neither_overwrites_the_other(
    tmp_path: Path,
) -> None:
    # Whose video an address leads to cannot be known: addresses are signed and opaque, and so is what is there.
    wire = ResultWire(addresses=lambda _order, _look: [f"{wire.origin}/results/the-same.mp4"])
    async with runway(tmp_path, wire) as at:
        first = await at.studio.generate(at.request(), user_id="u1")
        second = await at.studio.generate(at.request(), user_id="u2")
        assert stored(at) == [first.path, second.path]
    assert (first.path.split("/")[0], second.path.split("/")[0]) == ("u1", "u2")
    assert first.sha256 == second.sha256
    assert len(wire.orders) == 2


def _looks(wire: ResultWire) -> list[int]:
    """The look that gave the address of each fetch."""
    return [int(one.query["look"][0]) for one in wire.fetched]


def _nothing_is_visible(at: Bench) -> None:
    assert stored(at) == []
