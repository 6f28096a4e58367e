"""Calls of one PostgreSQL: tried again where that is safe, with errors in our words, right behind any pooler.

Nothing here relies on a session: no prepared statements, no session locks, no settings that outlive a transaction. So a
pooler that gives each transaction another server connection (PgBouncer, Supavisor on port 6543) does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from pydantic import SecretStr

from nexiom_sdk.backends import postgres_fitness, rows
from nexiom_sdk.backends.postgres_address import Connection, DatabaseAddress
from nexiom_sdk.backends.postgres_connections import Connections
from nexiom_sdk.backends.postgres_words import in_our_words, nothing_was_written
from nexiom_sdk.errors import ConfigurationError, StorageError, StorageUnavailable

PATIENCE_SECONDS = 30.0  # for one operation, waiting for a connection and for locks included
TRIES = 3
PAUSE_SECONDS = 0.05  # before the second try; twice as long before the next

_Result = TypeVar("_Result")

_AGAIN = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.ReadOnlySqlTransaction,  # another server may be the primary by now
)


class PostgresPool:
    """Runs functions over connections of one database, with errors in our words.

    Connections belong to one event loop. Where that has ended, the next one gets connections of its own.

    Args:
        address: A connection string or URL, as libpq takes it.

    Raises:
        ConfigurationError: It is none.
    """

    def __init__(self, address: SecretStr) -> None:
        self._address = DatabaseAddress(address)
        self.place: str = self._address.place
        self._connections: Connections | None = None
        self._calls: set[object] = set()
        self._last_call_ended = asyncio.Event()
        self.closed: bool = False

    async def run(self, work: Callable[[Connection], Awaitable[_Result]], *, waits_for_rows: bool = False) -> _Result:
        """Give the function a connection, and hand back what it returns.

        A function whose connection broke is run again on another one, so it must be safe to be run twice even if the
        first time was committed.

        Args:
            work: What to do.
            waits_for_rows: It may wait for a row that somebody locked; such calls never take the last connections.

        Raises:
            StorageUnavailable: The database cannot be used; the next call tries anew.
            StorageError: It refuses what it was given, or this was closed.
            ConfigurationError: Another event loop, which is running, has the connections.
        """
        if self.closed:
            raise rows.closed()
        connections, call = self._here(), object()
        self._calls.add(call)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                async with connections.writing if waits_for_rows else contextlib.nullcontext():
                    return await self._tried(connections, work)
        except UnicodeError as error:
            msg = f"The table cannot hold this value: {error}."
            raise StorageError(msg) from None
        except TimeoutError:
            msg = f"The database {self.place} did not answer within {PATIENCE_SECONDS:g} s."
            hint = "Look at the network and the server, and for an open transaction on generation_jobs."
            raise StorageUnavailable(msg, next_step=hint) from None
        finally:
            self._calls.discard(call)
            if not self._calls:
                self._last_call_ended.set()

    async def listen(self, channel: str, heard: Callable[[], None]) -> None:
        """Call `heard` for every notification until the connection breaks; behind a pooler, return at once.

        Raises:
            StorageUnavailable: The database cannot be reached.
        """
        try:
            async with await self._address.connect() as connection:
                if not await postgres_fitness.direct(connection):
                    return  # it would listen on a connection that is somebody else's in the next moment
                await connection.execute(f"listen {channel}".encode())
                async for _ in connection.notifies():
                    heard()
        except psycopg.Error as error:
            raise in_our_words(error, self.place) from None

    async def aclose(self) -> None:
        """Let the calls that are running finish, then close the connections.

        Raises:
            ConfigurationError: Another event loop, which is running, has the connections.
        """
        if self._connections is None:
            self.closed = True
            return
        connections = self._here()
        self.closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while self._calls:
                    self._last_call_ended.clear()
                    await self._last_call_ended.wait()
        await connections.close(timeout_seconds=PATIENCE_SECONDS)

    def _here(self) -> Connections:
        """The connections of this event loop."""
        before, loop = self._connections, asyncio.get_running_loop()
        if before is not None and before.loop is not loop:
            if before.loop.is_running():
                msg = f"The connections to the database {self.place} belong to another event loop, which is running."
                raise ConfigurationError(
                    msg, next_step="Give each event loop, and each thread, a repository of its own."
                )
            before.abandon()
            before = None
        if before is None:
            before = self._connections = Connections(self._address)
            self._calls, self._last_call_ended = set(), asyncio.Event()
        return before

    async def _tried(self, connections: Connections, work: Callable[[Connection], Awaitable[_Result]]) -> _Result:
        tries, unwritten = 0, True
        while True:
            tries += 1
            began = False
            try:
                async with connections.lent() as connection:
                    began = True
                    return await work(connection)
            except psycopg.Error as error:
                unwritten = unwritten and (not began or nothing_was_written(error))
                if tries == TRIES or not _worth_another_try(error):
                    told = in_our_words(error, self.place)
                    if isinstance(told, StorageUnavailable):
                        told.unwritten = unwritten
                    raise told from None  # what the driver says quotes the row, and so a prompt
            except StorageUnavailable as error:
                error.unwritten = error.unwritten and unwritten
                raise
            await _pause(PAUSE_SECONDS * 2 ** (tries - 1))


def _worth_another_try(error: psycopg.Error) -> bool:
    broken = isinstance(error, psycopg.OperationalError) and (error.sqlstate or "08")[:2] in {"08", "57"}
    return (broken and not isinstance(error, psycopg.errors.QueryCanceled)) or isinstance(error, _AGAIN)


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 - so that two that collided do not meet again
