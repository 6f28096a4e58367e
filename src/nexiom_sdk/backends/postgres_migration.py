"""The SQL that makes or upgrades the table in PostgreSQL, as shipped, and what a database can have of it.

Nothing here opens a connection, and the driver is not needed: `postgres_upgrade` does that.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

SCHEMA_VERSION = 1
OLDEST_SERVER = 15

_QUERY = re.compile(r"/\* (\w+\.sql) \*/")  # stands in the SQL where one of its questions belongs


class Has(enum.StrEnum):
    """What a database has of the table, seen from this version of the library."""

    NOTHING = "nothing"
    OTHER_TABLE = "other_table"  # a generation_jobs from before, or somebody else's
    OLDER = "older"
    CHANGED = "changed"  # this version, but something of it is missing, was changed, or lies open
    CURRENT = "current"
    NEWER = "newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFound:
    """What a look at a database found.

    Args:
        place: How the database is called in messages, without user and password.
        has: What it has.
        version: Version of its schema; None where it has none of ours.
        supabase: Whether it is Supabase's, so that policies and buckets belong to it.
        unable: Whether it is this server or user that cannot, rather than that something in the database is in the way.
        obstacles: Why this user cannot apply the migration there, in sentences; none: nothing is known to hinder it.
        differs: What is not as it should be in a table that is there, and would be put right, in sentences.
        warnings: What the migration leaves and warns of, such as policies of somebody else's.
    """

    place: str
    has: Has
    version: int | None = None
    supabase: bool = False
    unable: bool = False
    obstacles: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """What it has, in a sentence."""
        match self.has:
            case Has.NOTHING:
                what = "has no table generation_jobs"
            case Has.OTHER_TABLE:
                what = "has a table generation_jobs without nexiom_sdk's columns, or without all that goes with them"
            case Has.CHANGED:
                what = f"has version {self.version} of the schema, but not as the migration made it"
            case _:
                what = f"has version {self.version} of the schema; this nexiom_sdk knows version {SCHEMA_VERSION}"
        return f"The database {self.place} {what}."

    @property
    def plan(self) -> str:
        """What `nexiom migrate --apply` would do, in a sentence."""
        more = ", its policies and the buckets inputs and outputs" if self.supabase else ""
        match self.has:
            case Has.NOTHING:
                return f"`nexiom migrate --apply` makes the table, its indexes and functions{more}."
            case Has.OTHER_TABLE:
                return (
                    f"`nexiom migrate --apply` adds columns, indexes and functions{more}. "
                    "Every old row keeps its values, and no worker ever takes one."
                )
            case Has.OLDER:
                return f"`nexiom migrate --apply` brings it to version {SCHEMA_VERSION}."
            case Has.CHANGED:
                when = " once nothing stands in its way" if self.obstacles else ""
                return f"`nexiom migrate --apply` puts it back{when}."
            case Has.CURRENT:
                return "There is nothing to do."
            case Has.NEWER:
                return (
                    "`nexiom migrate --apply` refuses to go back. Install the nexiom_sdk that made it, or a later one."
                )


def has(*, table: bool, version: int | None, changed: bool = False) -> Has:
    """What a database has, by what is in it.

    Args:
        table: Whether there is a generation_jobs.
        version: What nexiom_schema_version says; None where it is missing.
        changed: Whether something differs from what the migration makes.

    Example:
        >>> has(table=True, version=None), has(table=True, version=SCHEMA_VERSION)
        (<Has.OTHER_TABLE: 'other_table'>, <Has.CURRENT: 'current'>)
    """
    if version is not None and version > SCHEMA_VERSION:
        return Has.NEWER
    if version is None:
        return Has.OTHER_TABLE if table else Has.NOTHING
    if not table:
        return Has.NOTHING  # dropped by hand; its functions stayed
    if version < SCHEMA_VERSION:
        return Has.OLDER
    return Has.CHANGED if changed else Has.CURRENT


def migration() -> str:
    """The SQL as shipped: PostgreSQL 15 or later, over nothing, an older table, or itself; in one transaction."""
    return _QUERY.sub(lambda named: query(named[1]), _text("postgres.sql"))


def query(name: str) -> str:
    """One of the questions that both the migration and a look ask.

    Args:
        name: `postgres_faults.sql`, `postgres_state.sql` or `postgres_warnings.sql`.
    """
    return _text(name).rstrip("\n")


def _text(name: str) -> str:
    return files("nexiom_sdk.backends").joinpath("schema", name).read_text("utf-8")


def file_name(at: datetime) -> str:
    """How the file is called among the migrations of a Supabase project.

    Example:
        >>> file_name(datetime(2026, 11, 26, 9, 30, tzinfo=UTC))
        '20261126093000_generation_jobs.sql'
    """
    return f"{at.astimezone(UTC):%Y%m%d%H%M%S}_generation_jobs.sql"


def supabase_migration(at: datetime) -> str:
    """The SQL under a line that tells where it belongs."""
    return f"-- supabase/migrations/{file_name(at)}\n{migration()}"
