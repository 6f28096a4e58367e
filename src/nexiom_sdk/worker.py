"""Works through due jobs until told to stop. Any number of workers on any number of machines share one table."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from nexiom_sdk.clock import Clock
from nexiom_sdk.engine import RELEASE_SECONDS, Engine
from nexiom_sdk.errors import NexiomError, StorageUnavailable
from nexiom_sdk.events import Sink, WorkerDraining, WorkerTicked
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.outage import Outage
from nexiom_sdk.phases import Phase
from nexiom_sdk.repositories import JobQuery, JobRepository, SupportsHints
from nexiom_sdk.schedule import backoff
from nexiom_sdk.upkeep import Upkeep
from nexiom_sdk.worker_defaults import DRAIN_SECONDS, STEPS_AT_ONCE

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

BATCH = 10  # claims in batches of about ten cost one commit and keep latency low (measured, design of 2026-11)
BUSY_SECONDS = 0.25  # between two looks while there is work: what came due meanwhile is claimed and asked for together
LEAST_REST_SECONDS = 0.05  # a storm of hints must not become a storm of claims
FULL_SECONDS = 10.0  # a worker without a free step, or one that is ending, still shows this often that it lives
LOOK_PATIENCE_SECONDS = 2.0  # after `stop`, for a look at the table that is on its way
UPKEEP_PATIENCE_SECONDS = 10.0  # with `once`: nobody else on this machine may come to put right what was left
_ORDERING = {Phase.QUEUED, Phase.SUBMITTING}


class Worker:
    """Claims due jobs, takes their steps side by side, stops cleanly.

    Args:
        engine: Takes the steps.
        repository: Where rows live.
        clock: Time.
        sink: Who is told.
        concurrency: Most steps at once.
        idle_seconds: Wait between two looks at an empty table; a hint of the repository ends it.
        drain_seconds: Time that running steps get to end after `stop`.
        luck: Random numbers from 0 to 1, for jitter.

    Example:
        ```python
        worker = studio.worker()
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
        concurrency: int = STEPS_AT_ONCE,
        idle_seconds: float = 1.0,
        drain_seconds: float = DRAIN_SECONDS,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._engine = engine
        self._repository = repository
        self._clock = clock
        self._sink = sink
        self._concurrency = concurrency
        self._idle_seconds = idle_seconds
        self._drain_seconds = drain_seconds
        self._luck = luck
        self._stopping = asyncio.Event()
        self._steps: dict[asyncio.Task[None], GenerationJob] = {}
        self._outage = Outage(clock)
        self._upkeep = Upkeep(engine.recover)

    def stop(self) -> None:
        """Claim nothing more; `run` returns when the running steps have ended.

        They get `drain_seconds`, then they are cut short and give their leases back. A step is not cut short while the
        answer to an order is on its way that could not be had again.
        """
        self._stopping.set()

    async def run(self, *, once: bool = False) -> None:
        """Work until `stop` is called. A database that is down is waited for.

        Args:
            once: Return as soon as nothing is due: for cron.

        Raises:
            StorageError: With `once`, the rows cannot be read; the next run tries again.
        """
        hint = asyncio.create_task(self._hint(), name="nexiom hint")
        try:
            while not self._stopping.is_set():
                wanted = min(self._concurrency - len(self._steps), BATCH)
                if not wanted and (await self._a_step_ends() or self._stopping.is_set()):
                    continue  # whoever is claimed now tells how long it waited
                try:
                    claimed = await self._look(wanted)
                except NexiomError as error:
                    if once:
                        raise
                    await self._wait_for_the_database(error)
                    continue
                self._outage.over()
                self._upkeep.begin()
                if not wanted or (claimed and (once or claimed == wanted)):
                    continue  # there may be more
                if not once:
                    await self._rest(LEAST_REST_SECONDS)
                    await self._rest(self._pause(busy=bool(claimed)), hint)
                    if hint.done():
                        hint = asyncio.create_task(self._hint(), name="nexiom hint")
                elif self._steps:
                    await self._a_step_ends()
                else:
                    return
        finally:
            hint.cancel()
            await self._drain()
            await self._upkeep.end(patience_seconds=UPKEEP_PATIENCE_SECONDS if once else 0.0)

    async def _look(self, limit: int) -> int:
        """Claim what is due; without a free step, only see how long it has been waiting."""
        if limit:
            due = await self._asked(self._engine.claim(limit=limit))
        else:
            due = await self._asked(self._repository.list(JobQuery(due_before=self._engine.now(), limit=1)))
        now, waited = self._engine.now(), 0.0
        for job in due:
            waited = max(waited, (now - job.run_at).total_seconds())
        claimed = due if limit else ()
        for job in claimed:
            step = asyncio.create_task(self._step(job), name=f"nexiom step {job.id}")
            self._steps[step] = job
            step.add_done_callback(self._steps.pop)
        self._sink(WorkerTicked(claimed=len(claimed), running=len(self._steps), oldest_due_seconds=round(waited, 3)))
        return len(claimed)

    async def _asked(self, asking: Awaitable[Sequence[_T]]) -> Sequence[_T]:
        """Rows; none where the database has still not answered a moment after `stop` was called."""
        answer = asyncio.ensure_future(asking)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({answer, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await asyncio.wait({answer}, timeout=LOOK_PATIENCE_SECONDS)
            return answer.result() if answer.done() else ()
        except NexiomError:
            raise
        except Exception as error:  # a repository may be anybody's code, and one bad row must not end a worker
            _log.exception("the repository has a defect", extra={"action": "no_rows"})
            raise StorageUnavailable(f"The rows cannot be read: {type(error).__name__}.") from error
        finally:
            stopping.cancel()
            answer.cancel()  # what it may have leased all the same is free again when the lease has run out

    async def _step(self, job: GenerationJob) -> None:
        extra = {"action": "step_failed", "job_id": job.id}
        try:
            await self._engine.step(job)
        except NexiomError as error:
            _log.warning("job %s: the step is left to the next lease: %s", job.id, error, extra=extra)
        except Exception:  # noqa: BLE001 - a defect in one step must not stop the worker from serving the others
            _log.exception("job %s: a defect in its step; it is left to the next lease", job.id, extra=extra)

    async def _wait_for_the_database(self, error: NexiomError) -> None:
        pause = backoff(self._outage.failures + 1, luck=self._luck())
        self._outage.failed(error, pause_seconds=pause)
        await self._rest(pause)

    def _pause(self, *, busy: bool) -> float:
        pause = min(self._idle_seconds, BUSY_SECONDS) if busy else self._idle_seconds
        return max(pause * (0.9 + 0.2 * self._luck()) - LEAST_REST_SECONDS, 0.0)

    async def _hint(self) -> None:
        """Until the repository hints that rows may be due; for ever where it has no hints."""
        if isinstance(self._repository, SupportsHints):
            try:
                await self._repository.hinted()
                return
            except Exception as error:  # noqa: BLE001 - a hint is a courtesy: without it the table is looked at anyway
                _log.warning("no hints of due jobs: %s", type(error).__name__, extra={"action": "no_hints"})
        await asyncio.get_running_loop().create_future()

    async def _rest(self, seconds: float, *signs: asyncio.Task[None]) -> None:
        """Until the time is over, one of the signs comes, or `stop` is called."""
        own = (asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._stopping.wait()))
        try:
            await asyncio.wait({*own, *signs}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in own:
                one.cancel()

    async def _a_step_ends(self) -> bool:
        """Whether one of the running steps has ended within a while."""
        running = len(self._steps)
        await self._rest(FULL_SECONDS, *self._steps)
        return len(self._steps) < running

    async def _drain(self) -> None:
        if not self._steps:
            return
        extra = {"action": "draining"}
        _log.info("up to %.0f s for %d steps to end", self._drain_seconds, len(self._steps), extra=extra)
        telling = asyncio.create_task(self._tell_of_the_drain())
        try:
            _, late = await asyncio.wait({*self._steps}, timeout=self._drain_seconds)
            if late:
                await self._cut_short(late)
        finally:
            telling.cancel()

    async def _cut_short(self, late: set[asyncio.Task[None]]) -> None:
        """End the steps that can be ended, and wait for the others, saying which those are."""
        orders = [self._steps[step] for step in late if self._steps[step].phase in _ORDERING]
        if looks := len(late) - len(orders):
            text = "%d looks and files did not end in time and are cut short; whoever claims their jobs goes on"
            _log.warning(text, looks, extra={"action": "draining"})
        for job in orders:
            text = "job %s: its order did not end in time; unless the same order can be sent again, it is waited for"
            _log.warning(text, job.id, extra={"action": "draining", "job_id": job.id})
        for step in late:
            step.cancel()
        await asyncio.wait(late, timeout=2 * RELEASE_SECONDS)
        for job in self._steps.values():
            _log.warning("job %s: %s", job.id, _why_it_goes_on(job), extra={"action": "kept_waiting", "job_id": job.id})
        await asyncio.gather(*late, return_exceptions=True)

    async def _tell_of_the_drain(self) -> None:
        while True:
            self._sink(WorkerDraining(running=len(self._steps)))
            await self._clock.sleep(FULL_SECONDS)


def _why_it_goes_on(job: GenerationJob) -> str:
    if job.phase in _ORDERING:
        return "its order is on the way and the answer could not be had again: it is waited for"
    return "a file of it is being written to its end"
