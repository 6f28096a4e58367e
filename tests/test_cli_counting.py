"""`nexiom jobs count` over a table that an app had before: the same numbers as the query on the page about workers."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from cli_rig import Command, command
from nexiom_sdk.backends.postgres_upgrade import apply
from nexiom_sdk.phases import Phase
from schema_rig import NINE_COLUMNS, as_url, fill_with_old_rows, supabase_database

__all__ = ["command"]  # a fixture

PAGE = Path(__file__).parents[1] / "docs" / "workers.md"


def _query_of_the_page() -> str:
    [query] = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return str(query)


def test_the_query_for_postgresql_counts_what_the_command_counts(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with supabase_database(before=NINE_COLUMNS) as url:
        fill_with_old_rows(url)
        asyncio.run(apply(SecretStr(url)))
        monkeypatch.setenv("NEXIOM_DATABASE_URL", as_url(url))
        for script, more in (("hang", "--detach"), ("done", "--defer"), ("lose", "--detach")):
            assert command("generate", "x", "--provider", "wired", more, script=script).code in {0, 6}
        [line] = command("jobs", "count", "--json").lines
        with psycopg.connect(url) as db:
            found = {row[0]: row[1] for row in db.execute(_query_of_the_page().encode()).fetchall()}
            old = db.execute("select count(*) from generation_jobs where phase = 'unknown' and fence = 0").fetchone()
    assert old is not None
    assert old[0] > 0
    assert found == {"queued": 1, "waiting": 1, "unknown": 1}
    assert {phase.value: line[phase.value] for phase in Phase if line.get(phase.value)} == found
