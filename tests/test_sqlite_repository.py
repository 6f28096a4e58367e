from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from nexiom_sdk.backends import sqlite_statements as sql
from nexiom_sdk.backends import sqlite_sums
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.errors import BudgetExceeded, ConfigurationError, StorageError, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobQuery, JobRepository
from nexiom_sdk.spending import MOST_COST_USD, Limit, Usage, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_contract import JobRepositoryContract
from nexiom_sdk.testing.sample_jobs import row, sample_job
from sqlite_rig import CLOCK, ids_in, opened, said_by

THE_USERS_COLUMNS = [
    "id",
    "type",
    "prompt",
    "model",
    "duration_seconds",
    "reference_media_path",
    "status",
    "result_url",
    "error_message",
    "provider",
    "provider_job_id",
    "quality_tier",
    "provider_metadata",
]


class TestSqliteRepository(JobRepositoryContract):
    @pytest.fixture
    async def repository(self, clock: VirtualClock, tmp_path: Path) -> AsyncIterator[JobRepository]:
        repository = SqliteRepository(tmp_path / "jobs.db", clock=clock)
        yield repository
        await repository.aclose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def repository(path: Path) -> AsyncIterator[SqliteRepository]:
    repository = SqliteRepository(path)
    yield repository
    await repository.aclose()


async def test_the_users_thirteen_columns_come_first_and_a_person_can_read_the_rest(
    repository: SqliteRepository, path: Path
) -> None:
    await repository.add(sample_job(VirtualClock(), estimated_cost_usd=Decimal("0.40")))
    with opened(path) as database:
        columns = [name for _, name, *_ in database.execute("pragma table_info(generation_jobs)")]
        texts = database.execute("select run_at, estimated_cost_usd, request from generation_jobs").fetchone()
    assert columns == list(GenerationJob.model_fields)
    assert columns[:13] == THE_USERS_COLUMNS
    assert texts[:2] == ("2026-11-24T12:00:00.000000Z", "0.40")
    assert json.loads(texts[2])["prompt"] == "a fox in snow"


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (sql.CLAIM_ANY, "generation_jobs_due"),
        (sql.BY_CLIENT_KEY, "generation_jobs_client_key"),
        (sql.listed({"user_id": ""}), "generation_jobs_by_user"),
        (sql.listed({}), "generation_jobs_by_time"),
        (sql.listed({"provider": "", "provider_job_id": ""}), "generation_jobs_paid_once"),
        (sql.listed({"due_before": ""}), "generation_jobs_due"),
        (sql.DURATIONS, "generation_jobs_durations"),
    ],
    ids=["claim", "client key", "jobs of a user", "jobs", "job of an order", "overdue", "durations"],
)
async def test_a_large_table_is_read_through_its_indexes(
    repository: SqliteRepository, statement: str, index: str
) -> None:
    names = (
        "leased_until",
        "due_before",
        "now",
        "limit",
        "user_id",
        "client_key",
        "key",
        "provider",
        "provider_job_id",
    )
    values = dict.fromkeys(names, "")
    plan = await repository._file.run(lambda db: db.execute(f"explain query plan {statement}", values).fetchall())
    assert index in str(plan)
    assert "SCAN generation_jobs'" not in str(plan)


