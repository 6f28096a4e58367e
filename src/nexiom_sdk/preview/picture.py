"""Somebody's picture, opened with care and cropped to the shape of the clip."""

# pyright: reportUnknownMemberType=false
# Pillow's annotations name NumPy, which need not be installed.

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from nexiom_sdk.errors import InvalidInput

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_MOST_PIXELS = 80_000_000  # below the figure at which Pillow itself begins to warn
_BEHIND = (24, 24, 28)  # what shows through a transparent picture


def opened(data: bytes, *, shape: tuple[int, int], side: int) -> Image:
    """The middle of the picture, upright and opaque: cropped to this shape, stretched to a square.

    Args:
        data: The file.
        shape: Width and height that have the ratio of the crop.
        side: Width and height of the result, in pixels.

    Raises:
        InvalidInput: The file is broken, of another kind, or unpacks to an absurd size.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            _refuse_bombs(picture)
            picture.draft("RGB", (side, side))
            upright = _opaque(ImageOps.exif_transpose(picture))
            return upright.resize((side, side), Image.Resampling.BICUBIC, box=_middle(upright.size, shape))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        msg = f"The reference image has more than {_MOST_PIXELS // 1_000_000} million pixels."
        raise InvalidInput(msg, next_step="Scale it down; the preview needs no more than the clip shows.") from error
    except Exception as error:  # decoders raise nearly anything on broken files
        hint = "Open it in an image editor and save it again as JPEG or PNG."
        raise InvalidInput("The reference image cannot be decoded.", next_step=hint) from error


def _refuse_bombs(picture: Image) -> None:
    from PIL.Image import DecompressionBombError

    if picture.width * picture.height > _MOST_PIXELS:
        raise DecompressionBombError


def _opaque(picture: Image) -> Image:
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits of grey, which a plain conversion would cut off at 255
        picture = picture.point(lambda level: level * (1 / 256) + 0).convert("L")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    ground = Image.new("RGBA", picture.size, _BEHIND)
    return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")


def _middle(size: tuple[int, int], shape: tuple[int, int]) -> tuple[float, float, float, float]:
    width = min(size[0], size[1] * shape[0] / shape[1])
    height = min(size[1], size[0] * shape[1] / shape[0])
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height
