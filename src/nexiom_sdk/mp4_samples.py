"""Whether everything is there that the index of an MP4 file names, and how much that is.

An index is a list of promises: so many samples (pictures, pieces of sound) of such a length at such a place. A file
that was cut still promises all of them, so each must lie in a media box of the file.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.mp4_boxes import Box, boxes, damaged, numbers

_SIZE_BITS = 0x7FFF_FFFF
# Which optional fields a fragment has.
_BASE, _DESCRIPTION, _DURATION, _SIZE, _BASE_IS_FRAGMENT = 0x1, 0x2, 0x8, 0x10, 0x20000
_RUN_PLACE, _RUN_FIRST_FLAGS, _RUN_DURATION, _RUN_SIZE, _RUN_FIELDS = 0x1, 0x4, 0x100, 0x200, 0xF00


@dataclass(frozen=True, slots=True)
class Samples:
    """Number of samples, and their length together in ticks of their track."""

    count: int = 0
    ticks: int = 0

    def __add__(self, more: Samples) -> Samples:
        return Samples(self.count + more.count, self.ticks + more.ticks)


class MediaBoxes:
    """Where the media of a file lie."""

    def __init__(self, top: Sequence[Box]) -> None:
        places = [(box.start, box.end) for box in top if box.kind == b"mdat"]
        self._starts = [start for start, _ in places]
        self._ends = [end for _, end in places]

    def require(self, start: int, length: int) -> None:
        """Refuse the file unless these bytes lie in one of its media boxes.

        Raises:
            ResultInvalid: They do not.
        """
        box = bisect_right(self._starts, start) - 1
        if box < 0 or start + length > self._ends[box]:
            raise ResultInvalid("The video is incomplete: pictures or sound that its index names are missing.")


def listed(table: memoryview, media: MediaBoxes) -> Samples:
    """The samples of one track as its sample table lists them, all of them there.

    Args:
        table: Content of the box `stbl`.
        media: Where the media of the file lie.

    Raises:
        ResultInvalid: Samples are missing, or the table contradicts itself.
    """
    parts = dict(boxes(table))
    if b"stsz" not in parts:
        return Samples()
    same_size, count = struct.unpack_from(">II", parts[b"stsz"], 4)
    sizes = numbers(parts[b"stsz"], 12, 0 if same_size else count)
    places = numbers(parts[b"co64"], 8, _rows(parts, b"co64"), "Q") if b"co64" in parts else _table(parts, b"stco", 1)
    runs, times = _table(parts, b"stsc", 3), _table(parts, b"stts", 2)
    firsts = runs[::3]
    if any(later <= earlier for earlier, later in pairwise(chain((0,), firsts))):
        raise damaged()  # they must rise; going back and forth would also take for ever
    done = 0
    for first, after, each in zip(firsts, chain(firsts[1:], (len(places) + 1,)), runs[1::3], strict=False):
        for place in places[first - 1 : after - 1]:
            media.require(place, same_size * each if same_size else sum(sizes[done : done + each]))
            done += each
    if done < count:
        raise ResultInvalid("The video is incomplete: its index names more pictures or sound than there are.")
    return Samples(count, sum(often * ticks for often, ticks in zip(times[::2], times[1::2], strict=True)))


def in_fragment(
    fragment: memoryview, at: int, media: MediaBoxes, defaults: Mapping[int, tuple[int, int]]
) -> Iterator[tuple[int, Samples]]:
    """Track number and samples of each run in a fragment, all of them there.

    Args:
        fragment: Content of the box `moof`.
        at: Where that box begins in the file.
        media: Where the media of the file lie.
        defaults: By track number, the ticks and the bytes of a sample that does not say.

    Raises:
        ResultInvalid: Samples are missing, or the fragment contradicts itself.
    """
    place = at
    for kind, track in boxes(fragment):
        if kind != b"traf":
            continue
        parts = list(boxes(track))
        header = dict(parts).get(b"tfhd", track[:0])
        flags, number = struct.unpack_from(">II", header)
        ticks, size = defaults.get(number, (0, 0))
        after = 8
        if flags & _BASE:
            place = struct.unpack_from(">Q", header, after)[0]
            after += 8
        elif flags & _BASE_IS_FRAGMENT:
            place = at
        after += 4 * bool(flags & _DESCRIPTION)
        if flags & _DURATION:
            ticks = struct.unpack_from(">I", header, after)[0]
            after += 4
        if flags & _SIZE:
            size = struct.unpack_from(">I", header, after)[0]
        base = place
        for inner, run in parts:
            if inner == b"trun":
                samples, start, length = _run(run, base, place, ticks, size)
                media.require(start, length)
                place = start + length
                yield number, samples


def require_segments(index: memoryview, end: int, size_bytes: int) -> None:
    """Refuse a file that is shorter than its segment index says.

    Args:
        index: Content of the box `sidx`.
        end: Where that box ends in the file.
        size_bytes: Length of the file.

    Raises:
        ResultInvalid: Segments are missing.
    """
    form, at = (">Q2xH", 20) if index[0] else (">I2xH", 16)
    skipped, count = struct.unpack_from(form, index, at)
    rows = numbers(index, at + struct.calcsize(form), 3 * count)
    missing = end + skipped + sum(row & _SIZE_BITS for row in rows[::3]) - size_bytes
    if missing > 0:
        raise ResultInvalid(f"The video is incomplete: {missing:,} bytes that its index names are missing.")


def _run(run: memoryview, base: int, place: int, ticks: int, size: int) -> tuple[Samples, int, int]:
    """Samples of a run, where their bytes begin, and how many bytes they have."""
    flags, count = struct.unpack_from(">II", run)
    at = 8
    if flags & _RUN_PLACE:
        place = base + struct.unpack_from(">i", run, at)[0]
        at += 4
    at += 4 * bool(flags & _RUN_FIRST_FLAGS)
    fields = (flags & _RUN_FIELDS).bit_count()
    rows = numbers(run, at, count * fields)
    own_ticks = sum(rows[::fields]) if flags & _RUN_DURATION else count * ticks
    length = sum(rows[bool(flags & _RUN_DURATION) :: fields]) if flags & _RUN_SIZE else count * size
    return Samples(count, own_ticks), place, length


def _table(parts: Mapping[bytes, memoryview], kind: bytes, columns: int) -> Sequence[int]:
    return numbers(parts[kind], 8, columns * _rows(parts, kind)) if kind in parts else ()


def _rows(parts: Mapping[bytes, memoryview], kind: bytes) -> int:
    rows: int = struct.unpack_from(">I", parts[kind], 4)[0]
    return rows
