from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from metadata_rig import CANARY, SECRET, decoded, element, parse, stripped, video
from nexiom_sdk.bounded_reading import MOST_BYTES_AT_ONCE
from nexiom_sdk.errors import InvalidInput, ResultInvalid
from nexiom_sdk.media import examined
from nexiom_sdk.references import inspect

HEAD, SEGMENT, INFO, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
SEEK_HEAD, CUES, TAGS, ATTACHMENTS, CHAPTERS, VOID, CRC = (
    0x114D9B74,
    0x1C53BB6B,
    0x1254C367,
    0x1941A469,
    0x1043A770,
    0xEC,
    0xBF,
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """The contents of the parts of a real file with nothing to hide."""
    clean = stripped(video(tmp_path_factory.mktemp("plain") / "plain.webm"), "video/webm")
    (head, first), (_, segment) = parse(clean)
    return {head: first, **dict(parse(segment))}


def made(parts: dict[int, bytes], *more: bytes, tracks: bytes = b"") -> bytes:
    """A file without places in it, so that anything can be put anywhere."""
    segment = element(
        SEGMENT,
        element(INFO, parts[INFO]),
        element(TRACKS, parts[TRACKS], tracks),
        element(CLUSTER, parts[CLUSTER]),
        *more,
    )
    return element(HEAD, parts[HEAD]) + segment


@pytest.mark.parametrize("name", ["clip.webm", "clip.mkv"])
def test_nothing_but_picture_and_sound_is_left(tmp_path: Path, name: str) -> None:
    data = video(tmp_path / name, captions=name == "clip.webm")
    clean = stripped(data, "video/webm")
    assert data.count(CANARY) >= 5
    assert CANARY not in clean
    assert b"Lavf" not in clean.replace(b"Lavc", b"")
    assert len(clean) == len(data)
    assert decoded(clean) == decoded(data)
    assert stripped(clean, "video/webm") == clean
    (tmp_path / name).write_bytes(clean)
    assert examined(tmp_path / name).probe.has_audio
    assert inspect(clean, role="source_video").media_type == "video/webm"


def test_checksums_that_are_left_are_right(tmp_path: Path) -> None:
    clean = stripped(video(tmp_path / "clip.mkv"), "video/webm")
    checked = 0
    for _, content in parse(parse(clean)[1][1]):
        if content[:2] == b"\xbf\x84":
            assert content[2:6] == zlib.crc32(content[6:]).to_bytes(4, "little")
            checked += 1
    assert checked  # places of frames were not touched


def test_the_list_of_places_names_only_what_is_still_there(tmp_path: Path) -> None:
    data = video(tmp_path / "clip.webm")
    seek = next(content for kind, content in parse(parse(data)[1][1]) if kind == SEEK_HEAD)
    assert TAGS.to_bytes(4, "big") in seek
    assert TAGS.to_bytes(4, "big") not in stripped(data, "video/webm")


@pytest.mark.parametrize("kind", [TAGS, ATTACHMENTS, CHAPTERS, VOID, 0x1A2B3C4D])
@pytest.mark.parametrize("content", [SECRET, SECRET * 9, b"\1", b""])
def test_a_part_that_nobody_needs_becomes_empty_space(parts: dict[int, bytes], kind: int, content: bytes) -> None:
    data = made(parts, element(kind, content))
    clean = stripped(data, "video/webm")
    assert CANARY not in clean
    assert [one for one, _ in parse(parse(clean)[1][1])] == [INFO, TRACKS, CLUSTER, VOID]
    assert len(clean) == len(data)
    assert decoded(clean) == decoded(made(parts))


@pytest.mark.parametrize("kind", [0x7BA9, 0x4461, 0x73A4, 0x7384, 0x3C83AB, 0x6924, 0xEC, 0x4455])
def test_titles_times_and_numbers_of_the_file_go(parts: dict[int, bytes], kind: int) -> None:
    short = kind.to_bytes((kind.bit_length() + 7) // 8, "big") + bytes((0x80 | len(SECRET),)) + SECRET
    clean = stripped(made({**parts, INFO: short + parts[INFO]}), "video/webm")
    assert CANARY not in clean
    assert decoded(clean) == decoded(made(parts))


def test_the_programs_that_wrote_it_stay_named_and_blank(parts: dict[int, bytes]) -> None:
    named = element(0x4D80, SECRET) + element(0x5741, SECRET)
    rest = b"".join(element(kind, content) for kind, content in parse(parts[INFO]) if kind not in {0x4D80, 0x5741})
    info = dict(parse(parse(parse(stripped(made({**parts, INFO: rest + named}), "video/webm"))[1][1])[0][1]))
    assert info[0x4D80] == info[0x5741] == b" " * len(SECRET)


@pytest.mark.parametrize("kind", [0x536E, 0x258688, 0x3A9697, 0x3B4040, 0x26B240, 0x4455])
def test_names_of_tracks_and_codecs_go(parts: dict[int, bytes], kind: int) -> None:
    tracks = b"".join(
        element(one, content, element(kind, SECRET)) for one, content in parse(parts[TRACKS]) if one == 0xAE
    )
    clean = stripped(made({**parts, TRACKS: tracks}), "video/webm")
    assert CANARY not in clean
    assert decoded(clean) == decoded(made(parts))


@pytest.mark.parametrize("kind", [0x11, 0x12, 0x20, 0x21, 0x10])
@pytest.mark.parametrize("number", [3, 200])
def test_tracks_of_another_kind_go_with_all_their_blocks(parts: dict[int, bytes], kind: int, number: int) -> None:
    track = element(
        0xAE,
        element(0xD7, bytes((number,))),
        element(0x73C5, b"\7"),
        element(0x83, bytes((kind,))),
        element(0x86, b"D_" + CANARY),
    )
    which = bytes((0x80 | number,)) if number < 127 else bytes((0x40, number))
    said = which + b"\0\5\x80" + SECRET
    more = element(
        CLUSTER,
        element(CRC, b"\0\0\0\0"),
        element(0xE7, b"\0"),
        element(0xA3, said),
        element(0xA0, element(0x9B, b"\1"), element(0xA1, said)),
        element(0xA3, b"\x81\3\xe7\x80" + b"KEEP THIS"),
    )
    data = made(parts, more, tracks=track)
    clean = stripped(data, "video/webm")
    assert CANARY in data
    assert CANARY not in clean
    assert b"KEEP THIS" in clean
    assert clean.count(parts[CLUSTER]) == 1
    assert stripped(clean, "video/webm") == clean
    last = [one for one, _ in parse(parse(parse(clean)[1][1])[3][1])]
    assert last == [VOID, 0xE7, VOID, VOID, 0xA3]


def test_a_segment_that_does_not_say_how_long_it_is_goes_to_the_end(parts: dict[int, bytes]) -> None:
    data = made(parts, element(TAGS, SECRET))
    at = data.index(SEGMENT.to_bytes(4, "big")) + 4
    live = data[:at] + b"\x01" + b"\xff" * 7 + data[at + 8 :]
    clean = stripped(live, "video/webm")
    assert CANARY not in clean
    assert decoded(clean) == decoded(live)


def test_what_follows_the_segment_is_cut(parts: dict[int, bytes]) -> None:
    assert stripped(made(parts) + SECRET, "video/webm") == made(parts)


def test_parts_without_a_length_are_refused(parts: dict[int, bytes]) -> None:
    data = made(parts)
    for kind in (INFO, TRACKS):
        with pytest.raises(InvalidInput, match="does not say how long"):
            stripped(opened(data, kind), "video/webm")


def opened(data: bytes, kind: int) -> bytes:
    """The file with each element of a kind saying that it does not know how long it is."""
    mark = kind.to_bytes(4, "big") + b"\x01"
    first, *others = data.split(mark)
    return first + b"".join(mark + b"\xff" * 7 + one[7:] for one in others)


def test_a_recording_of_a_browser_is_cleaned_and_taken(parts: dict[int, bytes]) -> None:
    """Neither the segment nor its clusters say how long they are, and the head names no duration."""
    info = b"".join(element(kind, content) for kind, content in parse(parts[INFO]) if kind != 0x4489)
    late = element(CLUSTER, element(0xE7, b"\x13\x88"), element(0xA3, b"\x81\0\x21\x80" + bytes(9)))
    data = made({**parts, INFO: info}, element(TAGS, SECRET), late, element(TAGS, SECRET))
    live = opened(opened(data, SEGMENT), CLUSTER)
    assert live.count(b"\x01" + b"\xff" * 7) == 3
    clean = stripped(live, "video/webm")
    assert CANARY not in clean
    assert (len(clean), clean.count(parts[CLUSTER])) == (len(live), 1)
    plays = opened(opened(made({**parts, INFO: info}, element(TAGS, SECRET)), SEGMENT), CLUSTER)
    assert decoded(stripped(plays, "video/webm")) == decoded(made(parts))
    assert stripped(clean, "video/webm") == clean
    found = inspect(clean, role="source_video")
    assert (found.width, found.height, found.length_seconds) == (64, 48, 5.033)
    grouped = live.replace(element(0xA3, b"\x81\0\x21\x80" + bytes(9)), element(0xA0, element(0xA1, b"\x81\0\x22")))
    assert inspect(grouped, role="source_video").length_seconds == 5.034
    unfilled = made({**parts, INFO: info + element(0x4489, bytes(8))}, late)
    assert inspect(unfilled, role="source_video").length_seconds == 5.033
    for lost in (len(TAGS.to_bytes(4, "big")), len(SECRET) + 20):
        with pytest.raises(InvalidInput):
            inspect(live[:-lost], role="source_video")


def test_a_recording_of_a_browser_is_no_result(parts: dict[int, bytes], tmp_path: Path) -> None:
    """Whether half of it is missing cannot be told."""
    info = b"".join(element(kind, content) for kind, content in parse(parts[INFO]) if kind != 0x4489)
    for data, says in ((made({**parts, INFO: info}), "not finished"), (opened(made(parts), CLUSTER), "how long it is")):
        (tmp_path / "clip.webm").write_bytes(data)
        with pytest.raises(ResultInvalid, match=says):
            examined(tmp_path / "clip.webm")


def test_a_real_recording_without_lengths_is_taken(tmp_path: Path) -> None:
    for name in ("clip.webm", "clip.mkv"):
        data = video(tmp_path / name, options={"live": "1"})
        clean = stripped(data, "video/webm")
        assert decoded(clean) == decoded(data)
        length = inspect(clean, role="source_video").length_seconds
        assert length == pytest.approx(1, abs=0.06)


def test_a_file_without_picture_and_sound_or_without_tracks_is_refused(parts: dict[int, bytes]) -> None:
    with pytest.raises(InvalidInput, match="neither picture nor sound"):
        stripped(made({**parts, TRACKS: element(0xAE, element(0x83, b"\x11"))}), "video/webm")
    with pytest.raises(InvalidInput, match="list of tracks"):
        stripped(element(HEAD, parts[HEAD]) + element(SEGMENT, element(INFO, parts[INFO])), "video/webm")


def test_a_head_larger_than_any_real_one_is_refused(parts: dict[int, bytes]) -> None:
    with pytest.raises(InvalidInput, match="larger than any real one"):
        stripped(made({**parts, INFO: element(0x7BA9, bytes(MOST_BYTES_AT_ONCE))}), "video/webm")
    with pytest.raises(InvalidInput, match="together larger than any real ones"):
        stripped(made(parts, element(INFO, element(0x7BA9, bytes(MOST_BYTES_AT_ONCE - 30)))), "video/webm")


@pytest.mark.parametrize("lost", [1, 9, 100, 3000])
def test_half_a_video_is_refused(parts: dict[int, bytes], lost: int) -> None:
    with pytest.raises(InvalidInput):
        stripped(made(parts)[:-lost], "video/webm")
