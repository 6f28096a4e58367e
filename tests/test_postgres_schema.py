"""The SQL that we ship, run on a real PostgreSQL: over nothing, over itself, and over a table from before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import psycopg
import pytest
from psycopg import sql

import debian_postgres
from access_matrix import EXPECTED, observed
from cli_rig import Command, command
from nexiom_sdk import Settings, Studio
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_migration import SCHEMA_VERSION, migration
from nexiom_sdk.errors import IllegalTransition, NexiomError, StorageUnavailable
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import UsageQuery
from postgres_rig import run
from schema_rig import (
    NINE_COLUMNS,
    OWNER,
    STATUSES,
    STUB,
    TYPES,
    as_url,
    as_user,
    catalogue,
    fill_with_old_rows,
    nine_values,
    one,
    roles_database,
    supabase_database,
)

__all__ = ["command"]  # a fixture

CLAIM = "select id::text from claim_generation_jobs(1000, 60)"
KNOWN = [status.value for status in JobStatus]


@pytest.fixture
def bare() -> Iterator[str]:
    with roles_database() as url:
        yield url


@pytest.fixture
def supabase() -> Iterator[str]:
    with supabase_database() as url:
        yield url


@pytest.fixture
def old_table() -> Iterator[str]:
    """The table from before with its rows, on a database like Supabase's; not migrated yet."""
    with supabase_database(before=NINE_COLUMNS) as url:
        fill_with_old_rows(url)
        yield url


def claimed(url: str) -> set[str]:
    with psycopg.connect(url) as db:
        return {str(job_id) for (job_id,) in db.execute(CLAIM)}


def assert_it_is_the_same_after_every_run(url: str) -> None:
    run(url, migration())
    first = catalogue(url)
    assert {"generation_jobs_due", "generation_jobs_paid_once"} <= {
        str(index).split(" ON ")[0].split()[-1] for (index,) in first["indexes"]
    }
    for _ in range(2):
        run(url, migration())
        assert catalogue(url) == first


def assert_no_old_row_is_touched_or_claimed(url: str) -> None:
    before = nine_values(url)
    assert len(before) > len(TYPES) * len(STATUSES)
    run(url, migration())
    assert nine_values(url) == before
    assert claimed(url) == set()
    with psycopg.connect(url) as db:
        for row in before:  # not even by name, and not when it is due for ever
            assert db.execute("select id from claim_generation_jobs(1, 60, %s)", (row[0],)).fetchall() == []
        assert one(db, "select count(*) from noticed") == 0
        phases = db.execute(
            "select distinct coalesce(status, '') in ('completed', 'failed'), phase from generation_jobs order by 1"
        ).fetchall()
    assert phases == [(False, "unknown"), (True, "done")]


def test_over_nothing_and_over_itself(bare: str) -> None:
    assert_it_is_the_same_after_every_run(bare)


def test_over_nothing_and_over_itself_on_supabase(supabase: str) -> None:
    assert_it_is_the_same_after_every_run(supabase)


def test_over_an_old_table_and_over_itself(old_table: str) -> None:
    assert_it_is_the_same_after_every_run(old_table)


def test_an_upgraded_table_has_what_a_new_one_has(supabase: str, old_table: str) -> None:
    run(supabase, migration())
    run(old_table, migration())
    new, upgraded = catalogue(supabase), catalogue(old_table)
    for part in ("constraints", "indexes", "buckets"):
        assert upgraded[part] == new[part]
    assert {(row[0], row[1]) for row in upgraded["columns"]} == {(row[0], row[1]) for row in new["columns"]}
    assert set(map(str, new["policies"])) < set(map(str, upgraded["policies"]))  # the user's own is left, and warned of
    assert set(map(str, new["functions"])) < set(map(str, upgraded["functions"]))


def test_a_bare_server_gets_neither_row_security_nor_policies(bare: str) -> None:
    run(bare, migration())
    found = catalogue(bare)
    assert found["policies"] == []
    assert found["table"][0][:2] == (False, False)


def test_a_stopped_run_leaves_nothing(old_table: str) -> None:
    before = catalogue(old_table)
    with pytest.raises(psycopg.errors.DivisionByZero):
        run(old_table, migration() + "\nselect 1 / 0;")
    assert catalogue(old_table) == before


