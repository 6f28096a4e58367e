from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexiom_sdk import Settings, Studio, VideoRequest
from nexiom_sdk.backends.memory import MemoryRepository, MemoryStore
from nexiom_sdk.errors import (
    FAILURE_CODES,
    InvalidInput,
    MalformedResponse,
    NexiomError,
    ProviderUnavailable,
    RateLimited,
    ResultExpired,
    ResultInvalid,
    SubmissionUncertain,
)
from nexiom_sdk.media import examined
from nexiom_sdk.providers.protocol import SupportsCallback, SupportsCancel, SupportsLookup, VideoProvider
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import (
    CallbackFakeProvider,
    CancellableFakeProvider,
    FakeProvider,
    VirtualClock,
    fake_card,
    sample_video,
)
from nexiom_sdk.types import (
    Asset,
    Cancelled,
    Failed,
    Operation,
    Poll,
    Running,
    Submission,
    SubmissionRecovery,
    Succeeded,
    VideoSpec,
)
from rig import policy_over

QUEUED, RUNNING = Running(queued=True), Running()


def _submission(key: str = "job.1") -> Submission:
    return Submission(spec=VideoSpec(model="fake-1", prompt="a fox"), idempotency_key=key)


async def _ordered(fake: FakeProvider, key: str = "job.1") -> Operation:
    order = await fake.submit(_submission(key))
    assert isinstance(order, Operation)
    return order


async def _looks(fake: FakeProvider, count: int) -> list[Poll]:
    order = await _ordered(fake)
    return [await fake.poll(order) for _ in range(count)]


async def _file(fake: FakeProvider, asset: Asset) -> bytes:
    return b"".join([chunk async for chunk in fake.fetch(asset)])


async def _result(fake: FakeProvider) -> Asset:
    """The asset that the first look finds."""
    [end] = await _looks(fake, 1)
    assert isinstance(end, Succeeded)
    return end.assets[0]


def test_it_is_a_provider() -> None:
    fake: VideoProvider = FakeProvider()
    assert isinstance(fake, SupportsLookup)
    assert not isinstance(fake, SupportsCancel | SupportsCallback)
    assert isinstance(CancellableFakeProvider(), SupportsCancel)
    assert isinstance(CallbackFakeProvider(), SupportsCallback)


async def test_a_script_is_seen_step_by_step_and_its_end_stays() -> None:
    *way, end, again = await _looks(FakeProvider().queued(2).running(3, progress=True).succeed(), 7)
    assert way == [QUEUED, QUEUED, Running(progress=0.25), Running(progress=0.5), Running(progress=0.75)]
    assert isinstance(end, Succeeded)
    assert end == again


@pytest.mark.parametrize("code", sorted(FAILURE_CODES))
async def test_it_can_fail_with_every_code(code: str) -> None:
    assert await _looks(FakeProvider().running().fail(code, "no"), 3) == [
        RUNNING,
        *[Failed(code=code, message="no")] * 2,
    ]


@pytest.mark.parametrize("fake", [FakeProvider(), FakeProvider().hang()], ids=["unscripted", "hanging"])
async def test_an_order_may_run_for_ever(fake: FakeProvider) -> None:
    assert await _looks(fake, 50) == [RUNNING] * 50


async def test_a_status_may_go_back_even_after_success() -> None:
    seen = await _looks(FakeProvider().regress(), 6)
    assert seen[:3] == [RUNNING, QUEUED, RUNNING]
    assert isinstance(seen[3], Succeeded)
    assert seen[4:] == [RUNNING, RUNNING]


async def test_progress_may_be_nonsense() -> None:
    seen = await _looks(FakeProvider().progress(0, 0.8, 0.3, 1.5).hang(), 5)
    assert [look.progress for look in seen if isinstance(look, Running)] == [0, 0.8, 0.3, 1.5, None]


async def test_success_may_come_without_a_file() -> None:
    assert await _looks(FakeProvider().succeed_without_file(), 1) == [Succeeded(assets=())]


async def test_looks_break_and_then_answer() -> None:
    fake = FakeProvider().break_polls(2).running().succeed()
    order = await _ordered(fake)
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            await fake.poll(order)
    assert await fake.poll(order) == RUNNING