TODAY = VirtualClock().now()


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        (UsageQuery(since=TODAY), ["by_time", "again", "reordered", "earlier"]),
        (UsageQuery(since=TODAY, user_id="u1"), ["by_user", "again", "reordered", "earlier"]),
        (UsageQuery(since=TODAY, of_nobody=True), ["by_user", "again", "reordered", "earlier"]),
        (UsageQuery(since=TODAY, role="admin"), ["by_role", "again", "reordered", "earlier"]),
        (UsageQuery(since=TODAY, quality_tier="cinematic"), ["by_tier", "again", "reordered", "earlier"]),
        (
            UsageQuery(since=TODAY, user_id="u1", role="admin", quality_tier="cinematic", provider="acme"),
            ["by_user", "again", "reordered", "earlier"],
        ),
        (UsageQuery(since=TODAY, until=TODAY), ["by_time", "again", "reordered", "earlier"]),
        (UsageQuery(active=True, user_id="u1", role="admin"), ["running", "running"]),
        (UsageQuery(active=True, role="admin", quality_tier="cinematic"), ["running", "running"]),
    ],
    ids=["day", "user", "nobody", "role", "tier", "all of them", "time", "running of a user", "running"],
)
async def test_the_sums_of_a_limit_are_read_through_indexes(
    repository: SqliteRepository, query: UsageQuery, indexes: list[str]
) -> None:
    await repository.usage(UsageQuery())
    said: list[str] = []
    budget, job = (
        Limit(name="budget", over=query, max_cost_usd=Decimal(1)),
        sample_job(CLOCK, estimated_cost_usd=Decimal(1)),
    )

    def plans(db: sqlite3.Connection) -> list[str]:
        db.set_trace_callback(said.append)
        sqlite_sums.check(db, budget, job)
        sqlite_sums.usage(db, query)
        db.set_trace_callback(None)
        return [str(db.execute(f"explain query plan {one}").fetchall()) for one in said]

    for plan in await repository._file.run(plans):
        assert re.findall(r"USING (?:COVERING )?INDEX generation_jobs_(\w+)", plan) == indexes
        assert "AUTOINDEX" not in plan
        assert plan.count("generation_jobs ") == len(indexes)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///srv/nexiom/nexiom.db", Path("/srv/nexiom/nexiom.db")),
        ("sqlite:///srv/a%20folder/b%3F.db", Path("/srv/a folder/b?.db")),
        (Path("/srv/a folder/b?.db").as_uri().replace("file:", "sqlite:", 1), Path("/srv/a folder/b?.db")),
        ("sqlite:nexiom.db", Path.cwd() / "nexiom.db"),
        ("sqlite:data/nexiom.db", Path.cwd() / "data" / "nexiom.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: Path) -> None:
    assert SqliteRepository.from_url(url, clock=CLOCK)._file.path == path


@pytest.mark.parametrize(
    "url", ["sqlite:", "sqlite:///", "sqlite://", "sqlite::memory:", "sqlite://host/nexiom.db", "sqlite:///a.db?x=1"]
)
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="does not name"):
        SqliteRepository.from_url(url, clock=CLOCK)


# Values.


async def test_an_amount_of_any_size_is_exact(repository: SqliteRepository) -> None:
    for amount in ("1E-18", "0.1", "999999.999999"):
        job = await repository.add(sample_job(CLOCK, cost_usd=Decimal(amount)))
        assert (await row(repository, job)).cost_usd == Decimal(amount)
    assert (await repository.usage(UsageQuery())).cost_usd == Decimal("1000000.099999000000000001")


@pytest.mark.parametrize("cost", ["NaN", "sNaN", "Infinity", "1e400", "9e999", "5abc", "-3", "1000000", "", b"5"])
@pytest.mark.parametrize("name", ["cost_usd", "estimated_cost_usd"])
async def test_an_amount_that_nobody_can_read_closes_a_budget_and_is_in_no_sum(
    repository: SqliteRepository, path: Path, cost: str | bytes, name: str
) -> None:
    price = {"estimated_cost_usd": Decimal("0.40")}
    job = await repository.add(sample_job(CLOCK, **price))
    with opened(path) as database:
        database.execute(f"update generation_jobs set {name} = ? where id = ?", (cost, job.id))
    with pytest.raises(BudgetExceeded):
        budget = Limit(name="budget", over=UsageQuery(), max_cost_usd=Decimal(1000))
        await repository.add(sample_job(CLOCK, **price), limits=[budget])
    assert await repository.usage(UsageQuery()) == Usage(cost_usd=Decimal(MOST_COST_USD), jobs=1, active=1)
    [told] = await repository.spend(UsageQuery(), by=())
    assert (told.cost_usd, told.jobs, told.unpriced) == (Decimal(0), 1, 1)


@pytest.mark.parametrize("fields", [{"error_message": "half \ud800"}, {"fence": 2**63}], ids=["surrogate", "too large"])
async def test_a_value_that_no_row_can_hold_is_refused(repository: SqliteRepository, fields: dict[str, object]) -> None:
    with pytest.raises(StorageError, match="cannot hold"):
        await repository.add(sample_job(CLOCK, **fields))
    assert (await repository.usage(UsageQuery())).jobs == 0


