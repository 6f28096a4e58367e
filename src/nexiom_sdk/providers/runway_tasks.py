"""What a task at Runway says: its state, its result, why it failed, and what it cost."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from nexiom_sdk.errors import Charged
from nexiom_sdk.providers.wire import Body, Reply, warn_of_status
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)

GOING_ON = frozenset({"PENDING", "THROTTLED", "RUNNING"})
"""States of a task that has not ended; a throttled one was taken and waits for a free slot."""

_USD_PER_CREDIT = Decimal("0.01")
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


class Task(Body):
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


class _Progress(Body):
    progress: float


class _Cost(Body):
    credits: Decimal = Field(ge=0, le=10**9)


class _Bill(Body):
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
    cost = bill.cost.credits if bill else None
    charged: Charged | None = None if cost is None else ("yes" if cost else "no")
    match task.status:
        case "SUCCEEDED":
            expires_at = reply.received_at + _RESULT_LIVES
            return Succeeded(
                assets=tuple(Asset(url=url, expires_at=expires_at) for url in task.output or () if url),
                cost_usd=None if cost is None else cost * _USD_PER_CREDIT,
                detail={} if cost is None else {"credits": float(cost)},
            )
        case "FAILED":
            failed = _failed(operation, task, charged)
            return failed if cost is None else replace(failed, cost_usd=cost * _USD_PER_CREDIT)
        case "CANCELLED":
            return Cancelled(reason=task.failure or "", charged=charged)
        case "RUNNING":
            running = reply.read_or_none(_Progress)
            return Running(progress=running.progress if running else None)
        case status:
            if status not in GOING_ON:
                warn_of_status("Runway", status)
            return Running(queued=status in GOING_ON)


def _failed(operation: Operation, task: Task, charged: Charged | None) -> Failed:
    reason = task.failure_code or "INTERNAL"
    _log.info("order %s at Runway failed: %s", printable(operation.id, 80), printable(reason, 80))
    meanings = (meaning for start, meaning in _FAILURES.items() if reason.startswith(start))
    code, usually = next(meanings, ("generation_failed", "unknown"))
    # The code is not for users, says Runway; its sentence is.
    return Failed(code=code, message=task.failure or "Runway gave no reason.", charged=charged or usually)
