"""Processes that are killed and frozen, and the stores that outlive them.

Children are forked by a process that has imported everything and does nothing else: no threads, no event loop, no open
database. A child costs some milliseconds instead of a second of imports, and is a real process all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Literal, Self, TypeAlias

import psycopg

from kill.child import LATER_MINUTES, Fate, Role, live, studio_of
from kill_provider import Provider, wait_until_stopped
from nexiom_sdk import GenerationJob, VideoRequest
from postgres_rig import put_before_everything, template_of, url_of
from procrastinate_rig import engine_template

Store: TypeAlias = Literal["sqlite", "postgres", "procrastinate"]

_PATIENCE_SECONDS = 60.0
_SHIFTED_TIME = """
create schema nexiom_shift;
create table nexiom_shift.ahead (by interval not null);
insert into nexiom_shift.ahead values ('0');
create function nexiom_shift.now() returns timestamptz language sql stable
  as 'select pg_catalog.now() + by from nexiom_shift.ahead';
"""
_EMPTY = """
truncate public.generation_jobs, public.procrastinate_jobs, public.procrastinate_events, public.procrastinate_workers,
  public.procrastinate_periodic_defers;
update nexiom_shift.ahead set by = '0';
"""


@cache
def _mother() -> ForkServerContext:
    """The process that children are forked from; it ends with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kill.child"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *filter(None, [before])])
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


@cache
def _shifted_database() -> str:
    """A database whose clock can be put ahead; one for each process, for making one costs more than a cell."""
    name = template_of(engine_template())
    put_before_everything(name, "nexiom_shift")
    with psycopg.connect(url_of(name)) as db:
        db.execute(_SHIFTED_TIME)
    return url_of(name)


@dataclass(slots=True)
class Child:
    """A process, and what it said."""

    role: Role
    process: ForkServerProcess

    def ends(self) -> int | None:
        """Its exit code, when it has ended."""
        self.process.join(_PATIENCE_SECONDS)
        return self.process.exitcode

    def stands_still(self) -> Self:
        """Wait until it is frozen."""
        assert self.process.pid is not None
        wait_until_stopped(self.process.pid)
        return self

    def sends(self, number: signal.Signals) -> Self:
        """Give it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)
        return self

    def said(self, word: str) -> list[list[str]]:
        """Its lines that begin with this word, in words."""
        lines = [line.split() for line in self.log().splitlines()]
        return [line[1:] for line in lines if line[:1] == [word]]

    def log(self) -> str:
        """All it said."""
        return self.role.log.read_text() if self.role.log.exists() else ""


class World:
    """What outlives processes: the rows, the videos and the provider."""

    def __init__(self, home: Path, provider: Provider, store: Store) -> None:
        self.home, self.provider = home, provider
        self._children: list[Child] = []
        url = None if store == "sqlite" else _shifted_database()
        if url is not None:
            with psycopg.connect(url) as db:
                db.execute(_EMPTY)
        self._plain = Role(
            home=home,
            port=provider.port,
            recovery=provider.recovery,
            database_url=url,
            engine=store == "procrastinate",
        )

    def child(self, **changes: object) -> Child:
        """A process that does what `Role` says."""
        log = self.home / f"child{len(self._children)}.log"
        role = replace(self._plain, log=log, **changes)  # type: ignore[arg-type]
        process = _mother().Process(target=live, args=(role,))
        process.start()
        self._children.append(Child(role, process))
        return self._children[-1]

    def time_goes_on(self) -> None:
        """Leases end. Children that are made `later` agree."""
        if self._plain.database_url is not None:
            with psycopg.connect(self._plain.database_url) as db:
                db.execute("update nexiom_shift.ahead set by = make_interval(mins => %s)", (LATER_MINUTES,))

    def submit(self, count: int) -> list[str]:
        """So many jobs, written down only; their ids."""

        async def write() -> list[str]:
            async with studio_of(self._plain, Fate(self._plain)) as studio:
                return [(await studio.submit(VideoRequest(prompt="a fox"), defer=True)).id for _ in range(count)]

        return asyncio.run(write())

    def row(self, job_id: str) -> GenerationJob:
        """The row as it is now."""
        [job] = self.rows([job_id])
        return job

    def rows(self, job_ids: Sequence[str]) -> list[GenerationJob]:
        """The rows as they are now."""

        async def read() -> list[GenerationJob]:
            async with studio_of(self._plain, Fate(self._plain)) as studio:
                return [await studio.get(job_id) for job_id in job_ids]

        return asyncio.run(read())

    @property
    def videos(self) -> list[Path]:
        """What is in the store."""
        return sorted((self.home / "outputs").rglob("*.mp4"))

    def close(self) -> None:
        """End what still runs or stands still."""
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.sends(signal.SIGKILL) if child.process.is_alive() else None
            child.process.join()


@contextlib.contextmanager
def world(home: Path, provider: Provider, store: Store) -> Iterator[World]:
    made = World(home, provider, store)
    try:
        yield made
    finally:
        made.close()
