from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nexiom_sdk.sights import HEIGHT, WIDTH, Sights, brightness, is_black


def grey(level: int) -> Image.Image:
    return Image.new("L", (WIDTH, HEIGHT), level)


def seen(levels: list[int], *, step: float = 0.125) -> Sights:
    sights = Sights()
    for number, level in enumerate(levels):
        sights.add(number * step, grey(level))
    return sights


def test_nothing_seen_is_nothing_to_tell() -> None:
    assert Sights().remarks(5) == ()


def test_a_single_picture_is_no_clip_that_stands_still() -> None:
    assert seen([90]).remarks(0.04) == ()


def test_a_stretch_that_stands_still_is_told_with_its_length() -> None:
    assert seen([60 + 5 * n for n in range(20)] + [200] * 44).remarks(8.0) == (
        "the picture does not move for 5.4 of 8 s",
    )


def test_black_is_told_once_and_not_as_a_picture_that_stands_still() -> None:
    assert seen([0] * 40).remarks(5.0) == ("the picture is black throughout",)


@pytest.mark.parametrize(("bright", "told"), [(1, True), (2, True), (3, False), (20, False)])
def test_a_flash_does_not_make_a_black_clip_a_good_one(bright: int, told: bool) -> None:
    remarks = seen([0] * 20 + [200] * bright + [0] * (20 - bright)).remarks(5.0)
    assert ("the picture is black throughout" in remarks) == told


def test_a_star_in_the_night_is_not_black() -> None:
    sky = grey(3)
    assert is_black(sky)
    sky.putpixel((100, 50), 60)
    assert not is_black(sky)


def test_a_slow_drift_is_motion_although_no_step_of_it_is() -> None:
    assert seen([60 + n // 3 for n in range(60)]).remarks(7.5) == ()


@pytest.mark.parametrize(
    ("by", "pixels", "moves"),
    [
        (2, WIDTH * HEIGHT, False),  # what an encoder does to a picture that stands still
        (4, 400, False),
        (6, 15, False),
        (3, 1600, True),  # a slow zoom over a smooth picture
        (6, 25, True),  # grain
        (9, 1, True),  # a candle far away
    ],
)
def test_much_of_a_picture_must_change_a_little_or_a_little_of_it_much(by: int, pixels: int, moves: bool) -> None:
    changed = grey(90)
    changed.putdata([90 + by if number < pixels else 90 for number in range(WIDTH * HEIGHT)])
    sights = Sights()
    for number in range(40):
        sights.add(number / 8, changed if number % 2 else grey(90))
    assert (sights.remarks(5.0) == ()) == moves


def test_brightness_is_the_mean_level() -> None:
    assert brightness(grey(77)) == 77


@given(st.lists(st.integers(0, 255), max_size=60), st.floats(0, 100))
def test_remarks_are_short_sentences_whatever_is_seen(levels: list[int], length: float) -> None:
    remarks = seen(levels).remarks(length)
    assert len(remarks) <= 1
    assert all(line.startswith("the picture ") for line in remarks)
