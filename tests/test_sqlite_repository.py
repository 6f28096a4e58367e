from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from nexiom_sdk.backends import sqlite_file
from nexiom_sdk.backends import sqlite_statements as sql
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import BudgetExceeded, ConfigurationError, StorageError, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob, JobQuery, JobRepository, Limit, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_contract import JobRepositoryContract
from nexiom_sdk.testing.sample_jobs import sample_job

CHILDREN = Path(__file__).with_name("sqlite_children.py")
CLOCK = SystemClock()


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


@contextlib.contextmanager
def edited(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as somebody opens it in a shell."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        yield database
    finally:
        database.close()


def child(program: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(CHILDREN), program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said_by(program: str, path: Path, *, timeout_seconds: float = 60) -> list[str]:
    with child(program, path) as process:
        said, _ = process.communicate(timeout=timeout_seconds)
    assert process.returncode == 0, said
    return said.splitlines()


# The file.


async def test_nothing_is_made_before_the_first_call(tmp_path: Path) -> None:
    repository = SqliteRepository(tmp_path / "a" / "b" / "jobs.db")
    await repository.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_the_first_call_makes_folders_and_a_file_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "jobs.db"
    repository = SqliteRepository(path)
    await repository.add(sample_job(CLOCK))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("jobs.db", "jobs.db-wal", "jobs.db-shm"), 0o600)
    await repository.aclose()
    assert [file.name for file in path.parent.iterdir()] == ["jobs.db"]


async def test_a_commit_is_on_the_disk_and_readers_do_not_wait_for_it(repository: SqliteRepository) -> None:
    names = ("journal_mode", "synchronous", "busy_timeout", "user_version")
    found = await repository._file.run(lambda db: [db.execute(f"pragma {name}").fetchone()[0] for name in names])
    assert found == ["wal", 2, 10_000, 1]


async def test_the_users_thirteen_columns_come_first_and_a_person_can_read_the_rest(
    repository: SqliteRepository, path: Path
) -> None:
    await repository.add(sample_job(VirtualClock(), estimated_cost_usd=Decimal("0.40")))
    with edited(path) as database:
        columns = [name for _, name, *_ in database.execute("pragma table_info(generation_jobs)")]
        row = database.execute("select run_at, estimated_cost_usd, request from generation_jobs").fetchone()
    assert (
        columns[:13]
        == (
            "id type prompt model duration_seconds reference_media_path status result_url error_message provider "
            "provider_job_id quality_tier provider_metadata"
        ).split()
    )
    assert columns == list(GenerationJob.model_fields)
    assert row[:2] == ("2026-11-24T12:00:00.000000Z", "0.40")
    assert json.loads(row[2])["prompt"] == "a fox in snow"


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (sql.CLAIM_ANY, "generation_jobs_due"),
        (sql.BY_CLIENT_KEY, "generation_jobs_client_key"),
        (sql.LIST.format(where=sql.where({"user_id": ""})), "generation_jobs_mine"),
        (sql.LIST.format(where=sql.where({})), "generation_jobs_recent"),
        (sql.USAGE.format(where=sql.where({"since": ""})), "generation_jobs_recent"),
        (sql.DURATIONS, "generation_jobs_durations"),
    ],
)
async def test_a_large_table_is_read_through_its_indexes(
    repository: SqliteRepository, statement: str, index: str
) -> None:
    names = ("leased_until", "now", "limit", "user_id", "client_key", "since", "key")
    values = dict.fromkeys(names, "")
    plan = await repository._file.run(lambda db: db.execute(f"explain query plan {statement}", values).fetchall())
    assert index in str(plan)
    assert "SCAN generation_jobs'" not in str(plan)


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
        assert (await found(repository, job)).cost_usd == Decimal(amount)
    assert (await repository.usage(UsageQuery())).cost_usd == Decimal("1000000.099999000000000001")


@pytest.mark.parametrize("fields", [{"error_message": "half \ud800"}, {"fence": 2**63}], ids=["surrogate", "too large"])
async def test_a_value_that_no_row_can_hold_is_refused(repository: SqliteRepository, fields: dict[str, object]) -> None:
    with pytest.raises(StorageError, match="cannot hold"):
        await repository.add(sample_job(CLOCK, **fields))
    assert (await repository.usage(UsageQuery())).jobs == 0


async def test_no_number_in_metadata_becomes_null(repository: SqliteRepository) -> None:
    job = await repository.add(sample_job(CLOCK, provider_metadata={"progress": float("nan")}))
    assert job.provider_metadata == {"progress": None}


