"""The boxes that an MP4 file is made of: where each begins and ends, and what lies inside."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BufferedReader
from typing import NamedTuple

from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.wording import printable

MAX_INDEX_BYTES = 64 * 1024 * 1024  # an index larger than this is no video of ours: ten hours need about 20 MiB
WORD = struct.Struct(">I")
LONG = struct.Struct(">Q")
_HEADER = struct.Struct(">I4s")


class Box(NamedTuple):
    """A part of a file.

    Args:
        kind: Its type, four bytes.
        start: Where its content begins.
        end: Where its content ends.
    """

    kind: bytes
    start: int
    end: int


def top_boxes(file: BufferedReader, size_bytes: int) -> Iterator[Box]:
    """The boxes of a file, which must fill it exactly.

    Args:
        file: The file, opened for reading.
        size_bytes: Its length.

    Raises:
        ResultInvalid: They do not fill it.
    """
    at = 0
    while at < size_bytes:
        file.seek(at)
        box = _box(file.read(16), at, size_bytes)
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
        box = _box(data[at : at + 16], at, len(data))
        if box.end > len(data):
            raise ResultInvalid("The index of the video is damaged.")
        yield box.kind, data[box.start : box.end]
        at = box.end


def _box(head: bytes, at: int, limit: int) -> Box:
    if len(head) < _HEADER.size:
        raise ResultInvalid("The video is incomplete: it ends in the middle of a header.")
    size, kind = _HEADER.unpack_from(head)
    header = _HEADER.size
    if size == 0:  # to the end of what is around it
        size = limit - at
    elif size == 1:
        if len(head) < 16:
            raise ResultInvalid("The video is incomplete: it ends in the middle of a header.")
        size, header = LONG.unpack_from(head, 8)[0], 16
    if size < header:
        raise ResultInvalid("The file is not an MP4 video: a part of it has an impossible length.")
    return Box(kind, at + header, at + size)


def content_of(file: BufferedReader, box: Box) -> bytes:
    """The content of a part of the index.

    Args:
        file: The file, opened for reading.
        box: The part.

    Raises:
        ResultInvalid: It is too large to be one.
    """
    if box.end - box.start > MAX_INDEX_BYTES:
        raise ResultInvalid("The index of the video is larger than any real one.")
    file.seek(box.start)
    return file.read(box.end - box.start)
