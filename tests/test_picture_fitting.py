from __future__ import annotations

import io
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from PIL import Image, ImageFile

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import MediaLimits
from nexiom_sdk.picture_fitting import fit
from nexiom_sdk.references import inspect_file


def saved(picture: Image.Image, kind: str, **how: object) -> io.BytesIO:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out


def noise(size: tuple[int, int] = (600, 400)) -> Image.Image:
    return Image.effect_noise(size, 90).convert("RGB")


def halves(size: tuple[int, int] = (600, 400)) -> Image.Image:
    """Green above, blue below."""
    picture = Image.new("RGB", size, "lime")
    picture.paste("blue", (0, size[1] // 2, *size))
    return picture


def fitted(
    source: io.BytesIO, *, exactly: tuple[int, int] | None = None, types: tuple[str, ...] = (), **limits: Any
) -> tuple[Image.Image, bytes]:
    out = io.BytesIO()
    fit(source, out, MediaLimits(types=types, **limits), exactly=exactly, name="fox.png")
    return Image.open(out), out.getvalue()


def test_a_picture_is_cropped_from_its_middle_and_scaled() -> None:
    strip = Image.new("RGB", (900, 300), "red")
    strip.paste("lime", (300, 0, 600, 300))
    picture, _ = fitted(saved(strip, "PNG"), exactly=(64, 64))
    assert picture.size == (64, 64)
    assert {picture.getpixel((x, 32)) for x in range(1, 63)} == {(0, 255, 0)}


def test_a_photo_is_turned_upright_first() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: what is on the left is shown above
    exif[0x8825] = {1: "N", 2: (47.0, 22.0, 0.0)}
    side = halves((400, 600)).rotate(90, expand=True)
    picture, data = fitted(saved(side, "JPEG", quality=95, exif=exif), exactly=(40, 60))
    assert picture.size == (40, 60)
    above, below = picture.getpixel((20, 5)), picture.getpixel((20, 55))
    assert isinstance(above, tuple)
    assert isinstance(below, tuple)
    assert above[1] > 200
    assert below[1] < 60
    assert not picture.getexif()
    assert b"Exif" not in data


@pytest.mark.parametrize(
    ("kind", "types", "becomes"),
    [
        ("JPEG", (), "JPEG"),
        ("PNG", (), "PNG"),
        ("WEBP", (), "WEBP"),
        ("GIF", (), "PNG"),
        ("WEBP", ("image/jpeg", "image/png"), "PNG"),
        ("GIF", ("image/jpeg",), "JPEG"),
        ("PNG", ("image/webp",), "WEBP"),
    ],
)
def test_a_picture_keeps_its_type_where_it_may(kind: str, types: tuple[str, ...], becomes: str) -> None:
    assert fitted(saved(noise((64, 64)), kind), types=types, max_side_pixels=32)[0].format == becomes


def test_a_picture_that_is_too_large_is_saved_with_less_quality_and_then_made_smaller() -> None:
    whole = saved(noise(), "JPEG", quality=98)
    picture, data = fitted(whole, max_bytes=len(whole.getvalue()) * 2 // 3)
    assert picture.size == (600, 400)
    assert len(data) <= len(whole.getvalue()) * 2 // 3
    picture, data = fitted(saved(noise(), "PNG"), max_bytes=20_000, types=("image/png",))
    assert picture.size < (600, 400)
    assert len(data) <= 20_000


def test_what_is_transparent_stays_so_or_lies_on_white() -> None:
    glass = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    kept, _ = fitted(saved(glass, "PNG"), max_side_pixels=32)
    flat, _ = fitted(saved(glass, "PNG"), max_side_pixels=32, types=("image/jpeg",))
    assert kept.getchannel("A").getextrema() == (0, 0)
    assert flat.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "P", "LA", "I;16"])
def test_pictures_of_every_kind_of_colour_are_fitted(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture, _ = fitted(saved(Image.new(mode, (64, 64)), kind), exactly=(32, 16))
    assert picture.size == (32, 16)
    assert picture.mode in {"RGB", "RGBA"}


def png_of(size: tuple[int, int], depth: int, colour: int, rows: bytes, *parts: bytes) -> io.BytesIO:
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    made = (part(b"IHDR", header), *parts, part(b"IDAT", zlib.compress(rows)), part(b"IEND", b""))
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(made))


def part(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


GREYS = b"".join(struct.pack(">H", grey) for grey in (0, 0x4000, 0x8000, 0xFFFF))


@pytest.mark.parametrize("clear", [None, 0xFFFF])
def test_a_picture_of_16_bits_keeps_its_greys(clear: int | None) -> None:
    parts = () if clear is None else (part(b"tRNS", struct.pack(">H", clear)),)
    source = png_of((4, 4), 16, 0, (b"\0" + GREYS) * 4, *parts)
    picture, _ = fitted(source, types=("image/webp", "image/png"), exactly=(4, 4))
    greys = [picture.convert("RGB").getpixel((x, 1)) for x in range(4)]
    assert greys == [(0, 0, 0), (63, 63, 63), (127, 127, 127), (255, 255, 255)]
    assert picture.has_transparency_data == (clear is not None)
    if clear is not None:
        assert [picture.getchannel("A").getpixel((x, 1)) for x in range(4)] == [255, 255, 255, 0]


@pytest.mark.parametrize(
    ("types", "becomes"),
    [
        (("image/jpeg", "image/webp"), "WEBP"),
        (("image/jpeg", "image/png"), "PNG"),
        (("image/jpeg",), "JPEG"),
    ],
)
def test_what_is_transparent_stays_so_wherever_a_type_is_taken_that_can(types: tuple[str, ...], becomes: str) -> None:
    glass = noise((64, 64))
    glass.putalpha(Image.linear_gradient("L").resize((64, 64)))
    picture, _ = fitted(saved(glass, "PNG"), types=types, max_bytes=9000)
    assert picture.format == becomes
    assert picture.has_transparency_data == (becomes != "JPEG")


def test_what_could_be_transparent_and_is_not_is_a_photo() -> None:
    solid = noise()
    solid.putalpha(255)
    picture, _ = fitted(saved(solid, "PNG"), types=("image/jpeg", "image/webp"), max_side_pixels=300)
    assert picture.format == "JPEG"


def too_large_inside(kind: str) -> io.BytesIO:
    """What says that it has 10x10 pixels, and has 70 million."""
    if kind == "png":
        header = struct.pack(">IIBBBBB", 8400, 8400, 1, 0, 0, 0, 0)
        return png_of((10, 10), 8, 2, bytes(8400 * 1051), part(b"IHDR", header))
    out = bytearray(saved(Image.new("L", (8400, 8400)), kind).getvalue())
    if kind == "gif":
        out[6:10] = struct.pack("<HH", 10, 10)
        return io.BytesIO(out)
    frame = out.index(b"\xff\xc0")
    small = out[frame : frame + 2 + int.from_bytes(out[frame + 2 : frame + 4], "big")]
    small[5:9] = struct.pack(">HH", 10, 10)
    return io.BytesIO(out[:frame] + small + out[frame:])


@pytest.mark.parametrize("kind", ["png", "gif", "jpeg"])
def test_a_picture_that_is_larger_than_it_says_is_not_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = too_large_inside(kind)
    found = inspect_file(source, role="first_frame")
    assert (found.width, found.height) == (10, 10), "it does pass for a small one"
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("it was decoded"))
    with pytest.raises(InvalidInput, match="8,400 x 8,400 pixels; 64,000,000 in all are allowed") as caught:
        fitted(source, max_side_pixels=9)
    assert "fox.png" in str(caught.value)


def test_a_warning_of_pillow_that_is_an_error_is_none_of_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidInput, match="damaged"):
            fitted(saved(noise(), "PNG"), max_side_pixels=32)


