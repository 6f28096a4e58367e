from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from nexiom_sdk.errors import InvalidInput, UnsupportedFeature
from nexiom_sdk.models import MediaLimits
from nexiom_sdk.picture_fitting import fit


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
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedFeature) as caught:
        fitted(saved(noise(), "PNG"), max_side_pixels=32)
    assert 'pip install "nexiom_sdk[media]"' in str(caught.value)
