"""Orders as Gemini Omni takes them: an interaction in the background, with a task that is always said."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.asked import check, check_options, of_roles, only_set, whole_seconds
from nexiom_sdk.providers.veo_media import media_type, resolution
from nexiom_sdk.providers.wire import base64_text
from nexiom_sdk.types import DeliveredMedia, MediaRole, Mode, VideoSpec

_TASKS: Mapping[Mode, str] = {
    "text": "text_to_video",
    "image": "image_to_video",
    "reference": "reference_to_video",
    "video": "edit",
}
_ORDER: tuple[MediaRole, ...] = ("first_frame", "last_frame", "reference_image", "reference_video", "source_video")
_CHANGES = ("edit", "extend", "upscale")
_OPTIONS = ("labels", "previous_interaction_id", "safety_settings", "service_tier", "task")


def omni_body(spec: VideoSpec, card: ModelCard, *, model_id: str, delivery: Mapping[str, JsonValue]) -> JsonValue:
    """The body of an order.

    Without `background` the answer would come when the clip is done; without `store` there would be none to look at.

    Args:
        spec: What to make.
        card: The model.
        model_id: What it is called there.
        delivery: How the result shall come.

    Raises:
        UnsupportedFeature: References that do not go together, or what the model has no word for.
        InvalidInput: An option that does not exist or does not fit, or a value that cannot be sent.
    """
    check(spec, card)
    check_options(spec, _OPTIONS)
    options = dict(spec.options)
    how: dict[str, JsonValue] = {"type": "video", "resolution": resolution(spec), **delivery}
    if spec.mode != "video":  # a changed video is as long as its source, and has its shape
        length = whole_seconds(spec)
        how |= {"aspect_ratio": spec.aspect_ratio, "duration": None if length is None else f"{length}s"}
    task = _task(spec)
    options.pop("task", None)
    config: dict[str, JsonValue] = {"video_config": task and {"task": task}, "seed": spec.seed}
    return only_set(
        {
            "model": model_id,
            "background": True,
            "store": True,
            "input": _input(spec),
            "generation_config": only_set(config) or None,
            "response_format": only_set(how),
            **options,
        }
    )


def left_out(spec: VideoSpec) -> tuple[str, ...]:
    """What a change of a video cannot be told, for the warnings of its order."""
    changed = spec.mode == "video" and spec.duration_seconds is not None
    return ("the length of a changed video cannot be chosen",) if changed else ()


def _task(spec: VideoSpec) -> str | None:
    """The task: it follows from the references; one that goes on from an earlier order needs none."""
    asked, goes_on = spec.options.get("task"), "previous_interaction_id" in spec.options
    if asked is None:
        return None if goes_on else _TASKS[spec.mode]
    if asked not in _CHANGES or not (spec.mode == "video" or goes_on):
        msg = f"The option task is one of {', '.join(_CHANGES)}, and for a source video; others follow from the media."
        raise InvalidInput(msg)
    return str(asked)


def _input(spec: VideoSpec) -> JsonValue:
    """The prompt, and after it the references: of two frames the first is the first."""
    files: list[JsonValue] = [_block(one) for one in of_roles(spec, *_ORDER)]
    return [{"type": "text", "text": spec.prompt}, *files] if files else spec.prompt


def _block(media: DeliveredMedia) -> dict[str, JsonValue]:
    kind = media_type(media)
    place: dict[str, JsonValue] = {"uri": media.url} if media.url else {"data": base64_text(media)}
    return {"type": kind.partition("/")[0], "mime_type": kind, **place}
