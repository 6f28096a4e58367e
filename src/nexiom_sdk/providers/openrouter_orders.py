"""An order as OpenRouter takes it: pictures as frames or as references, never both; nothing is sent that is not set."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import lines
from nexiom_sdk.providers.openrouter_catalogue import GOOGLE, NEGATIVE_KEY
from nexiom_sdk.providers.wire import address
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec
from nexiom_sdk.wording import printable, unknown

_WORD_OF = {"1440p": "2K", "2160p": "4K"}
_FRAMES: frozenset[MediaRole] = frozenset({"first_frame", "last_frame"})
_KIND_OF: Mapping[MediaRole, str] = {
    "reference_image": "image_url",
    "reference_video": "video_url",
    "reference_audio": "audio_url",
}
_OPTIONS = ("previous_job_id", "provider", "session_id", "size", "trace", "user")
_SIZE = re.compile(r"([1-9]\d{1,4})x([1-9]\d{1,4})")
_SHAPE = frozenset({"resolution", "aspect_ratio"})  # what `size` says in one word
_SAME_SHAPE = 0.02  # 854x480 is 16:9 too


def body_of(submission: Submission) -> dict[str, JsonValue]:
    """The body of an order.

    Raises:
        UnsupportedFeature: References that do not go together, or of a kind that is not taken.
        InvalidInput: Broken seconds, an option that does not exist, or one that contradicts the request.
    """
    spec = submission.spec
    length = spec.duration_seconds
    if length is not None and not length.is_integer():
        raise InvalidInput(f"OpenRouter takes whole seconds, not {length:g}; nearest: {round(length)}.")
    wanted: dict[str, JsonValue | None] = {
        "model": spec.model,
        "prompt": spec.prompt,
        "duration": None if length is None else int(length),
        "resolution": _WORD_OF.get(spec.resolution or "", spec.resolution),
        "aspect_ratio": spec.aspect_ratio,
        "generate_audio": spec.audio,
        "seed": spec.seed,
        "callback_url": submission.callback_url,
        **_media(spec),
        **_passed_on(spec),
        **_options(spec),
    }
    replaced = _SHAPE if "size" in spec.options else frozenset[str]()
    return {key: value for key, value in wanted.items() if value is not None and key not in replaced}


def _media(spec: VideoSpec) -> dict[str, JsonValue]:
    frames = [one for one in spec.media if one.role in _FRAMES]
    references = [one for one in spec.media if one.role not in _FRAMES]
    if frames and references:
        raise UnsupportedFeature("OpenRouter takes frames or references, not both: it would ignore the references.")
    if strange := [one.role for one in references if one.role not in _KIND_OF]:
        raise UnsupportedFeature(f"OpenRouter takes no {strange[0].replace('_', ' ')}; allowed: {', '.join(_KIND_OF)}.")
    if frames:
        return {"frame_images": [{**_part("image_url", one), "frame_type": one.role} for one in frames]}
    return {"input_references": [_part(_KIND_OF[one.role], one) for one in references]} if references else {}


def _part(kind: str, media: DeliveredMedia) -> dict[str, JsonValue]:
    return {"type": kind, kind: {"url": address(media)}}


def _passed_on(spec: VideoSpec) -> dict[str, JsonValue]:
    """The negative prompt is a key that is passed on to the maker; only Google's name for it is documented."""
    if not spec.negative_prompt:
        return {}
    if not spec.model.startswith(GOOGLE):
        msg = f"OpenRouter passes no negative prompt on to {spec.model}."
        raise UnsupportedFeature(msg, next_step="Pass it in options, under the name that the model's maker has for it.")
    return {"provider": {"options": {"google-vertex": {"parameters": {NEGATIVE_KEY: spec.negative_prompt}}}}}


def _options(spec: VideoSpec) -> Mapping[str, JsonValue]:
    for key in spec.options:
        if key not in _OPTIONS:
            raise InvalidInput(unknown("option of OpenRouter", key, _OPTIONS))
    if "size" in spec.options:
        _check_size(str(spec.options["size"]), spec)
    if spec.negative_prompt and "provider" in spec.options:
        raise InvalidInput("The option 'provider' and a negative prompt both say what is passed on: give one of them.")
    return spec.options


def _check_size(size: str, spec: VideoSpec) -> None:
    """Let a size pass that says the same as the request: a larger one would cost more than was estimated."""
    found = _SIZE.fullmatch(size)
    if found is None:
        raise InvalidInput(f"The option 'size' is written like 1280x720, not '{printable(size, 40)}'.")
    width, height = int(found[1]), int(found[2])
    if spec.resolution is not None and min(width, height) != lines(spec.resolution):
        msg = f"The option 'size' says {size}, whose short side is not that of {spec.resolution}."
        raise InvalidInput(msg, next_step="Ask for the resolution of that size, or leave out the option.")
    across, down = map(int, (spec.aspect_ratio or f"{width}:{height}").split(":"))
    if not math.isclose(width * down, height * across, rel_tol=_SAME_SHAPE):
        msg = f"The option 'size' says {size}, which is not {spec.aspect_ratio}."
        raise InvalidInput(msg, next_step="Ask for the aspect ratio of that size, or leave out the option.")
