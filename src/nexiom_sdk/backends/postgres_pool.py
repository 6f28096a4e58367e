"""Connections to one PostgreSQL: opened when first needed, mended when they break, right behind any pooler.

Nothing here relies on a session: no prepared statements, no session locks, no settings that outlive a transaction. So a
pooler that gives each transaction another server connection (PgBouncer, Supavisor on port 6543) does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from pydantic import SecretStr

from nexiom_sdk.backends import rows
from nexiom_sdk.backends.postgres_address import Connection, DatabaseAddress, json_as_text
from nexiom_sdk.backends.postgres_migration import SCHEMA_VERSION
from nexiom_sdk.backends.postgres_words import in_our_words
from nexiom_sdk.errors import StorageError, StorageUnavailable

MOST_CONNECTIONS = 16  # with fewer, sixteen steps that write at once wait for each other
PATIENCE_SECONDS = 30.0  # for one operation, waiting for a connection and for locks included
CONNECTION_SECONDS = 10.0  # of them, for a connection: long enough for the restart of a server
TRIES = 3

_Result = TypeVar("_Result")

_AGAIN = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
)

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # what it warns of, our own errors say as well


class PostgresPool:
    """Runs functions over connections of one database, with errors in our words.

    Args:
        address: A connection string or URL, as libpq takes it.

    Raises:
        ConfigurationError: It is none.
    """

    def __init__(self, address: SecretStr) -> None:
        self._address = DatabaseAddress(address)
        self.place: str = self._address.place
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._opening = asyncio.Lock()
        self._closed = False

    async def run(self, work: Callable[[Connection], Awaitable[_Result]]) -> _Result:
        """Give the function a connection, and hand back what it returns.

        A function whose connection broke is run again on another one, so it must be safe to be run twice even if the
        first time was committed.

        Raises:
            StorageUnavailable: The database cannot be used; the next call tries anew.
            StorageError: It refuses what it was given, or this was closed.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for tries_left in reversed(range(TRIES)):
                    try:
                        return await self._once(work)
                    except psycopg.Error as error:
                        if not tries_left or not _worth_another_try(error):
                            raise in_our_words(error, self.place) from error
        except UnicodeError as error:
            msg = f"The table cannot hold this value: {error}."
            raise StorageError(msg) from error
        except TimeoutError as error:
            msg = f"The database {self.place} did not answer within {PATIENCE_SECONDS:g} s."
            raise StorageUnavailable(msg) from error
        raise AssertionError  # the last try returns or raises

    async def listen(self, channel: str, heard: Callable[[], None]) -> None:
        """Call `heard` for every notification until the connection breaks; behind a pooler, return at once.

        Raises:
            StorageUnavailable: The database cannot be reached.
        """
        try:
            async with await self._address.connect() as connection:
                if not await _direct(connection):
                    return  # it would listen on a connection that is somebody else's in the next moment
                await connection.execute(f"listen {channel}".encode())
                async for _ in connection.notifies():
                    heard()
        except psycopg.Error as error:
            raise in_our_words(error, self.place) from error

    async def aclose(self) -> None:
        """Let the calls that are running finish, then close the connections."""
        self._closed = True
        async with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(timeout=PATIENCE_SECONDS)

    async def _once(self, work: Callable[[Connection], Awaitable[_Result]]) -> _Result:
        pool = await self._opened()
        try:
            connection = await pool.getconn(CONNECTION_SECONDS)
        except PoolTimeout as error:
            raise await self._why_none(error) from error
        try:
            return await work(connection)
        except psycopg.OperationalError:
            if connection.broken:
                await pool.drain()  # after a restart of the server all of them are
            raise
        finally:
            await pool.putconn(connection)

    async def _why_none(self, error: PoolTimeout) -> StorageError:
        """The pool does not say why it has no connection; one that is made by hand does, unless all were in use."""
        try:
            async with await self._address.connect():
                return in_our_words(error, self.place)
        except psycopg.Error as reason:
            return in_our_words(reason, self.place)

    async def _opened(self) -> AsyncConnectionPool[Connection]:
        if self._closed:
            raise rows.closed()
        if self._pool is None:
            async with self._opening:
                if self._pool is None:
                    self._pool = await self._new_pool()
        return self._pool

    async def _new_pool(self) -> AsyncConnectionPool[Connection]:
        # The first one by itself: a pool does not tell what is wrong.
        async with await self._address.connect() as connection:
            await _check_schema(connection, self.place)
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self._address.conninfo.get_secret_value(),
            connection_class=psycopg.AsyncConnection[DictRow],
            kwargs={"autocommit": True, "prepare_threshold": None, "row_factory": dict_row},
            min_size=1,
            max_size=MOST_CONNECTIONS,
            configure=json_as_text,
            reconnect_timeout=CONNECTION_SECONDS,  # then whoever needs one begins anew, without its growing pauses
            open=False,
        )
        await pool.open()
        return pool


async def _check_schema(connection: Connection, place: str) -> None:
    cursor = await connection.execute(
        "select to_regclass('public.generation_jobs') is not null as table_there,"
        " to_regproc('public.nexiom_schema_version') is not null as version_there"
    )
    there = await cursor.fetchone()
    if there is None or not there["version_there"]:
        what = (
            "a table generation_jobs without nexiom_sdk's columns"
            if there and there["table_there"]
            else "no table generation_jobs"
        )
        hint = (
            "`nexiom migrate --apply` makes it; `nexiom migrate --supabase` prints the SQL for a migration of your own."
        )
        raise StorageUnavailable(f"The database {place} has {what}.", next_step=hint)
    cursor = await connection.execute(
        "select public.nexiom_schema_version() as version, row_security_active('public.generation_jobs') as rows_hidden"
    )
    row = await cursor.fetchone()
    found = row["version"] if row else None
    if found != SCHEMA_VERSION:
        newer = isinstance(found, int) and found > SCHEMA_VERSION
        hint = "Install the nexiom_sdk that made it, or a later one." if newer else "Run `nexiom migrate --apply`."
        msg = f"The database {place} has version {found} of the schema; this nexiom_sdk knows version {SCHEMA_VERSION}."
        raise StorageUnavailable(msg, next_step=hint)
    if row and row["rows_hidden"]:  # it would find no jobs, and say nothing
        msg = f"The database {place} hides rows of generation_jobs from this user."
        hint = "Workers need the user that owns the table, or one with bypassrls: on Supabase, postgres."
        raise StorageUnavailable(msg, next_step=hint)


async def _direct(connection: Connection) -> bool:
    """Whether the server process that answers is the one that greeted us; behind a pooler it is another one."""
    cursor = await connection.execute("select pg_backend_pid() as pid")
    row = await cursor.fetchone()
    return row is not None and row["pid"] == connection.info.backend_pid


def _worth_another_try(error: psycopg.Error) -> bool:
    broken = isinstance(error, psycopg.OperationalError) and (error.sqlstate or "08")[:2] in {"08", "57"}
    return (broken and not isinstance(error, psycopg.errors.QueryCanceled)) or isinstance(error, _AGAIN)
