"""The job row, the phases it goes through, and the contract of the place where rows live.

`status` is what front ends see and has four values for ever. `phase` is the worker's:

| phase      | status                                      | claimed | goes to                                    |
|------------|---------------------------------------------|---------|--------------------------------------------|
| queued     | pending                                     | yes     | submitting, done                           |
| submitting | processing                                  | yes     | waiting, saving, queued, unknown, done     |
| waiting    | processing; failed after the deadline       | yes     | saving, queued, done                       |
| saving     | processing                                  | yes     | done                                       |
| unknown    | failed (submission_uncertain)               | never   | waiting (id found), queued (resubmitted)   |
| done       | completed or failed                         | never   | queued (a failed job resubmitted)          |
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol, Self, runtime_checkable

from pydantic import Field, JsonValue, PrivateAttr, ValidationError

from nexiom_sdk.errors import FAILURE_CODES, JobFailed, NexiomError
from nexiom_sdk.spending import (
    DIMENSIONS,
    MOST_COST_USD,
    Dimension,
    Limit,
    Spend,
    Usage,
    UsageQuery,
    amount_of,
    counted,
    utc,
)
from nexiom_sdk.types import QUALITY_TIERS, Choice, Operation, QualityTier, VideoProbe, VideoRequest
from nexiom_sdk.values import Frozen

__all__ = [
    "CLAIMABLE",
    "DIMENSIONS",
    "MOST_COST_USD",
    "UNFIT",
    "Dimension",
    "GenerationJob",
    "JobQuery",
    "JobRepository",
    "JobStatus",
    "Limit",
    "Phase",
    "Spend",
    "SupportsHints",
    "SupportsIntake",
    "SupportsSpend",
    "Usage",
    "UsageQuery",
    "VideoResult",
    "amount_of",
    "counted",
    "may_move",
    "utc",
]


class JobStatus(enum.StrEnum):
    """What a front end sees."""

    PENDING = "pending"  # taken, nothing sent yet
    PROCESSING = "processing"  # with the provider, or being saved
    COMPLETED = "completed"  # the checked video is in the store
    FAILED = "failed"  # ended without a video, as far as we know


class Phase(enum.StrEnum):
    """Where a worker goes on."""

    QUEUED = "queued"  # nothing was sent for this order
    SUBMITTING = "submitting"  # the intent is committed; the paid call may have gone out
    WAITING = "waiting"  # the provider has it
    SAVING = "saving"  # the provider is done; the video is on its way to the store
    UNKNOWN = "unknown"  # the paid call may have been accepted and nobody can tell
    DONE = "done"  # nothing is left to do


UNFIT = "unfit"  # entry of `provider_metadata`: why a row that others wrote cannot be carried out

CLAIMABLE = (Phase.QUEUED, Phase.SUBMITTING, Phase.WAITING, Phase.SAVING)

_MOST_EARLIER_UNPRICED = 999

_NEXT: Mapping[Phase, frozenset[Phase]] = {
    Phase.QUEUED: frozenset({Phase.SUBMITTING, Phase.DONE}),
    Phase.SUBMITTING: frozenset({Phase.WAITING, Phase.SAVING, Phase.QUEUED, Phase.UNKNOWN, Phase.DONE}),
    Phase.WAITING: frozenset({Phase.SAVING, Phase.QUEUED, Phase.DONE}),
    Phase.SAVING: frozenset({Phase.DONE}),
    Phase.UNKNOWN: frozenset({Phase.WAITING, Phase.QUEUED}),
    Phase.DONE: frozenset({Phase.QUEUED}),
}


def may_move(before: Phase, after: Phase) -> bool:
    """Whether the state machine has this step; staying where one is always allowed.

    Example:
        >>> may_move(Phase.QUEUED, Phase.WAITING)
        False
    """
    return before == after or after in _NEXT[before]


class GenerationJob(Frozen):
    """One row of `generation_jobs`: a video that was asked for, and everything known about it.

    The first thirteen fields are what front ends know; the others are the worker's. Money is USD, times are UTC.
    """

    id: str
    type: str = "video"
    prompt: str = Field(repr=False)
    model: str | None = None
    duration_seconds: float | None = None
    reference_media_path: str | None = None
    status: JobStatus = JobStatus.PENDING
    result_url: str | None = Field(default=None, repr=False)
    error_message: str | None = None
    provider: str | None = None
    provider_job_id: str | None = None
    quality_tier: QualityTier | None = None
    provider_metadata: Mapping[str, JsonValue] = Field(default_factory=dict, repr=False)

    request: VideoRequest = Field(repr=False)
    user_id: str | None = None
    client_key: str | None = None
    phase: Phase = Phase.QUEUED
    run_at: datetime
    leased_until: datetime | None = None
    fence: int = 0
    order_no: int = 0
    attempts: int = 0
    submit_started_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    result_path: str | None = None
    error_code: str | None = None
    progress: float | None = None
    estimated_cost_usd: Decimal | None = None
    cost_usd: Decimal | None = None
    created_at: datetime
    updated_at: datetime

    _run_at_read: datetime | None = PrivateAttr(default=None)

    @property
    def run_at_read(self) -> datetime:
        """The `run_at` the row had when it was read: `JobRepository.save` uses it to notice a wake in between."""
        return self._run_at_read or self.run_at

    def as_read(self) -> Self:
        """The same job, taking its present `run_at` for the one in the row."""
        copy = self.evolve()
        copy._run_at_read = self.run_at  # noqa: SLF001 - a copy of our own class
        return copy

    @property
    def final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.phase in {Phase.DONE, Phase.UNKNOWN}

    @property
    def order_key(self) -> str:
        """Client reference and idempotency key of the present order: `{id}.{order_no}`."""
        return f"{self.id}.{self.order_no}"

    @property
    def choice(self) -> Choice | None:
        """The selection with its reasons; None for a row that was not selected yet, or that somebody broke by hand."""
        stored = self.provider_metadata.get("choice")
        try:
            return Choice.model_validate(stored) if stored else None
        except (ValidationError, NexiomError):
            return None

    @property
    def operation(self) -> Operation | None:
        """The provider's handle of the present order; None while there is none."""
        if self.provider_job_id is None:
            return None
        state = self.provider_metadata.get("operation")
        return Operation(id=self.provider_job_id, state=state if isinstance(state, dict) else {})

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was ignored, changed or is worth knowing about this job."""
        stored = self.provider_metadata.get("warnings")
        return tuple(str(one) for one in stored) if isinstance(stored, list) else ()

    def with_metadata(self, **changes: JsonValue) -> Self:
        """A copy whose `provider_metadata` has these entries set; None removes an entry."""
        merged = {**self.provider_metadata, **changes}
        return self.evolve(provider_metadata={name: value for name, value in merged.items() if value is not None})

    @property
    def role(self) -> str | None:
        """The role that the user had when the job was submitted."""
        stored = self.provider_metadata.get("role")
        return stored if isinstance(stored, str) else None

    @property
    def budget_tier(self) -> QualityTier | None:
        """The tier whose budget it counts to; another one than `quality_tier` where its model was named."""
        stored = self.provider_metadata.get("budget_tier")
        named: list[QualityTier] = [tier for tier in QUALITY_TIERS if tier == stored]
        return named[0] if named else self.quality_tier

    @property
    def counted_cost_usd(self) -> Decimal | None:
        """What the present order counts in sums: its cost, else its estimate; None where nobody knows either.

        The cost of an order that certainly was not charged is 0.
        """
        return self.estimated_cost_usd if self.cost_usd is None else self.cost_usd

    @property
    def earlier_cost_usd(self) -> Decimal:
        """What the earlier orders of this job cost, or may have cost.

        Where the row says something that is no amount, it is the most that can be: a budget closes then, and not opens.
        """
        stored = self.provider_metadata.get("earlier_cost_usd")
        return Decimal(0) if stored is None else counted(amount_of(stored))

    @property
    def earlier_unpriced(self) -> int:
        """How many earlier orders of this job may have cost something of which nobody knows how much."""
        stored = self.provider_metadata.get("earlier_unpriced")
        known = isinstance(stored, int) and not isinstance(stored, bool) and 0 <= stored <= _MOST_EARLIER_UNPRICED
        return stored if known and isinstance(stored, int) else 0

    @property
    def ordered_at(self) -> datetime:
        """When the present order was made, where its timing says that; else when the row was."""
        timing = self.provider_metadata.get("timing")
        stamp = timing.get("ordered_at") if isinstance(timing, dict) else None
        try:
            return utc(datetime.fromisoformat(str(stamp)))
        except ValueError:
            return self.created_at

    @property
    def is_order(self) -> bool:
        """Whether it counts in sums: a video that a model was chosen for, which a wish that others filed is not yet."""
        return self.type == "video" and (self.estimated_cost_usd is not None or "choice" in self.provider_metadata)

    def failure(self) -> NexiomError:
        """The error this job failed with, of the class it had when it failed, in whatever process that was."""
        stored = self.provider_metadata.get("failure")
        words: Mapping[str, JsonValue] = stored if isinstance(stored, dict) else {}
        message = str(words.get("message") or self.error_message or "The job failed.")
        charged = words.get("charged")
        error = FAILURE_CODES.get(self.error_code or "", JobFailed)(
            message,
            next_step=str(words.get("next_step") or ""),
            charged=charged if charged in {"no", "unknown", "yes"} else None,  # type: ignore[arg-type]
            job_id=self.id,
        )
        if isinstance(error, JobFailed):
            error.job = self
        return error


class VideoResult(Frozen):
    """A finished video in our store.

    Args:
        job: The job row as it ended.
        url: Where the video can be read: a file address, a public one, or a signed one.
        path: Its path in the bucket `outputs`.
        poster_url: Where a still picture of it can be read, where one could be made.
        poster_path: The path of that picture in the bucket `outputs`.
        sha256: Hash of the file, in hex.
        size_bytes: Length of the file.
        probe: What the file really is: size, duration, sound.
        cost_usd: What it cost; the estimate where the provider does not tell; None where nobody knows.
        choice: Why this model.
        warnings: What differs from the request.
    """

    job: GenerationJob
    url: str = Field(repr=False)
    path: str
    poster_url: str | None = Field(default=None, repr=False)
    poster_path: str | None = None
    sha256: str
    size_bytes: int
    probe: VideoProbe
    cost_usd: Decimal | None = None
    choice: Choice | None = None
    warnings: tuple[str, ...] = ()


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

    Only `claim` and `adopt_late_id` move the fence. Every worker write must match it.
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
        """
        ...

    async def save(self, job: GenerationJob, /, *, fence: int) -> bool:
        """Write a step; False if the fence has moved: then the step is to be dropped.

        Never writes id, type, user_id, client_key, request, created_at, cancel_requested_at or fence. `leased_until`
        None releases the lease, any other value leaves it alone. A wake since the row was read is kept: `run_at`
        becomes the new one if the row still has `job.run_at_read`, else the earlier of the two; a job whose
        `run_at` is the one it was read with leaves the column alone.
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

        Applies where `order_no` matches, no id is set and the phase is queued, submitting or unknown: the row becomes
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
