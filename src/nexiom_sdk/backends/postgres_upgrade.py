"""Looking at what a PostgreSQL has of the table, and applying the migration: all of it, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import md5

import psycopg
from psycopg.rows import DictRow
from pydantic import SecretStr

from nexiom_sdk.backends.postgres_address import Connection, DatabaseAddress
from nexiom_sdk.backends.postgres_migration import (
    OLDEST_SERVER,
    SCHEMA_VERSION,
    Has,
    SchemaFound,
    has,
    migration,
    query,
)
from nexiom_sdk.backends.postgres_words import in_our_words, migration_words
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.wording import printable

# The version is read and not called: whoever may create in the schema public may have written the function, and what it
# does would be done with the rights of whoever looks.
_LOOK = b"""
select current_setting('server_version_num')::int / 10000 as server,
       current_user::text as me,
       current_setting('transaction_read_only')::bool as read_only,
       has_schema_privilege(to_regnamespace('public')::oid, 'create') as may_create,
       t.relkind::text as kind,
       pg_get_userbyid(t.relowner)::text as owner,
       pg_has_role(t.relowner, 'usage') as owns,
       (select substring(p.prosrc from '[0-9]{1,9}')::int from pg_proc p
         where p.oid = to_regprocedure('public.nexiom_schema_version()')) as version,
       obj_description(to_regprocedure('public.nexiom_schema_version()'), 'pg_proc') as sums,
       exists (select from pg_proc where proname = 'uid' and pronamespace = to_regnamespace('auth'))
         and to_regrole('authenticated') is not null as supabase,
       has_schema_privilege(to_regnamespace('auth')::oid, 'usage') as may_use_auth
  from (select to_regclass('public.generation_jobs') as id) named left join pg_class t on t.oid = named.id
"""

# Two at once would each find the other's half; a table that is in use is waited for, but not for ever, because
# everybody else would wait behind; rows that are rewritten take their time.
_ALONE = b"""
set local lock_timeout = '10s';
set local statement_timeout = 0;
set local client_min_messages = warning;
set local standard_conforming_strings = on;
select pg_advisory_xact_lock(hashtextextended('nexiom migrate', 0))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A migration that was committed.

    Args:
        before: What the database had.
        warnings: What the migration warns of, such as policies of somebody else's.
    """

    before: SchemaFound
    warnings: tuple[str, ...] = ()


async def look(address: SecretStr) -> SchemaFound:
    """Say what a database has; nothing is changed.

    Raises:
        ConfigurationError: The address is none.
        StorageUnavailable: The database cannot be reached, or does not let this user look.
    """
    where = DatabaseAddress(address)
    try:
        async with await where.connect() as connection:
            return await _found(connection, where.place)
    except psycopg.Error as error:
        raise in_our_words(error, where.place) from error


async def apply(address: SecretStr) -> Applied:
    """Make or upgrade the table, in one transaction; a second time changes nothing.

    Raises:
        ConfigurationError: The address is none.
        StorageUnavailable: It cannot be done; nothing was changed.
    """
    where = DatabaseAddress(address)
    warnings: list[str] = []

    def keep(notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            warnings.append(printable(notice.message_primary or ""))

    try:
        async with await where.connect() as connection:
            connection.add_notice_handler(keep)
            async with connection.transaction():
                await connection.execute(_ALONE)
                before = await _found(connection, where.place)
                _refuse(before)
                await connection.execute(migration().encode())
    except psycopg.Error as error:
        raise migration_words(error, where.place) from error
    return Applied(before=before, warnings=tuple(warnings))


async def _found(connection: Connection, place: str) -> SchemaFound:
    # Names and definitions are written out in one way then, whatever this user's search path and settings are.
    async with connection.transaction(force_rollback=True):
        await connection.execute(b"set local search_path = ''; set local quote_all_identifiers = off")
        [seen] = await _rows(connection, _LOOK)
        table, version = seen["kind"] is not None, seen["version"]
        obstacles = _obstacles(seen)
        plain = seen["kind"] in (None, "r")
        known = plain and seen["server"] >= OLDEST_SERVER and (version or 0) <= SCHEMA_VERSION
        faults = await _asked(connection, "postgres_faults.sql") if known else []
        made = await _asked(connection, "postgres_state.sql") if table and version == SCHEMA_VERSION else []
        warnings = await _asked(connection, "postgres_warnings.sql") if table and known else []
    hindered = [printable(fault["says"], 600) for fault in faults if fault["mend"] is None]
    if not plain:  # over partitions, nothing could keep two orders from having one id
        hindered.append("Its generation_jobs is no plain table.")
    differs = [printable(fault["says"], 600) for fault in faults if fault["mend"] is not None]
    differs += _changed(made, seen["sums"] or "")
    return SchemaFound(
        place=place,
        has=has(table=table, version=version, changed=bool(hindered or differs)),
        version=version if table or (version or 0) > SCHEMA_VERSION else None,
        supabase=seen["supabase"],
        unable=bool(obstacles),
        obstacles=(*obstacles, *hindered),
        differs=tuple(differs),
        warnings=tuple(printable(row["warning"], 600) for row in warnings),
    )


async def _asked(connection: Connection, name: str) -> list[DictRow]:
    return await _rows(connection, query(name).encode())


async def _rows(connection: Connection, statement: bytes) -> list[DictRow]:
    return await (await connection.execute(statement)).fetchall()


def _changed(made: list[DictRow], sums: str) -> list[str]:
    """What is missing, or not what it was when the migration put its sum down."""
    then = {what: digest for digest, _, what in (line.partition(" ") for line in sums.splitlines())}
    found: list[str] = []
    if made and not then.keys() & {row["what"] for row in made}:
        found.append("The comment on nexiom_schema_version() is missing or was changed: nothing tells what else was.")
        made = [row for row in made if row["how"] is None]
    for what, how in ((row["what"], row["how"]) for row in made):
        if how is None:
            found.append(f"This is missing: {what}.")
        elif then.get(what) != md5(how.encode(), usedforsecurity=False).hexdigest():
            found.append(f"This was changed: {what}.")
    return found


def _obstacles(seen: DictRow) -> list[str]:
    table, me = seen["kind"] is not None, printable(seen["me"], 63)
    found: list[str] = []
    if seen["server"] < OLDEST_SERVER:
        found.append(f"It is PostgreSQL {seen['server']}; {OLDEST_SERVER} or later is needed.")
    if seen["read_only"]:
        found.append("It can only be read: it is a replica, or set to read-only.")
    if not seen["may_create"]:
        found.append(f"The user {me} may not create anything in the schema public.")
    if seen["supabase"] and not seen["may_use_auth"]:
        found.append(f"The user {me} may not use the schema auth.")
    if table and not seen["owns"]:
        found.append(f"Its generation_jobs belongs to {printable(seen['owner'], 63)}, not to the user {me}.")
    return found


def _refuse(found: SchemaFound) -> None:
    if found.has is Has.NEWER:
        msg = f"{found.state} Nothing was changed."
        raise StorageUnavailable(msg, next_step="Install the nexiom_sdk that made it, or a later one.")
    if found.obstacles:
        msg = f"The migration cannot be applied to the database {found.place}. {' '.join(found.obstacles)}"
        hint = "Nothing was changed. Put that right and try again."
        if found.unable:
            hint = (
                "Nothing was changed. Name a server and a user in NEXIOM_DATABASE_URL that can do it, or let somebody "
                "who may run what `nexiom migrate --supabase` prints: it is for PostgreSQL of any kind."
            )
        raise StorageUnavailable(msg, next_step=hint)
