"""Luma's models: Ray 3.2 at the Agents API, Ray 2 at the older Dream Machine API.

Sources: the official packages `luma-agents` 0.5.0 and `lumaai` 1.21.0; a guide of 2026-07-10 that quotes Luma's prices;
as of 2026-11-22. No trustworthy price of the older models was found, so theirs is unknown; that of drafts (360p) and of
edits, which are as long as their source, is unknown too.
"""

from __future__ import annotations

from decimal import Decimal

from nexiom_sdk.models import MediaLimits, ModelCard, Price, Shapes
from nexiom_sdk.types import Mode, Resolution

_AGENTS_MODEL = "ray-3.2"
_MOST_IMAGE_BYTES = 50 * 1024 * 1024
_MOST_VIDEO_BYTES = 200 * 1024 * 1024
_PER_CLIP: dict[tuple[Resolution, float], str] = {
    ("540p", 5): "0.15",
    ("720p", 5): "0.30",
    ("1080p", 5): "1.20",
    ("540p", 10): "0.45",
    ("720p", 10): "0.90",
    ("1080p", 10): "3.60",
}
_PRICED: tuple[Mode, ...] = ("text", "image")

RAY_3 = ModelCard(
    model=_AGENTS_MODEL,
    durations_seconds=(5, 10),
    resolutions=("360p", "540p", "720p", "1080p"),
    aspect_ratios=("16:9", "9:16", "1:1", "4:3", "3:4", "21:9"),
    shapes=(Shapes(aspect_ratios=(), modes=("video",)),),
    media={"first_frame": 1, "last_frame": 1, "source_video": 1},
    media_exclusions=(("first_frame", "source_video"), ("last_frame", "source_video")),
    media_limits={
        "image": MediaLimits(max_bytes=_MOST_IMAGE_BYTES),
        "video": MediaLimits(max_bytes=_MOST_VIDEO_BYTES, max_seconds=18),  # a page says 30 s, the schema 18 s
    },
    audio="never",
    max_prompt_chars=6000,
    prices=tuple(
        Price(usd=Decimal(usd), per="clip", resolution=resolution, duration_seconds=seconds, mode=mode)
        for mode in _PRICED
        for (resolution, seconds), usd in _PER_CLIP.items()
    ),
    priced_on="2026-07-10: a guide that quotes Luma's pricing page",
    lifecycle="preview",
    min_poll_seconds=5,
    verified_on="2026-11-22: luma-agents 0.5.0",
)


def _dream_machine(model: str) -> ModelCard:
    return ModelCard(
        model=model,
        durations_seconds=(5, 9),
        resolutions=("540p", "720p", "1080p", "2160p"),
        aspect_ratios=("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21"),
        shapes=(Shapes(aspect_ratios=(), modes=("video",)),),
        media={"first_frame": 1, "last_frame": 1, "source_video": 1},
        media_exclusions=(("last_frame", "source_video"),),
        delivery=frozenset({"url"}),
        audio="never",
        max_prompt_chars=5000,
        successor=_AGENTS_MODEL,
        min_poll_seconds=5,
        verified_on="2026-11-22: lumaai 1.21.0",
    )


RAY_2 = (_dream_machine("ray-2"), _dream_machine("ray-flash-2"))
GONE = (
    ModelCard(
        model="ray-1-6",
        lifecycle="retired",
        successor=_AGENTS_MODEL,
        verified_on="2026-11-22: lumaai 1.21.0, which has it no more; Luma names no day",
    ),
)
