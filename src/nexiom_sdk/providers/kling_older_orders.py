"""Orders as Kling's older API takes them: a path for each kind, the model in the body, lengths as text."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from nexiom_sdk.providers.asked import only_set
from nexiom_sdk.providers.kling_checks import (
    USUAL_SHAPE,
    check_options,
    checked,
    known,
    of_role,
    whole_seconds,
)
from nexiom_sdk.types import MediaRole, Mode, Resolution, Submission, VideoSpec

_TEXT, _IMAGE, _OMNI = (f"/v1/videos/{kind}" for kind in ("text2video", "image2video", "omni-video"))
OLDER_PATHS = (_TEXT, _IMAGE, _OMNI)
"""Where orders are made and looked at."""

_PATHS: Mapping[Mode, str] = {"text": _TEXT, "image": _IMAGE, "reference": _OMNI, "video": _OMNI}
_SHOTS = ("multi_prompt", "multi_shot", "shot_type", "voice_list", "watermark_info")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    _TEXT: ("camera_control", *_SHOTS),
    _IMAGE: ("camera_control", "dynamic_masks", "element_list", *_SHOTS, "static_mask"),
    _OMNI: ("element_list", "watermark_info"),
}
_FRAMES: Mapping[MediaRole, str] = {"first_frame": "first_frame", "last_frame": "end_frame"}
_VIDEOS: Mapping[MediaRole, str] = {"reference_video": "feature", "source_video": "base"}
_MODES: Mapping[Resolution, str] = {"720p": "std", "1080p": "pro", "2160p": "4k"}


def older_path(spec: VideoSpec, wire_id: str) -> str:
    """Where an order is made: an omni model has one path for all, of others the references decide."""
    card = known(spec.model, wire_id)
    return _OMNI if card is not None and "reference_image" in card.media else _PATHS[spec.mode]


def older_body(submission: Submission, wire_id: str) -> dict[str, JsonValue]:
    """The body of an order.

    Args:
        submission: What is wanted.
        wire_id: The model's id in the body.

    Raises:
        UnsupportedFeature: The model cannot be told this.
        InvalidInput: A value cannot be sent, or an option does not exist.
        ModelRetired: The model is gone.
    """
    spec = submission.spec
    card = known(spec.model, wire_id)
    checked(spec, card)
    path = older_path(spec, wire_id)
    check_options(spec, _OPTIONS[path])
    takes_sound = (card is None or card.audio == "optional") and spec.mode != "video"
    length = whole_seconds(spec)
    body: dict[str, JsonValue] = {
        "model_name": wire_id,
        "prompt": spec.prompt,
        "negative_prompt": spec.negative_prompt,
        "mode": _MODES.get(spec.resolution, spec.resolution) if spec.resolution else None,
        "duration": None if length is None else str(length),
        "aspect_ratio": spec.aspect_ratio,
        "sound": ("on" if spec.audio else "off") if takes_sound and spec.audio is not None else None,
        "callback_url": submission.callback_url,
        "external_task_id": submission.idempotency_key,
        **(_references(spec) if path == _OMNI else _frames(spec)),
        **spec.options,
    }
    return only_set(body)


def _frames(spec: VideoSpec) -> dict[str, JsonValue]:
    places = {"image": of_role(spec, "first_frame"), "image_tail": of_role(spec, "last_frame")}
    return {key: found[0] for key, found in places.items() if found}


def _references(spec: VideoSpec) -> dict[str, JsonValue]:
    """Pictures to go by come first, so that the first of them is image_1 in the prompt whatever else goes in."""
    pictures: list[JsonValue] = [{"image_url": url} for url in of_role(spec, "reference_image")]
    frames: list[JsonValue] = [
        {"image_url": url, "type": word} for role, word in _FRAMES.items() for url in of_role(spec, role)
    ]
    videos: list[JsonValue] = [
        {"video_url": url, "refer_type": kind, "keep_original_sound": "yes" if spec.audio else "no"}
        for role, kind in _VIDEOS.items()
        for url in of_role(spec, role)
    ]
    said: dict[str, JsonValue] = {"image_list": pictures + frames, "video_list": videos}
    if spec.aspect_ratio is None and not (frames or of_role(spec, "source_video")):
        said["aspect_ratio"] = USUAL_SHAPE  # has to be said where neither a frame nor a video to change shows it
    return said
