"""The tables of an MP4 track that say where its samples lie, and whether they are really there."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from nexiom_sdk.bounded_reading import Refusal, unreadable
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
    same, samples = (int(WORD.unpack_from(sizes, at)[0]) for at in (4, 8))
    each = () if same else _entries(sizes, 4, at=12)
    offsets = _entries(tables[b"co64"], 8) if b"co64" in tables else _entries(tables.get(b"stco", b""), 4)
    runs = _entries(tables.get(b"stsc", b""), 4, columns=3)
    starts, done = [start for start, _ in media], 0
    for offset, count, length in chunks(offsets, runs, same, each):
        inside = bisect_right(starts, offset) - 1
        if inside < 0 or offset + length > media[inside][1]:
            raise ResultInvalid("The video is incomplete: pictures that its index names are missing.")
        done += count
    if done < samples:
        raise ResultInvalid("The video is incomplete: its index names more pictures than there are.")
    return samples


def chunks(
    offsets: Iterable[int], runs: Iterable[int], same: int, each: Iterable[int], *, refuse: Refusal = unreadable
) -> Iterator[tuple[int, int, int]]:
    """Place, number of samples and length of each chunk of samples.

    Args:
        offsets: The place of each chunk.
        runs: By threes: a chunk, the samples in each from there on, and how they are coded.
        same: The length of every sample, or 0.
        each: The length of each sample, where they differ.
        refuse: The error where a run begins before the one that it follows.

    Raises:
        NexiomError: The runs are not in order.
    """
    three, lengths = iter(runs), iter(each)
    triples = zip(three, three, three, strict=False)
    count, (following, coming, _) = 0, next(triples, (0, 0, 0))
    for chunk, offset in enumerate(offsets, start=1):
        if chunk == following:
            count, (following, coming, _) = coming, next(triples, (0, 0, 0))
            if following and following <= chunk:
                raise refuse("its index is out of order")
        yield offset, count, same * count if same else sum(islice(lengths, count))


def numbers(data: bytes, width: int) -> array[int]:
    """The numbers of a table.

    Args:
        data: Nothing but them.
        width: Bytes of each, 4 or 8.

    Example:
        >>> list(numbers(bytes((0, 0, 0, 7, 0, 0, 1, 0)), 4))
        [7, 256]
    """
    found = array({4: "I", 8: "Q"}[width], data)
    if sys.byteorder == "little":
        found.byteswap()
    return found


def bounded(table: bytes, count: int, width: int, *, at: int) -> bytes:
    """The entries of a table, once it is known to hold them.

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
    return table[at : at + count * width]


def _entries(table: bytes, width: int, *, columns: int = 1, at: int = 8) -> Sequence[int]:
    """The numbers of a table, before which it says how many entries it has."""
    if len(table) < at:
        return ()
    return numbers(bounded(table, WORD.unpack_from(table, at - 4)[0], width * columns, at=at), width)
