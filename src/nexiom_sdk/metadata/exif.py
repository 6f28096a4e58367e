"""The one thing of a camera's notes that a picture needs: how it is turned."""

from __future__ import annotations

import struct

_ORIENTATION = 0x0112
_INTEGERS = {1: "B", 3: "H", 4: "I"}  # byte, short, long: writers use all of them
_UPRIGHT, _LAST = 1, 8
EXIF_MARK = b"Exif\0\0"


def only_orientation(exif: bytes) -> bytes | None:
    """Notes that hold the orientation and nothing else; None where there is none, or the picture is upright.

    Args:
        exif: The notes of a camera, with or without the mark before them. Broken ones count as none.

    Example:
        >>> only_orientation(b"not such notes") is None
        True
    """
    orientation = _orientation(exif.removeprefix(EXIF_MARK))
    if not _UPRIGHT < orientation <= _LAST:
        return None
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)


def _orientation(tiff: bytes) -> int:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 0
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, form, length = struct.unpack_from(f"{order}HHI", tiff, entry)
            if tag == _ORIENTATION:
                known = length == 1 and form in _INTEGERS
                return int(struct.unpack_from(order + _INTEGERS[form], tiff, entry + 8)[0]) if known else 0
    except struct.error:
        pass
    return 0
