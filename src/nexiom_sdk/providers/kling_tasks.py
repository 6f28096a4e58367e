"""A task as either of Kling's APIs shows it, and what that means: they differ in names, and neither tells progress."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import AliasChoices, AliasPath, Field, JsonValue

from nexiom_sdk.providers.wire import Body, Maybe, warn_of_status
from nexiom_sdk.types import Asset, Failed, Poll, Running, Succeeded
from nexiom_sdk.wording import printable

_LIVES = timedelta(days=30)
_USD_PER_UNIT = Decimal("0.14")  # list price
_MODERATED = re.compile(r"\b(risk|sensitive|policy)\b", re.IGNORECASE)  # there is no code for it, only sentences

_UNREAD = "unread"

_Amount: TypeAlias = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]


class _Output(Body):
    type: Maybe[str] = None
    url: Maybe[str] = None
    watermark_url: Maybe[str] = None


class _Charge(Body):
    charge_type: Maybe[str] = None
    amount: Maybe[_Amount] = None
    currency: Maybe[str] = None


class Task(Body):
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
    units: Maybe[_Amount] = Field(default=None, validation_alias="final_unit_deduction")


class Made(Body):
    """The reply to an order: the task in it means that it was taken."""

    data: Task


class Shown(Body):
    """The reply to a look at the older API."""

    code: Literal[0]
    data: Task


class Listed(Body):
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
            return Failed(code=code, message=said, cost_usd=_bill(task)[0])
        case status:
            if status not in {"submitted", "processing"}:
                warn_of_status("Kling", status or "")
            return Running(queued=status == "submitted")


def _succeeded(task: Task) -> Succeeded:
    files = [file for file in task.outputs or () if file is not None]
    expires_at, (cost_usd, detail) = _later(task.updated_ms), _bill(task)
    urls = [file.url or file.watermark_url for file in files if file.type in {"video", None}]
    others = [printable(file.type, 20) for file in files if file.type not in {"video", None} and file.type]
    return Succeeded(
        assets=tuple(Asset(url=url, expires_at=expires_at) for url in urls if url),
        cost_usd=cost_usd,
        detail=detail,
        warnings=(f"Kling also made {', '.join(others)}, which is not fetched",) if others else (),
    )


def _bill(task: Task) -> tuple[Decimal | None, dict[str, JsonValue]]:
    """What it cost in USD, where all of it was paid in them, and as Kling says it.

    Units of a prepaid pack cost what the pack did: by the list price they are only estimated.
    """
    charges: Sequence[_Charge | None] = task.billing or ()
    if task.units is not None:
        charges = (*charges, _Charge(charge_type="unit", amount=task.units))
    totals: dict[str, Decimal] = {}
    for one in charges:
        what, amount = _read(one)
        totals[what] = totals.get(what, Decimal(0)) + amount
    detail: dict[str, JsonValue] = {what: f"{total:f}" for what, total in totals.items() if what != _UNREAD}
    if "units" in totals:
        detail["units_at_list_price_usd"] = f"{totals['units'] * _USD_PER_UNIT:f}"
    return totals["cash_USD"] if totals.keys() == {"cash_USD"} else None, detail


def _read(charge: _Charge | None) -> tuple[str, Decimal]:
    """What was charged, by a word for its kind."""
    match charge:
        case _Charge(charge_type="unit", amount=Decimal() as amount):
            return "units", amount
        case _Charge(charge_type="cash", amount=Decimal() as amount, currency=currency):
            return f"cash_{printable(currency or 'unknown', 10)}", amount
        case _:
            return _UNREAD, Decimal(0)


def _later(unix_milliseconds: int | None) -> datetime | None:
    try:
        return None if unix_milliseconds is None else datetime.fromtimestamp(unix_milliseconds / 1000, UTC) + _LIVES
    except (ValueError, OverflowError, OSError):
        return None
