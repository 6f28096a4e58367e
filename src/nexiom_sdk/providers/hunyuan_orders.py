"""Orders as Tencent's two APIs take them, and the ids that both may write as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import ModelCard, media_mismatches
from nexiom_sdk.providers.wire import base64_text
from nexiom_sdk.types import DeliveredMedia, VideoSpec
from nexiom_sdk.wording import unknown

_OPTIONS = ("revise",)
_VCLM_OPTIONS = ("LogoAdd", "LogoParam")


def _digits(value: object) -> object:
    return str(value) if type(value) is int else value


Text: TypeAlias = Annotated[str, BeforeValidator(_digits), Field(min_length=1)]
"""A text that may come as a whole number: ids are larger than what a double holds, so each digit is kept."""


def tokenhub_body(spec: VideoSpec, card: ModelCard, *, model: str) -> dict[str, JsonValue]:
    """The body of an order at TokenHub.

    Args:
        spec: What is ordered.
        card: What its model takes.
        model: The model's id on the wire.

    Raises:
        UnsupportedFeature: TokenHub has no word for something that was asked.
        InvalidInput: An option that does not exist, or that is none.
    """
    _check(spec, card)
    _check_options(spec.options, _OPTIONS)
    revise = spec.options.get("revise", False)
    if not isinstance(revise, bool):
        raise InvalidInput("The option revise of Hunyuan is true or false.")
    first = _first_frame(spec)
    image: dict[str, JsonValue] = {}
    if first is not None:  # bytes go bare: a data URI is not taken
        image = {"image_url": first.url} if first.url else {"image": base64_text(first)}
    return _set(
        {
            "model": model,
            "prompt": spec.prompt,
            "negative_prompt": spec.negative_prompt or None,
            **image,
            "duration": None if spec.duration_seconds is None else int(spec.duration_seconds),
            "resolution": spec.resolution,
            "aspect_ratio": spec.aspect_ratio,
            "revise": revise,  # else the prompt may be rewritten
        }
    )


def vclm_body(spec: VideoSpec, card: ModelCard) -> dict[str, JsonValue]:
    """The body of an order at `vclm`, which has no word for the length: it is always the same.

    Raises:
        UnsupportedFeature: `vclm` has no word for something that was asked.
        InvalidInput: An option that does not exist, or that is none.
    """
    _check(spec, card)
    _check_options(spec.options, _VCLM_OPTIONS)
    logo = spec.options.get("LogoAdd", 1)
    if type(logo) is not int or logo not in {0, 1}:  # any other number would count as 1
        raise InvalidInput("The option LogoAdd of Hunyuan is 0 or 1.")
    if not isinstance(spec.options.get("LogoParam", {}), dict):
        raise InvalidInput("The option LogoParam of Hunyuan is an object.")
    first = _first_frame(spec)
    image: JsonValue = None
    if first is not None:
        image = {"Url": first.url} if first.url else {"Base64": base64_text(first)}
    return _set({"Prompt": spec.prompt, "Image": image, "Resolution": spec.resolution, **spec.options})


def _check(spec: VideoSpec, card: ModelCard) -> None:
    """What the API has no word for is refused, not left out: the clip would be another one, and paid."""
    reasons = tuple(_reasons(spec, card))
    if reasons:
        raise UnsupportedFeature(f"{spec.model} {'; '.join(reasons)}.", reasons=reasons)


def _reasons(spec: VideoSpec, card: ModelCard) -> Iterator[str]:
    yield from map(str, media_mismatches([one.role for one in spec.media], card))
    length, offered = spec.duration_seconds, card.lengths_for(spec.mode, spec.resolution)
    if length is not None and offered.nearest(length) != length:
        yield f"makes clips of {offered} only"
    elif length is not None and not float(length).is_integer():  # it would be cut off
        yield "takes whole seconds only"
    if spec.aspect_ratio and card.ratios_for(spec.mode, spec.resolution) is None:
        yield "takes no aspect ratio" + (": it follows the picture" if spec.media else "")
    if spec.audio:
        yield "makes silent clips only"
    if spec.seed is not None:
        yield "takes no seed"
    if spec.negative_prompt and not card.negative_prompt:
        yield "takes no negative prompt"


def _check_options(options: Mapping[str, JsonValue], known: tuple[str, ...]) -> None:
    for key in options:
        if key not in known:
            raise InvalidInput(unknown("option of Hunyuan", key, known))


def _first_frame(spec: VideoSpec) -> DeliveredMedia | None:
    return next(iter(spec.media), None)  # there is no other role


def _set(body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: value for key, value in body.items() if value is not None}
