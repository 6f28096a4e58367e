"""Looking at a database and migrating it: what is said, what is refused, and that nothing is left half done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from cli_rig import Command, command, nexiom
from nexiom_sdk.backends import postgres_upgrade
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_migration import SCHEMA_VERSION, Has, migration
from nexiom_sdk.backends.postgres_upgrade import Applied, apply, look
from nexiom_sdk.errors import ConfigurationError, StorageUnavailable
from nexiom_sdk.repositories import JobQuery
from postgres_rig import run
from schema_rig import (
    NINE_COLUMNS,
    OWNER,
    PASSWORD,
    STRANGER,
    as_url,
    as_user,
    catalogue,
    roles_database,
    supabase_database,
)

__all__ = ["command"]  # a fixture

NEWER = "create or replace function public.nexiom_schema_version() returns integer language sql as 'select {}'"


@pytest.fixture
def bare() -> Iterator[str]:
    with roles_database() as url:
        yield url


async def applied(url: str) -> Applied:
    return await apply(SecretStr(url))


async def refusal(url: str) -> StorageUnavailable:
    with pytest.raises(StorageUnavailable) as refused:
        await applied(url)
    assert "Nothing was changed" in str(refused.value)
    assert PASSWORD not in str(refused.value)
    return refused.value


async def worker_says(url: str) -> str:
    repository = PostgresRepository(url)
    try:
        with pytest.raises(StorageUnavailable) as refused:
            await repository.list(JobQuery())
    finally:
        await repository.aclose()
    assert PASSWORD not in str(refused.value)
    return str(refused.value)


def tables_in(url: str) -> int:
    with psycopg.connect(url) as db:
        return len(db.execute("select from pg_class where relnamespace = 'public'::regnamespace").fetchall())


async def test_looking_says_what_there_is_and_changes_nothing(bare: str) -> None:
    found = await look(SecretStr(bare))
    assert (found.has, found.version, found.supabase, found.obstacles) == (Has.NOTHING, None, False, ())
    assert tables_in(bare) == 0
    assert (await applied(bare)).before == found
    found = await look(SecretStr(bare))
    assert (found.has, found.version) == (Has.CURRENT, SCHEMA_VERSION)
    before = catalogue(bare)
    assert (await applied(bare)).before == found
    assert catalogue(bare) == before


async def test_an_older_version_is_brought_up_to_date(bare: str) -> None:
    run(bare, migration(), NEWER.format(0))
    assert "knows version" in await worker_says(bare)
    assert (await applied(bare)).before.has is Has.OLDER
    assert (await look(SecretStr(bare))).has is Has.CURRENT


async def test_nobody_goes_back_from_a_newer_version(bare: str) -> None:
    run(bare, migration(), NEWER.format(SCHEMA_VERSION + 1))
    before = catalogue(bare)
    error = await refusal(bare)
    assert f"version {SCHEMA_VERSION + 1}" in error.message
    assert "or a later one" in error.next_step
    assert catalogue(bare) == before
    assert "or a later one" in await worker_says(bare)


async def test_what_was_dropped_by_hand_is_put_back() -> None:
    with supabase_database() as url:
        await applied(url)
        before = catalogue(url)
        run(url, 'drop policy "nexiom: see own jobs" on generation_jobs; grant all on generation_jobs to anon')
        assert catalogue(url) != before
        assert (await applied(url)).before.supabase
        assert catalogue(url) == before


async def test_policies_of_somebody_else_are_left_and_warned_of() -> None:
    with supabase_database(before=NINE_COLUMNS) as url:
        done = await applied(url)
        assert done.before.has is Has.OTHER_TABLE
        [warning] = done.warnings
        assert 'the policy "everybody reads", which adds to ours' in warning


async def test_two_at_once_are_one_after_the_other(bare: str) -> None:
    done = await asyncio.gather(*(applied(bare) for _ in range(4)))
    assert sorted(one.before.has.value for one in done) == ["current"] * 3 + ["nothing"]


async def test_a_table_that_is_in_use_is_not_waited_for_for_ever(bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_upgrade, "_ALONE", postgres_upgrade._ALONE.replace(b"'10s'", b"'50ms'"))
    run(bare, migration())
    with psycopg.connect(bare) as busy:
        busy.execute("lock table generation_jobs in access share mode")
        error = await refusal(bare)
        assert "waited too long for a lock" in error.message
        assert "pg_stat_activity" in error.next_step
        assert "lock_timeout" not in error.next_step


async def test_a_server_that_is_too_old_is_told(bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_upgrade, "OLDEST_SERVER", 99)
    assert "99 or later is needed" in (await refusal(bare)).message


async def test_rows_that_take_long_to_be_rewritten_are_not_cut_short(bare: str) -> None:
    run(
        bare,
        "create function slow() returns event_trigger language plpgsql as $$ begin perform pg_sleep(0.2); end $$;"
        "create event trigger slow on ddl_command_start when tag in ('CREATE TABLE') execute function slow()",
    )
    await applied(as_url(bare) + "&options=-c%20statement_timeout%3D100ms")


async def test_whoever_may_not_create_is_told_so(bare: str) -> None:
    error = await refusal(as_user(bare, STRANGER))
    assert f"The user {STRANGER} may not create anything in the schema public" in error.message
    assert "`nexiom migrate --supabase`" in error.next_step


async def test_whoever_does_not_own_the_table_is_told_who_does(bare: str) -> None:
    run(
        bare, NINE_COLUMNS, f"alter table generation_jobs owner to {OWNER}; grant create on schema public to {STRANGER}"
    )
    found = await look(SecretStr(as_user(bare, STRANGER)))
    assert found.obstacles == (f"Its generation_jobs belongs to {OWNER}, not to the user {STRANGER}.",)
    assert f"belongs to {OWNER}" in (await refusal(as_user(bare, STRANGER))).message


def test_whoever_may_not_migrate_a_good_table_hears_only_that_it_is_good(
    bare: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(bare, migration())
    monkeypatch.setenv("NEXIOM_DATABASE_URL", as_url(as_user(bare, STRANGER)))
    said = command("migrate", "--check")
    assert (said.code, "There is nothing to do." in said.out, "could not" in said.out) == (0, True, False)


async def test_a_database_that_can_only_be_read_is_told(bare: str) -> None:
    database = as_url(bare) + "&options=-c%20default_transaction_read_only%3Don"
    assert "can only be read" in (await refusal(database)).message


async def test_a_worker_without_privileges_or_behind_row_security_is_told_instead_of_finding_no_jobs() -> None:
    with roles_database() as url:
        run(url, migration())
        assert "does not let this user do that" in await worker_says(as_user(url, STRANGER))
    with supabase_database() as url:
        run(url, migration())
        stranger = as_user(url, STRANGER)
        assert "hides rows of generation_jobs from this user" in await worker_says(stranger)
        run(url, f"grant all on generation_jobs to {STRANGER}")
        run(url, f"grant execute on all functions in schema public to {STRANGER}")
        assert "hides rows of generation_jobs from this user" in await worker_says(stranger)


async def test_a_worker_says_what_the_database_lacks(bare: str) -> None:
    assert "has no table generation_jobs" in await worker_says(bare)
    run(bare, NINE_COLUMNS)
    said = await worker_says(bare)
    assert "without nexiom_sdk's columns" in said
    assert "`nexiom migrate --apply`" in said


@pytest.mark.parametrize(
    "address", ["postgresql://u:hunter2@127.0.0.1:x/db", "host=127.0.0.1 password=hunter2 nonsense"]
)
async def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    for call in (look, apply):
        with pytest.raises(ConfigurationError) as refused:
            await call(SecretStr(address))
        assert "hunter2" not in f"{refused.value}{refused.value.cause}"


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(StorageUnavailable, match=r"nowhere at 127\.0\.0\.1:1 cannot be reached") as refused:
        await apply(SecretStr("postgresql://u:hunter2@127.0.0.1:1/nowhere"))
    assert "hunter2" not in f"{refused.value}{refused.value.cause}"


# The command.


def test_the_command_says_what_it_would_do_then_does_it(
    bare: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXIOM_DATABASE_URL", as_url(bare))
    said = command("migrate")
    assert (said.code, said.err) == (0, "")
    assert "has no table generation_jobs" in said.out
    assert "`nexiom migrate --apply` makes the table" in said.out
    assert tables_in(bare) == 0
    said = command("migrate", "--apply")
    assert (said.code, said.err) == (0, "")
    assert f"has version {SCHEMA_VERSION} of the schema now" in said.out
    said = command("migrate", "--json")
    [line] = said.lines
    assert (line["event"], line["has"], line["version"], line["applied"]) == (
        "migration",
        "current",
        SCHEMA_VERSION,
        False,
    )
    assert command("jobs", "list").code == 0


def test_the_command_shows_warnings_and_obstacles(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with supabase_database(before=NINE_COLUMNS) as url:
        monkeypatch.setenv("NEXIOM_DATABASE_URL", as_url(as_user(url, STRANGER)))
        said = command("migrate")
        assert (said.code, "It could not yet: The user" in said.out) == (0, True)
        said = command("migrate", "--apply", "--json")
        assert (said.code, said.lines[0]["code"], said.err) == (5, "store_unavailable", "")
        monkeypatch.setenv("NEXIOM_DATABASE_URL", as_url(url))
        said = command("migrate", "--apply")
        assert said.code == 0
        assert 'warning: generation_jobs also has the policy "everybody reads"' in said.err.replace("\n", " ")
        said = command("migrate", "--apply", "--json")
        assert (len(said.lines), len(str(said.lines[0]["warnings"])) > 50, said.err) == (1, True, "")


def test_scripts_are_told_by_the_exit_code_whether_there_is_something_to_do(
    bare: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXIOM_DATABASE_URL", as_url(bare))
    said = command("migrate", "--check", "--json")
    assert (said.code, said.lines[0]["has"], len(said.lines)) == (8, "nothing", 1)
    assert tables_in(bare) == 0
    assert command("migrate", "--apply").code == 0
    assert command("migrate", "--check").code == 0
    run(bare, "alter table generation_jobs alter column phase drop default")
    said = command("migrate", "--check")
    assert said.code == 8
    assert "has version 1 of the schema, but not as the migration made it" in said.out
    assert "The column phase has nothing as its default" in said.out
    assert command("migrate").code == 0
    run(bare, NEWER.format(SCHEMA_VERSION + 1))
    assert command("migrate", "--check").code == 8
    monkeypatch.setenv("NEXIOM_DATABASE_URL", "postgresql://u@127.0.0.1:1/nowhere")
    assert command("migrate", "--check").code == 5


def test_sqlite_needs_no_migration(command: Command) -> None:
    for words in (("migrate",), ("migrate", "--apply"), ("migrate", "--check")):
        said = command(*words)
        assert (said.code, said.err) == (0, "")
        assert "nothing to migrate" in said.out
    assert not command.home.exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [("postgrez://u:hunter2@h/d", "'postgrez:'"), ("host=h password=hunter2", "is no URL"),
     ("postgresql://u:hunter2@h:x/d", "not one that PostgreSQL takes")],
)  # fmt: skip
def test_a_wrong_address_ends_as_wrong_set_up(
    command: Command, monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.setenv("NEXIOM_DATABASE_URL", address)
    for words in (("migrate",), ("migrate", "--apply"), ("migrate", "--json"), ("jobs", "list")):
        ended = command(*words)
        assert ended.code == 3
        assert "hunter2" not in ended.out + ended.err
        assert said in ended.out + ended.err or "jobs" in words


def test_the_sql_alone_is_printed_under_a_line_that_says_where_it_belongs(command: Command) -> None:
    said = command("migrate", "--supabase")
    assert (said.code, said.err) == (0, "")
    first, _, rest = said.out.partition("\n")
    assert first.startswith("-- supabase/migrations/20")
    assert first.endswith("_generation_jobs.sql")
    assert rest == migration()


def test_the_sql_is_printed_without_the_driver(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("no-driver")
    (folder / "psycopg.py").write_text("raise ImportError\n")
    done = nexiom(folder, "migrate", "--supabase", PYTHONPATH=str(folder))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().partition("\n")[2] == migration()
    done = nexiom(folder, "migrate", PYTHONPATH=str(folder), NEXIOM_DATABASE_URL="postgresql://h/d")
    assert (done.returncode, b"pip install 'nexiom_sdk[postgres]'" in done.stderr) == (3, True)


def test_scripts_get_the_sql_in_json(command: Command) -> None:
    [line] = command("migrate", "--supabase", "--json").lines
    assert str(line["sql"]).endswith(migration())
    assert (line["event"], line["version"]) == ("migration", SCHEMA_VERSION)


def test_the_sql_is_written_into_a_folder_once(command: Command) -> None:
    words = ("migrate", "--supabase", "--output", "supabase/migrations")
    first = command(*words)
    assert first.code == 0
    [file] = Path("supabase/migrations").iterdir()
    assert first.out == f"{file}\n"
    assert file.name.endswith("_generation_jobs.sql")
    assert file.name[:14].isdigit()
    assert file.read_text("utf-8") == f"-- supabase/migrations/{file.name}\n{migration()}"
    again = command(*words, "--json")
    assert (again.code, again.lines[0]["file"]) == (0, str(file))
    assert list(Path("supabase/migrations").iterdir()) == [file]


def test_a_file_that_says_something_else_is_not_overwritten(command: Command) -> None:
    Path("mine.sql").write_text("select 1;\n")
    said = command("migrate", "--supabase", "--output", "mine.sql")
    assert (said.code, said.out) == (5, "")
    assert Path("mine.sql").read_text() == "select 1;\n"
    Path("file").touch()
    said = command("migrate", "--supabase", "--output", "file/below", "--json")
    assert (said.code, json.loads(said.out)["event"]) == (5, "error")


@pytest.mark.parametrize(
    "words",
    [
        ("--apply", "--supabase"),
        ("--apply", "--check"),
        ("--check", "--supabase"),
        ("--output", "x"),
        ("--apply", "--output", "x"),
    ],
)
def test_ways_that_exclude_each_other_are_wrong_usage(command: Command, words: tuple[str, ...]) -> None:
    said = command("migrate", *words)
    assert (said.code, said.out) == (2, "")
