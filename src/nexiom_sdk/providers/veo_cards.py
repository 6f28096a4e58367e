"""Google's models for video: Gemini Omni, Veo 3.1 at Vertex AI, and those that are gone.

Sources: google-genai 3.4.0; Google's pages on Veo and its model versions, and its notebook on Gemini Omni 1.1, seen in
autumn 2026; prices as LiteLLM 1.109.1 has them, which cites Google's page; as of 2026-11-22. Those of Gemini Omni 1.2,
of silent clips and of clips that are continued are not known for certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from nexiom_sdk.models import Condition, Lengths, MediaLimits, ModelCard, Price, Shapes
from nexiom_sdk.types import MediaRole, Mode, Resolution

_PRICED_ON = "2026-11-22: LiteLLM 1.109.1, which cites Google's page"
_VERIFIED_ON = "2026-11-22: google-genai 3.4.0"
_IMAGES = MediaLimits(types=("image/jpeg", "image/png", "image/webp"))
_VEO_IMAGES = _IMAGES.evolve(max_bytes=20 * 1024 * 1024)
_CONTINUED = MediaLimits(types=("video/mp4",), min_seconds=1, max_seconds=30)
_GONE_EARLY, _GONE_LATE = date(2026, 6, 30), date(2026, 10, 22)
_EXTENSION_SECONDS = 7
_ONLY_FRAMES_OR_SOURCE: tuple[tuple[MediaRole, ...], ...] = (
    ("first_frame", "source_video"),
    ("last_frame", "source_video"),
)
_LAST_BESIDE_FIRST = Condition(roles=("last_frame",), beside=("first_frame",))
_PRICED: tuple[Mode, ...] = ("text", "image", "reference")


def _prices(usd: Mapping[Resolution, str], *, audio: bool | None = None) -> tuple[Price, ...]:
    return tuple(
        Price(usd=Decimal(amount), resolution=resolution, mode=mode, audio=audio)
        for mode in _PRICED
        for resolution, amount in usd.items()
    )


_VEO = ModelCard(
    model="",
    durations_seconds=(4, 6, 8),
    lengths=(
        Lengths(one_of=(8,), modes=("reference",)),
        Lengths(one_of=(_EXTENSION_SECONDS,), modes=("video",)),
    ),
    resolutions=("720p", "1080p", "2160p"),
    aspect_ratios=("16:9", "9:16"),
    shapes=(Shapes(aspect_ratios=(), modes=("video",)),),
    media={"first_frame": 1, "last_frame": 1, "reference_image": 3, "source_video": 1},
    media_exclusions=(
        ("first_frame", "reference_image"),
        ("last_frame", "reference_image"),
        *_ONLY_FRAMES_OR_SOURCE,
        ("reference_image", "source_video"),
    ),
    conditions=(_LAST_BESIDE_FIRST,),
    media_limits={"image": _VEO_IMAGES, "video": _CONTINUED},
    delivery=frozenset({"bytes", "gs"}),
    audio="optional",
    seed=True,
    negative_prompt=True,
    priced_on=_PRICED_ON,
    lifecycle="deprecated",
    retires_not_before=date(2026, 11, 17),
    successor="gemini-omni-1.1-flash",
    min_poll_seconds=5,
    verified_on=_VERIFIED_ON,
)
VEO_UNLISTED = _VEO.evolve(priced_on="", lifecycle="ga", retires_not_before=None, successor=None)
VEO: tuple[ModelCard, ...] = (
    _VEO.evolve(
        model="veo-3.1-generate-001", prices=_prices({"720p": "0.40", "1080p": "0.40", "2160p": "0.60"}, audio=True)
    ),
    _VEO.evolve(
        model="veo-3.1-fast-generate-001",
        prices=_prices({"720p": "0.10", "1080p": "0.12", "2160p": "0.30"}, audio=True),
    ),
    _VEO.evolve(
        model="veo-3.1-lite-generate-001",
        resolutions=("720p", "1080p"),
        media={"first_frame": 1, "last_frame": 1, "source_video": 1},
        media_exclusions=_ONLY_FRAMES_OR_SOURCE,
        audio="always",
        prices=_prices({"720p": "0.05", "1080p": "0.08"}),
        lifecycle="preview",
        retires_not_before=None,
    ),
)

_OMNI = ModelCard(
    model="",
    durations_seconds=tuple(range(3, 11)),
    resolutions=("360p", "720p", "1080p", "2160p"),
    aspect_ratios=("16:9", "9:16"),
    shapes=(Shapes(aspect_ratios=(), modes=("video",)),),
    media={"first_frame": 1, "last_frame": 1, "reference_image": 10, "reference_video": 3, "source_video": 1},
    media_exclusions=(
        ("first_frame", "reference_image"),
        ("first_frame", "reference_video"),
        ("last_frame", "reference_image"),
        ("last_frame", "reference_video"),
        *_ONLY_FRAMES_OR_SOURCE,
    ),
    conditions=(_LAST_BESIDE_FIRST,),
    media_limits={"image": _IMAGES},
    delivery=frozenset({"bytes"}),
    audio="always",
    min_poll_seconds=5,
    verified_on=_VERIFIED_ON,
)
OMNI_UNLISTED = _OMNI
OMNI: tuple[ModelCard, ...] = (
    _OMNI.evolve(
        model="gemini-omni-1.1-flash",
        prices=_prices({"360p": "0.03", "720p": "0.10", "1080p": "0.15", "2160p": "0.30"}),
        priced_on=_PRICED_ON,
    ),
    _OMNI.evolve(model="gemini-omni-1.2-flash", durations_seconds=tuple(range(3, 16)), seed=True),
)
PREVIEW_IDS: Mapping[str, str] = {"gemini-omni-1.1-flash": "gemini-omni-1.1-flash-preview"}
"""What models are called at Vertex AI, where that differs."""


def _gone(model: str, since: date, successor: str) -> ModelCard:
    return ModelCard(model=model, lifecycle="retired", retires_on=since, successor=successor, verified_on=_VERIFIED_ON)


_OLDER_VEO = ("veo-3.0-generate-001", "veo-3.0-fast-generate-001", "veo-2.0-generate-001")
_LATEST_AT_GEMINI = tuple(f"veo-3.1-{kind}generate-preview" for kind in ("", "fast-", "lite-"))
OMNI_GONE = (_gone("gemini-omni-flash-preview", _GONE_LATE, "gemini-omni-1.1-flash"),)
VEO_GONE = tuple(_gone(model, _GONE_EARLY, "veo-3.1-generate-001") for model in _OLDER_VEO)
VEO_PREVIEWS_GONE = tuple(_gone(model, _GONE_LATE, "gemini-omni-1.1-flash") for model in _LATEST_AT_GEMINI)
VEO_GONE_AT_GEMINI = (
    *(_gone(model, _GONE_EARLY, "gemini-omni-1.1-flash") for model in _OLDER_VEO),
    # Veo as a whole is closed there, under whatever name.
    *VEO_PREVIEWS_GONE,
    *(_gone(one.model, _GONE_LATE, "gemini-omni-1.1-flash") for one in VEO),
)
