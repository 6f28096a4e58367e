"""Whether a database can be worked with: looked at on every new connection, before anything is asked of it."""

from __future__ import annotations

from nexiom_sdk.backends.postgres_address import Connection
from nexiom_sdk.backends.postgres_migration import Has, SchemaFound, has
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.wording import printable

# The version is read and not asked of its function: a function may be anybody's, and runs with the rights of whoever
# calls it. So those that workers do call have to belong to the table's owner.
_LOOK = b"""
select to_regclass('public.generation_jobs') is not null as table_there,
       (select substring(prosrc from '[0-9]{1,9}')::int from pg_proc
         where oid = to_regprocedure('public.nexiom_schema_version()')) as version,
       exists (select from pg_proc f join pg_class t on t.oid = to_regclass('public.generation_jobs')
                      join pg_roles r on r.oid = f.proowner
                where f.pronamespace = to_regnamespace('public') and f.proowner <> t.relowner and not r.rolsuper
                  and f.proname in ('nexiom_schema_version', 'claim_generation_jobs', 'nexiom_tell_workers'))
         as strange,
       row_security_active(to_regclass('public.generation_jobs')::oid) as rows_hidden,
       current_setting('server_encoding') as encoding
"""


async def check(connection: Connection, place: str) -> None:
    """Nothing, if the table is there as this version of the library knows it, and takes any text.

    Args:
        connection: A connection that nobody else uses.
        place: How the database is called in messages, without user and password.

    Raises:
        StorageUnavailable: Something is not; nothing was written.
    """
    seen = await (await connection.execute(_LOOK)).fetchone() or {}
    version = seen["version"] if seen["table_there"] else None
    found = SchemaFound(place=place, has=has(table=seen["table_there"], version=version), version=version)
    if found.has is not Has.CURRENT:
        raise _unfit(found.state, found.plan)
    if seen["strange"]:
        msg = f"The database {place} has functions of nexiom_sdk's names that another role than the table's owner made."
        raise _unfit(
            msg, "`nexiom migrate` says which; they are not called. Let the owner drop them and migrate again."
        )
    if seen["rows_hidden"]:  # it would find no jobs, and say nothing
        msg = f"The database {place} hides rows of generation_jobs from this user."
        hint = "Workers need the user that owns the table, or one with bypassrls: on Supabase, postgres."
        raise _unfit(msg, f"{hint} For the owner itself, `alter table generation_jobs no force row level security`.")
    if seen["encoding"] != "UTF8":  # an order would be paid for, and then no row could hold what came of it
        msg = f"The database {place} has the encoding {printable(str(seen['encoding']), 40)}, where UTF8 is needed."
        raise _unfit(msg, "Make a database with `create database ... encoding 'UTF8'`, and move the table there.")


async def direct(connection: Connection) -> bool:
    """Whether the server process that answers is the one that greeted us; behind a pooler it is another one."""
    cursor = await connection.execute("select pg_backend_pid() as pid")
    row = await cursor.fetchone()
    return row is not None and row["pid"] == connection.info.backend_pid


def _unfit(message: str, next_step: str) -> StorageUnavailable:
    error = StorageUnavailable(message, next_step=next_step)
    error.unwritten = True
    return error
