"""The size of a picture as its header has it, before any decoder sees a byte.

Only the heads of its parts are read, wherever a file rests. A picture that has no end is damaged, so it has no size.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Mapping
from typing import BinaryIO

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.orientation import EXIF_MARK, ON_ITS_SIDE, orientation
from nexiom_sdk.picture_chunks import gif_chunks, png_exif, webp_exif

Size = tuple[int, int]

_MOST_SEGMENTS = 4096  # a photo has a few dozen before its frame


def picture_size(file: BinaryIO, media_type: str) -> Size | None:
    """Width and height of a picture as it is shown, in pixels; None where it is damaged, incomplete or no picture.

    Args:
        file: The whole file; where it is read next may change.
        media_type: What its first bytes prove.

    Example:
        >>> picture_size(io.BytesIO(b"GIF89a" + bytes([33, 0, 21, 0, 0, 0, 0]) + b";"), "image/gif")
        (33, 21)
    """
    measure = _MEASURES.get(media_type)
    size = None if measure is None else measure(file)
    return None if size is None or 0 in size else size


def _bytes(file: BinaryIO, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)


def _end(file: BinaryIO, count: int) -> bytes:
    length = file.seek(0, io.SEEK_END)
    return _bytes(file, max(length - count, 0), count)


def _png(file: BinaryIO) -> Size | None:
    head = _bytes(file, 0, 24)
    if head[12:16] != b"IHDR" or b"IEND" not in _end(file, 64):
        return None
    size = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    return _as_shown(size, _exif(lambda: png_exif(Reader(file))))


def _gif(file: BinaryIO) -> Size | None:
    head = _bytes(file, 0, 10)
    try:
        deque(gif_chunks(Reader(file)), maxlen=0)
    except ResultInvalid:  # it ends in the middle
        return None
    return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")


def _webp(file: BinaryIO) -> Size | None:
    head = _bytes(file, 0, 30)
    limit = int.from_bytes(head[4:8], "little") + 8
    if limit > file.seek(0, io.SEEK_END):
        return None
    chunk, body = head[12:16], head[20:]
    if chunk == b"VP8X":
        size = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        return _as_shown(size, _exif(lambda: webp_exif(Reader(file), limit)))
    if chunk == b"VP8L" and body[:1] == b"\x2f":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


def _jpeg(file: BinaryIO) -> Size | None:
    """From the first frame header; segments before it, such as a camera's own data, are stepped over."""
    if b"\xff\xd9" not in _end(file, 4096):  # the end mark; some cameras write a little after it
        return None
    at, exif = 2, b""
    for _ in range(_MOST_SEGMENTS):
        head = _bytes(file, at, 9)
        if len(head) < 9 or head[0] != 0xFF:
            return None
        marker, length = head[1], int.from_bytes(head[2:4], "big")
        if marker == 0xFF:  # padding
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            width, height = int.from_bytes(head[7:9], "big"), int.from_bytes(head[5:7], "big")
            return _as_shown((width, height), exif)
        elif length < 2:
            return None
        else:
            if marker == 0xE1 and not exif and _bytes(file, at + 4, min(length - 2, 6)) == EXIF_MARK:
                exif = _bytes(file, at + 4, length - 2)
            at += 2 + length
    return None


def _exif(read: Callable[[], bytes]) -> bytes:
    """The notes of a camera; none where the parts before them are broken, so that nobody else finds them either."""
    try:
        return read()
    except ResultInvalid:
        return b""


def _as_shown(size: Size, exif: bytes) -> Size:
    return (size[1], size[0]) if orientation(exif) in ON_ITS_SIDE else size


_MEASURES: Mapping[str, Callable[[BinaryIO], Size | None]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/webp": _webp,
    "image/jpeg": _jpeg,
}
