"""Orders as Luma's two APIs take them. They share words and nothing else: what fits one is refused by the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.providers.asked import check, of_roles, only_set
from nexiom_sdk.providers.luma_cards import RAY_2, RAY_3
from nexiom_sdk.providers.wire import base64_text
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec
from nexiom_sdk.wording import unknown

_LONG_SECONDS = 10
_LAST_INDEX = 240  # of a clip of 10 s, on the grid of 24 frames a second
_SHORTEST_PROMPT = 3
_FRAMES: Mapping[MediaRole, str] = {"first_frame": "start_frame", "last_frame": "end_frame"}
_OLDER_FRAMES: Mapping[MediaRole, str] = {"first_frame": "frame0", "last_frame": "frame1"}
_PLACES: Mapping[MediaRole, int] = {"first_frame": 0, "last_frame": _LAST_INDEX}
_OPTIONS = ("user_id", "video")
_FRAME_OPTIONS = ("end_frame", "keyframe_indexes", "keyframes", "start_frame")
_VIDEO_OPTIONS = (*_FRAME_OPTIONS, "edit", "exr_export", "hdr", "loop", "source_position")
_OLDER_OPTIONS = ("concepts", "keyframes", "loop")
_STRENGTHS = tuple(f"{word}_{number}" for word in ("adhere", "flex", "reimagine") for number in (1, 2, 3))
_EDGES = tuple(f"{axis}_{end}" for axis in "xy" for end in ("start", "end"))
_REFRAMING = ("aspect_ratio", *_EDGES, "grid_position_x", "grid_position_y", "resized_height", "resized_width")


def agents_body(spec: VideoSpec) -> dict[str, JsonValue]:
    """The body of an order at the Agents API; without its `type` it would order a picture.

    Raises:
        UnsupportedFeature: References that do not go together, or what Luma has no word for.
        InvalidInput: An option that does not exist, or that says what the request says.
    """
    check(spec, RAY_3)
    source, frames, more = _of(spec, "source_video"), _anchors(spec), spec.options.get("video", {})
    _check_options(spec.options, _OPTIONS if source is None else ("aspect_ratio", *_OPTIONS))
    if not isinstance(more, dict):
        raise InvalidInput("The option video of Luma is an object.")
    _check_options(more, _VIDEO_OPTIONS)
    _check_frames(frames, more, _FRAME_OPTIONS)
    body: dict[str, JsonValue] = {"model": spec.model, "type": "video", "prompt": spec.prompt}
    video: dict[str, JsonValue] = {"resolution": spec.resolution}
    if source is None:
        body["aspect_ratio"] = spec.aspect_ratio
        video |= {"duration": _length(spec), **frames}
    else:
        body["type"] = "video_reframe" if "aspect_ratio" in spec.options else "video_edit"
        body["source"] = {**_image(source), "media_type": source.media_type or "video/mp4"}
    return only_set({**body, **spec.options, "video": only_set({**video, **more})})


def dream_machine_body(submission: Submission) -> tuple[str, dict[str, JsonValue]]:
    """Path and body of an order at the Dream Machine API.

    Raises:
        UnsupportedFeature: References that do not go together or are no addresses, or what Luma has no word for.
        InvalidInput: A prompt that is too short, or an option that does not exist or says what the request says.
    """
    spec = submission.spec
    check(spec, RAY_2[0])
    if len(spec.prompt) < _SHORTEST_PROMPT:
        raise InvalidInput(f"The prompt has {len(spec.prompt)} characters; Luma takes at least {_SHORTEST_PROMPT}.")
    common: dict[str, JsonValue] = {
        "model": spec.model,
        "prompt": spec.prompt,
        "callback_url": submission.callback_url,
        **spec.options,
    }
    source = _of(spec, "source_video")
    if source is not None:
        kind, first = _kind_of_change(spec), _of(spec, "first_frame")
        change: dict[str, JsonValue] = {
            "generation_type": f"{kind}_video",
            "media": _image(source),
            "first_frame": None if first is None else _image(first),
        }
        return f"/generations/video/{kind}", only_set({**change, **common})
    _check_options(spec.options, _OLDER_OPTIONS)
    frames: dict[str, JsonValue] = {
        name: {"type": "image", "url": one.url} for role, name in _OLDER_FRAMES.items() if (one := _of(spec, role))
    }
    _check_frames(frames, spec.options, ("keyframes",))
    body: dict[str, JsonValue] = {
        "generation_type": "video",
        "aspect_ratio": spec.aspect_ratio,
        "resolution": "4k" if spec.resolution == "2160p" else spec.resolution,
        "duration": _length(spec),
        "keyframes": frames,
        **common,
    }
    return "/generations/video", only_set(body)


def left_out(spec: VideoSpec, *, older: bool) -> tuple[str, ...]:
    """What a change of a video cannot be told, for the warnings of its order.

    Args:
        spec: What was ordered.
        older: At the Dream Machine API.
    """
    if _of(spec, "source_video") is None:
        return ()
    wished = {"length": spec.duration_seconds, "resolution": spec.resolution if older else None}
    left = [name for name, wish in wished.items() if wish is not None]
    return (f"the {' and the '.join(left)} of a changed video cannot be chosen",) if left else ()


def _kind_of_change(spec: VideoSpec) -> str:
    """A change has its strength as an option, a reframing its new shape; the API has a path for each."""
    if "aspect_ratio" in spec.options:
        _check_options(spec.options, _REFRAMING)
        return "reframe"
    _check_options(spec.options, ("mode", "aspect_ratio"))
    if spec.options.get("mode") not in _STRENGTHS:
        msg = f"Luma needs the option mode to change a video ({', '.join(_STRENGTHS)}), or aspect_ratio to reframe it."
        raise InvalidInput(msg, next_step='Pass options={"luma": {"mode": "flex_1"}}, or another of these.')
    return "modify"


def _anchors(spec: VideoSpec) -> dict[str, JsonValue]:
    """Frames by their names; in a clip of 10 s only keyframes with their places are taken."""
    frames: dict[MediaRole, JsonValue] = {role: _image(one) for role in _FRAMES if (one := _of(spec, role))}
    if spec.duration_seconds != _LONG_SECONDS or not frames:
        return {_FRAMES[role]: image for role, image in frames.items()}
    return {"keyframes": [*frames.values()], "keyframe_indexes": [_PLACES[role] for role in frames]}


def _image(media: DeliveredMedia) -> dict[str, JsonValue]:
    """A reference as an address, or as bare base64 with its type."""
    return {"url": media.url} if media.url else {"data": base64_text(media), "media_type": media.media_type}


def _of(spec: VideoSpec, role: MediaRole) -> DeliveredMedia | None:
    return next(iter(of_roles(spec, role)), None)


def _length(spec: VideoSpec) -> str | None:
    return None if spec.duration_seconds is None else f"{spec.duration_seconds:g}s"


def _check_options(options: Iterable[str], known: tuple[str, ...]) -> None:
    for key in options:
        if key not in known:
            raise InvalidInput(unknown("option of Luma", key, known))


def _check_frames(frames: Mapping[str, JsonValue], options: Mapping[str, JsonValue], same: tuple[str, ...]) -> None:
    for key in same:
        if frames and key in options:
            msg = f"The option {key} and the frames of the request say the same thing: give one of them."
            raise InvalidInput(msg)
