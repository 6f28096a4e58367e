from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.pixels import USUAL_SHAPE, video_size
from nexiom_sdk.providers.openai_videos import size
from nexiom_sdk.types import ASPECT_RATIOS, RESOLUTIONS, AspectRatio, Resolution, VideoSpec


@given(st.sampled_from(RESOLUTIONS), st.sampled_from(ASPECT_RATIOS))
def test_the_short_side_is_that_of_the_resolution_and_the_long_one_goes_in_steps(
    resolution: Resolution, ratio: AspectRatio
) -> None:
    found = video_size(resolution, ratio, None)
    assert found is not None
    assert f"{min(found)}p" == resolution
    wide, high = map(int, ratio.split(":"))
    assert (found[0] >= found[1]) == (wide >= high)
    assert max(found) <= min(found) * 21 / 9
    assert f"{found[0]}x{found[1]}" == size(VideoSpec(model="a", prompt="x", resolution=resolution, aspect_ratio=ratio))


@pytest.mark.parametrize("picture", [None, (3, 2), USUAL_SHAPE])
def test_what_was_not_asked_for_is_left_to_the_server(picture: tuple[int, int] | None) -> None:
    assert video_size(None, None, picture) is None
    assert (video_size("720p", None, picture) is None) == (picture is None)


@given(st.sampled_from(RESOLUTIONS), st.tuples(st.integers(1, 9000), st.integers(1, 9000)))
def test_the_shape_of_the_picture_is_that_of_the_video_until_nothing_changes_any_more(
    resolution: Resolution, picture: tuple[int, int]
) -> None:
    found, steps = video_size(resolution, None, picture), 0
    while found is not None and (again := video_size(resolution, None, found)) != found:
        found, steps = again, steps + 1
    assert steps <= 2
