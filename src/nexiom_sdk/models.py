"""The questions everybody asks of a model's card: what stands against a request, what a clip costs, what is nearest."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Sequence
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
from nexiom_sdk.types import AspectRatio, Frozen, MediaRole, Mode, Resolution, VideoRequest
from nexiom_sdk.wording import seconds

__all__ = [
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
    "kind_of",
    "lines",
    "media_mismatches",
    "mismatches",
    "nearest_ratio",
    "nearest_resolution",
    "quotient",
]


class Mismatch(Frozen):
    """One reason why a model cannot do what was asked.

    Args:
        field: Field of the request.
        message: The reason, with the values offered and the nearest one.
        adaptable: Whether `strict=False` may take the nearest value, or leave the field out, instead.
    """

    field: str
    message: str
    adaptable: bool = False

    def __str__(self) -> str:
        return self.message


def mismatches(request: VideoRequest, card: ModelCard, *, addresses: bool = True) -> tuple[Mismatch, ...]:
    """Every reason why this model cannot carry out this request; empty when it can.

    Only what the user asked is judged: a tier's default never makes a request fail.

    Args:
        request: The request.
        card: The model.
        addresses: Whether the store can give web addresses of what it holds.
    """
    return (*_mismatches(request, card), *_media(request, card, addresses=addresses))


def media_mismatches(roles: Sequence[MediaRole], card: ModelCard) -> Iterator[Mismatch]:
    """Every reason why this model cannot take references of these roles together.

    Args:
        roles: The role of each reference.
        card: The model.

    Example:
        >>> card = ModelCard(model="a1", media={"first_frame": 1})
        >>> [str(reason) for reason in media_mismatches(["first_frame", "last_frame"], card)]
        ['takes no last frame']
    """
    if card.media_required and not roles:
        yield Mismatch(field="media", message="needs a reference image or video")
    for role in dict.fromkeys(roles):
        allowed, given = card.media.get(role, 0), roles.count(role)
        if given > allowed:
            name = role.replace("_", " ")
            yield Mismatch(
                field="media", message=f"takes {allowed} x {name}, not {given}" if allowed else f"takes no {name}"
            )
    for exclusive in card.media_exclusions:
        used = [role.replace("_", " ") for role in exclusive if role in roles]
        if len(used) > 1:
            yield Mismatch(field="media", message=f"takes only one of {' and '.join(used)}")


def broken_conditions(
    card: ModelCard, roles: Sequence[MediaRole], *, audio: bool | None = None, resolution: Resolution | None = None
) -> Iterator[Mismatch]:
    """Every condition of the model that such an order breaks; what is unset breaks nothing.

    Args:
        card: The model.
        roles: The role of each reference.
        audio: With sound or silent.
        resolution: Short side of the picture.

    Example:
        >>> from nexiom_sdk.cards import Condition
        >>> card = ModelCard(model="a1", conditions=(Condition(audio=True, resolutions=("1080p",)),))
        >>> [str(one) for one in broken_conditions(card, (), audio=True, resolution="720p")]
        ['720p is not offered with sound (offered: 1080p; nearest: 1080p)']
    """
    for condition in card.conditions:
        if not condition.applies(roles, audio):
            continue
        about = _about(condition)
        if resolution is not None and condition.resolutions and resolution not in condition.resolutions:
            nearest = nearest_resolution(resolution, condition.resolutions)
            yield _not_offered("resolution", resolution, condition.resolutions, nearest, where=about)
        if condition.silent and audio:
            yield Mismatch(field="audio", message=f"makes silent clips only{about}")
        if condition.beside and not any(role in roles for role in condition.beside):
            message = f"takes {_listed(condition.roles)} only beside {_listed(condition.beside, 'or')}"
            yield Mismatch(field="media", message=message)
        given = sum(role in condition.counted for role in roles)
        if condition.counted and given > condition.most:
            message = f"takes {condition.most} x {_listed(condition.counted, 'or')} together{about}, not {given}"
            yield Mismatch(field="media", message=message)


def best_places(request: VideoRequest, card: ModelCard, places: Sequence[Resolution | None]) -> list[Resolution | None]:
    """Those of the resolutions at which the model comes nearest to what was asked: first in length, then in shape.

    Args:
        request: The request.
        card: The model.
        places: Resolutions to compare, at least one; None stands for the provider's own default.

    Example:
        >>> long = Lengths(one_of=(10,), resolutions=("720p",))
        >>> card = ModelCard(model="a1", durations_seconds=(4,), lengths=(long,), resolutions=("720p", "1080p"))
        >>> best_places(VideoRequest(prompt="x", duration_seconds=9), card, card.resolutions)
        ['720p']
    """
    if not (card.lengths or card.shapes):
        return list(places)
    misses = [_miss(request, card, place) for place in places]
    least = min(misses)
    return [place for place, miss in zip(places, misses, strict=True) if miss == least]


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
            times = 1.0 if price.per == "clip" else spec.duration_seconds
            if times is None:
                return None
            return max(price.usd * Decimal(repr(times).removesuffix(".0")) + price.plus_usd, price.least_usd)
    return None


def nearest_resolution(wanted: Resolution, offered: Iterable[Resolution]) -> Resolution:
    """The offered resolution nearest to the wanted one; the higher of two equally near.

    Example:
        >>> nearest_resolution("768p", ["480p", "720p", "1080p"])
        '720p'
    """

    def distance(one: Resolution) -> tuple[int, int]:
        return abs(lines(one) - lines(wanted)), -lines(one)

    return min(tuple(offered) or (wanted,), key=distance)


def nearest_ratio(wanted: AspectRatio, offered: Iterable[AspectRatio]) -> AspectRatio:
    """The offered aspect ratio whose shape is nearest to the wanted one.

    Example:
        >>> nearest_ratio("21:9", ["9:16", "1:1", "16:9"])
        '16:9'
    """

    def distance(one: AspectRatio) -> float:
        return abs(quotient(one) - quotient(wanted))

    return min(tuple(offered) or (wanted,), key=distance)


def lines(resolution: Resolution) -> int:
    """Short side of the picture in pixels."""
    return int(resolution.removesuffix("p"))


@functools.cache
def quotient(ratio: AspectRatio) -> float:
    """Width of the picture in heights.

    Example:
        >>> quotient("3:4")
        0.75
    """
    width, height = ratio.split(":")
    return int(width) / int(height)


def _mismatches(request: VideoRequest, card: ModelCard) -> Iterator[Mismatch]:
    if request.duration_seconds is not None:
        yield from _length(request.duration_seconds, request, card)
    if request.resolution is not None and card.resolutions and request.resolution not in card.resolutions:
        nearest = nearest_resolution(request.resolution, card.resolutions)
        yield _not_offered("resolution", request.resolution, card.resolutions, nearest)
    if request.aspect_ratio is not None:
        yield from _ratio(request.aspect_ratio, request, card)
    if request.audio is not None:
        yield from _sound(request.audio, card.audio)
    if card.conditions:
        yield from broken_conditions(card, request.roles, audio=request.audio, resolution=request.resolution)
    if request.seed is not None and not card.seed:
        yield Mismatch(field="seed", message="takes no seed", adaptable=True)
    if request.negative_prompt and not card.negative_prompt:
        yield Mismatch(field="negative_prompt", message="takes no negative prompt", adaptable=True)
    if card.max_prompt_chars is not None and len(request.prompt) > card.max_prompt_chars:
        message = f"the prompt has {len(request.prompt):,} characters, {card.max_prompt_chars:,} are allowed"
        yield Mismatch(field="prompt", message=message)


def _length(wanted: float, request: VideoRequest, card: ModelCard) -> Iterator[Mismatch]:
    closest = card.lengths_for(request.mode, _best_place(request, card))
    nearest = closest.nearest(wanted)
    if nearest != wanted:
        where = f" at {request.resolution}" if request.resolution and card.lengths else ""
        message = f"{seconds(wanted)} is not offered{where} (offered: {closest}; nearest: {seconds(nearest)})"
        yield Mismatch(field="duration_seconds", message=message, adaptable=True)


def _ratio(wanted: AspectRatio, request: VideoRequest, card: ModelCard) -> Iterator[Mismatch]:
    offered = card.ratios_for(request.mode, _best_place(request, card))
    if offered is None:
        message = "the shape cannot be chosen (it comes from the picture)"
        yield Mismatch(field="aspect_ratio", message=message, adaptable=True)
    elif offered and wanted not in offered:
        yield _not_offered("aspect_ratio", wanted, offered, nearest_ratio(wanted, offered))


def _best_place(request: VideoRequest, card: ModelCard) -> Resolution | None:
    return request.resolution or best_places(request, card, card.resolutions or (None,))[0]


def _miss(request: VideoRequest, card: ModelCard, place: Resolution | None) -> tuple[float, float]:
    """How far the model stays from the length and from the shape that were asked for, at this resolution."""
    mode, length, ratio = request.mode, request.duration_seconds, request.aspect_ratio
    short = 0.0 if length is None else abs(card.lengths_for(mode, place).nearest(length) - length)
    if ratio is None:
        return short, 0.0
    offered = card.ratios_for(mode, place)
    return short, math.inf if offered is None else abs(quotient(nearest_ratio(ratio, offered)) - quotient(ratio))


def _about(condition: Condition) -> str:
    """The occasion of a condition, in words that end a sentence."""
    sound = {None: "", True: " with sound", False: " without sound"}[condition.audio]
    return sound + (f" beside {_listed(condition.roles)}" if condition.roles else "")


def _listed(roles: Sequence[MediaRole], last: str = "and") -> str:
    """Roles in words, such as: a first frame or a reference image."""
    names = [f"a {role.replace('_', ' ')}" for role in roles]
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _not_offered(field: str, asked: str, offered: Iterable[str], nearest: str, *, where: str = "") -> Mismatch:
    message = f"{asked} is not offered{where} (offered: {', '.join(offered)}; nearest: {nearest})"
    return Mismatch(field=field, message=message, adaptable=True)


def _sound(asked: bool, offered: Sound) -> Iterator[Mismatch]:  # noqa: FBT001 - a value, not a flag
    match asked, offered:
        case (True, "never"):
            yield Mismatch(field="audio", message="makes silent clips only")
        case (False, "always"):
            yield Mismatch(field="audio", message="always makes sound", adaptable=True)
        case (_, "unknown"):
            yield Mismatch(field="audio", message="sound cannot be chosen", adaptable=True)
        case _:
            pass


def _media(request: VideoRequest, card: ModelCard, *, addresses: bool) -> Iterator[Mismatch]:
    yield from media_mismatches(request.roles, card)
    if "gs" not in card.delivery and any(media.delivery == "gs" for media in request.references):
        yield Mismatch(field="media", message="reads no gs:// addresses")
    missing = [media for media in request.references if media.url is None and card.by_address(media.role)]
    if missing and not addresses:
        what = "references" if card.addresses_only else f"{kind_of(missing[0].role)}s"
        yield Mismatch(field="media", message=f"takes {what} as web addresses only, and this store has none")
