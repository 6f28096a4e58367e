"""What an adapter looks at before it writes an order: whether its model has a word for all that was asked.

What it has no word for is refused, not left out: the clip would be another one, and paid. The library asks the card
before it chooses a model; an adapter asks once more, for it may be handed a spec by anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import ModelCard, broken_conditions, kind_of, media_mismatches
from nexiom_sdk.types import DeliveredMedia, MediaRole, Resolution, VideoSpec
from nexiom_sdk.wording import seconds, unknown


def check(spec: VideoSpec, card: ModelCard, *more: str, usual: Resolution | None = None) -> None:
    """Let pass what the card allows.

    Args:
        spec: What is ordered.
        card: What its model takes.
        more: Reasons against it that no card can say.
        usual: The resolution that the provider makes where none is said; the card's conditions hold for it too.

    Raises:
        UnsupportedFeature: With every reason.

    Example:
        >>> check(VideoSpec(model="a1", prompt="a fox", seed=7, audio=True), ModelCard(model="a1"))
        Traceback (most recent call last):
        nexiom_sdk.errors.UnsupportedFeature: a1: makes silent clips only; takes no seed. ...
    """
    reasons = (*_reasons(spec, card, usual), *more)
    if reasons:
        raise UnsupportedFeature(f"{spec.model}: {'; '.join(reasons)}.", reasons=reasons)


def check_options(spec: VideoSpec, known: Iterable[str]) -> None:
    """Let pass options that exist.

    Raises:
        InvalidInput: One does not; the message has the nearest one.
    """
    names = tuple(sorted(known))
    for name in spec.options:
        if name not in names:
            raise InvalidInput(unknown(f"option of {spec.model}", name, names))


def whole_seconds(spec: VideoSpec) -> int | None:
    """The length of the clip, for providers that take whole seconds.

    Raises:
        InvalidInput: It is broken.
    """
    length = spec.duration_seconds
    if length is not None and length % 1:
        raise InvalidInput(f"{spec.model} takes whole seconds, not {seconds(length)}.")
    return None if length is None else int(length)


def of_roles(spec: VideoSpec, *roles: MediaRole) -> list[DeliveredMedia]:
    """The references with these roles, in the order of the roles."""
    return [one for role in roles for one in spec.media if one.role == role]


def only_set(body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A body without what is not set, and without what holds nothing.

    Example:
        >>> only_set({"prompt": "a fox", "seed": None, "frames": [], "audio": False})
        {'prompt': 'a fox', 'audio': False}
    """
    return {name: value for name, value in body.items() if value not in (None, {}, [])}


def _reasons(spec: VideoSpec, card: ModelCard, usual: Resolution | None) -> Iterator[str]:
    roles: list[MediaRole] = [one.role for one in spec.media]
    yield from map(str, media_mismatches(roles, card))
    yield from map(str, broken_conditions(card, roles, audio=spec.audio, resolution=spec.resolution or usual))
    yield from _places(spec, card)
    if spec.aspect_ratio is not None and card.ratios_for(spec.mode, spec.resolution) is None:
        yield "takes no aspect ratio" + (": the shape is that of what goes in" if spec.media else "")
    if spec.audio and card.audio == "never":
        yield "makes silent clips only"
    if spec.audio is False and card.audio == "always":
        yield "always makes sound"
    if spec.seed is not None and not card.seed:
        yield "takes no seed"
    if spec.negative_prompt and not card.negative_prompt:
        yield "takes no negative prompt"


def _places(spec: VideoSpec, card: ModelCard) -> Iterator[str]:
    """What stands against the form in which references are handed over."""
    here = [one for one in spec.media if one.url is None and card.by_address(one.role)]
    if here:
        what = "references" if card.addresses_only else f"{kind_of(here[0].role)}s"
        yield f"takes {what} as web addresses only (Media.from_url)"
    given = {"gs" if one.url.startswith("gs://") else "url" for one in spec.media if one.url}
    if "gs" in given - card.delivery:
        yield "reads no gs:// addresses"
    if "url" in given - card.delivery:
        yield "takes references as files, not as web addresses"
