"""Steps through the boxes of an MP4 file: those of the file by seeking, those of an index in memory.

The lengths in a file are a stranger's. So every box must fit into what is around it, and no count makes us read, keep
or walk more than a real video needs.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Literal

from nexiom_sdk.errors import ResultInvalid

MAX_INDEX_BYTES = 16 * 1024 * 1024  # four hours with sound need about 11 MiB
MAX_TOP_BOXES = 100_000  # an hour in fragments of a tenth of a second has 72,000
MAX_INNER_BOXES = 1_000
_HEADER = struct.Struct(">I4s")
_LONG = struct.Struct(">Q")
_LONG_HEADER_BYTES = _HEADER.size + _LONG.size
_TO_THE_END, _IS_LONG = 0, 1  # what a length of 0 and 1 means


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the file: its kind, where it begins, where its content begins, where both end."""

    kind: bytes
    at: int
    start: int
    end: int


def damaged() -> ResultInvalid:
    """The refusal of an index that contradicts itself."""
    return ResultInvalid("The index of the video is damaged.")


def top_boxes(file: BufferedReader, size_bytes: int) -> list[Box]:
    """The boxes of the file; they fill it exactly.

    Args:
        file: The file, opened for reading.
        size_bytes: Its length.

    Raises:
        ResultInvalid: They do not: something is missing, or something follows that is no box.
    """
    top: list[Box] = []
    at = 0
    while at < size_bytes:
        file.seek(at)
        box = _box(file.read(_LONG_HEADER_BYTES), at, size_bytes)
        name = box.kind.decode("latin-1")
        if not (name.isascii() and name.isprintable()):
            # Zeros would else be an open-ended box: the end of a download that was only reserved on disk.
            raise ResultInvalid("The video is incomplete: something else stands in the place of a part.")
        if box.end > size_bytes:
            missing = f"{box.end - size_bytes:,} bytes of its part '{name}' are missing"
            raise ResultInvalid(f"The video is incomplete: {missing}.")
        if len(top) == MAX_TOP_BOXES:
            raise ResultInvalid("The file has more parts than any real video.")
        top.append(box)
        at = box.end
    return top


def content(file: BufferedReader, box: Box) -> memoryview:
    """What an index box of the file contains.

    Raises:
        ResultInvalid: It is larger than any real one.
    """
    if box.end - box.start > MAX_INDEX_BYTES:
        raise ResultInvalid("The index of the video is larger than any real one.")
    file.seek(box.start)
    return memoryview(file.read(box.end - box.start))


def boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of the boxes in memory; a rest that is too short for a box is padding.

    Raises:
        ResultInvalid: A box does not fit, or there are more than in any real index.
    """
    at = 0
    for _ in range(MAX_INNER_BOXES):
        if at + _HEADER.size > len(data):
            return
        box = _box(bytes(data[at : at + _LONG_HEADER_BYTES]), at, len(data))
        if box.end > len(data):
            raise damaged()
        yield box.kind, data[box.start : box.end]
        at = box.end
    raise damaged()


def inside(data: memoryview, *path: bytes) -> memoryview:
    """Content of the box at the end of a path of kinds; empty where there is none."""
    for kind in path:
        data = dict(boxes(data)).get(kind, data[:0])
    return data


def numbers(data: memoryview, at: int, count: int, code: Literal["I", "Q"] = "I") -> array[int]:
    """A table of `count` whole numbers, of 4 bytes or (Q) of 8.

    Raises:
        ResultInvalid: There are fewer.
    """
    table = array(code)
    rows = data[at : at + count * table.itemsize]
    if len(rows) < count * table.itemsize:
        raise damaged()
    table.frombytes(rows)
    if sys.byteorder == "little":
        table.byteswap()
    return table


def _box(head: bytes, at: int, limit: int) -> Box:
    if len(head) < _HEADER.size:
        raise ResultInvalid("The video is incomplete: it ends in the middle of a header.")
    size, kind = _HEADER.unpack_from(head)
    header = _HEADER.size
    if size == _TO_THE_END:
        size = limit - at
    elif size == _IS_LONG:
        if len(head) < _LONG_HEADER_BYTES:
            raise ResultInvalid("The video is incomplete: it ends in the middle of a header.")
        header = _LONG_HEADER_BYTES
        size = _LONG.unpack_from(head, _HEADER.size)[0]
    if size < header:
        raise ResultInvalid("The file is not an MP4 video: a part of it has an impossible length.")
    return Box(kind, at, at + header, at + size)
