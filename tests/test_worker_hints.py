"""A hint ends a worker's rest; without one the same jobs are found, only later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from nexiom_sdk import GenerationJob
from nexiom_sdk.repositories import SupportsHints
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.worker import Worker
from rig import Rig

RigOf = Callable[..., Rig]


class _Claims:
    """A repository without hints that notes when it is looked at for due jobs."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.looks: list[float] = []

    def __getattr__(self, name: str) -> object:
        if name == "hinted":
            raise AttributeError(name)
        return getattr(self._rig.repository, name)

    async def claim(self, *, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        if job_id is None:
            self.looks.append(self._rig.clock.monotonic())
        return await self._rig.repository.claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)


class _Hinted(_Claims):
    async def hinted(self) -> None:
        await self._rig.repository.hinted()


class _Storm(_Claims):
    async def hinted(self) -> None:
        await asyncio.sleep(0)


class _Broken(_Claims):
    async def hinted(self) -> None:
        raise OSError("secret")


@asynccontextmanager
async def _working(rig: Rig, repository: _Claims) -> AsyncIterator[None]:
    """A worker that has just looked at the empty table, and rests."""
    rig.studio._desk.repository = repository  # type: ignore[assignment]
    worker = Worker(
        rig.studio._engine,
        repository=repository,  # type: ignore[arg-type]
        clock=rig.clock,
        sink=rig.events.append,
        luck=lambda: 0.5,
    )
    running = asyncio.create_task(worker.run())
    await _settled()
    await _passed(rig.clock, 0.06)
    yield
    worker.stop()
    await running


async def _settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def _passed(clock: VirtualClock, seconds: float) -> None:
    """Let time pass as it does: everybody who wakes has his turn before it goes on."""
    end = clock.monotonic() + seconds
    while (pause := clock.until_next()) is not None and clock.monotonic() + pause <= end:
        clock.advance(pause)
        await _settled()
    clock.advance(end - clock.monotonic())
    await _settled()


async def test_with_a_hint_a_job_is_taken_at_once(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", submission_recovery="none").hang()
    rig = rig_of(fake)
    repository = _Hinted(rig)
    assert isinstance(repository, SupportsHints)
    async with _working(rig, repository):
        await rig.submitted()
        await _settled()
        assert len(fake.accepted) == 1
    assert rig.clock.monotonic() == pytest.approx(0.06)


async def test_without_a_hint_it_is_taken_within_the_idle_time(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", submission_recovery="none").hang()
    rig = rig_of(fake)
    async with _working(rig, _Claims(rig)):
        await rig.submitted()
        await _settled()
        assert fake.accepted == []
        await _passed(rig.clock, 1.0)
        assert len(fake.accepted) == 1


async def test_a_job_that_is_woken_is_a_hint_and_one_that_is_not_due_is_none(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", submission_recovery="none").hang()
    rig = rig_of(fake)
    job = await rig.submitted()
    await rig.repository.wake(job.id, after_seconds=3600)
    await rig.repository.hinted()  # that of the beginning
    repository = _Hinted(rig)
    async with _working(rig, repository):
        looks = len(repository.looks)
        await rig.repository.wake(job.id, after_seconds=1800)
        await _settled()
        assert len(repository.looks) == looks
        await rig.repository.wake(job.id)
        await _settled()
        assert len(fake.accepted) == 1


async def test_a_hint_that_comes_while_the_worker_is_busy_is_not_lost(rig_of: RigOf) -> None:
    fake = FakeProvider("acme", submission_recovery="none").hang()
    rig = rig_of(fake)
    repository = _Hinted(rig)
    async with _working(rig, repository):
        await rig.submitted()
        await _settled()
        await rig.submitted()  # within the short rest after a claim
        await _settled()
        assert len(fake.accepted) == 1
        await _passed(rig.clock, 0.06)
        assert len(fake.accepted) == 2


async def test_a_storm_of_hints_is_no_storm_of_claims(rig_of: RigOf) -> None:
    rig = rig_of(FakeProvider("acme").hang())
    repository = _Storm(rig)
    async with _working(rig, repository):
        await _passed(rig.clock, 2.0)
    assert 20 <= len(repository.looks) <= 43


async def test_hints_that_break_are_told_once_and_done_without(rig_of: RigOf, caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeProvider("acme", submission_recovery="none").hang()
    rig = rig_of(fake)
    repository = _Broken(rig)
    async with _working(rig, repository):
        await rig.submitted()
        await _passed(rig.clock, 3.0)
    assert len(fake.accepted) == 1
    assert len(repository.looks) <= 6
    assert [one.getMessage() for one in caplog.records if "hints" in one.message] == ["no hints of due jobs: OSError"]
