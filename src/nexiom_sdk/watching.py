"""Driving one job to its end from the process that wants it, and showing its row at each change.

It spends nothing that a worker would not spend, and may be begun again at any time: so a database that is away for a
while is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

from nexiom_sdk.desk import Desk
from nexiom_sdk.engine import Engine
from nexiom_sdk.errors import NexiomError, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.open_watches import OpenWatches, Steps, ended
from nexiom_sdk.outage import Outage
from nexiom_sdk.phases import JobStatus
from nexiom_sdk.schedule import backoff

AWAY_SECONDS = 600.0  # how long a database is waited for, where nobody said how long to wait
_SHORTEST_NAP_SECONDS = 0.01
_LONGEST_NAP_SECONDS = 1.0  # another process may finish the job meanwhile
_GLANCE_SECONDS = 0.2  # how soon a change made by a running step is seen


@contextlib.contextmanager
def about(job_id: str) -> Generator[None, None, None]:
    """An error that leaves names the job, so that whoever gets it goes on with that instead of ordering again."""
    try:
        yield
    except NexiomError as error:
        if isinstance(error, StorageUnavailable) and error.job_id is None:
            error.next_step = (
                f"Job {job_id} is written down: go on with it, by `nexiom jobs watch {job_id}` or `wait`, and do not "
                f"submit it again. {error.next_step}"
            )
        error.job_id = error.job_id or job_id
        raise


async def driven(
    job_id: str,
    *,
    engine: Engine,
    desk: Desk,
    read: Callable[[str], Awaitable[GenerationJob]],
    watches: OpenWatches,
    away_seconds: float = AWAY_SECONDS,
    reached: bool = False,
) -> AsyncGenerator[GenerationJob, None]:
    """Drive the job, and give its row at each change, the last one included.

    Args:
        job_id: The job.
        engine: Takes its steps.
        desk: Rows and time.
        read: Reads the row as it is shown.
        watches: Where its steps are noted.
        away_seconds: How long rows that were within reach before are waited for.
        reached: Whether they were; else a database that is not there is told at once.

    Raises:
        JobNotFound: There is no such job.
        StorageError: The rows cannot be read or written.
        NexiomError: Open watches were ended.
    """
    clock, outage, steps = desk.clock, Outage(desk.clock), Steps(job_id, watches)
    shown, seen, reached_at = None, None, clock.monotonic()
    while True:
        try:
            step = steps.begin(engine.advance(job_id, watched=True))
            try:
                while not step.done():
                    await _first_of(step, clock.sleep(_GLANCE_SECONDS))
                    try:
                        job = await read(job_id)
                    except StorageUnavailable:  # the step meets the same trouble
                        continue
                    reached = True
                    if job.updated_at != shown:
                        shown = job.updated_at
                        yield job
            finally:
                await ended({step})
            job = steps.row_after(step)
            if job.final or job.status is JobStatus.FAILED:
                if job.updated_at != shown:  # it ended while the row was read
                    yield await read(job_id)
                return
        except StorageUnavailable as error:
            # One that names a job is about its row, and no outage.
            if not reached or error.job_id is not None or clock.monotonic() - reached_at > away_seconds:
                raise
            pause = backoff(outage.failures + 1, luck=desk.luck())
            outage.failed(error, pause_seconds=pause)
            await clock.sleep(pause)
            continue
        outage.over()
        reached_at = clock.monotonic()
        due_in = (job.due_at - desk.now()).total_seconds()
        # Where the step changed nothing, the row was not to be had: its clock may be behind ours, or somebody has it.
        least = _SHORTEST_NAP_SECONDS if job.updated_at != seen else _LONGEST_NAP_SECONDS
        seen = job.updated_at
        await clock.sleep(min(max(due_in, least), _LONGEST_NAP_SECONDS))


async def _first_of(step: asyncio.Task[GenerationJob], pause: Awaitable[None]) -> None:
    glance = asyncio.ensure_future(pause)
    try:
        await asyncio.wait((step, glance), return_when=asyncio.FIRST_COMPLETED)
    finally:
        glance.cancel()
