"""What a model accepts and costs, as data: the card of a model.

Selection, argument checks, documentation and conformance tests read the same cards, so they cannot disagree.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from nexiom_sdk.figures import ClipSeconds, ClipSpan, Count, Share, SomeSeconds, Usd
from nexiom_sdk.types import AspectRatio, Delivery, MediaRole, Mode, Resolution
from nexiom_sdk.values import Frozen
from nexiom_sdk.wording import seconds

Lifecycle: TypeAlias = Literal["ga", "preview", "deprecated", "retired"]
Sound: TypeAlias = Literal["never", "optional", "always", "unknown"]
MediaKind: TypeAlias = Literal["image", "video", "audio"]


def kind_of(role: MediaRole) -> MediaKind:
    """What kind of file has this role.

    Example:
        >>> kind_of("last_frame"), kind_of("source_video")
        ('image', 'video')
    """
    return _KINDS.get(role.rpartition("_")[2], "image")


_KINDS: Mapping[str, MediaKind] = {"video": "video", "audio": "audio"}


_MANY = 6  # lengths in a row are told as a range


class _Rule(Frozen):
    """Something a model offers under conditions; an empty condition holds always."""

    modes: tuple[Mode, ...] = ()
    resolutions: tuple[Resolution, ...] = ()

    def applies(self, mode: Mode, resolution: Resolution | None) -> bool:
        """Whether the conditions hold; an unset resolution is taken to meet them."""
        return (not self.modes or mode in self.modes) and (
            not self.resolutions or resolution is None or resolution in self.resolutions
        )


class Lengths(_Rule):
    """Clip lengths a model offers, under conditions; an empty condition holds always.

    Args:
        one_of: The lengths offered, in seconds.
        between: Or any length in this range, in seconds, ends included.
        modes: Only for these modes.
        resolutions: Only at these resolutions.
    """

    one_of: tuple[ClipSeconds, ...] = ()
    between: ClipSpan | None = None

    def nearest(self, wanted_seconds: float) -> float:
        """The length offered that is nearest to the wanted one; the longer of two equally near."""
        if self.between is not None:
            return min(max(wanted_seconds, self.between[0]), self.between[1])
        return _nearest(self.one_of, wanted_seconds)

    def __str__(self) -> str:
        if self.between is not None:
            return f"{seconds(self.between[0])} to {seconds(self.between[1])}"
        first, last = (self.one_of[0], self.one_of[-1]) if self.one_of else (0, 0)
        if len(self.one_of) >= _MANY and self.one_of == tuple(range(int(first), int(last) + 1)):
            return f"{first:g} to {last:g} s, whole seconds"
        return f"{', '.join(f'{length:g}' for length in self.one_of)} s"


@functools.lru_cache(maxsize=1024)
def _nearest(offered: tuple[float, ...], wanted: float) -> float:
    return min(offered, key=lambda one: (abs(one - wanted), -one), default=wanted)


class Shapes(_Rule):
    """Aspect ratios a model offers, under conditions; an empty condition holds always.

    Args:
        aspect_ratios: The ratios offered; empty where the shape cannot be chosen, because it comes from the picture.
        modes: Only for these modes.
        resolutions: Only at these resolutions.
    """

    aspect_ratios: tuple[AspectRatio, ...]


class Condition(Frozen):
    """Something that a model does only together with something else; unset parts say nothing.

    Args:
        roles: It is about orders with a reference of each of these roles.
        audio: It is about clips with (True) or without (False) sound.
        resolutions: Then only at these resolutions.
        silent: Then only without sound.
        beside: Then only beside a reference of one of these roles.
        counted: Then references of these roles are counted together,
        most: and may be this many.

    Example:
        >>> Condition(audio=True, resolutions=("1080p",)).applies({"first_frame"}, None)
        False
    """

    roles: tuple[MediaRole, ...] = ()
    audio: bool | None = None
    resolutions: tuple[Resolution, ...] = ()
    silent: bool = False
    beside: tuple[MediaRole, ...] = ()
    counted: tuple[MediaRole, ...] = ()
    most: Count = 0

    def applies(self, roles: Collection[MediaRole], audio: bool | None) -> bool:  # noqa: FBT001 - a value, not a flag
        """Whether it is about such an order; an unset wish for sound is taken not to meet it."""
        return (self.audio is None or self.audio == audio) and all(role in roles for role in self.roles)


class MediaLimits(Frozen):
    """What references of one kind must be like; an unset limit is none that is known of.

    Args:
        types: Media types taken, such as image/png; empty: any that the library knows.
        max_bytes: Largest file.
        max_side_pixels: Longest side of an image or a video.
        min_side_pixels: Shortest side of an image or a video.
        min_ratio: Least width of an image, in heights.
        max_ratio: Greatest width of an image, in heights.
        same_size_as_video: An image must have exactly the size of the video that is asked for.
        min_seconds: Shortest video or sound.
        max_seconds: Longest video or sound.
        max_total_seconds: Longest that all videos, or all sounds, of an order may be together.
        min_frames_per_second: Least frame rate of a video.
        max_frames_per_second: Greatest frame rate of a video.
    """

    types: tuple[str, ...] = ()
    max_bytes: Count | None = None
    max_side_pixels: Count | None = None
    min_side_pixels: Count | None = None
    min_ratio: Share | None = None
    max_ratio: Share | None = None
    same_size_as_video: bool = False
    min_seconds: ClipSeconds | None = None
    max_seconds: ClipSeconds | None = None
    max_total_seconds: ClipSeconds | None = None
    min_frames_per_second: Share | None = None
    max_frames_per_second: Share | None = None


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
        plus_usd: Added once per clip.
        least_usd: A clip never costs less than this.
    """

    usd: Usd
    per: Literal["second", "clip"] = "second"
    resolution: Resolution | None = None
    audio: bool | None = None
    mode: Mode | None = None
    duration_seconds: ClipSeconds | None = None
    plus_usd: Usd = Decimal(0)
    least_usd: Usd = Decimal(0)


