"""What both of Google's ways to write an order share: references, and what a model has no word for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import ModelCard, media_mismatches
from nexiom_sdk.types import DeliveredMedia, MediaRole, Resolution, VideoSpec
from nexiom_sdk.wording import unknown

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


def of(spec: VideoSpec, *roles: MediaRole) -> list[DeliveredMedia]:
    """The references with these roles, in the order of the roles."""
    return [one for role in roles for one in spec.media if one.role == role]


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


def whole_seconds(spec: VideoSpec) -> int | None:
    """The length of the clip.

    Raises:
        InvalidInput: It is broken.
    """
    length = spec.duration_seconds
    if length is not None and not length.is_integer():
        raise InvalidInput(f"Google makes clips of whole seconds, not of {length:g} s.")
    return None if length is None else int(length)


def check(spec: VideoSpec, card: ModelCard) -> None:
    """Refuse what the model has no word for: left out, the clip would be another one, and paid.

    Raises:
        UnsupportedFeature: With every reason.
    """
    reasons = [str(reason) for reason in media_mismatches([one.role for one in spec.media], card)]
    places = ["gs" if url.startswith("gs://") else "url" for one in spec.media if (url := one.url)]
    wished = {
        "takes a last frame together with a first one only": of(spec, "last_frame") and not of(spec, "first_frame"),
        "reads no gs:// addresses": "gs" in places and "gs" not in card.delivery,
        "takes references as files, not as web addresses": "url" in places,
        "always makes sound": spec.audio is False and card.audio == "always",
        "takes no seed": spec.seed is not None and not card.seed,
        "takes no negative prompt": spec.negative_prompt and not card.negative_prompt,
    }
    reasons += [reason for reason, wish in wished.items() if wish]
    if reasons:
        raise UnsupportedFeature(f"{spec.model} {'; '.join(reasons)}.", reasons=tuple(reasons))


def check_options(options: Iterable[str], known: tuple[str, ...]) -> None:
    """Refuse options that do not exist, or that say what the request says.

    Raises:
        InvalidInput: With what is known.
    """
    for key in options:
        if key not in known:
            raise InvalidInput(unknown("option of Google's", key, known))


def only_set(body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Only what is set: Google is sent no null."""
    return {key: value for key, value in body.items() if value is not None}
