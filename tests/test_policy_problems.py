from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexiom_sdk.policy_problems import MOST_TOLD, Place, dotted, line_of, repeated, told

_keys = st.sampled_from(["a", "b", 'q"uo\\te', "ü", "tiers", ""])
_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("place", "written"),
    [
        ((), "policy"),
        (("tiers",), "tiers"),
        (("tiers", "cinematic", "candidates", 3, "weight"), "tiers.cinematic.candidates[3].weight"),
    ],
)
def test_a_place_is_written_as_people_write_it(place: Place, written: str) -> None:
    assert dotted(place) == written


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 1),
        (("a",), 2),
        (("a", 0), 3),
        (("a", 1), 4),
        (("a", 1, "b"), 4),
        (("c",), 5),
        (("missing",), 1),
        (("a", 7), 2),
    ],
)
def test_the_line_of_a_place_is_found_or_that_of_what_is_around_it(place: Place, line: int) -> None:
    assert line_of('{\n"a": [\n1,\n{"b": 2}],\n"c": "a"}', place) == line


@settings(max_examples=100, deadline=None)
@given(_trees, st.data())
def test_every_place_in_any_json_is_found(tree: Any, data: st.DataObject) -> None:
    place: list[str | int] = []
    holder: dict[Any, Any] = {"root": tree}
    node: Any = holder
    key: str | int = "root"
    while True:
        place.append(key)
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            node[key] = "MARK"
            break
        node, key = inner, data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
    text = json.dumps(holder, indent=data.draw(st.sampled_from([1, 4])), ensure_ascii=data.draw(st.booleans()))
    assert "MARK" in text.split("\n")[line_of(text, tuple(place)) - 1]


def test_keys_that_stand_twice_are_found_in_the_object_that_has_them() -> None:
    text = '{"a": [{"b": "a", "c": ["a", "a"]}, {"b": 1,\n"b": "b"}], "c": {"a": 1},\n"\\u0061": {"x": 1, "x": "{"}}'
    found = [(place, said.partition(";")[0]) for place, said in repeated(text)]
    assert found == [
        (("a", 1, "b"), "It stands here and again in line 2"),
        (("a",), "It stands here and again in line 3"),
        (("a", "x"), "It stands here and again in line 3"),
    ]


@given(_trees)
def test_what_is_written_by_a_program_has_no_key_twice(tree: Any) -> None:
    assert [*repeated(json.dumps(tree))] == []


def test_of_very_many_mistakes_the_first_ones_are_told() -> None:
    text = json.dumps({f"k{number}": 1 for number in range(3000)})
    said = told(text, "mine.json", (((f"k{number}",), "It is wrong.") for number in range(3000)))
    assert len(said.splitlines()) == MOST_TOLD + 1
    assert said.endswith("mine.json: there are more mistakes; these are the first 20.")


def test_a_key_with_control_characters_is_told_without_them() -> None:
    assert dotted(("tiers", "a\x1b[31m")) == "tiers.a\ufffd[31m"
