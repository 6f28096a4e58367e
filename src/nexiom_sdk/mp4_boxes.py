"""The boxes that an MP4 file is made of: where each begins and ends, and what lies inside."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.wording import printable

WORD = struct.Struct(">I")
LONG = struct.Struct(">Q")
HEAD_BYTES = 16  # the longest; eight of them are enough for most
MOST_BOXES = 100_000  # at the top of a file: seven hours in fragments of half a second have as many
_HEADER = struct.Struct(">I4s")


def box_at(head: bytes, at: int, limit: int) -> Piece | None:
    """The box at a place, which may end beyond the limit; None where there is none.

    Args:
        head: The bytes at the place, `HEAD_BYTES` of them where there are so many.
        at: The place.
        limit: Where the one around it ends.
    """
    if len(head) < _HEADER.size:
        return None
    size, kind = _HEADER.unpack_from(head)
    start = at + _HEADER.size
    if size == 0:  # to the end of what is around it
        size = limit - at
    elif size == 1:
        if len(head) < HEAD_BYTES:
            return None
        size, start = LONG.unpack_from(head, 8)[0], at + HEAD_BYTES
    return Piece(kind, at, start, at + size) if at + size >= start else None


def top_boxes(reader: Reader, size_bytes: int) -> Iterator[Piece]:
    """The boxes of a file, which must fill it exactly.

    Args:
        reader: The file.
        size_bytes: Its length.

    Raises:
        ResultInvalid: They do not fill it, or are more than any real file has.
    """
    at, left = 0, MOST_BOXES
    while at < size_bytes:
        left -= 1
        if left < 0:
            raise reader.refuse("it has more parts than any real one")
        box = _box(reader.some(at, HEAD_BYTES), at, size_bytes)
        if box.end > size_bytes:
            name = printable(box.kind.decode("latin-1"))
            raise ResultInvalid(
                f"The video is incomplete: {box.end - size_bytes:,} bytes of its part '{name}' are missing."
            )
        yield box
        at = box.end


def boxes_in(data: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """The boxes inside a box, as kind and content.

    Args:
        data: The content of the box around them.
        start: Where the first one begins.

    Raises:
        ResultInvalid: They do not fit into it.
    """
    at = start
    while at + _HEADER.size <= len(data):
        box = _box(data[at : at + HEAD_BYTES], at, len(data))
        if box.end > len(data):
            raise ResultInvalid("The index of the video is damaged.")
        yield box.kind, data[box.start : box.end]
        at = box.end


def _box(head: bytes, at: int, limit: int) -> Piece:
    box = box_at(head, at, limit)
    if box is not None:
        return box
    if len(head) < _HEADER.size:
        raise ResultInvalid("The video is incomplete: it ends in the middle of a header.")
    raise ResultInvalid("The file is not an MP4 video: a part of it has an impossible length.")
