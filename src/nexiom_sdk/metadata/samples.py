"""Where the samples of the tracks of an MP4 lie: tables name chunks, how many samples each has, and their lengths."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from nexiom_sdk.bounded_reading import Piece, Reader
from nexiom_sdk.metadata.parts import damaged
from nexiom_sdk.mp4_samples import Span, chunks, numbers

MAX_CHUNKS = 1_000_000  # of all tracks together: five hours with 27 a second in each of two
_BLOCK_BYTES = 48 * 1024  # whole numbers of 4 and 8 bytes, and whole entries of 12
_LENGTH_BITS = 48

# Old QuickTime files say that each sample of such sounds has one byte, whatever it has: bytes of one, by its form.
_PLAIN_SOUND = {b"raw ": 1, b"NONE": 1, b"twos": 2, b"sowt": 2, b"in24": 3, b"in32": 4, b"fl32": 4, b"fl64": 8}


class Places:
    """Pieces of the media of a file, of which there may be as many as any real one has.

    Args:
        media: Where the contents of the media boxes begin and end, in order.
    """

    def __init__(self, media: Sequence[Span]) -> None:
        self._media = media
        self._starts = [start for start, _ in media]
        self._left = MAX_CHUNKS
        self._found: list[int] = []  # start and length in one number each: pairs would take three times the memory
        self._last = 0

    def add(self, start: int, length: int, *, perhaps: int = 0) -> None:
        """Note a piece.

        Args:
            start: Its place.
            length: Its bytes.
            perhaps: Its bytes by another count, of which those that are there are noted.

        Raises:
            InvalidInput: It is not there, or there are too many.
        """
        self._left -= 1
        if self._left < 0:
            raise damaged("its pictures and sounds lie in more pieces than those of any real one")
        if not length:
            return
        inside = bisect_right(self._starts, start) - 1
        if inside < 0 or start + length > self._media[inside][1]:
            raise damaged("pictures or sounds that its index names are not there")
        length = max(length, min(perhaps, self._media[inside][1] - start))
        if self._found and start == self._last:
            self._found[-1] += length
        else:
            self._found.append(start << _LENGTH_BITS | length)
        self._last = start + length

    def in_order(self) -> Iterator[Span]:
        """Start and end of each piece, in the order of the file; they may lie in each other."""
        self._found.sort()
        for one in self._found:
            start = one >> _LENGTH_BITS
            yield start, start + (one & (1 << _LENGTH_BITS) - 1)


def add_samples(reader: Reader, tables: dict[bytes, Piece], places: Places, *, is_sound: bool) -> None:
    """Note where the samples of a track lie.

    Args:
        reader: The file.
        tables: The boxes of the track's `stbl`.
        places: Where they are noted.
        is_sound: Whether they are pieces of sound.

    Raises:
        InvalidInput: A table is missing or broken, or a sample is not there.
    """
    offsets = _table(reader, tables.get(b"co64") or tables.get(b"stco"), width=8 if b"co64" in tables else 4)
    runs = _table(reader, tables.get(b"stsc"), width=4, columns=3)
    same, each = _lengths(reader, tables)
    bytes_each, at_once = _sound_bytes(reader, tables.get(b"stsd")) if same and is_sound else (0, 1)
    for offset, count, length in chunks(offsets, runs, same, each, refuse=damaged):
        places.add(offset, length, perhaps=-(-count // at_once) * bytes_each)


def _lengths(reader: Reader, tables: dict[bytes, Piece]) -> tuple[int, Iterable[int]]:
    """The length that all samples have, or 0 and the length of each."""
    box = tables.get(b"stsz") or tables.get(b"stz2")
    if box is None or box.end - box.start < 12:
        raise damaged("a track does not say how long its samples are")
    same = int.from_bytes(reader.take(box.start + 4, 4), "big")
    if box.kind == b"stz2":
        return 0, _short_lengths(reader, box, bits=same & 0xFF)
    return same, () if same else _table(reader, box, width=4, head=8)


def _short_lengths(reader: Reader, box: Piece, *, bits: int) -> Iterator[int]:
    """The lengths of small samples, two in a byte, one in a byte or one in two."""
    count = int.from_bytes(reader.take(box.start + 8, 4), "big")
    if bits not in {4, 8, 16} or box.start + 12 + (count * bits + 7) // 8 > box.end:
        raise damaged("a table of samples is longer than the box around it, or of no known form")
    at, left = box.start + 12, count
    while left:
        block = reader.take(at, min(_BLOCK_BYTES, box.end - at))
        if bits == 16:
            each = [int.from_bytes(block[n : n + 2], "big") for n in range(0, len(block) - 1, 2)]
        else:
            each = list(block) if bits == 8 else [half for one in block for half in (one >> 4, one & 15)]
        yield from each[:left]
        at, left = at + len(block), max(left - len(each), 0)


def _sound_bytes(reader: Reader, box: Piece | None) -> tuple[int, int]:
    """How many bytes so many samples of a sound have, by the head of its first description."""
    head = b"" if box is None else reader.some(box.start + 8, 72)
    kind, version = head[4:8], int.from_bytes(head[16:18], "big")
    if version == 1 and len(head) >= 48:
        at_once, frame = int.from_bytes(head[36:40], "big"), int.from_bytes(head[44:48], "big")
        return frame, max(at_once, 1)
    if version == 2 and len(head) >= 72:
        return int.from_bytes(head[64:68], "big"), max(int.from_bytes(head[68:72], "big"), 1)
    channels, bits = int.from_bytes(head[24:26], "big"), int.from_bytes(head[26:28], "big")
    return (channels * max(_PLAIN_SOUND[kind], bits // 8) if kind in _PLAIN_SOUND else 0), 1


def _table(reader: Reader, box: Piece | None, *, width: int, columns: int = 1, head: int = 4) -> Iterator[int]:
    """The numbers of a table, of which little is held at a time."""
    if box is None or box.end - box.start < head + 4:
        raise damaged("a track has no table of its samples")
    at = box.start + head + 4
    end = at + int.from_bytes(reader.take(at - 4, 4), "big") * width * columns
    if end > box.end:
        raise damaged("a table of samples is longer than the box around it")
    return chain.from_iterable(
        numbers(reader.take(block, min(_BLOCK_BYTES, end - block)), width) for block in range(at, end, _BLOCK_BYTES)
    )
