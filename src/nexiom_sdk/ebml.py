"""EBML, the form of WebM and Matroska files: elements with a number, a length and a content, one inside the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nexiom_sdk.bounded_reading import Reader, Refusal

EBML, SEGMENT = 0x1A45DFA3, 0x18538067
INFO, TIMECODE_SCALE, DURATION = 0x1549A966, 0x2AD7B1, 0x4489
TRACKS, TRACK, TRACK_NUMBER, TRACK_TYPE = 0x1654AE6B, 0xAE, 0xD7, 0x83
CODEC, FRAME_NANOSECONDS, VIDEO = 0x86, 0x23E383, 0xE0
CLUSTER, CLUSTER_TIME = 0x1F43B675, 0xE7
SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0xA3, 0xA0, 0xA1
MAGIC = EBML.to_bytes(4, "big")
_LARGEST_IN_CLUSTER = 0xFFFFFF
_HEAD_BYTES = 12  # of an element: a number of at most four, a length of at most eight


class Element(NamedTuple):
    """One element: its number, where it begins, and where its content does.

    Args:
        kind: Its number, with the bits that tell its own length.
        at: Its place.
        start: Where its content begins.
        end: Where it ends; None where it does not say.
    """

    kind: int
    at: int
    start: int
    end: int | None


def element_at(reader: Reader, at: int) -> Element:
    """The element at a place of a file.

    Args:
        reader: The file.
        at: The place.

    Raises:
        NexiomError: There is none.
    """
    return _element(reader.some(at, _HEAD_BYTES), 0, at, reader.refuse)


def elements_between(
    reader: Reader, at: int, limit: int, *, open_clusters: bool = False
) -> Iterator[tuple[Element, int]]:
    """The elements inside one of a file, each with its end.

    Args:
        reader: The file.
        at: Where the first one is.
        limit: Where the one around them ends.
        open_clusters: Whether clusters need not say how long they are, as a recording that is sent while it is made
            cannot. One that is cut between two blocks looks whole then.

    Raises:
        NexiomError: One does not fit.
    """
    while at < limit:
        found = element_at(reader, at)
        end = found.end
        if end is None and open_clusters and found.kind == CLUSTER:
            end = _end_of_cluster(reader, found.start, limit)
        if end is None or end > limit:
            raise reader.refuse("one of its elements is incomplete, or does not say how long it is")
        yield found, end
        at = end


def block_at(reader: Reader, found: Element, end: int) -> int | None:
    """Where the number of its track and its time stand in an element of a cluster; None where it is no block.

    Args:
        reader: The file.
        found: The element.
        end: Where it ends.

    Raises:
        NexiomError: It is broken.
    """
    if found.kind == BLOCK_GROUP:
        return next((one.start for one, _ in elements_between(reader, found.start, end) if one.kind == BLOCK), None)
    return found.start if found.kind == SIMPLE_BLOCK else None


def elements_in(data: bytes, refuse: Refusal) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, head and content of each element of a content.

    Args:
        data: The content.
        refuse: The error for one that does not fit.

    Raises:
        NexiomError: One does not fit.
    """
    at = 0
    while at < len(data):
        found = _element(data, at, at, refuse)
        if found.end is None or found.end > len(data):
            raise refuse("one of its elements is longer than the one around it")
        yield found.kind, data[at : found.start], data[found.start : found.end]
        at = found.end


def number(data: bytes, at: int, refuse: Refusal, *, keep_marker: bool = False) -> tuple[int, int]:
    """A number of variable length and the place after it.

    Args:
        data: Where it stands.
        at: Its place.
        refuse: The error where there is none.
        keep_marker: Whether the bit that tells the length belongs to it, as it does in the number of an element.

    Raises:
        NexiomError: There is none.
    """
    first = data[at] if at < len(data) else 0
    length = 9 - first.bit_length()
    if not first or at + length > len(data):
        raise refuse("it ends in the middle of an element, or has one that is none")
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep_marker else value & (1 << 7 * length) - 1), at + length


def _end_of_cluster(reader: Reader, at: int, limit: int) -> int:
    """Where the next element begins that cannot stand in a cluster: those have numbers of four bytes."""
    while at < limit:
        found = element_at(reader, at)
        if found.kind > _LARGEST_IN_CLUSTER:
            break
        if found.end is None or found.end > limit:
            raise reader.refuse("one of its elements is incomplete, or does not say how long it is")
        at = found.end
    return at


def _element(data: bytes, here: int, at: int, refuse: Refusal) -> Element:
    """The element at a place of the file, which is here in the data."""
    kind, size_at = number(data, here, refuse, keep_marker=True)
    size, start = number(data, size_at, refuse)
    unknown = size == (1 << 7 * (start - size_at)) - 1
    start_at = at + start - here
    return Element(kind, at, start_at, None if unknown else start_at + size)