def test_it_says_which_version_it_is(bare: str) -> None:
    run(bare, migration())
    with psycopg.connect(bare) as db:
        assert one(db, "select nexiom_schema_version()") == SCHEMA_VERSION
    assert f"schema version {SCHEMA_VERSION}," in migration().splitlines()[0]


def test_old_rows_keep_their_values_and_are_never_claimed(old_table: str) -> None:
    assert_no_old_row_is_touched_or_claimed(old_table)
    assert_no_old_row_is_touched_or_claimed(old_table)  # nor by a second run


async def test_neither_does_a_worker_take_one(old_table: str) -> None:
    run(old_table, migration())
    repository = PostgresRepository(old_table)
    try:
        assert await repository.claim(limit=1000, lease_seconds=60) == []
        for row in nine_values(old_table):
            assert await repository.claim(limit=1, lease_seconds=60, job_id=str(row[0])) == []
            await repository.wake(str(row[0]), cancel=True)
        assert await repository.claim(limit=1000, lease_seconds=60) == []
        assert (await repository.usage(UsageQuery())).active == 0
    finally:
        await repository.aclose()
    with psycopg.connect(old_table) as db:
        assert one(db, "select count(*) from noticed") == 0


async def test_old_videos_are_listed_and_read_as_far_as_they_are_jobs(old_table: str) -> None:
    run(old_table, migration())
    async with Studio(settings=Settings(database_url=as_url(old_table))) as studio:
        listed = await studio.jobs(limit=1000)
        read = {job.id: job for job in listed}
        for row_id, kind, prompt, _, _, _, status, result_url, error in nine_values(old_table):
            job_id = str(row_id)
            if kind != "video":
                assert job_id not in read
                with pytest.raises(NexiomError, match="this library's jobs"):
                    await studio.cancel(job_id)
            elif status in KNOWN and prompt:
                assert await studio.get(job_id) == read[job_id]
                job = read[job_id]
                assert (job.prompt, job.request.prompt, job.status) == (prompt, prompt, status)
                assert (job.result_url, job.error_message) == (result_url, error)
                assert job.phase is (Phase.DONE if status in {"completed", "failed"} else Phase.UNKNOWN)
                assert await studio.advance(job_id) == job
                for again in (studio.resubmit(job_id), studio.resolve(job_id, provider_job_id="x")):
                    with pytest.raises(IllegalTransition):
                        await again
            else:
                assert job_id not in read
                with pytest.raises(StorageUnavailable, match=f"The row of job {job_id} cannot be read"):
                    await studio.get(job_id)
        assert {job.status.value for job in listed} == set(KNOWN)
        assert await studio.jobs(limit=1000) == listed


async def test_old_videos_are_in_no_sum(old_table: str) -> None:
    run(old_table, migration())
    repository = PostgresRepository(old_table)
    try:
        usage = await repository.usage(UsageQuery())
        assert (usage.jobs, usage.active, usage.cost_usd) == (0, 0, Decimal(0))
        assert await repository.spend(UsageQuery(), by=["user"]) == []
    finally:
        await repository.aclose()


