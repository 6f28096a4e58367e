"""The chunks that PNG, WebP and GIF pictures are made of, one behind the other."""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.orientation import MOST_EXIF_BYTES

WEBP_EXTENDED, WEBP_EXIF_FLAG = b"VP8X", 0x08
GIF_HEAD, GIF_PICTURE, GIF_EXTENSION, GIF_END = b"GIF", b"\x2c", b"\x21", b"\x3b"
GIF_PADDING = b"\0"  # which some writers leave and all readers step over
_GIF_GOES_ON = frozenset({GIF_HEAD, GIF_PICTURE, GIF_EXTENSION, GIF_PADDING})
_GIF_WINDOW_BYTES = 4 * 1024


def png_chunks(reader: Reader) -> Iterator[Piece]:
    """The chunks of a PNG up to its end; a checksum of four bytes follows the content of each.

    Args:
        reader: The file.

    Raises:
        NexiomError: One is broken, or there is no end.
    """
    at, kind = 8, b""
    while kind != b"IEND":
        head = reader.take(at, 8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        chunk = Piece(kind, at, at + 8, at + 8 + length)
        if chunk.end + 4 > reader.size or not kind.isalpha():
            raise reader.refuse("a chunk of the PNG is broken, or its end is missing")
        yield chunk
        at = chunk.end + 4


def riff_chunks(reader: Reader, at: int, limit: int) -> Iterator[Piece]:
    """The chunks of a WebP, or inside one of them.

    Args:
        reader: The file.
        at: Where the first one is.
        limit: Where the one around them ends.

    Raises:
        NexiomError: One does not fit.
    """
    while at < limit:
        head = reader.take(at, 8)
        chunk = Piece(head[:4], at, at + 8, at + 8 + int.from_bytes(head[4:], "little"))
        if chunk.end > limit:
            raise reader.refuse("one of its chunks is incomplete")
        yield chunk
        at = min(chunk.end + (chunk.end - chunk.start) % 2, limit)


def gif_chunks(reader: Reader) -> Iterator[Piece]:
    """The head of a GIF, its pictures and extensions, and its end; or up to a part that nobody knows.

    The content of an extension begins with what it is.

    Args:
        reader: The file.

    Raises:
        NexiomError: It ends in the middle.
    """
    at, kind = 13 + _colours_bytes(reader.take(10, 1)), GIF_HEAD
    yield Piece(kind, 0, 13, at)
    while kind in _GIF_GOES_ON:
        kind, end = reader.take(at, 1), at + 1
        if kind == GIF_EXTENSION:
            end = _after_blocks(reader, at + 2)
        elif kind == GIF_PICTURE:
            end = _after_blocks(reader, at + 11 + _colours_bytes(reader.take(at + 9, 1)))
        yield Piece(kind, at, at + 1, end)
        at = end


def png_exif(reader: Reader) -> bytes:
    """The notes of a camera in a PNG; empty where it has none."""
    return _content(reader, next((chunk for chunk in png_chunks(reader) if chunk.kind == b"eXIf"), None))


def webp_exif(reader: Reader, limit: int) -> bytes:
    """The notes of a camera in a WebP; empty where it has none. What it does not own up to nobody heeds.

    Args:
        reader: The file.
        limit: Where its last chunk ends.
    """
    head = reader.some(12, 9)
    if head[:4] != WEBP_EXTENDED or not head[8:] or not head[8] & WEBP_EXIF_FLAG:
        return b""
    return _content(reader, next((chunk for chunk in riff_chunks(reader, 12, limit) if chunk.kind == b"EXIF"), None))


def _content(reader: Reader, chunk: Piece | None) -> bytes:
    return b"" if chunk is None else reader.take(chunk.start, min(chunk.end - chunk.start, MOST_EXIF_BYTES))


def _colours_bytes(flags: bytes) -> int:
    """Length of a table of colours, where the flags say that there is one."""
    return 3 << (flags[0] & 7) + 1 if flags[0] & 0x80 else 0


def _after_blocks(reader: Reader, at: int) -> int:
    """The place after a chain of blocks, which ends with an empty one."""
    while True:
        window = reader.some(at, _GIF_WINDOW_BYTES)
        if not window:
            raise reader.refuse("the GIF ends in the middle of a part")
        here = 0
        while here < len(window):
            if not window[here]:
                return at + here + 1
            here += window[here] + 1
        at += here
