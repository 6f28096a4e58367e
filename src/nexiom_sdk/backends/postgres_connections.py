"""Connections to one PostgreSQL, for one event loop: opened when first needed, mended when they break."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncGenerator

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from nexiom_sdk.backends import postgres_fitness
from nexiom_sdk.backends.postgres_address import Connection, DatabaseAddress
from nexiom_sdk.backends.postgres_words import all_in_use, in_our_words
from nexiom_sdk.errors import StorageError, StorageUnavailable

FOR_WRITING = 16  # with fewer, sixteen steps that write at once wait for each other
KEPT_FREE = 4  # for claims, leases and reading, however many calls wait for locked rows
CONNECTION_SECONDS = 10.0  # to wait for one: long enough for the restart of a server

logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # what it warns of, our own errors say as well


class Connections:
    """Lends connections, at most twenty at once, each looked at when it was made.

    Args:
        address: Where the database is.
    """

    def __init__(self, address: DatabaseAddress) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.writing: asyncio.Semaphore = asyncio.Semaphore(FOR_WRITING)
        self._address = address
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._opening = asyncio.Lock()
        self._unfit = False  # a new connection found a database that has changed
        self._returning: set[asyncio.Future[None]] = set()
        self._made: weakref.WeakSet[Connection] = weakref.WeakSet()

    @contextlib.asynccontextmanager
    async def lent(self) -> AsyncGenerator[Connection]:
        """A connection for one operation.

        Raises:
            StorageUnavailable: There is none, or the database cannot be worked with; nothing was written.
            psycopg.Error: The first one cannot be made.
        """
        pool, connection = await self._one()
        try:
            yield connection
        except psycopg.Error as error:
            # After a restart of the server all of them are broken; and where another server has become the primary,
            # the address may lead there.
            if connection.broken or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                await pool.drain()
            raise
        finally:
            await self._returned(pool, connection)

    async def close(self, *, timeout_seconds: float) -> None:
        """Close those that nobody has; the others when they come back."""
        async with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(timeout=timeout_seconds)

    def abandon(self) -> None:
        """Cut them all, where their loop has ended and nobody can close them any more."""
        for connection in self._made:
            connection.pgconn.finish()

    async def _one(self) -> tuple[AsyncConnectionPool[Connection], Connection]:
        while True:
            pool = await self._opened()
            try:
                connection = await pool.getconn(CONNECTION_SECONDS)
            except PoolTimeout:
                raise await self._why_none() from None
            if not self._unfit:
                return pool, connection
            await self._returned(pool, connection)

    async def _returned(self, pool: AsyncConnectionPool[Connection], connection: Connection) -> None:
        """Give it back, also where the call is cancelled once more meanwhile: else the pool counts it for ever."""
        returning = asyncio.ensure_future(pool.putconn(connection))
        self._returning.add(returning)  # a loop holds its tasks weakly
        returning.add_done_callback(self._returning.discard)
        await asyncio.shield(returning)

    async def _why_none(self) -> StorageError:
        """The pool does not say why it has no connection; one that is made by hand does, unless all were in use."""
        why: StorageError
        try:
            async with await self._address.connect():
                why = all_in_use(self._address.place, FOR_WRITING + KEPT_FREE, CONNECTION_SECONDS)
        except psycopg.Error as reason:
            why = in_our_words(reason, self._address.place)
        if isinstance(why, StorageUnavailable):
            why.unwritten = True
        return why

    async def _opened(self) -> AsyncConnectionPool[Connection]:
        if self._pool is None or self._unfit:
            async with self._opening:
                if self._unfit and self._pool is not None:
                    old, self._pool, self._unfit = self._pool, None, False
                    await old.close()
                if self._pool is None:
                    self._pool = await self._new_pool()
        return self._pool

    async def _new_pool(self) -> AsyncConnectionPool[Connection]:
        # The first one by itself: a pool does not tell what is wrong.
        async with await self._address.connect() as connection:
            await postgres_fitness.check(connection, self._address.place)
        pool = self._address.pool(
            most=FOR_WRITING + KEPT_FREE, configure=self._look_at, patience_seconds=CONNECTION_SECONDS
        )
        await pool.open()
        return pool

    async def _look_at(self, connection: Connection) -> None:
        self._made.add(connection)
        try:
            await postgres_fitness.check(connection, self._address.place)
        except StorageUnavailable:
            self._unfit = True  # said to whoever asks next, when it was looked at once more
