from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from metadata_rig import riff_chunk, stripped
from nexiom_sdk.picture_headers import picture_size
from nexiom_sdk.references import inspect

TYPES = ("image/png", "image/gif", "image/webp", "image/jpeg")
STARTS = (b"", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8X")


FORMS = {1: "BBH", 3: "HH", 4: "I"}  # a byte, a short and a long, each filled up to four bytes


def notes(orientation: int, *, order: str = ">", form: int = 3) -> bytes:
    """Those of a camera that say how it was held and nothing else."""
    value = struct.pack(order + FORMS[form], orientation, *[0] * (len(FORMS[form]) - 1))
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return b"Exif\0\0" + mark + struct.pack(f"{order}IHHHI", 8, 1, 0x0112, form, 1) + value + bytes(4)


def photo(exif: bytes, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (33, 21)).save(out, kind, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_picture_is_measured_as_it_is_shown_also_when_its_notes_are_gone(
    kind: str, orientation: int, order: str, form: int
) -> None:
    data, media_type = photo(notes(orientation, order=order, form=form), kind), f"image/{kind.lower()}"
    shown = (21, 33) if orientation in {5, 6, 7, 8} else (33, 21)
    for one in (data, stripped(data, media_type)):
        assert picture_size(io.BytesIO(one), media_type) == shown
        if form != 1 or one is not data:  # Pillow reads no orientation of one byte; what leaves the machine is a short
            assert ImageOps.exif_transpose(Image.open(io.BytesIO(one))).size == shown
        found = inspect(one, role="first_frame")
        assert (found.width, found.height) == shown


def test_notes_behind_the_picture_of_a_png_count() -> None:
    data = photo(notes(6), "PNG")
    at, end = data.index(b"eXIf") - 4, data.index(b"IEND") - 4
    length = 12 + int.from_bytes(data[at : at + 4], "big")
    late = data[:at] + data[at + length : end] + data[at : at + length] + data[end:]
    for one in (late, stripped(late, "image/png")):
        assert picture_size(io.BytesIO(one), "image/png") == (21, 33)
        assert ImageOps.exif_transpose(Image.open(io.BytesIO(one))).size == (21, 33)


def test_notes_that_a_webp_does_not_own_up_to_count_for_nobody() -> None:
    data = bytearray(photo(notes(6), "WEBP"))
    data[20] &= ~0x08
    plain = Image.new("RGB", (33, 21))
    out = io.BytesIO()
    plain.save(out, "WEBP")
    more = riff_chunk(b"EXIF", notes(6))
    simple = b"RIFF" + struct.pack("<I", len(out.getvalue()) - 8 + len(more)) + out.getvalue()[8:] + more
    for dirty in (bytes(data), simple):
        for one in (dirty, stripped(dirty, "image/webp")):
            assert picture_size(io.BytesIO(one), "image/webp") == (33, 21)
            assert ImageOps.exif_transpose(Image.open(io.BytesIO(one))).size == (33, 21)


def test_only_the_first_notes_of_a_jpeg_count() -> None:
    first = photo(notes(6))
    second = b"\xff\xe1" + struct.pack(">H", len(notes(1)) + 2) + notes(1)
    at = first.index(b"\xff\xdb")
    both = first[:at] + second + first[at:]
    for one in (both, stripped(both, "image/jpeg")):
        assert picture_size(io.BytesIO(one), "image/jpeg") == (21, 33)


@given(st.sampled_from(TYPES), st.sampled_from(STARTS), st.binary(max_size=300))
def test_noise_has_a_size_or_none_and_nothing_else(media_type: str, start: bytes, noise: bytes) -> None:
    size = picture_size(io.BytesIO(start + noise + b"\xff\xd9;IEND"), media_type)
    assert size is None or min(size) > 0


@given(st.integers(0, len(photo(notes(6)))), st.binary(min_size=1, max_size=8))
def test_a_photo_with_damaged_camera_data_has_a_size_or_none(at: int, noise: bytes) -> None:
    data = bytearray(photo(notes(6)))
    data[at : at + len(noise)] = noise
    size = picture_size(io.BytesIO(bytes(data)), "image/jpeg")
    assert size is None or min(size) > 0


def test_a_photo_in_endlessly_many_parts_is_left_alone() -> None:
    endless = io.BytesIO(b"\xff\xd8" + b"\xff\xfe\0\2" * 1_000_000 + b"\xff\xd9")
    assert picture_size(endless, "image/jpeg") is None
    assert endless.tell() < 100_000


def test_no_part_of_a_gif_is_a_whole_one() -> None:
    out = io.BytesIO()
    Image.new("P", (33, 21)).save(out, "GIF", comment=b";" * 300)
    whole = out.getvalue()
    assert picture_size(io.BytesIO(whole), "image/gif") == (33, 21)
    for length in range(len(whole)):
        assert picture_size(io.BytesIO(whole[:length]), "image/gif") is None


def test_a_type_that_is_no_picture_has_no_size() -> None:
    assert picture_size(io.BytesIO(b"ID3"), "audio/mpeg") is None
