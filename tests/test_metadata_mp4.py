from __future__ import annotations

import io
import random
import struct
import tracemalloc
from pathlib import Path

import av
import pytest

from metadata_rig import CANARY, SECRET, box, decoded, full, media_at, split, stripped, track, video, with_track
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.media import examined
from nexiom_sdk.metadata import without_metadata
from nexiom_sdk.references import inspect
from nexiom_sdk.testing import sample_video

BETWEEN = b"BETWEEN TWO WORDS"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real MP4 with sound, its index last, and nothing to hide."""
    return stripped(video(tmp_path_factory.mktemp("plain") / "plain.mp4"), "video/mp4")


@pytest.mark.parametrize(
    ("name", "options", "media_type"),
    [
        ("clip.mp4", {}, "video/mp4"),
        ("clip.mp4", {"movflags": "faststart"}, "video/mp4"),
        ("clip.mp4", {"movflags": "frag_keyframe+empty_moov"}, "video/mp4"),
        (
            "clip.mp4",
            {"movflags": "frag_every_frame+empty_moov+default_base_moof", "write_prft": "wallclock"},
            "video/mp4",
        ),
        ("clip.mov", {}, "video/quicktime"),
        ("clip.mov", {"movflags": "use_metadata_tags"}, "video/quicktime"),
    ],
)
def test_nothing_but_picture_and_sound_is_left(
    tmp_path: Path, name: str, options: dict[str, str], media_type: str
) -> None:
    data = video(tmp_path / name, options=options)
    clean = stripped(data, media_type)
    assert data.count(CANARY) >= 2
    assert CANARY not in clean
    assert b"prft" not in clean
    assert len(clean) == len(data)
    assert decoded(clean) == decoded(data)
    assert stripped(clean, media_type) == clean
    (tmp_path / name).write_bytes(clean)
    assert examined(tmp_path / name).probe.has_audio
    assert inspect(clean, role="source_video").media_type == media_type


def test_sound_alone_keeps_its_sound_and_loses_its_cover(tmp_path: Path, plain: bytes) -> None:
    data = video(tmp_path / "song.mp4").replace(b"ftypisom", b"ftypM4A ")
    clean = stripped(data, "audio/mp4")
    assert CANARY not in clean
    pictures = 24
    assert decoded(clean) == decoded(data)[pictures:]
    assert inspect(clean, role="reference_audio").media_type == "audio/mp4"


def test_the_sample_of_the_test_kit_loses_its_comment_only() -> None:
    data = sample_video()
    clean = stripped(data, "video/mp4")
    assert b"nexiom_sdk test clip" in data
    assert b"nexiom_sdk" not in clean
    assert decoded(clean) == decoded(data)
    assert stripped(clean, "video/mp4") == clean


@pytest.mark.parametrize(
    "kind", [b"udta", b"meta", b"uuid", b"free", b"skip", b"wide", b"emsg", b"prft", b"pnot", b"zzzz"]
)
@pytest.mark.parametrize("form", ["plain", "with a long length"])
def test_a_box_at_the_top_that_nobody_needs_becomes_an_empty_one(plain: bytes, kind: bytes, form: str) -> None:
    first, rest = split(plain)[0][1], plain[len(split(plain)[0][1]) :]
    more = box(kind, SECRET) if form == "plain" else struct.pack(">I4sQ", 1, kind, 16 + len(SECRET)) + SECRET
    moved = stripped(first + rest + more, "video/mp4")
    assert CANARY not in moved
    assert moved.startswith(plain)
    assert len(moved) == len(plain) + len(more)
    assert split(moved)[-1][0] == (kind if kind in {b"free", b"skip", b"wide"} else b"free")


@pytest.mark.parametrize(
    "path", [(b"moov",), (b"moov", b"trak"), (b"moov", b"trak", b"mdia"), (b"moov", b"trak", b"mdia", b"minf")]
)
@pytest.mark.parametrize("kind", [b"udta", b"meta", b"uuid", b"free", b"Xtra", b"loci", b"zzzz"])
def test_a_box_inside_the_index_that_nobody_needs_becomes_an_empty_one(
    plain: bytes, path: tuple[bytes, ...], kind: bytes
) -> None:
    dirty = inserted(plain, path, box(kind, SECRET))
    clean = stripped(dirty, "video/mp4")
    assert CANARY in dirty
    assert CANARY not in clean
    assert clean == inserted(plain, path, box(b"free", bytes(len(SECRET))))
    assert decoded(clean) == decoded(plain)


def test_bytes_that_are_no_box_become_zeros(plain: bytes) -> None:
    for path in ((b"moov",), (b"moov", b"trak", b"mdia", b"minf")):
        dirty = inserted(plain, path, b"CANARY!")
        assert stripped(dirty, "video/mp4") == inserted(plain, path, bytes(7))


def inserted(data: bytes, path: tuple[bytes, ...], more: bytes) -> bytes:
    """The file with one more box at the end of the first box of a path."""
    if not path:
        return data + more
    parts, done = [], False
    for kind, whole in split(data):
        this = kind == path[0] and not done
        done = done or this
        parts.append(box(kind, inserted(whole[8:], path[1:], more)) if this else whole)
    return b"".join(parts)


def test_times_names_and_makers_are_blanked_and_how_it_is_turned_stays(plain: bytes) -> None:
    dirty = bytearray(plain)
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = plain.index(kind) + 8
        assert dirty[at : at + 8] == bytes(8)
        dirty[at : at + 8] = b"\xe5\0\0\1\xe5\0\0\2"
    turned = plain.index(b"tkhd") + 4 + 40
    quarter = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    dirty[turned : turned + 36] = quarter
    name = plain.rindex(b"avc1") + 4 + 42
    dirty[name : name + 32] = (b"\x1f" + SECRET)[:32]
    maker = plain.rindex(b"avc1") + 4 + 12
    dirty[maker : maker + 4] = b"GoPr"
    handler = plain.index(b"hdlr") + 4 + 12
    dirty[handler : handler + 4] = b"appl"
    clean = stripped(bytes(dirty), "video/mp4")
    assert clean == plain[:turned] + quarter + plain[turned + 36 :]


def test_notes_inside_the_description_of_a_picture_go(plain: bytes) -> None:
    entry, found = box(b"uuid", SECRET), plain
    at = plain.rindex(b"avc1") - 4
    size = int.from_bytes(plain[at : at + 4], "big")
    for kind in (b"avc1", b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        where = (found.rindex(kind) if kind in {b"avc1", b"moov"} else found.index(kind)) - 4
        length = int.from_bytes(found[where : where + 4], "big") + len(entry)
        found = found[:where] + struct.pack(">I", length) + found[where + 4 :]
    dirty = found[: at + size] + entry + found[at + size :]
    clean = stripped(dirty, "video/mp4")
    assert clean == found[: at + size] + box(b"free", bytes(len(SECRET))) + found[at + size :]
    assert decoded(clean) == decoded(dirty)


def test_names_of_files_and_disks_go(plain: bytes) -> None:
    at = plain.index(b"dref") - 4
    outer = plain[at : at + int.from_bytes(plain[at : at + 4], "big")]
    longer = full(b"dref", b"\0\0\0\1", box(b"alis", b"\0\0\0\1", SECRET))
    dirty = plain
    for kind in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        where = dirty.index(kind) - 4
        size = int.from_bytes(dirty[where : where + 4], "big") + len(longer) - len(outer)
        dirty = dirty[:where] + struct.pack(">I", size) + dirty[where + 4 :]
    dirty = dirty[:at] + longer + dirty[at + len(outer) :]
    clean = stripped(dirty, "video/mp4")
    assert CANARY in dirty
    assert CANARY not in clean
    assert decoded(clean) == decoded(plain)


@pytest.mark.parametrize("handler", [b"meta", b"mebx", b"gpmd", b"camm", b"text", b"sbtl", b"tmcd", b"\0\0\0\0"])
@pytest.mark.parametrize(
    "form",
    ["in order", "mixed up", "with long places", "all of one length", "in one chunk", "of one length in one chunk"],
)
def test_samples_of_other_tracks_become_zeros_wherever_they_lie(plain: bytes, handler: bytes, form: str) -> None:
    at, words = media_at(plain), [SECRET, SECRET[:20], SECRET * 5, SECRET]
    same = len(SECRET) if "of one length" in form else 0
    if same:
        words = [SECRET] * 4
    if "in one chunk" in form:
        media = b"".join(words)
        places = [(at, [len(word) for word in words])]
    else:
        media = b"".join(word + BETWEEN for word in words)
        starts = [at + sum(len(one) + len(BETWEEN) for one in words[:number]) for number in range(4)]
        places = [(start, [7, len(word) - 7]) for start, word in zip(starts, words, strict=True)]
        if form == "all of one length":
            places = [(start, [len(SECRET)]) for start in starts]
        if form == "mixed up":
            places = [places[2], places[0], places[3], places[1]]
    dirty = with_track(plain, track(handler, places, wide=form == "with long places", same=same), box(b"mdat", media))
    clean = stripped(dirty, "video/mp4")
    assert CANARY in dirty
    assert CANARY not in clean
    assert BETWEEN not in clean
    assert clean.startswith(plain[: at - 8])
    assert len(clean) == len(dirty)
    assert decoded(clean) == decoded(plain)
    assert stripped(clean, "video/mp4") == clean


def test_a_track_that_no_longer_is_is_not_named_by_others(plain: bytes) -> None:
    for kind, stays in ((b"chap", False), (b"tmcd", False), (b"cdsc", False), (b"auxl", True)):
        name = box(b"tref", box(kind, b"\0\0\0\2"))
        clean = stripped(inserted(plain, (b"moov", b"trak"), name), "video/mp4")
        assert (kind in clean) is stays


def test_chapters_and_captions_of_a_real_file_go(tmp_path: Path) -> None:
    data = video(tmp_path / "captions.mov", captions=True)
    clean = stripped(data, "video/quicktime")
    assert CANARY in data
    assert CANARY not in clean
    assert decoded(clean) == decoded(data)


def first_place(data: bytes, kind: bytes = b"stco") -> int:
    """Where the place of the first piece of the first track stands."""
    return data.index(kind) + 12


@pytest.mark.parametrize("place", [0, 8, 2**32 - 5, 10**9])
def test_a_track_whose_pictures_are_not_there_is_refused(plain: bytes, place: int) -> None:
    at = first_place(plain)
    with pytest.raises(InvalidInput, match="its index names are not there"):
        stripped(plain[:at] + struct.pack(">I", place) + plain[at + 4 :], "video/mp4")


def test_what_a_dashcam_writes_between_its_pictures_becomes_zeros(plain: bytes) -> None:
    """A block `freeGPS ` in the media, which no track names."""
    gps = struct.pack(">I", 256) + b"freeGPS " + SECRET.ljust(244, b"\0")
    kinds = split(plain)
    more = len(gps)
    for front in (False, True):
        dirty = b""
        for kind, whole in kinds:
            inner = (gps + whole[8:] if front else whole[8:] + gps) if kind == b"mdat" else whole[8:]
            dirty += box(kind, moved_places(inner, more) if front and kind == b"moov" else inner)
        clean = stripped(dirty, "video/mp4")
        assert CANARY in dirty
        assert b"GPS" not in clean
        assert (len(clean), decoded(clean)) == (len(dirty), decoded(plain))
        assert stripped(clean, "video/mp4") == clean
    beside = b"".join(whole for _, whole in kinds) + box(b"mdat", gps)
    assert stripped(beside, "video/mp4") == plain + box(b"mdat", bytes(more))


def test_media_with_a_long_length_and_in_several_boxes_stay(plain: bytes) -> None:
    long = b""
    for kind, whole in split(plain):
        inner = moved_places(whole[8:], 8) if kind == b"moov" else whole[8:]
        long += struct.pack(">I4sQ", 1, kind, len(whole) + 8) + inner if kind == b"mdat" else box(kind, inner)
    assert stripped(long, "video/mp4") == long
    assert decoded(long) == decoded(plain)
    more = box(b"mdat", SECRET) + box(b"mdat", b"SOUND" + SECRET)
    trak = track(b"soun", [(media_at(plain) + len(SECRET) + 8, [5])])
    clean = stripped(with_track(plain, trak, more), "video/mp4")
    assert CANARY not in clean
    assert clean.count(b"SOUND") == 1


def moved_places(index: bytes, by: int) -> bytes:
    """An index of media that lie so many bytes further on."""
    out, at = bytearray(index), index.find(b"stco")
    while at >= 0:
        for here in range(at + 12, at + 12 + 4 * int.from_bytes(index[at + 8 : at + 12], "big"), 4):
            out[here : here + 4] = struct.pack(">I", int.from_bytes(out[here : here + 4], "big") + by)
        at = index.find(b"stco", at + 4)
    return bytes(out)


@pytest.mark.parametrize("base", ["", "+default_base_moof", "+omit_tfhd_offset"])
@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_every_frame", "frag_keyframe"])
def test_media_that_no_fragment_names_becomes_zeros(tmp_path: Path, flags: str, base: str) -> None:
    data = video(tmp_path / "clip.mp4", options={"movflags": flags + base})
    dirty, at = bytearray(), 0
    for kind, whole in split(data):
        dirty += whole
        at = len(dirty) if kind == b"mdat" else at
    dirty[at:at] = box(b"mdat", SECRET)
    clean = stripped(bytes(dirty), "video/mp4")
    assert CANARY not in clean
    assert decoded(clean) == decoded(data)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s16be", "pcm_s24be", "pcm_u8", "pcm_mulaw", "adpcm_ima_qt", "aac"])
def test_sound_of_old_quicktime_files_stays_whole(tmp_path: Path, codec: str) -> None:
    data = old_quicktime(tmp_path / "tone.mov", codec)
    clean = stripped(data, "video/quicktime")
    assert decoded(clean) == decoded(data)
    if codec in {"pcm_s16le", "pcm_u8"}:  # whose samples old programs say to be of one byte
        at = data.index(b"stsz") + 8
        assert int.from_bytes(data[at : at + 4], "big") > 1 or codec == "pcm_u8"
        one = data[:at] + bytes((0, 0, 0, 1)) + data[at + 4 :]
        assert decoded(stripped(one, "video/quicktime")) == decoded(data)


def old_quicktime(file: Path, codec: str) -> bytes:
    with av.open(str(file), "w") as out:
        tones = out.add_stream(codec, rate=48_000, layout="stereo")
        assert isinstance(tones, av.AudioStream)
        step = tones.codec_context.frame_size or 1024
        for start in range(0, 48_000, step):
            heard = av.AudioFrame(format=tones.codec_context.format.name, layout="stereo", samples=step)
            heard.sample_rate, heard.pts = 48_000, start
            for plane in heard.planes:
                plane.update(
                    random.Random(start).randbytes(plane.buffer_size) if codec != "aac" else bytes(plane.buffer_size)
                )
            out.mux(tones.encode(heard))
        out.mux(tones.encode(None))
    return file.read_bytes()


def test_pieces_may_share_bytes_and_stand_in_any_order(plain: bytes) -> None:
    """A second sound track over the same media, its pieces backwards and by places of 64 bits."""
    places = [(at, [8, 3]) for at in range(media_at(plain) + 200, media_at(plain), -4)]
    media = random.Random(3).randbytes(212)
    whole = with_track(plain, track(b"soun", places, wide=True), box(b"mdat", media))
    clean = stripped(whole, "video/mp4")
    assert media[4:211] in clean
    assert media[:4] not in clean
    assert clean[: media_at(plain)] == whole[: media_at(plain)]


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_short_lengths_are_read_as_well(plain: bytes, bits: int) -> None:
    lengths = [3, 15, 1, 2]
    packed = {4: b"\x3f\x12", 8: bytes(lengths), 16: struct.pack(">4H", *lengths)}[bits]
    trak = track(b"soun", [(media_at(plain), lengths)])
    old = full(b"stsz", struct.pack(">6I", 0, 4, *lengths))
    new = full(b"stz2", struct.pack(">2I", bits, 4), packed)
    assert old in trak
    new += box(b"free", bytes(len(old) - len(new) - 8))
    clean = stripped(with_track(plain, trak.replace(old, new), box(b"mdat", b"x" * 25)), "video/mp4")
    assert clean[media_at(plain) :].startswith(b"x" * 21 + bytes(4))


def test_more_pieces_than_any_real_file_has_are_refused(plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexiom_sdk.metadata.samples.MAX_CHUNKS", 2_000)
    places = [(media_at(plain) + at, [1]) for at in range(1_500, 0, -1)]
    one = with_track(plain, track(b"soun", places), box(b"mdat", bytes(2_000)))
    stripped(one, "video/mp4")
    two = with_track(plain, track(b"soun", places) * 2, box(b"mdat", bytes(2_000)))
    with pytest.raises(InvalidInput, match="more pieces than those of any real one"):
        stripped(two, "video/mp4")


def test_more_gaps_than_any_real_file_has_are_refused(plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexiom_sdk.metadata.mp4.MAX_GAPS", 50)
    for gaps, fits in ((40, True), (60, False)):
        places = [(media_at(plain) + at, [1]) for at in range(0, 2 * gaps, 2)]
        dirty = with_track(plain, track(b"soun", places), box(b"mdat", bytes(200)))
        if fits:
            stripped(dirty, "video/mp4")
        else:
            with pytest.raises(InvalidInput, match="more gaps"):
                stripped(dirty, "video/mp4")


def test_runs_that_go_back_are_refused(plain: bytes) -> None:
    trak = track(b"soun", [(media_at(plain), [4])] * 4)
    runs = b"".join(struct.pack(">3I", chunk, 1, 1) for chunk in (1, 2, 3, 4))
    back = b"".join(struct.pack(">3I", chunk, 1, 1) for chunk in (1, 4, 2, 3))
    stripped(with_track(plain, trak, box(b"mdat", SECRET)), "video/mp4")
    with pytest.raises(InvalidInput, match="out of order"):
        stripped(with_track(plain, trak.replace(runs, back), box(b"mdat", SECRET)), "video/mp4")


def test_more_boxes_than_any_real_file_has_are_refused(plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexiom_sdk.metadata.mp4.MOST_BOXES", 50)
    stripped(plain + box(b"free") * 40, "video/mp4")
    with pytest.raises(InvalidInput, match="more parts than any real one"):
        stripped(plain + box(b"free") * 50, "video/mp4")


def test_a_track_of_another_kind_in_fragments_is_refused(tmp_path: Path) -> None:
    data = video(tmp_path / "clip.mp4", options={"movflags": "frag_keyframe+empty_moov"})
    dirty = inserted(data, (b"moov",), track(b"meta", []))
    with pytest.raises(InvalidInput, match="in fragments"):
        stripped(dirty, "video/mp4")


def test_notes_that_a_camera_writes_behind_the_last_box_are_cut(plain: bytes) -> None:
    for notes in (SECRET, b"\0\1\2", b"\0\0\0\5abcd" + SECRET):
        assert stripped(plain + notes, "video/mp4") == plain


@pytest.mark.parametrize("lost", [1, 9, 100, 1500, 3000])
def test_half_a_video_is_refused(plain: bytes, lost: int) -> None:
    with pytest.raises(InvalidInput):
        stripped(plain[:-lost], "video/mp4")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "index is missing"),
        (box(b"ftyp", b"isom"), "index is missing"),
        (box(b"moov"), "does not begin"),
        (box(b"ftyp", b"isom") + box(b"moov", box(b"cmov", SECRET)), "compressed"),
        (box(b"ftyp", b"isom") + box(b"moov") * 2, "more than one index"),
        (box(b"ftyp", b"isom") + box(b"moov", box(b"trak")), "what it is"),
        (box(b"ftyp", b"isom") + box(b"moov", b"\0\0\0\4trak"), "impossible length"),
    ],
)
def test_a_file_of_which_nobody_can_tell_what_is_what_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        stripped(data, "video/mp4")


class Nowhere(io.RawIOBase):
    """Counts what is written, and keeps nothing."""

    written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        size = len(bytes(data)) if isinstance(data, (bytes, bytearray, memoryview)) else 0
        self.written += size
        return size


def test_a_large_video_is_copied_in_little_memory(tmp_path: Path, plain: bytes) -> None:
    size = 96 * 2**20
    file = tmp_path / "large.mp4"
    kinds = split(plain)
    at = media_at(plain)
    places = [(at + chunk * 4096, [100] * 10) for chunk in range(20_000)]
    with file.open("wb") as out:
        out.write(b"".join(whole for _, whole in kinds[:-1]) + struct.pack(">I4s", size + 8, b"mdat"))
        out.seek(size, io.SEEK_CUR)
        out.write(box(b"moov", kinds[-1][1][8:], track(b"camm", places)))
    del places, kinds
    target = Nowhere()
    tracemalloc.start()
    try:
        with file.open("rb") as opened:
            assert without_metadata(opened, target, media_type="video/mp4")  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert target.written == file.stat().st_size
    assert peak < 2 * 2**20
