"""What was changed by hand, or never came to be: it is seen without running anything, and put back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_migration import Has, SchemaFound, migration
from nexiom_sdk.backends.postgres_upgrade import apply, look
from nexiom_sdk.errors import StorageUnavailable
from postgres_rig import run
from schema_rig import (
    STRANGER,
    as_user,
    catalogue,
    one,
    roles_database,
    supabase_database,
)


@pytest.fixture
def supabase() -> Iterator[str]:
    with supabase_database() as url:
        yield url


@pytest.fixture
def bare() -> Iterator[str]:
    with roles_database() as url:
        yield url


async def found(url: str) -> SchemaFound:
    return await look(SecretStr(url))


BY_HAND = (
    *(
        f"alter table generation_jobs drop constraint nexiom_{rule}"
        for rule in (
            "phase_values",
            "status_values",
            "quality_tier_values",
            "duration_is_positive",
            "completed_has_result",
            "waiting_has_id",
            "prompt_not_blank",
            "reference_in_own_folder",
        )
    ),
    "alter table generation_jobs drop constraint nexiom_phase_values, add constraint nexiom_phase_values check (true)",
    "alter table generation_jobs alter column phase drop default",
    "alter table generation_jobs alter column id drop default",
    "alter table generation_jobs alter column status set default 'new'",
    "alter table generation_jobs alter column run_at drop not null, alter column run_at drop default",
    "alter table generation_jobs alter column user_id drop default",
    "alter table generation_jobs alter column error_message set not null",
    "alter table generation_jobs alter column error_message type varchar(9)",
    "alter table generation_jobs drop column progress",
    "alter table generation_jobs drop constraint generation_jobs_pkey",
    "drop index generation_jobs_client_key",
    "drop index generation_jobs_paid_once; create index generation_jobs_paid_once on generation_jobs (id)",
    "alter table generation_jobs disable trigger nexiom_tell_workers",
    "drop trigger nexiom_tell_workers on generation_jobs",
    "alter table generation_jobs disable row level security",
    "grant all on generation_jobs to anon",
    "grant all on generation_jobs to public",
    "grant select (cost_usd, phase) on generation_jobs to authenticated",
    "revoke select (status) on generation_jobs from authenticated",
    "grant execute on function nexiom_tell_workers() to public",
    "grant execute on function claim_generation_jobs to anon",
    "alter function get_generation_job(uuid) security definer",
    "alter function get_generation_job(uuid) reset all",
    "alter function claim_generation_jobs security definer",
    "create or replace function nexiom_schema_version() returns integer language sql as 'select 1'",
    'drop policy "nexiom: file own jobs" on generation_jobs',
    'alter policy "nexiom: see own jobs" on generation_jobs using (true)',
    'alter policy "nexiom: see own jobs" on generation_jobs to public',
    'drop policy "nexiom: see own media" on storage.objects',
)


@pytest.mark.parametrize("what", BY_HAND)
async def test_what_was_changed_by_hand_is_seen_and_put_back(what: str, supabase: str) -> None:
    run(supabase, migration())
    before = catalogue(supabase)
    assert (await found(supabase)).has is Has.CURRENT
    run(supabase, what)
    seen = await found(supabase)
    assert (seen.has, seen.obstacles, bool(seen.differs)) == (Has.CHANGED, (), True)
    await apply(SecretStr(supabase))
    assert (await found(supabase)).has is Has.CURRENT
    assert catalogue(supabase) == before


async def test_a_look_reads_definitions_the_same_whatever_its_search_path(supabase: str) -> None:
    run(supabase, "set search_path = auth, public;" + migration())
    assert (await found(supabase)).has is Has.CURRENT
    before = index_ids(supabase)
    run(supabase, "set search_path = storage;" + migration())
    assert (await found(supabase)).has is Has.CURRENT
    assert index_ids(supabase) == before  # none was made anew


def index_ids(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as db:
        return db.execute(
            "select indexrelid from pg_index where indrelid = 'generation_jobs'::regclass order by 1"
        ).fetchall()


async def test_a_file_that_stopped_before_its_end_is_no_schema_that_workers_take(supabase: str) -> None:
    run(supabase, *statements()[:-1])
    assert (await found(supabase)).has is Has.OTHER_TABLE
    worker = PostgresRepository(supabase)
    with pytest.raises(StorageUnavailable):
        await worker.claim(limit=1, lease_seconds=60)
    await worker.aclose()
    run(supabase, migration())
    assert (await found(supabase)).has is Has.CURRENT


@pytest.mark.parametrize("at", range(1, 7))
def test_a_file_that_goes_on_after_an_error_does_not_say_that_it_is_there(at: int, supabase: str) -> None:
    parts = statements()
    assert parts[-1].lstrip().startswith("-- Workers refuse a schema")
    del parts[at * (len(parts) - 2) // 6]
    with psycopg.connect(supabase, autocommit=True) as shell:
        for part in parts:  # as psql does that is not told to stop
            try:
                shell.execute(part.encode())
            except psycopg.Error:
                continue
        assert one(shell, "select to_regprocedure('public.nexiom_schema_version()') is null") is True


def statements() -> list[str]:
    """The statements of the file, one by one."""
    inside = re.compile(r"\$\$.*?\$\$|--[^\n]*", re.DOTALL)  # bodies and comments, whose semicolons end nothing
    hidden = inside.sub(lambda found: found[0].replace(";", "\0"), migration())
    return [part.replace("\0", ";") for part in hidden.split(";") if part.strip()]


def test_the_file_itself_does_not_go_back_from_a_newer_version(bare: str) -> None:
    run(bare, migration(), "create or replace function nexiom_schema_version() returns int language sql as 'select 2'")
    with pytest.raises(psycopg.errors.RaiseException, match="newer schema than version 1: install"):
        run(bare, migration())
    with psycopg.connect(bare) as db:
        assert one(db, "select nexiom_schema_version()") == 2


def test_rights_that_others_were_given_on_the_poll_are_kept(supabase: str) -> None:
    run(supabase, migration(), f"grant execute on function get_generation_job(uuid) to {STRANGER}", migration())
    with psycopg.connect(supabase) as db:
        assert one(db, "select has_function_privilege(%s, 'get_generation_job(uuid)', 'execute')", STRANGER) is True


def test_no_setting_changes_what_the_file_means(supabase: str) -> None:
    with supabase_database() as other:
        run(supabase, migration())
        with psycopg.connect(other) as db:
            db.execute("set standard_conforming_strings = off")
            db.execute(migration().encode())
        assert catalogue(other) == catalogue(supabase)
    assert "\\" not in migration()


async def test_a_look_runs_no_function_of_the_database(bare: str) -> None:
    run(bare, f"grant create on schema public to {STRANGER}; create table ran (x int); grant all on ran to public")
    run(
        as_user(bare, STRANGER),
        "create function public.nexiom_schema_version() returns integer language plpgsql as"
        " $$ begin insert into public.ran values (1); return 1; end $$",
    )
    seen = await found(bare)
    assert f"The function public.nexiom_schema_version() belongs to {STRANGER}" in " ".join(seen.obstacles)
    with pytest.raises(StorageUnavailable, match="belongs to"):
        await apply(SecretStr(bare))
    with pytest.raises(psycopg.errors.RaiseException, match="belongs to"):
        run(bare, migration())
    with psycopg.connect(bare) as db:
        assert one(db, "select count(*) from ran") == 0


async def test_a_function_that_another_user_owns_is_named(bare: str) -> None:
    run(bare, migration(), f"alter function claim_generation_jobs owner to {STRANGER}")
    said = f"claim_generation_jobs(integer,double precision,uuid) belongs to {STRANGER}, who does not own the table"
    assert said in " ".join((await found(bare)).obstacles)
