"""What was paid for is never lost: answers that came while the database was down, and what a dead process left."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nexiom_sdk import GenerationJob, JobStatus, moves
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.disk import LEFTOVER_SECONDS
from nexiom_sdk.errors import StorageUnavailable, SubmissionUncertain
from nexiom_sdk.kept_answers import KeptAnswer, KeptAnswers
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import CancellableFakeProvider, FakeProvider, VirtualClock, sample_video
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.types import Operation, Poll, Submission, SubmissionRecovery, Succeeded
from rig import Rig

RigOf = Callable[..., Rig]
RECOVERIES: tuple[SubmissionRecovery, ...] = ("key", "lookup", "none")


class Outage:
    """The database cannot be written from the moment at which the provider has answered."""

    def __init__(self, rig: Rig, fake: FakeProvider, fails: int = 10**9) -> None:
        self.rig, self.fake, self.fails = rig, fake, fails
        self.names = ("save", "adopt_late_id", "claim", "extend", "durations", "get")
        self.real = {name: getattr(rig.repository, name) for name in self.names}
        for name in self.names:
            setattr(rig.repository, name, self._broken(name))

    def over(self) -> None:
        for name, real in self.real.items():
            setattr(self.rig.repository, name, real)

    def _broken(self, name: str) -> Callable[..., Awaitable[object]]:
        async def broken(*args: object, **named: object) -> object:
            if self.fake.accepted and self.fails > 0:
                self.fails -= 1
                raise StorageUnavailable("The database is down.")
            return await self.real[name](*args, **named)

        return broken


def _kept(rig: Rig) -> list[Path]:
    folder = rig.studio.settings.spool / "answers"
    return sorted(folder.iterdir()) if folder.exists() else []


async def _ordered_in_an_outage(rig: Rig, fake: FakeProvider) -> GenerationJob:
    """The answer to the order came, and the row could not be written for as long as the step tried."""
    job = await rig.submitted(prompt="CANARY-PROMPT")
    outage = Outage(rig, fake)
    step = asyncio.create_task(rig.studio._engine.advance(job.id))
    while not step.done():
        await asyncio.sleep(0.001)
        rig.clock.advance(rig.clock.until_next() or 0.0)
    with pytest.raises(StorageUnavailable):
        step.result()
    outage.over()
    return await rig.studio.get(job.id)


@pytest.mark.parametrize("recovery", RECOVERIES)
async def test_an_answer_is_recorded_by_the_step_that_got_it_when_the_database_comes_back(
    recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).running(1).succeed()
    rig = rig_of(fake)
    Outage(rig, fake, fails=4)
    row = await rig.step(await rig.submitted())
    assert (row.phase, row.provider_job_id) == (Phase.WAITING, f"order-{row.order_key}")
    assert row.operation is not None
    assert row.operation.state == {"key": row.order_key}
    assert _kept(rig) == []
    assert (await rig.steps(row)).status is JobStatus.COMPLETED
    assert len(fake.accepted) == 1


@pytest.mark.parametrize("recovery", RECOVERIES)
async def test_an_answer_that_outlives_its_step_is_used_before_the_order_is_settled(
    recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery, lookup_lag=99).running(1).succeed()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    assert (row.phase, row.provider_job_id) == (Phase.SUBMITTING, None)
    [file] = _kept(rig)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert set(json.loads(file.read_bytes())) == {
        "job_id", "order_no", "provider", "provider_job_id", "state", "warnings",
    }  # fmt: skip
    assert "CANARY" not in file.read_text()
    row = await rig.step(row)
    assert (row.phase, row.provider_job_id, _kept(rig)) == (Phase.WAITING, f"order-{row.order_key}", [])
    assert row.operation is not None
    assert row.operation.state == {"key": row.order_key}
    assert fake.calls == ["submit"]
    assert (await rig.steps(row)).status is JobStatus.COMPLETED


async def test_an_answer_is_used_even_where_another_machine_put_the_order_back(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="lookup", lookup_lag=99).succeed()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    rig.later(seconds=300)
    [claimed] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=row.id)
    assert await rig.repository.save(moves.unsent(claimed, run_at=clock.now(), attempts=0), fence=claimed.fence)
    row = await rig.step(row)
    assert (row.phase, fake.accepted) == (Phase.WAITING, [row.order_key])


@pytest.mark.parametrize("by", ["worker", "advance"])
async def test_a_job_that_another_machine_gave_up_as_uncertain_is_revived(
    by: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    rig.later(seconds=300)
    [claimed] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=row.id)
    given_up = moves.unknown(claimed, SubmissionUncertain("its answer was lost"), now=clock.now())
    assert await rig.repository.save(given_up, fence=claimed.fence)
    await (rig.studio.worker().run(once=True) if by == "worker" else rig.studio.advance(row.id))
    row = await rig.studio.get(row.id)
    assert (row.phase, row.error_code, _kept(rig)) == (Phase.WAITING, None, [])
    assert (await rig.steps(row)).status is JobStatus.COMPLETED
    assert len(fake.accepted) == 1


async def test_a_worker_that_is_stopped_during_an_outage_leaves_the_answer(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    job = await rig.submitted()
    outage = Outage(rig, fake)
    step = asyncio.create_task(rig.studio._engine.advance(job.id))
    while not _kept(rig):
        await asyncio.sleep(0.001)
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    outage.over()
    assert len(_kept(rig)) == 1
    await rig.studio._engine.recover()
    assert (await rig.studio.get(job.id)).phase is Phase.WAITING


async def test_a_second_order_that_was_kept_is_told_and_stopped(
    rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = CancellableFakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    assert await rig.repository.adopt_late_id(row.id, 0, "acme", "somebody-elses")
    with caplog.at_level(logging.ERROR):
        await rig.studio._engine.recover()
    assert f"also took order order-{row.order_key}" in caplog.text
    assert (fake.calls, _kept(rig)) == (["submit", "cancel"], [])


async def test_an_order_that_another_job_holds_is_not_stopped(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = CancellableFakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    other = await rig.submitted(prompt="another")
    assert await rig.repository.adopt_late_id(other.id, 0, "acme", f"order-{row.order_key}")
    await rig.studio._engine.recover()
    assert (fake.calls, _kept(rig)) == (["submit"], [])


async def test_an_answer_to_a_job_of_another_database_is_left_alone(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = CancellableFakeProvider("acme", clock=clock)
    rig = rig_of(fake)
    kept = KeptAnswers(folder=rig.studio.settings.spool / "answers")
    await kept.keep(KeptAnswer(job_id="elsewhere", order_no=0, provider="acme", provider_job_id="o1", state={}))
    await rig.studio._engine.recover()
    assert (len(_kept(rig)), fake.calls) == (1, [])


@pytest.mark.parametrize("kind", ["data", "url"])
@pytest.mark.parametrize("fails", [3, None], ids=["short outage", "long outage"])
async def test_a_video_that_was_the_answer_itself_waits_in_the_spool_for_the_database(
    fails: int | None, kind: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none")
    fake.answer_at_once(**({"data": sample_video()} if kind == "data" else {"url": "https://x.example/CANARY"}))
    rig = rig_of(fake)
    if fails is None:
        job = await _ordered_in_an_outage(rig, fake)
        assert job.phase is Phase.SUBMITTING
    else:
        job = await rig.submitted()
        Outage(rig, fake, fails=fails)
    job = await rig.steps(job)
    assert (job.status, fake.calls.count("submit"), fake.calls.count("fetch") <= 1) == (JobStatus.COMPLETED, 1, True)
    assert [one.name for one in rig.studio.settings.spool.iterdir() if one.name != "answers"] == []


async def test_a_file_that_cannot_be_read_is_told_and_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = KeptAnswers(folder=tmp_path / "answers")
    answer = KeptAnswer(job_id="j1", order_no=0, provider="acme", provider_job_id="o1", state={"a": [1, None]})
    await kept.keep(answer)
    (tmp_path / "answers" / "j1.0.broken.json").write_text("{half")
    assert await kept.all() == (answer,)
    assert "cannot be read" in caplog.text
    await kept.drop(answer)
    assert [one.name for one in kept.folder.iterdir()] == ["j1.0.broken.json"]


async def test_two_answers_to_one_order_are_both_kept_and_another_order_is_not_taken_for_it(tmp_path: Path) -> None:
    kept = KeptAnswers(folder=tmp_path / "answers")
    answers = [
        KeptAnswer(job_id="j1", order_no=1, provider="acme", provider_job_id=name, state={}) for name in ("o1", "o2")
    ]
    for one in answers:
        await kept.keep(one)
    assert len(await kept.all()) == 2
    job = sample_job(VirtualClock()).evolve(id="j1", order_no=1)
    assert await kept.of(job) in answers
    assert await kept.of(job.evolve(order_no=11)) is None
    tenth = KeptAnswer(job_id="j1", order_no=10, provider="acme", provider_job_id="o10", state={})
    await kept.keep(tenth)
    for one in answers:
        await kept.drop(one)
    assert await kept.of(job) is None, "the first order does not take the answer of the tenth"
    assert await kept.of(job.evolve(order_no=10)) == tenth
    assert await kept.of(job.evolve(order_no=0)) is None


async def test_folders_of_orders_that_are_over_are_dropped_and_no_others(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed().hang())
    done = await rig.steps(await rig.submitted())
    running = await rig.step(await rig.submitted(prompt="another"))
    moved_on = running.evolve(
        id="00000000-0000-4000-8000-00000000000a", order_no=1, client_key=None, provider_job_id="o9"
    )
    await rig.repository.add(moved_on)
    spool = rig.studio.settings.spool
    over = [f"{done.id}.0"]
    alive = [f"{running.id}.0", f"{moved_on.id}.0", f"{moved_on.id}.1", "nobody-knows.0", "answers"]
    for name in (*over, *alive, "j1.0.7.part", "j2.0.8.part"):
        (spool / name).mkdir(parents=True, exist_ok=True)
        (spool / name / "000").write_bytes(b"video")
    (spool / "answers" / "000").unlink()
    then = spool.stat().st_mtime - 2 * LEFTOVER_SECONDS
    os.utime(spool / "j1.0.7.part", (then, then))
    await rig.studio._engine.recover()
    assert sorted(one.name for one in spool.iterdir()) == sorted([*alive, "j2.0.8.part"])


@pytest.mark.parametrize("by", ["advance", "recover", "resubmit"])
async def test_a_paid_video_in_the_spool_is_used_once_its_job_is_uncertain(
    by: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").answer_at_once(data=sample_video())
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    rig.later(seconds=300)
    [claimed] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=row.id)
    given_up = moves.unknown(claimed, SubmissionUncertain("its answer was lost"), now=clock.now())
    assert await rig.repository.save(given_up, fence=claimed.fence)
    match by:
        case "advance":
            await rig.studio.advance(row.id)
        case "recover":
            await rig.studio._engine.recover()
        case _:
            await rig.studio.resubmit(row.id)
    row = await rig.studio.get(row.id)
    assert (row.phase is Phase.UNKNOWN, row.error_code, row.order_no) == (False, None, 0)
    row = row if row.final else await rig.steps(row)
    assert (row.status, fake.calls.count("submit")) == (JobStatus.COMPLETED, 1)


async def test_a_video_of_an_earlier_order_is_not_dropped_while_its_job_is_uncertain(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    job = (await rig.submitted()).evolve(id="00000000-0000-4000-8000-00000000000a", order_no=1, client_key=None)
    await rig.repository.add(moves.unknown(job, SubmissionUncertain("lost"), now=clock.now()))
    folder = rig.studio.settings.spool / f"{job.id}.0"
    folder.mkdir(parents=True)
    await rig.studio._engine.recover()
    assert folder.exists()


async def _uncertain_here(rig: Rig, fake: FakeProvider) -> GenerationJob:
    """Another machine gave the job up as uncertain, and its paid video is in the spool of this one."""
    row = await _ordered_in_an_outage(rig, fake)
    rig.later(seconds=300)
    await _given_up(rig, row.id)
    return await rig.studio.get(row.id)


async def _given_up(rig: Rig, job_id: str) -> None:
    [claimed] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=job_id)
    given_up = moves.unknown(claimed, SubmissionUncertain("its answer was lost"), now=rig.clock.now())
    assert await rig.repository.save(given_up, fence=claimed.fence)


async def test_an_order_made_again_elsewhere_while_its_video_is_brought_back_is_not_paid_twice(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").answer_at_once(data=sample_video())
    rig = rig_of(fake)
    row = await _uncertain_here(rig, fake)
    again = moves.resubmitted(row, now=clock.now())  # another machine has read the row and is about to write this
    await rig.studio._engine.recover()
    assert not await rig.repository.save(again, fence=row.fence)
    assert (await rig.steps(row)).status is JobStatus.COMPLETED
    assert fake.calls.count("submit") == 1


async def test_a_paid_video_of_an_earlier_order_stays_until_its_job_has_one_and_is_told(
    rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").answer_at_once(data=sample_video())
    rig = rig_of(fake)
    row = await _uncertain_here(rig, fake)
    folder = rig.studio.settings.spool / row.order_key
    assert await rig.repository.save(moves.resubmitted(row, now=clock.now()), fence=row.fence)
    await rig.studio._engine._recovery.all()
    assert folder.exists()
    assert "its order 0, which was paid for, stays in" in caplog.text
    assert (await rig.steps(row)).status is JobStatus.COMPLETED
    await rig.studio._engine._recovery.all()
    assert not folder.exists()
    assert "its order 0 is removed from" in caplog.text


async def test_a_worker_that_lost_its_lease_brings_its_paid_video_back_at_once(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").answer_at_once(data=sample_video())
    rig, submit = rig_of(fake), fake.submit

    async def overtaken(submission: Submission, /) -> Operation | Succeeded:
        answer = await submit(submission)
        row = await rig.repository.get(job.id)
        assert row is not None
        assert await rig.repository.extend(row.id, fence=row.fence, seconds=-1.0)
        await _given_up(rig, row.id)
        return answer

    fake.submit = overtaken  # type: ignore[method-assign]
    job = await rig.submitted()
    [claimed] = await rig.studio._engine.claim(limit=1)
    assert (await rig.studio._engine.step(claimed)).phase is Phase.SAVING


async def test_an_order_is_not_made_again_where_its_kept_answer_is(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    rig.later(seconds=300)
    [claimed] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=row.id)
    given_up = moves.unknown(claimed, SubmissionUncertain("its answer was lost"), now=clock.now())
    assert await rig.repository.save(given_up, fence=claimed.fence)
    row = await rig.studio.resubmit(row.id)
    assert (row.order_no, row.provider_job_id, _kept(rig)) == (0, f"order-{row.order_key}", [])
    assert (await rig.steps(row)).status is JobStatus.COMPLETED
    assert len(fake.accepted) == 1


async def test_one_bad_answer_row_or_folder_holds_up_no_other(
    rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    from nexiom_sdk.backends.rows import unreadable

    fake = FakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    kept = rig.studio._engine._recovery
    bad = [f"{first}0000000-0000-4000-8000-000000000000" for first in "01f"]
    for job_id in bad:
        await kept.keep(KeptAnswer(job_id=job_id, order_no=0, provider="acme", provider_job_id="o", state={}))
    done = await rig.submitted(prompt="another")
    await rig.repository.wake(done.id, cancel=True)
    done = await rig.step(done)
    spool = rig.studio.settings.spool
    for name in (f"{bad[0]}.0", f"{done.id}.0", f"{bad[2]}.0"):
        (spool / name).mkdir()
    get = rig.repository.get

    async def broken(job_id: str, /) -> GenerationJob | None:
        if job_id == bad[0]:
            raise unreadable(job_id, "cost_usd is NaN.")
        if job_id in bad:
            raise OverflowError
        return await get(job_id)

    rig.repository.get = broken  # type: ignore[method-assign]
    await rig.studio._engine.recover()
    rig.repository.get = get  # type: ignore[method-assign]
    assert (await rig.studio.get(row.id)).phase is Phase.WAITING
    assert [one.name.partition(".")[0] for one in _kept(rig)] == bad
    assert not (spool / f"{done.id}.0").exists()
    assert [record.levelname for record in caplog.records if "stays" in record.message] == ["WARNING"] * 5


async def test_an_answer_is_kept_until_the_row_has_its_state_too(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    assert await rig.repository.adopt_late_id(row.id, 0, "acme", f"order-{row.order_key}")
    [held] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=row.id)  # somebody looks, without the state
    await rig.studio._engine.recover()
    assert len(_kept(rig)) == 1
    await rig.repository.extend(row.id, fence=held.fence, seconds=0.0)
    rig.later(seconds=6)
    await rig.studio._engine.recover()
    row = await rig.studio.get(row.id)
    assert _kept(rig) == []
    assert row.operation is not None
    assert row.operation.state == {"key": row.order_key}


async def test_a_state_that_does_not_come_into_its_row_blocks_nobody_and_is_looked_with_all_the_same(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    save, looked_with, poll = rig.repository.save, list[object](), fake.poll

    async def away(*_: object, **__: object) -> bool:
        raise StorageUnavailable("The database is away.")

    async def seen(operation: Operation, /) -> Poll:
        looked_with.append(dict(operation.state))
        return await poll(operation)

    rig.repository.save = away  # type: ignore[method-assign]
    rig.later(seconds=6)
    await rig.studio._engine.recover()
    rig.repository.save = save  # type: ignore[method-assign]
    fake.poll = seen  # type: ignore[method-assign]
    row = await rig.studio.get(row.id)
    assert (row.phase, "operation" in row.provider_metadata, len(_kept(rig))) == (Phase.WAITING, False, 1)
    row = await rig.step(row)  # at once: the lease was given back
    assert looked_with == [{"key": row.order_key}]
    assert row.timing.submit_answered_at is not None
    assert row.operation is not None
    assert row.operation.state == {"key": row.order_key}


async def test_a_step_goes_on_until_the_row_has_the_state_too(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    save, fails = rig.repository.save, 2

    async def twice_away(job: GenerationJob, /, *, fence: int) -> bool:
        nonlocal fails
        if job.phase is Phase.WAITING and fails:
            fails -= 1
            raise StorageUnavailable("The database is away.")
        return await save(job, fence=fence)

    rig.repository.save = twice_away  # type: ignore[method-assign]
    row = await rig.step(await rig.submitted())
    assert row.operation is not None
    assert (row.operation.state, _kept(rig)) == ({"key": row.order_key}, [])


async def _three_kept(rig: Rig) -> list[str]:
    """Jobs whose orders were taken, as only this machine knows, in the order in which they are recorded."""
    rows = [await rig.left_in_submitting(await rig.submitted()) for _ in range(3)]
    ids = sorted(row.id for row in rows)
    for job_id in ids:
        answer = KeptAnswer(job_id=job_id, order_no=0, provider="acme", provider_job_id=f"o-{job_id}", state={})
        await rig.studio._engine._recovery.kept.keep(answer)
    return ids


def _locked(rig: Rig, *locked: str) -> list[str]:
    """Somebody holds these rows: who writes them waits in vain. Gives who was asked for."""
    adopt, asked = type(rig.repository).adopt_late_id, list[str]()

    async def slow(job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        asked.append(job_id)
        if job_id in locked:
            raise StorageUnavailable("The database did not answer within 30 s.")
        return await adopt(rig.repository, job_id, order_no, provider, provider_job_id)

    rig.repository.adopt_late_id = slow  # type: ignore[method-assign]
    return asked


async def test_one_row_that_somebody_locks_holds_up_no_other_answer(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    ids = await _three_kept(rig)
    _locked(rig, ids[0])
    await rig.studio._engine.recover()
    assert [one.name.partition(".")[0] for one in _kept(rig)] == ids[:1]
    _locked(rig)
    rig.later(seconds=6)
    await rig.studio._engine.recover()
    assert _kept(rig) == []


async def test_rows_that_are_out_of_reach_are_asked_for_twice_in_a_round_and_next_time_others_come_first(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    ids = await _three_kept(rig)
    asked = _locked(rig, *ids)
    await rig.studio._engine.recover()
    assert asked == ids[:2]
    asked = _locked(rig, *ids[:2])
    rig.later(seconds=6)
    await rig.studio._engine.recover()
    assert asked == [ids[2], *ids[:2]]
    assert [one.name.partition(".")[0] for one in _kept(rig)] == ids[:2]


async def test_recovery_that_is_called_from_many_tasks_works_once(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(fake := FakeProvider("acme", clock=clock, submission_recovery="none").hang())
    await _ordered_in_an_outage(rig, fake)
    reads, recovery = 0, rig.studio._engine._recovery
    real = type(recovery).all

    async def counted(self: object) -> bool:
        nonlocal reads
        reads += 1
        return await real(recovery)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(recovery), "all", counted)
        await asyncio.gather(*(rig.studio._engine.recover() for _ in range(20)))
        assert reads == 1
        rig.later(seconds=299)
        await rig.studio._engine.recover()
        assert reads == 1
        rig.later(seconds=1)
        await rig.studio._engine.recover()
    assert reads == 2


async def test_nothing_is_dropped_while_the_rows_cannot_be_read(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    done = await rig.steps(await rig.submitted())
    folder = rig.studio.settings.spool / done.order_key
    folder.mkdir(parents=True)
    outage = Outage(rig, fake)
    await rig.studio._engine.recover()
    assert folder.exists()
    outage.over()
    await rig.studio._engine.recover()
    assert folder.exists()  # it was tried a moment ago
    rig.later(seconds=6)
    await rig.studio._engine.recover()
    assert not folder.exists()


async def test_a_worker_puts_right_what_was_left_before_it_takes_a_step(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    row = await _ordered_in_an_outage(rig, fake)
    await rig.studio.worker().run(once=True)
    assert ((await rig.studio.get(row.id)).phase, _kept(rig)) == (Phase.WAITING, [])


CHILD = """
import asyncio, os, signal, sqlite3, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from nexiom_sdk import Settings, Studio, VideoRequest
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.recovery import Recovery
from nexiom_sdk.testing import FakeProvider
from rig import policy_over

