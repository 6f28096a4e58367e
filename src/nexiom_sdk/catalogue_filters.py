"""What a card offers at all: kinds of order, lengths, and the least and the most that a second or a clip costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Literal, NamedTuple, TypeAlias, get_args

from nexiom_sdk.models import ModelCard, broken_conditions, estimate, kind_of
from nexiom_sdk.types import MediaRole, Mode, Resolution, mode_of

Takes: TypeAlias = Literal["text", "image", "video", "audio", MediaRole]
"""What may go in: text alone, a kind of file, or a reference of one role."""

TAKES: tuple[Takes, ...] = get_args(Takes)

_USUAL_SECONDS = 5.0
_CENT_OF_A_CENT = Decimal("0.0001")
_SOUNDS: Mapping[str, tuple[bool | None, ...]] = {
    "never": (False,),
    "always": (True,),
    "optional": (True, False),
    "unknown": (None,),
}


class Span(NamedTuple):
    """The lowest and the highest amount, in USD."""

    least: Decimal
    most: Decimal


class _Terms(NamedTuple):
    mode: Mode
    duration_seconds: float | None
    resolution: Resolution | None
    audio: bool | None


def orders(card: ModelCard, takes: str | None = None) -> tuple[tuple[MediaRole, ...], ...]:
    """The plainest orders that the model takes, each as the roles of its references.

    Args:
        card: The model.
        takes: Only those with such a thing in it, such as text, video or last_frame.

    Example:
        >>> card = ModelCard(model="a1", media={"first_frame": 1, "reference_video": 3})
        >>> orders(card), orders(card, "video"), orders(card, "audio")
        (((), ('first_frame',), ('reference_video',)), (('reference_video',),), ())
    """
    text: tuple[tuple[MediaRole, ...], ...] = () if card.media_required else ((),)
    if takes == "text":
        return text
    roles: list[MediaRole] = [
        role for role, count in card.media.items() if count and (takes is None or takes in {role, kind_of(role)})
    ]
    alone: tuple[tuple[MediaRole, ...], ...] = tuple((role,) for role in roles)
    return (*text, *alone) if takes is None else alone


def offers_length(card: ModelCard, wanted_seconds: float, takes: str | None = None) -> bool:
    """Whether a clip may be as long as that, in some order.

    Where no order has a length that is known, such as where it is that of a video that goes in, nothing stands against
    it.
    """
    modes: set[Mode] = {mode_of(roles) for roles in orders(card, takes)}
    rules = [card.lengths_for(mode, place) for mode in modes for place in card.resolutions or (None,)]
    known = [rule for rule in rules if rule.between or rule.one_of]
    return any(rule.nearest(wanted_seconds) == wanted_seconds for rule in known or rules)


def usd_per_second(card: ModelCard, takes: str | None = None, *, duration_seconds: float | None = None) -> Span | None:
    """What a second costs, from the plainest clip to the largest; None where no price is known.

    Of several kinds of order the first one counts whose price is known: text alone, where the model takes it.

    Args:
        card: The model.
        takes: With such a thing in the order, such as text, video or last_frame.
        duration_seconds: Only for clips of this length.

    Example:
        >>> from nexiom_sdk.models import Price
        >>> prices = (Price(usd=Decimal("0.05"), resolution="720p"), Price(usd=Decimal("0.12")))
        >>> card = ModelCard(model="a1", resolutions=("720p", "1080p"), prices=prices)
        >>> usd_per_second(card)
        Span(least=Decimal('0.05'), most=Decimal('0.12'))
    """
    for roles in orders(card, takes):
        found = [
            (cost / Decimal(terms.duration_seconds or _USUAL_SECONDS)).quantize(_CENT_OF_A_CENT, ROUND_CEILING)
            for terms in _all_terms(card, roles, duration_seconds)
            if (cost := estimate(card, terms)) is not None
        ]
        if found:
            return Span(min(found).normalize() + 0, max(found).normalize() + 0)
    return None


def usd_per_clip(card: ModelCard, duration_seconds: float, takes: str | None = None) -> Decimal | None:
    """What a clip of this length costs at its cheapest; None where no price is known."""
    costs = (
        estimate(card, terms) for roles in orders(card, takes) for terms in _all_terms(card, roles, duration_seconds)
    )
    return min((cost for cost in costs if cost is not None), default=None)


def _all_terms(card: ModelCard, roles: tuple[MediaRole, ...], asked_seconds: float | None) -> Iterator[_Terms]:
    """Every way to make such an order that a price may depend on."""
    mode = mode_of(roles)
    for place in card.resolutions or (None,):
        for length in _lengths(card, mode, place, asked_seconds):
            for audio in _SOUNDS[card.audio]:
                broken = broken_conditions(card, roles, audio=audio, resolution=place)
                if all(one.field == "media" for one in broken):  # such an order is only the plainest one of its kind
                    yield _Terms(mode, length, place, audio)


def _lengths(card: ModelCard, mode: Mode, place: Resolution | None, asked_seconds: float | None) -> set[float]:
    offered = card.lengths_for(mode, place)
    if asked_seconds is not None:
        return {asked_seconds} if offered.nearest(asked_seconds) == asked_seconds else set()
    ends = offered.between or offered.one_of or (_USUAL_SECONDS,)
    priced = {one.duration_seconds for one in card.prices if one.duration_seconds is not None}
    return {min(ends), max(ends), *(length for length in priced if offered.nearest(length) == length)}
