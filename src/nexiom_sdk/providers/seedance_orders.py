"""Orders as Seedance takes them: one body for all kinds, whose items say what each reference is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.asked import check, check_options, only_set, whole_seconds
from nexiom_sdk.providers.seedance_prompts import without_flags
from nexiom_sdk.providers.wire import address, base64_text
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec

_LARGEST_BODY = 64 * 1024 * 1024
# Type of the item, and what the file is for.
_ITEMS: Mapping[MediaRole, tuple[str, str]] = {
    "first_frame": ("image_url", "first_frame"),
    "last_frame": ("image_url", "last_frame"),
    "reference_image": ("image_url", "reference_image"),
    "reference_video": ("video_url", "reference_video"),
    "source_video": ("video_url", "reference_video"),
    "reference_audio": ("audio_url", "reference_audio"),
}
_FOR_ALL = ("execution_expires_after", "return_last_frame", "safety_identifier", "watermark")
# By the part of its id that says which generation a model is of.
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "seedance-2-5-": ("draft", "omni_reference_task_type", "priority"),
    "seedance-2-0-": ("priority", "tools"),
    "seedance-1-5-": ("camera_fixed", "draft", "service_tier"),
    "seedance-1-0-": ("camera_fixed", "service_tier"),
}
_ANY_OPTION = tuple(sorted({name for names in _OPTIONS.values() for name in names}))
_DECLARES = "seedance-2-5-"  # it is told what to do with a video
_TASK = "omni_reference_task_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is sent, and what could not be said in it.

    Args:
        body: The JSON.
        warnings: In sentences.
    """

    body: dict[str, JsonValue]
    warnings: tuple[str, ...]


def order_of(submission: Submission, card: ModelCard, wire_id: str) -> Order:
    """The order for a submission.

    Args:
        submission: What to make.
        card: What its model takes.
        wire_id: What the model is called there.

    Raises:
        UnsupportedFeature: References that do not go together, or what the model has no word for.
        InvalidInput: A value that cannot be sent, or an option that does not exist or says what the request says.
    """
    spec = submission.spec
    names = f"{spec.model} {wire_id}"  # an operator may have renamed either
    _check(spec, card)
    check_options(spec, (*_FOR_ALL, *_options_of(names)))
    prompt, flags = without_flags(spec.prompt)
    if not prompt:
        raise InvalidInput("The prompt holds nothing but settings that Seedance would read in it.")
    task = _task(spec, names)
    shaped_by_media = {"first_frame", "source_video"} & {one.role for one in spec.media}
    body: dict[str, JsonValue] = {
        "model": wire_id,
        "content": [{"type": "text", "text": prompt}, *map(_item, spec.media)],
        "resolution": "4k" if spec.resolution == "2160p" else spec.resolution,
        "ratio": "adaptive" if shaped_by_media else spec.aspect_ratio,
        "duration": -1 if task == "edit" else whole_seconds(spec),
        "generate_audio": None if card.audio == "never" else spec.audio is not False,  # it is theirs to say yes
        "watermark": False,
        "seed": spec.seed,
        "callback_url": submission.callback_url,
        **{name: value for name, value in spec.options.items() if value is not None},
        _TASK: task,
    }
    return Order(
        body=only_set(body),
        warnings=tuple(_warnings(spec, flags, task)),
    )


def has_video(spec: VideoSpec) -> bool:
    """Whether a video goes in, which has a price of its own."""
    return any(_ITEMS[one.role][0] == "video_url" for one in spec.media)


def _options_of(names: str) -> Sequence[str]:
    """The options of the generation that a model is named after; all there are where its names tell none."""
    return next((options for part, options in _OPTIONS.items() if part in names), _ANY_OPTION)


def _task(spec: VideoSpec, names: str) -> str | None:
    """What the model is to do with references; it would guess, and could refuse only when it has begun.

    Raises:
        InvalidInput: The option says something else than the references.
    """
    wish, roles = spec.options.get(_TASK), {one.role for one in spec.media}
    if "source_video" in roles:
        allowed = ("edit", "extend")
    elif "reference_video" in roles and (wish is not None or _DECLARES in names):
        allowed = ("reference", "auto")
    elif wish is None:
        return None
    else:
        raise InvalidInput(f"The option {_TASK} is for orders with a source video or a reference video.")
    if wish is not None and wish not in allowed:
        msg = f"The option {_TASK} of an order with these references is {' or '.join(allowed)}."
        raise InvalidInput(msg, next_step="A source video is changed or continued; a reference video is looked at.")
    return allowed[0] if wish is None else str(wish)


def _item(media: DeliveredMedia) -> JsonValue:
    kind, role = _ITEMS[media.role]
    return {"type": kind, kind: {"url": _url(media)}, "role": role}


def _url(media: DeliveredMedia) -> str:
    """The address of a reference, or its bytes under the name that Seedance has for their format."""
    if media.url is None and media.media_type == "audio/mpeg":
        return f"data:audio/mp3;base64,{base64_text(media)}"
    return address(media)


def _check(spec: VideoSpec, card: ModelCard) -> None:
    check(spec, card)
    if sum(4 * -(-len(one.data or b"") // 3) for one in spec.media) >= _LARGEST_BODY:
        msg = "The references make the order larger than the 64 MiB that Seedance takes."
        raise InvalidInput(msg, next_step="Hand them over as addresses (Media.from_url), or scale them down.")


def _warnings(spec: VideoSpec, flags: Sequence[str], task: str | None) -> Iterator[str]:
    if flags:
        yield f"Seedance reads settings in the prompt, so these were taken out of it: {', '.join(flags)}"
    if task == "edit" and spec.duration_seconds is not None:
        yield "the length of a changed video cannot be chosen: it is that of its source"
