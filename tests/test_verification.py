from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.models import ModelCard, Shapes
from nexiom_sdk.nearest import lines, quotient
from nexiom_sdk.preview.render import pixel_size
from nexiom_sdk.types import ASPECT_RATIOS, RESOLUTIONS, AspectRatio, Candidate, Mode, Resolution, VideoProbe
from nexiom_sdk.verification import differences

FILE = VideoProbe(
    container="mp4",
    width=1280,
    height=720,
    duration_seconds=8.0,
    has_audio=True,
    video_codec="avc1",
    frames_per_second=24.0,
)
ORDER = Candidate(
    provider="acme", model="a1", duration_seconds=8, resolution="720p", aspect_ratio="16:9", audio=True, mode="text"
)

probes = st.builds(
    VideoProbe,
    container=st.sampled_from(["mp4", "webm"]),
    width=st.integers(0, 70_000),
    height=st.integers(0, 70_000),
    duration_seconds=st.floats(),
    has_audio=st.booleans(),
    video_codec=st.none()
    | st.text(st.characters(max_codepoint=255), max_size=8)
    | st.sampled_from(["avc1", "hvc1", "V_VP9"]),
    frames_per_second=st.none() | st.floats(),
)
orders = st.builds(
    Candidate,
    provider=st.just("acme"),
    model=st.just("a1"),
    mode=st.sampled_from(["text", "image", "reference", "video"]),
    duration_seconds=st.none() | st.floats(0.1, 3600),
    resolution=st.none() | st.sampled_from(RESOLUTIONS),
    aspect_ratio=st.none() | st.sampled_from(ASPECT_RATIOS),
    audio=st.none() | st.booleans(),
)


def told(asked: Candidate = ORDER, *, card: ModelCard | None = None, **changes: Any) -> tuple[str, ...]:
    return differences(FILE.evolve(**changes), asked=asked, card=card)


def test_a_file_that_is_what_was_ordered_needs_no_words() -> None:
    assert told() == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"duration_seconds": 5.041667}, "asked for 8 s, the video has 5.04 s"),
        ({"duration_seconds": 10.0}, "asked for 8 s, the video has 10 s"),
        ({"width": 854, "height": 480}, "asked for 720p, the video has 854x480"),
        ({"width": 1920, "height": 1080}, "asked for 720p, the video has 1920x1080"),
        ({"width": 720, "height": 1280}, "asked for 16:9, the video has 720x1280"),
        ({"has_audio": False}, "asked for sound, the video has none"),
        (
            {"video_codec": "hvc1"},
            "its pictures are coded as H.265 (hvc1), which not every browser and player shows",
        ),
        ({"video_codec": "zz\x1b9"}, "its pictures are coded as zz\ufffd9, which not every browser and player shows"),
        ({"frames_per_second": 8.0}, "it has only 8 pictures a second"),
    ],
)
def test_what_differs_is_told_in_words(changes: dict[str, Any], words: str) -> None:
    assert told(**changes) == (words,)


def test_sound_that_was_not_wanted_is_told() -> None:
    assert told(ORDER.evolve(audio=False)) == ("asked for no sound, the video has a sound track",)


@pytest.mark.parametrize("codec", ["hev1", "av01", "vp09", "apch", "ap4h", "V_AV1"])
def test_a_codec_that_common_players_lack_is_told(codec: str) -> None:
    assert len(told(video_codec=codec)) == 1


@pytest.mark.parametrize(
    ("resolution", "ratio", "size"),
    [
        ("480p", "16:9", (864, 496)),
        ("480p", "16:9", (854, 480)),
        ("480p", "16:9", (832, 480)),
        ("480p", "16:9", (848, 480)),
        ("480p", "9:16", (496, 864)),
        ("480p", "21:9", (992, 432)),  # the pixels of 16:9 in another shape
        ("720p", "21:9", (1470, 630)),
        ("720p", "1:1", (960, 960)),
        ("720p", "1:1", (720, 720)),
        ("720p", "4:3", (1104, 832)),
        ("1080p", "16:9", (1792, 1024)),
        ("1080p", "16:9", (1920, 1088)),
        ("768p", "16:9", (1366, 768)),
        ("540p", "16:9", (960, 544)),
    ],
)
def test_sizes_that_providers_really_make_are_no_difference(
    resolution: Resolution, ratio: AspectRatio, size: tuple[int, int]
) -> None:
    asked = ORDER.evolve(resolution=resolution, aspect_ratio=ratio)
    assert told(asked, width=size[0], height=size[1]) == ()