class ModelCard(Frozen):
    """The facts of one model, with their date.

    Args:
        model: The model's id at the provider.
        durations_seconds: Lengths offered.
        duration_range_seconds: Or a range, ends included; whole and broken seconds alike.
        lengths: Lengths under conditions; the first rule that applies replaces the two above.
        resolutions: Resolutions offered.
        aspect_ratios: Ratios offered; empty: any may be asked for.
        shapes: Ratios under conditions; the first rule that applies replaces the one above.
        media: How many references of each role it takes; a missing role is not taken.
        media_exclusions: Sets of roles of which only one may be used at a time.
        conditions: What it does only together with something else.
        media_required: It cannot work from a prompt alone.
        media_limits: What references of each kind must be like.
        delivery: How references may be handed over: url: as web addresses, bytes: as the files themselves, gs: as
            addresses in Google Cloud Storage.
        addresses_only_for: Kinds of references that it takes as web addresses only.
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
        licence: The licence that its use is under, where it has one of its own.
        regions_excluded: ISO country codes (or EU) where its licence forbids use.
        typical_seconds: Median time to make a clip, until our own history knows better.
        min_poll_seconds: Shortest time between two looks that the provider allows.
        verified_on: Date and source of these facts.

    Raises:
        InvalidInput: A figure is impossible, such as a length of no or of endless time.

    Example:
        >>> card = ModelCard(model="a1", durations_seconds=(4, 8), resolutions=("720p",), aspect_ratios=("16:9",))
        >>> from nexiom_sdk.models import mismatches
        >>> from nexiom_sdk.types import VideoRequest
        >>> [str(reason) for reason in mismatches(VideoRequest(prompt="x", duration_seconds=5), card)]
        ['5 s is not offered (offered: 4, 8 s; nearest: 4 s)']
    """

    model: str
    durations_seconds: tuple[ClipSeconds, ...] = ()
    duration_range_seconds: ClipSpan | None = None
    lengths: tuple[Lengths, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    aspect_ratios: tuple[AspectRatio, ...] = ()
    shapes: tuple[Shapes, ...] = ()
    media: Mapping[MediaRole, Count] = Field(default_factory=dict[MediaRole, int])
    media_exclusions: tuple[tuple[MediaRole, ...], ...] = ()
    conditions: tuple[Condition, ...] = ()
    media_required: bool = False
    media_limits: Mapping[MediaKind, MediaLimits] = Field(default_factory=dict[MediaKind, MediaLimits])
    delivery: frozenset[Delivery] = frozenset({"url", "bytes"})
    addresses_only_for: frozenset[MediaKind] = frozenset()
    audio: Sound = "never"
    seed: bool = False
    negative_prompt: bool = False
    max_prompt_chars: Annotated[int, Field(ge=1)] | None = None
    prices: tuple[Price, ...] = ()
    priced_on: str = ""
    lifecycle: Lifecycle = "ga"
    retires_on: date | None = None
    retires_not_before: date | None = None
    successor: str | None = None
    licence: str = ""
    regions_excluded: tuple[str, ...] = ()
    typical_seconds: SomeSeconds = 120.0
    min_poll_seconds: SomeSeconds = 5.0
    verified_on: str = ""

    def lengths_for(self, mode: Mode, resolution: Resolution | None) -> Lengths:
        """The lengths offered in this mode at this resolution."""
        for rule in self.lengths:
            if rule.applies(mode, resolution):
                return rule
        return _always(self.durations_seconds, self.duration_range_seconds)

    def ratios_for(self, mode: Mode, resolution: Resolution | None) -> tuple[AspectRatio, ...] | None:
        """The aspect ratios offered in this mode at this resolution.

        Empty: any may be asked for. None: the shape cannot be chosen, because it comes from the picture.

        Example:
            >>> card = ModelCard(model="a1", shapes=(Shapes(aspect_ratios=("16:9",), modes=("text",)),))
            >>> card.ratios_for("text", "720p"), card.ratios_for("image", "720p")
            (('16:9',), ())
        """
        for rule in self.shapes:
            if rule.applies(mode, resolution):
                return rule.aspect_ratios or None
        return self.aspect_ratios

    @property
    def addresses_only(self) -> bool:
        """Whether it takes references as web addresses and in no other form."""
        return "url" in self.delivery and "bytes" not in self.delivery

    def by_address(self, role: MediaRole) -> bool:
        """Whether a reference of this role goes in as a web address and in no other form."""
        return self.addresses_only or kind_of(role) in self.addresses_only_for

    def retired(self, today: date) -> bool:
        """Whether the model is no longer offered on this day."""
        return self.lifecycle == "retired" or (self.retires_on is not None and today >= self.retires_on)
