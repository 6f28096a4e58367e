"""The models behind `sora`: whatever a server serves, and those that OpenAI served until 2026-09-24.

Of what a server serves, nothing is known here but what the format can say: lengths and resolutions are those that open
models are made for, and the price is the operator's.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from nexiom_sdk.models import MediaLimits, ModelCard, Price
from nexiom_sdk.providers.openai_videos import CONDITIONS, DELIVERY, FRAMES, ImageMode
from nexiom_sdk.types import ASPECT_RATIOS, Resolution

SERVED = "@served"
"""Stands for the model of a server that has one; the servers take orders that name none."""

_FRAME = MediaLimits(types=("image/jpeg", "image/png", "image/webp"), same_size_as_video=True)

CLOSED_ON = date(2026, 9, 24)
"""The day on which OpenAI closed its own service."""


def served(model: str, image_mode: ImageMode) -> ModelCard:
    """The card of a model about which only the server knows more: what the format can say, and no price.

    Args:
        model: Its name at the server, or `SERVED`.
        image_mode: How the server takes pictures.
    """
    return ModelCard(
        model=model,
        durations_seconds=tuple(range(1, 16)),
        resolutions=("480p", "720p", "1080p"),
        aspect_ratios=ASPECT_RATIOS,
        media=FRAMES[image_mode],
        conditions=CONDITIONS if "last_frame" in FRAMES[image_mode] else (),
        delivery=DELIVERY[image_mode],
        audio="unknown",
        seed=True,
        negative_prompt=True,
        typical_seconds=150.0,
        min_poll_seconds=2.0,
        verified_on="2026-11-22: vLLM-Omni 0.30.0, SGLang 0.5.23, LiteLLM 1.109.1",
    )


def _retired(model: str, *resolutions: Resolution, price: Price) -> ModelCard:
    return ModelCard(
        model=model,
        durations_seconds=(4, 8, 12, 16, 20),
        resolutions=resolutions,
        aspect_ratios=("16:9", "9:16"),
        media={"first_frame": 1},
        media_limits={"image": _FRAME},
        audio="always",
        prices=(price,),
        priced_on="2026-11-22: OpenAI's model page, and LiteLLM 1.109.1 for sora-2-pro",
        lifecycle="retired",
        retires_on=CLOSED_ON,
        verified_on="2026-11-22: OpenAI's model page, openai 3.54.0",
    )


_SORA_2 = Price(usd=Decimal("0.10"))
_SORA_2_PRO = Price(usd=Decimal("0.30"), resolution="720p")

RETIRED: tuple[ModelCard, ...] = (
    _retired("sora-2", "720p", price=_SORA_2),
    _retired("sora-2-2025-10-06", "720p", price=_SORA_2),
    _retired("sora-2-2025-12-08", "720p", price=_SORA_2),
    _retired("sora-2-pro", "720p", "1080p", price=_SORA_2_PRO),
    _retired("sora-2-pro-2025-10-06", "720p", "1080p", price=_SORA_2_PRO),
)
"""OpenAI's own models, so that an old name is answered with a date."""