@pytest.mark.parametrize("length", [5.0, 5.041667, 4.96, 5.375])
def test_lengths_that_providers_really_make_are_no_difference(length: float) -> None:
    assert told(ORDER.evolve(duration_seconds=5), duration_seconds=length) == ()


@pytest.mark.parametrize(("asked", "made"), list(itertools.pairwise(RESOLUTIONS)))
def test_the_next_resolution_is_never_taken_for_the_one_that_was_asked_for(asked: Resolution, made: Resolution) -> None:
    for wanted, has in ((asked, made), (made, asked)):
        width, height = pixel_size(has, "16:9")
        assert told(ORDER.evolve(resolution=wanted), width=width, height=height), (wanted, has)


def test_the_new_version_of_a_clip_takes_after_that_clip() -> None:
    asked = ORDER.evolve(mode="video")
    assert told(asked, duration_seconds=3.0, width=480, height=854, has_audio=False) == ()
    assert len(told(asked, video_codec="hvc1", frames_per_second=5.0)) == 2


@pytest.mark.parametrize("mode", ["image", "reference"])
def test_with_a_picture_the_shape_counts_only_where_the_card_offers_it(mode: Mode) -> None:
    square: dict[str, Any] = {"width": 960, "height": 960}
    asked = ORDER.evolve(mode=mode)
    offers = ModelCard(model="a1", aspect_ratios=("16:9", "1:1"))
    follows = offers.evolve(shapes=(Shapes(aspect_ratios=("16:9",), modes=(mode,)), Shapes(aspect_ratios=())))
    assert told(asked, **square) == ()
    assert told(asked, card=ModelCard(model="a1"), **square) == ()
    assert told(asked, card=offers, **square) == ("asked for 16:9, the video has 960x960",)
    assert told(asked, card=follows, **square) == ("asked for 16:9, the video has 960x960",)
    assert told(asked, card=offers.evolve(shapes=(Shapes(aspect_ratios=(), modes=(mode,)),)), **square) == ()


def test_what_was_left_to_the_provider_is_no_difference() -> None:
    free = Candidate(provider="acme", model="a1")
    assert differences(FILE.evolve(width=100, height=3000, duration_seconds=0.2), asked=free) == ()


def test_an_unknown_codec_or_frame_rate_is_no_difference() -> None:
    assert told(video_codec=None, frames_per_second=None) == ()


@given(probes, orders, st.booleans())
def test_it_never_raises_and_its_words_are_plain(probe: VideoProbe, asked: Candidate, known: bool) -> None:
    for line in differences(probe, asked=asked, card=ModelCard(model="a1") if known else None):
        assert line
        assert line.isprintable()


@given(orders)
def test_an_exact_match_is_never_warned_of(asked: Candidate) -> None:
    width, height = pixel_size(asked.resolution or "720p", asked.aspect_ratio or "16:9")
    made = FILE.evolve(
        width=width,
        height=height,
        duration_seconds=asked.duration_seconds or 5.0,
        has_audio=asked.audio is not False,
    )
    assert differences(made, asked=asked, card=ModelCard(model="a1", aspect_ratios=ASPECT_RATIOS)) == ()


@given(st.floats(0.5, 60), st.floats(0, 60), st.floats(0, 60), st.booleans())
def test_a_larger_difference_in_length_is_told_where_a_smaller_one_is(
    wanted: float, one: float, other: float, longer: bool
) -> None:
    near, far = sorted((one, other))
    asked = Candidate(provider="acme", model="a1", duration_seconds=wanted)
    sign = 1 if longer else -1
    small, large = (differences(FILE.evolve(duration_seconds=wanted + sign * by), asked=asked) for by in (near, far))
    assert bool(large) >= bool(small)


@given(st.sampled_from(RESOLUTIONS), st.floats(0.05, 4), st.floats(0.05, 4))
def test_a_larger_difference_in_size_is_told_where_a_smaller_one_is(
    wanted: Resolution, one: float, other: float
) -> None:
    def size(times: float) -> dict[str, object]:
        side = round(lines(wanted) * times)
        return {"width": round(side * quotient("16:9")), "height": side}

    asked = Candidate(provider="acme", model="a1", resolution=wanted)
    if (one - 1) * (other - 1) > 0:  # both smaller, or both larger
        near, far = sorted((one, other), key=lambda times: abs(times - 1))
        assert bool(differences(FILE.evolve(**size(far)), asked=asked)) >= bool(
            differences(FILE.evolve(**size(near)), asked=asked)
        )
