from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, timedelta
from decimal import Decimal

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from nexiom_sdk.backends import postgres_statements as sql
from nexiom_sdk.backends import postgres_sums
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import BudgetExceeded, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.spending import Limit, UsageQuery
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


@pytest.fixture(scope="module")
def large_database() -> Iterator[str]:
    """A table of 20,000 jobs of 100 users over 100 days, 200 of them running and 20 ordered again."""
    with jobs_database() as made, psycopg.connect(made, autocommit=True) as shell:
        shell.execute(
            """
            insert into generation_jobs (prompt, user_id, phase, status, result_url, client_key, provider, order_no,
                                         quality_tier, estimated_cost_usd, provider_metadata, created_at)
            select 'x', 'u' || n % 100, case when n <= 200 then 'queued' else 'done' end, 'completed', 'x', n::text,
                   'acme', (n % 1000 = 0)::int, (array['standard', 'cinematic'])[1 + n % 2], 0.4,
                   jsonb_build_object('role', 'r' || n % 10, 'earlier_at', '2020',
                                      'timing', jsonb_build_object('ordered_at', now()::text)),
                   now() - make_interval(mins => n * 7)
              from generate_series(1, 20000) n
            """
        )
        shell.execute("analyze generation_jobs")
        yield made


def _usage(**fields: object) -> postgres_sums.Statement:
    return postgres_sums.usage(UsageQuery(**fields))  # type: ignore[arg-type]


TODAY = CLOCK.now() - timedelta(days=1)


@pytest.mark.parametrize(
    ("statement", "values", "indexes"),
    [
        (sql.BY_CLIENT_KEY, {"user_id": "u1", "client_key": "x"}, {"client_key"}),
        (sql.listed({"user_id": ""}), {"user_id": "u1", "limit": 5}, {"mine"}),
        (sql.listed({}), {"limit": 5}, {"recent"}),
        (
            sql.listed({"provider": "", "provider_job_id": ""}),
            {"provider": "x", "provider_job_id": "x", "limit": 5},
            {"paid_once"},
        ),
        (sql.listed({"due_before": ""}), {"due_before": TODAY, "limit": 5}, {"due"}),
        (sql.DURATIONS, {"key": "x", "limit": 5}, {"durations"}),
        (*_usage(since=TODAY), {"recent", "again", "earlier"}),
        (*_usage(since=TODAY, user_id="u1"), {"mine", "again", "earlier"}),
        (*_usage(since=TODAY, role="r1"), {"role", "again", "earlier"}),
        (*_usage(since=TODAY, quality_tier="cinematic"), {"tier", "again", "earlier"}),
        (*_usage(since=TODAY, user_id="u1", role="r1", quality_tier="cinematic"), {"mine", "again", "earlier"}),
        (*_usage(since=TODAY, until=TODAY + timedelta(hours=1)), {"recent", "again", "earlier"}),
        (*_usage(active=True), {"due"}),
        (*_usage(active=True, role="r1", quality_tier="cinematic"), {"due"}),
        (*_usage(active=True, user_id="u1", role="r1", quality_tier="cinematic"), {"running"}),
    ],
    ids=[
        "client key",
        "jobs of a user",
        "jobs",
        "job of an order",
        "overdue",
        "durations",
        "day",
        "day of a user",
        "day of a role",
        "day of a tier",
        "day of all three",
        "time",
        "running",
        "running of a role and tier",
        "running of all three",
    ],
)
async def test_a_large_table_is_read_through_its_indexes(
    large_database: str, statement: bytes, values: Mapping[str, object], indexes: set[str]
) -> None:
    with psycopg.connect(large_database) as shell:
        plan = str(shell.execute(b"explain " + statement, values).fetchall())
    used = set(re.findall(r"(?:using|Scan on) generation_jobs_(\w+)", plan)) - {"1"}
    assert used == indexes
    assert "Seq Scan" not in plan


@pytest.mark.parametrize("cost", ["NaN", "-3"])
async def test_a_cost_that_nobody_can_read_closes_a_budget_and_is_in_no_sum(
    repository: PostgresRepository, url: str, cost: str
) -> None:
    price = {"estimated_cost_usd": Decimal("0.40")}
    job = await repository.add(sample_job(CLOCK, **price))
    with psycopg.connect(url, autocommit=True) as shell:
        shell.execute("update generation_jobs set cost_usd = %s where id = %s", (cost, job.id))
    with pytest.raises(BudgetExceeded):
        budget = Limit(name="budget", over=UsageQuery(), max_cost_usd=Decimal(1000))
        await repository.add(sample_job(CLOCK, **price), limits=[budget])
    [told] = await repository.spend(UsageQuery(), by=())
    assert (told.cost_usd, told.jobs, told.unpriced) == (Decimal(0), 1, 1)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
async def test_a_limit_holds_whatever_isolation_the_database_has_by_default(url: str, isolation: str) -> None:
    with psycopg.connect(url, autocommit=True) as shell:
        name = shell.info.dbname
        shell.execute(f"alter database {name} set default_transaction_isolation = '{isolation}'".encode())
    repository = PostgresRepository(url)
    limit = Limit(name="quota", over=UsageQuery(), max_jobs=10)
    adds = [repository.add(sample_job(CLOCK), limits=[limit]) for _ in range(100)]
    outcomes = Counter(type(one) for one in await asyncio.gather(*adds, return_exceptions=True))
    await repository.aclose()
    assert outcomes == {GenerationJob: 10, BudgetExceeded: 90}


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


async def test_however_many_rows_are_no_jobs_the_good_ones_are_claimed(
    repository: PostgresRepository, url: str
) -> None:
    broken = [await repository.add(sample_job(CLOCK)) for _ in range(25)]
    good = [await repository.add(sample_job(CLOCK)) for _ in range(3)]
    with psycopg.connect(url, autocommit=True) as shell:
        ids = [one.id for one in broken]
        shell.execute(
            f"update generation_jobs set request = '[]', {CHOSEN} where id = any(%s::uuid[])".encode(), (ids,)
        )
    claimed = [job.id for job in await repository.claim(limit=2, lease_seconds=60)]
    claimed += [job.id for job in await repository.claim(limit=2, lease_seconds=60)]
    assert sorted(claimed) == sorted(job.id for job in good)
    assert await repository.claim(limit=0, lease_seconds=60) == []


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
