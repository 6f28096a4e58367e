"""Whether a picture moves: told by its parts, before any decoder sees them, and without one."""

from __future__ import annotations

from itertools import islice
from typing import BinaryIO

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.picture_chunks import GIF_PICTURE, WEBP_EXTENDED, gif_chunks, png_chunks

_ANIMATED_WEBP = 0x02


def is_animated(file: BinaryIO, media_type: str) -> bool:
    """Whether a picture has more than one frame; one that is broken before that is told has not.

    Args:
        file: The whole file; where it is read next may change.
        media_type: What its first bytes prove.

    Example:
        >>> import io
        >>> frame = b"," + bytes(9) + bytes([2, 1, 0, 0])
        >>> [is_animated(io.BytesIO(b"GIF89a" + bytes(7) + frame * n + b";"), "image/gif") for n in (1, 2)]
        [False, True]
    """
    reader = Reader(file)
    try:
        match media_type:
            case "image/gif":
                pictures = (chunk for chunk in gif_chunks(reader) if chunk.kind == GIF_PICTURE)
                return len(list(islice(pictures, 2))) > 1
            case "image/png":
                return _png(reader)
            case "image/webp":
                head = reader.some(12, 9)
                return head[:4] == WEBP_EXTENDED and bool(head[8:]) and bool(head[8] & _ANIMATED_WEBP)
            case _:
                return False
    except ResultInvalid:
        return False


def _png(reader: Reader) -> bool:
    """The number of frames stands before the first picture."""
    for chunk in png_chunks(reader):
        if chunk.kind == b"acTL":
            return int.from_bytes(reader.take(chunk.start, 4), "big") > 1
        if chunk.kind == b"IDAT":
            break
    return False
