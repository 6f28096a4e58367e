"""A task as Seedance shows it, and what that means.

What failed or was given up costs nothing: BytePlus' price page and Volcengine's say that only clips that were made are
billed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from nexiom_sdk.errors import GenerationFailed
from nexiom_sdk.providers.bills import Exact, amount, written
from nexiom_sdk.providers.seedance_cards import cost_usd
from nexiom_sdk.providers.seedance_refusals import Complaint
from nexiom_sdk.providers.wire import Maybe, warn_of_status
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from nexiom_sdk.wording import seconds

MODEL, WITH_VIDEO, OPTIONS = "priced_as", "with_video", "options"
"""Keys of `Operation.state`: the model by whose list price the clip is paid, whether a video went in, and the names of
options: where one that changes the price was ordered and the reply does not repeat it, the cost is not known."""

_LINK_LIFETIME = timedelta(hours=24)
_UnixTime = Annotated[int, Field(ge=0, le=32_503_680_000)]  # until the year 3000


class _Content(Exact):
    video_url: Maybe[str] = None
    last_frame_url: Maybe[str] = None


class _Usage(Exact):
    completion_tokens: object = None
    total_tokens: object = None


class Task(Exact):
    """A task.

    Args:
        id: Its id.
        status: Its state.
        content: Addresses of what was made.
        usage: What it is billed by.
        error: Why it failed.
        updated_at: When its state changed last, in seconds since 1970.
        resolution: As Seedance writes it.
        duration: Length in whole seconds.
        seed: The seed that was used.
        generate_audio: Whether the clip has sound.
        service_tier: `flex` where it was made offline.
        draft: Whether it is a preview.
        execution_expires_after: Seconds after which it is given up.
    """

    id: str = Field(min_length=1)
    status: str = ""
    content: Maybe[_Content] = None
    usage: Maybe[_Usage] = None
    error: Maybe[Complaint] = None
    updated_at: Maybe[_UnixTime] = None
    resolution: Maybe[str] = None
    duration: Maybe[int] = None
    seed: Maybe[int] = None
    generate_audio: Maybe[bool] = None
    service_tier: Maybe[str] = None
    draft: Maybe[bool] = None
    execution_expires_after: Maybe[int] = None


def outcome_of(operation: Operation, task: Task) -> Poll:
    """What a task says.

    Args:
        operation: The order.
        task: Its task.
    """
    match task.status:
        case "succeeded":
            return _succeeded(operation, task)
        case "failed":
            return _failed(task)
        case "expired":
            after = task.execution_expires_after
            within = f" within {seconds(after)}" if after else " in time"
            message = f"Seedance gave it up because it was not finished{within}. It is safe to order it again."
            return _ended(task, GenerationFailed.code, message)
        case "cancelled":
            return Cancelled(charged="no")
        case status:
            if status not in {"queued", "running"}:
                warn_of_status("Seedance", status)
            return Running(queued=status == "queued")


def _succeeded(operation: Operation, task: Task) -> Succeeded:
    content, usage = task.content or _Content(), task.usage or _Usage()
    made_at = None if task.updated_at is None else datetime.fromtimestamp(task.updated_at, UTC)
    return Succeeded(
        assets=(Asset(url=content.video_url, expires_at=made_at and made_at + _LINK_LIFETIME),)
        if content.video_url
        else (),
        cost_usd=_cost(operation, task, usage.completion_tokens),
        detail=written(**dict(usage), duration=task.duration, seed=task.seed),
        warnings=("Seedance also made a picture of the last frame, which is not fetched",)
        if content.last_frame_url
        else (),
    )


def _cost(operation: Operation, task: Task, said: object) -> Decimal | None:
    """What a clip of so many tokens costs by the list; None where that is not certain: no clip is made of none."""
    model, tokens = operation.state.get(MODEL), amount(said)
    if not tokens or tokens != int(tokens) or not isinstance(model, str) or task.resolution is None or task.draft:
        return None
    ordered = operation.state.get(OPTIONS)
    names = ordered if isinstance(ordered, list) else []
    if ("service_tier" in names and task.service_tier is None) or ("draft" in names and task.draft is None):
        return None
    return cost_usd(
        int(tokens),
        model,
        task.resolution,
        audio=task.generate_audio,
        with_video=operation.state.get(WITH_VIDEO) is True,
        flex=task.service_tier == "flex",
    )


def _failed(task: Task) -> Failed:
    why = task.error
    kind = (why.kind if why else None) or GenerationFailed
    said = (why.message or why.code) if why else ""
    return _ended(task, kind.code, said or "Seedance gave no reason.")


def _ended(task: Task, code: str, message: str) -> Failed:
    """Without a clip there is no bill; one that counts tokens all the same is not understood."""
    detail = written(**dict(task.usage or _Usage()))
    return Failed(code=code, message=message, charged="unknown" if any(detail.values()) else "no", detail=detail)
