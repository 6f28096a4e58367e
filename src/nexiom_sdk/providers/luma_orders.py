"""Orders as Luma's two APIs take them. They share words and nothing else: what fits one is refused by the other."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.providers.wire import base64_text
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec
from nexiom_sdk.wording import unknown

LAST_INDEX = 240  # of a clip of 10 s, on the grid of 24 frames a second
_LONG_SECONDS = 10
_SHORTEST_PROMPT = 3
_FRAMES: Mapping[MediaRole, str] = {"first_frame": "start_frame", "last_frame": "end_frame"}
_OLDER_FRAMES: Mapping[MediaRole, str] = {"first_frame": "frame0", "last_frame": "frame1"}
_OPTIONS = ("type", "user_id", "video")
_VIDEO_OPTIONS = ("edit", "exr_export", "hdr", "keyframe_indexes", "keyframes", "loop", "source_position")
_OLDER_OPTIONS = ("concepts", "keyframes", "loop")
_KINDS_OF_CHANGE = ("video_edit", "video_reframe")
_STRENGTHS = tuple(f"{word}_{number}" for word in ("adhere", "flex", "reimagine") for number in (1, 2, 3))


def agents_body(spec: VideoSpec) -> dict[str, JsonValue]:
    """The body of an order at the Agents API; without its `type` it would order a picture.

    Raises:
        UnsupportedFeature: References that do not go together.
        InvalidInput: An option that does not exist.
    """
    _check_options(spec.options, _OPTIONS)
    source, anchors, more = _of(spec, "source_video"), _anchors(spec), spec.options.get("video", {})
    if not isinstance(more, dict):
        raise InvalidInput("The option video of Luma is an object.")
    _check_options(more, _VIDEO_OPTIONS)
    if source is not None and len(spec.media) > 1:
        raise UnsupportedFeature("Luma changes a video or animates frames, not both.")
    if anchors and "keyframes" in more:
        raise InvalidInput("The option keyframes and the frames of the request say the same thing: give one of them.")
    kind = _kind(spec, changes=source is not None)
    body: dict[str, JsonValue] = {
        "model": spec.model,
        "type": kind,
        "prompt": spec.prompt,
        "aspect_ratio": None if kind == "video_edit" else spec.aspect_ratio,
        "source": None if source is None else {**_image(source), "media_type": source.media_type or "video/mp4"},
        "user_id": spec.options.get("user_id"),
        "video": _set(
            {
                "resolution": spec.resolution,
                "duration": _length(spec) if source is None else None,  # a changed video is as long as its source
                **anchors,
                **more,
            }
        ),
    }
    return _set(body)


def dream_machine_body(submission: Submission) -> tuple[str, dict[str, JsonValue]]:
    """Path and body of an order at the Dream Machine API.

    Raises:
        UnsupportedFeature: References that do not go together.
        InvalidInput: A prompt that is too short, or an option that does not exist.
    """
    spec = submission.spec
    if len(spec.prompt) < _SHORTEST_PROMPT:
        raise InvalidInput(f"The prompt has {len(spec.prompt)} characters; Luma takes at least {_SHORTEST_PROMPT}.")
    source = _of(spec, "source_video")
    if source is not None:
        return "/generations/video/modify", _modified(submission, source)
    _check_options(spec.options, _OLDER_OPTIONS)
    frames: dict[str, JsonValue] = {
        name: {"type": "image", "url": one.url} for role, name in _OLDER_FRAMES.items() if (one := _of(spec, role))
    }
    if frames and "keyframes" in spec.options:
        raise InvalidInput("The option keyframes and the frames of the request say the same thing: give one of them.")
    body: dict[str, JsonValue] = {
        "generation_type": "video",
        "model": spec.model,
        "prompt": spec.prompt,
        "aspect_ratio": spec.aspect_ratio,
        "resolution": "4k" if spec.resolution == "2160p" else spec.resolution,
        "duration": _length(spec),
        "keyframes": frames or None,
        "callback_url": submission.callback_url,
        **spec.options,
    }
    return "/generations/video", _set(body)


def _modified(submission: Submission, source: DeliveredMedia) -> dict[str, JsonValue]:
    spec = submission.spec
    _check_options(spec.options, ("mode",))
    mode = spec.options.get("mode")
    if mode not in _STRENGTHS:
        msg = f"Luma needs the option mode to change a video. Allowed: {', '.join(_STRENGTHS)}."
        raise InvalidInput(msg, next_step='Pass options={"luma": {"mode": "flex_1"}}, or another of these.')
    if _of(spec, "last_frame") is not None:
        raise UnsupportedFeature("Luma takes a video with a first frame, not with a last one.")
    first = _of(spec, "first_frame")
    return _set(
        {
            "generation_type": "modify_video",
            "model": spec.model,
            "mode": mode,
            "prompt": spec.prompt,
            "media": {"url": source.url},
            "first_frame": None if first is None else {"url": first.url},
            "callback_url": submission.callback_url,
        }
    )


def _anchors(spec: VideoSpec) -> dict[str, JsonValue]:
    """Frames by their names; in a clip of 10 s only keyframes with their places are taken."""
    frames: dict[MediaRole, JsonValue] = {role: _image(one) for role in _FRAMES if (one := _of(spec, role))}
    if spec.duration_seconds != _LONG_SECONDS or not frames:
        return {_FRAMES[role]: image for role, image in frames.items()}
    places: Mapping[MediaRole, int] = {"first_frame": 0, "last_frame": LAST_INDEX}
    ordered: list[MediaRole] = [role for role in places if role in frames]
    return {"keyframes": [frames[role] for role in ordered], "keyframe_indexes": [places[role] for role in ordered]}


def _image(media: DeliveredMedia) -> dict[str, JsonValue]:
    """A reference as an address, or as bare base64 with its type."""
    return {"url": media.url} if media.url else {"data": base64_text(media), "media_type": media.media_type}


def _of(spec: VideoSpec, role: MediaRole) -> DeliveredMedia | None:
    return next((one for one in spec.media if one.role == role), None)


def _length(spec: VideoSpec) -> str | None:
    return None if spec.duration_seconds is None else f"{spec.duration_seconds:g}s"


def _kind(spec: VideoSpec, *, changes: bool) -> str:
    kinds = _KINDS_OF_CHANGE if changes else ("video",)
    wanted = spec.options.get("type", kinds[0])
    if not isinstance(wanted, str) or wanted not in kinds:
        raise InvalidInput(unknown("type of order here", str(wanted), kinds))
    return wanted


def _check_options(options: Mapping[str, JsonValue], known: tuple[str, ...]) -> None:
    for key in options:
        if key not in known:
            raise InvalidInput(unknown("option of Luma", key, known))


def _set(body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Only what is set: neither API is sent a null."""
    return {key: value for key, value in body.items() if value not in (None, {})}
