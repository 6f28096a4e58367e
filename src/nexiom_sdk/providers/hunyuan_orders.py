"""Orders as Tencent's two APIs take them, and the ids that both may write as numbers."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Field, JsonValue

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.asked import check, check_options, only_set, whole_seconds
from nexiom_sdk.providers.wire import base64_text
from nexiom_sdk.types import DeliveredMedia, VideoSpec

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
    check_options(spec, _OPTIONS)
    revise = spec.options.get("revise", False)
    if not isinstance(revise, bool):
        raise InvalidInput("The option revise of Hunyuan is true or false.")
    first = _first_frame(spec)
    image: dict[str, JsonValue] = {}
    if first is not None:  # bytes go bare: a data URI is not taken
        image = {"image_url": first.url} if first.url else {"image": base64_text(first)}
    return only_set(
        {
            "model": model,
            "prompt": spec.prompt,
            "negative_prompt": spec.negative_prompt or None,
            **image,
            "duration": whole_seconds(spec),  # a broken one would be cut off
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
    check_options(spec, _VCLM_OPTIONS)
    logo = spec.options.get("LogoAdd", 1)
    if type(logo) is not int or logo not in {0, 1}:  # any other number would count as 1
        raise InvalidInput("The option LogoAdd of Hunyuan is 0 or 1.")
    if not isinstance(spec.options.get("LogoParam", {}), dict):
        raise InvalidInput("The option LogoParam of Hunyuan is an object.")
    first = _first_frame(spec)
    image: JsonValue = None
    if first is not None:
        image = {"Url": first.url} if first.url else {"Base64": base64_text(first)}
    return only_set({"Prompt": spec.prompt, "Image": image, "Resolution": spec.resolution, **spec.options})


def _check(spec: VideoSpec, card: ModelCard) -> None:
    """The card, and the one length that there is."""
    offered, length = card.lengths_for(spec.mode, spec.resolution), spec.duration_seconds
    short = length is not None and offered.nearest(length) != length
    check(spec, card, *([f"makes clips of {offered} only"] if short else []))


def _first_frame(spec: VideoSpec) -> DeliveredMedia | None:
    return next(iter(spec.media), None)  # there is no other role
