"""Boxes of an MP4, MOV or M4A file, read where they lie, and emptied there."""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.metadata.parts import Edit, Zeros
from nexiom_sdk.mp4_boxes import HEAD_BYTES, box_at

EMPTY = frozenset({b"free", b"skip", b"wide"})


def boxes(reader: Reader, at: int, limit: int) -> Iterator[Piece]:
    """The boxes inside one; fewer bytes than a box needs may stand behind them.

    Args:
        reader: The file.
        at: Where the first one is.
        limit: Where the one around them ends.

    Raises:
        InvalidInput: One does not fit.
    """
    while at + 8 <= limit:
        box = box_at(reader.some(at, HEAD_BYTES), at, limit)
        if box is None or box.end > limit:
            raise reader.refuse("one of its boxes is incomplete, or has an impossible length")
        yield box
        at = box.end


def emptied(box: Piece) -> Iterator[Edit]:
    """What makes a box an empty one of the same length.

    Args:
        box: The box.
    """
    if box.kind not in EMPTY:
        yield Edit(box.at + 4, b"free")
    yield Edit(box.start, Zeros(box.end - box.start))
