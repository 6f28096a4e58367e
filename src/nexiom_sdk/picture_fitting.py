"""A picture made to fit what a model takes: turned upright, cropped from its middle, scaled and saved anew.

It needs the extra `media`. Where nothing of a picture has to change, this is not asked.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import MediaLimits
from nexiom_sdk.picture_shapes import Shape, shaped
from nexiom_sdk.references import MAX_REFERENCE_PIXELS
from nexiom_sdk.wording import printable

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITIES = (92, 85, 75, 65, 50)
"""Qualities of a JPEG or a WebP, tried in this order until the file is small enough."""

_SAVED_AS: Mapping[str, str] = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_OF_LIGHT = frozenset({"RGB", "RGBA", "P"})
_SHRINK = 0.8
_MOST_SHRINKS = 12


def fit(
    picture: BinaryIO,
    target: BinaryIO,
    limits: MediaLimits,
    *,
    exactly: tuple[int, int] | None = None,
    name: str = "reference",
) -> None:
    """Write a picture that keeps to the limits.

    Args:
        picture: The whole picture, which was inspected before.
        target: Where the new one goes.
        limits: What the model takes.
        exactly: The size that it must have, if there is only one.
        name: What to call it in errors.

    Raises:
        UnsupportedFeature: The extra `media` is not installed.
        InvalidInput: It cannot be decoded, or no picture of this kind keeps to the limits.
    """
    shown = printable(name, 200)
    if importlib.util.find_spec("PIL") is None:
        msg = f"The picture '{shown}' does not fit, and without the extra media it cannot be made to fit."
        raise UnsupportedFeature(msg, next_step='Run pip install "nexiom_sdk[media]", or scale it before.')
    from PIL import Image, ImageOps

    picture.seek(0)
    try:
        with Image.open(picture) as opened:
            kind = Image.MIME.get(opened.format or "", "")
            icc = opened.info.get("icc_profile") if opened.mode in _OF_LIGHT else None  # else it is about other colours
            upright = ImageOps.exif_transpose(opened)
            data = _within(_plain(upright), kind, limits, exactly, icc)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInput(f"The image '{shown}' is damaged: it cannot be decoded.") from error
    if data is None:
        msg = f"The image '{shown}' cannot be made to fit: no crop and no scale of it keeps to every limit."
        raise InvalidInput(msg, next_step="Hand over another picture, or choose another model.")
    target.write(data)


def _within(
    picture: Image, kind: str, limits: MediaLimits, exactly: tuple[int, int] | None, icc: bytes | None
) -> bytes | None:
    """The picture as a file that keeps to the limits; None where there is none."""
    for _ in range(_MOST_SHRINKS):
        shape = shaped(picture.size, limits, exactly)
        size = shape.size
        if size[0] * size[1] > MAX_REFERENCE_PIXELS:
            return None
        made = picture if shape.box == (0, 0, *size) else _resized(picture, shape)
        for data in _files(made, kind, limits, icc):
            if limits.max_bytes is None or len(data) <= limits.max_bytes:
                return data
        if exactly is not None or min(size) * _SHRINK < (limits.min_side_pixels or 1):
            return None
        limits = limits.evolve(max_side_pixels=int(max(size) * _SHRINK))
    return None


def _files(picture: Image, kind: str, limits: MediaLimits, icc: bytes | None) -> Iterator[bytes]:
    """The picture as files of the types that are taken, best first: as it was, without a loss, with one."""
    wanted = [one for one in _SAVED_AS if not limits.types or one in limits.types]
    if kind in wanted and kind != "image/png":
        wanted.sort(key=lambda one: one != kind)  # a photo as PNG is many times as large, and not better
    for one in wanted:
        if one == "image/png":
            yield _saved(picture, "PNG", icc)
        else:
            flat = picture if one == "image/webp" else _flat(picture)
            for quality in QUALITIES:
                yield _saved(flat, _SAVED_AS[one], icc, quality=quality)


def _resized(picture: Image, shape: Shape) -> Image:
    return picture.resize(shape.size, box=shape.box)  # pyright: ignore[reportUnknownMemberType]  # pillow 13


def _plain(picture: Image) -> Image:
    """As red, green and blue, and how transparent, if it is at all."""
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _flat(picture: Image) -> Image:
    """On white, for files that know nothing transparent."""
    if picture.mode != "RGBA":
        return picture
    from PIL import Image

    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _saved(picture: Image, kind: str, icc: bytes | None, **how: int) -> bytes:
    out = io.BytesIO()
    picture.info.clear()  # what was said of the old file is not true of this one
    picture.save(out, kind, icc_profile=icc, **how)  # pyright: ignore[reportUnknownMemberType]  # pillow 13
    return out.getvalue()
