"""Works through due jobs until told to stop. Any number of workers on any number of machines share one table."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from nexiom_sdk.clock import Clock
from nexiom_sdk.engine import Engine
from nexiom_sdk.errors import NexiomError
from nexiom_sdk.events import Sink, WorkerTicked
from nexiom_sdk.jobs import GenerationJob, JobRepository
from nexiom_sdk.schedule import backoff

_log = logging.getLogger(__name__)

BATCH = 10  # claims in batches of about ten cost one commit and keep latency low (measured, design of 2026-11)


class Worker:
    """Claims due jobs, takes their steps side by side, stops cleanly.

    Args:
        engine: Takes the steps.
        repository: Where rows live.
        clock: Time.
        sink: Who is told.
        concurrency: Most steps at once.
        lease_seconds: How long a claimed job is owned.
        idle_seconds: Wait between two looks at an empty table.
        drain_seconds: Time that running steps get to end after `stop`.
        luck: Random numbers from 0 to 1, for jitter.

    Example:
        ```python
        worker = studio.worker(concurrency=16)
        await worker.run()
        ```
    """

    def __init__(
        self,
        engine: Engine,
        *,
        repository: JobRepository,
        clock: Clock,
        sink: Sink,
        concurrency: int = 16,
        lease_seconds: float = 60.0,
        idle_seconds: float = 1.0,
        drain_seconds: float = 10.0,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._repository = repository
        self._clock = clock
        self._sink = sink
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._idle_seconds = idle_seconds
        self._drain_seconds = drain_seconds
        self._luck = luck
        self._stopping = asyncio.Event()
        self._steps: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Claim nothing more; `run` returns when the running steps have ended."""
        self._stopping.set()

    async def run(self, *, once: bool = False) -> None:
        """Work until `stop` is called.

        Args:
            once: Return as soon as nothing is due: for cron.
        """
        failures = 0
        try:
            while not self._stopping.is_set():
                await self._engine.recover()
                try:
                    claimed = await self._claim()
                except NexiomError as error:
                    failures += 1
                    pause = backoff(failures, luck=self._luck())
                    _log.warning(
                        "no jobs can be read, next try in %.0f s: %s", pause, error, extra={"action": "no_rows"}
                    )
                    await self._rest(pause)
                    continue
                failures = 0
                if once and not claimed and not self._steps:
                    return
                if len(self._steps) >= self._concurrency or (once and not claimed):
                    await self._any_step_or_stop()
                elif not claimed:
                    await self._rest(self._idle_seconds * (0.9 + 0.2 * self._luck()))
        finally:
            await self._drain()

    async def _claim(self) -> int:
        free = min(self._concurrency - len(self._steps), BATCH)
        jobs = await self._repository.claim(limit=free, lease_seconds=self._lease_seconds) if free else ()
        for job in jobs:
            step = asyncio.create_task(self._step(job), name=f"nexiom step {job.id}")
            self._steps.add(step)
            step.add_done_callback(self._steps.discard)
        self._sink(WorkerTicked(claimed=len(jobs), running=len(self._steps)))
        return len(jobs)

    async def _step(self, job: GenerationJob) -> None:
        try:
            await self._engine.step(job)
        except NexiomError as error:
            _log.warning(
                "job %s: the step is left to the next lease: %s", job.id, error, extra={"action": "step_failed"}
            )
        except Exception:  # noqa: BLE001 - a defect in one step must not stop the worker from serving the others
            _log.exception("job %s: a defect in its step; it is left to the next lease", job.id)

    async def _any_step_or_stop(self) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({stopping, *self._steps}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    async def _rest(self, seconds: float) -> None:
        sleeping = asyncio.create_task(self._clock.sleep(seconds))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sleeping, stopping):
            task.cancel()

    async def _drain(self) -> None:
        if not self._steps:
            return
        _log.info("waiting for %d steps to end", len(self._steps), extra={"action": "draining"})
        _, late = await asyncio.wait(self._steps, timeout=self._drain_seconds)
        for step in late:
            step.cancel()
        await asyncio.gather(*late, return_exceptions=True)
