"""How many pixels a video has that is ordered by its resolution and its shape, where a server wants it told in pixels.

The adapter that writes it and the fitting of pictures to it ask here, so that they cannot disagree.
"""

from __future__ import annotations

from nexiom_sdk.nearest import lines
from nexiom_sdk.types import AspectRatio, Resolution

USUAL_SHAPE = (16, 9)
_USUAL_RESOLUTION: Resolution = "720p"
_SIDES_ARE_MULTIPLES_OF = 32  # the models work on blocks of pixels


def video_size(
    resolution: Resolution | None, aspect_ratio: AspectRatio | None, picture: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Width and height; None where they are left to the server, or cannot be known.

    The short side is that of the resolution, the long side a multiple of 32. A shape that was not asked for is that of
    the picture.

    Args:
        resolution: As it was asked for.
        aspect_ratio: As it was asked for.
        picture: Width and height of the first frame, where they are known; `USUAL_SHAPE` where there is no picture.

    Example:
        >>> video_size("1080p", "9:16", None), video_size("720p", None, (3000, 2000)), video_size(None, None, (3, 2))
        ((1080, 1920), (1056, 720), None)
    """
    if resolution is None and aspect_ratio is None:
        return None
    shape = picture
    if aspect_ratio is not None:
        width, height = aspect_ratio.split(":")
        shape = int(width), int(height)
    if shape is None:
        return None
    short = lines(resolution or _USUAL_RESOLUTION)
    long = short * max(shape) // min(shape) // _SIDES_ARE_MULTIPLES_OF * _SIDES_ARE_MULTIPLES_OF
    long = min(max(long, short), short * 21 // 9)
    return (long, short) if shape[0] > shape[1] else (short, long)
