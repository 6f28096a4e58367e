"""A job's life in SQLite (add, claim, save as done), against the same statements written by hand on bare sqlite3.

Both sides have the same table, PRAGMAs and statements, each in `begin immediate` and in a thread. They take turns, each
time on a fresh file; jobs are made before the clock starts.

    python benchmarks/sqlite_cycle.py [--jobs 400] [--rounds 7] [--folder /dev/shm]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Protocol, TypeVar

from nexiom_sdk.backends import sqlite_statements as sql
from nexiom_sdk.backends.rows import COLUMNS
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing.sample_jobs import sample_job

_Result = TypeVar("_Result")
DONE = {"phase": Phase.DONE, "status": JobStatus.COMPLETED, "result_url": "file:///v.mp4", "leased_until": None}


class Side(Protocol):
    """One way of doing it."""

    async def open(self) -> None: ...
    async def cycle(self) -> None: ...
    async def aclose(self) -> None: ...


class Library:
    """Through SqliteRepository: values checked, jobs in, jobs out."""

    def __init__(self, path: Path, jobs: int) -> None:
        self._repository = SqliteRepository(path)
        self._jobs = [sample_job(SystemClock()) for _ in range(jobs)]

    async def open(self) -> None:
        await self._repository.usage(UsageQuery())

    async def cycle(self) -> None:
        await self._repository.add(self._jobs.pop())
        [job] = await self._repository.claim(limit=1, lease_seconds=60)
        assert await self._repository.save(job.evolve(**DONE), fence=job.fence)

    async def aclose(self) -> None:
        await self._repository.aclose()


class Bare:
    """By hand: texts in, texts out."""

    def __init__(self, path: Path, jobs: int) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1)
        now = _text(datetime.now(UTC))
        made = [sample_job(SystemClock()) for _ in range(jobs)]
        texts = {"request": sample_job(SystemClock()).request.model_dump_json(), "provider_metadata": "{}"}
        self._rows = [{**vars(job), **texts, "run_at": now, "created_at": now, "updated_at": now} for job in made]

    async def open(self) -> None:
        await self._in_thread(self._connect)

    async def cycle(self) -> None:
        await self._in_thread(partial(self._write, sql.ADD, self._rows.pop()))
        now = datetime.now(UTC)
        lease = {"now": _text(now), "leased_until": _text(now + timedelta(seconds=60)), "limit": 1}
        [claimed] = await self._in_thread(partial(self._write, sql.CLAIM_ANY, lease))
        job = dict(zip(COLUMNS, claimed, strict=True))
        done = job | DONE | {"run_at_read": job["run_at"], "now": _text(datetime.now(UTC))}
        await self._in_thread(partial(self._write, sql.SAVE, done))

    async def aclose(self) -> None:
        await self._in_thread(self._database.close)
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _connect(self) -> None:
        self._database = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        if not self._database.execute("select 1 from sqlite_master").fetchone():
            schema = files("nexiom_sdk.backends").joinpath("schema/sqlite.sql").read_text("utf-8")
            self._database.executescript(schema)

    def _write(self, statement: str, values: dict[str, object]) -> list[tuple[object, ...]]:
        with self._database as database:
            database.execute("begin immediate")
            return database.execute(statement, values).fetchall()


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


async def in_tasks(side: Side, cycles: int, tasks: int, begin: Callable[[], object]) -> tuple[float, float]:
    """When the work began and when it ended."""
    await side.open()
    begin()
    began = time.monotonic()

    async def some() -> None:
        for _ in range(cycles // tasks):
            await side.cycle()

    await asyncio.gather(*(some() for _ in range(tasks)))
    ended = time.monotonic()
    await side.aclose()
    return began, ended


def rate_in_tasks(make: Callable[[Path, int], Side], folder: Path, jobs: int, tasks: int) -> float:
    """Cycles a second, in tasks of one event loop."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        began, ended = asyncio.run(in_tasks(make(Path(fresh) / "jobs.db", jobs), jobs, tasks, lambda: None))
    return jobs / (ended - began)


def rate_in_processes(make: Callable[[Path, int], Side], folder: Path, jobs: int, processes: int) -> float:
    """Cycles a second, over processes that begin together."""
    context = multiprocessing.get_context("fork")
    gate, times = context.Barrier(processes), context.SimpleQueue()
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        path, share = Path(fresh) / "jobs.db", jobs // processes

        def work() -> None:
            times.put(asyncio.run(in_tasks(make(path, share), share, 1, gate.wait)))

        asyncio.run(in_tasks(make(path, 0), 0, 1, lambda: None))  # makes the table
        children = [context.Process(target=work) for _ in range(processes)]
        for child in children:
            child.start()
        spans: list[tuple[float, float]] = [times.get() for _ in children]
        for child in children:
            child.join()
    return jobs / (max(ended for _, ended in spans) - min(began for began, _ in spans))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    chosen = parser.parse_args()
    shapes: dict[str, Callable[[Callable[[Path, int], Side]], float]] = {
        "1 task": lambda make: rate_in_tasks(make, chosen.folder, chosen.jobs, 1),
        "4 tasks": lambda make: rate_in_tasks(make, chosen.folder, chosen.jobs, 4),
        "4 processes": lambda make: rate_in_processes(make, chosen.folder, chosen.jobs, 4),
    }
    print(f"{'workers':12} {'library /s':>11} {'bare /s':>9} {'ratio':>6}   median of {chosen.rounds} rounds")
    for name, rate in shapes.items():
        rounds = [(rate(Library), rate(Bare)) for _ in range(chosen.rounds)]
        ratio = statistics.median(library / bare for library, bare in rounds)
        library, bare = (statistics.median(one[side] for one in rounds) for side in (0, 1))
        print(f"{name:12} {library:11.0f} {bare:9.0f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