async def test_no_number_in_metadata_becomes_null(repository: SqliteRepository) -> None:
    job = await repository.add(sample_job(CLOCK, provider_metadata={"progress": float("nan")}))
    assert job.provider_metadata == {"progress": None}


# Many processes.


def test_a_limit_holds_over_four_processes(path: Path) -> None:
    said = said_by("spend", path)
    assert len(said) == 10
    assert ids_in(path) == set(said)


async def test_four_processes_never_claim_the_same_job(repository: SqliteRepository, path: Path) -> None:
    added = {(await repository.add(sample_job(CLOCK))).id for _ in range(60)}
    assert Counter(said_by("claim", path)) == Counter(added)


async def test_two_repositories_of_one_process_share_a_file(repository: SqliteRepository, path: Path) -> None:
    other = SqliteRepository(path)
    limit = Limit(name="quota", over=UsageQuery(), max_jobs=10)
    adds = [one.add(sample_job(CLOCK), limits=[limit]) for one in (repository, other) for _ in range(20)]
    outcomes = Counter(type(one) for one in await asyncio.gather(*adds, return_exceptions=True))
    assert outcomes == {GenerationJob: 10, BudgetExceeded: 30}
    await other.aclose()


# Rows that somebody changed by hand.


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("update generation_jobs set request = '{\"prompt\": 5}' where id = ?", "prompt"),
        ("update generation_jobs set request = '[]' where id = ?", "request"),
        ("update generation_jobs set provider_metadata = '7' where id = ?", "metadata"),
    ],
)
async def test_a_row_that_is_no_job_is_named_and_does_not_hold_up_the_others(
    repository: SqliteRepository, path: Path, change: str, named: str
) -> None:
    broken, good = [await repository.add(sample_job(CLOCK)) for _ in range(2)]
    with opened(path) as database:
        database.execute(change, (broken.id,))
    with pytest.raises(StorageUnavailable, match=named) as error:
        await repository.get(broken.id)
    assert error.value.job_id == broken.id
    assert broken.id in error.value.message
    overdue = await repository.list(JobQuery(due_before=CLOCK.now() + timedelta(seconds=1)))
    assert [job.id for job in overdue] == [good.id]
    assert [job.id for job in await repository.claim(limit=9, lease_seconds=0)] == [good.id]
    with pytest.raises(StorageUnavailable, match=broken.id):
        await repository.claim(limit=1, lease_seconds=0, job_id=broken.id)


async def test_however_many_rows_are_no_jobs_the_good_ones_are_claimed(
    repository: SqliteRepository, path: Path
) -> None:
    broken = [await repository.add(sample_job(CLOCK)) for _ in range(25)]
    good = [await repository.add(sample_job(CLOCK)) for _ in range(3)]
    with opened(path) as database:
        database.executemany("update generation_jobs set request = '[]' where id = ?", [(one.id,) for one in broken])
    claimed = [job.id for job in await repository.claim(limit=2, lease_seconds=60)]
    claimed += [job.id for job in await repository.claim(limit=2, lease_seconds=60)]
    assert sorted(claimed) == sorted(job.id for job in good)
    assert await repository.claim(limit=0, lease_seconds=60) == []


@pytest.mark.parametrize(
    "change",
    [
        "update generation_jobs set request = '{'",
        "update generation_jobs set provider_metadata = 'x'",
        "update generation_jobs set run_at = datetime('now')",
        "update generation_jobs set phase = 'later'",
        "update generation_jobs set status = 'gone'",
    ],
)
async def test_the_table_refuses_what_would_break_a_row(repository: SqliteRepository, path: Path, change: str) -> None:
    await repository.add(sample_job(CLOCK))
    with opened(path) as database, pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        database.execute(change)


async def test_columns_that_somebody_added_do_not_matter(repository: SqliteRepository, path: Path) -> None:
    await repository.usage(UsageQuery())
    with opened(path) as database:
        database.execute("alter table generation_jobs add column note text default 'x'")
    job = await repository.add(sample_job(CLOCK))
    assert await repository.claim(limit=1, lease_seconds=60) == [await row(repository, job)]
