from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexiom_sdk.backends import sqlite_file
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing.sample_jobs import sample_job
from sqlite_rig import CLOCK, ids_in, opened, said_by, started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def repository(path: Path) -> AsyncIterator[SqliteRepository]:
    repository = SqliteRepository(path)
    yield repository
    await repository.aclose()


async def test_nothing_is_made_before_the_first_call(tmp_path: Path) -> None:
    repository = SqliteRepository(tmp_path / "a" / "b" / "jobs.db")
    await repository.aclose()
    assert modes_in(tmp_path) == {}


async def test_the_first_call_makes_folders_and_a_file_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "jobs.db"
    repository = SqliteRepository(path)
    await repository.add(sample_job(CLOCK))
    assert modes_in(path.parent) == dict.fromkeys(("jobs.db", "jobs.db-wal", "jobs.db-shm"), 0o600)
    await repository.aclose()
    assert modes_in(path.parent) == {"jobs.db": 0o600}


async def test_a_commit_is_on_the_disk_and_readers_do_not_wait_for_it(repository: SqliteRepository) -> None:
    names = ("journal_mode", "synchronous", "busy_timeout", "user_version")
    found = await repository._file.run(lambda db: [db.execute(f"pragma {name}").fetchone()[0] for name in names])
    assert found == ["wal", 2, 10_000, 1]


def test_twenty_processes_may_find_no_database_at_once(path: Path) -> None:
    said = said_by("create", path)
    assert len(set(said)) == 20
    assert ids_in(path) == set(said)


async def test_the_event_loop_goes_on_while_another_process_holds_the_lock(
    repository: SqliteRepository, path: Path
) -> None:
    job = await repository.add(sample_job(CLOCK))
    with started("hold_lock", path) as holder:
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
    with opened(path) as database:
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
    with started("write_until_killed", path) as writer:
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
    write(path, b"not a database" * 1000)
    with pytest.raises(StorageUnavailable, match="damaged") as error:
        await repository.get("j1")
    assert str(path) in error.value.message
    assert "Move it away" in error.value.next_step
    assert "nexiom jobs resolve" in error.value.next_step
    assert content(path) == b"not a database" * 1000
    move_away(path)
    await repository.add(sample_job(CLOCK))


async def test_a_damaged_database_is_said_to_be_damaged(path: Path) -> None:
    writer = SqliteRepository(path)
    for _ in range(50):
        await writer.add(sample_job(CLOCK, provider_metadata={"filling": "x" * 2000}))
    await writer.aclose()
    whole = content(path)
    write(path, whole[:8192] + b"\xff" * (len(whole) - 8192))
    reader = SqliteRepository(path)
    with pytest.raises(StorageUnavailable, match="damaged"):
        await reader.list(JobQuery())
    await reader.aclose()


async def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    repository = SqliteRepository(tmp_path)
    with pytest.raises(StorageUnavailable, match=r"cannot be opened.*must be a file"):
        await repository.get("j1")
    await repository.aclose()


async def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    write(tmp_path / "home", b"a file")
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
        await repository.add(sample_job(CLOCK, provider_metadata={"filling": "x" * 100_000}))
    await repository.add(sample_job(CLOCK))


async def test_a_lock_that_stays_is_reported_and_forgotten_when_it_goes(
    repository: SqliteRepository, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_WAIT_SECONDS", 0.05)
    await repository.usage(UsageQuery())
    with opened(path) as database:
        database.execute("begin immediate")
        with pytest.raises(StorageUnavailable, match="locked by another program"):
            await repository.add(sample_job(CLOCK))
    await repository.add(sample_job(CLOCK))


async def test_a_new_file_that_stays_locked_is_reported(
    repository: SqliteRepository, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file, "LOCK_WAIT_SECONDS", 0.05)
    with opened(path) as database:
        database.execute("begin exclusive")
        with pytest.raises(StorageUnavailable, match="locked by another program"):
            await repository.usage(UsageQuery())
    assert (await repository.usage(UsageQuery())).jobs == 0


async def test_a_database_of_a_newer_version_is_not_touched(repository: SqliteRepository, path: Path) -> None:
    with opened(path) as database:
        database.execute("pragma user_version = 2")
    with pytest.raises(StorageUnavailable, match="version 2; this nexiom_sdk knows version 1"):
        await repository.get("j1")
    with opened(path) as database:
        assert database.execute("select name from sqlite_master").fetchall() == []


async def test_an_old_sqlite_is_named(repository: SqliteRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StorageUnavailable, match=r"3\.35 is needed"):
        await repository.get("j1")


async def test_a_table_that_is_gone_is_a_storage_error(repository: SqliteRepository, path: Path) -> None:
    await repository.usage(UsageQuery())
    with opened(path) as database:
        database.execute("drop table generation_jobs")
    with pytest.raises(StorageUnavailable, match="no such table"):
        await repository.get("j1")


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def content(path: Path) -> bytes:
    return path.read_bytes()


def move_away(path: Path) -> None:
    path.rename(path.with_suffix(".broken"))