async def test_moments_count_from_the_submission() -> None:
    clock = VirtualClock()
    fake = FakeProvider(clock=clock).running(after_seconds=10).fail("timed_out", after_seconds=97)
    clock.advance(1000)
    order = await _ordered(fake)
    seen: list[Poll] = []
    for pause in (0, 9.9, 0.1, 86.9, 0.1):
        clock.advance(pause)
        seen.append(await fake.poll(order))
    assert seen[:4] == [QUEUED, QUEUED, RUNNING, RUNNING]
    assert isinstance(seen[4], Failed)


@pytest.mark.parametrize(
    ("fake", "error"),
    [
        (FakeProvider().refuse(RateLimited("busy")), RateLimited),
        (FakeProvider().drop_before_sending(), ProviderUnavailable),
        (FakeProvider().explode("submit"), ValueError),
    ],
    ids=["refused", "dropped", "exploded"],
)
async def test_what_is_not_accepted_is_not_paid(fake: FakeProvider, error: type[Exception]) -> None:
    with pytest.raises(error):
        await fake.submit(_submission())
    assert (fake.accepted, fake.calls) == ([], ["submit"])
    assert await fake.find("job.1") is None


async def test_each_ending_belongs_to_one_order_and_the_last_one_serves_the_rest() -> None:
    fake = FakeProvider().refuse(RateLimited("busy")).fail("content_rejected").succeed()
    with pytest.raises(RateLimited):
        await fake.submit(_submission("a"))
    ends = [type(await fake.poll(await _ordered(fake, key))) for key in "abcd"]
    assert ends == [Failed, Succeeded, Succeeded, Succeeded]
    assert (fake.accepted, [one.idempotency_key for one in fake.submissions]) == (list("abcd"), list("aabcd"))


async def test_a_script_may_be_written_on_while_orders_run() -> None:
    fake = FakeProvider().running()
    order = await _ordered(fake)
    fake.succeed()
    assert [await fake.poll(order) for _ in range(3)] == [RUNNING] * 3


async def test_a_lost_answer_is_paid_and_found_by_its_key() -> None:
    fake = FakeProvider(submission_recovery="key").lose_answer().succeed()
    with pytest.raises(SubmissionUncertain):
        await fake.submit(_submission())
    assert fake.accepted == ["job.1"]
    order = await _ordered(fake)
    assert fake.accepted == ["job.1"]
    assert isinstance(await fake.poll(order), Succeeded)


async def test_a_lost_answer_is_found_by_looking_it_up_once_it_shows() -> None:
    fake = FakeProvider(submission_recovery="lookup", lookup_lag=2).lose_answer().running().succeed()
    with pytest.raises(SubmissionUncertain):
        await fake.submit(_submission())
    found = [await fake.find("job.1") for _ in range(3)]
    assert found[:2] == [None, None]
    assert found[2] == Operation(id="order-job.1", state={"key": "job.1"})
    assert await fake.poll(found[2]) == RUNNING


@given(
    st.sampled_from(["key", "lookup", "none"]),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["answer", "lose", "refuse"])), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_what_was_accepted_is_counted_exactly(recovery: SubmissionRecovery, story: list[tuple[str, str]]) -> None:
    async def scene() -> None:
        fake, paid = FakeProvider(submission_recovery=recovery), list[str]()
        for key, what in story:
            known = recovery == "key" and key in paid
            match what:
                case _ if known:
                    pass
                case "lose":
                    fake.lose_answer().succeed()
                case "refuse":
                    fake.refuse(RateLimited("busy"))
                case _:
                    fake.succeed()
            if known or what == "answer":
                await fake.submit(_submission(key))
            else:
                with pytest.raises(NexiomError):
                    await fake.submit(_submission(key))
            if not known and what != "refuse":
                paid.append(key)
            fake._fates.clear()  # the last fate would serve further orders
        assert fake.accepted == paid

    asyncio.run(scene())


@pytest.mark.parametrize("asset", [Asset(data=b"clip"), Asset(url="https://x.example/1")], ids=["bytes", "address"])
async def test_an_answer_may_be_the_result_itself_and_repeats_with_its_key(asset: Asset) -> None:
    fake = FakeProvider(cost_usd=Decimal("0.40")).answer_at_once(data=asset.data, url=asset.url)
    answers = [await fake.submit(_submission()) for _ in range(2)]
    assert answers == [Succeeded(assets=(asset,), cost_usd=Decimal("0.40"))] * 2
    assert fake.accepted == ["job.1"]
    assert await _file(fake, asset) == (asset.data or sample_video())