def test_the_command_lists_an_upgraded_table(old_table: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXIOM_DATABASE_URL", as_url(old_table))
    assert command("jobs", "list").code == 5
    said = command("migrate", "--apply", "--json")
    assert (said.code, said.lines[0]["applied"], said.lines[0]["has"]) == (0, True, "other_table")
    said = command("jobs", "list", "--json")
    assert said.code == 0
    assert {line["prompt"] for line in said.lines} == {"a fox", "no such tier"}
    assert command("jobs", "list").code == 0
    assert command("jobs", "list", "--status", "failed").out.count("failed") == 1


def test_new_rows_of_the_app_are_claimed_if_they_are_videos(old_table: str) -> None:
    run(old_table, migration())
    with psycopg.connect(old_table) as db:
        for kind in (*TYPES, None, "Video"):
            db.execute("insert into generation_jobs (type, prompt) values (%s, 'new')", (kind,))
    with psycopg.connect(old_table) as db:
        found = db.execute("select type, status, phase from claim_generation_jobs(1000, 60)").fetchall()
        # the user's trigger ran inside the claim, and found its own table by a plain name
        assert db.execute("select what from noticed order by what").fetchall() == [("INSERT",)] * 5 + [("UPDATE",)]
    assert found == [("video", "pending", "queued")]


@pytest.mark.parametrize(
    "values",
    [
        {"status": "weird"},
        {"status": None},
        {"quality_tier": "best"},
        {"duration_seconds": 0},
        {"duration_seconds": Decimal("NaN")},
        {"duration_seconds": Decimal("Infinity")},
        {"phase": "lost"},
        {"status": "completed"},
        {"phase": "waiting"},
    ],
    ids=str,
)
def test_a_new_video_must_be_one_and_other_types_are_not_our_business(
    old_table: str, values: dict[str, object]
) -> None:
    run(old_table, migration())
    insert = sql.SQL("insert into generation_jobs (type, prompt, {}) values (%s, 'new', {})").format(
        sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(map(sql.Literal, values.values()))
    )
    with psycopg.connect(old_table) as db:
        with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
            db.execute(insert, ("video",))
        if "phase" not in values or values["phase"] == "waiting":
            db.execute(insert, ("image",))


async def test_rows_of_another_type_are_neither_listed_nor_counted_nor_changed(bare: str) -> None:
    run(bare, migration())
    with psycopg.connect(bare) as db:
        priced = "insert into generation_jobs (type, prompt, user_id, estimated_cost_usd) values"
        image = str(one(db, f"{priced} ('image', 'a cat', 'u1', 0.40) returning id"))
        video = str(one(db, f"{priced} ('video', 'a fox', 'u1', 0.40) returning id"))
    repository = PostgresRepository(bare)
    try:
        assert [job.id for job in await repository.list(JobQuery())] == [video]
        usage = await repository.usage(UsageQuery())
        assert (usage.jobs, usage.active, usage.cost_usd) == (1, 1, Decimal("0.40"))
        [spend] = await repository.spend(UsageQuery(), by=["user"])
        assert (spend.jobs, spend.cost_usd) == (1, Decimal("0.40"))
        found = await repository.get(image)
        assert found is not None
        assert found.type == "image"
        await repository.wake(image, cancel=True)
        assert await repository.adopt_late_id(image, 0, "acme", "v1") is False
        [job] = await repository.claim(limit=10, lease_seconds=60)
    finally:
        await repository.aclose()
    assert (job.id, job.user_id, job.request.prompt, job.phase) == (video, "u1", "a fox", Phase.QUEUED)
    with psycopg.connect(bare) as db:
        untouched = (
            "select fence = 0 and cancel_requested_at is null and provider is null from generation_jobs where id = %s"
        )
        assert one(db, untouched, image) is True


def test_the_owner_of_a_table_needs_to_be_no_superuser(old_table: str) -> None:
    with psycopg.connect(old_table) as db:
        for table in ("public.generation_jobs", "public.noticed", "storage.objects", "storage.buckets"):
            db.execute(f"alter table {table} owner to {OWNER}".encode())
        db.execute(f"grant create on schema public to {OWNER}; grant usage on schema auth, storage to {OWNER}".encode())
    assert_no_old_row_is_touched_or_claimed(as_user(old_table, OWNER))
    assert_it_is_the_same_after_every_run(as_user(old_table, OWNER))


@pytest.mark.timeout(240)
@pytest.mark.skipif(debian_postgres.why_not() is not None, reason=str(debian_postgres.why_not()))
def test_all_of_it_holds_on_postgresql_15_as_well() -> None:
    roles = "".join(f"create role {role}; " for role in ("anon", "authenticated", "nexiom_test_nobody"))
    with debian_postgres.server() as url:
        run(url, roles + "create role service_role bypassrls", STUB, NINE_COLUMNS)
        fill_with_old_rows(url)
        assert_no_old_row_is_touched_or_claimed(url)
        assert_it_is_the_same_after_every_run(url)
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("truncate generation_jobs")
            assert observed(db, migration()) == EXPECTED
        asyncio.run(_claim_of_a_worker(url))


async def _claim_of_a_worker(url: str) -> None:
    with psycopg.connect(url) as db:
        db.execute("insert into generation_jobs (type, prompt) values ('video', 'new')")
    repository = PostgresRepository(url)
    try:
        [job] = await repository.claim(limit=10, lease_seconds=60)
        assert await repository.save(job.evolve(phase=Phase.DONE, status=JobStatus.FAILED), fence=job.fence)
    finally:
        await repository.aclose()
