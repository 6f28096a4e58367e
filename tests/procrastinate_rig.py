"""Databases with our table and procrastinate's, and what a test asks of its tasks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache

import psycopg
from procrastinate import App
from procrastinate.jobs import Job
from procrastinate.schema import SchemaManager

from postgres_rig import database, migrated_template, template_of, url_of


@cache
def engine_template() -> str:
    """A database with both schemas, to make others from; one for each process."""
    name = template_of(migrated_template())
    with psycopg.connect(url_of(name)) as db:
        db.execute(SchemaManager.get_schema().encode())
    return name


@contextlib.contextmanager
def engine_database() -> Iterator[str]:
    """The address of a database of one's own with both schemas."""
    with database(template=engine_template()) as url:
        yield url


async def tasks_of(app: App, status: str | None = None) -> list[Job]:
    """The tasks that take steps, oldest first."""
    found = await app.job_manager.list_jobs_async(task="nexiom.advance", status=status)
    return sorted(found, key=lambda job: job.id or 0)
