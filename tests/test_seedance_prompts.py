from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.providers.seedance_prompts import without_flags


@pytest.mark.parametrize(
    ("prompt", "text", "taken"),
    [
        ("a fox --resolution 1080p", "a fox", ("--resolution",)),
        ("a fox --rs 720p --rt 16:9 --dur 5 --seed -1 --cf false --wm true", "a fox",
         ("--rs", "--rt", "--dur", "--seed", "--cf", "--wm")),
        ("--ratio=adaptive a fox", "a fox", ("--ratio",)),
        ("a fox--dur 10", "a fox", ("--dur",)),
        ("a fox --DUR10", "a fox", ("--dur",)),
        ("a fox --camera_fixed true in snow", "a fox in snow", ("--camera_fixed",)),
        ("a fox --frames 57 --fps 24", "a fox", ("--frames", "--fps")),
        ("a fox --watermark in\nsnow", "a fox in\nsnow", ("--watermark",)),
        ("a fox --dur 5 --dur 9", "a fox", ("--dur",)),
    ],
)  # fmt: skip
def test_a_setting_is_taken_out_with_its_value(prompt: str, text: str, taken: tuple[str, ...]) -> None:
    assert without_flags(prompt) == (text, taken)


@pytest.mark.parametrize(
    "prompt",
    ["a fox -- red, fast -- runs", "a fox--the red one", "--durable things--", "a - b -rs 720p", " a fox  in snow\n"],
)
def test_dashes_that_say_nothing_stay_as_they_are(prompt: str) -> None:
    assert without_flags(prompt) == (prompt, ())


PIECES = st.lists(
    st.sampled_from(["--", "-", " ", "\t", "rs", "seed", "dur", "framespersecond", "5", "16:9", "true", "=", "fox"])
)


@given(PIECES.map("".join) | st.text())
def test_what_is_left_holds_no_setting(prompt: str) -> None:
    text, taken = without_flags(prompt)
    assert without_flags(text) == (text, ())
    assert (text == prompt) or taken
