"""The body of an order at Runway: made for a model and an endpoint, with no key that they do not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, ModelRetired, UnsupportedFeature
from nexiom_sdk.models import (
    ModelCard,
    Sound,
    broken_conditions,
    media_mismatches,
    nearest_ratio,
    nearest_resolution,
    quotient,
)
from nexiom_sdk.providers.runway_cards import CARDS, LAST_BESIDE_FIRST
from nexiom_sdk.providers.runway_forms import ANY_FORM, FORMS, Endpoint, Form, Size
from nexiom_sdk.providers.wire import address
from nexiom_sdk.references import inspect
from nexiom_sdk.types import AspectRatio, DeliveredMedia, MediaRole, Resolution, VideoSpec
from nexiom_sdk.wording import seconds, unknown

_CARDS: Mapping[str, ModelCard] = {card.model: card for card in CARDS}
_ANY_CARD = ModelCard(model="", conditions=(LAST_BESIDE_FIRST,), audio="unknown")
_USUAL_SECONDS = 5.0
_USUAL_SHAPE: AspectRatio = "16:9"
_TYPES = {"character": "image", "reference": "video", "referenceVideos": "video", "referenceAudio": "audio"}
_WITHOUT_TYPES = "gemini_omni_flash_1.1"
_LEFT_OPEN = {"promptText": "prompt", "duration": "length", "audio": "sound"}
_REFUSED = {"seed": "seed", "negativePrompt": "negative prompt"}
_CONTRARY: Mapping[tuple[Sound, JsonValue], str] = {
    ("never", True): "makes silent clips only",
    ("always", False): "always makes sound",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is sent, and what could not be said in it.

    Args:
        endpoint: Last segment of the path.
        body: The JSON.
        warnings: In sentences.
    """

    endpoint: Endpoint
    body: dict[str, JsonValue]
    warnings: tuple[str, ...]


def order_of(spec: VideoSpec) -> Order:
    """The order for a spec.

    Raises:
        UnsupportedFeature: The model cannot be told this.
        InvalidInput: A value cannot be sent.
        ModelRetired: The model is gone.
    """
    card, endpoint = _CARDS.get(spec.model, _ANY_CARD), _endpoint(spec)
    form = _form(spec, card, endpoint)
    size = _size(spec, form)
    said: dict[str, JsonValue] = {
        "promptText": spec.prompt,
        "duration": _whole_seconds(spec, form, card),
        "audio": spec.audio if card.audio in {"optional", "unknown"} else None,
        "seed": spec.seed,
        "negativePrompt": spec.negative_prompt,
        **form.sizes_for(spec.mode).get(size, {}),
        **_media(spec, form),
    }
    withheld = form.withheld.get(str(spec.options.get("mode")), frozenset[str]())
    said = {key: value for key, value in said.items() if value is not None and key not in withheld}
    if "duration" in withheld:
        said["duration"] = "auto"  # as long as the source, which the official client requires to be said
    _check(spec, card, form, said)
    body: dict[str, JsonValue] = {"model": spec.model, **{key: said[key] for key in said if key in form.keys}}
    _add_options(spec, form, body)
    return Order(endpoint=endpoint, body=body, warnings=tuple(_warnings(spec, form, said, size)))


def shaped(spec: VideoSpec) -> VideoSpec:
    """The spec with the shape of its first frame, where a shape has to be sent and none was asked for.

    Raises:
        InvalidInput: The bytes of the first frame are no image.
    """
    form = FORMS.get((spec.model, _endpoint(spec)), ANY_FORM)
    sizes = form.sizes_for(spec.mode)
    shapes: list[AspectRatio] = [shape for _, shape in sizes if shape is not None]
    frame = next((one.data for one in spec.media if one.role == "first_frame" and one.data is not None), None)
    if spec.aspect_ratio is not None or frame is None or not shapes or len(shapes) < len(sizes):
        return spec
    found = inspect(frame, role="first_frame")
    wanted = (found.width or 1) / (found.height or 1)
    return spec.evolve(aspect_ratio=min(shapes, key=lambda shape: abs(quotient(shape) - wanted)))


def _endpoint(spec: VideoSpec) -> Endpoint:
    roles = {media.role for media in spec.media}
    if "source_video" in roles:
        return "video_to_video"
    if roles & {"first_frame", "last_frame"}:
        return "image_to_video"
    return "character_performance" if (spec.model, "character_performance") in FORMS else "text_to_video"


def _form(spec: VideoSpec, card: ModelCard, endpoint: Endpoint) -> Form:
    """The form of this order, if the model takes these references there."""
    if card.lifecycle == "retired":
        msg = f"Runway does not offer {card.model} any more; {card.successor} takes its place."
        raise ModelRetired(msg, provider="runway", model=card.model)
    form = FORMS.get((spec.model, endpoint), ANY_FORM)
    reasons = tuple(_reasons(spec, card, endpoint, form))
    if reasons:
        raise UnsupportedFeature(f"{spec.model}: {'; '.join(reasons)}.", reasons=reasons)
    return form


