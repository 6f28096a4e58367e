"""GIF: pictures and extensions one after the other, the content of each in blocks of at most 255 bytes."""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.metadata.parts import Kept, Part, damaged

_PICTURE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
_PLAIN_TEXT, _CONTROL, _APPLICATION = 0x01, 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_COLOURS = b"ICCRGBG1012"
_WINDOW_BYTES = 4 * 1024


def gif_parts(reader: Reader) -> Iterator[Part]:
    """What stays of a GIF: the pictures, their timing, loop and colours. Whatever follows its end is cut.

    Args:
        reader: The file.

    Raises:
        InvalidInput: It is not a whole GIF.
    """
    head = reader.take(0, 13)
    if head[:6] not in {b"GIF87a", b"GIF89a"}:
        raise damaged("it does not begin like a GIF")
    at = 13 + _table_bytes(head[10])
    yield Kept(0, at)
    timing: tuple[Part, ...] = ()  # said before what it is for; words that go take theirs with them
    while True:
        mark = reader.take(at, 1)[0]
        if mark == _END:
            yield Kept(at, at + 1)
            return
        if mark == _EXTENSION:
            label = reader.take(at + 1, 1)[0]
            end = _after_blocks(reader, at + 2)
            if label == _CONTROL:
                timing = (Kept(at, end),) if end == at + 8 else ()
            elif label == _APPLICATION:
                yield from _application(reader, at, end)
            elif label == _PLAIN_TEXT:
                timing = ()
        elif mark == _PICTURE:
            end = _after_blocks(reader, at + 11 + _table_bytes(reader.take(at + 9, 1)[0]))
            yield from (*timing, Kept(at, end))
            timing = ()
        elif mark == 0:  # padding, which some writers leave and all readers step over
            end = at + 1
        else:
            raise damaged("the GIF has a part that nobody knows, or its end is missing")
        at = end


def _application(reader: Reader, at: int, end: int) -> Iterator[Part]:
    name = reader.some(at + 2, 12)
    if name == b"\x0b" + _COLOURS:
        yield Kept(at, end)
    elif name[:1] == b"\x0b" and name[1:] in _LOOPS:
        # Its first block says how often; anything else could say anything.
        block = reader.some(at + 14, 4)
        if block[:2] == b"\x03\x01":
            yield Kept(at, at + 18)
            yield b"\0"


def _table_bytes(flags: int) -> int:
    """Length of a table of colours, where the flags say that there is one."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(reader: Reader, at: int) -> int:
    """The place after a chain of blocks, which ends with an empty one."""
    while True:
        window = reader.some(at, _WINDOW_BYTES)
        if not window:
            raise damaged("the GIF ends in the middle of a part")
        here = 0
        while here < len(window):
            if not window[here]:
                return at + here + 1
            here += window[here] + 1
        at += here
