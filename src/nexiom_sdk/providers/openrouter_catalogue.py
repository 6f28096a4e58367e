"""A row of OpenRouter's list of video models as a card: what it offers, and its price in dollars, cents or tokens.

Source: `GET /videos/models` as of October 2026. Prices follow no single scheme; a key that is not known here makes the
price unknown, never zero. A list that is null says: not applicable, or not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.models import ModelCard, Price, lines
from nexiom_sdk.providers.wire import Body
from nexiom_sdk.types import ASPECT_RATIOS, RESOLUTIONS, AspectRatio, MediaRole, Mode, Resolution

T = TypeVar("T")

# Theirs in lower case to ours: 1K, 2K and 4K are what other makers call 1080p, 1440p and 2160p.
_RESOLUTION_OF: Mapping[str, Resolution] = {
    **{one: one for one in RESOLUTIONS},
    "1k": "1080p",
    "2k": "1440p",
    "4k": "2160p",
}
GOOGLE, NEGATIVE_KEY = "google/", "negativePrompt"  # the only maker whose name for passed-on keys is documented
_MOST_REFERENCES = 10  # the list does not say; what is too much, the model itself refuses, at no cost

_RATIO_OF: Mapping[str, AspectRatio] = {one: one for one in ASPECT_RATIOS}
_FRAME_OF: Mapping[str, MediaRole] = {"first_frame": "first_frame", "last_frame": "last_frame"}
_MODE_OF: Mapping[str | None, Mode | None] = {None: None, "text": "text", "image": "image"}
_SOUND_OF: Mapping[str | None, bool | None] = {None: None, "with": True, "without": False}
_BY_TOKENS = "; from its price per token, for 16:9"

_PER_SECOND = re.compile(
    r"(?:(?P<mode>text|image)_to_video_)?"
    r"(?P<unit>duration_seconds|cents_per_(?:video_)?(?:output_)?second|video_tokens)"
    r"(?:_(?P<sound>with|without)_audio)?"
    r"(?:_(?P<resolution>\d+p|[124]k))?"
)
_PER_CLIP = frozenset({"cents_per_image_input", "minimum_cents_per_generation"})
_MOST, _LEAST = 100_000, Decimal("1e-10")  # dollars or cents of a second, a clip or a token: else it is a mistake
_LONGEST_SECONDS = 3600
_OTHER_ORDERS = re.compile(r".*(?:with_video_input|continuation|megapixel).*")


class Row(Body):
    """One entry of the list."""

    id: str
    supported_durations: tuple[float, ...] | None = None
    supported_resolutions: tuple[str, ...] | None = None
    supported_aspect_ratios: tuple[str, ...] | None = None
    supported_frame_images: tuple[str, ...] | None = None
    generate_audio: bool | None = None
    seed: bool | None = None
    upscale_factor: JsonValue = None
    allowed_passthrough_parameters: tuple[str, ...] = ()
    pricing_skus: Mapping[str, str] | None = None


class Rows(Body):
    """The list."""

    data: tuple[Row, ...]


def card_of(row: Row, *, seen: str, known: ModelCard | None = None) -> ModelCard:
    """The card of a model.

    Args:
        row: What the list says.
        seen: Date and source of the list.
        known: A card that says what the list does not, such as references of other kinds.

    Example:
        >>> row = Row(id="acme/v1", supported_durations=(4, 8), pricing_skus={"cents_per_second": "10"})
        >>> card = card_of(row, seen="2026-10-09")
        >>> card.durations_seconds, card.prices[0].usd
        ((4.0, 8.0), Decimal('0.1'))
    """
    known = known or ModelCard(model=row.id)
    frames: list[MediaRole] = [_FRAME_OF[kind] for kind in row.supported_frame_images or () if kind in _FRAME_OF]
    references: dict[MediaRole, int] = {"reference_image": _MOST_REFERENCES}
    references.update((role, count) for role, count in known.media.items() if role not in _FRAME_OF)
    references.update((frame, 1) for frame in frames)
    by_tokens = any("token" in key for key in row.pricing_skus or ())
    return known.evolve(
        durations_seconds=_possible(row.supported_durations) or known.durations_seconds,
        resolutions=_ours(row.supported_resolutions, _RESOLUTION_OF) or known.resolutions,
        aspect_ratios=_ours(row.supported_aspect_ratios, _RATIO_OF) or known.aspect_ratios,
        media=references,
        media_exclusions=tuple((frame, role) for frame in frames for role in references if role not in _FRAME_OF),
        audio="unknown" if row.generate_audio is None else "optional" if row.generate_audio else "never",
        seed=bool(row.seed),
        negative_prompt=row.id.startswith(GOOGLE) and NEGATIVE_KEY in row.allowed_passthrough_parameters,
        prices=prices_of(row),
        priced_on=seen + (_BY_TOKENS if by_tokens else ""),
        verified_on=seen,
    )


def prices_of(row: Row) -> tuple[Price, ...]:
    """The price table of a model, the most special prices first; empty where any of it is not understood."""
    skus = {
        key: _dollars(key, text) for key, text in (row.pricing_skus or {}).items() if not _OTHER_ORDERS.fullmatch(key)
    }
    matches = {key: _PER_SECOND.fullmatch(key) for key in skus if key not in _PER_CLIP}
    if None in skus.values() or None in matches.values():
        return ()
    try:
        running = [
            price for key, match in matches.items() if match for price in _running(match, skus[key] or Decimal(0), row)
        ]
    except InvalidInput:  # an amount for a token that would make a second cost more than anybody pays
        return ()
    least = skus.get("minimum_cents_per_generation") or Decimal(0)
    picture = skus.get("cents_per_image_input") or Decimal(0)
    prices = [one.evolve(least_usd=least) for one in running]
    if picture:
        frames = len(set(row.supported_frame_images or ()) & _FRAME_OF.keys()) or 1
        most: Mapping[Mode, int] = {"image": frames, "reference": _MOST_REFERENCES}
        prices += [
            one.evolve(mode=mode, plus_usd=picture * count)
            for one in prices
            if one.mode is None
            for mode, count in most.items()
        ]
    return tuple(sorted(prices, key=_generality))


def _running(match: re.Match[str], usd: Decimal, row: Row) -> Iterator[Price]:
    """The prices per second that one key stands for: one, or for a price per token one at each resolution."""
    mode, sound = _MODE_OF[match["mode"]], _SOUND_OF[match["sound"]]
    named = _RESOLUTION_OF.get(match["resolution"] or "")
    if match["unit"] != "video_tokens":
        yield Price(usd=usd, mode=mode, audio=sound, resolution=named)
        return
    special = {_RESOLUTION_OF.get(key.rpartition("_")[2]) for key in row.pricing_skus or ()}
    for resolution in (named,) if named else _ours(row.supported_resolutions, _RESOLUTION_OF):
        if named or resolution not in special:
            yield Price(usd=usd * _tokens_per_second(resolution), mode=mode, audio=sound, resolution=resolution)


def _generality(price: Price) -> int:
    return sum(condition is None for condition in (price.mode, price.audio, price.resolution))


def _tokens_per_second(resolution: Resolution) -> Decimal:
    """Width x height x 24 / 1024, for 16:9."""
    height = lines(resolution)
    return Decimal(round(height * 16 / 9) * height * 24) / 1024


def _dollars(key: str, amount: str) -> Decimal | None:
    try:
        value = Decimal(amount)
    except InvalidOperation:
        return None
    if not value.is_finite() or not 0 <= value <= _MOST or 0 < value < _LEAST:
        return None
    return value / 100 if "cents" in key else value


def _possible(durations: Iterable[float] | None) -> tuple[float, ...]:
    """The lengths that a clip can have: a list from outside may say anything."""
    return tuple(one for one in durations or () if 0 < one <= _LONGEST_SECONDS)


def _ours(theirs: Iterable[str] | None, words: Mapping[str, T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(words[one.lower()] for one in theirs or () if one.lower() in words))
