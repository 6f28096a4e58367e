"""The open weights HunyuanVideo-1.5 on a server of one's own: what they make, and what an order means in frames.

Sources: the repository HunyuanVideo-1.5 (page and licence of April 2026), the code of vLLM-Omni 0.30.0, ComfyUI's
official workflow templates 0.1.123; as of 2026-11-22. The price is the operator's.
"""

from __future__ import annotations

from nexiom_sdk.errors import UnsupportedFeature
from nexiom_sdk.models import ModelCard, media_mismatches
from nexiom_sdk.types import VideoSpec

OPEN = "HunyuanVideo-1.5"
"""The model on the servers that are asked first."""

OPEN_ON_COMFYUI = "HunyuanVideo-1.5-comfyui"
"""The same on ComfyUI, where vLLM-Omni serves it too."""

FPS = 24
"""Frames per second that the model makes."""

CARD = ModelCard(
    model=OPEN,
    durations_seconds=(5, 6, 7, 8, 9, 10),
    resolutions=("480p", "720p"),
    aspect_ratios=("16:9", "9:16", "1:1", "4:3", "3:4"),
    media={"first_frame": 1},
    delivery=frozenset({"bytes"}),
    audio="never",
    seed=True,
    negative_prompt=True,
    licence="tencent-hunyuan-community",
    regions_excluded=("EU", "GB", "KR"),
    typical_seconds=300.0,
    verified_on="2026-11-22: HunyuanVideo-1.5's page and licence, vLLM-Omni 0.30.0",
)
"""What the model takes, text and first frame alike."""


def offered(card: ModelCard, *, text: bool, image: bool) -> ModelCard:
    """The card of a server that makes clips from text, from a first frame, or from both."""
    return card.evolve(media=card.media if image else {}, media_required=not text)


def frames(length_seconds: float) -> int:
    """How many frames a clip has: the model makes one, and then four at a time.

    Example:
        >>> frames(5), frames(10)
        (121, 241)
    """
    return 4 * round(length_seconds * FPS / 4) + 1


def check_asked(spec: VideoSpec, card: ModelCard, title: str) -> VideoSpec:
    """Let pass what the model can make; silence goes without saying.

    Raises:
        UnsupportedFeature: Something else is asked for.
    """
    reasons = [str(reason) for reason in media_mismatches([media.role for media in spec.media], card)]
    if spec.audio:
        reasons.append("makes silent clips only")
    if any(media.data is None for media in spec.media):
        reasons.append("takes pictures as bytes only")
    if reasons:
        raise UnsupportedFeature(f"{title} {'; '.join(dict.fromkeys(reasons))}.", reasons=tuple(reasons))
    return spec.evolve(audio=None)