def _reasons(spec: VideoSpec, card: ModelCard, endpoint: Endpoint, form: Form) -> Iterator[str]:
    roles: list[MediaRole] = [media.role for media in spec.media]
    unfit = [] if card is _ANY_CARD else [str(reason) for reason in media_mismatches(roles, card)]
    unfit += map(str, broken_conditions(card, roles, resolution=spec.resolution))
    yield from unfit
    if unfit:
        return
    if form is ANY_FORM and card is not _ANY_CARD:
        yield f"does no {endpoint} (it does {', '.join(other for model, other in FORMS if model == spec.model)})"
    for role in dict.fromkeys(roles):
        if form.place(role) is None:
            yield f"takes no {role.replace('_', ' ')} in {endpoint}"


def _size(spec: VideoSpec, form: Form) -> Size:
    """Resolution and shape as far as they can be chosen: what was asked for, else what is usual."""
    sizes = form.sizes_for(spec.mode)
    lines: list[Resolution] = list(dict.fromkeys(line for line, _ in sizes if line))
    usual: Resolution | None = "720p" if "720p" in lines else next(iter(lines), None)
    line = (spec.resolution or usual) if lines else None
    if line is not None and line not in lines:
        raise _not_offered(spec, line, lines, nearest_resolution(line, lines))
    shapes: list[AspectRatio | None] = [shape for other, shape in sizes if other == line]
    shape = spec.aspect_ratio or (_USUAL_SHAPE if shapes and None not in shapes else None)
    named: list[AspectRatio] = [one for one in shapes if one]
    if shape is not None and not named:
        raise UnsupportedFeature(f"The shape cannot be chosen here: {spec.model} takes no aspect ratio {shape}.")
    if shape is not None and shape not in named:
        raise _not_offered(spec, shape, named, nearest_ratio(shape, named))
    return line, shape


def _not_offered(spec: VideoSpec, asked: str, offered: Sequence[str], nearest: str) -> UnsupportedFeature:
    return UnsupportedFeature(
        f"{spec.model} does not offer {asked} here (offered: {', '.join(offered)}; nearest: {nearest})."
    )


def _whole_seconds(spec: VideoSpec, form: Form, card: ModelCard) -> int | None:
    length = spec.duration_seconds
    if length is None and "duration" in form.keys and "duration" not in spec.options:
        length = card.lengths_for(spec.mode, spec.resolution).nearest(_USUAL_SECONDS)
    if length is not None and length % 1:
        raise InvalidInput(f"Runway takes whole seconds, not {seconds(length)}.")
    return None if length is None else int(length)


def _media(spec: VideoSpec, form: Form) -> dict[str, JsonValue]:
    places: dict[str, list[DeliveredMedia]] = {}
    for media in spec.media:
        key = form.place(media.role)
        if key is not None:
            places.setdefault(key, []).append(media)
    return {key: _written(key, found, spec.model) for key, found in places.items()}


def _written(key: str, found: list[DeliveredMedia], model: str) -> JsonValue:
    if key in {"videoUri", "promptVideo"} or (key == "promptImage" and len(found) == 1):
        return address(found[0])
    if key == "promptImage":
        frames = sorted(found, key=lambda one: one.role)  # "first_frame" comes before "last_frame"
        return [{"uri": address(one), "position": one.role.removesuffix("_frame")} for one in frames]
    kind = {"type": _TYPES[key]} if key in _TYPES and model != _WITHOUT_TYPES else dict[str, str]()
    items: list[JsonValue] = [{**kind, "uri": address(one)} for one in found]
    return items[0] if key in {"character", "reference"} else items


def _check(spec: VideoSpec, card: ModelCard, form: Form, said: Mapping[str, JsonValue]) -> None:
    """Let pass what the model can be told."""
    units = len(spec.prompt.encode("utf-16-le", "surrogatepass")) // 2  # Runway counts as JavaScript does
    if card.max_prompt_chars is not None and units > card.max_prompt_chars:
        msg = f"{spec.model} takes prompts of {card.max_prompt_chars:,} UTF-16 units; this one has {units:,}."
        raise InvalidInput(msg, next_step="Shorten the prompt; most characters are one unit, most emoji are two.")
    refused = [f"takes no {word}" for key, word in _REFUSED.items() if key in said and key not in form.keys]
    contrary = _CONTRARY.get((card.audio, spec.audio))
    if contrary or refused:
        raise UnsupportedFeature(f"{spec.model} {' and '.join(filter(None, (*refused, contrary)))}.")


def _add_options(spec: VideoSpec, form: Form, body: dict[str, JsonValue]) -> None:
    for key, value in spec.options.items():
        if form.closed and key not in form.keys:
            raise InvalidInput(unknown(f"option of {spec.model}", key, sorted(form.keys)))
        if key in body and body[key] != value:
            raise InvalidInput(f"The option {key} says something else than the request: leave out one of the two.")
        body[key] = value
    if "sequence" in str(body.get("outputFormat")):
        msg = f"The output format {body['outputFormat']} comes as an archive of pictures; only videos can be kept."
        raise UnsupportedFeature(msg)


def _warnings(spec: VideoSpec, form: Form, said: Mapping[str, JsonValue], size: Size) -> Iterator[str]:
    unsaid = [word for key, word in _LEFT_OPEN.items() if key in said and key not in form.keys]
    if spec.resolution is not None and size[0] is None:
        unsaid.append("resolution")
    if unsaid:
        yield f"{spec.model} takes these from what goes in, so they were not sent: {', '.join(unsaid)}."
    if spec.media and size[1] is not None and spec.aspect_ratio is None:
        yield f"No aspect ratio was asked for, so it was {size[1]}; a picture of another shape is cropped to it."
