from __future__ import annotations

import asyncio

import pytest

from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.lease import Lease
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.testing.sample_jobs import after, claim, row, sample_job


async def held(clock: VirtualClock) -> tuple[MemoryRepository, Lease]:
    repository = MemoryRepository(clock=clock)
    await repository.add(sample_job(clock))
    [job] = await claim(repository)
    return repository, Lease(job, repository=repository, clock=clock, seconds=60)


async def test_a_lease_is_fresh_while_more_than_half_of_it_is_left(clock: VirtualClock) -> None:
    _, lease = await held(clock)
    clock.advance(29.9)
    assert lease.fresh
    clock.advance(0.1)
    assert not lease.fresh


async def test_a_renewal_counts_from_before_the_store_was_asked(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, lease = await held(clock)
    extend = repository.extend

    async def slow(job_id: str, /, *, fence: int, seconds: float) -> bool:
        extended = await extend(job_id, fence=fence, seconds=seconds)
        clock.advance(31)
        return extended

    monkeypatch.setattr(repository, "extend", slow)
    clock.advance(25)
    assert await lease.renew()
    assert not lease.fresh


async def test_a_lease_that_somebody_else_has_is_not_renewed(clock: VirtualClock) -> None:
    repository, lease = await held(clock)
    clock.advance(61)
    assert await claim(repository)
    assert not await lease.renew()
    assert not lease.fresh


async def test_a_lease_is_kept_while_a_step_runs_and_a_store_that_is_away_for_a_while_does_not_end_that(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, lease = await held(clock)
    extend, away = repository.extend, [True, False, False]

    async def sometimes(job_id: str, /, *, fence: int, seconds: float) -> bool:
        if away.pop(0):
            raise StorageUnavailable("The database is away.")
        return await extend(job_id, fence=fence, seconds=seconds)

    monkeypatch.setattr(repository, "extend", sometimes)
    keeping = asyncio.create_task(lease.keep(on_loss=lambda: None))
    for _ in range(3):
        await asyncio.sleep(0)
        clock.advance(20)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    keeping.cancel()
    [job] = await repository.list(JobQuery())
    assert (await row(repository, job)).leased_until == after(clock, 60)
    assert lease.fresh
    assert away == []


async def test_who_loses_a_lease_is_told_once_and_keeps_it_no_longer(clock: VirtualClock) -> None:
    repository, lease = await held(clock)
    [job] = await repository.list(JobQuery())
    told: list[str] = []
    keeping = asyncio.create_task(lease.keep(on_loss=lambda: told.append("lost")))
    await repository.extend(job.id, fence=job.fence, seconds=0.0)
    clock.advance(0.001)
    assert await claim(repository)
    await asyncio.sleep(0)
    clock.advance(20)
    await keeping
    assert (told, lease.lost) == (["lost"], True)


async def test_a_lease_that_could_not_be_renewed_in_time_is_lost(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> bool:
        raise StorageUnavailable("The database is away.")

    repository, lease = await held(clock)
    monkeypatch.setattr(repository, "extend", away)
    told: list[float] = []
    keeping = asyncio.create_task(lease.keep(on_loss=lambda: told.append(clock.monotonic())))
    begun = clock.monotonic()
    for _ in range(3):
        await asyncio.sleep(0)
        assert told == []
        clock.advance(20)
        await asyncio.sleep(0)
    await keeping
    assert told == [begun + 60]


async def test_a_lease_that_the_step_gave_back_is_not_lost(clock: VirtualClock) -> None:
    repository, lease = await held(clock)
    [job] = await repository.list(JobQuery())
    assert await repository.save(job.evolve(leased_until=None), fence=job.fence)
    told: list[str] = []
    keeping = asyncio.create_task(lease.keep(on_loss=lambda: told.append("lost")))
    await asyncio.sleep(0)
    clock.advance(20)
    await keeping
    assert (told, lease.lost) == ([], False)
