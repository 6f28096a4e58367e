"""An order as OpenRouter takes it: pictures as frames or as references, never both; nothing is sent that is not set."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.providers.openrouter_catalogue import GOOGLE, NEGATIVE_KEY
from nexiom_sdk.providers.wire import address
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec
from nexiom_sdk.wording import nearest

_WORD_OF = {"1440p": "2K", "2160p": "4K"}
_FRAMES: frozenset[MediaRole] = frozenset({"first_frame", "last_frame"})
_KIND_OF: Mapping[MediaRole, str] = {
    "reference_image": "image_url",
    "reference_video": "video_url",
    "reference_audio": "audio_url",
}
_OPTIONS = frozenset({"size", "previous_job_id", "provider", "user", "session_id", "trace"})
_SHAPE = frozenset({"resolution", "aspect_ratio"})  # what `size` says in one word


def body_of(submission: Submission) -> dict[str, JsonValue]:
    """The body of an order.

    Raises:
        UnsupportedFeature: References that do not go together, or of a kind that is not taken.
        InvalidInput: An option that does not exist.
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
            guess = nearest(key, _OPTIONS)
            hint = f" Did you mean '{guess}'?" if guess else ""
            msg = f"OpenRouter has no option '{key}'. Options: {', '.join(sorted(_OPTIONS))}.{hint}"
            raise InvalidInput(msg)
    if spec.negative_prompt and "provider" in spec.options:
        raise InvalidInput("The option 'provider' and a negative prompt both say what is passed on: give one of them.")
    return spec.options