# Many at once.


def test_twenty_processes_may_find_no_database_at_once(path: Path) -> None:
    said = said_by("create", path)
    assert len(set(said)) == 20
    assert ids_in(path) == set(said)


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


async def test_the_event_loop_goes_on_while_another_process_holds_the_lock(
    repository: SqliteRepository, path: Path
) -> None:
    job = await repository.add(sample_job(CLOCK))
    with child("hold_lock", path) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        waiting = asyncio.create_task(repository.add(sample_job(CLOCK)))
        # A blocked loop would only come here when the wait for the lock had failed.
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not waiting.done()
        reader = SqliteRepository(path)
        assert await reader.get(job.id) == job
        await reader.aclose()
        assert not waiting.done()
        holder.stdin.close()
        await waiting
    assert (await repository.usage(UsageQuery())).jobs == 2


async def test_a_cancelled_call_is_done_or_not_done_and_the_next_one_works(
    repository: SqliteRepository, path: Path
) -> None:
    begun, waiting = (sample_job(CLOCK, client_key=key) for key in ("begun", "waiting"))
    await repository.usage(UsageQuery())
    with edited(path) as database:
        database.execute("begin immediate")
        calls = [asyncio.create_task(repository.add(job)) for job in (begun, waiting)]
        await asyncio.wait(calls, timeout=0.1)
        for call in calls:
            call.cancel()
        assert [type(one) for one in await asyncio.gather(*calls, return_exceptions=True)] == [
            asyncio.CancelledError,
            asyncio.CancelledError,
        ]
        database.execute("rollback")
    assert await repository.get(waiting.id) is None  # it stood behind the first one, which could not go on
    again = await repository.add(begun.evolve(id="0" * 32))
    assert again.id in {begun.id, "0" * 32}
    assert (await repository.usage(UsageQuery())).jobs == 1


def test_a_program_may_end_while_a_call_waits(path: Path) -> None:
    assert said_by("leave", path, timeout_seconds=sqlite_file.LOCK_WAIT_SECONDS - 2) == ["left"]


@pytest.mark.parametrize("confirmed", [1, 7, 30])
async def test_a_killed_process_leaves_a_good_database_with_all_it_confirmed(path: Path, confirmed: int) -> None:
    with child("write_until_killed", path) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip() for _ in range(confirmed)]
        os.kill(writer.pid, signal.SIGKILL)
        said += [line.strip() for line in writer.stdout if line.endswith("\n")]
    repository = SqliteRepository(path)
    jobs = {job.id: job for job in await repository.list(JobQuery(limit=10_000))}
    assert all(jobs[one].status == "completed" for one in said)
    assert len(jobs) - len(said) in {0, 1}  # at most the job that was being written
    assert await repository._file.run(lambda db: db.execute("pragma integrity_check").fetchall()) == [("ok",)]
    await repository.add(sample_job(CLOCK))
    await repository.aclose()


# Trouble.


async def test_a_file_that_is_no_database_is_left_alone_until_somebody_moves_it(
    repository: SqliteRepository, path: Path
) -> None:
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StorageUnavailable, match="damaged") as error:
        await repository.get("j1")
    assert str(path) in error.value.message
    assert "Move it away" in error.value.next_step
    assert "nexiom jobs resolve" in error.value.next_step
    assert path.read_bytes() == b"not a database" * 1000
    path.rename(path.with_suffix(".broken"))
    await repository.add(sample_job(CLOCK))


async def test_a_damaged_database_is_said_to_be_damaged(path: Path) -> None:
    writer = SqliteRepository(path)
    for _ in range(50):
        await writer.add(sample_job(CLOCK, provider_metadata={"filling": "x" * 2000}))
    await writer.aclose()
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    reader = SqliteRepository(path)
    with pytest.raises(StorageUnavailable, match="damaged"):
        await reader.list(JobQuery())
    await reader.aclose()


async def test_a_folder_in_the_place_of_the_file_is_named(repository: SqliteRepository, path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageUnavailable, match=r"jobs\.db cannot be opened.*must be a file"):
        await repository.get("j1")
    path.rmdir()
    assert await repository.get("j1") is None


async def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    repository = SqliteRepository(tmp_path / "home" / "jobs.db")
    with pytest.raises(StorageUnavailable, match=r"jobs\.db cannot be made.*a folder that"):
        await repository.get("j1")
    await repository.aclose()


