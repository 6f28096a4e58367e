"""The one thing of a camera's notes that a picture needs: how it is turned."""

from __future__ import annotations

import struct

from nexiom_sdk.orientation import ORIENTATION, UPRIGHT, orientation


def only_orientation(exif: bytes) -> bytes | None:
    """Notes that hold the orientation and nothing else; None where there is none, or the picture is upright.

    Args:
        exif: The notes of a camera, with or without the mark before them. Broken ones count as none.

    Example:
        >>> only_orientation(b"not such notes") is None
        True
    """
    turned = orientation(exif)
    if turned == UPRIGHT:
        return None
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, ORIENTATION, 3, 1, turned, 0, 0)
