from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from uuid import UUID

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from clip_rig import clip, panned
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.media import examined, probe
from nexiom_sdk.mp4 import read_mp4
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import VideoProbe

SIGNED = Path(__file__).parent / "data" / "signed.mp4"
"""The sample of the test kit, signed by the library of the C2PA project (c2pa-python 0.38) with a key made for this."""

C2PA = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes


def read(data: bytes) -> VideoProbe:
    return read_mp4(BytesIO(data), len(data))


def box(kind: bytes, content: bytes, *, long: bool = False) -> bytes:
    if long:
        return struct.pack(">I4sQ", 1, kind, len(content) + 16) + content
    return struct.pack(">I4s", len(content) + 8, kind) + content


def test_a_manifest_that_the_library_of_c2pa_wrote_is_seen() -> None:
    assert read(SIGNED.read_bytes()).provenance
    assert not read(sample_video()).provenance


def test_to_examine_a_signed_file_changes_no_byte_of_it(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(SIGNED.read_bytes())
    found = examined(file)
    assert (found.probe.provenance, found.probe.decoded, found.remarks) == (True, True, ())
    assert file.read_bytes() == SIGNED.read_bytes()


@pytest.mark.parametrize(
    ("extra", "seen"),
    [
        (box(b"uuid", C2PA + bytes(4) + b"manifest\0" + bytes(8) + b"a manifest"), True),
        (box(b"uuid", C2PA + bytes(4) + b"update\0" + bytes(40)), True),
        (box(b"uuid", C2PA + bytes(4) + b"manifest\0" + bytes(8), long=True), True),
        (box(b"uuid", C2PA + bytes(4) + b"merkle\0" + bytes(40)), False),
        (box(b"uuid", bytes(16) + bytes(4) + b"manifest\0"), False),
        (box(b"uuid", C2PA[:15]), False),
        (box(b"uuid", b""), False),
        (box(b"free", C2PA + bytes(4) + b"manifest\0"), False),
        (box(b"free", box(b"uuid", C2PA + bytes(4) + b"manifest\0")), False),
    ],
)
def test_only_a_box_at_the_top_that_holds_a_manifest_counts(extra: bytes, seen: bool) -> None:
    assert read(sample_video() + extra).provenance == seen


@given(st.binary(max_size=60))
def test_any_content_of_such_a_box_can_be_read(content: bytes) -> None:
    read(sample_video() + box(b"uuid", content))


def test_a_probe_of_an_older_row_still_loads() -> None:
    stored = {"container": "mp4", "width": 320, "height": 180, "duration_seconds": 2.0, "has_audio": True}
    found = VideoProbe.model_validate(stored)
    assert (found.audio_codec, found.provenance) == (None, False)


def test_both_codecs_are_named() -> None:
    found = read(sample_video())
    assert (found.video_codec, found.audio_codec, found.has_audio) == ("avc1", "mp4a", True)


FRAGMENTS = (
    "frag_keyframe+empty_moov",
    "frag_keyframe+empty_moov+default_base_moof",
    "frag_every_frame+empty_moov",
    "cmaf",
)


@pytest.mark.parametrize("flags", FRAGMENTS)
@pytest.mark.parametrize("rate", [8, 24, 60])
def test_fragments_tell_length_and_frame_rate(flags: str, rate: int, tmp_path: Path) -> None:
    pictures = (panned(number) for number in range(3 * rate))
    file = clip(tmp_path / "clip.mp4", pictures, muxer={"movflags": flags}, rate=rate, preset="ultrafast", g=rate)
    found = probe(file)
    assert found.frames_per_second == rate
    assert found.duration_seconds == pytest.approx(3, abs=1 / rate)


def test_fragments_of_pictures_that_last_differently_have_a_mean_frame_rate(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    with av.open(str(file), "w", options={"movflags": "frag_keyframe+empty_moov"}) as out:
        track = out.add_stream("libx264", rate=24, options={"preset": "ultrafast", "bf": "0"})
        assert isinstance(track, av.VideoStream)
        track.width, track.height, track.pix_fmt = 320, 180, "yuv420p"
        track.codec_context.time_base = Fraction(1, 24)
        for number, at in enumerate(_uneven(40)):
            frame = av.VideoFrame.from_image(Image.new("RGB", (320, 180), (number, 0, 0)))  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = at, Fraction(1, 24)
            out.mux(track.encode(frame))
        out.mux(track.encode())
    assert probe(file).frames_per_second == pytest.approx(16, abs=0.5)


def _uneven(n: int) -> Iterator[int]:
    """Moments that are one and two ticks apart by turns."""
    at = 0
    for number in range(n):
        yield at
        at += 1 + number % 2


def fragment(*runs: bytes, header: bytes = struct.pack(">II", 0, 1)) -> bytes:
    inside = box(b"tfhd", header) + b"".join(box(b"trun", run) for run in runs)
    return box(b"moof", box(b"mfhd", bytes(8)) + box(b"traf", inside)) + box(b"mdat", b"pictures")


def in_fragments(*fragments: bytes, usual_ticks: int = 0) -> bytes:
    """A file whose index holds one picture track of 24 ticks a second, and no samples."""
    header = struct.pack(">4I", 0, 0, 0, 1) + bytes(24) + struct.pack(">9i", 1, 0, 0, 0, 1, 0, 0, 0, 1)
    track = box(b"tkhd", header + struct.pack(">II", 320 << 16, 180 << 16)) + box(
        b"mdia",
        box(b"mdhd", struct.pack(">6I", 0, 0, 0, 24, 0, 0)) + box(b"hdlr", bytes(8) + b"vide" + bytes(13)),
    )
    extends = box(b"mvex", box(b"trex", struct.pack(">6I", 0, 1, 1, usual_ticks, 0, 0)))
    index = box(b"moov", box(b"mvhd", struct.pack(">5I", 0, 0, 0, 1000, 0)) + box(b"trak", track) + extends)
    return box(b"ftyp", b"isom" + bytes(4)) + index + b"".join(fragments)


def test_a_length_that_only_the_index_gives_counts_for_all_fragments() -> None:
    found = read(in_fragments(fragment(struct.pack(">II", 0, 24)), fragment(struct.pack(">II", 0, 12)), usual_ticks=2))
    assert (found.duration_seconds, found.frames_per_second) == (3.0, 12.0)


def test_a_fragment_of_several_runs_is_added_up() -> None:
    runs = (struct.pack(">II3I", 0x100, 3, 1, 1, 2), struct.pack(">II2I", 0x100, 2, 4, 4))
    found = read(in_fragments(fragment(*runs)))
    assert (found.duration_seconds, found.frames_per_second) == (0.5, 10.0)


def test_fragments_of_another_track_do_not_count() -> None:
    sound = fragment(struct.pack(">II", 0, 500), header=struct.pack(">II", 0, 2))
    assert read(in_fragments(sound, fragment(struct.pack(">II", 0, 24)), usual_ticks=1)).duration_seconds == 1.0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (box(b"free", b"") * 100_000, "more parts than any real one"),
        (box(b"moof", bytes(4 * 2**20 + 1)), "index is larger than any real one"),
        (box(b"moof", box(b"free", bytes(2**20))) * 64, "index is larger than any real one"),
    ],
    ids=["parts", "one fragment", "all fragments"],
)
def test_a_made_up_file_is_refused_soon(more: bytes, says: str) -> None:
    with pytest.raises(ResultInvalid, match=says):
        read(sample_video() + more)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_damaged_fragments_are_refused_or_read_and_nothing_else(header: bytes, run: bytes) -> None:
    data = in_fragments(fragment(run, header=header), usual_ticks=1)
    try:
        read(data)
    except ResultInvalid as error:
        assert error.message  # noqa: PT017 - either outcome is right
