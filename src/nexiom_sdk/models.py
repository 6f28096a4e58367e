"""The questions everybody asks of a model's card: what stands against a request, what a clip costs, what is nearest."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import Protocol

from nexiom_sdk.cards import (
    Condition,
    Lengths,
    Lifecycle,
    MediaKind,
    MediaLimits,
    ModelCard,
    Price,
    Shapes,
    Sound,
    kind_of,
)
from nexiom_sdk.conditions import broken_conditions
from nexiom_sdk.fitting import Asked, best_places, media_mismatches, mismatches
from nexiom_sdk.nearest import Mismatch, lines, nearest_ratio, nearest_resolution, quotient
from nexiom_sdk.types import Mode, Resolution

__all__ = [
    "Asked",
    "Condition",
    "Lengths",
    "Lifecycle",
    "MediaKind",
    "MediaLimits",
    "Mismatch",
    "ModelCard",
    "Price",
    "Priced",
    "Shapes",
    "Sound",
    "best_places",
    "broken_conditions",
    "estimate",
    "is_free",
    "kind_of",
    "lines",
    "media_mismatches",
    "mismatches",
    "nearest_ratio",
    "nearest_resolution",
    "quotient",
]


class Priced(Protocol):
    """The terms that a price depends on; `VideoSpec` and `Candidate` have them."""

    @property
    def mode(self) -> Mode: ...
    @property
    def duration_seconds(self) -> float | None: ...
    @property
    def resolution(self) -> Resolution | None: ...
    @property
    def audio(self) -> bool | None: ...


def estimate(card: ModelCard, spec: Priced) -> Decimal | None:
    """What a clip will cost in USD by the card's price table; None where the table does not say.

    Example:
        >>> from nexiom_sdk.types import VideoSpec
        >>> card = ModelCard(model="a1", prices=(Price(usd=Decimal("0.10"), resolution="720p"),))
        >>> estimate(card, VideoSpec(model="a1", prompt="x", duration_seconds=8, resolution="720p"))
        Decimal('0.80')
        >>> estimate(card, VideoSpec(model="a1", prompt="x", duration_seconds=8)) is None
        True
    """
    for price in card.prices:
        if (
            (price.resolution is None or price.resolution == spec.resolution)
            and (price.audio is None or price.audio == spec.audio)
            and (price.mode is None or price.mode == spec.mode)
            and (price.duration_seconds is None or price.duration_seconds == spec.duration_seconds)
        ):
            return _cost(price, spec.duration_seconds)
    return None


def is_free(card: ModelCard) -> bool:
    """Whether clips of a model certainly cost nothing: it has prices, and all of them are zero.

    Example:
        >>> is_free(ModelCard(model="a1", prices=(Price(usd=Decimal(0)),))), is_free(ModelCard(model="a2"))
        (True, False)
    """
    return bool(card.prices) and not any(one.usd or one.plus_usd or one.least_usd for one in card.prices)


def _cost(price: Price, length_seconds: float | None) -> Decimal | None:
    if price.per == "clip" or not price.usd:
        return max(price.usd + price.plus_usd, price.least_usd)
    if length_seconds is None:
        return None
    return max(price.usd * _exactly(length_seconds) + price.plus_usd, price.least_usd)


@functools.lru_cache(maxsize=512)
def _exactly(length_seconds: float) -> Decimal:
    """A length as a decimal, without the digits that its binary form would add."""
    return Decimal(repr(length_seconds).removesuffix(".0"))
