from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metadata_rig import (
    CANARY,
    SECRET,
    gif_with_secrets,
    jpeg_with_secrets,
    media_at,
    mp3_with_secrets,
    png_with_secrets,
    riff_chunk,
    stripped,
    track,
    video,
    wav,
    webp_with_secrets,
    with_track,
)
from metadata_rig import box as box_of
from nexiom_sdk import references
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.metadata import without_metadata
from nexiom_sdk.metadata.copying import _PARTS
from nexiom_sdk.testing import sample_video

TYPES = tuple(references._EXTENSION)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One file of each type, with something to hide."""
    folder = tmp_path_factory.mktemp("samples")
    mp4 = video(folder / "clip.mp4", seconds=0.2)
    mp4 = with_track(mp4, track(b"camm", [(media_at(mp4), [len(SECRET)])]), box_of(b"mdat", SECRET))
    return {
        "image/jpeg": jpeg_with_secrets(),
        "image/png": png_with_secrets(),
        "image/webp": webp_with_secrets(),
        "image/gif": gif_with_secrets(),
        "video/mp4": mp4,
        "video/quicktime": video(folder / "clip.mov", seconds=0.2),
        "video/webm": video(folder / "clip.webm", seconds=0.2, captions=True),
        "audio/mpeg": mp3_with_secrets(),
        "audio/wav": wav(riff_chunk(b"LIST", SECRET)),
        "audio/mp4": mp4,
    }


def test_every_type_that_a_reference_may_have_is_known() -> None:
    assert set(_PARTS) == set(TYPES)


def test_a_type_that_is_not_known_is_refused_and_nothing_is_written() -> None:
    target = io.BytesIO()
    with pytest.raises(InvalidInput, match="nobody here knows files of the type 'image/heic'") as caught:
        without_metadata(io.BytesIO(SECRET), target, media_type="image/heic")
    assert target.getvalue() == b""
    assert "Nothing was charged" in str(caught.value)


@pytest.mark.parametrize("media_type", TYPES)
def test_a_second_copy_changes_nothing(samples: dict[str, bytes], media_type: str) -> None:
    clean = stripped(samples[media_type], media_type)
    assert CANARY not in clean
    assert not without_metadata(io.BytesIO(clean), io.BytesIO(), media_type=media_type)


@pytest.mark.parametrize("media_type", [one for one in TYPES if one != "audio/mpeg"])
def test_a_file_of_another_type_is_refused(samples: dict[str, bytes], media_type: str) -> None:
    family = {"video/mp4", "video/quicktime", "audio/mp4"}
    like = family if media_type in family else {media_type}
    for other in set(TYPES) - like:
        with pytest.raises(InvalidInput):
            stripped(samples[other], media_type)


def test_the_copy_goes_where_the_target_stands(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with target.open("wb") as out:
        out.write(b"before")
        without_metadata(io.BytesIO(sample_video()), out, media_type="video/mp4")
    assert target.read_bytes() == b"before" + stripped(sample_video(), "video/mp4")


@pytest.mark.parametrize("media_type", TYPES)
@given(noise=st.binary(max_size=400), head=st.integers(0, 64))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_noise_is_refused_or_copied_and_nothing_else(
    samples: dict[str, bytes], media_type: str, noise: bytes, head: int
) -> None:
    with contextlib.suppress(InvalidInput):
        clean = stripped(samples[media_type][:head] + noise, media_type)
        assert stripped(clean, media_type) == clean


@pytest.mark.parametrize("media_type", TYPES)
@given(draw=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_a_file_with_any_bytes_changed_is_refused_or_copied_the_same_way_twice(
    samples: dict[str, bytes], media_type: str, draw: st.DataObject
) -> None:
    data = bytearray(samples[media_type])
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data) - 1))
        new = draw.draw(st.binary(max_size=4) | st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1"]))
        if draw.draw(st.booleans()):
            data[at : at + len(new)] = new  # the same length
        else:
            data[at : at + draw.draw(st.integers(0, 8))] = new
    with contextlib.suppress(InvalidInput):
        clean = stripped(bytes(data), media_type)
        assert stripped(clean, media_type) == clean
