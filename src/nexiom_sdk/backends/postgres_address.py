"""The address of a PostgreSQL: how to connect to it, and how to name it without its password."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self, TypeAlias, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from nexiom_sdk.errors import ConfigurationError

Connection: TypeAlias = psycopg.AsyncConnection[DictRow]

# The client's own settings: a pooler refuses what it does not know of the server's.
_DEFAULTS: Mapping[str, str | int] = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "nexiom_sdk",
}
# Whatever the address, the environment or the role says: a prompt is written in any script. Every pooler knows it.
_ALWAYS: Mapping[str, str] = {"client_encoding": "UTF8"}

# No prepared statements, and no transaction around what is one statement: so it is right behind a pooler as well.
_TERMS: Mapping[str, Any] = {"autocommit": True, "prepare_threshold": None, "row_factory": dict_row}
_RENEWED_SECONDS = 600.0  # what is looked at when a connection is made is looked at again after so long


class DatabaseAddress:
    """Where a database is.

    Args:
        address: A connection string or URL, as libpq takes it.

    Raises:
        ConfigurationError: It is none.
    """

    def __init__(self, address: SecretStr) -> None:
        try:
            given = conninfo_to_dict(address.get_secret_value())
            for number in filter(None, str(given.get("port") or "").split(",")):
                int(number)  # libpq looks at it only when it connects
            self.conninfo: SecretStr = SecretStr(make_conninfo("", **{**_DEFAULTS, **given, **_ALWAYS}))
        except (psycopg.Error, ValueError):
            # Its words are left out: they quote the address, and so the password.
            raise _no_address() from None
        if any("@" in str(given.get(part) or "") for part in ("host", "dbname")):  # a piece of a password
            raise _no_address()
        host, port, name = (given.get(key) for key in ("host", "port", "dbname"))
        self.place: str = f"{name or 'postgres'} at {host or 'localhost'}{f':{port}' if port else ''}"

    async def connect(self) -> Connection:
        """A connection of one's own; its errors are the driver's."""
        connection = await _Connection.connect(self.conninfo.get_secret_value(), **_TERMS)
        _json_as_text(connection)
        return connection

    def pool(
        self, *, most: int, configure: Callable[[Connection], Awaitable[None]], patience_seconds: float
    ) -> AsyncConnectionPool[Connection]:
        """A pool of such connections that is not open yet.

        Args:
            most: So many at once.
            configure: What is done with each new one.
            patience_seconds: How long it tries to make one; then whoever needs one begins anew.
        """

        async def begin(connection: Connection) -> None:
            _json_as_text(connection)
            await configure(connection)

        return _Pool(
            self.conninfo.get_secret_value(),
            connection_class=_Connection,
            kwargs=dict(_TERMS),
            min_size=1,
            max_size=most,
            max_lifetime=_RENEWED_SECONDS,
            configure=begin,
            reconnect_timeout=patience_seconds,
            open=False,
        )


class _Connection(psycopg.AsyncConnection[DictRow]):
    """A connection that nobody holds whose making was cancelled.

    A pool that overhears the cancelling logs it, and whoever keeps what was logged keeps its traceback: with that, a
    connection of the server stays that is half made, of which nobody else knows.
    """

    @classmethod
    async def connect(cls, conninfo: str = "", **terms: Any) -> Self:  # noqa: ANN401 - as the driver has it
        try:
            return await super().connect(conninfo, **terms)
        except asyncio.CancelledError as error:
            cancelled = error.with_traceback(None)
            cancelled.__context__ = None
        raise cancelled


class _Pool(AsyncConnectionPool[Connection]):
    """A pool whose workers can be cancelled, as the end of an event loop does.

    The library's own go on for ever where that comes while they connect, and so does the loop that waits for them.
    """

    @classmethod
    async def worker(cls, q: asyncio.Queue[Any]) -> None:
        await super().worker(cast("Any", _UntilCancelled(q)))


class _UntilCancelled:
    """A queue that gives nothing more to a task that was cancelled, even where it overheard that."""

    def __init__(self, queue: asyncio.Queue[object]) -> None:
        self._queue = queue

    async def get(self) -> object:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        return await self._queue.get()


def _no_address() -> ConfigurationError:
    msg = "The address of the database is not one that PostgreSQL takes."
    hint = "Use postgresql://user:password@host:5432/database; write special characters of a password as %XX."
    return ConfigurationError(msg, next_step=hint)


def _json_as_text(connection: Connection) -> None:
    """Leave JSON to whoever reads the row: the driver's own reading fails at what an app may write."""
    connection.adapters.register_loader("jsonb", TextLoader)
