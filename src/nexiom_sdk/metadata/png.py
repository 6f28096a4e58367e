"""PNG: chunks with a name and a checksum each; a capital first letter means that no reader may skip it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.metadata.exif import only_orientation
from nexiom_sdk.metadata.parts import Kept, Part, damaged
from nexiom_sdk.orientation import MOST_EXIF_BYTES
from nexiom_sdk.picture_chunks import png_chunks

_MAGIC = b"\x89PNG\r\n\x1a\n"
# Colours, transparency, shape of the points, and the pictures of an animation.
_KEPT = frozenset(b"tRNS gAMA cHRM sRGB iCCP sBIT bKGD hIST pHYs sPLT acTL fcTL fdAT cICP mDCV mDCv cLLI cLLi".split())


def png_parts(reader: Reader) -> Iterator[Part]:
    """What stays of a PNG: the pictures and their colours. Whatever follows its end is cut.

    Args:
        reader: The file.

    Raises:
        InvalidInput: It is not a whole PNG.
    """
    if reader.take(0, 8) != _MAGIC or reader.take(12, 4) != b"IHDR":
        raise damaged("it does not begin like a PNG")
    yield Kept(0, 8)
    exif_seen = False
    for kind, at, start, end in png_chunks(reader):
        if kind in _KEPT or kind[:1].isupper():
            yield Kept(at, end + 4)
        elif kind == b"eXIf" and not exif_seen:
            exif_seen = True
            turned = only_orientation(reader.take(start, min(end - start, MOST_EXIF_BYTES)))
            if turned:
                yield _chunk(kind, turned)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
