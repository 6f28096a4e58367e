"""What is wrong with a table from before: put right, or refused before anything changes. What becomes of old rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from pydantic import SecretStr

from access_matrix import ALICE, BOB
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_migration import Has, SchemaFound, migration
from nexiom_sdk.backends.postgres_upgrade import apply, look
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.phases import JobStatus, Phase
from postgres_rig import run
from schema_rig import (
    NINE_COLUMNS,
    Somebody,
    catalogue,
    fill_with_old_rows,
    nine_values,
    one,
    roles_database,
    supabase_database,
)

ADD = "alter table public.generation_jobs add column "
ALICE_FILES = "insert into generation_jobs (type, prompt) values ('video', 'a fox') returning id::text"


@pytest.fixture
def supabase() -> Iterator[str]:
    with supabase_database() as url:
        yield url


@pytest.fixture
def bare() -> Iterator[str]:
    with roles_database() as url:
        yield url


def nine(**columns: str) -> str:
    """The table from before, with some of its columns said in other words."""
    script = NINE_COLUMNS
    for name, words in columns.items():
        script, changed = re.subn(rf"^  {name} [^,\n]+", f"  {name} {words}", script, flags=re.MULTILINE)
        assert changed == 1
    return script


async def found(url: str) -> SchemaFound:
    return await look(SecretStr(url))


async def assert_a_job_lives_from_filing_to_its_end(url: str) -> None:
    """Filed by the app without more than it has to say, and written by a worker with all that it may have to."""
    with psycopg.connect(url) as db:
        Somebody("authenticated", ALICE).becomes(db)
        job_id = str(one(db, ALICE_FILES))
    worker = PostgresRepository(url)
    try:
        [job] = await worker.claim(limit=10, lease_seconds=60)
        assert (job.id, job.status, job.phase, job.user_id) == (job_id, "pending", "queued", ALICE)
        job = job.evolve(
            status=JobStatus.PROCESSING,
            phase=Phase.WAITING,
            provider="a provider",
            provider_job_id="no-uuid",
            model="m" * 200,
            duration_seconds=7.125,
            progress=0.5,
            error_code=None,
            error_message=None,
            result_url=None,
            provider_metadata={"choice": {}},
        )
        assert await worker.save(job, fence=job.fence)
        job = job.evolve(
            status=JobStatus.COMPLETED,
            phase=Phase.DONE,
            result_url="https://x/" + "r" * 500,
            result_path="p" * 300,
            error_message="e" * 500,
            leased_until=None,
        )
        assert await worker.save(job, fence=job.fence)
        read = await worker.get(job_id)
    finally:
        await worker.aclose()
    assert read is not None
    for name in ("status", "provider_job_id", "model", "duration_seconds", "progress", "result_url", "error_message"):
        assert getattr(read, name) == getattr(job, name)


PUT_RIGHT: Mapping[str, str] = {
    "texts have limits": nine(status="varchar(9)", result_url="varchar(20)", error_message="varchar(60)")
    + 'drop policy "everybody reads" on generation_jobs',
    "lengths have limits": nine(duration_seconds="numeric(3,0)"),
    "lengths are floats": nine(duration_seconds="double precision"),
    "what workers empty must not be empty": nine(error_message="text not null default ''", result_url="text not null"),
    "the app has to name a model": nine(model="text not null"),
    "jobs begin with another status": nine(status="text default 'queued'"),
    "jobs must begin with a status": nine(status="text not null"),
    "ids come from the app": nine(id="uuid primary key"),
    "nothing keeps ids apart": nine(id="uuid"),
    "the key is another one": nine(id="uuid not null", prompt="text primary key"),
    "there is a created_at without a value": NINE_COLUMNS + ADD + "created_at timestamptz",
    "there are attempts without a value": NINE_COLUMNS + ADD + "attempts smallint",
    "there is metadata without a value": NINE_COLUMNS + ADD + "provider_metadata jsonb",
    "there is a progress in whole numbers": NINE_COLUMNS + ADD + "progress integer",
    "there is an id of the provider, set for all": NINE_COLUMNS
    + ADD
    + "provider_job_id varchar(5) not null default ''",
    "times lack their fractions": NINE_COLUMNS + ADD + "run_at timestamptz(0) not null default '2020-01-01'",
    "an index has a name of ours": NINE_COLUMNS + "create index generation_jobs_due on generation_jobs (id)",
}


@pytest.mark.parametrize("what", PUT_RIGHT)
async def test_what_can_be_put_right_is_and_then_jobs_live(what: str) -> None:
    with supabase_database(before=PUT_RIGHT[what]) as url:
        run(
            url,
            "insert into generation_jobs (id, type, prompt, model, duration_seconds, status, result_url, error_message)"
            " values (gen_random_uuid(), 'video', 'old', 'm', 4, 'failed', '', '')",
        )
        before = nine_values(url)
        seen = await found(url)
        assert (seen.has, seen.obstacles) == (Has.OTHER_TABLE, ())
        assert len(seen.differs) > (0 if "duration_seconds integer" not in PUT_RIGHT[what] else 1)
        await apply(SecretStr(url))
        assert nine_values(url) == before
        assert (await found(url)).has is Has.CURRENT
        await assert_a_job_lives_from_filing_to_its_end(url)
        with psycopg.connect(url) as db:
            assert one(db, "select phase from generation_jobs where prompt = 'old'") == "done"
        after = catalogue(url)
        await apply(SecretStr(url))
        assert catalogue(url) == after


async def test_a_choice_of_the_users_own_that_is_taken_away_is_told() -> None:
    with supabase_database(before=nine(status="text default 'queued'", model="text not null")) as url:
        warnings = "\n".join((await apply(SecretStr(url))).warnings)
    assert "The column status has 'queued'::text as its default, where 'pending'::text is needed" in warnings
    assert "The column model must not be empty" in warnings
    assert "duration_seconds" not in warnings


def test_a_number_keeps_all_its_digits(bare: str) -> None:
    run(bare, nine(duration_seconds="real"), "insert into generation_jobs (duration_seconds) values (1234567), (0.1)")
    run(bare, migration())
    assert {row[4] for row in nine_values(bare)} == {"1234567", "0.1"}


OWN_POLL = "create function get_generation_job(uuid) returns int return 1"

REFUSED: Mapping[str, tuple[str, str]] = {
    "a phase of somebody else's": (
        NINE_COLUMNS + ADD + "phase text default 'queued'",
        "a column phase that is not nexiom_sdk's: rename",
    ),
    "an id of the provider that is a uuid": (
        NINE_COLUMNS + ADD + "provider_job_id uuid",
        "The column provider_job_id is uuid, where text",
    ),
    "an id of the provider that is a number": (
        NINE_COLUMNS + ADD + "provider_job_id bigint",
        "provider_job_id is bigint",
    ),
    "a user id that is a uuid": (
        NINE_COLUMNS + ADD + "user_id uuid",
        "The column user_id is uuid, where text is needed: change it",
    ),
    "a request that is a text": (NINE_COLUMNS + ADD + "request text", "The column request is text, where jsonb"),
    "metadata that is json": (NINE_COLUMNS + ADD + "provider_metadata json", "provider_metadata is json, where jsonb"),
    "a time without a zone": (
        NINE_COLUMNS + ADD + "created_at timestamp default now()",
        "created_at is timestamp without time zone",
    ),
    "costs in floats": (NINE_COLUMNS + ADD + "cost_usd money", "cost_usd is money, where numeric"),
    "a status of a type of its own": (
        "create type st as enum ('pending');" + nine(status="st"),
        "The column status is public.st",
    ),
    "an id that is a number": (nine(id="bigint primary key"), "The column id is bigint, where uuid is needed"),
    "a length that is a text": (
        nine(duration_seconds="text"),
        "duration_seconds is text, where numeric is needed: change it",
    ),
    "a length that is computed": (
        nine(duration_seconds="numeric generated always as (8) stored"),
        "duration_seconds is computed by the database, and workers write it: `alter table",
    ),
    "a view on a column that changes": (
        NINE_COLUMNS + "create view seen as select duration_seconds from generation_jobs",
        "duration_seconds is integer, where numeric is needed, and this stands in the way: view public.seen",
    ),
    "a policy on a column that changes": (
        nine(result_url="varchar(20)"),
        "this stands in the way: policy everybody reads",
    ),
    "a computed column over one that changes": (
        NINE_COLUMNS + ADD + "half numeric generated always as (duration_seconds / 2) stored",
        "this stands in the way: default value for column half",
    ),
    "a key over what workers empty": (nine(id="uuid", model="text primary key"), "The column model must not be empty"),
    "a rule about the status": (
        nine(status="text constraint known check (status in ('pending', 'completed'))"),
        "The rule known limits what workers write into status: drop it",
    ),
    "a list of providers": (
        "create table listed (name text primary key);"
        + NINE_COLUMNS
        + ADD
        + "provider text constraint known references listed",
        "The rule known limits what workers write into provider",
    ),
    "a rewrite rule": (
        NINE_COLUMNS + "create rule aside as on insert to generation_jobs do also notify someone",
        "The rule aside does something else",
    ),
    "a name of an index is taken": (
        NINE_COLUMNS + "create table other (a int); create index generation_jobs_paid_once on other (a)",
        "The name generation_jobs_paid_once is taken by something else",
    ),
    "a name of an index is taken by a table": (
        "create table generation_jobs_client_key (a int)",
        "The name generation_jobs_client_key is taken",
    ),
    "a table in partitions": (
        NINE_COLUMNS.replace("error_message text\n)", "error_message text\n) partition by hash (id)"),
        "is no plain table",
    ),
    "somebody else's table": (
        "create table generation_jobs (id uuid, whose text)",
        "lacks type, prompt, model, duration_seconds",
    ),
    "a view of that name": ("create view generation_jobs as select 1 as id", "is no plain table"),
    "a function with dependents": (
        f"{OWN_POLL}; create view w as select get_generation_job(null)",
        "stands in the way",
    ),
    "what answers otherwise": (
        "create function claim_generation_jobs(int, float, uuid) returns text language sql as 'select null'",
        "stands in the way",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_only_the_user_can_put_right_is_named_and_nothing_is_changed(what: str, bare: str) -> None:
    before, said = REFUSED[what]
    run(bare, before)
    if "create table public.generation_jobs" in before and "partition" not in before:
        run(
            bare,
            "insert into generation_jobs (id, type, prompt, model, status) select"
            f" {'1' if 'bigint primary' in before else 'gen_random_uuid()'}, 'video', 'OLD', 'm', 'pending'",
        )
    was = everything(bare)
    seen = await found(bare)
    assert said == "stands in the way" or said in " ".join(seen.obstacles)
    with pytest.raises(StorageUnavailable, match=re.escape(said)) as refused:
        await apply(SecretStr(bare))
    assert "Nothing was changed" in str(refused.value)
    with pytest.raises(psycopg.Error):  # the file by itself refuses as well, as its first statement
        run(bare, migration() if said == "stands in the way" else first_statement())
    assert everything(bare) == was


def first_statement() -> str:
    return migration().partition("create table if not exists")[0]


def everything(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as db:
        return db.execute(
            "select c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull from pg_class c"
            " join pg_attribute a on a.attrelid = c.oid where relnamespace = 'public'::regnamespace order by 1, 3"
        ).fetchall()


async def test_checks_of_what_users_ask_for_are_theirs_to_keep() -> None:
    with supabase_database(
        before=nine(duration_seconds="integer constraint positive check (duration_seconds > 0)")
    ) as url:
        warnings = (await apply(SecretStr(url))).warnings
        assert any("the rule positive" in warning for warning in warnings)
        await assert_a_job_lives_from_filing_to_its_end(url)


# Old rows.


async def test_old_rows_can_be_given_to_their_users_and_ended_by_their_owner(supabase: str) -> None:
    run(supabase, NINE_COLUMNS)
    fill_with_old_rows(supabase)
    run(supabase, migration())
    before = nine_values(supabase)
    run(supabase, f"update generation_jobs set user_id = '{BOB}'")
    assert nine_values(supabase) == before
    with psycopg.connect(supabase) as db:
        seen = Somebody("authenticated", BOB).tries(db, "select id from generation_jobs")
        assert len(seen) == len(before)
        db.execute("update generation_jobs set status = 'DONE', result_url = null where status = 'queued'")
        assert db.execute("select id from claim_generation_jobs(1000, 60)").fetchall() == []


@pytest.mark.parametrize(
    "change",
    ["status = 'DONE'", "status = null", "status = 'completed'", "duration_seconds = 0", "quality_tier = 'best'"],
)
async def test_a_row_that_a_worker_had_is_held_to_the_rules_for_good(bare: str, change: str) -> None:
    run(bare, migration(), "insert into generation_jobs (type, prompt) values ('video', 'new')")
    run(bare, "select claim_generation_jobs(1, 60); update generation_jobs set phase = 'done', status = 'failed'")
    with pytest.raises(psycopg.errors.IntegrityError):
        run(bare, f"update generation_jobs set {change}")


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("(null), (null)", "set id = gen_random_uuid() where id is null"),
        ("('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000001')", "another id"),
    ],
)
async def test_rows_that_no_key_can_hold_are_told_with_what_to_do(ids: str, said: str, bare: str) -> None:
    run(bare, nine(id="uuid"), f"insert into generation_jobs (id) values {ids}")
    with pytest.raises(StorageUnavailable) as refused:
        await apply(SecretStr(bare))
    assert said in refused.value.next_step


async def test_what_stands_in_the_way_is_to_be_dropped_and_no_other_user_is_asked_for(bare: str) -> None:
    run(bare, NINE_COLUMNS + "create view seen as select duration_seconds from generation_jobs")
    with pytest.raises(StorageUnavailable, match="drop it, migrate, make it again") as refused:
        await apply(SecretStr(bare))
    assert "NEXIOM_DATABASE_URL" not in refused.value.next_step


async def test_a_poll_of_the_users_own_is_replaced_and_that_is_told(bare: str) -> None:
    run(bare, "create function get_generation_job(job_id uuid) returns json language sql as 'select null::json'")
    said = "There is another get_generation_job(uuid), and ours takes its place."
    assert (await found(bare)).differs == (said,)
    assert (await apply(SecretStr(bare))).warnings == (f"this was put right: {said}",)
    assert (await found(bare)).has is Has.CURRENT
