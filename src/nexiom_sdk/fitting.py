"""What stands against a request at a model, and where the model comes nearest to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from nexiom_sdk.cards import ModelCard, kind_of
from nexiom_sdk.conditions import broken_conditions, heard, places, sound_of
from nexiom_sdk.nearest import Mismatch, nearest_ratio, nearest_resolution, not_offered, quotient
from nexiom_sdk.types import AspectRatio, MediaRole, Mode, Resolution, VideoRequest, mode_of
from nexiom_sdk.wording import seconds


class Asked(NamedTuple):
    """What a request asks of a model: all that a card is held against, without the words and the files themselves.

    Args:
        mode: Kind of order, by its references.
        roles: The role of each reference.
        duration_seconds: Length of the clip.
        resolution: Short side of the picture.
        aspect_ratio: Width to height.
        audio: With sound or silent.
        seed: Whether there is a seed.
        negative_prompt: Whether there is a negative prompt.
        prompt_chars: Length of the prompt in characters.
        without_address: Roles of the references that have no web address of their own.
        in_cloud_storage: Whether a reference is an object in Google Cloud Storage.
    """

    mode: Mode = "text"
    roles: tuple[MediaRole, ...] = ()
    duration_seconds: float | None = None
    resolution: Resolution | None = None
    aspect_ratio: AspectRatio | None = None
    audio: bool | None = None
    seed: bool = False
    negative_prompt: bool = False
    prompt_chars: int = 0
    without_address: tuple[MediaRole, ...] = ()
    in_cloud_storage: bool = False

    @classmethod
    def of(cls, request: VideoRequest) -> Self:
        """What this request asks.

        Example:
            >>> Asked.of(VideoRequest(prompt="a fox", reference_media_path="u1/fox.png")).mode
            'image'
        """
        references = request.references
        roles: tuple[MediaRole, ...] = tuple(media.role for media in references)
        without_address: tuple[MediaRole, ...] = tuple(media.role for media in references if media.is_kept)
        return cls(
            mode=mode_of(roles),
            roles=roles,
            duration_seconds=request.duration_seconds,
            resolution=request.resolution,
            aspect_ratio=request.aspect_ratio,
            audio=request.audio,
            seed=request.seed is not None,
            negative_prompt=bool(request.negative_prompt),
            prompt_chars=len(request.prompt),
            without_address=without_address,
            in_cloud_storage=any(media.delivery == "gs" for media in references),
        )


def mismatches(request: VideoRequest | Asked, card: ModelCard, *, addresses: bool = True) -> tuple[Mismatch, ...]:
    """Every reason why this model cannot carry out this request; empty when it can.

    Only what the user asked is judged: a tier's default never makes a request fail.

    Args:
        request: The request.
        card: The model.
        addresses: Whether the store can give web addresses of what it holds.
    """
    asked = Asked.of(request) if isinstance(request, VideoRequest) else request
    return tuple(_mismatches(asked, card, addresses=addresses))


def media_mismatches(roles: Sequence[MediaRole], card: ModelCard) -> Iterator[Mismatch]:
    """Every reason why this model cannot take references of these roles together.

    Args:
        roles: The role of each reference.
        card: The model.

    Example:
        >>> card = ModelCard(model="a1", media={"first_frame": 1})
        >>> [str(reason) for reason in media_mismatches(["first_frame", "last_frame"], card)]
        ['takes no last frame']
    """
    if card.media_required and not roles:
        yield Mismatch("media", "needs a reference image or video")
    for role in dict.fromkeys(roles):
        allowed, given = card.media.get(role, 0), roles.count(role)
        if given > allowed:
            name = role.replace("_", " ")
            yield Mismatch("media", f"takes {allowed} x {name}, not {given}" if allowed else f"takes no {name}")
    for exclusive in card.media_exclusions:
        used = [role.replace("_", " ") for role in exclusive if role in roles]
        if len(used) > 1:
            yield Mismatch("media", f"takes only one of {' and '.join(used)}")


def best_places(
    asked: VideoRequest | Asked, card: ModelCard, among: Sequence[Resolution | None]
) -> list[Resolution | None]:
    """Those of the resolutions at which the model comes nearest to what was asked: first in length, then in shape.

    Args:
        asked: What is asked.
        card: The model.
        among: Resolutions to compare, at least one; None stands for the provider's own default.

    Example:
        >>> from nexiom_sdk.cards import Lengths
        >>> long = Lengths(one_of=(10,), resolutions=("720p",))
        >>> card = ModelCard(model="a1", durations_seconds=(4,), lengths=(long,), resolutions=("720p", "1080p"))
        >>> best_places(Asked(duration_seconds=9), card, card.resolutions)
        ['720p']
    """
    if not (card.lengths or card.shapes):
        return list(among)
    misses = [_miss(asked, card, place) for place in among]
    least = min(misses)
    return [place for place, miss in zip(among, misses, strict=True) if miss == least]


def _mismatches(asked: Asked, card: ModelCard, *, addresses: bool) -> Iterator[Mismatch]:
    wanted = asked.resolution
    if asked.duration_seconds is not None:
        yield from _length(asked.duration_seconds, asked, card)
    if wanted is not None and card.resolutions and wanted not in card.resolutions:
        yield not_offered("resolution", wanted, card.resolutions, nearest_resolution(wanted, card.resolutions))
    if asked.aspect_ratio is not None:
        yield from _ratio(asked.aspect_ratio, asked, card)
    if asked.audio is not None:
        yield from _sound(asked.audio, asked, card)
    if card.conditions:
        yield from _conditions(asked, card)
    if asked.seed and not card.seed:
        yield Mismatch("seed", "takes no seed", adaptable=True)
    if asked.negative_prompt and not card.negative_prompt:
        yield Mismatch("negative_prompt", "takes no negative prompt", adaptable=True)
    if card.max_prompt_chars is not None and asked.prompt_chars > card.max_prompt_chars:
        allowed = f"{card.max_prompt_chars:,} are allowed"
        yield Mismatch("prompt", f"the prompt has {asked.prompt_chars:,} characters, {allowed}")
    if asked.roles or card.media_required:
        yield from _media(asked, card, addresses=addresses)


def _conditions(asked: Asked, card: ModelCard) -> Iterator[Mismatch]:
    wanted = asked.audio and card.audio in {"optional", "always"}
    sound = True if wanted else heard(card, asked.roles, audio=asked.audio)
    yield from broken_conditions(card, asked.roles, audio=sound, resolution=asked.resolution)
    if places(card, asked.roles, audio=asked.audio) == ():
        yield Mismatch("resolution", "offers no resolution for all of this together")


def _media(asked: Asked, card: ModelCard, *, addresses: bool) -> Iterator[Mismatch]:
    yield from media_mismatches(asked.roles, card)
    if asked.in_cloud_storage and "gs" not in card.delivery:
        yield Mismatch("media", "reads no gs:// addresses (hand over the file itself, or an https address)")
    far: list[MediaRole] = [role for role in asked.without_address if card.by_address(role)]
    if far and not addresses:
        what = "references" if card.addresses_only else f"{kind_of(far[0])}s"
        yield Mismatch("media", f"takes {what} as web addresses only, and this store has none")


def _length(wanted: float, asked: Asked, card: ModelCard) -> Iterator[Mismatch]:
    closest = card.lengths_for(asked.mode, _best_place(asked, card))
    nearest = closest.nearest(wanted)
    if nearest != wanted:
        where = f" at {asked.resolution}" if asked.resolution and card.lengths else ""
        message = f"{seconds(wanted)} is not offered{where} (offered: {closest}; nearest: {seconds(nearest)})"
        yield Mismatch("duration_seconds", message, adaptable=True)


def _ratio(wanted: AspectRatio, asked: Asked, card: ModelCard) -> Iterator[Mismatch]:
    offered = card.ratios_for(asked.mode, _best_place(asked, card))
    if offered is None:
        yield Mismatch("aspect_ratio", "the shape cannot be chosen (it comes from the picture)", adaptable=True)
    elif offered and wanted not in offered:
        yield not_offered("aspect_ratio", wanted, offered, nearest_ratio(wanted, offered))


def _best_place(asked: Asked, card: ModelCard) -> Resolution | None:
    """The resolution at which length and shape are judged; any, where they do not depend on it."""
    if asked.resolution or not (card.lengths or card.shapes):
        return asked.resolution
    return best_places(asked, card, places(card, asked.roles, audio=asked.audio) or (None,))[0]


def _miss(asked: VideoRequest | Asked, card: ModelCard, place: Resolution | None) -> tuple[float, float]:
    """How far the model stays from the length and from the shape that were asked for, at this resolution."""
    mode, length, ratio = asked.mode, asked.duration_seconds, asked.aspect_ratio
    short = 0.0 if length is None else abs(card.lengths_for(mode, place).nearest(length) - length)
    if ratio is None:
        return short, 0.0
    offered = card.ratios_for(mode, place)
    return short, math.inf if offered is None else abs(quotient(nearest_ratio(ratio, offered)) - quotient(ratio))


def _sound(wanted: bool, asked: Asked, card: ModelCard) -> Iterator[Mismatch]:  # noqa: FBT001 - a value, not a flag
    match wanted, card.audio:
        case (True, "never"):
            yield Mismatch("audio", "makes silent clips only")
        case (False, "always") if sound_of(card, asked.roles) == "always":
            yield Mismatch("audio", "always makes sound", adaptable=True)
        case (_, "unknown"):
            yield Mismatch("audio", "sound cannot be chosen", adaptable=True)
        case _:
            pass
