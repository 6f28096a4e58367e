"""Orders as Kling's present API takes them: the model is in the path, and what goes in is a list of typed contents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.asked import only_set
from nexiom_sdk.providers.kling_checks import (
    USUAL_SHAPE,
    check_options,
    checked,
    cuts_of,
    known,
    of_role,
    whole_seconds,
)
from nexiom_sdk.providers.wire import segment
from nexiom_sdk.types import MediaRole, Mode, Submission, VideoSpec

_PRODUCTS: Mapping[Mode, str] = {
    "text": "text-to-video",
    "image": "image-to-video",
    "reference": "omni-video",
    "video": "omni-video",
}
_FRAMES: tuple[MediaRole, ...] = ("first_frame", "last_frame")
# Role to type, and to the word that its name in the prompt is made of, such as @image_1.
_NAMED: Mapping[MediaRole, tuple[str, str]] = {
    "reference_image": ("refer_image", "image"),
    "reference_video": ("feature_video", "video"),
    "source_video": ("base_video", "video"),
}


def present_order(submission: Submission, wire_id: str) -> tuple[str, dict[str, JsonValue]]:
    """Path and body of an order.

    Args:
        submission: What is wanted.
        wire_id: The model's id in the path, or the whole path where the operator knows better.

    Raises:
        UnsupportedFeature: The model cannot be told this.
        InvalidInput: A value cannot be sent, or an option does not exist.
        ModelRetired: The model is gone.
    """
    spec = submission.spec
    card = known(spec.model, wire_id)
    checked(spec, card)
    product = _product(spec, card, wire_id)
    if product == "text-to-video" and spec.media:  # as configured: its body has no place for them
        raise UnsupportedFeature(f"{spec.model} takes no references at {wire_id}.")
    with_cuts = card is None or product == "omni-video" or card.model == "kling-3.0"
    more = [*(["multi_shot"] if with_cuts else []), *(["contents"] if product != "text-to-video" else [])]
    check_options(spec, (*more, "watermark_info"))
    shape = spec.aspect_ratio
    if product == "omni-video" and all(one.role == "reference_image" for one in spec.media):
        shape = shape or USUAL_SHAPE  # has to be said where neither a frame nor a video shows it
    usual_cuts = None if card is None else cuts_of(spec) or False  # Kling's own default makes cuts nobody asked for
    settings: dict[str, JsonValue] = {
        "resolution": "4k" if spec.resolution == "2160p" else spec.resolution,
        "aspect_ratio": shape,
        "duration": whole_seconds(spec),
        "audio": _sound(spec, card),
        "multi_shot": spec.options.get("multi_shot", usual_cuts) if with_cuts else None,
    }
    options: dict[str, JsonValue] = {
        "callback_url": submission.callback_url,
        "external_task_id": submission.idempotency_key,
        "watermark_info": spec.options.get("watermark_info"),
    }
    asked: dict[str, JsonValue] = {"prompt": spec.prompt}
    if product != "text-to-video":
        asked = {"contents": [{"type": "prompt", "text": spec.prompt}, *_contents(spec), *_elements(spec)]}
    body: dict[str, JsonValue] = {**asked, "settings": only_set(settings), "options": only_set(options)}
    path = wire_id if "/" in wire_id else f"{product}/{wire_id}"
    return f"/{'/'.join(map(segment, path.split('/')))}", body


def _product(spec: VideoSpec, card: ModelCard | None, wire_id: str) -> str:
    """An omni model has one place for all orders; of others the references decide, or the path that was configured."""
    if "/" in wire_id:
        return wire_id.partition("/")[0]
    return "omni-video" if card is not None and "reference_image" in card.media else _PRODUCTS[spec.mode]


def _sound(spec: VideoSpec, card: ModelCard | None) -> str | None:
    if spec.audio is None or (card is not None and card.audio != "optional"):
        return "off" if card is not None and cuts_of(spec) else None  # beside a video to learn from it has to be off
    if not spec.audio:
        return "off"
    return "original" if spec.mode == "video" else "native"


def _contents(spec: VideoSpec) -> Iterator[JsonValue]:
    for role in _FRAMES:
        for url in of_role(spec, role):
            yield {"type": role, "url": url}
    for role, (kind, word) in _NAMED.items():
        for number, url in enumerate(of_role(spec, role), 1):
            yield {"type": kind, "url": url, "id": f"{word}_{number}"}


def _elements(spec: VideoSpec) -> Iterator[JsonValue]:
    """Stored elements: the only contents that a request has no role for."""
    more = spec.options.get("contents", [])
    if not isinstance(more, list):
        raise InvalidInput("The option contents of Kling is a list.")
    for item in more:
        if not isinstance(item, dict) or item.get("type") != "element":
            msg = "The option contents is for stored elements; prompt, frames and references are fields of the request."
            raise InvalidInput(msg)
        yield item
