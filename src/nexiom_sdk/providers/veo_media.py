"""What both of Google's ways to write an order share: words for the types of references, and for resolutions."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.types import DeliveredMedia, Resolution, VideoSpec

_TYPES: Mapping[str, str] = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "png": "image/png",
    "webm": "video/webm",
    "webp": "image/webp",
}
_RESOLUTIONS: Mapping[Resolution, str] = {"2160p": "4k"}


def media_type(media: DeliveredMedia) -> str:
    """The type of a reference: its own, else that of the ending of its address.

    Raises:
        InvalidInput: Neither tells.

    Example:
        >>> media_type(DeliveredMedia(role="first_frame", media_type="", url="gs://bucket/fox.PNG"))
        'image/png'
    """
    ending = (media.url or "").rpartition(".")[2].lower()
    found = media.media_type or _TYPES.get(ending)
    if found is None:
        msg = "An address in Cloud Storage does not tell what is there: it has none of the usual endings."
        raise InvalidInput(msg, next_step=f"Give the object one of these: {', '.join(_TYPES)}.")
    return found


def resolution(spec: VideoSpec) -> str | None:
    """The resolution in Google's words."""
    return spec.resolution and _RESOLUTIONS.get(spec.resolution, spec.resolution)
