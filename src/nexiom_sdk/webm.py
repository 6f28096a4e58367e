"""Reads the elements of a WebM file: what it says of itself, and whether all of it is there."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BufferedReader

from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.types import VideoProbe

EBML_MAGIC = b"\x1a\x45\xdf\xa3"
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_INFO, _TIMECODE_SCALE, _DURATION = 0x1549A966, 0x2AD7B1, 0x4489
_TRACKS, _TRACK, _TRACK_TYPE, _CODEC, _FRAME_NANOSECONDS = 0x1654AE6B, 0xAE, 0x83, 0x86, 0x23E383
_VIDEO, _WIDTH, _HEIGHT = 0xE0, 0xB0, 0xBA
_CLUSTER = 0x1F43B675
_PICTURE, _SOUND = 1, 2
MAX_HEADER_BYTES = 8 * 1024 * 1024


def read_webm(file: BufferedReader, size_bytes: int) -> VideoProbe:
    """What a WebM file is.

    Args:
        file: The file, opened for reading.
        size_bytes: Its length.

    Raises:
        ResultInvalid: It is not a whole, readable WebM video.
    """
    header = _element(file, 0, size_bytes)
    if header is None or header[0] != _EBML:
        raise ResultInvalid("The file is not a WebM video: it does not begin like one.")
    segment = _element(file, header[2], size_bytes)
    if segment is None or segment[0] != _SEGMENT:
        raise ResultInvalid("The WebM video has no content.")
    info, tracks, clusters = b"", b"", 0
    for kind, start, end in _elements(file, segment[1], segment[2]):
        if kind in {_INFO, _TRACKS} and end - start > MAX_HEADER_BYTES:
            raise ResultInvalid("The header of the WebM video is larger than any real one.")
        if kind == _INFO:
            info = _bytes(file, start, end)
        elif kind == _TRACKS:
            tracks = _bytes(file, start, end)
        clusters += kind == _CLUSTER
    if not clusters:
        raise ResultInvalid("The WebM video is empty.")
    return _probe(dict(_inner(info)), [dict(_inner(track)) for kind, track in _inner(tracks) if kind == _TRACK])


def _probe(info: dict[int, bytes], tracks: list[dict[int, bytes]]) -> VideoProbe:
    picture = next((track for track in tracks if _number(track.get(_TRACK_TYPE, b"")) == _PICTURE), None)
    video = dict(_inner(picture.get(_VIDEO, b""))) if picture else {}
    width, height = _number(video.get(_WIDTH, b"")), _number(video.get(_HEIGHT, b""))
    if picture is None or not width or not height:
        raise ResultInvalid("The file has no picture track.")
    seconds = _float(info.get(_DURATION, b"")) * (_number(info.get(_TIMECODE_SCALE, b"")) or 1_000_000) / 1e9
    if not 0 < seconds < float("inf"):
        raise ResultInvalid("The WebM video does not say how long it is: it was not finished.")
    frame_nanoseconds = _number(picture.get(_FRAME_NANOSECONDS, b""))
    return VideoProbe(
        container="webm",
        width=width,
        height=height,
        duration_seconds=round(seconds, 6),
        has_audio=any(_number(track.get(_TRACK_TYPE, b"")) == _SOUND for track in tracks),
        video_codec=picture.get(_CODEC, b"").decode("latin-1") or None,
        frames_per_second=round(1e9 / frame_nanoseconds, 3) if frame_nanoseconds else None,
    )


def _elements(file: BufferedReader, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    at = start
    while at < end:
        element = _element(file, at, end)
        if element is None:
            raise ResultInvalid("The WebM video is incomplete: it ends in the middle of a part.")
        yield element
        at = element[2]


def _element(file: BufferedReader, at: int, limit: int) -> tuple[int, int, int] | None:
    """Id, start and end of the element at a place; None where no whole one is."""
    file.seek(at)
    head = file.read(12)
    kind, kind_length = _variable(head, 0, keep_marker=True)
    size, size_length = _variable(head, kind_length, keep_marker=False)
    if not kind_length or not size_length:
        return None
    start = at + kind_length + size_length
    if size == (1 << (7 * size_length)) - 1:  # unknown: to the end of what is around it
        return (kind, start, limit) if kind == _SEGMENT else None
    return (kind, start, start + size) if start + size <= limit else None


def _inner(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, kind_length = _variable(data, at, keep_marker=True)
        size, size_length = _variable(data, at + kind_length, keep_marker=False)
        start = at + kind_length + size_length
        if not kind_length or not size_length or start + size > len(data):
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


def _bytes(file: BufferedReader, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _number(data: bytes) -> int:
    return int.from_bytes(data[:8], "big")


def _float(data: bytes) -> float:
    if len(data) not in {4, 8}:
        return 0.0
    value: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
    return value
