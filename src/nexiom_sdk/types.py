"""The values that travel, in one place: what a user asks, what a provider gets and answers, what was chosen.

Adapters of other people and our own code import them from here; each module below has one part of them. Values that
cross a boundary (a user's request, a row, a file) are frozen pydantic models; values that stay inside are frozen
dataclasses. Vocabularies that a user types are `Literal`s. Money is `Decimal` USD, lengths are seconds.
"""

from __future__ import annotations

from nexiom_sdk.choice import ANY_PROVIDER, WHOLE_TIER, Candidate, Choice, Rejection
from nexiom_sdk.operations import (
    Asset,
    Cancelled,
    DeliveredMedia,
    Failed,
    Operation,
    Poll,
    Running,
    Submission,
    Succeeded,
    VideoSpec,
)
from nexiom_sdk.values import Frozen
from nexiom_sdk.video_probe import VideoProbe
from nexiom_sdk.video_request import MAX_PROMPT_BYTES, Media, RequestFields, VideoRequest
from nexiom_sdk.vocabularies import (
    ASPECT_RATIOS,
    QUALITY_TIERS,
    RESOLUTIONS,
    AspectRatio,
    Container,
    Delivery,
    MediaRole,
    Mode,
    QualityTier,
    Resolution,
    SubmissionRecovery,
    mode_of,
)

__all__ = [
    "ANY_PROVIDER",
    "ASPECT_RATIOS",
    "MAX_PROMPT_BYTES",
    "QUALITY_TIERS",
    "RESOLUTIONS",
    "WHOLE_TIER",
    "AspectRatio",
    "Asset",
    "Cancelled",
    "Candidate",
    "Choice",
    "Container",
    "DeliveredMedia",
    "Delivery",
    "Failed",
    "Frozen",
    "Media",
    "MediaRole",
    "Mode",
    "Operation",
    "Poll",
    "QualityTier",
    "Rejection",
    "RequestFields",
    "Resolution",
    "Running",
    "Submission",
    "SubmissionRecovery",
    "Succeeded",
    "VideoProbe",
    "VideoRequest",
    "VideoSpec",
    "mode_of",
]
