"""A job of OpenRouter as its API shows it, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field, JsonValue

from nexiom_sdk.providers.wire import Body, Maybe, warn_of_status
from nexiom_sdk.types import Asset, Cancelled, Failed, Poll, Running, Succeeded

_FAILED = frozenset({"failed", "expired", "dead"})
_QUEUED: Mapping[str, bool] = {"pending": True, "in_progress": False}
_MODERATED = ("policy", "moderat", "safety", "sensitive", "flagged")


class _Usage(Body):
    """What a job cost, in USD; null where the user's own key at the maker paid."""

    cost: Maybe[Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]] = None
    is_byok: Maybe[bool] = None


class Job(Body):
    """A job."""

    id: str = Field(min_length=1)
    status: str = ""
    error: Maybe[str] = None
    unsigned_urls: Maybe[tuple[str, ...]] = None
    urls: Maybe[tuple[str, ...]] = None
    expires_at: Maybe[int] = None
    usage: Maybe[_Usage] = None


def outcome_of(job: Job, *, content: str) -> Poll:
    """What a job says.

    Args:
        job: The job.
        content: Address of its results at the API, which needs the key; `?index=` follows.

    Example:
        >>> outcome_of(Job(id="gen-1", status="pending"), content="https://api.example/content")
        Running(queued=True, progress=None, poll_after_seconds=None)
    """
    if job.status == "completed":
        return _succeeded(job, content)
    if job.status in _FAILED:
        said = job.error or f"OpenRouter says that the job is {job.status}."
        moderated = any(word in said.lower() for word in _MODERATED)
        return Failed(code="content_rejected" if moderated else "generation_failed", message=said)
    if job.status == "cancelled":
        return Cancelled(reason=job.error or "")
    if job.status not in _QUEUED:
        warn_of_status("OpenRouter", job.status)
    return Running(queued=_QUEUED.get(job.status, False))


def _succeeded(job: Job, content: str) -> Succeeded:
    until = _moment(job.expires_at)
    outputs = len(job.unsigned_urls or ()) or (0 if job.urls else 1)  # the first one is always there
    own = tuple(Asset(url=f"{content}?index={index}", needs_auth=True) for index in range(outputs))
    usage = job.usage or _Usage()
    units: dict[str, JsonValue] = {
        "cost": None if usage.cost is None else str(usage.cost),
        "is_byok": usage.is_byok,
    }
    return Succeeded(
        assets=own or tuple(Asset(url=url, expires_at=until) for url in job.urls or ()),
        cost_usd=usage.cost,
        detail={name: value for name, value in units.items() if value is not None},
    )


def _moment(unix_seconds: int | None) -> datetime | None:
    try:
        return None if unix_seconds is None else datetime.fromtimestamp(unix_seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