async def test_a_full_disk_stops_writing_and_loses_nothing(path: Path) -> None:
    [said] = said_by("fill", path)
    report = json.loads(said)
    assert "cannot" in report["message"]
    assert "room" in report["message"]
    assert ids_in(path) == set(report["written"])


async def test_a_database_without_room_says_so(repository: SqliteRepository) -> None:
    await repository._file.run(lambda db: db.execute("pragma max_page_count = 1").fetchall())
    with pytest.raises(StorageUnavailable, match="no room left"):
        for _ in range(100):
            await repository.add(sample_job(CLOCK, provider_metadata={"filling": "x" * 2000}))


async def test_a_lock_that_stays_is_reported_and_forgotten_when_it_goes(
    repository: SqliteRepository, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_WAIT_SECONDS", 0.05)
    await repository.usage(UsageQuery())
    with edited(path) as database:
        database.execute("begin immediate")
        with pytest.raises(StorageUnavailable, match="locked by another program"):
            await repository.add(sample_job(CLOCK))
    await repository.add(sample_job(CLOCK))


async def test_a_new_file_that_stays_locked_is_reported(
    repository: SqliteRepository, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_WAIT_SECONDS", 0.05)
    with edited(path) as database:
        database.execute("begin exclusive")
        with pytest.raises(StorageUnavailable, match="locked by another program"):
            await repository.usage(UsageQuery())
    assert (await repository.usage(UsageQuery())).jobs == 0


async def test_a_database_of_a_newer_version_is_not_touched(repository: SqliteRepository, path: Path) -> None:
    with edited(path) as database:
        database.execute("pragma user_version = 2")
    with pytest.raises(StorageUnavailable, match="version 2; this nexiom_sdk knows version 1"):
        await repository.get("j1")
    with edited(path) as database:
        assert database.execute("select name from sqlite_master").fetchall() == []


async def test_an_old_sqlite_is_named(repository: SqliteRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StorageUnavailable, match=r"3\.35 is needed"):
        await repository.get("j1")


async def test_a_table_that_is_gone_is_a_storage_error(repository: SqliteRepository, path: Path) -> None:
    await repository.usage(UsageQuery())
    with edited(path) as database:
        database.execute("drop table generation_jobs")
    with pytest.raises(StorageUnavailable, match="no such table"):
        await repository.get("j1")


# Rows that somebody changed by hand.


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [("request", '{"prompt": 5}', "prompt"), ("request", "[]", "request"), ("provider_metadata", "7", "metadata")],
)
async def test_a_row_that_is_no_job_is_named_and_does_not_hold_up_the_others(
    repository: SqliteRepository, path: Path, column: str, value: str, named: str
) -> None:
    broken, good = [await repository.add(sample_job(CLOCK)) for _ in range(2)]
    with edited(path) as database:
        database.execute(f"update generation_jobs set {column} = ? where id = ?", (value, broken.id))
    with pytest.raises(StorageUnavailable, match=named) as error:
        await repository.get(broken.id)
    assert error.value.job_id == broken.id
    assert broken.id in error.value.message
    assert [job.id for job in await repository.claim(limit=9, lease_seconds=0)] == [good.id]
    with pytest.raises(StorageUnavailable, match=broken.id):
        await repository.claim(limit=1, lease_seconds=0, job_id=broken.id)


@pytest.mark.parametrize(
    "change",
    ["request = '{'", "provider_metadata = 'x'", "run_at = datetime('now')", "phase = 'later'", "status = 'gone'"],
)
async def test_the_table_refuses_what_would_break_a_row(repository: SqliteRepository, path: Path, change: str) -> None:
    await repository.add(sample_job(CLOCK))
    with edited(path) as database, pytest.raises(sqlite3.IntegrityError, match="CHECK constraint failed"):
        database.execute(f"update generation_jobs set {change}")


async def test_columns_that_somebody_added_do_not_matter(repository: SqliteRepository, path: Path) -> None:
    await repository.usage(UsageQuery())
    with edited(path) as database:
        database.execute("alter table generation_jobs add column note text default 'x'")
    job = await repository.add(sample_job(CLOCK))
    assert await repository.claim(limit=1, lease_seconds=60) == [await found(repository, job)]


async def found(repository: SqliteRepository, job: GenerationJob) -> GenerationJob:
    row = await repository.get(job.id)
    assert row is not None
    return row


def ids_in(path: Path) -> set[str]:
    with edited(path) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        return {job_id for (job_id,) in database.execute("select id from generation_jobs")}
