"""Measures an image by stepping through its parts, without decoding it; a truncated or damaged one has no size.

Every walk goes to the mark that ends the image. What follows that mark is tolerated: decoders ignore it, and cameras
and screenshot tools do write there. A size is the largest that any part of the image claims, because decoders differ in
which one they believe.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping

MAX_PARTS = 1_000_000  # a GIF of 50 MiB has 205,000 blocks, every other kind far fewer parts
_Size = tuple[int, int]

_PNG_HEADER_BYTES = 13
# A mark in a JPEG: neither padding nor, between pixels, a restart or an escaped byte.
_JPEG_MARK = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
_JPEG_END, _JPEG_PIXELS = b"\xd9", b"\xda"
_JPEG_FRAMES = frozenset(bytes([mark]) for mark in range(0xC0, 0xD0)) - {b"\xc4", b"\xc8", b"\xcc"}
_GIF_TABLE, _GIF_TABLE_BITS = 0x80, 0x07
_WEBP_BITS = 0x3FFF


def image_size(data: bytes, media_type: str) -> _Size | None:
    """Width and height in pixels; None for an image that is damaged or incomplete.

    Args:
        data: The whole image.
        media_type: Its type, by content: image/png, image/jpeg, image/gif or image/webp.

    Example:
        >>> image_size(b"GIF89a" + bytes(7), "image/gif") is None
        True
    """
    try:
        size = _SIZE_OF[media_type](data)
    except (IndexError, struct.error):
        return None
    return size if size and all(size) else None


def _png(data: bytes) -> _Size | None:
    length, kind, *size = struct.unpack_from(">I4sII", data, 8)
    if length != _PNG_HEADER_BYTES or kind != b"IHDR":
        return None
    at, pixels = 8, False
    for _ in range(MAX_PARTS):
        length, kind = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        pixels = pixels or kind == b"IDAT"
        if at > len(data):
            return None
        if kind == b"IEND":
            return (size[0], size[1]) if pixels else None
    return None


def _jpeg(data: bytes) -> _Size | None:
    width = height = 0
    at, pixels = 2, False
    for _ in range(MAX_PARTS):
        found = _JPEG_MARK.search(data, at)
        if found is None:
            return None
        mark, at = found[1], found.end()
        if mark == _JPEG_END:
            return (width, height) if pixels else None
        length = struct.unpack_from(">H", data, at)[0]
        if mark in _JPEG_FRAMES:
            frame_height, frame_width = struct.unpack_from(">HH", data, at + 3)
            width, height = max(width, frame_width), max(height, frame_height)
        pixels = pixels or mark == _JPEG_PIXELS
        at += length  # a camera's own data, which may hold a whole small JPEG, are stepped over
    return None


def _gif(data: bytes) -> _Size | None:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, pixels, in_blocks = 13 + _gif_table(flags), False, False
    for _ in range(MAX_PARTS):
        first = data[at]
        if in_blocks:  # each begins with its length; an empty one is the last
            in_blocks = first > 0
            at += 1 + first
            continue
        match chr(first):
            case ";":
                return (width, height) if pixels else None
            case "!":
                at += 2
            case ",":
                left, top, frame_width, frame_height, flags = struct.unpack_from("<HHHHB", data, at + 1)
                width, height = max(width, left + frame_width), max(height, top + frame_height)
                at += 11 + _gif_table(flags)
                pixels = True
            case _:
                return None
        in_blocks = True
    return None


def _gif_table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 6 << (flags & _GIF_TABLE_BITS) if flags & _GIF_TABLE else 0


def _webp(data: bytes) -> _Size | None:
    width = height = 0
    at, pixels = 12, False
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    if end > len(data):
        return None
    for _ in range(MAX_PARTS):
        if at >= end:
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        size = _webp_part(kind, data[at + 8 : at + 24])
        width, height = max(width, size[0]), max(height, size[1])
        pixels = pixels or (all(size) and kind != b"VP8X")
        at += 8 + length
        if at > end:
            return None
        at += length % 2
    return (width, height) if pixels else None


def _webp_part(kind: bytes, start: bytes) -> _Size:
    match kind:
        case b"VP8X":
            return _plus_one(start[4:7], start[7:10])
        case b"ANMF":
            return _plus_one(start[6:9], start[9:12])
        case b"VP8L" if start[:1] == b"\x2f":
            bits: int = struct.unpack_from("<I", start, 1)[0]
            return 1 + (bits & _WEBP_BITS), 1 + (bits >> 14 & _WEBP_BITS)
        case b"VP8 " if start[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", start, 6)
            return width & _WEBP_BITS, height & _WEBP_BITS
        case _:
            return 0, 0


def _plus_one(width: bytes, height: bytes) -> _Size:
    return 1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little")


_SIZE_OF: Mapping[str, Callable[[bytes], _Size | None]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
}
