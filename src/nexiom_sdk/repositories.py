"""The contract of the place where rows live, and of what it may offer besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.spending import Dimension, Limit, Spend, Usage, UsageQuery

if TYPE_CHECKING:
    from nexiom_sdk.jobs import GenerationJob


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which rows to list, newest first, or longest due first where `due_before` is set.

    Args:
        user_id: Only this user's.
        status: Only with this status.
        phases: Only in these phases.
        provider: Only of this provider.
        provider_job_id: Only the video whose order has this id; ids are a provider's own, so name it too.
        limit: At most this many.
        before: Only jobs created before this moment, for the next page.
        due_before: Only jobs that a claim would take and that have been due since before this moment.
    """

    user_id: str | None = None
    status: JobStatus | None = None
    phases: tuple[Phase, ...] = ()
    provider: str | None = None
    provider_job_id: str | None = None
    limit: int = 50
    before: datetime | None = None
    due_before: datetime | None = None


class JobRepository(Protocol):
    """Where rows live. All times are the store's clock; every error is a `StorageError` unless named.

    Only `claim`, `adopt_late_id` and a step out of `unknown` move the fence. Every worker write must match it.

    A row whose type is not `video` is somebody else's. `add` puts it in and `get` gives it, so that whoever asks for it
    can be told; for all other methods it is not there: it is neither listed, claimed, woken, saved, extended, adopted
    nor counted, and its client key and its provider's id are no video's.
    """

    async def add(self, job: GenerationJob, /, *, limits: Sequence[Limit] = ()) -> GenerationJob:
        """Insert the row if every limit holds, in one transaction.

        The same client key (per user; no user counts as one) with the same request gives the existing job, before any
        limit is asked.

        Raises:
            IdempotencyConflict: The client key was used for another request.
            BudgetExceeded: A limit would be broken; nothing was inserted.
        """
        ...

    async def get(self, job_id: str, /) -> GenerationJob | None:
        """The row, or None."""
        ...

    async def list(self, query: JobQuery, /) -> Sequence[GenerationJob]:
        """Rows, in the order that the query says."""
        ...

    async def claim(self, *, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        """Lease due rows: video, claimable phase, `run_at` reached, no living lease; oldest `run_at` first.

        Sets `leased_until` and raises the fence by one, nothing else. `job_id` narrows it to one row, never widens it.
        Rows that cannot be read do not count: in their place others are leased, or they would starve the good ones.
        """
        ...

    async def save(self, job: GenerationJob, /, *, fence: int) -> bool:
        """Write a step; False if the fence has moved: then the step is to be dropped.

        Never writes id, type, user_id, client_key, request, created_at, cancel_requested_at or the job's fence. Nobody
        can claim an uncertain job, so of two who bring it back the first raises the fence: where the row's phase is
        unknown and its fence is above 0, it is one more afterwards. `leased_until`
        None releases the lease, any other value leaves it alone. A wake since the row was read is kept: `run_at`
        becomes the new one if the row still has `job.run_at_read`, else the earlier of the two; a job whose
        `run_at` is the one it was read with leaves the column alone.

        A step from queued to submitting is dropped as well where a cancel was asked for that `job` does not know of:
        what was cancelled before its intent is never paid.
        """
        ...

    async def extend(self, job_id: str, /, *, fence: int, seconds: float) -> bool:
        """Lengthen the lease to now plus `seconds`; False if the fence has moved, or the lease was given back."""
        ...

    async def wake(self, job_id: str, /, *, cancel: bool = False, after_seconds: float = 0.0) -> None:
        """Make the row due after so many seconds, by default now, if its phase is claimable.

        `cancel` also notes, once, that a cancel was asked for.
        """
        ...

    async def adopt_late_id(self, job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        """Record an id that arrived late; money was spent on it, so this needs no fence, and raises it.

        Applies where `order_no` matches, no id is set and the phase is queued, submitting or, in a row that was ever
        claimed (its fence is above 0, which that of a video from before this library is not), unknown: the row becomes
        waiting, processing, due now, without lease and error. True also where the row already holds this id. False
        means that a second order runs at the provider.
        """
        ...

    async def usage(self, query: UsageQuery, /) -> Usage:
        """Sums over orders."""
        ...

    async def durations(self, key: str, limit: int, /) -> Sequence[float]:
        """Seconds that the newest finished jobs with this schedule key took, at most `limit`."""
        ...

    async def aclose(self) -> None:
        """Release what the repository holds."""
        ...


@runtime_checkable
class SupportsIntake(Protocol):
    """A repository that takes an order into a row that exists: of an app's insert, of failover, of resubmit."""

    async def admit(self, job: GenerationJob, /, *, fence: int, limits: Sequence[Limit] = ()) -> bool:
        """Write a step as `save` does, and `request` too, if every limit holds, in one transaction.

        False if the fence has moved. The row itself is not counted before its limits are asked; it asks for its
        estimate and, where the limit counts them, for what its earlier orders cost. A first order (`order_no` 0)
        counts from now on, whenever its row was inserted: `created_at` becomes now.

        Raises:
            BudgetExceeded: A limit would be broken; nothing was written.
        """
        ...


@runtime_checkable
class SupportsSpend(Protocol):
    """A repository that can say where the money went."""

    async def spend(self, query: UsageQuery, /, *, by: Sequence[Dimension]) -> Sequence[Spend]:
        """Sums over orders, one for each combination of the dimensions; without any, one for all.

        Sorted by the values of the dimensions, unset ones first; empty where there are no orders.
        """
        ...


@runtime_checkable
class SupportsClock(Protocol):
    """Optional for a `JobRepository`: it can be asked what time it is, by the clock that its leases go by.

    Without it, a process knows that only from its claims: a row that it adds before the first one has its own time, and
    its first step is claimed like any other, which costs one statement more.
    """

    async def now(self) -> datetime:
        """The present moment of the rows."""
        ...


@runtime_checkable
class SupportsHints(Protocol):
    """Optional for a `JobRepository`: it can tell when rows may have become due, before somebody looks.

    A hint shortens a worker's rest and decides nothing: with none, or with too many, the results are the same.
    """

    async def hinted(self) -> None:
        """Return as soon as rows may have become due; one that cannot tell now waits until it is cancelled.

        A hint that came while nobody waited counts for the next call. It never raises. Time alone makes no hint: a row
        whose `run_at` is reached is found by the next look.
        """
        ...
