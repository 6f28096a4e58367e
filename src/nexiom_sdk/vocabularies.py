"""The words that a user, a policy or a card may say: tiers, ratios, resolutions, roles and modes, as `Literal`s."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

QualityTier: TypeAlias = Literal["standard", "cinematic", "ultra_realistic"]
AspectRatio: TypeAlias = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21"]
Resolution: TypeAlias = Literal["360p", "480p", "540p", "720p", "768p", "1080p", "1440p", "2160p"]
MediaRole: TypeAlias = Literal[
    "first_frame", "last_frame", "reference_image", "reference_video", "reference_audio", "source_video"
]
Mode: TypeAlias = Literal["text", "image", "reference", "video"]
Delivery: TypeAlias = Literal["url", "bytes", "gs"]
Container: TypeAlias = Literal["mp4", "webm"]
SubmissionRecovery: TypeAlias = Literal["key", "lookup", "none"]

QUALITY_TIERS: tuple[QualityTier, ...] = get_args(QualityTier)
ASPECT_RATIOS: tuple[AspectRatio, ...] = get_args(AspectRatio)
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)


def mode_of(roles: Iterable[MediaRole]) -> Mode:
    """The mode that media of these roles make.

    Example:
        >>> mode_of([]), mode_of(["first_frame", "reference_image"])
        ('text', 'reference')
    """
    modes = {_MODE_OF_ROLE[role] for role in roles}
    if not modes:
        return "text"
    ranked: tuple[Mode, ...] = ("video", "reference", "image")
    return next(mode for mode in ranked if mode in modes)


_MODE_OF_ROLE: Mapping[MediaRole, Mode] = {
    "first_frame": "image",
    "last_frame": "image",
    "reference_image": "reference",
    "reference_video": "reference",
    "reference_audio": "reference",
    "source_video": "video",
}
