"""What would be sent to one model, for how much, and with which warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from nexiom_sdk.conditions import places, sound_of
from nexiom_sdk.models import (
    Asked,
    Mismatch,
    ModelCard,
    best_places,
    broken_conditions,
    nearest_ratio,
    nearest_resolution,
)
from nexiom_sdk.policy_parts import TierDefaults
from nexiom_sdk.retirement import leaving
from nexiom_sdk.types import AspectRatio, Mode, Resolution
from nexiom_sdk.wording import seconds


class Terms(NamedTuple):
    """What will be sent, as far as a price depends on it."""

    mode: Mode
    duration_seconds: float | None
    resolution: Resolution | None
    aspect_ratio: AspectRatio | None
    audio: bool | None


def terms_for(asked: Asked, defaults: TierDefaults, card: ModelCard) -> Terms:
    """What was asked, else what the policy says, each as near as the model comes to it.

    Args:
        asked: What was asked.
        defaults: What the policy says of this model.
        card: The model; nothing stands against it, or only what may be adapted.
    """
    resolution = _resolution(asked, defaults, card)
    length = asked.duration_seconds or defaults.duration_seconds
    ratio = asked.aspect_ratio or defaults.aspect_ratio
    shapes = card.ratios_for(asked.mode, resolution) if ratio else None
    takes = None if length is None else card.lengths_for(asked.mode, resolution).nearest(length)
    shape = None if ratio is None or shapes is None else nearest_ratio(ratio, shapes)
    return Terms(asked.mode, takes, resolution, shape, _audio(asked, defaults, card, resolution))


def changes(asked: Asked, terms: Terms, found: Iterable[Mismatch]) -> Iterator[str]:
    """What differs from a request that need not be met exactly, in words.

    Args:
        asked: What was asked.
        terms: What will be sent.
        found: What stood against the model.
    """
    length, takes = asked.duration_seconds, terms.duration_seconds
    if length is not None and takes is not None and takes != length:
        yield f"asked for {seconds(length)}, takes {seconds(takes)}"
    if asked.resolution not in {None, terms.resolution}:
        yield f"asked for {asked.resolution}, takes {terms.resolution}"
    if asked.aspect_ratio not in {None, terms.aspect_ratio}:
        yield f"asked for {asked.aspect_ratio}, takes {terms.aspect_ratio or 'the shape of the picture'}"
    yield from (str(one) for one in found if one.field in {"audio", "seed", "negative_prompt"})


def cautions(
    card: ModelCard, price: Decimal | None, today: date, listed: Mapping[str, ModelCard], *, regions_known: bool
) -> Iterator[str]:
    """What to know of a model that is kept.

    Args:
        card: The model.
        price: What the clip will cost.
        today: The day.
        listed: All models of its provider, for its successors.
        regions_known: Whether the policy says where videos are used, so that licences were looked at.
    """
    yield from leaving(card, listed, today)
    if card.lifecycle == "preview":
        yield "is a preview and may change"
    if card.regions_excluded and not regions_known:
        yield f"its licence forbids use in {', '.join(card.regions_excluded)}"
    if price is None:
        yield "its price is not known"


def _resolution(asked: Asked, defaults: TierDefaults, card: ModelCard) -> Resolution | None:
    """The resolution asked for, else the default, which gives way to one that offers what was asked for with it."""
    wanted = asked.resolution or defaults.resolution
    allowed = places(card, asked.roles, audio=asked.audio)
    place = wanted
    if allowed is not None and wanted not in allowed:
        bounded = allowed != card.resolutions  # then the provider's own default might break a condition
        place = nearest_resolution(wanted, allowed) if wanted else allowed[0] if bounded else None
    if asked.resolution is not None or not (card.lengths or card.shapes):
        return place
    best = best_places(asked, card, (place, *(allowed or (None,))))
    if place in best:
        return place
    named: list[Resolution] = [one for one in best if one]
    return nearest_resolution(place or named[0], named) if named else None


def _audio(asked: Asked, defaults: TierDefaults, card: ModelCard, resolution: Resolution | None) -> bool | None:
    """The sound asked for, else the default, which gives way where a condition forbids it."""
    wanted = defaults.audio if asked.audio is None else asked.audio
    if wanted is None or card.audio == "unknown":
        return None
    offered = sound_of(card, asked.roles) if card.conditions else card.audio
    if offered != "optional":
        return offered == "always"
    if asked.audio is not None or not card.conditions:
        return wanted
    for sound in (wanted, not wanted):
        if not any(broken_conditions(card, asked.roles, audio=sound, resolution=resolution)):
            return sound
    return None
