"""Ways around the rules that were there before the migration: they stay, and whoever migrates is told."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from access_matrix import ALICE
from nexiom_sdk.backends.postgres_migration import Has, SchemaFound, migration
from nexiom_sdk.backends.postgres_upgrade import apply, look
from nexiom_sdk.errors import StorageUnavailable
from postgres_rig import run
from schema_rig import (
    NINE_COLUMNS,
    OWNER,
    PASSWORD,
    Somebody,
    as_user,
    one,
    roles_database,
    supabase_database,
)

VIEW_OF_NOBODY = (
    "create view a as select id, prompt from generation_jobs; revoke all on a from public, anon, authenticated"
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


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (
            "create view my_jobs as select id, prompt from generation_jobs",
            "public.my_jobs shows rows of generation_jobs past its policies",
        ),
        (
            f"{VIEW_OF_NOBODY}; create view b as select * from a",
            "public.b shows rows",
        ),
        ("create table arch () inherits (generation_jobs)", "public.arch and generation_jobs inherit from each other"),
        (
            "create function get_generation_job(j text) returns text language sql security definer as 'select null'",
            "another function public.get_generation_job(text), which runs with the rights of its owner",
        ),
        (
            "create function claim_generation_jobs(n integer) returns text language sql as 'select null::text'",
            "another function public.claim_generation_jobs(integer): drop or rename",
        ),
        ("create policy mine on storage.objects using (true)", "storage.objects has the policy mine, which may open"),
        (
            "create policy mine on storage.objects for insert with check (bucket_id = 'a' or bucket_id like 'o%')",
            "the policy mine, which may open",
        ),
        (
            "create policy mine on storage.objects for select using (not (bucket_id = 'avatars'))",
            "the policy mine, which may open",
        ),
        (
            "create policy mine on storage.objects for select using (bucket_id in ('avatars', 'outputs'))",
            "the policy mine, which may open",
        ),
        (
            "create materialized view kept as select id from generation_jobs",
            "public.kept shows rows of generation_jobs past its policies: revoke it",
        ),
        (
            "alter table generation_jobs add column tenant uuid not null",
            "the column tenant must not be empty and has no default",
        ),
        (
            "create policy mine on storage.objects as restrictive for select using (owner_of(name))",
            "the policy mine, which takes away",
        ),
        (
            "create policy p on generation_jobs as restrictive for select using (true)",
            "the policy p, which takes away from ours",
        ),
        (
            "create policy p on generation_jobs for insert with check (true)",
            "the policy p, which adds to ours: drop it if it lets anybody file",
        ),
        (
            "create policy p on generation_jobs for all using (true)",
            "the policy p, which adds to ours: drop it if it lets users see, file or change",
        ),
        (
            "insert into storage.buckets (id, name, public) values ('outputs', 'outputs', true)",
            "the bucket inputs or outputs was there before and is public",
        ),
        (
            "insert into storage.buckets (id, name) values ('mine', 'inputs')",
            "another bucket has the name inputs or outputs",
        ),
    ],
)
async def test_a_way_around_the_rules_that_was_there_is_warned_of(before: str, said: str) -> None:
    helper = "create function public.owner_of(text) returns boolean language sql as 'select true';"
    with supabase_database(before=NINE_COLUMNS + helper + before) as url:
        told = " ".join((await apply(SecretStr(url))).warnings)
        assert said in told
        if "bucket" not in said:
            assert said in " ".join((await found(url)).warnings)
        else:
            with psycopg.connect(url) as db:  # what is the user's is left as it is
                assert one(db, "select count(*) from storage.buckets where public or id = 'mine'") == 1


@pytest.mark.parametrize(
    "before",
    [
        "create view my_jobs with (security_invoker = true) as select id, prompt from generation_jobs",
        VIEW_OF_NOBODY,
        "create policy mine on storage.objects using (bucket_id = 'avatars')",
        "create policy mine on storage.objects using (bucket_id in ('avatars', 'docs') and name is not null)",
        "create policy mine on storage.objects to service_role using (true)",
        "create policy mine on generation_jobs to service_role using (true)",
        "alter table generation_jobs add column tenant uuid not null default gen_random_uuid()",
    ],
)
async def test_what_opens_nothing_is_not_warned_of(before: str) -> None:
    with supabase_database(before=NINE_COLUMNS + before) as url:
        [only] = (await apply(SecretStr(url))).warnings
        assert "everybody reads" in only


@pytest.mark.parametrize("usage", [True, False])
async def test_whoever_may_not_change_the_storage_gets_all_the_rest_and_is_told(supabase: str, usage: bool) -> None:
    run(
        supabase,
        NINE_COLUMNS,
        f"alter table generation_jobs owner to {OWNER}; grant create on schema public to {OWNER};"
        f"grant usage on schema auth{', storage' if usage else ''} to {OWNER}",
    )
    owner = as_user(supabase, OWNER)
    assert (await found(owner)).obstacles == ()
    warnings = " ".join((await apply(SecretStr(owner))).warnings)
    assert "the buckets inputs and outputs and their policies could not be made" in warnings
    seen = await found(owner)
    assert seen.has is Has.CHANGED
    assert seen.differs == (
        'This is missing: the policy "nexiom: put own inputs" of storage.objects.',
        'This is missing: the policy "nexiom: see own media" of storage.objects.',
    )
    with psycopg.connect(supabase) as db:
        Somebody("authenticated", ALICE).becomes(db)
        one(db, "insert into generation_jobs (type, prompt) values ('video', 'a fox') returning id")
        db.execute("reset role")
        assert len(db.execute("select id from claim_generation_jobs(9, 9)").fetchall()) == 1
    run(supabase, migration())  # by one who may
    assert (await found(supabase)).has is Has.CURRENT


async def test_whoever_may_not_use_auth_is_told(supabase: str) -> None:
    run(supabase, f"grant create on schema public to {OWNER}")
    assert f"The user {OWNER} may not use the schema auth." in (await found(as_user(supabase, OWNER))).obstacles


async def test_a_right_that_is_missing_halfway_is_told_in_words_about_the_migration(bare: str) -> None:
    run(
        bare,
        NINE_COLUMNS,
        f"alter table generation_jobs owner to {OWNER}; grant create on schema public to {OWNER};"
        "create function refuse() returns event_trigger language plpgsql as"
        " $$ begin raise insufficient_privilege using message = 'not you'; end $$;"
        "create event trigger refuse on ddl_command_start when tag in ('CREATE INDEX') execute function refuse()",
    )
    with pytest.raises(StorageUnavailable) as refused:
        await apply(SecretStr(as_user(bare, OWNER)))
    assert "does not let this user change all that the migration changes (not you" in refused.value.message
    assert "Name the owner of generation_jobs" in refused.value.next_step
    assert PASSWORD not in str(refused.value)


async def test_where_the_migration_makes_no_policies_none_is_said_to_add_to_them(bare: str) -> None:
    run(bare, NINE_COLUMNS)  # which has one
    assert (await apply(SecretStr(bare))).warnings == ()
