from __future__ import annotations

import asyncio
from collections.abc import Callable

from batch_fake import BatchFake
from nexiom_sdk import JobStatus
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.events import WorkerTicked
from nexiom_sdk.jobs import JobQuery, Phase
from nexiom_sdk.testing import FakeProvider, VirtualClock, fake_card
from rig import Rig

RigOf = Callable[..., Rig]
QUICK = (fake_card(typical_seconds=0.001, min_poll_seconds=0.001),)


async def test_a_worker_finishes_every_due_job(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK)
    rig = rig_of(fake, time=SystemClock())
    for _ in range(25):
        fake.succeed()
        await rig.submitted()
    await _until_done(rig, 25)
    assert len(fake.accepted) == 25


async def test_two_workers_share_the_table_and_pay_once(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK)
    rig = rig_of(fake, time=SystemClock())
    for _ in range(20):
        fake.succeed()
        await rig.submitted()
    other = asyncio.create_task((second := rig.studio.worker(concurrency=4)).run())
    await _until_done(rig, 20)
    second.stop()
    await other
    assert sorted(fake.accepted) == sorted({*fake.accepted})


async def test_a_worker_looks_at_orders_that_are_due_together_in_shared_calls(rig_of: RigOf) -> None:
    fake = BatchFake(models=QUICK)
    rig = rig_of(fake, time=VirtualClock(auto=True))
    fake.running(3).succeed()
    for _ in range(20):
        await rig.submitted()
    await _until_done(rig, 20)
    looks = sum(map(len, fake.batches)) + fake.calls.count("alone")
    assert looks >= 60
    assert len(fake.batches) + fake.calls.count("alone") < looks / 2


async def test_once_returns_when_nothing_is_due(rig_of: RigOf) -> None:
    fake = FakeProvider("acme").hang()
    rig = rig_of(fake, time=SystemClock())
    job = await rig.submitted()
    await rig.studio.worker().run(once=True)
    assert (await rig.studio.get(job.id)).phase is Phase.WAITING


async def test_stopping_lets_running_steps_end(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", submission_recovery="none").hang()
    rig = rig_of(fake, time=SystemClock())
    submit, started, go_on = fake.submit, asyncio.Event(), asyncio.Event()

    async def slow(submission: object) -> object:
        started.set()
        await go_on.wait()
        return await submit(submission)  # type: ignore[arg-type]

    fake.submit = slow  # type: ignore[assignment, method-assign]
    job = await rig.submitted()
    running = asyncio.create_task((worker := rig.studio.worker()).run())
    await started.wait()
    worker.stop()
    go_on.set()
    await running
    assert (await rig.studio.get(job.id)).phase is Phase.WAITING


async def test_a_database_that_is_down_is_waited_for(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK).succeed()
    rig = rig_of(fake, time=_Hurried())
    job = await rig.submitted()
    claim, failures = rig.repository.claim, 3

    async def flaky(*, limit: int, lease_seconds: float, job_id: str | None = None) -> object:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise StorageUnavailable("The database is down.")
        return await claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)

    rig.repository.claim = flaky  # type: ignore[assignment, method-assign]
    await _until_done(rig, 1)
    assert (await rig.studio.get(job.id)).status is JobStatus.COMPLETED


async def test_a_defect_in_one_step_does_not_stop_the_others(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK)
    for _ in range(2):
        fake.succeed()
    rig = rig_of(fake, time=SystemClock())
    first, second = await rig.submitted(), await rig.submitted()
    step = rig.studio._engine.step

    async def broken(job: object, **how: object) -> object:
        if job.id == first.id:  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return await step(job, **how)  # type: ignore[arg-type]

    rig.studio._engine.step = broken  # type: ignore[assignment, method-assign]
    await _until_done(rig, 1)
    assert (await rig.studio.get(second.id)).status is JobStatus.COMPLETED


async def test_a_worker_tells_what_it_does(rig_of: RigOf) -> None:
    rig = rig_of(FakeProvider("acme").hang(), time=SystemClock())
    await rig.submitted()
    await rig.studio.worker().run(once=True)
    assert WorkerTicked(claimed=1, running=1) in rig.events


class _Hurried(SystemClock):
    """The machine's clock, with naps cut short."""

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(min(seconds, 0.01))


async def _until_done(rig: Rig, count: int) -> None:
    worker = rig.studio.worker(concurrency=8)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(60):
        done = JobQuery(status=JobStatus.COMPLETED, limit=100)
        while len(await rig.repository.list(done)) < count:
            await asyncio.sleep(0.01)
    worker.stop()
    await running
