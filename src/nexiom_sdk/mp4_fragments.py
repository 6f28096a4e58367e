"""The fragments of an MP4 file whose index is spread over it: how many samples of a track they hold, and how long."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.mp4_boxes import WORD, boxes_in
from nexiom_sdk.mp4_samples import bounded, numbers

_MOST_BYTES = 64 * 1024 * 1024  # of all fragments without their media: ten hours have less


class Fragments(NamedTuple):
    """What the fragments of a file hold of one track.

    Args:
        samples: How many samples.
        ticks: Their length, in the track's own unit.
    """

    samples: int
    ticks: int


def fragments_of(reader: Reader, top: Iterable[Piece], *, track: int, usual_ticks: int) -> Fragments:
    """Add up what the fragments of a file say of a track.

    Args:
        reader: The file.
        top: Its boxes.
        track: Number of the track.
        usual_ticks: Length of a sample of which no fragment says it.

    Raises:
        ResultInvalid: A fragment is damaged, or all are larger than any real ones.
        struct.error: A part of a fragment is too short.
    """
    samples = ticks = 0
    left = _MOST_BYTES
    for box in top:
        if box.kind == b"moof":
            left -= box.end - box.start
            if left < 0:
                raise reader.refuse("its index is larger than any real one")
            for kind, content in boxes_in(reader.take(box.start, box.end - box.start)):
                if kind == b"traf":
                    more = _of_one(list(boxes_in(content)), track, usual_ticks)
                    samples, ticks = samples + more.samples, ticks + more.ticks
    return Fragments(samples, ticks)


def _of_one(parts: list[tuple[bytes, bytes]], track: int, usual_ticks: int) -> Fragments:
    header = next((content for kind, content in parts if kind == b"tfhd"), b"")
    flags, number = struct.unpack_from(">II", header)
    if number != track:
        return Fragments(0, 0)
    at = 8 + 8 * bool(flags & 1) + 4 * bool(flags & 2)
    usual = int(WORD.unpack_from(header, at)[0]) if flags & 8 else usual_ticks
    runs = [_run(content, usual) for kind, content in parts if kind == b"trun"]
    return Fragments(sum(run.samples for run in runs), sum(run.ticks for run in runs))


def _run(table: bytes, usual: int) -> Fragments:
    flags, count = (int(one) for one in struct.unpack_from(">II", table))
    if not flags & 0x100:
        return Fragments(count, count * usual)
    at = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
    step = 4 * (1 + bool(flags & 0x200) + bool(flags & 0x400) + bool(flags & 0x800))
    entries = bounded(table, count, step, at=at)
    return Fragments(count, sum(numbers(entries, 4)[:: step // 4]))
