"""A picture made to fit what a model takes: turned upright, cropped from its middle, scaled and saved anew.

It needs the extra `media`. Where nothing of a picture has to change, this is not asked.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO

from nexiom_sdk import media_extra
from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import MediaLimits
from nexiom_sdk.picture_shapes import shaped
from nexiom_sdk.references import MAX_REFERENCE_PIXELS, check_pixels
from nexiom_sdk.wording import printable

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITIES: Mapping[int, float] = {92: 1.0, 85: 0.6, 75: 0.4, 65: 0.3, 50: 0.2}
"""Qualities of a JPEG or a WebP, best first, and the least part of the bytes of the best that they may come to."""

_SAVED_AS: Mapping[str, str] = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_KINDS: Mapping[str, str] = {kind: media_type for media_type, kind in _SAVED_AS.items()} | {
    "GIF": "image/gif",
    "MPO": "image/jpeg",  # several JPEGs in one file, as phones make them
}
_OF_LIGHT = frozenset({"RGB", "RGBA", "P"})
_ORIENTATION = 0x0112
_ON_ITS_SIDE = range(5, 9)
_GREYS_OF_16_BITS = 257  # the brightest is 65,535 in place of 255
_SHRINK, _MOST_SHRINK = 0.9, 0.5  # per try: what is smaller says anew how well it can be packed
_MARGIN = 0.95
_MOST_SIZES = 12
_MOST_PIXELS_OF_A_WEBP = 8_000_000  # coding more takes many seconds; as JPEG it is a fraction of one
# What a decoder of damaged bytes runs into.
_DAMAGE = (ArithmeticError, EOFError, LookupError, OSError, SyntaxError, TypeError, ValueError, struct.error)


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
    try:
        media_extra.load_pillow()
    except ImportError as error:
        msg = f"The picture '{shown}' does not fit, and without the extra media it cannot be made to fit."
        raise UnsupportedFeature(msg, next_step=f"{media_extra.INSTALL}, or scale it before.") from error
    from PIL import Image

    picture.seek(0)
    try:
        with Image.open(picture, formats=tuple(_KINDS)) as opened:
            check_pixels(opened.size, name=name)  # a file can say another size to the decoder than it said before
            icc = opened.info.get("icc_profile") if opened.mode in _OF_LIGHT else None  # else it is about other colours
            kind = _KINDS[opened.format or ""]
            data = _within(_wanted_part(opened, limits, exactly), kind, limits, exactly, icc)
    except InvalidInput:  # it is a ValueError as well
        raise
    except (*_DAMAGE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidInput(f"The image '{shown}' is damaged: it cannot be decoded.") from error
    if data is None:
        msg = f"The image '{shown}' cannot be made to fit: no crop and no scale of it keeps to every limit."
        raise InvalidInput(msg, next_step="Hand over another picture, or choose another model.")
    target.write(data)


def _wanted_part(opened: Image, limits: MediaLimits, exactly: tuple[int, int] | None) -> Image:
    """The part of a picture that is kept, upright, in 8 bits of red, green and blue, and how transparent if it is."""
    from PIL import ImageOps

    on_its_side = opened.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
    shape = shaped((opened.height, opened.width) if on_its_side else opened.size, limits, exactly)
    scale = 2 * max(shape.size[0] / (shape.box[2] - shape.box[0]), shape.size[1] / (shape.box[3] - shape.box[1]))
    if scale < 1:  # a JPEG can be decoded at a half, a quarter or an eighth of its size
        opened.draft(None, (math.ceil(opened.width * scale), math.ceil(opened.height * scale)))
    ImageOps.exif_transpose(opened, in_place=True)
    box = shaped(opened.size, limits, exactly).box
    return _plain(opened if box == (0, 0, *opened.size) else opened.crop(box))


def _within(
    picture: Image, kind: str, limits: MediaLimits, exactly: tuple[int, int] | None, icc: bytes | None
) -> bytes | None:
    """The picture as a file that keeps to the limits; None where there is none."""
    most_bytes, shortest = limits.max_bytes or math.inf, limits.min_side_pixels or 1
    kinds: Sequence[str] = ()
    for _ in range(_MOST_SIZES):
        size = exactly or shaped(picture.size, limits, None).size
        kinds = kinds[-1:] or _kinds(kind, limits, transparent=picture.mode == "RGBA", pixels=size[0] * size[1])
        if not kinds or size[0] * size[1] > MAX_REFERENCE_PIXELS:
            return None
        made = picture if size == picture.size else _resized(picture, size)
        least_scale = 1.0 if exactly else shortest / min(size)
        fewest_bytes = math.inf
        for one in kinds:
            for data in _files(made, one, icc, most_bytes, always=least_scale > _SHRINK):
                if len(data) <= most_bytes:
                    return data
                fewest_bytes = min(fewest_bytes, len(data))
        if least_scale > _SHRINK:
            return None
        part = most_bytes / fewest_bytes if fewest_bytes < math.inf else 1.0
        scale = max(min(math.sqrt(part) * _MARGIN, _SHRINK), _MOST_SHRINK, least_scale)
        limits = limits.evolve(max_side_pixels=math.ceil(max(size) * scale))
    return None


def _kinds(kind: str, limits: MediaLimits, *, transparent: bool, pixels: int) -> Sequence[str]:
    """The types to try of those that are taken: what loses nothing, then one that does, but keeps what is transparent.

    A photo stays what it is: as PNG it is many times as large, and not better.
    """
    taken = [one for one in _SAVED_AS if not limits.types or one in limits.types]
    lossless, lossy = [one for one in taken if one == "image/png"], [one for one in taken if one != "image/png"]
    if transparent or kind == "image/webp":
        lossy.reverse()
    others = lossless if transparent else lossy[1:]
    if lossy[:1] == ["image/webp"] and others and pixels > _MOST_PIXELS_OF_A_WEBP:
        lossy.remove("image/webp")
    if transparent and (lossless or "image/webp" in lossy):
        lossy = [one for one in lossy if one != "image/jpeg"]
    is_photo = kind in taken and kind != "image/png"
    return lossy[:1] if is_photo and lossy else [*lossless, *lossy[:1]]


def _files(picture: Image, kind: str, icc: bytes | None, most_bytes: float, *, always: bool) -> Iterator[bytes]:
    """The picture as files of one type, best first; those that come out too large are left out, unless always tried."""
    if kind == "image/png":
        yield _saved(picture, "PNG", icc)
        return
    flat = picture if kind == "image/webp" else _flat(picture)
    best_bytes = 0
    for quality, least_part in QUALITIES.items():
        if always or best_bytes * least_part <= most_bytes:
            try:
                data = _saved(flat, _SAVED_AS[kind], icc, quality=quality)
            except ValueError:  # a WebP holds only so many bytes and pixels on a side: fewer of both may do
                continue
            best_bytes = best_bytes or len(data)
            yield data


def _resized(picture: Image, size: tuple[int, int]) -> Image:
    return picture.resize(size)  # pyright: ignore[reportUnknownMemberType]  # pillow 13


def _plain(picture: Image) -> Image:
    if picture.mode.startswith("I"):  # converted as it is, everything above 255 of 65,535 would be white
        clear = picture.info.get("transparency")
        darker = picture.convert("I").point(lambda grey: grey * (1 / _GREYS_OF_16_BITS))  # pyright: ignore[reportUnknownMemberType]  # pillow 13
        picture = darker.convert("L")
        if isinstance(clear, int):
            picture.info["transparency"] = clear // _GREYS_OF_16_BITS
    if picture.has_transparency_data:
        picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        if picture.getchannel("A").getextrema() != (255, 255):
            return picture
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
