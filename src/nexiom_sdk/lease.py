"""How long a step still owns its job, as far as this process can know: counted from before the store was asked."""

from __future__ import annotations

from collections.abc import Callable

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobRepository


class Lease:
    """The lease of one step, from its claim on.

    Args:
        job: The row as it was claimed just now.
        repository: Where rows live.
        clock: Time.
        seconds: How long a claim or a renewal lasts.

    Attributes:
        lost: Whether somebody else has the job, or may have it.
    """

    def __init__(self, job: GenerationJob, *, repository: JobRepository, clock: Clock, seconds: float) -> None:
        self._job = job
        self._repository = repository
        self._clock = clock
        self._seconds = seconds
        self._ends_at = clock.monotonic() + seconds
        self.lost: bool = False

    @property
    def fresh(self) -> bool:
        """Whether more than half of it is left: a call that is made now ends before it does."""
        return self._ends_at - self._clock.monotonic() > self._seconds / 2

    async def renew(self) -> bool:
        """Make it as long as at the beginning; False if somebody else has the job."""
        asked_at = self._clock.monotonic()  # the answer may be long on the way
        held = await self._repository.extend(self._job.id, fence=self._job.fence, seconds=self._seconds)
        if held:
            self._ends_at = max(self._ends_at, asked_at + self._seconds)
        return held

    async def keep(self, *, on_loss: Callable[[], object]) -> None:
        """Renew it again and again, until cancelled, given back, or lost: somebody else has the job, or may have it.

        Args:
            on_loss: Called once it is lost.
        """
        held = True
        while held:
            await self._clock.sleep(self._seconds / 3)
            try:
                held = await self.renew()
                self.lost = not held and await self._taken_over()
            except StorageUnavailable:  # the step itself will meet the same trouble
                self.lost = self._clock.monotonic() >= self._ends_at  # whoever reaches the rows may have the job by now
                held = not self.lost
        if self.lost:
            on_loss()

    async def _taken_over(self) -> bool:
        """Whether a lease that cannot be renewed is somebody else's: a step gives its own back as it ends."""
        row = await self._repository.get(self._job.id)
        return row is None or row.fence != self._job.fence
