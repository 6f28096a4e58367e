"""How a picture is turned, which the notes of its camera say (EXIF: a small TIFF file inside the picture)."""

from __future__ import annotations

import struct

EXIF_MARK = b"Exif\0\0"
ORIENTATION = 0x0112
UPRIGHT = 1
ON_ITS_SIDE = range(5, 9)  # shown with width and height changed over
MOST_EXIF_BYTES = 1024 * 1024

_LAST = 8
_INTEGERS = {1: "B", 3: "H", 4: "I"}  # byte, short, long: writers use all of them


def orientation(exif: bytes) -> int:
    """How a picture is turned, from 1 to 8 as EXIF counts; 1, upright, where the notes are broken or do not say.

    Args:
        exif: The notes of a camera, with or without the mark before them.

    Example:
        >>> orientation(b"not such notes")
        1
    """
    tiff = exif.removeprefix(EXIF_MARK)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, form, length = struct.unpack_from(f"{order}HHI", tiff, entry)
            if tag == ORIENTATION:
                known = length == 1 and form in _INTEGERS
                turned = int(struct.unpack_from(order + _INTEGERS[form], tiff, entry + 8)[0]) if known else UPRIGHT
                return turned if UPRIGHT <= turned <= _LAST else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT
