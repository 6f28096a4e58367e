"""Kling's models under the names of its two APIs: what they take and cost.

Facts: Kling's documentation, read in copies of mid to late 2026. Prices: price pages as read in September and October
2026, by the list price of 0.14 USD a unit; a prepaid pack costs what was paid for it. As of 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import product

from nexiom_sdk.models import Condition, MediaKind, MediaLimits, ModelCard, Price, Shapes
from nexiom_sdk.types import AspectRatio, MediaRole, Mode, Resolution

_VERIFIED_ON = "2026-11-22: Kling's documentation"
_PRICED_ON = "2026-10: price pages, at 0.14 USD a unit"
_MEGABYTE = 1024 * 1024
_RATIOS: tuple[AspectRatio, ...] = ("16:9", "9:16", "1:1")
_SIZES: tuple[Resolution, ...] = ("720p", "1080p", "2160p")
_FRAMES: Mapping[MediaRole, int] = {"first_frame": 1, "last_frame": 1}
_OMNI: Mapping[MediaRole, int] = {**_FRAMES, "reference_image": 7, "reference_video": 1, "source_video": 1}
_IMAGES: tuple[MediaRole, ...] = ("first_frame", "last_frame", "reference_image")
_LAST_BESIDE_FIRST = Condition(roles=("last_frame",), beside=("first_frame",))
_TWO_FRAMES_AT_1080P = Condition(roles=("last_frame",), resolutions=("1080p",))

USUAL: Resolution = "720p"
"""What Kling makes where no resolution is said."""

OLDER_NAMES: Mapping[str, str] = {
    "kling-v3": "kling-3.0",
    "kling-v3-omni": "kling-3.0-omni",
    "kling-v2-6": "kling-2.6",
    "kling-v2-5-turbo": "kling-2.5-turbo",
}
"""Name of a model at the older API to its name at the present one."""


def is_older(model: str) -> bool:
    """Whether a model is asked for at the older API: there its name begins otherwise.

    Example:
        >>> is_older("kling-v3"), is_older("kling-3.0")
        (True, False)
    """
    return model.startswith("kling-v")


def _per_second(*usd: str, audio: bool | None = None, modes: tuple[Mode | None, ...] = (None,)) -> tuple[Price, ...]:
    """Prices of a second at 720p, 1080p and 4K; the sound that is not named is the rest."""
    return tuple(
        Price(usd=Decimal(one), resolution=place, audio=audio, mode=mode)
        for mode, (place, one) in product(modes, zip(_SIZES, usd, strict=False))
    )


def _limits(most_image_bytes: int) -> dict[MediaKind, MediaLimits]:
    return {
        "image": MediaLimits(
            types=("image/jpeg", "image/png"),
            max_bytes=most_image_bytes,
            min_side_pixels=300,
            min_ratio=0.4,
            max_ratio=2.5,
        ),
        "video": MediaLimits(
            types=("video/mp4", "video/quicktime"),
            max_bytes=200 * _MEGABYTE,
            min_side_pixels=700,
            max_side_pixels=4553,
            min_seconds=3,
            max_seconds=15.5,
            min_frames_per_second=24,
            max_frames_per_second=60,
        ),
    }


def _whole(shortest: int, longest: int) -> tuple[float, ...]:
    return tuple(map(float, range(shortest, longest + 1)))


_FRAME_MODEL = ModelCard(
    model="",
    aspect_ratios=_RATIOS,
    shapes=(Shapes(aspect_ratios=(), modes=("image",)),),
    media=_FRAMES,
    conditions=(_LAST_BESIDE_FIRST,),
    media_limits=_limits(50 * _MEGABYTE),
    priced_on=_PRICED_ON,
    verified_on=_VERIFIED_ON,
)
_OMNI_MODEL = _FRAME_MODEL.evolve(
    shapes=(Shapes(aspect_ratios=(), modes=("image", "video")),),
    media=_OMNI,
    addresses_only_for=frozenset({"video"}),
    media_exclusions=(
        ("reference_video", "source_video"),
        ("first_frame", "source_video"),
        ("last_frame", "source_video"),
    ),
    conditions=(
        _LAST_BESIDE_FIRST,
        Condition(roles=("reference_video",), silent=True),
        Condition(counted=_IMAGES, most=7),
        Condition(roles=("reference_video",), counted=_IMAGES, most=4),
        Condition(roles=("source_video",), counted=_IMAGES, most=4),
    ),
    priced_on=f"{_PRICED_ON}; references are priced as videos, and a changed video is as long as its source",
)
_PLAIN: tuple[Mode | None, ...] = ("text", "image")

PRESENT = (
    _FRAME_MODEL.evolve(
        model="kling-3.0",
        durations_seconds=_whole(3, 15),
        resolutions=_SIZES,
        audio="optional",
        max_prompt_chars=3072,
        prices=(*_per_second("0.126", "0.168", "0.42", audio=True), *_per_second("0.084", "0.112", "0.42")),
    ),
    _OMNI_MODEL.evolve(
        model="kling-3.0-omni",
        durations_seconds=_whole(3, 15),
        resolutions=_SIZES,
        audio="optional",
        max_prompt_chars=3072,
        prices=(
            *_per_second("0.112", "0.14", "0.42", audio=True, modes=(*_PLAIN, "reference")),
            *_per_second("0.084", "0.112", "0.42", modes=_PLAIN),
            *_per_second("0.126", "0.168", "0.42", modes=("reference",)),
        ),
    ),
    _FRAME_MODEL.evolve(
        model="kling-3.0-turbo",
        durations_seconds=_whole(3, 15),
        resolutions=_SIZES[:2],
        media={"first_frame": 1},
        conditions=(),
        audio="always",
        max_prompt_chars=3072,
        prices=_per_second("0.112", "0.14"),
    ),
    _FRAME_MODEL.evolve(
        model="kling-2.6",
        durations_seconds=(5.0, 10.0),
        resolutions=_SIZES[:2],
        conditions=(
            _LAST_BESIDE_FIRST,
            _TWO_FRAMES_AT_1080P,
            Condition(roles=("last_frame",), silent=True),
            Condition(audio=True, resolutions=("1080p",)),
        ),
        audio="optional",
        max_prompt_chars=2500,
        prices=(Price(usd=Decimal("0.14"), audio=True), *_per_second("0.042", "0.07")),
    ),
    _FRAME_MODEL.evolve(
        model="kling-2.5-turbo",
        durations_seconds=(5.0, 10.0),
        resolutions=_SIZES[:2],
        conditions=(_LAST_BESIDE_FIRST, _TWO_FRAMES_AT_1080P),
        max_prompt_chars=2500,
        prices=_per_second("0.042", "0.07"),
    ),
)


def _older() -> Iterator[ModelCard]:
    """The same models at the older API, and those that are there alone."""
    present = {card.model: card for card in PRESENT}
    limits = _limits(10 * _MEGABYTE)
    for name, same in OLDER_NAMES.items():
        card = present[same]
        yield card.evolve(model=name, media_limits=limits, negative_prompt="reference_image" not in card.media)
    yield _OMNI_MODEL.evolve(
        model="kling-video-o1",
        durations_seconds=_whole(3, 10),
        resolutions=_SIZES[:2],
        media_limits=limits,
        max_prompt_chars=2500,
        prices=(
            *_per_second("0.084", "0.112", modes=_PLAIN),
            *_per_second("0.126", "0.168", modes=("reference",)),
        ),
    )
    for name in ("kling-v1", "kling-v1-5", "kling-v1-6", "kling-v2-master", "kling-v2-1", "kling-v2-1-master"):
        yield ModelCard(
            model=name,
            lifecycle="retired",
            retires_on=date(2026, 9, 15),
            successor="kling-v2-5-turbo",
            verified_on="2026-08-26: a dated note from an account; Kling itself announces no end",
        )


OLDER = tuple(_older())
UNLISTED = ModelCard(
    model="",
    shapes=(Shapes(aspect_ratios=(), modes=("image", "video")),),
    media={**_OMNI, "reference_image": 10, "reference_video": 5},
    conditions=(_LAST_BESIDE_FIRST,),
    media_limits=_limits(50 * _MEGABYTE),
    addresses_only_for=frozenset({"video"}),
    audio="unknown",
)
"""What is assumed of a model that only the operator knows; Kling refuses what it does not take."""
