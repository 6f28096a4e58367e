from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine

import pytest
from typer.main import get_command

from batch_fake import BatchFake
from nexiom_sdk import JobStatus, Studio
from nexiom_sdk.cli.app import app
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.events import WorkerDraining, WorkerTicked
from nexiom_sdk.phases import Phase
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.testing import FakeProvider, VirtualClock, fake_card
from nexiom_sdk.worker import FULL_SECONDS, Worker
from nexiom_sdk.worker_defaults import DRAIN_SECONDS, STEPS_AT_ONCE
from rig import Pausing, Rig

RigOf = Callable[..., Rig]
QUICK = (fake_card(typical_seconds=0.001, min_poll_seconds=0.001),)


async def test_a_worker_finishes_every_due_job(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK, submission_recovery="none")
    rig = rig_of(fake, time=SystemClock())
    for _ in range(25):
        fake.succeed()
        await rig.submitted()
    await _until_done(rig, 25)
    assert len(fake.accepted) == 25


async def test_two_workers_share_the_table_and_pay_once(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK, submission_recovery="none")
    rig = rig_of(fake, time=SystemClock())
    for _ in range(20):
        fake.succeed()
        await rig.submitted()
    other = asyncio.create_task((second := rig.studio.worker(concurrency=4)).run())
    await _until_done(rig, 20)
    second.stop()
    await other
    assert len(fake.accepted) == len({*fake.accepted}) == 20


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
    fake = Pausing("acme", submission_recovery="none").pauses_at("submit").hang()
    rig = rig_of(fake, time=SystemClock())
    job = await rig.submitted()
    running = asyncio.create_task((worker := rig.studio.worker()).run())
    await fake.reached.wait()
    worker.stop()
    fake.goes_on.set()
    await running
    assert (await rig.studio.get(job.id)).phase is Phase.WAITING


async def test_steps_that_do_not_end_in_time_are_cut_short_and_another_worker_goes_on_at_once(
    rig_of: RigOf, caplog: pytest.LogCaptureFixture
) -> None:
    fake = Pausing("acme", models=QUICK).pauses_at("poll").hang()
    rig = rig_of(fake, time=SystemClock())
    job = await rig.submitted()
    running = asyncio.create_task((worker := rig.studio.worker(drain_seconds=0.05)).run())
    await fake.reached.wait()
    worker.stop()
    async with asyncio.timeout(5):
        await running
    await asyncio.sleep(0.001)
    [claimed] = await rig.repository.claim(limit=1, lease_seconds=60)
    assert claimed.id == job.id
    [drained] = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert "1 looks and files did not end in time and are cut short" in drained.getMessage()


async def test_an_order_whose_answer_could_not_be_had_again_is_waited_for_and_spoken_of(
    rig_of: RigOf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexiom_sdk.worker.RELEASE_SECONDS", 0.02)
    fake = Pausing("acme", submission_recovery="none").pauses_at("submit").hang()
    rig = rig_of(fake, time=SystemClock())
    job = await rig.submitted()
    running = asyncio.create_task((worker := rig.studio.worker(drain_seconds=0.02)).run())
    await fake.reached.wait()
    worker.stop()
    await asyncio.wait({running}, timeout=0.3)
    assert not running.done()
    assert _actions(caplog) == ["draining", "kept_waiting"]
    warned = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one.__dict__["job_id"] for one in warned] == [job.id, job.id]
    assert "are cut short" not in caplog.text  # nobody else may go on with it
    assert "its order is on the way" in warned[-1].getMessage()
    fake.goes_on.set()
    await running
    assert (await rig.studio.get(job.id)).phase is Phase.WAITING


