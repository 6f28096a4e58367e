"""A database that cannot be worked with is refused before anything is asked of it."""

from __future__ import annotations

import pytest

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.spending import UsageQuery
from postgres_rig import SCHEMA, database, run, url
from postgres_troubles import cut_all, in_a_shell, said_of
from schema_rig import as_user, roles_database

__all__ = ["url"]  # a fixture

CLOCK = SystemClock()


async def test_an_empty_database_says_which_command_makes_the_table() -> None:
    with database() as empty:
        error = await said_of(empty)
    assert "no table generation_jobs" in error.message
    assert "nexiom migrate --apply" in error.next_step


async def test_a_table_from_before_says_which_command_adds_what_it_lacks() -> None:
    with database() as old:
        with in_a_shell(old) as shell:
            shell.execute("create table generation_jobs (id uuid primary key, prompt text)")
        error = await said_of(old)
    assert "without nexiom_sdk's columns" in error.message
    assert "nexiom migrate --apply" in error.next_step


@pytest.mark.parametrize(("version", "next_step"), [(0, "nexiom migrate --apply"), (2, "Install the nexiom_sdk")])
async def test_another_version_of_the_schema_is_refused(url: str, version: int, next_step: str) -> None:
    with in_a_shell(url) as shell:
        made = f"create or replace function nexiom_schema_version() returns int language sql as 'select {version}'"
        shell.execute(made.encode())
    error = await said_of(url)
    assert f"has version {version} of the schema" in error.message
    assert next_step in error.next_step


_TAKES_OVER = """
    create function {name} language plpgsql as $$
        -- 1
        begin execute 'alter role nexiom_test_stranger superuser'; return {gives}; end $$
"""


@pytest.mark.parametrize(
    ("name", "gives"),
    [
        ("nexiom_schema_version() returns int", "1"),
        ("claim_generation_jobs(integer, float8, uuid) returns setof generation_jobs", ""),
    ],
)
async def test_a_function_that_another_role_made_under_our_name_is_never_called(name: str, gives: str) -> None:
    with roles_database() as url:
        run(
            url,
            SCHEMA,
            "grant create on schema public to nexiom_test_stranger",
            f"drop function {name.split('(', maxsplit=1)[0]}",
        )
        run(as_user(url, "nexiom_test_stranger"), _TAKES_OVER.format(name=name, gives=gives))
        repository = PostgresRepository(url)
        with pytest.raises(StorageUnavailable, match="another role than the table's owner") as error:
            await repository.claim(limit=1, lease_seconds=60)
        await repository.aclose()
        with in_a_shell(url) as shell:
            query = b"select rolsuper from pg_roles where rolname = 'nexiom_test_stranger'"
            assert shell.execute(query).fetchone() == (False,)
    assert "nexiom migrate" in error.value.next_step


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
async def test_a_database_of_another_encoding_is_refused_before_anything_is_written(encoding: str) -> None:
    with database(encoding=encoding) as other:
        run(other, SCHEMA)
        error = await said_of(other)
    assert f"has the encoding {encoding}, where UTF8 is needed" in error.message
    assert "encoding 'UTF8'" in error.next_step


async def test_a_schema_that_changes_while_a_process_runs_is_seen_by_its_next_connection(url: str) -> None:
    repository = PostgresRepository(url)
    await repository.usage(UsageQuery())

    with in_a_shell(url) as shell:
        shell.execute("create or replace function nexiom_schema_version() returns int language sql as 'select 2'")
        cut_all(url, but=shell)
        with pytest.raises(StorageUnavailable, match="has version 2 of the schema"):
            await repository.claim(limit=1, lease_seconds=60)  # it may have begun on the connection that was cut
        with pytest.raises(StorageUnavailable, match="has version 2 of the schema") as error:
            await repository.claim(limit=1, lease_seconds=60)
        assert error.value.unwritten
        shell.execute("create or replace function nexiom_schema_version() returns int language sql as 'select 1'")
    assert await repository.claim(limit=1, lease_seconds=60) == []
    await repository.aclose()
