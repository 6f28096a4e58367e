"""The contract holds where each transaction may get another connection, and hints that do not come do no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from pydantic import SecretStr

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_pool import PostgresPool
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_contract import JobRepositoryContract
from nexiom_sdk.testing.sample_jobs import claim, sample_job
from pooler_rig import NEEDS_POOLER, SERVER_CONNECTIONS, pooled
from postgres_rig import DatabaseClock, url, virtual_database

__all__ = ["url"]  # a fixture

pytestmark = NEEDS_POOLER


class TestPostgresRepositoryBehindAPooler(JobRepositoryContract):
    @pytest.fixture
    def clock(self) -> Iterator[VirtualClock]:
        clock = DatabaseClock()
        yield clock
        clock.close()

    @pytest.fixture
    async def repository(self, clock: VirtualClock) -> AsyncIterator[JobRepository]:
        repository = PostgresRepository(pooled(virtual_database()))
        yield repository
        await repository.aclose()


def test_the_pooler_gives_each_transaction_the_connection_that_is_free(url: str) -> None:
    """Else the tests above would prove nothing."""
    with psycopg.connect(pooled(url), autocommit=True, prepare_threshold=None) as one:
        first = one.execute("select pg_backend_pid()").fetchone()
        with psycopg.connect(pooled(url), autocommit=True, prepare_threshold=None) as other, other.transaction():
            assert other.execute("select pg_backend_pid()").fetchone() == first
            assert one.execute("select pg_backend_pid()").fetchone() != first


async def test_many_at_once_share_few_connections(url: str) -> None:
    repositories = [PostgresRepository(pooled(url)) for _ in range(5)]
    clock = SystemClock()
    jobs = [sample_job(clock) for _ in range(60)]
    await asyncio.gather(*(repositories[n % 5].add(job) for n, job in enumerate(jobs)))
    claimed = await asyncio.gather(*(claim(repositories[n % 5], job) for n, job in enumerate(jobs)))
    assert [job.id for [job] in claimed] == [job.id for job in jobs]
    saved = await asyncio.gather(*(repositories[n % 5].save(job, fence=1) for n, [job] in enumerate(claimed)))
    assert all(saved)
    with psycopg.connect(url) as direct:
        counted = direct.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            " and backend_type = 'client backend'"
        ).fetchone()
    assert counted is not None
    assert counted[0] <= SERVER_CONNECTIONS
    await asyncio.gather(*(repository.aclose() for repository in repositories))


async def test_a_hint_that_the_pooler_swallows_is_waited_for_in_peace(url: str) -> None:
    behind, direct = PostgresRepository(pooled(url)), PostgresRepository(url)
    swallowed, heard = asyncio.create_task(behind.hinted()), asyncio.create_task(direct.hinted())
    job = await behind.add(sample_job(SystemClock()))
    async with asyncio.timeout(20):
        while not heard.done():  # it listens as soon as it is connected
            await behind.wake(job.id)
            await asyncio.wait({heard}, timeout=0.05)
    assert not swallowed.done()
    assert [one.id for one in await claim(behind, job)] == [job.id]
    await asyncio.gather(behind.aclose(), direct.aclose())
    swallowed.cancel()


async def test_nobody_listens_on_a_connection_that_is_somebody_elses_in_the_next_moment(url: str) -> None:
    pool = PostgresPool(SecretStr(pooled(url)))
    async with asyncio.timeout(20):
        await pool.listen("nexiom_jobs", lambda: None)
    await pool.aclose()
