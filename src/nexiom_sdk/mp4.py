"""Reads the boxes of an MP4 file: what it says of itself, and whether all that it speaks of is there.

A half-downloaded file whose index comes first reads as perfect to anybody who looks only at its header. So every sample
that the index names must lie inside a media box, and the boxes must fill the file exactly.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader

from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.types import VideoProbe

MAX_INDEX_BYTES = 64 * 1024 * 1024  # an index larger than this is no video of ours: ten hours need about 20 MiB
_HEADER = struct.Struct(">I4s")
_WORD = struct.Struct(">I")
_LONG = struct.Struct(">Q")
_COMMENT = b"\xa9cmt"


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int  # of its content
    end: int


@dataclass(slots=True)
class _Track:
    number: int = 0
    handler: bytes = b""
    codec: str | None = None
    width: int = 0
    height: int = 0
    timescale: int = 0
    duration: int = 0
    samples: int = 0


@dataclass(slots=True)
class _Movie:
    timescale: int = 0
    duration: int = 0
    fragmented: bool = False
    comment: str | None = None
    tracks: list[_Track] = field(default_factory=list)


def read_mp4(file: BufferedReader, size_bytes: int) -> VideoProbe:
    """What an MP4 file is.

    Args:
        file: The file, opened for reading.
        size_bytes: Its length.

    Raises:
        ResultInvalid: It is not a whole, readable MP4 video.
    """
    top = list(_top_boxes(file, size_bytes))
    kinds = [box.kind for box in top]
    if not kinds or kinds[0] != b"ftyp":
        raise ResultInvalid("The file is not an MP4 video: it does not begin like one.")
    index = next((box for box in top if box.kind == b"moov"), None)
    if index is None:
        raise ResultInvalid("The video is incomplete: its index is missing.")
    media = [(box.start, box.end) for box in top if box.kind == b"mdat"]
    try:
        movie = _movie(_content(file, index), media)
        seconds = _seconds(movie) or _fragment_seconds(file, top, movie)
    except (struct.error, IndexError, ZeroDivisionError) as error:
        raise ResultInvalid("The index of the video cannot be read.") from error
    return _probe(movie, seconds, has_media=bool(media))


def _probe(movie: _Movie, seconds: float, *, has_media: bool) -> VideoProbe:
    picture = next((track for track in movie.tracks if track.handler == b"vide"), None)
    if picture is None or not picture.width or not picture.height:
        raise ResultInvalid("The file has no picture track.")
    if seconds <= 0 or not has_media:
        raise ResultInvalid("The video is empty.")
    own_seconds = picture.duration / picture.timescale if picture.timescale else 0.0
    return VideoProbe(
        container="mp4",
        width=picture.width,
        height=picture.height,
        duration_seconds=round(seconds, 6),
        has_audio=any(track.handler == b"soun" for track in movie.tracks),
        video_codec=picture.codec,
        frames_per_second=round(picture.samples / own_seconds, 3) if picture.samples and own_seconds else None,
        comment=movie.comment,
    )


def _top_boxes(file: BufferedReader, size_bytes: int) -> Iterator[_Box]:
    at = 0
    while at < size_bytes:
        file.seek(at)
        box = _box(file.read(16), at, size_bytes)
        if box.end > size_bytes:
            name = box.kind.decode("latin-1")
            raise ResultInvalid(
                f"The video is incomplete: {box.end - size_bytes:,} bytes of its part '{name}' are missing."
            )
        yield box
        at = box.end


def _boxes(data: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """The boxes inside a box, as kind and content; whatever does not fit ends them."""
    at = start
    while at + _HEADER.size <= len(data):
        box = _box(data[at : at + 16], at, len(data))
        if box.end > len(data):
            raise ResultInvalid("The index of the video is damaged.")
        yield box.kind, data[box.start : box.end]
        at = box.end


def _box(head: bytes, at: int, limit: int) -> _Box:
    if len(head) < _HEADER.size:
        raise ResultInvalid("The video is incomplete: it ends in the middle of a header.")
    size, kind = _HEADER.unpack_from(head)
    header = _HEADER.size
    if size == 0:  # to the end of what is around it
        size = limit - at
    elif size == 1:
        if len(head) < 16:
            raise ResultInvalid("The video is incomplete: it ends in the middle of a header.")
        size, header = _LONG.unpack_from(head, 8)[0], 16
    if size < header:
        raise ResultInvalid("The file is not an MP4 video: a part of it has an impossible length.")
    return _Box(kind, at + header, at + size)


def _content(file: BufferedReader, box: _Box) -> bytes:
    if box.end - box.start > MAX_INDEX_BYTES:
        raise ResultInvalid("The index of the video is larger than any real one.")
    file.seek(box.start)
    return file.read(box.end - box.start)


def _movie(data: bytes, media: list[tuple[int, int]]) -> _Movie:
    movie = _Movie()
    for kind, content in _boxes(data):
        match kind:
            case b"mvhd":
                movie.timescale, movie.duration = _times(content)
            case b"trak":
                movie.tracks.append(_track(content, media))
            case b"mvex":
                movie.fragmented = True
                for inner, value in _boxes(content):
                    if inner == b"mehd":
                        movie.duration = _LONG.unpack_from(value, 4)[0] if value[0] else _WORD.unpack_from(value, 4)[0]
            case b"udta":
                movie.comment = _comment(content)
            case _:
                pass
    return movie


def _track(data: bytes, media: list[tuple[int, int]]) -> _Track:
    track = _Track()
    for kind, content in _boxes(data):
        if kind == b"tkhd":
            track.number = _WORD.unpack_from(content, 20 if content[0] else 12)[0]
            track.width, track.height = _shown_size(content)
        elif kind == b"mdia":
            for inner, value in _boxes(content):
                if inner == b"mdhd":
                    track.timescale, track.duration = _times(value)
                elif inner == b"hdlr":
                    track.handler = value[8:12]
                elif inner == b"minf":
                    _sample_table(value, track, media)
    return track


def _sample_table(data: bytes, track: _Track, media: list[tuple[int, int]]) -> None:
    tables = dict(_boxes(dict(_boxes(data)).get(b"stbl", b"")))
    description = tables.get(b"stsd", b"")
    track.codec = description[12:16].decode("latin-1") if len(description) >= 16 else None
    sizes = tables.get(b"stsz", b"")
    if len(sizes) < 12:
        return
    same, track.samples = struct.unpack_from(">II", sizes, 4)
    each = () if same else struct.unpack_from(f">{_entries(sizes, track.samples, 4, at=12)}I", sizes, 12)

    def length_of(first: int, count: int) -> int:
        return same * count if same else sum(each[first : first + count])

    _every_chunk_lies_in(media, _offsets(tables), _runs(tables.get(b"stsc", b"")), track.samples, length_of)


def _offsets(tables: dict[bytes, bytes]) -> tuple[int, ...]:
    table, letter, width = (tables[b"co64"], "Q", 8) if b"co64" in tables else (tables.get(b"stco", b""), "I", 4)
    count = _WORD.unpack_from(table, 4)[0] if len(table) >= 8 else 0
    return struct.unpack_from(f">{_entries(table, count, width, at=8)}{letter}", table, 8)


def _runs(table: bytes) -> list[tuple[int, int]]:
    """First chunk and samples in each, from there on."""
    count = _WORD.unpack_from(table, 4)[0] if len(table) >= 8 else 0
    numbers = struct.unpack_from(f">{3 * _entries(table, count, 12, at=8)}I", table, 8)
    return list(zip(numbers[::3], numbers[1::3], strict=True))


def _entries(table: bytes, count: int, width: int, *, at: int) -> int:
    if count * width > len(table) - at:
        raise ResultInvalid("The index of the video is damaged.")
    return count


def _every_chunk_lies_in(
    media: list[tuple[int, int]],
    offsets: tuple[int, ...],
    runs: list[tuple[int, int]],
    samples: int,
    length_of: Callable[[int, int], int],
) -> None:
    starts = [start for start, _ in media]
    done = 0
    for run, (first, count) in enumerate(runs):
        last = runs[run + 1][0] if run + 1 < len(runs) else len(offsets) + 1
        for offset in offsets[max(first - 1, 0) : max(last - 1, 0)]:
            inside = bisect_right(starts, offset) - 1
            if inside < 0 or offset + length_of(done, count) > media[inside][1]:
                raise ResultInvalid("The video is incomplete: pictures that its index names are missing.")
            done += count
    if done < samples:
        raise ResultInvalid("The video is incomplete: its index names more pictures than there are.")


def _times(content: bytes) -> tuple[int, int]:
    if content[0] == 1:
        timescale, duration = struct.unpack_from(">IQ", content, 20)
        return timescale, 0 if duration == 2**64 - 1 else duration
    timescale, duration = struct.unpack_from(">II", content, 12)
    return timescale, 0 if duration == 2**32 - 1 else duration


def _shown_size(content: bytes) -> tuple[int, int]:
    at = 52 if content[0] == 1 else 40
    a, _, _, _, d = struct.unpack_from(">5i", content, at)
    width, height = (value >> 16 for value in struct.unpack_from(">II", content, at + 36))
    return (height, width) if a == d == 0 else (width, height)  # turned by a quarter


def _seconds(movie: _Movie) -> float:
    if movie.duration and movie.timescale:
        return movie.duration / movie.timescale
    return max((track.duration / track.timescale for track in movie.tracks if track.timescale), default=0.0)


def _fragment_seconds(file: BufferedReader, top: list[_Box], movie: _Movie) -> float:
    """Length of a video in fragments, as the sum of what they say; its index is spread over them."""
    ticks = 0
    timescale = next((track.timescale for track in movie.tracks if track.handler == b"vide"), 0)
    video_id = next((track.number for track in movie.tracks if track.handler == b"vide"), 0)
    for box in top:
        if box.kind == b"moof":
            for kind, content in _boxes(_content(file, box)):
                if kind == b"traf":
                    ticks += _fragment_ticks(dict(_boxes(content)), video_id)
    return ticks / timescale


def _fragment_ticks(parts: dict[bytes, bytes], video_id: int) -> int:
    header = parts.get(b"tfhd", b"")
    flags, track_id = struct.unpack_from(">II", header)
    if track_id != video_id:
        return 0
    at = 8 + 8 * bool(flags & 1) + 4 * bool(flags & 2)
    default = int(_WORD.unpack_from(header, at)[0]) if flags & 8 else 0
    run = parts.get(b"trun", b"")
    flags, count = (int(one) for one in struct.unpack_from(">II", run))
    if not flags & 0x100:
        return count * default
    at = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
    step = 4 * (1 + bool(flags & 0x200) + bool(flags & 0x400) + bool(flags & 0x800))
    _entries(run, count, step, at=at)
    return sum(int(_WORD.unpack_from(run, at + step * sample)[0]) for sample in range(count))


def _comment(data: bytes) -> str | None:
    meta = dict(_boxes(data)).get(b"meta", b"")
    words = dict(_boxes(dict(_boxes(meta, 4)).get(b"ilst", b""))).get(_COMMENT, b"") if meta else b""
    value = dict(_boxes(words)).get(b"data", b"") if words else b""
    return value[8:].decode("utf-8", "replace") or None
