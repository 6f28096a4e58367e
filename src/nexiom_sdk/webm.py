"""Reads the elements of a WebM file: what it says of itself, and whether all of it is there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BufferedReader

from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.types import VideoProbe
from nexiom_sdk.wording import printable

EBML_MAGIC = b"\x1a\x45\xdf\xa3"
MAX_HEADER_BYTES = 1024 * 1024
MAX_ELEMENTS = 200_000  # an hour in clusters of one picture each has 108,000
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_INFO, _TIMECODE_SCALE, _DURATION = 0x1549A966, 0x2AD7B1, 0x4489
_TRACKS, _TRACK, _TRACK_TYPE, _CODEC, _FRAME_NANOSECONDS = 0x1654AE6B, 0xAE, 0x83, 0x86, 0x23E383
_VIDEO, _WIDTH, _HEIGHT = 0xE0, 0xB0, 0xBA
_CLUSTER = 0x1F43B675
_PICTURE, _SOUND = 1, 2
_LONGEST_HEAD_BYTES = 16
_LONGEST_CODEC = 60


def read_webm(file: BufferedReader, size_bytes: int) -> VideoProbe:
    """What a WebM file is.

    Args:
        file: The file, opened for reading.
        size_bytes: Its length.

    Raises:
        ResultInvalid: It is not a whole, readable WebM video.
    """
    top = list(_elements(file, 0, size_bytes))
    if [kind for kind, _, _ in top] != [_EBML, _SEGMENT]:
        raise ResultInvalid("The file is not a whole WebM video: it is not one header and one content.")
    parts: dict[int, bytes] = {}
    clusters = 0
    for kind, start, end in _elements(file, *top[1][1:]):
        if kind in {_INFO, _TRACKS} and kind not in parts:
            if end - start > MAX_HEADER_BYTES:
                raise ResultInvalid("The header of the WebM video is larger than any real one.")
            file.seek(start)
            parts[kind] = file.read(end - start)
        clusters += kind == _CLUSTER
    if not clusters:
        raise ResultInvalid("The WebM video is empty.")
    tracks = [dict(_inner(track)) for kind, track in _inner(parts.get(_TRACKS, b"")) if kind == _TRACK]
    return _probe(dict(_inner(parts.get(_INFO, b""))), tracks)


def _probe(info: dict[int, bytes], tracks: list[dict[int, bytes]]) -> VideoProbe:
    picture = next((track for track in tracks if _number(track.get(_TRACK_TYPE, b"")) == _PICTURE), None)
    if picture is None:
        raise ResultInvalid("The file has no picture track.")
    video = dict(_inner(picture.get(_VIDEO, b"")))
    seconds = _float(info.get(_DURATION, b"")) * (_number(info.get(_TIMECODE_SCALE, b"")) or 1_000_000) / 1e9
    if not seconds > 0:
        raise ResultInvalid("The WebM video does not say how long it is: it was not finished.")
    frame_nanoseconds = _number(picture.get(_FRAME_NANOSECONDS, b""))
    return VideoProbe(
        container="webm",
        width=_number(video.get(_WIDTH, b"")),
        height=_number(video.get(_HEIGHT, b"")),
        duration_seconds=round(seconds, 6),
        has_audio=any(_number(track.get(_TRACK_TYPE, b"")) == _SOUND for track in tracks),
        video_codec=printable(picture.get(_CODEC, b"")[:_LONGEST_CODEC].decode("latin-1")) or None,
        frames_per_second=round(1e9 / frame_nanoseconds, 3) if frame_nanoseconds else None,
    )


def _elements(file: BufferedReader, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Id, start and end of the elements that fill a range of the file exactly."""
    at, count = start, 0
    while at < end:
        count += 1
        if count > MAX_ELEMENTS:
            raise ResultInvalid("The WebM video has more parts than any real one.")
        file.seek(at)
        head = file.read(_LONGEST_HEAD_BYTES)
        kind, kind_bytes = _variable(head, 0, keep_marker=True)
        size, size_bytes = _variable(head, kind_bytes, keep_marker=False)
        if not kind_bytes or not size_bytes:
            raise ResultInvalid("The WebM video is incomplete: it ends, or something else stands, in place of a part.")
        if size == (1 << (7 * size_bytes)) - 1:  # the mark of a writer that could not come back to fill it in
            raise ResultInvalid("The WebM video was not finished: a part of it does not say how long it is.")
        at += kind_bytes + size_bytes + size
        if at > end:
            raise ResultInvalid(f"The WebM video is incomplete: {at - end:,} bytes are missing.")
        yield kind, at - size, at


def _inner(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, kind_bytes = _variable(data, at, keep_marker=True)
        size, size_bytes = _variable(data, at + kind_bytes, keep_marker=False)
        start = at + kind_bytes + size_bytes
        if not kind_bytes or not size_bytes or start + size > len(data):
            raise ResultInvalid("The header of the WebM video is damaged.")
        yield kind, data[start : start + size]
        at = start + size


def _variable(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length, and its length in bytes; length 0 where there is none."""
    if at >= len(data) or data[at] == 0:
        return 0, 0
    length = 9 - data[at].bit_length()
    if at + length > len(data):
        return 0, 0
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep_marker else value & ((1 << (7 * length)) - 1)), length


def _number(data: bytes) -> int:
    return int.from_bytes(data[:8], "big")


def _float(data: bytes) -> float:
    if len(data) not in {4, 8}:
        return 0.0
    value: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
    return value
