"""What a server refuses, in our words."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from decimal import Decimal

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_words import in_our_words
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import StorageError, StorageUnavailable
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing.sample_jobs import sample_job
from postgres_rig import repository, url
from postgres_troubles import in_a_shell, refusing_server, said_of, user

__all__ = ["repository", "url"]  # fixtures

CLOCK = SystemClock()


async def test_a_user_who_may_only_read_may_read(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    with user(url, "select on generation_jobs") as address:
        reader = PostgresRepository(address)
        assert await reader.get(job.id) == job
        with pytest.raises(StorageUnavailable, match="does not let this user do that") as error:
            await reader.claim(limit=1, lease_seconds=60)
        await reader.aclose()
    assert "grant" in error.value.next_step


async def test_the_rights_that_the_words_name_are_enough_for_a_worker(url: str) -> None:
    with user(url, "select, insert, update on generation_jobs") as address:
        worker = PostgresRepository(address)
        job = await worker.add(sample_job(CLOCK))
        [claimed] = await worker.claim(limit=1, lease_seconds=60)
        assert await worker.save(claimed.evolve(leased_until=None), fence=claimed.fence)
        await worker.wake(job.id, cancel=True)
        assert (await worker.usage(UsageQuery())).jobs == 1
        await worker.aclose()


async def test_a_database_that_can_only_be_read_says_so(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    reader = PostgresRepository(make_conninfo(url, options="-c default_transaction_read_only=on"))
    assert await reader.get(job.id) == job
    with pytest.raises(StorageUnavailable, match="can only be read") as error:
        await reader.add(sample_job(CLOCK))
    await reader.aclose()
    assert "primary" in error.value.next_step


@pytest.mark.parametrize(
    ("state", "words"),
    [("53100", "no room left on its disk"), ("53300", "no connection left"), ("XX000", "answered XX000")],
)
async def test_what_the_server_cannot_do_is_told_and_the_row_stays(
    url: str, repository: PostgresRepository, state: str, words: str
) -> None:
    job = await repository.add(sample_job(CLOCK))
    with in_a_shell(url) as shell:
        trouble = f"begin raise exception 'trouble' using errcode = '{state}'; end"
        shell.execute(f"create function fail() returns trigger language plpgsql as $$ {trouble} $$".encode())
        shell.execute("create trigger fail before update on generation_jobs for each row execute function fail()")
        with pytest.raises(StorageUnavailable, match=words):
            await repository.save(job.evolve(error_message="CANARY"), fence=0)
        shell.execute("drop trigger fail on generation_jobs")
    assert await repository.get(job.id) == job
    assert await repository.save(job, fence=0)


@pytest.mark.parametrize(
    ("words", "detail", "happened", "next_step"),
    [
        ('password authentication failed for user "u"', "", "refuses this user (password", "Correct user and password"),
        ('no pg_hba.conf entry for host "h"', "", "refuses this user", "pg_hba.conf"),
        ('role "u" is not permitted to log in', "", "refuses this user", "alter role"),
        ('permission denied for database "d"', "User does not have CONNECT privilege.", "let this user in", "connect"),
        ("sorry, too many clients already", "", "no connection left (sorry", "max_connections"),
        (
            "remaining connection slots are reserved for roles with the SUPERUSER attribute",
            "",
            "no connection left",
            "max_connections",
        ),
        ('too many connections for role "u"', "", "no connection left", "max_connections"),
        ("no more connections allowed (max_client_conn)", "", "no connection left", "pooler"),
        ("MaxClientsInSessionMode: max clients reached", "", "no connection left", "pooler"),
        ("the database system is starting up", "", "is being restarted", "go on when it is back"),
    ],
)
async def test_whom_a_server_does_not_let_in_is_told_why(
    words: str, detail: str, happened: str, next_step: str
) -> None:
    async with refusing_server(words, detail) as port:
        error = await said_of(f"postgresql://u:CANARY@127.0.0.1:{port}/d?sslmode=disable")
    assert happened in error.message
    assert words in error.message
    assert next_step in error.next_step
    assert isinstance(error, StorageUnavailable)
    assert error.unwritten
    assert "CANARY" not in "".join(traceback.format_exception(error))


async def test_a_role_without_a_connection_left_is_told_so_by_a_real_server(url: str) -> None:
    with user(url, "select on generation_jobs") as address:
        with in_a_shell(url) as shell:
            shell.execute(f"alter role {conninfo_to_dict(address)['user']} connection limit 0".encode())
        error = await said_of(address)
    assert "no connection left (too many connections for role" in error.message
    assert "max_connections" in error.next_step


def test_a_connection_that_breaks_is_told_by_its_first_line() -> None:
    broken = psycopg.OperationalError(
        "consuming input failed: server closed the connection unexpectedly\n"
        "\tThis probably means the server terminated abnormally\n"
        "\tbefore or while processing the request."
    )
    assert "server closed the connection unexpectedly." in in_our_words(broken, "d at h").message


def test_of_several_addresses_the_last_one_is_told() -> None:
    tried = psycopg.OperationalError(
        "connection failed: Multiple connection attempts failed. All failures were:\n"
        "- host: 'a': connection to server at \"a\" failed: Connection refused\n"
        "\tIs the server running on that host and accepting TCP/IP connections?\n"
        "- host: 'b': connection to server at \"b\" failed: Connection refused\n"
        "\tIs the server running on that host and accepting TCP/IP connections?"
    )
    assert in_our_words(tried, "d at h").message.endswith('server at "b" failed: Connection refused.')


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"status": "completed"}, "23514"),
        ({"provider_job_id": "".join(f"{n:x}" for n in range(20_000))}, "54000"),
        ({"estimated_cost_usd": Decimal(10**9)}, "22003"),
    ],
    ids=["rule", "index", "range"],
)
async def test_a_row_that_is_refused_shows_nothing_of_itself(
    repository: PostgresRepository, fields: Mapping[str, object], state: str
) -> None:
    job = sample_job(CLOCK, prompt="CANARY", **fields)
    with pytest.raises(StorageError, match="does not take this row") as error:
        await repository.add(job)
    assert not isinstance(error.value, StorageUnavailable)  # it would be asked for again and again
    told = "".join(traceback.format_exception(error.value))
    assert "CANARY" not in told
    assert f"SQLSTATE {state}" in told


async def test_a_row_that_is_unreadable_shows_nothing_of_itself(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    with in_a_shell(url) as shell:
        shell.execute(
            """update generation_jobs set request = '{"prompt": ["CANARY"]}', """
            """provider_metadata = '{"choice": {}}'"""
        )
    with pytest.raises(StorageUnavailable, match="cannot be read") as error:
        await repository.get(job.id)
    assert "CANARY" not in "".join(traceback.format_exception(error.value))
