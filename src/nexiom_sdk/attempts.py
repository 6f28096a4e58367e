"""The earlier orders of a job, as its row lists them: where it was ordered before, and why not any more. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from nexiom_sdk.errors import NexiomError, ProviderError
from nexiom_sdk.hints import sane_hint
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.values import Frozen

AGAIN_AFTER_SECONDS = 60.0


class Attempt(Frozen):
    """One earlier order, or several in a row of turns that a provider which was down got.

    Args:
        order_no: Its number; of several, the last one's.
        provider: Where it was ordered.
        model: Which model.
        provider_job_id: The provider's id, where it took the order.
        error_code: Why it is not the present order any more.
        error_message: The same in words.
        cost_usd: What it cost; None where nobody knows.
        estimated_cost_usd: What it was expected to cost.
        provider_units: The cost in the provider's own units, where it said them.
        ended_at: When it was given up.
        again_at: When its provider may be asked once more, where what was wrong may be over by then; None: never.
        times: How many orders they were.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore")  # a later version may know more of it

    order_no: int = 0
    provider: str | None = None
    model: str | None = None
    provider_job_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    cost_usd: Decimal | None = None
    estimated_cost_usd: Decimal | None = None
    provider_units: Mapping[str, JsonValue] | None = None
    ended_at: datetime | None = None
    again_at: datetime | None = None
    times: Annotated[int, Field(ge=1)] = 1

    @property
    def target(self) -> tuple[str | None, str | None]:
        """Provider and model."""
        return self.provider, self.model


def attempts_of(job: GenerationJob) -> tuple[Attempt, ...]:
    """The earlier orders, the first one first; without those that somebody has made unreadable by hand."""
    stored = job.provider_metadata.get("attempts")
    found: list[Attempt] = []
    for one in stored if isinstance(stored, list) else ():
        try:
            found.append(Attempt.model_validate(one))
        except ValidationError:
            continue
    return tuple(found)


def with_attempt(
    job: GenerationJob, code: str | None, message: str | None, *, now: datetime, again_at: datetime | None
) -> list[JsonValue]:
    """The entry `attempts` of a job whose present order has ended.

    Args:
        job: The job.
        code: Why the order has ended.
        message: The same in words.
        now: The present moment.
        again_at: When its provider may be asked once more; None: never.
    """
    units = job.provider_metadata.get("provider_units")
    ended = Attempt(
        order_no=job.order_no,
        provider=job.provider,
        model=job.model,
        provider_job_id=job.provider_job_id,
        error_code=code,
        error_message=message,
        cost_usd=job.cost_usd,
        estimated_cost_usd=job.estimated_cost_usd,
        provider_units=units if isinstance(units, dict) else None,
        ended_at=now,
        again_at=again_at,
    )
    kept: list[Attempt] = []
    for one in attempts_of(job):
        # A job that waits for one of several providers to come back asks them in turn: that must not fill its row.
        if again_at and one.again_at and one.target == ended.target:
            ended = ended.evolve(times=ended.times + one.times)
        else:
            kept.append(one)
    return [one.model_dump(mode="json") for one in (*kept, ended)]


def again_at(error: NexiomError, *, now: datetime) -> datetime | None:
    """When the provider may be asked once more that could not take an order for this reason; None: never.

    Example:
        >>> from datetime import UTC
        >>> from nexiom_sdk.errors import ProviderUnavailable, QuotaExhausted
        >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
        >>> again_at(QuotaExhausted(), now=noon), str(again_at(ProviderUnavailable(retry_after_seconds=90), now=noon))
        (None, '2026-11-24 12:01:30+00:00')
    """
    if not error.retryable:
        return None
    hint = error.retry_after_seconds if isinstance(error, ProviderError) else None
    return now + timedelta(seconds=max(AGAIN_AFTER_SECONDS, sane_hint(hint)))
