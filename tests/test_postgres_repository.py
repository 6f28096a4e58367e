from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from nexiom_sdk.backends import postgres_statements as sql
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_address import Connection
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import BudgetExceeded, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob, JobRepository, Limit, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_contract import JobRepositoryContract
from nexiom_sdk.testing.sample_jobs import sample_job
from postgres_rig import DatabaseClock, jobs_database, virtual_database

CLOCK = SystemClock()


class TestPostgresRepository(JobRepositoryContract):
    @pytest.fixture
    def clock(self) -> Iterator[VirtualClock]:
        clock = DatabaseClock()
        yield clock
        clock.close()

    @pytest.fixture
    async def repository(self, clock: VirtualClock) -> AsyncIterator[JobRepository]:
        repository = PostgresRepository(virtual_database())
        yield repository
        await repository.aclose()


@pytest.fixture
def url() -> Iterator[str]:
    with jobs_database() as made:
        yield made


@pytest.fixture
async def repository(url: str) -> AsyncIterator[PostgresRepository]:
    repository = PostgresRepository(url)
    yield repository
    await repository.aclose()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (sql.BY_CLIENT_KEY, "generation_jobs_client_key"),
        (sql.listed({"user_id": ""}), "generation_jobs_mine"),
        (sql.listed({}), "generation_jobs_recent"),
        (sql.listed({"provider": "", "provider_job_id": ""}), "generation_jobs_paid_once"),
        (sql.listed({"due_before": ""}), "generation_jobs_due"),
        (sql.DURATIONS, "generation_jobs_durations"),
    ],
    ids=["client key", "jobs of a user", "jobs", "job of an order", "overdue", "durations"],
)
async def test_a_large_table_is_read_through_its_indexes(
    repository: PostgresRepository, statement: bytes, index: str
) -> None:
    names = ("user_id", "client_key", "key", "provider", "provider_job_id")
    values = {**dict.fromkeys(names, "x"), "limit": 5, "due_before": CLOCK.now()}

    async def plan(db: Connection) -> str:
        async with db.transaction():
            await db.execute("set local enable_seqscan = off")  # the table of a test is too small for an index
            return str(await (await db.execute(b"explain " + statement, values)).fetchall())

    assert index in await repository._pool.run(plan)


async def test_two_processes_share_a_budget(repository: PostgresRepository, url: str) -> None:
    other = PostgresRepository(url)
    limit = Limit(name="quota", over=UsageQuery(), max_jobs=10)
    adds = [one.add(sample_job(CLOCK), limits=[limit]) for one in (repository, other) for _ in range(20)]
    outcomes = Counter(type(one) for one in await asyncio.gather(*adds, return_exceptions=True))
    assert outcomes == {GenerationJob: 10, BudgetExceeded: 30}
    await other.aclose()


async def test_limits_over_the_same_rows_in_any_order_do_not_wait_for_each_other_for_ever(
    repository: PostgresRepository,
) -> None:
    mine, all_ = UsageQuery(user_id="u1"), UsageQuery()
    one = [Limit(name="a", over=mine, max_jobs=99), Limit(name="b", over=all_, max_jobs=99)]
    adds = [repository.add(sample_job(CLOCK), limits=limits) for _ in range(15) for limits in (one, one[::-1])]
    await asyncio.gather(*adds)
    assert (await repository.usage(all_)).jobs == 30


CHOSEN = "provider_metadata = '{\"choice\": {}}'"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (f"""set request = '{{"prompt": 5}}', {CHOSEN}""", "prompt"),
        (f"set request = '[]', {CHOSEN}", "request"),
        ("set provider_metadata = '7'", "metadata"),
    ],
)
async def test_a_row_that_is_no_job_is_named_and_does_not_hold_up_the_others(
    repository: PostgresRepository, url: str, change: str, named: str
) -> None:
    broken, good = [await repository.add(sample_job(CLOCK)) for _ in range(2)]
    with psycopg.connect(url, autocommit=True) as shell:
        shell.execute(b"update generation_jobs " + change.encode() + b" where id = %s", (broken.id,))
    with pytest.raises(StorageUnavailable, match=named) as error:
        await repository.get(broken.id)
    assert broken.id in error.value.message
    assert [job.id for job in await repository.claim(limit=9, lease_seconds=0)] == [good.id]
    with pytest.raises(StorageUnavailable, match=broken.id):
        await repository.claim(limit=1, lease_seconds=0, job_id=broken.id)


async def test_columns_that_somebody_added_do_not_matter(repository: PostgresRepository, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as shell:
        shell.execute("alter table generation_jobs add column note text default 'x'")
    job = await repository.add(sample_job(CLOCK))
    assert [one.id for one in await repository.claim(limit=1, lease_seconds=60)] == [job.id]


async def test_a_session_in_another_zone_reads_the_same_times_in_utc(url: str) -> None:
    repository = PostgresRepository(make_conninfo(url, options="-c timezone=Asia/Kathmandu"))
    job = await repository.add(sample_job(CLOCK))
    read = await repository.get(job.id)
    assert read == job
    assert read.run_at.tzinfo is UTC
    await repository.aclose()
