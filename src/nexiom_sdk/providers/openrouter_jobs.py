"""A job of OpenRouter as its API shows it, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from pydantic import Field, JsonValue

from nexiom_sdk.providers.bills import Exact, amount, charged, written
from nexiom_sdk.providers.wire import Maybe, warn_of_status
from nexiom_sdk.types import Asset, Cancelled, Failed, Poll, Running, Succeeded

_FAILED = frozenset({"failed", "expired", "dead"})
_QUEUED: Mapping[str, bool] = {"pending": True, "in_progress": False}
_MODERATED = ("policy", "moderat", "safety", "sensitive", "flagged")


class _Usage(Exact):
    """What a job cost, in USD.

    Where the user's own key at the maker paid (`is_byok`), that cost is null, or OpenRouter's own share at most.
    """

    cost: object = None
    is_byok: Maybe[bool] = None


class Job(Exact):
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
    cost_usd, detail = _bill(job)
    if job.status in _FAILED:
        said = job.error or f"OpenRouter says that the job is {job.status}."
        code = "content_rejected" if any(word in said.lower() for word in _MODERATED) else "generation_failed"
        return Failed(code=code, message=said, charged=charged(cost_usd), cost_usd=cost_usd, detail=detail)
    if job.status == "cancelled":
        return Cancelled(reason=job.error or "", charged=charged(cost_usd), cost_usd=cost_usd, detail=detail)
    if job.status not in _QUEUED:
        warn_of_status("OpenRouter", job.status)
    return Running(queued=_QUEUED.get(job.status, False))


def _succeeded(job: Job, content: str) -> Succeeded:
    until = _moment(job.expires_at)
    outputs = len(job.unsigned_urls or ()) or (0 if job.urls else 1)  # the first one is always there
    own = tuple(Asset(url=f"{content}?index={index}", needs_auth=True) for index in range(outputs))
    cost_usd, detail = _bill(job)
    return Succeeded(
        assets=own or tuple(Asset(url=url, expires_at=until) for url in job.urls or ()),
        cost_usd=cost_usd,
        detail=detail,
    )


def _bill(job: Job) -> tuple[Decimal | None, dict[str, JsonValue]]:
    """What it cost in USD, and as OpenRouter says it.

    What the maker asks of the user's own key is not known, and a zero is one only where that key surely did not pay.
    """
    usage = job.usage or _Usage()
    cost = amount(usage.cost)
    told = usage.is_byok is False or (usage.is_byok is None and cost)
    return cost if told else None, written(cost=usage.cost, is_byok=usage.is_byok)


def _moment(unix_seconds: int | None) -> datetime | None:
    try:
        return None if unix_seconds is None else datetime.fromtimestamp(unix_seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
