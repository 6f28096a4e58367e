"""The steps that `wait` and `watch` of one studio take at this moment, so that closing the studio ends them well."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine

from nexiom_sdk.errors import NexiomError
from nexiom_sdk.jobs import GenerationJob


class OpenWatches:
    """Everything that follows a job in one studio."""

    def __init__(self) -> None:
        self.closings: int = 0
        self.steps: set[asyncio.Task[GenerationJob]] = set()

    async def end(self) -> None:
        """Cancel what runs, and wait for it; whoever follows a job at this moment takes no further step."""
        self.closings += 1
        await ended(self.steps)


class Steps:
    """The steps of one job that is followed, one after the other.

    Args:
        job_id: The job.
        watches: Where it is noted that they run.
    """

    def __init__(self, job_id: str, watches: OpenWatches) -> None:
        self._job_id = job_id
        self._watches = watches
        self._closings = watches.closings

    def begin(self, step: Coroutine[None, None, GenerationJob]) -> asyncio.Task[GenerationJob]:
        """Begin a step.

        Raises:
            NexiomError: The studio was closed meanwhile.
        """
        if self._watches.closings != self._closings:
            step.close()
            raise self._closed()
        task = asyncio.create_task(step)
        self._watches.steps.add(task)
        task.add_done_callback(self._watches.steps.discard)
        return task

    def row_after(self, step: asyncio.Task[GenerationJob]) -> GenerationJob:
        """What the step left behind.

        Raises:
            NexiomError: It was cut short, because the studio was closed.
        """
        if step.cancelled():
            raise self._closed()
        return step.result()

    def _closed(self) -> NexiomError:
        msg = f"The studio was closed while job {self._job_id} was being followed."
        hint = "The job stays as it is: go on with it in a new studio before you order again."
        return NexiomError(msg, next_step=hint, job_id=self._job_id)


async def ended(steps: Collection[asyncio.Task[GenerationJob]]) -> None:
    """Cancel steps and wait for their own end: a paid answer that is on its way is written down first.

    None is cancelled twice: that would cut the writing short.
    """
    running = {step for step in steps if not step.done() and step.get_loop() is asyncio.get_running_loop()}
    for step in running:
        if not step.cancelling():
            step.cancel()
    if running:
        await asyncio.wait(running)
