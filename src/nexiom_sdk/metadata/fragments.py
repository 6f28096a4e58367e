"""Where the samples of an MP4 in fragments lie: each fragment says it of its own, from a place that others imply."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.metadata.boxes import boxes
from nexiom_sdk.metadata.parts import damaged
from nexiom_sdk.metadata.samples import Places
from nexiom_sdk.mp4_samples import numbers

_BASE, _DESCRIPTION, _DURATION, _SIZE, _FROM_FRAGMENT = 0x1, 0x2, 0x8, 0x10, 0x20000
_OFFSET, _FIRST_FLAGS, _EACH_DURATION, _EACH_SIZE, _EACH_FLAGS, _EACH_DELAY = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800


def usual_sizes(reader: Reader, index: Piece) -> dict[int, int]:
    """Length of a sample of which no fragment says it, by the number of its track.

    Args:
        reader: The file.
        index: The box `moov`.

    Raises:
        InvalidInput: A box is broken.
    """
    found: dict[int, int] = {}
    for extends in boxes(reader, index.start, index.end):
        if extends.kind == b"mvex":
            for box in boxes(reader, extends.start, extends.end):
                if box.kind == b"trex":
                    number, _, _, size = struct.unpack(">4I", reader.take(box.start + 4, 16))
                    found[number] = size
    return found


def add_fragment(reader: Reader, fragment: Piece, usual: Mapping[int, int], places: Places) -> None:
    """Note where the samples of a fragment lie.

    Args:
        reader: The file.
        fragment: The box `moof`.
        usual: What `usual_sizes` found.
        places: Where they are noted.

    Raises:
        InvalidInput: The fragment is broken, or a sample is not there.
    """
    following = fragment.at
    for track in boxes(reader, fragment.start, fragment.end):
        if track.kind == b"traf":
            following = _of_track(reader, track, (fragment.at, following), usual, places)


def _of_track(reader: Reader, track: Piece, known: tuple[int, int], usual: Mapping[int, int], places: Places) -> int:
    """Where the samples of one track end; the next one's may begin there."""
    fragment_at, following = known
    base, size = following, 0
    for box in boxes(reader, track.start, track.end):
        head = reader.some(box.start, min(box.end - box.start, 32)) + bytes(32)
        flags, number = struct.unpack_from(">II", head)
        flags &= 0xFFFFFF
        if box.kind == b"tfhd":
            if flags & _BASE:
                base = following = int.from_bytes(head[8:16], "big")
            elif flags & _FROM_FRAGMENT:
                base = following = fragment_at
            at = 8 + 8 * bool(flags & _BASE) + 4 * bool(flags & _DESCRIPTION) + 4 * bool(flags & _DURATION)
            size = int.from_bytes(head[at : at + 4], "big") if flags & _SIZE else usual.get(number, 0)
        elif box.kind == b"trun":
            if flags & _OFFSET:
                following = base + int(struct.unpack_from(">i", head, 8)[0])
            length = _length(reader, box, flags, number, size)
            places.add(following, length)
            following += length
    return following


def _length(reader: Reader, run: Piece, flags: int, count: int, size: int) -> int:
    """How many bytes the samples of a run have together."""
    if not flags & _EACH_SIZE:
        return count * size
    at = run.start + 8 + 4 * bool(flags & _OFFSET) + 4 * bool(flags & _FIRST_FLAGS)
    columns = sum(bool(flags & one) for one in (_EACH_DURATION, _EACH_SIZE, _EACH_FLAGS, _EACH_DELAY))
    if at + 4 * columns * count > run.end:
        raise damaged("a fragment says less of its samples than it should")
    return sum(numbers(reader.take(at, 4 * columns * count), 4)[bool(flags & _EACH_DURATION) :: columns])
