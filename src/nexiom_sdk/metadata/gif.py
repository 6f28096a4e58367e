"""GIF: pictures and extensions one after the other, the content of each in blocks of at most 255 bytes."""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.metadata.parts import Kept, Part, damaged
from nexiom_sdk.picture_chunks import GIF_END, GIF_EXTENSION, GIF_HEAD, GIF_PADDING, GIF_PICTURE, gif_chunks

_PLAIN_TEXT, _CONTROL, _APPLICATION = 0x01, 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_COLOURS = b"ICCRGBG1012"


def gif_parts(reader: Reader) -> Iterator[Part]:
    """What stays of a GIF: the pictures, their timing, loop and colours. Whatever follows its end is cut.

    Args:
        reader: The file.

    Raises:
        InvalidInput: It is not a whole GIF.
    """
    if reader.take(0, 13)[:6] not in {b"GIF87a", b"GIF89a"}:
        raise damaged("it does not begin like a GIF")
    timing: tuple[Part, ...] = ()  # said before what it is for; words that go take theirs with them
    for kind, at, start, end in gif_chunks(reader):
        if kind in {GIF_HEAD, GIF_END}:
            yield Kept(at, end)
        elif kind == GIF_PICTURE:
            yield from (*timing, Kept(at, end))
            timing = ()
        elif kind == GIF_EXTENSION:
            label = reader.take(start, 1)[0]
            if label == _CONTROL:
                timing = (Kept(at, end),) if end == at + 8 else ()
            elif label == _APPLICATION:
                yield from _application(reader, at, end)
            elif label == _PLAIN_TEXT:
                timing = ()
        elif kind != GIF_PADDING:
            raise damaged("the GIF has a part that nobody knows")


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
