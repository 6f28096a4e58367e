"""Addresses of databases: what is none is refused, and none is ever shown."""

from __future__ import annotations

import asyncio

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from nexiom_sdk.backends import postgres_pool
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_address import DatabaseAddress
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import ConfigurationError
from postgres_rig import server_url, url
from postgres_troubles import said_of, silent_server

__all__ = ["url"]  # a fixture

CLOCK = SystemClock()


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:CANARY@h/db?sky=blue",
        "host=h password=CANARY sky=blue",
        "postgresql://u:tr0ub@CANARY@host/db",
        "postgresql://u:12/CANARY@host/db",
        "CANARY",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(ConfigurationError, match="not one that PostgreSQL takes") as error:
        PostgresRepository.from_url(address, clock=CLOCK)
    assert "CANARY" not in f"{error.value!r} {error.value} {error.value.__cause__} {error.value.next_step}"


def test_a_repository_is_shown_without_user_and_password() -> None:
    shown = repr(PostgresRepository("postgresql://u:CANARY@db.internal:6543/nexiom"))
    assert shown == "PostgresRepository(nexiom at db.internal:6543)"


def test_a_connection_notices_a_server_that_vanished_unless_the_address_says_otherwise() -> None:
    usual = conninfo_to_dict(DatabaseAddress(SecretStr("host=h")).conninfo.get_secret_value())
    assert int(usual["keepalives_idle"] or 0) + int(usual["keepalives_interval"] or 0) * 3 == 30
    given = DatabaseAddress(SecretStr("postgresql://h/db?keepalives_idle=99&client_encoding=latin1"))
    own = conninfo_to_dict(given.conninfo.get_secret_value())
    assert (own["keepalives_idle"], own["client_encoding"]) == ("99", "UTF8")


async def test_a_database_that_cannot_be_reached_says_where_it_was_sought() -> None:
    async with silent_server() as port:
        pass
    error = await said_of(f"postgresql://u:CANARY@127.0.0.1:{port}/nexiom")
    assert f"nexiom at 127.0.0.1:{port} cannot be reached" in error.message
    assert "NEXIOM_DATABASE_URL" in error.next_step
    assert "CANARY" not in str(error)


async def test_a_database_that_does_not_exist_says_so() -> None:
    error = await said_of(make_conninfo(server_url(), dbname="nowhere"))
    assert 'database "nowhere" does not exist' in error.message


async def test_a_user_that_does_not_exist_says_so(url: str) -> None:
    error = await said_of(make_conninfo(url, user="nobody"))
    assert 'role "nobody" does not exist' in error.message


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_pool, "PATIENCE_SECONDS", 0.2)
    async with silent_server() as port:
        error = await said_of(f"postgresql://u@127.0.0.1:{port}/nexiom")
    assert "did not answer within 0.2 s" in error.message


async def test_a_connection_whose_making_was_cancelled_is_gone_also_while_somebody_keeps_the_error() -> None:
    came, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        came.set()
        await reader.read()
        ended.set()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        address = DatabaseAddress(SecretStr(f"postgresql://u@127.0.0.1:{port}/jobs?sslmode=disable"))
        making = asyncio.create_task(address.connect())
        async with asyncio.timeout(5):
            await came.wait()
            making.cancel()
            with pytest.raises(asyncio.CancelledError) as kept:
                await making
            await ended.wait()
        assert kept.type is asyncio.CancelledError
