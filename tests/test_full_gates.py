"""A provider whose calls hang: what waits for a place there spends nothing, ends nothing, and holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from nexiom_sdk import GenerationJob, JobStatus, Settings, Studio
from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.types import Operation, SubmissionRecovery
from rig import Pausing, Rig, policy_over

RigOf = Callable[..., Rig]
PLACES = 8


async def _settled(rounds: int = 50) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


async def _taken(rig: Rig, fake: Pausing) -> list[asyncio.Task[GenerationJob]]:
    """Every place at the gate is taken by a look that hangs."""
    jobs = [await rig.step(await rig.submitted(prompt=f"job {number}")) for number in range(PLACES)]
    fake.pauses_at("submit", "poll")
    rig.later(seconds=120)
    looks = [asyncio.create_task(rig.studio.advance(job.id)) for job in jobs]
    await _settled()
    return looks


async def _gone_on(fake: Pausing, looks: Sequence[asyncio.Task[GenerationJob]]) -> None:
    fake.pauses_at()
    fake.goes_on.set()
    await asyncio.gather(*looks)


async def _passes(clock: VirtualClock, seconds: float) -> None:
    end = clock.monotonic() + seconds
    while clock.monotonic() < end:
        await _settled()
        clock.advance(min(clock.until_next() or seconds, end - clock.monotonic()))
    await _settled()


async def test_no_intent_is_committed_while_a_step_waits_for_a_place(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = Pausing(clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    looks = await _taken(rig, fake)
    job = await rig.submitted()
    step = asyncio.create_task(rig.studio.advance(job.id))
    await _passes(clock, 5)
    row = await rig.studio.get(job.id)
    assert (row.phase, row.submit_started_at) == (Phase.QUEUED, None)
    assert not step.done()
    await _gone_on(fake, looks)
    assert (await step).phase is Phase.WAITING
    assert len(fake.accepted) == PLACES + 1


async def test_an_order_that_gets_no_place_is_put_back_and_counts_as_no_attempt(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake, other = Pausing(clock=clock, submission_recovery="none").hang(), FakeProvider("bolt", clock=clock).succeed()
    rig = rig_of(fake, other)
    looks = await _taken(rig, fake)
    job = await rig.submitted()
    for _ in range(5):
        step = asyncio.create_task(rig.studio.advance(job.id))
        await _passes(clock, 11)
        row = await step
        assert (row.phase, row.status, row.attempts, row.order_no) == (Phase.QUEUED, JobStatus.PENDING, 0, 0)
        assert "acme is busy" in str(row.provider_metadata["trouble"])
        assert 0 < (row.run_at - row.updated_at).total_seconds() < 10
        rig.later(seconds=10)
    await _gone_on(fake, looks)
    assert (await rig.step(job)).phase is Phase.WAITING
    assert fake.accepted.count(f"{job.id}.0") == 1
    assert other.calls == []


async def test_a_worker_that_lost_its_lease_at_the_gate_does_not_order_after_another_one_did(
    rig_of: RigOf, clock: VirtualClock, tmp_path: Path
) -> None:
    """The story that paid twice: intent, a long wait for a place, the lease lost, another worker orders, the place."""
    fake = Pausing(clock=clock, submission_recovery="lookup").hang()
    rig = rig_of(fake)
    looks = await _taken(rig, fake)
    job = await rig.submitted()
    extend = rig.repository.extend

    async def cut_off(job_id: str, /, *, fence: int, seconds: float) -> bool:
        if (job_id, fence) == (job.id, 1) and clock.monotonic() > since + 1:
            raise StorageUnavailable("the first worker no longer reaches the database")
        return await extend(job_id, fence=fence, seconds=seconds)

    since = clock.monotonic()
    rig.repository.extend = cut_off  # type: ignore[method-assign]
    first = asyncio.create_task(rig.studio.advance(job.id))
    await _passes(clock, 90)
    fake.pauses_at()  # for whoever calls now; what hangs goes on hanging
    other = _second_worker(rig, fake, clock, tmp_path)
    for _ in range(20):
        row = await rig.studio.get(job.id)
        rig.later(seconds=max((row.due_at - clock.now()).total_seconds(), 0) + 60)
        await other.advance(job.id)
        if f"{job.id}.0" in fake.accepted:
            break
    await _gone_on(fake, looks)
    await asyncio.gather(first, return_exceptions=True)
    assert fake.accepted.count(f"{job.id}.0") == 1


def _second_worker(rig: Rig, fake: FakeProvider, clock: Clock, home: Path) -> Studio:
    registry = ProviderRegistry(entry_points=[])
    registry.register(fake.name, lambda config, *, http=None: fake)
    return Studio(
        settings=Settings(home=home / "other"),
        repository=rig.repository,
        store=rig.store,
        registry=registry,
        policy=policy_over("acme/fake-1"),
        sinks=[],
        clock=clock,
    )


@pytest.mark.parametrize("recovery", ["key", "lookup", "none"])
async def test_a_database_that_takes_the_intent_too_late_stops_the_order(
    recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).succeed()
    rig = rig_of(fake)
    job = await rig.submitted()
    save = rig.repository.save

    async def slow(row: GenerationJob, /, *, fence: int) -> bool:
        if row.phase is Phase.SUBMITTING:
            rig.repository.save = save  # type: ignore[method-assign]
            clock.advance(31)  # more than half of the lease
        return await save(row, fence=fence)

    rig.repository.save = slow  # type: ignore[method-assign]
    row = await rig.studio.advance(job.id)
    assert (row.phase, fake.calls) == (Phase.QUEUED, [])
    assert (await rig.steps(row)).status is JobStatus.COMPLETED


async def test_an_order_that_is_sent_again_by_its_key_is_not_sent_by_who_lost_the_job(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Pausing(clock=clock, submission_recovery="key").hang()
    rig = rig_of(fake)
    job = await rig.left_in_submitting(await rig.submitted())
    looks = await _taken(rig, fake)
    step = asyncio.create_task(rig.studio.advance(job.id))
    await _passes(clock, 1)
    row = await rig.studio.get(job.id)
    await rig.repository.extend(job.id, fence=row.fence, seconds=0)
    rig.later(seconds=1)
    assert await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
    await _gone_on(fake, looks)
    assert (await step).phase is Phase.SUBMITTING
    assert f"{job.id}.0" not in fake.accepted


async def test_an_order_that_is_sent_again_by_its_key_keeps_its_attempts_at_a_full_gate(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Pausing(clock=clock, submission_recovery="key").hang()
    rig = rig_of(fake)
    job = await rig.left_in_submitting(await rig.submitted())
    looks = await _taken(rig, fake)
    step = asyncio.create_task(rig.studio.advance(job.id))
    await _passes(clock, 11)
    row = await step
    assert (row.phase, row.attempts, row.leased_until) == (Phase.SUBMITTING, 0, None)
    await _gone_on(fake, looks)


@pytest.mark.parametrize("deadline", [None, 60.0, 10.0], ids=["none", "reached", "long ago"])
async def test_a_look_that_gets_no_place_gives_up_nothing(
    deadline: float | None, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Pausing(clock=clock).hang()
    rig = rig_of(fake, job_deadline_seconds=deadline)
    job = await rig.step(await rig.submitted(prompt="the one that waits"))
    looks = await _taken(rig, fake)
    rig.later(hours=25 if deadline == 10.0 else 0)
    row = await asyncio.create_task(_while(clock, rig.studio.advance(job.id), 11))
    assert row.phase is Phase.WAITING
    if deadline is None:
        assert (row.status, row.attempts) == (JobStatus.PROCESSING, 1)
    await _gone_on(fake, looks)


async def _while(clock: VirtualClock, step: Awaitable[GenerationJob], seconds: float) -> GenerationJob:
    going = asyncio.ensure_future(step)
    await _passes(clock, seconds)
    return await going


async def test_an_uncertain_order_that_cannot_even_be_asked_for_is_not_given_up(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Pausing(clock=clock, submission_recovery="lookup").hang()
    rig = rig_of(fake, job_deadline_seconds=600)
    looks = await _taken(rig, fake)
    job = await rig.left_in_submitting(await rig.submitted())
    rig.later(seconds=3600)
    row = await _while(clock, rig.studio.advance(job.id), 11)
    assert row.phase is Phase.SUBMITTING
    await _gone_on(fake, looks)
    assert (await rig.step(row)).phase is Phase.QUEUED


async def test_a_cancel_that_gets_no_place_is_asked_for_again(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = Pausing(clock=clock).hang()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted(prompt="the one that is cancelled"))
    looks = await _taken(rig, fake)
    row = await _while(clock, rig.studio.cancel(job.id), 11)
    assert (row.phase, "cancel" in row.provider_metadata) == (Phase.WAITING, False)
    await _gone_on(fake, looks)
    assert (await rig.steps(row)).error_code == "cancelled"


async def test_a_look_that_began_before_the_settle_time_does_not_say_that_an_order_was_never_taken(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="lookup").succeed()
    rig = rig_of(fake)
    job = await rig.left_in_submitting(await rig.submitted())
    rig.later(seconds=200)
    find = fake.find

    async def slow(reference: str, /) -> Operation | None:
        found = await find(reference)
        clock.advance(50)
        return found

    fake.find = slow  # type: ignore[method-assign]
    assert (await rig.studio.advance(job.id)).phase is Phase.SUBMITTING


async def test_a_provider_that_hangs_does_not_keep_a_worker_from_serving_the_others(tmp_path: Path) -> None:
    clock = VirtualClock(auto=True)
    fake, other = Pausing(clock=clock).hang(), FakeProvider("bolt", clock=clock).running(1).succeed()
    rig = Rig(tmp_path, clock, (fake, other), {}, None)
    jobs = [await rig.submitted(provider="acme", prompt=str(number)) for number in range(100)]
    for job in jobs:
        await rig.studio.advance(job.id)
    fake.pauses_at("submit", "poll")
    clock.advance(600)
    single = await rig.submitted(provider="bolt")
    worker = rig.studio.worker(concurrency=16)
    working = asyncio.create_task(worker.run())
    begun = clock.monotonic()
    while not other.accepted:
        await asyncio.sleep(0)
        assert clock.monotonic() - begun < 600
    assert clock.monotonic() - begun < 30
    assert (await rig.studio.get(jobs[-1].id)).phase is Phase.WAITING
    fake.pauses_at()
    fake.goes_on.set()
    worker.stop()
    await working
    assert (await rig.studio.get(single.id)).provider == "bolt"