async def test_a_database_that_hangs_does_not_keep_a_worker_from_ending(
    rig_of: RigOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexiom_sdk.engine.RELEASE_SECONDS", 0.05)
    fake = FakeProvider("acme", models=QUICK).hang()
    rig = rig_of(fake, time=SystemClock())
    for _ in range(20):
        await rig.submitted()
    looking = asyncio.Semaphore(0)

    async def deaf(*_: object, **__: object) -> None:
        looking.release()
        await asyncio.Event().wait()

    fake.poll = deaf  # type: ignore[assignment, method-assign]
    running = asyncio.create_task((worker := rig.studio.worker(drain_seconds=0.05)).run())
    await looking.acquire()
    rig.repository.extend = deaf  # type: ignore[assignment, method-assign]
    worker.stop()
    async with asyncio.timeout(3):
        await running


async def test_a_look_that_hangs_does_not_keep_a_worker_from_ending(
    rig_of: RigOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexiom_sdk.worker.LOOK_PATIENCE_SECONDS", 0.05)
    rig = rig_of(FakeProvider("acme").hang(), time=SystemClock())
    looking = asyncio.Event()

    async def deaf(**_: object) -> None:
        looking.set()
        await asyncio.Event().wait()

    rig.repository.claim = deaf  # type: ignore[assignment, method-assign]
    running = asyncio.create_task((worker := rig.studio.worker()).run())
    await looking.wait()
    worker.stop()
    async with asyncio.timeout(3):
        await running


def test_the_number_of_steps_and_the_time_to_end_are_the_same_wherever_they_are_not_given() -> None:
    for made in (Worker, Studio.worker):
        defaults = {name: one.default for name, one in inspect.signature(made).parameters.items()}
        assert (defaults["concurrency"], defaults["drain_seconds"]) == (STEPS_AT_ONCE, DRAIN_SECONDS)
    options: list[object] = getattr(get_command(app), "commands", {})["worker"].params
    defaults = {str(getattr(one, "name", "")): getattr(one, "default", None) for one in options}
    assert (defaults["concurrency"], defaults["drain_seconds"]) == (STEPS_AT_ONCE, DRAIN_SECONDS)


async def test_a_database_that_is_down_is_waited_for_and_spoken_of_when_it_goes_and_comes(
    rig_of: RigOf, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeProvider("acme", models=QUICK).succeed()
    rig = rig_of(fake, time=_Hurried())
    job = await rig.submitted()
    _break(rig, looks=5)
    await _until_done(rig, 1)
    assert (await rig.studio.get(job.id)).status is JobStatus.COMPLETED
    assert _actions(caplog) == ["no_rows", "rows_again"]


async def test_a_look_for_cron_does_not_wait_for_a_database_that_is_down(rig_of: RigOf) -> None:
    rig = rig_of(FakeProvider("acme").hang(), time=SystemClock())
    await rig.submitted()
    _break(rig, looks=1)
    with pytest.raises(StorageUnavailable, match="is down"):
        await rig.studio.worker().run(once=True)
    await rig.studio.worker().run(once=True)


async def test_a_worker_without_a_free_step_still_shows_that_it_reaches_the_table(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK)
    clock = VirtualClock(auto=True)
    rig = rig_of(fake, time=clock)

    async def slow(submission: object) -> object:
        await clock.sleep(3600)
        raise StorageUnavailable("enough")

    fake.submit = slow  # type: ignore[assignment, method-assign]
    for _ in range(3):
        await rig.submitted()
    running = asyncio.create_task((worker := rig.studio.worker(concurrency=2)).run())
    await clock.sleep(60)
    worker.stop()
    await running
    ticks = [one for one in rig.events if isinstance(one, WorkerTicked)]
    assert sum(one.claimed for one in ticks) == 2
    assert 6 <= len(ticks) <= 8


async def test_a_worker_without_a_free_step_says_how_long_the_oldest_job_has_been_waiting(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK)
    clock = VirtualClock(auto=True)
    rig = rig_of(fake, time=clock)

    async def slow(submission: object) -> object:
        await clock.sleep(3600)
        raise StorageUnavailable("enough")

    fake.submit = slow  # type: ignore[assignment, method-assign]
    await rig.submitted()
    await rig.submitted()
    running = asyncio.create_task((worker := rig.studio.worker(concurrency=1)).run())
    await clock.sleep(35)
    worker.stop()
    await running
    waited = [one.oldest_due_seconds for one in rig.events if isinstance(one, WorkerTicked)]
    assert 29 < max(waited) < 36


async def test_of_a_claim_the_job_that_waited_longest_is_told(rig_of: RigOf) -> None:
    clock = VirtualClock(auto=True)
    rig = rig_of(FakeProvider("acme", models=QUICK).hang(), time=clock)
    for _ in range(3):
        await rig.submitted()
        await clock.sleep(10)
    await rig.studio.worker().run(once=True)
    first = next(one for one in rig.events if isinstance(one, WorkerTicked))
    assert (first.claimed, round(first.oldest_due_seconds)) == (3, 30)


async def test_a_long_queue_is_claimed_batch_after_batch_without_a_rest(rig_of: RigOf) -> None:
    clock = VirtualClock(auto=True)
    rig = rig_of(FakeProvider("acme", models=QUICK).hang(), time=clock)
    for _ in range(35):
        await rig.submitted()
    asleep, seen = clock.monotonic(), list[tuple[int, float]]()
    claim = rig.repository.claim

    async def noted(*, limit: int, lease_seconds: float, job_id: str | None = None) -> object:
        claimed = await claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)
        seen.append((len(claimed), clock.monotonic() - asleep))
        return claimed

    rig.repository.claim = noted  # type: ignore[assignment, method-assign]
    running = asyncio.create_task((worker := rig.studio.worker()).run())
    await clock.sleep(0.04)
    worker.stop()
    await running
    assert [count for count, _ in seen[:4]] == [10, 10, 10, 5]
    assert max(at for _, at in seen[:4]) < 0.04


async def test_what_was_left_here_that_cannot_be_put_right_holds_neither_the_jobs_nor_the_end_up(rig_of: RigOf) -> None:
    """As when the row of a kept answer is locked."""
    fake = FakeProvider("acme", models=QUICK)
    rig = rig_of(fake, time=SystemClock())
    for _ in range(20):
        fake.succeed()
        await rig.submitted()
    begun = asyncio.Event()

    async def stuck() -> None:
        begun.set()
        await asyncio.Event().wait()

    rig.studio._engine.recover = stuck  # type: ignore[method-assign]
    async with asyncio.timeout(30):
        await _until_done(rig, 20)
    assert begun.is_set()


async def test_a_run_for_cron_puts_right_what_was_left_here_before_it_ends(rig_of: RigOf) -> None:
    rig = rig_of(FakeProvider("acme"), time=SystemClock())
    ended = asyncio.Event()

    async def slow() -> None:
        await asyncio.sleep(0.05)
        ended.set()

    rig.studio._engine.recover = slow  # type: ignore[method-assign]
    await rig.studio.worker().run(once=True)
    assert ended.is_set()


async def test_a_worker_that_ends_says_so_again_and_again_while_steps_run(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK, submission_recovery="none")
    clock = VirtualClock(auto=True)
    rig = rig_of(fake, time=clock)
    started = asyncio.Event()

    async def slow(submission: object) -> object:
        started.set()
        await clock.sleep(25)
        raise StorageUnavailable("enough")

    fake.submit = slow  # type: ignore[assignment, method-assign]
    await rig.submitted()
    running = asyncio.create_task((worker := rig.studio.worker()).run())
    await started.wait()
    worker.stop()
    await running
    told = [one.running for one in rig.events if isinstance(one, WorkerDraining)]
    assert told == [1, 1, 1]


async def test_what_comes_due_while_there_is_work_is_claimed_soon_and_together(rig_of: RigOf) -> None:
    clock = VirtualClock(auto=True)
    rig = rig_of(
        FakeProvider("acme", models=(fake_card(min_poll_seconds=10, typical_seconds=0.001),)).hang(), time=clock
    )
    running = asyncio.create_task((worker := rig.studio.worker()).run())
    for _ in range(120):  # one comes due about every 0.1 s
        await rig.submitted()
        await clock.sleep(10 / 120)
    await clock.sleep(50)
    worker.stop()
    await running
    busy = [one for one in rig.events if isinstance(one, WorkerTicked) and one.claimed]
    claimed = sum(one.claimed for one in busy)
    assert claimed / len(busy) > 2
    assert 0.05 < sum(one.claimed * one.oldest_due_seconds for one in busy) / claimed < 0.4


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
    [tick] = [one for one in rig.events if isinstance(one, WorkerTicked) and one.claimed]
    assert (tick.claimed, tick.running) == (1, 1)
    assert 0 <= tick.oldest_due_seconds < 30


def _actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log says from warnings on."""
    return [one.__dict__["action"] for one in caplog.records if one.levelno >= logging.WARNING]


def _break(rig: Rig, *, looks: int) -> None:
    """Let the next looks at the table fail."""
    claim = rig.repository.claim

    async def flaky(*, limit: int, lease_seconds: float, job_id: str | None = None) -> object:
        nonlocal looks
        looks -= 1
        if looks >= 0:
            raise StorageUnavailable("The database is down.")
        return await claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)

    rig.repository.claim = flaky  # type: ignore[assignment, method-assign]


class _Hurried(SystemClock):
    """The machine's clock, with naps cut short; it counts those of a full worker that nothing runs in."""

    def __init__(self) -> None:
        super().__init__()
        self.busy: Callable[[], bool] = lambda: True
        self.idle_naps = 0

    def sleep(self, seconds: float, /) -> Coroutine[None, None, None]:
        self.idle_naps += seconds == FULL_SECONDS and not self.busy()
        return asyncio.sleep(min(seconds, 0.01))


async def _until_done(rig: Rig, count: int) -> None:
    worker = rig.studio.worker(concurrency=8)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(60):
        done = JobQuery(status=JobStatus.COMPLETED, limit=100)
        while len(await rig.repository.list(done)) < count:
            await asyncio.sleep(0.01)
    worker.stop()
    await running


async def test_a_full_worker_whose_steps_end_while_it_looks_at_the_table_goes_on(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", models=QUICK)
    for _ in range(5):
        fake.succeed()
    rig = rig_of(fake, time=(clock := _Hurried()))
    for _ in range(5):
        await rig.submitted()
    worker = rig.studio.worker(concurrency=1)
    clock.busy = lambda: bool(worker._steps)
    look = rig.repository.list

    async def slow(query: JobQuery) -> object:
        seen = await look(query)
        while worker._steps:  # the look lasts until the last step has ended
            await asyncio.sleep(0.001)
        return seen

    rig.repository.list = slow  # type: ignore[assignment, method-assign]
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(60):
        while len(await look(JobQuery(status=JobStatus.COMPLETED))) < 5:
            assert not running.done()
            await asyncio.sleep(0.01)
    worker.stop()
    await running
    assert clock.idle_naps == 0


async def test_a_repository_with_a_defect_does_not_end_a_worker(rig_of: RigOf) -> None:
    rig = rig_of(FakeProvider("acme", models=QUICK).succeed(), time=_Hurried())
    job = await rig.submitted()
    claim, failures = rig.repository.claim, [ValueError("a defect"), RecursionError("another one")]

    async def flaky(*, limit: int, lease_seconds: float, job_id: str | None = None) -> object:
        if failures:
            raise failures.pop()
        return await claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)

    rig.repository.claim = flaky  # type: ignore[assignment, method-assign]
    await _until_done(rig, 1)
    assert (await rig.studio.get(job.id)).status is JobStatus.COMPLETED
