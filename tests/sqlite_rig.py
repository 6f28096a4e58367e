"""What the SQLite tests need besides the library: a second hand on the file, and programs that run beside the test.

A program is run as `python sqlite_rig.py NAME DATABASE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import BudgetExceeded, StorageUnavailable
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.spending import Limit, UsageQuery
from nexiom_sdk.testing.sample_jobs import sample_job

CLOCK = SystemClock()


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as somebody opens it in a shell."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        yield database
    finally:
        database.close()


def ids_in(path: Path) -> set[str]:
    """The jobs in a file that is whole."""
    with opened(path) as database:
        assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
        return {job_id for (job_id,) in database.execute("select id from generation_jobs")}


def started(program: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, program, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said_by(program: str, path: Path, *, timeout_seconds: float = 60) -> list[str]:
    """The lines of a program that ends well."""
    with started(program, path) as process:
        said, _ = process.communicate(timeout=timeout_seconds)
    assert process.returncode == 0, said
    return said.splitlines()


# The programs.


def at_once(count: int, work: Callable[[], Awaitable[None]]) -> None:
    """Run the work in this many processes, which begin together; a failure in one is a failure of all."""
    reads, writes = os.pipe()
    children: list[int] = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            os.close(writes)
            os.read(reads, 1)  # returns when the parent closes its end
            asyncio.run(_to_the_end(work))
            os._exit(0)
        children.append(child)
    os.close(writes)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(max(map(abs, codes)))


async def _to_the_end(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except BaseException as error:
        say(repr(error))
        os._exit(1)


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())  # one write, so that lines of several processes do not mix


def create(path: Path) -> None:
    """Twenty processes that find no database and write a row each."""

    async def work() -> None:
        repository = SqliteRepository(path)
        say((await repository.add(sample_job(CLOCK))).id)
        await repository.aclose()

    at_once(20, work)


def spend(path: Path) -> None:
    """Four processes with twenty-five orders of $0.10 each, and one budget of $1.00 for all."""

    async def work() -> None:
        repository = SqliteRepository(path)
        budget = Limit(name="budget", over=UsageQuery(), max_cost_usd=Decimal(1))
        orders = [sample_job(CLOCK, estimated_cost_usd=Decimal("0.10")) for _ in range(25)]
        for outcome in await asyncio.gather(
            *(repository.add(order, limits=[budget]) for order in orders), return_exceptions=True
        ):
            if not isinstance(outcome, BudgetExceeded):
                say(outcome.id if not isinstance(outcome, BaseException) else repr(outcome))
        await repository.aclose()

    at_once(4, work)


def claim(path: Path) -> None:
    """Four processes that claim until nothing is left, and say what they got."""

    async def work() -> None:
        repository = SqliteRepository(path)
        while jobs := await repository.claim(limit=3, lease_seconds=60):
            for job in jobs:
                say(job.id)
        await repository.aclose()

    at_once(4, work)


def write_until_killed(path: Path) -> None:
    """Whole jobs, one after the other, each said when its last write was confirmed."""

    async def work() -> None:
        repository = SqliteRepository(path)
        while True:
            await repository.add(sample_job(CLOCK, provider_metadata={"filling": "x" * 2000}))
            for job in await repository.claim(limit=1, lease_seconds=60):
                done = {"phase": Phase.DONE, "status": JobStatus.COMPLETED, "result_url": "file:///v.mp4"}
                await repository.save(job.evolve(**done, leased_until=None), fence=job.fence)
                say(job.id)

    asyncio.run(work())


def hold_lock(path: Path) -> None:
    """Hold the write lock until the other end of stdin is closed."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("begin immediate")
    say("held")
    sys.stdin.read()
    database.execute("rollback")


def fill(path: Path) -> None:
    """Write until files may not grow any more, say so, and go on when they may."""

    async def work() -> None:
        repository = SqliteRepository(path)
        written: list[str] = []
        message = ""
        room = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, room[1]))
        try:
            while True:
                written.append((await repository.add(sample_job(CLOCK, provider_metadata={"x": "x" * 2000}))).id)
        except StorageUnavailable as error:
            message = str(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, room)
        written.append((await repository.add(sample_job(CLOCK))).id)
        await repository.aclose()
        say(json.dumps({"message": message, "written": written}))

    asyncio.run(work())


def leave(path: Path) -> None:
    """End while a call is waiting for a lock that nobody will release, without closing anything."""

    async def work() -> None:
        repository = SqliteRepository(path)
        await repository.add(sample_job(CLOCK))
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("begin immediate")
        waiting = asyncio.create_task(repository.add(sample_job(CLOCK)))
        await asyncio.wait({waiting}, timeout=0.05)
        say("left")

    asyncio.run(work())


if __name__ == "__main__":
    programs = (create, spend, claim, write_until_killed, hold_lock, fill, leave)
    {program.__name__: program for program in programs}[sys.argv[1]](Path(sys.argv[2]))
