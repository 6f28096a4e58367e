"""One SQLite file behind one thread: opened when it is first needed, off the event loop, with errors in our words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from nexiom_sdk.backends import rows
from nexiom_sdk.errors import StorageError, StorageUnavailable

LOCK_WAIT_SECONDS = 10.0
SCHEMA_VERSION = 1

_OLDEST_SQLITE = (3, 35)  # RETURNING
_creating = threading.Lock()
_Result = TypeVar("_Result")


class SqliteFile:
    """Runs functions over one connection, one after the other, in a thread of its own.

    A caller that is cancelled leaves its function to finish or, if it has not begun, to be skipped: never half done.

    Args:
        path: The database; it and its folders are made when they are missing.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path = path.absolute()
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None  # belongs to the thread
        self._closed = False
        self._state = threading.Lock()

    async def run(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Give the function the connection, in the thread, and hand back what it returns.

        Raises:
            StorageUnavailable: The database cannot be used; the next call opens it anew.
            StorageError: It refuses what it was given, or this was closed.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Result] = loop.create_future()
        with self._state:
            if self._closed:
                raise rows.closed()
            if self._thread is None:
                # A daemon, because the end of a program must not wait for a lock; the file is safe against that.
                self._thread = threading.Thread(target=self._serve, name=f"nexiom {self.path.name}", daemon=True)
                self._thread.start()
            self._calls.put(partial(self._fulfil, work, answer, loop))
        return await answer

    async def aclose(self) -> None:
        """Let the calls that are waiting finish, then close the file."""
        with self._state:
            thread = self._thread
            if thread is not None and not self._closed:
                self._calls.put(None)
            self._closed = True
        if thread is not None:
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # an idle thread must not keep its last answer alive
        self._drop_connection()

    def _fulfil(
        self,
        work: Callable[[sqlite3.Connection], _Result],
        answer: asyncio.Future[_Result],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        if answer.cancelled():
            return
        try:
            settle = partial(_set_result, answer, self._result(work))
        except BaseException as error:  # noqa: BLE001 - the edge of the thread: whoever waits gets the error
            settle = partial(_set_exception, answer, error)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle)

    def _result(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        try:
            if self._connection is None:
                self._connection = _opened(self.path)
            return work(self._connection)
        except sqlite3.Error as error:
            self._drop_connection()  # a file that was mended or moved away is opened anew
            raise _in_our_words(error, self.path) from error
        except (UnicodeError, OverflowError) as error:
            msg = f"The table cannot hold this value: {error}."
            raise StorageError(msg) from error

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def _set_result(answer: asyncio.Future[_Result], result: _Result) -> None:
    if not answer.done():
        answer.set_result(result)


def _set_exception(answer: asyncio.Future[_Result], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)


def _opened(path: Path) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        msg = f"SQLite {sqlite3.sqlite_version} is too old: 3.35 is needed."
        raise StorageUnavailable(msg, next_step="Use a Python with a newer SQLite, or PostgreSQL.")
    _create(path)
    connection = sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS, isolation_level=None)
    try:
        _switch_to_wal(connection)
        connection.execute("pragma synchronous = full")  # a lost intent or answer would be a payment
        _make_table(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Make the file, for its owner only: it holds prompts.

    An existing file is not touched: closing it here would take away the locks of other connections in this process.
    The lock keeps another thread from connecting between the two system calls, for the same reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _creating, contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        msg = f"The database {path} cannot be made: {error.strerror}."
        raise StorageUnavailable(msg, next_step="Name a file in a folder that this program may write to.") from error


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Readers must not wait for the writer. SQLite does not wait for locks while it switches, so we do."""
    patience_ends = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            connection.execute("pragma journal_mode = wal").fetchone()
            return
        except sqlite3.OperationalError as error:
            if _kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() > patience_ends:
                raise
        time.sleep(random.uniform(0.002, 0.02))  # noqa: S311 - spreads processes, guards nothing


def _make_table(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == SCHEMA_VERSION:
        return
    with connection:
        connection.execute("begin immediate")
        found = _version(connection)  # again: another process may have been faster
        if found == SCHEMA_VERSION:
            return
        if found != 0:
            msg = f"The database {path} has version {found}; this nexiom_sdk knows version {SCHEMA_VERSION}."
            raise StorageUnavailable(msg, next_step="Install the nexiom_sdk that wrote it, or name another file.")
        schema = files("nexiom_sdk.backends").joinpath("schema/sqlite.sql").read_text("utf-8")
        for statement in schema.split(";\n"):  # one by one: as a whole script, they would not be in the transaction
            connection.execute(statement)
        connection.execute(f"pragma user_version = {SCHEMA_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("pragma user_version").fetchone()[0]
    return version


def _kind(error: sqlite3.Error) -> int:
    """SQLite's primary code; 0 for errors of the Python module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


_DAMAGED = (
    "is damaged, or no SQLite database",
    (
        "Move it away with its -wal and -shm files, and keep them: the next call makes a new one. Restore a backup if "
        "there is one; orders that run at providers can be adopted with `nexiom jobs resolve`."
    ),
)
_LOCKED = (
    f"was locked by another program for more than {LOCK_WAIT_SECONDS:g} s",
    "Close what holds it, such as a shell with an open transaction; jobs stay as they are.",
)
_NOT_WRITABLE = ("may not be written", "Give this program the right to write to the file and to its folder.")
_WORDS: Mapping[int, tuple[str, str]] = {
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "It must be a file, in a folder that this program may write to."),
    sqlite3.SQLITE_FULL: ("cannot grow: there is no room left", "Make room; jobs stay as they are and go on then."),
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written",
        "Look at the disk: its room, a limit on file sizes, its health; jobs stay as they are and go on then.",
    ),
}


def _in_our_words(error: sqlite3.Error, path: Path) -> StorageError:
    kind = _kind(error)
    if kind == sqlite3.SQLITE_CONSTRAINT:
        return StorageError(f"The table does not take this row: {error}.")
    happened, next_step = _WORDS.get(kind, (f"answered: {error}", StorageUnavailable.default_next_step))
    return StorageUnavailable(f"The database {path} {happened}.", next_step=next_step)
