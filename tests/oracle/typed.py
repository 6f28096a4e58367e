"""Whether a body is one that the types of an official package allow, down to each word and key."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Literal, NotRequired, Required, Union, get_args, get_origin

import typing_extensions
from pydantic import JsonValue
from typing_extensions import get_type_hints, is_typeddict

_MARKS = (Annotated, Required, NotRequired, typing_extensions.Required, typing_extensions.NotRequired)
_UNIONS = (Union, types.UnionType)
_ALSO: Mapping[type, tuple[type, ...]] = {float: (int,)}


class Key(typing.NamedTuple):
    """A key of a body."""

    shape: object
    required: bool


def misfits(shape: object, value: JsonValue, place: str = "body") -> Iterator[str]:
    """What in a value the type does not allow, each with its place.

    Args:
        shape: A `TypedDict` of typed parameters, or what is inside of one.
        value: The value that is sent.
        place: Where it stands.
    """
    kind, inner = get_origin(shape), get_args(shape)
    if kind in _MARKS:
        yield from misfits(inner[0], value, place)
    elif kind in _UNIONS:
        yield from min((list(misfits(one, value, place)) for one in inner), key=len)
    elif kind in {Literal, typing_extensions.Literal}:
        if value not in inner:
            yield f"{place} is {value!r}, which is none of {', '.join(map(repr, inner))}"
    elif is_typeddict(typing.cast("type", shape)):
        yield from _misfits_of_keys(typing.cast("type", shape), value, place)
    elif isinstance(kind, type) and issubclass(kind, Iterable) and not isinstance(value, Mapping):
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            yield from misfits(inner[0], one, f"{place}[{index}]")
    elif isinstance(shape, type) and shape is not object and type(value) not in {shape, *_ALSO.get(shape, ())}:
        yield f"{place} is {value!r}, and no {shape.__name__}"


def _misfits_of_keys(shape: type, value: JsonValue, place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{place} is {value!r}, and no object"
        return
    known = keys_of(shape)
    yield from (f"{place} lacks {name}" for name, key in known.items() if key.required and name not in value)
    for name, inner in value.items():
        if name in known:
            yield from misfits(known[name].shape, inner, f"{place}.{name}")
        else:
            yield f"{place} has {name}, which is none of {', '.join(sorted(known))}"


@cache
def keys_of(shape: type) -> Mapping[str, Key]:
    """The keys of a `TypedDict` as they are sent."""
    hints = get_type_hints(shape, include_extras=True)
    return {_name_of(hint, name): Key(hint, required=_required(hint)) for name, hint in hints.items()}


def words(shape: object) -> tuple[str, ...]:
    """The words of a `Literal`."""
    while get_origin(shape) in _MARKS:
        shape = get_args(shape)[0]
    return get_args(shape)


def _name_of(hint: object, name: str) -> str:
    """The name on the wire: the packages note it beside the type, where it is another one."""
    if get_origin(hint) not in _MARKS:
        return name
    inner, *notes = get_args(hint)
    return next((note.alias for note in notes if getattr(note, "alias", None)), None) or _name_of(inner, name)


def _required(hint: object) -> bool:
    if get_origin(hint) in {Required, typing_extensions.Required}:
        return True
    return get_origin(hint) is Annotated and _required(get_args(hint)[0])
