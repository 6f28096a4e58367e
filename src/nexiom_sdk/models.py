"""What a model accepts and costs, as data, and the questions everybody asks of that data.

Selection, argument checks, documentation and conformance tests read the same cards, so they cannot disagree.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

from pydantic import Field

from nexiom_sdk.types import AspectRatio, Delivery, Frozen, MediaRole, Mode, Resolution, VideoRequest
from nexiom_sdk.wording import seconds

Lifecycle: TypeAlias = Literal["ga", "preview", "deprecated", "retired"]
Sound: TypeAlias = Literal["never", "optional", "always", "unknown"]


class Lengths(Frozen):
    """Clip lengths a model offers, under conditions; an empty condition holds always.

    Args:
        one_of: The lengths offered, in seconds.
        between: Or any length in this range, in seconds, ends included.
        modes: Only for these modes.
        resolutions: Only at these resolutions.
    """

    one_of: tuple[float, ...] = ()
    between: tuple[float, float] | None = None
    modes: tuple[Mode, ...] = ()
    resolutions: tuple[Resolution, ...] = ()

    def applies(self, mode: Mode, resolution: Resolution | None) -> bool:
        """Whether the conditions hold; an unset resolution is taken to meet them."""
        return (not self.modes or mode in self.modes) and (
            not self.resolutions or resolution is None or resolution in self.resolutions
        )

    def nearest(self, wanted_seconds: float) -> float:
        """The length offered that is nearest to the wanted one; the longer of two equally near."""
        if self.between is not None:
            return min(max(wanted_seconds, self.between[0]), self.between[1])
        return min(self.one_of, key=lambda offered: (abs(offered - wanted_seconds), -offered), default=wanted_seconds)

    def __str__(self) -> str:
        if self.between is not None:
            return f"{seconds(self.between[0])} to {seconds(self.between[1])}"
        return f"{', '.join(f'{length:g}' for length in self.one_of)} s"


@functools.lru_cache(maxsize=1024)
def _always(one_of: tuple[float, ...], between: tuple[float, float] | None) -> Lengths:
    """Lengths without conditions; every selection asks every card for them, and cards share them."""
    return Lengths(one_of=one_of, between=between)


class Price(Frozen):
    """One row of a price table; the first row whose conditions all hold is the price.

    Args:
        usd: Amount in USD.
        per: What it is paid for: a second of video, or a clip.
        resolution: Only at this resolution.
        audio: Only with (True) or without (False) sound.
        mode: Only in this mode.
        duration_seconds: Only for clips of this length.
    """

    usd: Decimal = Field(ge=0)
    per: Literal["second", "clip"] = "second"
    resolution: Resolution | None = None
    audio: bool | None = None
    mode: Mode | None = None
    duration_seconds: float | None = None


class ModelCard(Frozen):
    """The facts of one model, with their date.

    Args:
        model: The model's id at the provider.
        durations_seconds: Lengths offered.
        duration_range_seconds: Or a range, ends included; whole and broken seconds alike.
        lengths: Lengths under conditions; the first rule that applies replaces the two above.
        resolutions: Resolutions offered.
        aspect_ratios: Ratios offered.
        media: How many references of each role it takes; a missing role is not taken.
        media_exclusions: Sets of roles of which only one may be used at a time.
        media_required: It cannot work from a prompt alone.
        delivery: How references may be handed over.
        audio: Whether clips have sound: never, optional, always, or unknown.
        seed: Whether it takes a seed.
        negative_prompt: Whether it takes a negative prompt.
        max_prompt_chars: Longest prompt in characters, where known.
        prices: The price table; empty where no price is known.
        priced_on: Date and source of the prices.
        lifecycle: ga, preview, deprecated or retired.
        retires_on: From this day on it is not offered.
        retires_not_before: The provider promises it until this day.
        successor: The model to use instead.
        regions_excluded: ISO country codes (or EU) where its licence forbids use.
        typical_seconds: Median time to make a clip, until our own history knows better.
        min_poll_seconds: Shortest time between two looks that the provider allows.
        verified_on: Date and source of these facts.

    Example:
        >>> card = ModelCard(model="a1", durations_seconds=(4, 8), resolutions=("720p",), aspect_ratios=("16:9",))
        >>> [str(reason) for reason in mismatches(VideoRequest(prompt="x", duration_seconds=5), card)]
        ['5 s is not offered (offered: 4, 8 s; nearest: 4 s)']
    """

    model: str
    durations_seconds: tuple[float, ...] = ()
    duration_range_seconds: tuple[float, float] | None = None
    lengths: tuple[Lengths, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    aspect_ratios: tuple[AspectRatio, ...] = ()
    media: Mapping[MediaRole, int] = Field(default_factory=dict[MediaRole, int])
    media_exclusions: tuple[tuple[MediaRole, ...], ...] = ()
    media_required: bool = False
    delivery: frozenset[Delivery] = frozenset({"url", "bytes"})
    audio: Sound = "never"
    seed: bool = False
    negative_prompt: bool = False
    max_prompt_chars: int | None = None
    prices: tuple[Price, ...] = ()
    priced_on: str = ""
    lifecycle: Lifecycle = "ga"
    retires_on: date | None = None
    retires_not_before: date | None = None
    successor: str | None = None
    regions_excluded: tuple[str, ...] = ()
    typical_seconds: float = 120.0
    min_poll_seconds: float = 5.0
    verified_on: str = ""

    def lengths_for(self, mode: Mode, resolution: Resolution | None) -> Lengths:
        """The lengths offered in this mode at this resolution."""
        for rule in self.lengths:
            if rule.applies(mode, resolution):
                return rule
        return _always(self.durations_seconds, self.duration_range_seconds)

    def retired(self, today: date) -> bool:
        """Whether the model is no longer offered on this day."""
        return self.lifecycle == "retired" or (self.retires_on is not None and today >= self.retires_on)


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


def mismatches(request: VideoRequest, card: ModelCard) -> tuple[Mismatch, ...]:
    """Every reason why this model cannot carry out this request; empty when it can.

    Only what the user asked is judged: a tier's default never makes a request fail.

    Args:
        request: The request.
        card: The model.
    """
    return tuple(_mismatches(request, card))


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
            if price.per == "clip":
                return price.usd
            length = spec.duration_seconds
            return None if length is None else price.usd * Decimal(repr(length).removesuffix(".0"))
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
        return abs(_shape(one) - _shape(wanted))

    return min(tuple(offered) or (wanted,), key=distance)


def lines(resolution: Resolution) -> int:
    """Short side of the picture in pixels."""
    return int(resolution.removesuffix("p"))


def _shape(ratio: AspectRatio) -> float:
    width, height = ratio.split(":")
    return int(width) / int(height)


def _mismatches(request: VideoRequest, card: ModelCard) -> Iterator[Mismatch]:
    if request.duration_seconds is not None:
        yield from _length(request.duration_seconds, request, card)
    if request.resolution is not None and card.resolutions and request.resolution not in card.resolutions:
        nearest = nearest_resolution(request.resolution, card.resolutions)
        yield _not_offered("resolution", request.resolution, card.resolutions, nearest)
    if request.aspect_ratio is not None and card.aspect_ratios and request.aspect_ratio not in card.aspect_ratios:
        ratio = nearest_ratio(request.aspect_ratio, card.aspect_ratios)
        yield _not_offered("aspect_ratio", request.aspect_ratio, card.aspect_ratios, ratio)
    if request.audio is not None:
        yield from _sound(request.audio, card.audio)
    if request.seed is not None and not card.seed:
        yield Mismatch(field="seed", message="takes no seed", adaptable=True)
    if request.negative_prompt and not card.negative_prompt:
        yield Mismatch(field="negative_prompt", message="takes no negative prompt", adaptable=True)
    if card.max_prompt_chars is not None and len(request.prompt) > card.max_prompt_chars:
        message = f"the prompt has {len(request.prompt):,} characters, {card.max_prompt_chars:,} are allowed"
        yield Mismatch(field="prompt", message=message)
    yield from _media(request, card)


def _length(wanted: float, request: VideoRequest, card: ModelCard) -> Iterator[Mismatch]:
    mode = request.mode
    at: tuple[Resolution | None, ...] = (request.resolution,) if request.resolution else (card.resolutions or (None,))
    rules = [card.lengths_for(mode, resolution) for resolution in at]
    closest = min(rules, key=lambda rule: abs(rule.nearest(wanted) - wanted))
    nearest = closest.nearest(wanted)
    if nearest != wanted:
        where = f" at {request.resolution}" if request.resolution and card.lengths else ""
        message = f"{seconds(wanted)} is not offered{where} (offered: {closest}; nearest: {seconds(nearest)})"
        yield Mismatch(field="duration_seconds", message=message, adaptable=True)


def _not_offered(field: str, asked: str, offered: Iterable[str], nearest: str) -> Mismatch:
    message = f"{asked} is not offered (offered: {', '.join(offered)}; nearest: {nearest})"
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


def _media(request: VideoRequest, card: ModelCard) -> Iterator[Mismatch]:
    roles: list[MediaRole] = [media.role for media in request.references]
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
    if any(media.url for media in request.references) and "url" not in card.delivery:
        yield Mismatch(field="media", message="takes files, not addresses: download the reference first")
