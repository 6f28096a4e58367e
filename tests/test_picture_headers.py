from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nexiom_sdk.picture_headers import picture_size

TYPES = ("image/png", "image/gif", "image/webp", "image/jpeg")
STARTS = (b"", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8X")


def photo(orientation: int, *, big_endian: bool = True) -> bytes:
    out = io.BytesIO()
    order, mark = (">", b"MM\0*") if big_endian else ("<", b"II*\0")
    entries = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0" + mark + struct.pack(f"{order}IH", 8, 1) + entries + b"\0\0\0\0"
    Image.new("RGB", (33, 21)).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("big_endian", [True, False])
@pytest.mark.parametrize("orientation", range(1, 10))
def test_a_photo_is_measured_as_it_is_shown(orientation: int, *, big_endian: bool) -> None:
    upright = orientation in {5, 6, 7, 8}
    assert picture_size(io.BytesIO(photo(orientation, big_endian=big_endian)), "image/jpeg") == (
        (21, 33) if upright else (33, 21)
    )


@given(st.sampled_from(TYPES), st.sampled_from(STARTS), st.binary(max_size=300))
def test_noise_has_a_size_or_none_and_nothing_else(media_type: str, start: bytes, noise: bytes) -> None:
    size = picture_size(io.BytesIO(start + noise + b"\xff\xd9;IEND"), media_type)
    assert size is None or min(size) > 0


@given(st.integers(0, len(photo(6))), st.binary(min_size=1, max_size=8))
def test_a_photo_with_damaged_camera_data_has_a_size_or_none(at: int, noise: bytes) -> None:
    data = bytearray(photo(6))
    data[at : at + len(noise)] = noise
    size = picture_size(io.BytesIO(bytes(data)), "image/jpeg")
    assert size is None or min(size) > 0


def test_a_photo_in_endlessly_many_parts_is_left_alone() -> None:
    endless = io.BytesIO(b"\xff\xd8" + b"\xff\xfe\0\2" * 1_000_000 + b"\xff\xd9")
    assert picture_size(endless, "image/jpeg") is None
    assert endless.tell() < 100_000


def test_a_type_that_is_no_picture_has_no_size() -> None:
    assert picture_size(io.BytesIO(b"ID3"), "audio/mpeg") is None
