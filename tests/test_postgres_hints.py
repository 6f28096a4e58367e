"""Whoever waits hears of rows that may be due."""

from __future__ import annotations

import asyncio

import pytest

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_address import Connection
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.testing.sample_jobs import sample_job
from postgres_rig import repository, url
from postgres_troubles import cut_all, in_a_shell

__all__ = ["repository", "url"]  # fixtures

CLOCK = SystemClock()


async def test_whoever_waits_hears_of_new_and_woken_rows(repository: PostgresRepository) -> None:
    job = await _heard(repository, repository.add(sample_job(CLOCK)))
    assert isinstance(job, GenerationJob)
    await _heard(repository, repository.wake(job.id))
    await _heard(repository, repository.adopt_late_id(job.id, 0, "acme", "v1"))


async def test_hints_come_again_after_the_connection_was_cut(
    url: str, repository: PostgresRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexiom_sdk.backends.postgres_hints.LISTEN_AGAIN_SECONDS", 0.01)
    await _heard(repository, repository.add(sample_job(CLOCK)))
    cut_all(url)
    await _heard(repository, repository.add(sample_job(CLOCK)))


async def test_whoever_waits_after_the_end_opens_nothing(url: str) -> None:
    repository = PostgresRepository(url)
    await repository.aclose()
    waiting = asyncio.create_task(repository.hinted())
    await asyncio.wait({waiting}, timeout=0.3)
    assert not waiting.done()
    waiting.cancel()
    with in_a_shell(url) as shell:
        assert (
            shell.execute(
                "select 1 from pg_stat_activity where query = 'listen nexiom_jobs' and datname = current_database()"
            ).fetchone()
            is None
        )


def test_hints_come_in_the_next_event_loop_too(url: str) -> None:
    repository = PostgresRepository(url)

    async def hear() -> None:
        await _heard(repository, repository.add(sample_job(CLOCK)))

    asyncio.run(hear())
    asyncio.run(hear())
    asyncio.run(repository.aclose())


async def _heard(repository: PostgresRepository, change: object) -> object:
    """Make a change and wait for its hint; hints that were on their way before are let pass."""
    waiting = asyncio.create_task(repository.hinted())
    async with asyncio.timeout(20):
        while not await _listening(repository):
            await asyncio.sleep(0.01)
        done = await change  # type: ignore[misc]
        await waiting
    return done


async def _listening(repository: PostgresRepository) -> bool:
    async def work(db: Connection) -> bool:
        found = await db.execute(
            "select 1 from pg_stat_activity where datname = current_database() and query = 'listen nexiom_jobs'"
        )
        return await found.fetchone() is not None

    return await repository._pool.run(work)
