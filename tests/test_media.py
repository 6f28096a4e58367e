from __future__ import annotations

import contextlib
import errno
import importlib.util
import io
import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from unittest.mock import Mock

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from clip_rig import black, clip
from nexiom_sdk.errors import ResultInvalid, StorageUnavailable
from nexiom_sdk.media import examined, probe, sniff
from nexiom_sdk.playing import Examined
from nexiom_sdk.testing import sample_video


def _video(file: Path, *, codec: str = "libx264", sound: bool = True, **options: str) -> Path:
    """Two seconds of changing colours, 320x180."""
    with av.open(str(file), "w", options=dict(options)) as out:
        out.metadata["comment"] = "made by a test"
        picture = out.add_stream(codec, rate=24)
        assert isinstance(picture, av.VideoStream)
        picture.width, picture.height, picture.pix_fmt = 320, 180, "yuv420p"
        tone = out.add_stream("aac" if file.suffix == ".mp4" else "libopus", rate=48_000) if sound else None
        for number in range(48):
            shade = number * 5
            frame = av.VideoFrame.from_image(Image.new("RGB", (320, 180), (shade, 255 - shade, 90)))  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, 24)
            out.mux(picture.encode(frame))
        out.mux(picture.encode())
        if tone is not None:
            assert isinstance(tone, av.AudioStream)
            for start in range(0, 96_000, 960):
                silence = av.AudioFrame(format="fltp" if file.suffix == ".mp4" else "s16", layout="mono", samples=960)
                for plane in silence.planes:
                    plane.update(bytes(plane.buffer_size))
                silence.sample_rate, silence.pts, silence.time_base = 48_000, start, Fraction(1, 48_000)
                out.mux(tone.encode(silence))
            out.mux(tone.encode())
    return file


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {
        "index first": _video(folder / "first.mp4", movflags="faststart"),
        "index last": _video(folder / "last.mp4"),
        "fragments": _video(folder / "fragments.mp4", movflags="frag_keyframe+empty_moov"),
        "silent": _video(folder / "silent.mp4", sound=False),
        "webm": _video(folder / "clip.webm", codec="libvpx-vp9"),
    }


KINDS = ("index first", "index last", "fragments", "silent", "webm")


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_read_is_what_the_decoder_reads(kind: str, videos: Mapping[str, Path]) -> None:
    ours = examined(videos[kind]).probe
    with av.open(str(videos[kind])) as container:
        theirs = container.streams.video[0]
        assert (ours.width, ours.height) == (theirs.width, theirs.height)
        assert ours.has_audio == bool(container.streams.audio)
        assert ours.duration_seconds == pytest.approx((container.duration or 0) / av.time_base, abs=0.1)
    assert ours.decoded
    assert ours.container == ("webm" if kind == "webm" else "mp4")
    assert ours.audio_codec == {"webm": "A_OPUS", "silent": None}.get(kind, "mp4a")
    assert not ours.provenance
    if kind != "webm":
        assert (ours.frames_per_second, ours.video_codec, ours.comment) == (24.0, "avc1", "made by a test")


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_anywhere_is_never_accepted(
    kind: str, decode: bool, share: float, videos: Mapping[str, Path], tmp_path: Path
) -> None:
    whole = videos[kind].read_bytes()
    cut = tmp_path / "cut"
    end = int(len(whole) * share)
    if kind == "fragments" and end in _fragment_ends(whole):
        return  # between two fragments a shorter file is a whole one; the server's length tells
    cut.write_bytes(whole[:end])
    with pytest.raises(ResultInvalid):
        (examined if decode else probe)(cut)


def _fragment_ends(data: bytes) -> set[int]:
    ends, at = set(), 0
    while at < len(data):
        at += struct.unpack(">I", data[at : at + 4])[0]
        ends.add(at)
    return ends


@pytest.mark.parametrize("kind", ["index first", "webm"])
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_accepted_or_refused_and_nothing_else(
    kind: str, place: float, value: int, videos: Mapping[str, Path], tmp_path: Path
) -> None:
    data = bytearray(videos[kind].read_bytes())
    data[int(len(data) * place)] = value
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    with contextlib.suppress(ResultInvalid):
        probe(damaged)


