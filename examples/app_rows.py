"""An app files wishes as rows and polls for the outcome; a worker takes them in, and says in words what cannot be done.

Run it with `python examples/app_rows.py`, with NEXIOM_DATABASE_URL naming a database that `nexiom migrate --apply` was
run on. Here the app speaks SQL; on Supabase it uses REST and `rpc/get_generation_job`, and may do no more than this.
"""

from __future__ import annotations

import asyncio
import os

import psycopg
from psycopg.types.json import Jsonb

from nexiom_sdk import Settings, Studio

DATABASE = os.environ["NEXIOM_DATABASE_URL"]
WISHES = (
    {"prompt": "a fox in snow", "duration_seconds": 1, "request": {"resolution": "360p"}},
    {"prompt": "a boat at dawn", "duration_seconds": 900, "request": {}},
)


def file_wishes() -> list[str]:
    """What the app does: insert rows. Here the provider is named, so that no key is needed."""
    statement = """
        insert into generation_jobs (type, provider, prompt, duration_seconds, request)
        values ('video', 'local', %(prompt)s, %(duration_seconds)s, %(request)s) returning id
    """
    ids: list[str] = []
    with psycopg.connect(DATABASE) as app:
        for wish in WISHES:
            row = app.execute(statement, {**wish, "request": Jsonb(wish["request"])}).fetchone()
            ids.extend(map(str, row or ()))
    return ids


def poll(job_id: str) -> str:
    """What the app does every few seconds."""
    with psycopg.connect(DATABASE) as app:
        asked = "select status, coalesce(result_path, error_message) from get_generation_job(%s)"
        row = app.execute(asked, (job_id,)).fetchone()
    return "there is no such job" if row is None else f"{row[0]}: {row[1]}"


async def main() -> None:
    """File two wishes, let a worker take them, and see what the app sees."""
    wishes = await asyncio.to_thread(file_wishes)
    async with Studio(settings=Settings.from_env()) as studio:
        await studio.worker().run(once=True)
    for wish in wishes:
        print(await asyncio.to_thread(poll, wish))


if __name__ == "__main__":
    asyncio.run(main())
