from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.preview.bidi import levels, reads_right_to_left, visual_order

HEBREW, ARABIC, ARABIC_DIGIT = "א", "ع", "٣"
LETTERS = f"ab12{HEBREW}{ARABIC}{ARABIC_DIGIT} ,.:-+$%()[]'\"\u0301"


@pytest.mark.parametrize(
    ("line", "right_to_left", "expected"),
    [
        ("ab", False, "00"),
        (HEBREW, True, "1"),
        (HEBREW, False, "1"),
        ("a", True, "2"),
        (f"{HEBREW} 12", True, "1122"),
        (f"{HEBREW} 1:30", True, "112222"),
        (f"{HEBREW} $5", True, "1122"),
        (f"{ARABIC} 5%", True, "1121"),
        (f"{ARABIC} 1-2", True, "11212"),
        (f"{HEBREW} 1-2", True, "11222"),
        (f"a {HEBREW}, {HEBREW} b", False, "00111100"),
        (f"a {HEBREW}!", False, "0010"),
        (f"{HEBREW}!", True, "11"),
        (f"{HEBREW}\u0301a", False, "110"),
        (f"{HEBREW} a (2)", True, "1122222"),
        (f"{HEBREW} (a) {HEBREW}", True, "1112111"),
        (f"a ({HEBREW}) b", False, "0001000"),
        (f"({HEBREW})", False, "010"),
        ("", True, ""),
    ],
)
def test_each_character_gets_its_level(line: str, *, right_to_left: bool, expected: str) -> None:
    assert "".join(map(str, levels(line, right_to_left=right_to_left))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abc", False), (f"12 {HEBREW}a", True), (f"a{HEBREW}", False), (ARABIC, True), ("123 …", False), ("", False)],
)
def test_the_first_letter_with_a_direction_decides_the_direction(text: str, *, expected: bool) -> None:
    assert reads_right_to_left(text) is expected


@given(st.text(LETTERS), st.booleans())
def test_every_character_has_one_level_and_strong_ones_keep_their_direction(line: str, right_to_left: bool) -> None:
    found = levels(line, right_to_left=right_to_left)
    assert len(found) == len(line)
    assert all(level % 2 for letter, level in zip(line, found, strict=True) if letter in HEBREW + ARABIC)
    assert not any(level % 2 for letter, level in zip(line, found, strict=True) if letter in "ab12" + ARABIC_DIGIT)


@given(st.lists(st.integers(0, 3)))
def test_the_visual_order_is_an_order(of_levels: list[int]) -> None:
    assert sorted(visual_order(of_levels)) == list(range(len(of_levels)))


def test_text_in_one_direction_stands_as_it_is_or_turned_round() -> None:
    assert visual_order([0, 0, 0]) == [0, 1, 2]
    assert visual_order([1, 1, 1]) == [2, 1, 0]
    assert visual_order([1, 2, 2, 1]) == [3, 1, 2, 0]
