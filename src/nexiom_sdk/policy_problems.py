"""What is wrong in a policy file, in sentences, and where: the place as a path, and the line it stands on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from typing import TypeAlias, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.types import ASPECT_RATIOS, QUALITY_TIERS, RESOLUTIONS, MediaRole
from nexiom_sdk.wording import nearest, printable, unknown

Place: TypeAlias = tuple[str | int, ...]

MOST_TOLD = 20
_LONGEST_KEY = 100
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],]')

_VOCABULARIES: Mapping[frozenset[str], str] = {
    frozenset(QUALITY_TIERS): "tier",
    frozenset(RESOLUTIONS): "resolution",
    frozenset(ASPECT_RATIOS): "aspect ratio",
    frozenset(get_args(MediaRole)): "role of a reference",
}


class Misplaced(ValueError):
    """Something is wrong further inside of the value that is checked.

    Args:
        message: What is wrong.
        place: Where, from the value on.
    """

    def __init__(self, message: str, *place: str | int) -> None:
        super().__init__(message)
        self.place = place


def problems(
    error: ValidationError, keys: Mapping[str, Sequence[str]], around: Place = ()
) -> Iterator[tuple[Place, str]]:
    """Every problem as its place and a sentence.

    Args:
        error: What pydantic found; problems of inner values travel as causes of their `InvalidInput`.
        keys: The keys that exist, by the name of the model.
        around: Place of the value that was checked.
    """
    for problem in error.errors(include_url=False):
        place = (*around, *(part for part in problem["loc"] if part != "[key]"))
        inner = problem.get("ctx", {}).get("error")
        if isinstance(inner, InvalidInput) and isinstance(inner.__cause__, ValidationError):
            yield from problems(inner.__cause__, keys, place)
        else:
            if isinstance(inner, Misplaced):
                place = (*place, *inner.place)
            yield place, _sentence(problem, error.title, keys)


def _sentence(problem: ErrorDetails, model: str, keys: Mapping[str, Sequence[str]]) -> str:
    given, place, context = str(problem["input"]), problem["loc"], problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            sentence = "It is missing."
        case "too_short" | "string_too_short":
            sentence = "It is empty."
        case "extra_forbidden":
            sentence = unknown("key", str(place[-1]), keys.get(model, ()))
        case "literal_error":
            sentence = _not_one_of(given, re.findall(r"'([^']*)'", str(context["expected"])))
        case "string_pattern_mismatch":
            sentence = f"'{printable(given, 80)}' is not of the form provider/model, such as kling/kling-3.0."
        case "model_type":
            sentence = f"It should be an object. Known keys: {', '.join(keys[context['class_name']])}."
        case "dict_type" | "mapping_type":
            sentence = "It should be an object."
        case "tuple_type":
            sentence = "It should be a list."
        case "value_error":
            sentence = str(context["error"])
        case _:
            sentence = f"{problem['msg'].replace('Input should', 'It should', 1)}."
    return sentence


def _not_one_of(given: str, words: Sequence[str]) -> str:
    """Say that a word is not one of the possible ones; which vocabulary it is of, shows by the words."""
    vocabulary = _VOCABULARIES.get(frozenset(words))
    if vocabulary is not None:
        return unknown(vocabulary, given, words)
    guess = nearest(given, words)
    hint = f" Did you mean '{guess}'?" if guess else ""
    return f"'{printable(given, 80)}' is not one of: {', '.join(words)}.{hint}"


def told(text: str, source: str, found: Iterable[tuple[Place, str]]) -> str:
    """What is wrong in a file, a line for each mistake; of very many the first ones.

    Args:
        text: What the file holds.
        source: What it is called.
        found: The mistakes, each with its place.
    """
    found = iter(found)
    lines = [
        f"{source}, line {line_of(text, place)}: {dotted(place)}: {wrong}" for place, wrong in islice(found, MOST_TOLD)
    ]
    if any(True for _ in found):
        lines.append(f"{source}: there are more mistakes; these are the first {MOST_TOLD}.")
    return "\n".join(lines)


def dotted(place: Place) -> str:
    """The place as people write it.

    Example:
        >>> dotted(("tiers", "cinematic", "candidates", 3, "weight"))
        'tiers.cinematic.candidates[3].weight'
    """
    parts = (f"[{part}]" if isinstance(part, int) else f".{printable(part, _LONGEST_KEY)}" for part in place)
    return "".join(parts).lstrip(".") or "policy"


def line_of(text: str, place: Place) -> int:
    r"""The line of a place in a JSON text; of the innermost value around it, where the place itself is missing.

    Example:
        >>> line_of('{\n"tiers": {\n"cinematic": [1,\n 2]}}', ("tiers", "cinematic", 1))
        4
    """
    decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
    at = found = _next_token(text, 0)
    for part in place:
        if text[at] != ("[" if isinstance(part, int) else "{"):
            break
        at = _next_token(text, at + 1)
        for index in count():
            if text[at] in "]}":
                return _line_at(text, found)
            begin, name = at, index
            if isinstance(part, str):
                name, at = decode(text, at)
                at = _next_token(text, at)
            if name == part:
                found = begin
                break
            at = _next_token(text, decode(text, at)[1])
    return _line_at(text, found)


def repeated(text: str) -> Iterator[tuple[Place, str]]:
    r"""Every key that stands twice in an object of a JSON text, and where again: readers keep the last one in silence.

    Example:
        >>> [*repeated('{"tiers": 1,\n"tiers": 2}')]
        [(('tiers',), 'It stands here and again in line 2; only one of the two can hold.')]
    """
    place: list[str | int] = []
    seen: list[set[str] | None] = []  # the keys of each object around; None for a list
    key_follows = False
    for token in _TOKEN.finditer(text):
        match token[0]:
            case "{" | "[" as bracket:
                key_follows = bracket == "{"
                seen.append(set() if key_follows else None)
                place.append("" if key_follows else 0)
            case "}" | "]":
                seen.pop()
                place.pop()
                key_follows = False
            case ",":
                key_follows = seen[-1] is not None
                last = place[-1]
                place[-1] = last + 1 if isinstance(last, int) else last
            case word if key_follows and (keys := seen[-1]) is not None:
                place[-1] = name = str(json.loads(word))
                key_follows = False
                if name in keys:
                    line = _line_at(text, token.start())
                    yield tuple(place), f"It stands here and again in line {line}; only one of the two can hold."
                keys.add(name)
            case _:
                pass


def _next_token(text: str, at: int) -> int:
    """Where the next value, key or bracket begins."""
    while text[at] in " \t\r\n,:":
        at += 1
    return at


def _line_at(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
