"""Whether a picture moves: told by its parts, before any decoder sees them, and without one."""

from __future__ import annotations

import io
from typing import BinaryIO

_MOST_PARTS = 1_000_000  # a picture of 50 MiB has 206,000 of the usual length
_TABLE, _TABLE_SIZE = 0x80, 0x07
_ANIMATED_WEBP = 0x02


def is_animated(file: BinaryIO, media_type: str) -> bool:
    """Whether a whole picture has more than one frame.

    Args:
        file: The whole file; where it is read next may change.
        media_type: What its first bytes prove.

    Example:
        >>> frame = b"," + bytes(9) + bytes([2, 1, 0, 0])
        >>> [is_animated(io.BytesIO(b"GIF89a" + bytes(7) + frame * n + b";"), "image/gif") for n in (1, 2)]
        [False, True]
    """
    file.seek(0)
    match media_type:
        case "image/gif":
            return _gif(file)
        case "image/png":
            return _png(file)
        case "image/webp":
            head = file.read(21)
            return head[12:16] == b"VP8X" and bool(head[-1] & _ANIMATED_WEBP)
        case _:
            return False


def _png(file: BinaryIO) -> bool:
    """The number of frames stands before the first picture."""
    file.seek(8)
    for _ in range(_MOST_PARTS):
        head = file.read(8)
        kind, length = head[4:], int.from_bytes(head[:4], "big")
        if kind == b"acTL":
            return int.from_bytes(file.read(4), "big") > 1
        if kind in {b"IDAT", b""}:
            return False
        file.seek(length + 4, io.SEEK_CUR)
    return False


def _gif(file: BinaryIO) -> bool:
    head = file.read(13)
    _step_over_table(file, head[10:11])
    frames, left = 0, iter(range(_MOST_PARTS))
    for _ in left:
        match file.read(1):
            case b",":
                frames += 1
                if frames > 1:
                    return True
                _step_over_table(file, file.read(9)[8:])
                file.seek(1, io.SEEK_CUR)
            case b"!":
                file.seek(1, io.SEEK_CUR)
            case _:
                return False
        for _ in left:
            length = file.read(1)
            if length in {b"", b"\0"}:
                break
            file.seek(length[0], io.SEEK_CUR)
    return False


def _step_over_table(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & _TABLE:
        file.seek(3 * 2 ** ((flags[0] & _TABLE_SIZE) + 1), io.SEEK_CUR)