@given(st.binary(max_size=600), st.sampled_from([b"", b"\0\0\0\x14ftypisom\0\0\0\0isom", b"\x1a\x45\xdf\xa3"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_never_a_video(tmp_path: Path, noise: bytes, start: bytes) -> None:
    file = tmp_path / "noise"
    file.write_bytes(start + noise)
    with pytest.raises(ResultInvalid):
        probe(file)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is empty"),
        (b"<!doctype html><title>Error", "web page"),
        (b'{"error": "expired"}', "JSON"),
        (b"\0\0\0\x08wide\0\0\0\0", "begins like no video"),
        (b"\0\0\0\x00ftyp", "index is missing"),
        (b"\0\0\0\x01ftyp\xff\xff\xff\xff\xff\xff\xff\xff", "incomplete"),
        (b"\0\0\0\x04ftypisom", "impossible length"),
    ],
)
def test_what_is_no_video_is_named(body: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(body)
    with pytest.raises(ResultInvalid, match=says):
        probe(file)


def test_a_file_that_cannot_be_read_says_nothing_of_the_video(
    videos: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_many(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    for name in ("pathlib.Path.open", "av.open"):
        with monkeypatch.context() as patch, pytest.raises(StorageUnavailable, match="Too many open files"):
            patch.setattr(name, too_many)
            examined(videos["silent"])


def test_a_picture_turned_by_a_quarter_is_measured_as_shown(videos: Mapping[str, Path], tmp_path: Path) -> None:
    data = videos["index last"].read_bytes()
    straight = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    turned = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    head = data.index(b"tkhd")
    at = data.index(straight, head)
    file = tmp_path / "turned.mp4"
    file.write_bytes(data[:at] + turned + data[at + 36 :])
    found = probe(file)
    assert (found.width, found.height) == (180, 320)


def test_a_huge_sample_table_costs_no_memory(videos: Mapping[str, Path], tmp_path: Path) -> None:
    data = bytearray(videos["silent"].read_bytes())
    at = data.index(b"stsz") + 8
    data[at : at + 8] = struct.pack(">II", 1, 2**32 - 1)
    file = tmp_path / "huge.mp4"
    file.write_bytes(data)
    with pytest.raises(ResultInvalid, match="more pictures than there are"):
        probe(file)


def test_the_sample_of_the_test_kit_is_a_whole_video(tmp_path: Path) -> None:
    file = tmp_path / "sample.mp4"
    file.write_bytes(sample_video())
    assert len(sample_video()) < 20_000
    assert examined(file).probe.comment == "nexiom_sdk test clip"


@pytest.mark.parametrize("kind", KINDS)
def test_a_still_picture_has_the_size_of_the_video(kind: str, videos: Mapping[str, Path]) -> None:
    found = examined(videos[kind])
    assert found.poster is not None
    assert Image.open(io.BytesIO(found.poster)).size == (found.probe.width, found.probe.height)
    assert found.remarks == ()


@pytest.mark.parametrize("missing", ["av", "PIL"])
def test_without_the_whole_extra_a_video_is_checked_and_not_played(
    missing: str, videos: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else really(name))
    assert examined(videos["silent"]) == Examined(probe=probe(videos["silent"]))
    assert not examined(videos["silent"]).probe.decoded


def test_a_video_is_opened_by_the_decoder_once(videos: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    really = Mock(side_effect=av.open)
    monkeypatch.setattr(av, "open", really)
    assert examined(videos["silent"]).poster is not None
    assert really.call_count == 1


def test_what_is_wrong_with_the_pictures_comes_with_the_rest(tmp_path: Path) -> None:
    found = examined(clip(tmp_path / "clip.mp4", black(48)))
    assert found.remarks == ("the picture is black throughout",)
    assert found.probe.decoded


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "audio/wav"),
        (b"BW64\xff\xff\xff\xffWAVEds64", "audio/wav"),
        (b"RF64\xff\xff\xff\xffWEBPVP8 ", None),
        (b"\0\0\0\x14ftypheic", None),
        (b"\0\0\0\x14ftypavif", None),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x14ftypM4A ", "audio/mp4"),
        (b"\0\0\0\x14ftypisom", "video/mp4"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
        (b"ID3\x04", "audio/mpeg"),
        (b"<svg xmlns=", None),
        (b"%PDF-1.7", None),
        (b"", None),
    ],
)
def test_types_are_told_by_content(head: bytes, media_type: str | None) -> None:
    assert sniff(head) == media_type
