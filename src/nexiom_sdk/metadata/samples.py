"""Where the samples of a track of an MP4 lie: its tables name chunks, how many samples each has, and their lengths."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.metadata.parts import damaged
from nexiom_sdk.mp4_boxes import Box
from nexiom_sdk.mp4_samples import chunks, numbers

MAX_CHUNKS = 1_000_000  # of one track: ten hours with 27 chunks a second
_BLOCK_BYTES = 48 * 1024  # whole numbers of 4 and 8 bytes, and whole entries of 12


def sample_places(reader: Reader, tables: dict[bytes, Box]) -> Iterator[tuple[int, int]]:
    """Start and end of each chunk of samples, in the order of the file.

    Args:
        reader: The file.
        tables: The boxes of the track's `stbl`.

    Raises:
        InvalidInput: A table is missing, broken, or has more chunks than any real one.
    """
    starts, ends = array("Q"), array("Q")
    for start, end in _chunks(reader, tables):
        if starts and start == ends[-1]:
            ends[-1] = end
            continue
        starts.append(start)
        ends.append(end)
        if len(starts) > MAX_CHUNKS:
            raise damaged("a track that is neither picture nor sound lies in more pieces than any real one")
    if all(one <= other for one, other in zip(starts, islice(starts, 1, None), strict=False)):
        return zip(starts, ends, strict=True)
    return iter(sorted(zip(starts, ends, strict=True)))


def _chunks(reader: Reader, tables: dict[bytes, Box]) -> Iterator[tuple[int, int]]:
    offsets = _table(reader, tables.get(b"co64") or tables.get(b"stco"), width=8 if b"co64" in tables else 4)
    runs = _table(reader, tables.get(b"stsc"), width=4, columns=3)
    for offset, _, length in chunks(offsets, runs, *_lengths(reader, tables.get(b"stsz"))):
        if offset + length > reader.size:
            raise damaged("a track that is neither picture nor sound is incomplete")
        if length:
            yield offset, offset + length


def _lengths(reader: Reader, box: Box | None) -> tuple[int, Iterable[int]]:
    """The length that all samples have, or 0 and the length of each."""
    if box is None or box.end - box.start < 12:
        raise damaged("a track that is neither picture nor sound does not say how long its samples are")
    same = int.from_bytes(reader.take(box.start + 4, 4), "big")
    return same, () if same else _table(reader, box, width=4, head=8)


def _table(reader: Reader, box: Box | None, *, width: int, columns: int = 1, head: int = 4) -> Iterator[int]:
    """The numbers of a table, of which little is held at a time."""
    if box is None or box.end - box.start < head + 4:
        raise damaged("a track that is neither picture nor sound has no table of its samples")
    at = box.start + head + 4
    end = at + int.from_bytes(reader.take(at - 4, 4), "big") * width * columns
    if end > box.end:
        raise damaged("a table of samples is longer than the box around it")
    return chain.from_iterable(
        numbers(reader.take(block, min(_BLOCK_BYTES, end - block)), width) for block in range(at, end, _BLOCK_BYTES)
    )
