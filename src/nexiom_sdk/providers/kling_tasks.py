"""A task as either of Kling's APIs shows it, and what that means: they differ in names, and neither tells progress."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import AliasChoices, AliasPath, Field, JsonValue

from nexiom_sdk.providers.bills import Exact, amount, charged, written
from nexiom_sdk.providers.wire import Maybe, warn_of_status
from nexiom_sdk.types import Asset, Failed, Poll, Running, Succeeded
from nexiom_sdk.wording import printable

_LIVES = timedelta(days=30)
_USD_PER_UNIT = Decimal("0.14")
"""List price by price pages of September and October 2026."""

_MODERATED = re.compile(r"\b(risk|sensitive|policy)\b", re.IGNORECASE)  # there is no code for it, only sentences

_UNITS, _USD = "units", "cash_USD"


class _Output(Exact):
    type: Maybe[str] = None
    url: Maybe[str] = None
    watermark_url: Maybe[str] = None


class _Charge(Exact):
    charge_type: Maybe[str] = None
    amount: object = None
    currency: Maybe[str] = None

    @property
    def kind(self) -> str | None:
        """What was paid with; None where that is not known."""
        match self.charge_type:
            case "unit":
                return _UNITS
            case "cash":
                return f"cash_{printable(self.currency or 'unknown', 10)}"
            case _:
                return None

    def __str__(self) -> str:
        return " ".join(str(value) for value in written(**dict(self)).values()) or "?"


class Task(Exact):
    """A task of either API.

    Args:
        id: Kling's id of it.
        status: Its state.
        message: Why it failed.
        reference: The id that we gave it.
        updated_ms: When it changed, in unix milliseconds.
        outputs: Its files.
        billing: What it cost, at the present API.
        units: The same at the older one.
    """

    id: str = Field(min_length=1, validation_alias=AliasChoices("id", "task_id"))
    status: Maybe[str] = Field(default=None, validation_alias=AliasChoices("status", "task_status"))
    message: Maybe[str] = Field(default=None, validation_alias=AliasChoices("message", "task_status_msg"))
    reference: Maybe[str] = Field(
        default=None, validation_alias=AliasChoices("external_id", AliasPath("task_info", "external_task_id"))
    )
    updated_ms: Maybe[int] = Field(default=None, validation_alias=AliasChoices("update_time", "updated_at"))
    outputs: Maybe[tuple[Maybe[_Output], ...]] = Field(
        default=None, validation_alias=AliasChoices("outputs", AliasPath("task_result", "videos"))
    )
    billing: Maybe[tuple[Maybe[_Charge], ...]] = None
    units: object = Field(default=None, validation_alias="final_unit_deduction")


class Made(Exact):
    """The reply to an order: the task in it means that it was taken."""

    data: Task


class Shown(Exact):
    """The reply to a look at the older API."""

    code: Literal[0]
    data: Task


class Listed(Exact):
    """The reply to a look at the present API: the tasks that it knows, in any order."""

    code: Literal[0]
    data: tuple[Maybe[Task], ...]


def outcome_of(task: Task) -> Poll:
    """What a task says.

    Example:
        >>> outcome_of(Task(id="7", status="submitted"))
        Running(queued=True, progress=None, poll_after_seconds=None)
    """
    match task.status:
        case "succeeded" | "succeed":
            return _succeeded(task)
        case "failed":
            said = task.message or "Kling gave no reason."
            code = "content_rejected" if _MODERATED.search(said) else "generation_failed"
            return _failed(task, code, said)
        case status:
            if status not in {"submitted", "processing"}:
                warn_of_status("Kling", status or "")
            return Running(queued=status == "submitted")


def _succeeded(task: Task) -> Succeeded:
    files = [file for file in task.outputs or () if file is not None]
    expires_at, bill = _later(task.updated_ms), _bill_of(task)
    urls = [file.url or file.watermark_url for file in files if file.type in {"video", None}]
    others = [printable(file.type, 20) for file in files if file.type not in {"video", None} and file.type]
    return Succeeded(
        assets=tuple(Asset(url=url, expires_at=expires_at) for url in urls if url),
        cost_usd=bill.cost_usd,
        detail=bill.detail,
        warnings=(f"Kling also made {', '.join(others)}, which is not fetched",) if others else (),
    )


def _failed(task: Task, code: str, message: str) -> Failed:
    bill = _bill_of(task)
    spent = any(bill.totals.values())
    free = bill.totals and not spent and not bill.unread  # a zero costs nothing, whatever a unit is worth
    cost_usd = Decimal(0) if free else bill.cost_usd
    paid = "yes" if spent else charged(cost_usd)
    return Failed(code=code, message=message, charged=paid, cost_usd=cost_usd, detail=bill.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bill:
    """What was paid, by what it was paid with, and what could not be read of it.

    Units of a prepaid pack cost what the pack did: by the list price they are only estimated.
    """

    totals: Mapping[str, Decimal]
    unread: Sequence[str]

    @property
    def cost_usd(self) -> Decimal | None:
        """What it cost in USD, where all of it was paid in them."""
        paid = {kind for kind, total in self.totals.items() if total} or {*self.totals}
        return self.totals[_USD] if paid == {_USD} and not self.unread else None

    @property
    def detail(self) -> dict[str, JsonValue]:
        """The same as Kling says it."""
        said: dict[str, JsonValue] = {kind: f"{total:f}" for kind, total in self.totals.items()}
        if _UNITS in self.totals:
            said["units_at_list_price_usd"] = f"{self.totals[_UNITS] * _USD_PER_UNIT:f}"
        return {**said, "unread": "; ".join(self.unread)} if self.unread else said


def _bill_of(task: Task) -> _Bill:
    charges: Sequence[_Charge | None] = task.billing or ()
    if task.units is not None:
        charges = (*charges, _Charge(charge_type="unit", amount=task.units))
    totals: dict[str, Decimal] = {}
    unread: list[str] = []
    for one in charges:
        kind, spent = (None, None) if one is None else (one.kind, amount(one.amount))
        if kind is None or spent is None:
            unread.append(str(one or "?"))
        else:
            totals[kind] = totals.get(kind, Decimal(0)) + spent
    return _Bill(totals=totals, unread=unread)


def _later(unix_milliseconds: int | None) -> datetime | None:
    try:
        return None if unix_milliseconds is None else datetime.fromtimestamp(unix_milliseconds / 1000, UTC) + _LIVES
    except (ValueError, OverflowError, OSError):
        return None