@pytest.fixture
def coded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The type and the pixels of everything that is saved."""
    made: list[tuple[str, int]] = []
    save = Image.Image.save

    def counted(self: Image.Image, target: Any, kind: str, **how: Any) -> None:
        made.append((kind, self.width * self.height))
        save(self, target, kind, **how)

    monkeypatch.setattr(Image.Image, "save", counted)
    return made


HARD: Mapping[str, tuple[str, dict[str, Any]]] = {
    "a photo, far too large": ("JPEG", {"max_bytes": 4000}),
    "a photo, nearly small enough": ("JPEG", {"max_bytes": 90_000}),
    "a WebP, far too large": ("WEBP", {"max_bytes": 4000}),
    "a drawing": ("PNG", {"max_bytes": 50_000}),
    "PNG and nothing else": ("JPEG", {"max_bytes": 20_000, "types": ("image/png",)}),
    "nothing that is small enough": ("JPEG", {"max_bytes": 10}),
}


@pytest.mark.parametrize("case", HARD)
def test_what_hardly_packs_is_coded_a_few_times_and_not_a_hundred(case: str, coded: list[tuple[str, int]]) -> None:
    kind, limits = HARD[case]
    source = saved(noise((900, 600)), kind, **({} if kind == "PNG" else {"quality": 95}))
    coded.clear()
    if limits["max_bytes"] > 100:
        _, data = fitted(source, **limits)
        assert limits["max_bytes"] / 4 < len(data) <= limits["max_bytes"], (
            "and it is not made smaller than it has to be"
        )
    else:
        with pytest.raises(InvalidInput):
            fitted(source, **limits)
    whole = [one for one, pixels in coded if pixels == 900 * 600]
    assert len(whole) <= (1 if "far" in case else 6)
    assert sum(pixels for _, pixels in coded) <= 10 * 900 * 600
    if kind != "PNG" and "types" not in limits:
        assert {one for one, _ in coded} == {kind}, "a photo as PNG is never small enough"


def test_a_large_webp_becomes_a_jpeg_because_coding_it_takes_so_long(coded: list[tuple[str, int]]) -> None:
    source = saved(Image.new("RGB", (3000, 3000), "red"), "WEBP")
    coded.clear()
    assert fitted(source, max_ratio=0.99)[0].format == "JPEG"
    assert len(coded) == 1


def test_a_webp_of_more_pixels_than_it_can_have_on_a_side_is_made_smaller() -> None:
    picture, _ = fitted(saved(Image.new("RGB", (17_000, 10), "red"), "PNG"), types=("image/webp",))
    assert picture.width <= 16_383


def test_a_photo_of_a_phone_that_is_several_in_one_file_stays_a_jpeg() -> None:
    several = saved(noise(), "MPO", save_all=True, append_images=[noise()])
    assert Image.open(several).format == "MPO"
    assert fitted(several, max_side_pixels=300)[0].format == "JPEG"


def test_a_photo_that_is_made_much_smaller_is_not_decoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = saved(halves((1600, 2400)).rotate(90, expand=True), "JPEG", exif=exif)
    decoded: list[tuple[int, int]] = []
    load = ImageFile.ImageFile.load

    def noted(self: ImageFile.ImageFile) -> object:
        decoded.append(self.size)
        return load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", noted)
    picture, _ = fitted(source, exactly=(200, 200))
    assert decoded[0] == (600, 400)
    assert picture.size == (200, 200)
    above = picture.getpixel((100, 5))
    assert isinstance(above, tuple)
    assert above[1] > 200


def test_what_a_file_says_beside_its_picture_is_not_carried_over() -> None:
    source = saved(noise((64, 64)), "JPEG", comment=b"CANARY")
    assert b"CANARY" in source.getvalue()
    assert b"CANARY" not in fitted(source, max_side_pixels=32)[1]


@pytest.mark.parametrize(
    "limits", [{"max_bytes": 10}, {"min_side_pixels": 90_000}, {"max_bytes": 500, "min_side_pixels": 300}]
)
def test_a_picture_that_nothing_mends_is_refused_with_what_to_do(limits: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"'fox\.png' cannot be made to fit") as caught:
        fitted(saved(noise(), "PNG"), **limits)
    assert "another picture" in str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [lambda data: data[: len(data) // 2], lambda data: data[:60] + bytes(200) + data[260:], lambda _: b"GIF89a;"],
)
def test_a_picture_that_cannot_be_decoded_is_refused(broken: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidInput, match="damaged"):
        fitted(io.BytesIO(broken(saved(noise(), "PNG").getvalue())), max_side_pixels=32)


def test_without_pillow_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(UnsupportedFeature) as caught:
        fitted(saved(noise(), "PNG"), max_side_pixels=32)
    assert 'pip install "nexiom_sdk[media]"' in str(caught.value)
