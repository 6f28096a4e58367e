from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nexiom_sdk.models import MediaLimits, ModelCard
from nexiom_sdk.picture_shapes import changes, shaped
from nexiom_sdk.reference_limits import broken_limits
from nexiom_sdk.references import Reference

sizes = st.tuples(st.integers(1, 8000), st.integers(1, 8000))


@given(
    sizes, st.integers(1, 700), st.integers(1000, 6000), st.sampled_from([None, 0.25, 0.4]), st.sampled_from([2.5, 4])
)
def test_every_picture_gets_a_shape_that_keeps_to_every_limit(
    size: tuple[int, int], shortest: int, longest: int, least: float | None, most: float
) -> None:
    limits = MediaLimits(min_side_pixels=shortest, max_side_pixels=longest, min_ratio=least, max_ratio=most)
    shape = shaped(size, limits, None)
    found = Reference(size_bytes=1, media_type="image/png", width=shape.size[0], height=shape.size[1])
    card = ModelCard(model="a1", media_limits={"image": limits})
    assert list(broken_limits(found, card, role="first_frame")) == []
    left, upper, right, lower = shape.box
    assert 0 <= left < right <= size[0]
    assert 0 <= upper < lower <= size[1]
    assert abs(left - (size[0] - right)) <= 1, "it is the middle that is kept"
    assert abs(upper - (size[1] - lower)) <= 1


@pytest.mark.parametrize(("size", "becomes"), [((5, 2), (7, 3)), ((2, 5), (3, 7))])
def test_scaling_to_whole_pixels_breaks_no_ratio(size: tuple[int, int], becomes: tuple[int, int]) -> None:
    assert shaped(size, MediaLimits(min_side_pixels=3, min_ratio=0.4, max_ratio=2.5), None).size == becomes


@given(sizes)
def test_a_picture_that_is_taken_as_it_is_stays_so(size: tuple[int, int]) -> None:
    shape = shaped(size, MediaLimits(), None)
    assert (shape.box, shape.size) == ((0, 0, *size), size)
    assert changes(size, shape.size) == ""


@given(sizes, sizes)
def test_an_exact_size_is_kept_without_stretching(size: tuple[int, int], exactly: tuple[int, int]) -> None:
    assume(min(size) >= 100)
    assume(0.2 < exactly[0] / exactly[1] < 5)
    shape = shaped(size, MediaLimits(), exactly)
    width, height = shape.box[2] - shape.box[0], shape.box[3] - shape.box[1]
    assert shape.size == exactly
    assert abs(width / height / (exactly[0] / exactly[1]) - 1) < 0.06
    assert width == size[0] or height == size[1], "no more is cropped than has to be"


def test_what_was_done_is_said_in_few_words() -> None:
    assert changes((3000, 2000), (1280, 720)) == "cropped from 3:2 to 16:9 and scaled from 3000x2000 to 1280x720"
    assert changes((4032, 3024), (1280, 720)) == "cropped from 4:3 to 16:9 and scaled from 4032x3024 to 1280x720"
    assert changes((1001, 999), (500, 499)) == "scaled from 1001x999 to 500x499"
    assert changes((1600, 1000), (1600, 900)) == "cropped from 1600x1000 to 1600x900"
    assert changes((9000, 30), (75, 30)) == "cropped from 9000x30 to 75x30"