async def test_even_an_answer_that_is_the_result_can_be_lost() -> None:
    fake = FakeProvider().lose_answer().answer_at_once(data=b"clip")
    with pytest.raises(SubmissionUncertain):
        await fake.submit(_submission())
    assert isinstance(await fake.submit(_submission()), Succeeded)
    assert fake.accepted == ["job.1"]


@pytest.mark.parametrize("operation", ["submit", "poll", "find", "fetch", "cancel"])
async def test_every_operation_can_explode(operation: str) -> None:
    fake = CancellableFakeProvider().explode(operation)
    order = Operation(id="order-job.1")
    call: dict[str, Callable[[], object]] = {
        "submit": lambda: fake.submit(_submission()),
        "poll": lambda: fake.poll(order),
        "find": lambda: fake.find("job.1"),
        "fetch": lambda: _file(fake, Asset(url="https://x.example/1")),
        "cancel": lambda: fake.cancel(order),
    }
    with pytest.raises(ValueError, match="defect"):
        await call[operation]()  # type: ignore[misc]
    assert fake.calls == [operation]


async def test_an_order_that_was_never_made_is_unknown() -> None:
    with pytest.raises(InvalidInput, match="nobody"):
        await FakeProvider().poll(Operation(id="nobody"))


async def test_the_cost_is_told_with_the_result() -> None:
    [end] = await _looks(FakeProvider(cost_usd=Decimal("0.37")).succeed(), 1)
    assert isinstance(end, Succeeded)
    assert end.cost_usd == Decimal("0.37")


async def test_the_file_is_the_sample_in_chunks() -> None:
    fake = FakeProvider().succeed()
    chunks = [chunk async for chunk in fake.fetch(await _result(fake))]
    assert len(chunks) > 1
    assert b"".join(chunks) == sample_video()


async def test_half_a_file_is_not_a_video(tmp_path: Path) -> None:
    fake, path = FakeProvider().half_file().succeed(), tmp_path / "half.mp4"
    path.write_bytes(await _file(fake, await _result(fake)))
    assert path.stat().st_size == len(sample_video()) // 2
    with pytest.raises(ResultInvalid):
        examined(path)


async def test_an_expired_result_is_not_served() -> None:
    fake = FakeProvider().expire_result().succeed()
    with pytest.raises(ResultExpired):
        await _file(fake, await _result(fake))


def test_the_sample_is_a_small_playable_clip_of_two_seconds_with_sound(tmp_path: Path) -> None:
    path = tmp_path / "sample.mp4"
    path.write_bytes(sample_video())
    found = examined(path).probe
    assert len(sample_video()) < 20_000
    assert (found.width, found.height, found.duration_seconds, found.frames_per_second) == (320, 180, 2, 24)
    assert (found.video_codec, found.has_audio, found.comment) == ("avc1", True, "nexiom_sdk test clip")


def test_the_sample_decodes_to_its_last_picture() -> None:
    with av.open(io.BytesIO(sample_video()), "r") as file:
        assert [stream.codec_context.name for stream in file.streams] == ["h264", "aac"]
        assert len(list(file.decode(video=0))) == 48


def test_the_card_says_what_tests_rely_on_and_can_be_changed() -> None:
    card = fake_card(typical_seconds=5)
    assert (card.model, card.durations_seconds, card.resolutions) == ("fake-1", (4, 6, 8), ("720p", "1080p"))
    assert (card.aspect_ratios, card.media) == (("16:9", "9:16", "1:1"), {"first_frame": 1, "last_frame": 1})
    assert (card.audio, card.prices[0].usd, card.min_poll_seconds) == ("optional", Decimal("0.10"), 1)
    assert (card.typical_seconds, fake_card().typical_seconds) == (5, 30)


async def test_a_cancelled_order_says_so() -> None:
    fake = CancellableFakeProvider().hang()
    order = await _ordered(fake)
    await fake.cancel(order)
    assert isinstance(await fake.poll(order), Cancelled)


