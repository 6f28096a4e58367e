"""The address of a PostgreSQL: how to connect to it, and how to name it without its password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.types.string import TextLoader
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
            self.conninfo: SecretStr = SecretStr(make_conninfo("", **{**_DEFAULTS, **given}))
        except (psycopg.Error, ValueError):
            # Its words are left out: they quote the address, and so the password.
            raise _no_address() from None
        if any("@" in str(given.get(part) or "") for part in ("host", "dbname")):  # a piece of a password
            raise _no_address()
        host, port, name = (given.get(key) for key in ("host", "port", "dbname"))
        self.place: str = f"{name or 'postgres'} at {host or 'localhost'}{f':{port}' if port else ''}"

    async def connect(self) -> Connection:
        """A connection of one's own, right behind a pooler as well; its errors are the driver's."""
        connection = await psycopg.AsyncConnection[DictRow].connect(
            self.conninfo.get_secret_value(), autocommit=True, prepare_threshold=None, row_factory=dict_row
        )
        await json_as_text(connection)
        return connection


def _no_address() -> ConfigurationError:
    msg = "The address of the database is not one that PostgreSQL takes."
    hint = "Use postgresql://user:password@host:5432/database; write special characters of a password as %XX."
    return ConfigurationError(msg, next_step=hint)


async def json_as_text(connection: Connection) -> None:
    """Leave JSON to whoever reads the row: the driver's own reading fails at what an app may write."""
    connection.adapters.register_loader("jsonb", TextLoader)
