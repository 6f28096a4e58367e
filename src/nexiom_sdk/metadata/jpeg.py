"""JPEG: a chain of segments, each with a mark; the coded picture follows the mark `SOS` and has no length."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.metadata.exif import only_orientation
from nexiom_sdk.metadata.parts import Kept, Part, damaged
from nexiom_sdk.orientation import EXIF_MARK

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # no content, and no meaning between segments
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
# Frames and their tables (C0 to CF), quantisation, lines, restarts, hierarchies; C8 is reserved for extensions.
_PICTURE = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0)}) - {0xC8}
_NOTES = frozenset({*range(0xE0, 0xF0), 0xFE})
# Inside a scan 0xFF is followed by 0 (a byte 0xFF), a restart mark or more 0xFF (padding); all else ends it.
_MARK = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SMALLEST, _LARGEST = 4 * 1024, 256 * 1024


def jpeg_parts(reader: Reader) -> Iterator[Part]:
    """What stays of a JPEG: the picture and its colours. Whatever follows its end is cut.

    Args:
        reader: The file.

    Raises:
        InvalidInput: It is not a whole JPEG.
    """
    if reader.take(0, 2) != bytes((0xFF, _START)):
        raise damaged("it does not begin like a JPEG")
    yield Kept(0, 2)
    at, scans, once = 2, 0, set[int]()
    while True:
        mark_at, mark = _mark(reader, at)
        if mark == _END:
            if not scans:
                raise damaged("the JPEG has no picture")
            yield Kept(at, mark_at + 2)
            return
        if mark in _BARE:
            at = mark_at + 2
            continue
        end = mark_at + 2 + int.from_bytes(reader.take(mark_at + 2, 2), "big")
        if end < mark_at + 4 or (mark not in _PICTURE and mark not in _NOTES):
            raise damaged("the JPEG has a segment that nobody knows, or one with an impossible length")
        if mark == _SCAN:
            end, scans = _after_scan(reader, end), scans + 1
            once.add(_APP1)  # nobody looks for it behind the picture
        if mark in _PICTURE:
            yield Kept(at, end)
        else:
            yield from _notes(reader, mark, (at, mark_at, end), once)
        at = end


def _notes(reader: Reader, mark: int, places: tuple[int, int, int], once: set[int]) -> Iterator[Part]:
    """What stays of a segment that is no part of the picture; of some kinds only the first counts."""
    at, mark_at, end = places
    start = mark_at + 4
    head = reader.take(start, min(end - start, 14))
    if mark == _APP2 and head.startswith(b"ICC_PROFILE\0"):
        yield Kept(at, end)
    elif mark == _APP14 and head.startswith(b"Adobe") and len(head) >= 12:
        yield from _short(at, mark_at, end, head[:12])
    elif mark == _APP0 and head.startswith(b"JFIF\0") and len(head) == 14 and mark not in once:
        once.add(mark)
        yield from _short(at, mark_at, end, head[:12] + b"\0\0")  # no thumbnail
    elif mark == _APP1 and head.startswith(EXIF_MARK) and mark not in once:
        once.add(mark)
        turned = only_orientation(reader.take(start, end - start))
        if turned:
            yield b"\xff\xe1" + (len(turned) + 8).to_bytes(2, "big") + EXIF_MARK + turned


def _mark(reader: Reader, at: int) -> tuple[int, int]:
    """Place and kind of the next mark; any number of 0xFF may stand before it."""
    window, here = reader.some(at, 2), at
    while window[:1] == b"\xff" or (window and here > at):
        rest = window.lstrip(b"\xff")
        if rest:
            return here + len(window) - len(rest) - 1, rest[0]
        here += len(window)
        window = reader.some(here, _SMALLEST)
    raise damaged("its chain of segments is broken, or its end is missing")


def _short(at: int, mark_at: int, end: int, content: bytes) -> Iterator[Part]:
    """A segment with this content, and as many bytes of padding before it as there were."""
    if end == mark_at + 4 + len(content):
        yield Kept(at, mark_at + 4)
    else:
        yield Kept(at, mark_at + 2)
        yield (2 + len(content)).to_bytes(2, "big")
    yield content


def _after_scan(reader: Reader, at: int) -> int:
    """The place of the mark after a coded picture."""
    window_bytes = _SMALLEST
    while True:
        window = reader.some(at, window_bytes)
        found = _MARK.search(window)
        if found:
            return at + found.start()
        if len(window) < window_bytes:
            raise damaged("the JPEG ends in the middle of its picture")
        at += len(window) - 1  # a mark may lie across two windows
        window_bytes = min(2 * window_bytes, _LARGEST)
