"""The job row: a video that was asked for, what is known about it, and the video that it becomes.

Repositories of other people find here whatever their methods take and give; our own code imports each name from the
module that has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Self

from pydantic import Field, JsonValue, PrivateAttr, ValidationError

from nexiom_sdk.errors import FAILURE_CODES, JobFailed, NexiomError
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import CLAIMABLE, JobStatus, Phase, may_move
from nexiom_sdk.repositories import JobQuery, JobRepository, SupportsHints, SupportsIntake, SupportsSpend
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
)
from nexiom_sdk.timing import Timing
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

UNFIT = "unfit"  # entry of `provider_metadata`: why a row that others wrote cannot be carried out
_MOST_EARLIER_UNPRICED = 999


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
    def due_at(self) -> datetime:
        """From when on a claim takes it, if its phase is one that is claimed: its moment has come and nobody has it."""
        return max(self.run_at, self.leased_until or self.run_at)

    @property
    def ever_claimed(self) -> bool:
        """Whether a step of it was ever taken; False for a new row, and for a video from before this library."""
        return self.fence > 0

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
    def timing(self) -> Timing:
        """When things happened to the present order, as far as it is known."""
        return Timing.of(self.provider_metadata)

    @property
    def ordered_at(self) -> datetime:
        """When the present order was made, where its timing says that; else when the row was."""
        return self.timing.ordered_at or self.created_at

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
