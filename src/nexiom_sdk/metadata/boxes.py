"""Boxes, the form of MP4, MOV and M4A files: a length, a kind of four letters, a content that may be boxes again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nexiom_sdk.metadata.reader import Edit, Reader, Zeros, damaged

EMPTY = frozenset({b"free", b"skip", b"wide"})


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Args:
        kind: Its four letters.
        at: Its place.
        start: Where its content begins.
        end: Where it ends.
    """

    kind: bytes
    at: int
    start: int
    end: int


def boxes(reader: Reader, at: int, limit: int) -> Iterator[Box]:
    """The boxes inside one; fewer bytes than a box needs may stand behind them.

    Args:
        reader: The file.
        at: Where the first one is.
        limit: Where the one around them ends.

    Raises:
        InvalidInput: One does not fit.
    """
    while at + 8 <= limit:
        box = box_at(reader, at, limit)
        if box is None or box.end > limit:
            raise damaged("one of its boxes is incomplete, or has an impossible length")
        yield box
        at = box.end


def box_at(reader: Reader, at: int, limit: int) -> Box | None:
    """The box at a place, which may end beyond the limit; None where there is none.

    Args:
        reader: The file.
        at: The place.
        limit: Where the one around it ends.
    """
    head = reader.some(at, 16)
    size, start = int.from_bytes(head[:4], "big"), at + 8
    if size == 1:
        size, start = int.from_bytes(head[8:16], "big"), at + 16
    elif size == 0:  # up to the end of what is around it
        size = limit - at
    return Box(head[4:8], at, start, at + size) if len(head) >= 8 and at + size >= start else None


def emptied(box: Box) -> Iterator[Edit]:
    """What makes a box an empty one of the same length.

    Args:
        box: The box.
    """
    if box.kind not in EMPTY:
        yield Edit(box.at + 4, b"free")
    yield Edit(box.start, Zeros(box.end - box.start))
