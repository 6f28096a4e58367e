"""Orders in the format `/v1/videos`, which OpenAI made and which servers of others speak, each in its dialect.

Sources: the official package `openai` 3.54.0 and requests captured from it; the code of vLLM-Omni 0.30.0 and SGLang
Diffusion 0.5.23; the documentation of TensorRT-LLM and NVIDIA Dynamo; as of 2026-11-22. What comes back is read by
`openai_jobs`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import Condition, ModelCard, broken_conditions, media_mismatches
from nexiom_sdk.pixels import USUAL_SHAPE, video_size
from nexiom_sdk.providers.wire import Call, Part, address, base64_text, segment
from nexiom_sdk.references import inspect
from nexiom_sdk.types import DeliveredMedia, Delivery, MediaRole, VideoSpec

ImageMode: TypeAlias = Literal["upload", "reference_url", "image_reference_json", "string", "object"]

PATH = "/videos"

FRAMES: Mapping[ImageMode, Mapping[MediaRole, int]] = {
    "upload": {"first_frame": 1},
    "reference_url": {"first_frame": 1},
    "image_reference_json": {"first_frame": 1, "last_frame": 1},
    "string": {"first_frame": 1},
    "object": {"first_frame": 1},
}
"""How many pictures of each role can be written."""

DELIVERY: Mapping[ImageMode, frozenset[Delivery]] = {
    "upload": frozenset({"bytes"}),
    "reference_url": frozenset({"url"}),
    "image_reference_json": frozenset({"url", "bytes"}),
    "string": frozenset({"url", "bytes"}),
    "object": frozenset({"url", "bytes"}),
}
"""How a picture may be handed over."""

CONDITIONS = (Condition(roles=("last_frame",), beside=("first_frame",)),)
"""What goes in only beside something else."""

_SIZE_IN_PARTS = frozenset({"width", "height"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a server wants an order to be written.

    Args:
        json: As JSON; else as a form. A picture that is uploaded goes in a form either way.
        image_mode: Where a picture goes. `upload`: the file `input_reference`. `reference_url`: its address (SGLang).
            `image_reference_json`: the object `image_reference` (in forms as vLLM-Omni takes it, in JSON as
            TensorRT-LLM does). `string`: its address or a data URI in `input_reference` (Dynamo). `object`: the same in
            `image_url` of `input_reference` (OpenAI).
    """

    json: bool = False
    image_mode: ImageMode = "upload"


def job_path(order_id: str) -> str:
    """The path of an order below the base URL.

    Example:
        >>> job_path("video_7"), job_path("a/b")
        ('/videos/video_7', '/videos/a%2Fb')
    """
    return f"{PATH}/{segment(order_id)}"


def order(spec: VideoSpec, dialect: Dialect, *, model: str | None, also: Mapping[str, JsonValue] | None = None) -> Call:
    """The call that orders.

    Args:
        spec: What to make.
        dialect: How the server wants it written.
        model: The model's name at the server; None: the one that it serves.
        also: What the server has to be told besides, by its own names.

    Raises:
        UnsupportedFeature: The format has no word for it.
        InvalidInput: An option contradicts the request, or the picture is none.

    Example:
        >>> spec = VideoSpec(model="wan", prompt="a fox", duration_seconds=5, resolution="480p", aspect_ratio="16:9")
        >>> order(spec, Dialect(), model=None).form
        {'prompt': 'a fox', 'seconds': '5', 'size': '832x480'}
    """
    _check(spec, dialect)
    said: dict[str, JsonValue] = {
        "prompt": spec.prompt,
        "model": model,
        "seconds": _seconds(spec.duration_seconds, dialect),
        "size": size(spec),
        "negative_prompt": spec.negative_prompt,
        "seed": spec.seed,
        **(_picture(spec.media, dialect) if spec.media else {}),
        **(also or {}),
    }
    fields: dict[str, JsonValue] = {name: value for name, value in said.items() if value is not None}
    _add_options(fields, spec.options)
    files = tuple(map(_upload, spec.media)) if dialect.image_mode == "upload" else ()
    if dialect.json and not files:
        return Call("POST", PATH, json=fields)
    return Call("POST", PATH, form={name: _text(value) for name, value in fields.items()}, files=files)


