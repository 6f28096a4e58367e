"""The verbs of a case in our words, and the values that all cases share."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import TypeAlias, TypeVar

from pydantic import JsonValue

from nexiom_sdk import ModelCard
from nexiom_sdk.errors import RequestError
from nexiom_sdk.providers import HttpProvider
from nexiom_sdk.providers.protocol import SupportsCancel, SupportsCatalogue, SupportsHealth
from nexiom_sdk.providers.wire import Call
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import (
    AspectRatio,
    DeliveredMedia,
    MediaRole,
    Operation,
    Resolution,
    Submission,
    Succeeded,
    VideoSpec,
    mode_of,
)
from oracle.capture import Case

C = TypeVar("C")
Ours: TypeAlias = Callable[[HttpProvider], Awaitable[object]]

PROMPT = "A fox runs through snow; the camera follows."
PNG_BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PNG = base64.b64decode(PNG_BASE64)
MP4 = sample_video()
CALLBACK = "https://studio.example/hooks/7f3c"
_FILES: Mapping[MediaRole, tuple[str, str]] = {
    "first_frame": ("image/png", "first.png"),
    "last_frame": ("image/png", "last.png"),
    "reference_image": ("image/png", "coat.png"),
    "reference_video": ("video/mp4", "walk.mp4"),
    "reference_audio": ("audio/mpeg", "wind.mp3"),
    "source_video": ("video/mp4", "source.mp4"),
}
_KINDS: tuple[tuple[MediaRole, ...], ...] = (
    (),
    ("first_frame",),
    ("first_frame", "last_frame"),
    ("reference_image",),
    ("reference_image", "reference_video"),
    ("source_video",),
)


def case(
    title: str, ours: Ours, theirs: Callable[[C], Awaitable[object]], differences: Mapping[str, str] | None = None
) -> Case[C]:
    """One thing to do, in our words and in theirs."""
    return Case(title=title, ours=ours, theirs=theirs, differences=differences or {})


def url_of(role: MediaRole) -> str:
    """The address of a reference with this role."""
    return f"https://media.example/{_FILES[role][1]}"


def linked(*roles: MediaRole) -> tuple[DeliveredMedia, ...]:
    """References by their address."""
    return tuple(DeliveredMedia(role=role, media_type=_FILES[role][0], url=url_of(role)) for role in roles)


def inline(role: MediaRole, data: bytes) -> tuple[DeliveredMedia, ...]:
    """A reference as bytes."""
    return (DeliveredMedia(role=role, media_type=_FILES[role][0], data=data),)


def order(
    model: str,
    seconds: float | None = None,
    resolution: Resolution | None = None,
    aspect_ratio: AspectRatio | None = None,
    *,
    media: tuple[DeliveredMedia, ...] = (),
    audio: bool | None = None,
    seed: int | None = None,
    negative_prompt: str | None = None,
    callback_url: str | None = None,
    options: Mapping[str, JsonValue] | None = None,
) -> Ours:
    """Order a clip."""
    spec = VideoSpec(
        model=model,
        prompt=PROMPT,
        duration_seconds=seconds,
        resolution=resolution,
        aspect_ratio=aspect_ratio,
        audio=audio,
        seed=seed,
        negative_prompt=negative_prompt,
        media=media,
        options=options or {},
    )
    submission = Submission(spec=spec, idempotency_key="j1.0", callback_url=callback_url)
    return lambda adapter: adapter.submit(submission)


def look(order_id: str, **state: JsonValue) -> Ours:
    """Look at an order."""
    return lambda adapter: adapter.poll(Operation(id=order_id, state=state))


def collect(order_id: str, **state: JsonValue) -> Ours:
    """Look at a finished order and fetch its file."""

    async def ours(adapter: HttpProvider) -> None:
        outcome = await adapter.poll(Operation(id=order_id, state=state))
        assert isinstance(outcome, Succeeded), outcome
        assert b"".join([chunk async for chunk in adapter.fetch(outcome.assets[0])])

    return ours


def cancel(order_id: str, **state: JsonValue) -> Ours:
    """Stop an order."""

    async def ours(adapter: HttpProvider) -> None:
        assert isinstance(adapter, SupportsCancel)
        await adapter.cancel(Operation(id=order_id, state=state))

    return ours


async def check(adapter: HttpProvider) -> None:
    """Ask whether the provider can be used."""
    assert isinstance(adapter, SupportsHealth)
    await adapter.check()


async def refresh(adapter: HttpProvider) -> None:
    """Read what is offered now."""
    assert isinstance(adapter, SupportsCatalogue)
    await adapter.refresh()


def offers(card: ModelCard, adapter: HttpProvider) -> list[Call]:
    """How an adapter orders each kind, resolution, shape and length that a card offers."""
    calls: list[Call] = []
    for submission in _offers(card):
        with suppress(RequestError):  # a card cannot say everything: some values exclude one another
            calls.append(adapter.submit_call(submission))
    assert calls, f"{card.model} can be ordered in no way"
    return calls


def _offers(card: ModelCard) -> Iterator[Submission]:
    for roles in _KINDS:
        if any(not card.media.get(role) for role in roles) or (card.media_required and not roles):
            continue
        mode = mode_of(roles)
        for resolution in card.resolutions or (None,):
            lengths = card.lengths_for(mode, resolution)
            shapes = card.ratios_for(mode, resolution) or (None,)
            for shape, seconds in product(shapes, lengths.between or lengths.one_of or (None,)):
                spec = VideoSpec(
                    model=card.model,
                    prompt=PROMPT,
                    duration_seconds=seconds,
                    resolution=resolution,
                    aspect_ratio=shape,
                    audio={"optional": True}.get(card.audio),
                    seed=7 if card.seed else None,
                    negative_prompt="rain" if card.negative_prompt else None,
                    media=linked(*roles),
                )
                yield Submission(spec=spec, idempotency_key="j1.0")