home = Path(sys.argv[1])
fake = FakeProvider("acme", submission_recovery="none", ledger=home / "ledger").hang()
submit, keep = fake.submit, Recovery.keep

async def locking(submission):
    answer = await submit(submission)
    other = sqlite3.connect(home / "nexiom.db", isolation_level=None)
    other.execute("begin immediate")
    globals()["other"] = other
    return answer

async def dying(self, answer):
    await keep(self, answer)
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    fake.submit, Recovery.keep = locking, dying
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", lambda config, *, http=None: fake)
    repository = SqliteRepository(home / "nexiom.db")
    async with Studio(settings=Settings(home=home), repository=repository, registry=registry,
                      policy=policy_over("acme/fake-1")) as studio:
        job = await studio.submit(VideoRequest(prompt="a fox"), defer=True)
        print(job.id, flush=True)
        await studio.advance(job.id)

asyncio.run(main())
"""


def test_a_process_killed_between_keeping_and_recording_loses_nothing(tmp_path: Path) -> None:
    """A real database that another connection has locked, a real kill, and the file as the only trace of the order."""
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(Path(__file__).parent)]
    dead = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    job_id = dead.stdout.strip()
    assert len((tmp_path / "ledger").read_text().splitlines()) == 1

    async def next_process() -> GenerationJob:
        from nexiom_sdk import Settings, Studio

        repository = SqliteRepository(tmp_path / "nexiom.db", clock=SystemClock())
        try:
            async with Studio(settings=Settings(home=tmp_path), repository=repository) as studio:
                before = await studio.get(job_id)
                assert (before.phase, before.provider_job_id) == (Phase.SUBMITTING, None)
                await studio._engine.recover()
                return await studio.get(job_id)
        finally:
            await repository.aclose()

    row = asyncio.run(next_process())
    assert (row.phase, row.provider_job_id) == (Phase.WAITING, f"order-{row.order_key}")
    assert row.operation is not None
    assert row.operation.state == {"key": row.order_key}
    assert list((tmp_path / "spool" / "answers").iterdir()) == []
    assert sqlite3.connect(tmp_path / "nexiom.db").execute("select count(*) from generation_jobs").fetchone() == (1,)
