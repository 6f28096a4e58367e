"""Whoever ordered goes on with that job: over an outage of the database, and told of the money where it stays away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from nexiom_sdk import GenerationJob, JobStatus, Settings, Studio, VideoRequest
from nexiom_sdk.backends.rows import unreadable
from nexiom_sdk.errors import NexiomError, StorageUnavailable
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.watching import AWAY_SECONDS
from rig import Pausing, Rig, factory_of, policy_over

RigOf = Callable[..., Rig]
ROWS = ("get", "claim", "save", "extend", "durations", "adopt_late_id")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(auto=True)


class Away:
    """Rows that are out of reach while a condition holds."""

    def __init__(self, rig: Rig, condition: Callable[[], bool], error: NexiomError | None = None) -> None:
        self.failed = 0
        self._condition, self._error = condition, error
        for name in ROWS:
            setattr(rig.repository, name, self._broken(getattr(rig.repository, name)))

    def _broken(self, real: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def broken(*args: object, **named: object) -> object:
            if self._condition():
                self.failed += 1
                raise self._error or StorageUnavailable("The database is down.")
            return await real(*args, **named)

        return broken


def _between(clock: VirtualClock, begin: float, end: float) -> Callable[[], bool]:
    return lambda: begin <= clock.monotonic() < end


@pytest.mark.parametrize("verb", ["wait", "generate", "watch"])
async def test_an_outage_while_somebody_waits_is_waited_for(
    verb: str, rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").running(3).succeed()
    rig = rig_of(fake)
    away = Away(rig, _between(clock, 12.0, 300.0))
    if verb == "generate":
        assert (await rig.studio.generate("a fox")).url
    else:
        job = await rig.submitted()
        if verb == "wait":
            await rig.studio.wait(job.id)
        else:
            shown = [row async for row in rig.studio.watch(job.id)]
            assert shown[-1].status is JobStatus.COMPLETED
    [job] = await rig.studio.jobs()
    assert (job.status, fake.calls.count("submit"), away.failed > 3) == (JobStatus.COMPLETED, 1, True)
    told = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert any("no jobs can be read" in text for text in told)
    assert any("can be read again" in text for text in told)


async def test_a_database_that_is_not_there_from_the_beginning_is_told_at_once(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    job = await rig.submitted()
    Away(rig, lambda: True)
    with pytest.raises(StorageUnavailable) as raised:
        await rig.studio.wait(job.id)
    assert (raised.value.job_id, clock.monotonic() < 1) == (job.id, True)


async def test_a_database_that_stays_away_is_told_with_the_job_and_how_to_go_on(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    Away(rig, _between(clock, 12.0, 1e9))
    with pytest.raises(StorageUnavailable) as raised:
        await rig.studio.generate("a fox")
    [job_id] = [key.partition(".")[0] for key in fake.accepted]
    error = raised.value
    assert error.job_id == job_id
    assert f"nexiom jobs watch {job_id}" in error.next_step
    assert "do not submit it again" in error.next_step
    assert AWAY_SECONDS <= clock.monotonic() < AWAY_SECONDS + 100


async def test_a_row_that_cannot_be_read_is_no_outage(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock, submission_recovery="none").hang())
    job = await rig.submitted()
    Away(rig, _between(clock, 12.0, 1e9), unreadable(job.id, "cost_usd is NaN."))
    with pytest.raises(StorageUnavailable, match="cannot be read: cost_usd"):
        await rig.studio.wait(job.id)
    assert clock.monotonic() < 100


@pytest.mark.parametrize("recovery", ["key", "lookup", "none"])
async def test_an_order_that_was_paid_and_not_written_down_is_told_as_that(
    recovery: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).hang()  # type: ignore[arg-type]
    rig = rig_of(fake)
    request = (await rig.submitted()).request
    away = True
    Away(rig, lambda: away and bool(fake.accepted))
    with pytest.raises(StorageUnavailable) as raised:
        await rig.studio.submit(request)
    error = raised.value
    [job_id] = [key.partition(".")[0] for key in fake.accepted]
    assert (error.job_id, error.charged) == (job_id, "yes")
    assert "has probably charged" in str(error)
    assert "do not submit it again" in str(error)
    away = False
    rig.later(seconds=61)
    assert (await rig.studio.advance(job_id)).phase is Phase.WAITING
    assert len(fake.accepted) == 1


async def test_an_uncertain_order_that_was_not_written_down_is_told_as_that(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer()
    rig = rig_of(fake)
    request = (await rig.submitted()).request
    Away(rig, lambda: bool(fake.accepted))
    with pytest.raises(StorageUnavailable) as raised:
        await rig.studio.submit(request)
    assert (raised.value.job_id is None, raised.value.charged) == (False, "unknown")


async def test_a_row_out_of_reach_before_anything_was_sent_speaks_of_no_money(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    request = (await rig.submitted()).request
    Away(rig, lambda: True)
    with pytest.raises(StorageUnavailable) as raised:
        await rig.studio.submit(request)
    assert (raised.value.job_id is None, raised.value.charged, fake.accepted) == (False, None, [])


async def test_a_look_that_cannot_be_written_down_says_that_the_order_is_paid(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    job = await rig.studio.submit((await rig.submitted()).request)
    rig.later(seconds=60)
    save = rig.repository.save

    async def away(*_: object, **__: object) -> bool:
        raise StorageUnavailable("The database is down.")

    rig.repository.save = away  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailable) as raised:
        await rig.studio.advance(job.id)
    assert raised.value.charged == "yes"
    rig.repository.save = save  # type: ignore[method-assign]


@pytest.mark.parametrize("left_by", ["break", "holding it"])
async def test_closing_a_studio_waits_for_the_paid_answer_of_a_watch_that_nobody_reads_on(
    left_by: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Pausing("acme", clock=clock, submission_recovery="none").pauses_at("submit").succeed()
    rig = rig_of(fake)
    job = await rig.submitted()
    held = rig.studio.watch(job.id) if left_by == "holding it" else None
    async for _ in held or rig.studio.watch(job.id):
        await fake.reached.wait()
        break
    closing = asyncio.create_task(rig.studio.aclose())
    for _ in range(20):  # also the loop's own end of a generator that was dropped
        await asyncio.sleep(0)
    assert not closing.done()
    fake.goes_on.set()
    await closing
    row = await rig.repository.get(job.id)
    assert row is not None
    assert (row.phase, row.provider_job_id is None, len(fake.accepted)) == (Phase.WAITING, False, 1)
    assert row.leased_until is None or row.leased_until <= clock.now()
    if held is not None:
        with pytest.raises(NexiomError, match="studio was closed while job"):
            await anext(held)


def test_an_order_that_cannot_be_repeated_outlives_a_plain_break_at_the_end_of_a_program(tmp_path: Path) -> None:
    fake = Pausing("acme", submission_recovery="none").pauses_at("submit").succeed()

    def studio() -> Studio:
        registry = ProviderRegistry(entry_points=[])
        registry.register("acme", factory_of(fake))
        policy = policy_over("acme/fake-1")
        return Studio(settings=Settings(home=tmp_path), registry=registry, policy=policy, sinks=())

    async def program() -> str:
        async with studio() as ours:
            job = await ours.submit(VideoRequest(prompt="a fox"), defer=True)
            async for _ in ours.watch(job.id):
                await fake.reached.wait()
                break
            asyncio.get_running_loop().call_later(0.05, fake.goes_on.set)
        return job.id

    async def row_of(job_id: str) -> GenerationJob:
        async with studio() as later:
            return await later.get(job_id)

    row = asyncio.run(row_of(asyncio.run(program())))
    assert (row.phase, row.provider_job_id is None, len(fake.accepted)) == (Phase.WAITING, False, 1)


async def test_a_wait_in_another_task_ends_with_an_error_that_says_that_the_studio_was_closed(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Pausing("acme", clock=clock, submission_recovery="none").pauses_at("submit").succeed()
    rig = rig_of(fake)
    job = await rig.submitted()
    waiting = asyncio.create_task(rig.studio.wait(job.id))
    await fake.reached.wait()
    closing = asyncio.create_task(rig.studio.aclose())
    await asyncio.sleep(0)
    fake.goes_on.set()
    await closing
    with pytest.raises(NexiomError, match="studio was closed while job") as raised:
        await waiting
    assert raised.value.job_id == job.id
    assert len(fake.accepted) == 1


async def test_a_wait_that_is_between_two_steps_takes_no_other_once_the_studio_is_closed(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock).hang()
    rig = rig_of(fake)
    job = await rig.submitted()
    async for row in rig.studio.watch(job.id):
        if row.phase is Phase.WAITING:
            break
    waiting = asyncio.create_task(rig.studio.wait(job.id))
    while "poll" not in fake.calls or rig.studio._watches.steps:
        await asyncio.sleep(0)
    await rig.studio.aclose()
    looks = fake.calls.count("poll")
    with pytest.raises(NexiomError, match="studio was closed while job"):
        await asyncio.wait_for(waiting, 10)
    assert fake.calls.count("poll") == looks
    assert (await rig.studio.get(job.id)).phase is Phase.WAITING  # what is called later opens what it needs


async def test_a_machine_ahead_of_the_rows_clock_asks_once_a_second_for_a_job_that_is_not_due(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    job = await rig.step(await rig.submitted())
    assert (job.run_at - clock.now()).total_seconds() > 6
    rig.studio._desk._ahead = timedelta(seconds=600)
    claims, claim, end = 0, rig.repository.claim, clock.monotonic() + 5

    async def counted(**named: object) -> object:
        nonlocal claims
        if clock.monotonic() >= end:
            raise NexiomError("Enough.")
        claims += 1
        return await claim(**named)  # type: ignore[arg-type]

    rig.repository.claim = counted  # type: ignore[method-assign,assignment]
    with pytest.raises(NexiomError, match="Enough"):
        await rig.studio.wait(job.id)
    assert 2 <= claims <= 7