async def test_it_can_be_too_late_to_cancel() -> None:
    fake = CancellableFakeProvider().running().succeed().too_late_to_cancel()
    order = await _ordered(fake)
    with pytest.raises(InvalidInput):
        await fake.cancel(order)
    assert [type(await fake.poll(order)) for _ in range(2)] == [Running, Succeeded]


async def test_it_calls_back_only_where_it_was_told_the_address() -> None:
    fake = CallbackFakeProvider().hang()
    told = await fake.submit(replace(_submission("job.1"), callback_url="https://hooks.example/fake"))
    untold = await fake.submit(_submission("job.2"))
    assert isinstance(told, Operation)
    assert isinstance(untold, Operation)
    assert (told.state.get("callback"), untold.state.get("callback")) == (True, None)
    assert fake.read_callback({}, b'{"id": "order-job.1"}') == (told.id, None)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"7", b"\xff"])
def test_a_callback_that_names_no_order_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        CallbackFakeProvider().read_callback({}, body)


ORDER_MANY = """
import asyncio, pathlib, sys
from nexiom_sdk.testing import FakeProvider
from nexiom_sdk.types import Submission, VideoSpec

async def main(ledger, name):
    fake, spec = FakeProvider(name, ledger=pathlib.Path(ledger)).succeed(), VideoSpec(model="fake-1", prompt="a fox")
    for number in range(50):
        await fake.submit(Submission(spec=spec, idempotency_key=f"{name}.{number}"))

asyncio.run(main(*sys.argv[1:]))
"""


def test_a_ledger_counts_the_orders_of_several_processes(tmp_path: Path) -> None:
    ledger, names = tmp_path / "ledger", ("one", "two")
    children = [subprocess.Popen([sys.executable, "-c", ORDER_MANY, str(ledger), name]) for name in names]
    assert [child.wait() for child in children] == [0, 0]
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert sorted(line["key"] for line in lines) == sorted(f"{name}.{n}" for name in names for n in range(50))
    assert {line["provider"] for line in lines} == {*names}


async def test_a_ledger_has_no_line_for_what_was_not_accepted(tmp_path: Path) -> None:
    fake = FakeProvider(ledger=tmp_path / "ledger").refuse(RateLimited("busy")).lose_answer().succeed()
    for error in (RateLimited, SubmissionUncertain):
        with pytest.raises(error):
            await fake.submit(_submission())
    await fake.submit(_submission())
    assert len((tmp_path / "ledger").read_text().splitlines()) == 1


def _studio(home: Path, fake: FakeProvider, clock: VirtualClock, repository: MemoryRepository) -> Studio:
    registry = ProviderRegistry(entry_points=[])
    registry.register(fake.name, lambda config, *, http=None: fake)
    return Studio(
        settings=Settings(home=home),
        repository=repository,
        store=MemoryStore(),
        registry=registry,
        policy=policy_over(f"{fake.name}/fake-1"),
        sinks=(),
        clock=clock,
    )


async def test_a_job_of_an_hour_takes_no_time(tmp_path: Path) -> None:
    clock = VirtualClock(auto=True)
    fake = FakeProvider("acme", clock=clock).running(after_seconds=0).succeed(after_seconds=3500)
    started = time.monotonic()
    async with _studio(tmp_path, fake, clock, MemoryRepository(clock=clock)) as studio:
        result = await studio.generate("a fox", duration_seconds=4)
    assert (result.job.status, fake.accepted) == ("completed", [result.job.order_key])
    assert clock.monotonic() >= 3500
    assert time.monotonic() - started < 20


async def test_two_engines_share_one_fake_and_what_it_accepted_outlives_the_first(tmp_path: Path) -> None:
    clock = VirtualClock(auto=True)
    fake = FakeProvider("acme", clock=clock).running(after_seconds=0).succeed(after_seconds=60)
    repository = MemoryRepository(clock=clock)
    first = _studio(tmp_path, fake, clock, repository)
    job = await first.submit(VideoRequest(prompt="a fox", duration_seconds=4))
    del first  # thrown away, not closed: as a process that dies
    async with _studio(tmp_path, fake, clock, repository) as second:
        result = await second.wait(job.id)
    assert (result.job.status, len(fake.accepted)) == ("completed", 1)
