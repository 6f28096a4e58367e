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
    OWNER,
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
    "comment on function nexiom_schema_version() is 'mine'",
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
    assert said in " ".join((await found(as_user(bare, STRANGER))).obstacles)  # though it is that user who looks


async def test_a_user_who_may_change_nothing_is_told_what_is_wrong_all_the_same(bare: str) -> None:
    run(bare, migration(), f"grant select, insert, update on generation_jobs to {STRANGER}")
    worker = as_user(bare, STRANGER)
    assert ((await found(worker)).has, (await found(worker)).differs) == (Has.CURRENT, ())
    run(bare, "alter table generation_jobs drop column progress, alter column result_url type varchar(20)")
    seen = await found(worker)
    assert seen.has is Has.CHANGED
    assert [line[:30] for line in seen.differs] == ["The column progress is missing", "The column result_url is chara"]


async def test_who_is_to_own_a_function_is_named_and_then_all_is_well(bare: str) -> None:
    run(bare, migration(), f"alter table generation_jobs owner to {OWNER}; grant create on schema public to {OWNER}")
    obstacles = (await found(as_user(bare, OWNER))).obstacles
    assert len(obstacles) == 4
    for said in obstacles:
        [words] = re.findall(f"`(alter function [^`]+ owner to {OWNER})`", said)
        run(bare, words)
    await apply(SecretStr(as_user(bare, OWNER)))
    assert (await found(as_user(bare, OWNER))).has is Has.CURRENT


async def test_row_security_that_holds_for_workers_is_named_with_the_words_that_end_it(bare: str) -> None:
    run(bare, migration(), f"alter table generation_jobs owner to {OWNER}; grant create on schema public to {OWNER}")
    for said in (await found(as_user(bare, OWNER))).obstacles:
        run(bare, *re.findall("`(alter function [^`]+)`", said))
    run(bare, "alter table generation_jobs enable row level security, force row level security")
    seen = await found(as_user(bare, OWNER))
    assert seen.has is Has.CHANGED
    [words] = re.findall("`(alter table [^`]+)`", " ".join(seen.obstacles))
    run(bare, words)
    assert (await found(as_user(bare, OWNER))).has is Has.CURRENT
    run(bare, "alter table generation_jobs force row level security")
    run(bare, "alter table generation_jobs owner to current_user")  # one whom no row security binds
    assert not any("row security" in said for said in (await found(bare)).obstacles)


@pytest.mark.parametrize(
    "what",
    [
        "alter table generation_jobs validate constraint nexiom_phase_values",
        "do $$ begin execute format('alter database %I set quote_all_identifiers = on', current_database()); end $$",
    ],
)
async def test_what_changes_no_meaning_is_no_change(what: str, supabase: str) -> None:
    run(supabase, migration(), what)
    assert (await found(supabase)).has is Has.CURRENT
    before = index_ids(supabase)
    run(supabase, migration())
    assert (await found(supabase)).has is Has.CURRENT
    assert index_ids(supabase) == before


async def test_a_comment_that_is_gone_is_named_and_not_all_that_it_told_of(bare: str) -> None:
    run(bare, migration(), "comment on function nexiom_schema_version() is null")
    seen = await found(bare)
    assert "The comment on nexiom_schema_version() is missing" in " ".join(seen.differs)
    assert not any("This was changed" in line for line in seen.differs)


async def test_a_number_of_a_stranger_that_is_no_version_is_no_error(bare: str) -> None:
    run(bare, "create function nexiom_schema_version() returns bigint language sql as 'select 99999999999999'")
    assert (await found(bare)).has is Has.NEWER
    with pytest.raises(StorageUnavailable, match="Nothing was changed"):
        await apply(SecretStr(bare))


async def test_a_newer_version_whose_table_is_gone_is_newer(bare: str) -> None:
    run(bare, "create function nexiom_schema_version() returns int language sql as 'select 2'")
    assert ((await found(bare)).has, (await found(bare)).version) == (Has.NEWER, 2)


async def test_what_is_said_of_a_table_has_no_control_characters(bare: str) -> None:
    run(bare, migration(), "alter table generation_jobs alter column status set default E'a\x1b[31m'")
    assert "\x1b" not in "".join((await found(bare)).differs)
