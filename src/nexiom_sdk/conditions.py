"""What a model does only together with something else: the conditions of its card, and what they leave to choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nexiom_sdk.cards import Condition, ModelCard, Sound
from nexiom_sdk.nearest import Mismatch, nearest_resolution, not_offered
from nexiom_sdk.types import RESOLUTIONS, MediaRole, Resolution


def broken_conditions(
    card: ModelCard, roles: Sequence[MediaRole], *, audio: bool | None = None, resolution: Resolution | None = None
) -> Iterator[Mismatch]:
    """Every condition of the model that such an order breaks; what is unset breaks nothing.

    Args:
        card: The model.
        roles: The role of each reference.
        audio: With sound or silent.
        resolution: Short side of the picture.

    Example:
        >>> from nexiom_sdk.cards import Condition
        >>> card = ModelCard(model="a1", conditions=(Condition(audio=True, resolutions=("1080p",)),))
        >>> [str(one) for one in broken_conditions(card, (), audio=True, resolution="720p")]
        ['720p is not offered with sound (offered: 1080p; nearest: 1080p)']
    """
    for condition in card.conditions:
        if not condition.applies(roles, audio):
            continue
        about = _about(condition)
        if resolution is not None and condition.resolutions and resolution not in condition.resolutions:
            nearest = nearest_resolution(resolution, condition.resolutions)
            yield not_offered("resolution", resolution, condition.resolutions, nearest, where=about)
        if condition.silent and audio:
            yield Mismatch("audio", f"makes silent clips only{about}")
        if condition.beside and not any(role in roles for role in condition.beside):
            takes = f"takes {_listed(condition.roles)} only beside" if condition.roles else "needs"
            yield Mismatch("media", f"{takes} {_listed(condition.beside, 'or')}")
        given = sum(role in condition.counted for role in roles)
        if condition.counted and given > condition.most:
            together = f"{condition.most} x {_listed(condition.counted, 'or')} together{about}"
            yield Mismatch("media", f"takes {together}, not {given}")


def sound_of(card: ModelCard, roles: Sequence[MediaRole]) -> Sound:
    """Whether clips with such references have sound: a condition may silence a model that has it otherwise.

    Args:
        card: The model.
        roles: The role of each reference.
    """
    silenced = any(one.silent and one.applies(roles, True) for one in card.conditions)  # noqa: FBT003 - with sound
    return "never" if silenced and card.audio != "unknown" else card.audio


def heard(card: ModelCard, roles: Sequence[MediaRole], *, audio: bool | None) -> bool | None:
    """Whether the clip will have sound, as far as user and model say.

    Args:
        card: The model.
        roles: The role of each reference.
        audio: Sound or silence, if one of them was asked for.
    """
    match sound_of(card, roles):
        case "always":
            return True
        case "never":
            return False
        case "unknown":
            return None
        case "optional":
            return audio


def places(card: ModelCard, roles: Sequence[MediaRole], *, audio: bool | None) -> tuple[Resolution, ...] | None:
    """The resolutions at which a model's conditions allow such an order; None: any, as far as is known.

    Args:
        card: The model.
        roles: The role of each reference.
        audio: Sound or silence, if one of them was asked for.

    Example:
        >>> from nexiom_sdk.cards import Condition
        >>> only = Condition(audio=True, resolutions=("1080p",))
        >>> card = ModelCard(model="a1", audio="optional", resolutions=("720p", "1080p"), conditions=(only,))
        >>> places(card, (), audio=True), places(card, (), audio=None)
        (('1080p',), ('720p', '1080p'))
    """
    if not card.conditions:
        return card.resolutions or None
    sound = heard(card, roles, audio=audio)
    bounds = [one.resolutions for one in card.conditions if one.resolutions and one.applies(roles, sound)]
    if not bounds:
        return card.resolutions or None
    return tuple(one for one in card.resolutions or RESOLUTIONS if all(one in bound for bound in bounds))


def _about(condition: Condition) -> str:
    """The occasion of a condition, in words that end a sentence."""
    sound = {None: "", True: " with sound", False: " without sound"}[condition.audio]
    return sound + (f" beside {_listed(condition.roles)}" if condition.roles else "")


def _listed(roles: Sequence[MediaRole], last: str = "and") -> str:
    """Roles in words, such as: a first frame or a reference image."""
    names = [f"a {role.replace('_', ' ')}" for role in roles]
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), names[-1])))
