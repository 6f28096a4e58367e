"""What a task at Runway says: its state, its result, why it failed, and what it cost."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from nexiom_sdk.errors import Charged
from nexiom_sdk.providers.bills import Exact, amount, charged, written
from nexiom_sdk.providers.wire import Reply, warn_of_status
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)

GOING_ON = frozenset({"PENDING", "THROTTLED", "RUNNING"})
"""States of a task that has not ended; a throttled one was taken and waits for a free slot."""

_USD_PER_CREDIT = Decimal("0.01")
"""By Runway's price page, as read from 2026-09-27 to 2026-10-08."""

_RESULT_LIVES = timedelta(hours=24)  # up to 48
# By the beginning of the failure code, longest first: our code, and whether it is charged where the task does not say.
# Documentation promises a refund for moderated output, and elsewhere that moderated clips cost what others cost.
_FAILURES: Mapping[str, tuple[str, Charged]] = {
    "INPUT_PREPROCESSING.SAFETY": ("content_rejected", "no"),
    "INPUT_PREPROCESSING.INTERNAL": ("generation_failed", "no"),
    "THIRD_PARTY.UNAVAILABLE": ("provider_unavailable", "no"),
    "ASSET.INVALID": ("invalid_input", "no"),
    "SAFETY.INPUT": ("content_rejected", "yes"),
    "INTERNAL": ("generation_failed", "no"),
    "SAFETY": ("content_rejected", "unknown"),
}


class Task(Exact):
    """A task.

    Args:
        status: Its state.
        output: Signed addresses of its results.
        failure: Why it failed, in a sentence.
        failure_code: The same as a code; none is given for faults of Runway's own.
    """

    status: str
    output: tuple[str, ...] | None = None
    failure: str | None = None
    failure_code: str | None = Field(default=None, alias="failureCode")


class _Progress(Exact):
    progress: float


class _Cost(Exact):
    credits: object = None


class _Bill(Exact):
    cost: _Cost


def outcome_of(operation: Operation, reply: Reply) -> Poll:
    """What a reply with a task means.

    Args:
        operation: The order, for the log.
        reply: The reply.

    Raises:
        MalformedResponse: It is none.
    """
    task, bill = reply.read(Task), reply.read_or_none(_Bill)
    said = bill.cost.credits if bill else None
    spent, detail = amount(said), written(credits=said)
    cost_usd = None if spent is None else spent * _USD_PER_CREDIT
    match task.status:
        case "SUCCEEDED":
            expires_at = reply.received_at + _RESULT_LIVES
            return Succeeded(
                assets=tuple(Asset(url=url, expires_at=expires_at) for url in task.output or () if url),
                cost_usd=cost_usd,
                detail=detail,
            )
        case "FAILED":
            code, usually = _meaning(operation, task)
            # The code is not for users, says Runway; its sentence is.
            message = task.failure or "Runway gave no reason."
            paid = charged(spent) or usually
            return Failed(code=code, message=message, charged=paid, cost_usd=cost_usd, detail=detail)
        case "CANCELLED":
            return Cancelled(reason=task.failure or "", charged=charged(spent), cost_usd=cost_usd, detail=detail)
        case "RUNNING":
            running = reply.read_or_none(_Progress)
            return Running(progress=running.progress if running else None)
        case status:
            if status not in GOING_ON:
                warn_of_status("Runway", status)
            return Running(queued=status in GOING_ON)


def _meaning(operation: Operation, task: Task) -> tuple[str, Charged]:
    """Our code of a failure, and whether it is charged where the task does not say."""
    reason = task.failure_code or "INTERNAL"
    _log.info("order %s at Runway failed: %s", printable(operation.id, 80), printable(reason, 80))
    meanings = (meaning for start, meaning in _FAILURES.items() if reason.startswith(start))
    return next(meanings, ("generation_failed", "unknown"))
