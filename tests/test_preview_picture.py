from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.preview.picture import opened

RED, BLUE = (220, 30, 30), (30, 30, 220)


def halves(size: tuple[int, int] = (80, 60), mode: str = "RGB") -> Image.Image:
    """Red above blue."""
    picture = Image.new("RGB", size, BLUE)
    picture.paste(RED, (0, 0, size[0], size[1] // 2))
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str, **how: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def turned() -> bytes:
    """The halves lying on their side, with the note that they must be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(halves().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif.tobytes())


def near(pixel: object, colour: tuple[int, ...], within: int = 40) -> bool:
    return isinstance(pixel, tuple) and all(abs(a - b) <= within for a, b in zip(pixel, colour, strict=True))


@pytest.mark.parametrize(
    "data",
    [
        saved(halves(), "JPEG", quality=95),
        saved(halves(), "PNG"),
        saved(halves(), "WEBP"),
        saved(halves(mode="P"), "GIF"),
        saved(halves(mode="RGBA"), "PNG"),
        saved(halves(mode="CMYK"), "JPEG", quality=95),
        turned(),
    ],
    ids=["jpeg", "png", "webp", "gif", "alpha", "cmyk", "exif"],
)
def test_every_kind_of_picture_is_opened_upright_in_its_colours(data: bytes) -> None:
    picture = opened(data, shape=(80, 60), side=64)
    assert (picture.mode, picture.size) == ("RGB", (64, 64))
    assert near(picture.getpixel((32, 8)), RED)
    assert near(picture.getpixel((32, 56)), BLUE)


def test_sixteen_bits_of_grey_are_scaled_and_not_cut_off() -> None:
    picture = opened(saved(Image.new("I;16", (8, 8), 0x8000), "PNG"), shape=(1, 1), side=8)
    assert near(picture.getpixel((4, 4)), (128, 128, 128), within=2)


def test_what_is_transparent_is_dark() -> None:
    picture = opened(saved(Image.new("RGBA", (8, 8), (255, 255, 255, 0)), "PNG"), shape=(1, 1), side=8)
    assert near(picture.getpixel((4, 4)), (24, 24, 28), within=2)


@pytest.mark.parametrize("shape", [(16, 9), (9, 16), (1, 1), (21, 9)])
def test_the_middle_is_cropped_to_the_shape(shape: tuple[int, int]) -> None:
    picture = Image.new("RGB", (300, 300), BLUE)
    width, height = (300, 300 * shape[1] // shape[0]) if shape[0] >= shape[1] else (300 * shape[0] // shape[1], 300)
    picture.paste(RED, ((300 - width) // 2, (300 - height) // 2, (300 + width) // 2, (300 + height) // 2))
    found = opened(saved(picture, "PNG"), shape=shape, side=100)
    assert all(near(found.getpixel(at), RED) for at in ((3, 3), (96, 3), (3, 96), (96, 96), (50, 50)))


def bomb(side: int) -> bytes:
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b""))
    body = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_a_picture_that_unpacks_to_an_absurd_size_is_refused(side: int) -> None:
    with pytest.raises(InvalidInput, match="million pixels"):
        opened(bomb(side), shape=(1, 1), side=64)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff not a picture",
        saved(halves((400, 400)), "PNG")[:-60],
        saved(halves((400, 400)), "JPEG")[:900],
        saved(halves(), "TIFF"),
        saved(halves(), "BMP"),
        bomb(100),
    ],
    ids=["empty", "magic only", "half a png", "half a jpeg", "tiff", "bmp", "png without pixels"],
)
def test_a_file_that_cannot_be_decoded_is_invalid_input(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="cannot be decoded") as caught:
        opened(data, shape=(1, 1), side=64)
    assert caught.value.charged == "no"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_raises_nothing_foreign(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([turned(), saved(halves(), "PNG"), saved(halves(), "GIF")])))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidInput):
        assert opened(bytes(whole), shape=(16, 9), side=16).size == (16, 16)