def size(spec: VideoSpec) -> str | None:
    """Width and height of the clip; None where they are left to the server.

    The short side is that of the resolution, the long side a multiple of 32. A shape that was not asked for is that of
    the picture, if its bytes are here; without a picture it is 16:9.

    Raises:
        InvalidInput: The bytes of the picture are no picture.

    Example:
        >>> size(VideoSpec(model="wan", prompt="a fox", resolution="1080p", aspect_ratio="9:16"))
        '1080x1920'
    """
    found = video_size(spec.resolution, spec.aspect_ratio, _picture_shape(spec))
    return None if found is None else f"{found[0]}x{found[1]}"


def unsaid(spec: VideoSpec) -> Iterator[str]:
    """What was left out of the order, in sentences."""
    if spec.resolution and not spec.aspect_ratio and size(spec) is None:
        yield (
            f"{spec.resolution} was not sent: a size has a shape too, and that of a picture behind an address is not "
            f"known here. Ask for an aspect ratio to have both."
        )


def _check(spec: VideoSpec, dialect: Dialect) -> None:
    """Let pass what the format can say."""
    roles: list[MediaRole] = [media.role for media in spec.media]
    card = ModelCard(model=spec.model, media=FRAMES[dialect.image_mode], conditions=CONDITIONS)
    reasons = [str(reason) for reason in (*media_mismatches(roles, card), *broken_conditions(card, roles))]
    if spec.audio is not None:
        reasons.append("has no word for sound (some servers have an option for it, such as generate_sound)")
    for media in spec.media:
        form: Delivery = "bytes" if media.url is None else "url"
        if form not in DELIVERY[dialect.image_mode]:
            reasons.append(f"takes pictures as {'bytes' if form == 'url' else 'web addresses'} only")
    if reasons:
        msg = f"An order with image mode '{dialect.image_mode}' {'; '.join(dict.fromkeys(reasons))}."
        raise UnsupportedFeature(msg, reasons=tuple(reasons))


def _picture_shape(spec: VideoSpec) -> tuple[int, int] | None:
    if not spec.media:
        return USUAL_SHAPE
    frame = next((media.data for media in spec.media if media.role == "first_frame"), None)
    if frame is None or not spec.resolution or spec.aspect_ratio:
        return None
    found = inspect(frame, role="first_frame")
    return (found.width, found.height) if found.width and found.height else None


def _seconds(length: float | None, dialect: Dialect) -> JsonValue:
    """Text in forms, and for OpenAI in JSON too; other servers want a number there."""
    if length is None:
        return None
    if dialect.json and dialect.image_mode != "object":
        return int(length) if length.is_integer() else length
    return f"{length:g}"


def _picture(media: Sequence[DeliveredMedia], dialect: Dialect) -> dict[str, JsonValue]:
    """The fields that hold the picture; none where it is uploaded."""
    first = media[0]
    match dialect.image_mode:
        case "upload":
            return {}
        case "reference_url":
            return {"reference_url": first.url}
        case "string":
            return {"input_reference": address(first)}
        case "object":
            url = address(first)
            return {"input_reference": {"image_url": url}} if dialect.json else {"input_reference[image_url]": url}
        case "image_reference_json":
            in_order = sorted(media, key=lambda one: one.role)  # "first_frame" comes before "last_frame"
            frames: list[JsonValue] = [_frame(one, dialect) for one in in_order]
            return {"image_reference": frames[0] if len(frames) == 1 else frames}


def _frame(media: DeliveredMedia, dialect: Dialect) -> dict[str, JsonValue]:
    """A picture as TensorRT-LLM takes it in JSON, or vLLM-Omni in a form."""
    if not dialect.json:
        return {"image_url": address(media)}
    form, content = ("base64", base64_text(media)) if media.url is None else ("url", media.url)
    return {"content": content, "format": form, "role": media.role}


def _upload(media: DeliveredMedia) -> Part:
    ending = media.media_type.rpartition("/")[2]
    return Part(
        name="input_reference",
        filename=f"{media.role}.{ending}",
        media_type=media.media_type,
        data=media.data or b"",
    )


def _add_options(fields: dict[str, JsonValue], options: Mapping[str, JsonValue]) -> None:
    for name, value in options.items():
        same = "size" if name in _SIZE_IN_PARTS else name
        if same in fields and (same != name or _text(fields[name]) != _text(value)):
            msg = f"The option {name} says something else than the request: leave out one of the two."
            raise InvalidInput(msg)
        fields[name] = value


def _text(value: JsonValue) -> str:
    """A value in a form: objects are JSON text there."""
    return value if isinstance(value, str) else json.dumps(value)
