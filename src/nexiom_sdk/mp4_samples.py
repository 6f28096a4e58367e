"""The table of an MP4 track that says where its samples lie, and whether they are really there."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.mp4_boxes import WORD

Span = tuple[int, int]


def samples_in(tables: Mapping[bytes, bytes], media: Sequence[Span]) -> int:
    """How many samples a track has, each of them inside a media box; 0 where there is no table.

    Args:
        tables: The boxes of the sample table, by kind.
        media: Where the contents of the media boxes begin and end, in order.

    Raises:
        ResultInvalid: A sample is missing, or the table is damaged.
    """
    sizes = tables.get(b"stsz", b"")
    if len(sizes) < 12:
        return 0
    same, samples = struct.unpack_from(">II", sizes, 4)
    each = () if same else struct.unpack_from(f">{entries(sizes, samples, 4, at=12)}I", sizes, 12)

    def length_of(first: int, count: int) -> int:
        return same * count if same else sum(each[first : first + count])

    _every_chunk_lies_in(media, _offsets(tables), _runs(tables.get(b"stsc", b"")), samples, length_of)
    return int(samples)


def entries(table: bytes, count: int, width: int, *, at: int) -> int:
    """The number of entries of a table, once it is known to hold them.

    Args:
        table: The content of its box.
        count: How many it claims.
        width: Bytes of each.
        at: Where the first one begins.

    Raises:
        ResultInvalid: It is too short for them.
    """
    if count * width > len(table) - at:
        raise ResultInvalid("The index of the video is damaged.")
    return count


def _offsets(tables: Mapping[bytes, bytes]) -> tuple[int, ...]:
    table, letter, width = (tables[b"co64"], "Q", 8) if b"co64" in tables else (tables.get(b"stco", b""), "I", 4)
    count = WORD.unpack_from(table, 4)[0] if len(table) >= 8 else 0
    return struct.unpack_from(f">{entries(table, count, width, at=8)}{letter}", table, 8)


def _runs(table: bytes) -> list[tuple[int, int]]:
    """First chunk and samples in each, from there on."""
    count = WORD.unpack_from(table, 4)[0] if len(table) >= 8 else 0
    numbers = struct.unpack_from(f">{3 * entries(table, count, 12, at=8)}I", table, 8)
    return list(zip(numbers[::3], numbers[1::3], strict=True))


def _every_chunk_lies_in(
    media: Sequence[Span],
    offsets: tuple[int, ...],
    runs: list[tuple[int, int]],
    samples: int,
    length_of: Callable[[int, int], int],
) -> None:
    starts = [start for start, _ in media]
    done = 0
    for run, (first, count) in enumerate(runs):
        last = runs[run + 1][0] if run + 1 < len(runs) else len(offsets) + 1
        for offset in offsets[max(first - 1, 0) : max(last - 1, 0)]:
            inside = bisect_right(starts, offset) - 1
            if inside < 0 or offset + length_of(done, count) > media[inside][1]:
                raise ResultInvalid("The video is incomplete: pictures that its index names are missing.")
            done += count
    if done < samples:
        raise ResultInvalid("The video is incomplete: its index names more pictures than there are.")
