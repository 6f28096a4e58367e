from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from PIL import Image, ImageOps, ImageSequence

from metadata_rig import (
    CANARY,
    SECRET,
    chunk,
    exif,
    gif_blocks,
    gif_with_secrets,
    jpeg_with_secrets,
    noise,
    png_with_secrets,
    profile,
    riff,
    riff_chunk,
    saved,
    segment,
    stripped,
    webp_with_secrets,
)
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.references import inspect

pytestmark = pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")  # the second picture is made up

FRAMES = [noise((30, 20), "RGBA").rotate(turn) for turn in (0, 90, 180)]
SECRETS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "jpeg": ("image/jpeg", jpeg_with_secrets),
    "jpeg, progressive": ("image/jpeg", lambda: jpeg_with_secrets(progressive=True)),
    "jpeg with restart marks": ("image/jpeg", lambda: jpeg_with_secrets(restart_marker_blocks=1)),
    "png": ("image/png", png_with_secrets),
    "png with notes behind the picture": ("image/png", lambda: png_with_secrets(late=True)),
    "apng": ("image/png", lambda: png_with_secrets(save_all=True, append_images=[noise().rotate(180)], duration=80)),
    "webp": ("image/webp", webp_with_secrets),
    "webp, lossless": ("image/webp", lambda: webp_with_secrets(lossless=True)),
    "webp, moving": ("image/webp", lambda: webp_with_secrets(save_all=True, append_images=[noise().rotate(180)])),
    "gif": ("image/gif", gif_with_secrets),
}


def seen(data: bytes) -> list[tuple[object, ...]]:
    """Every picture of a file as it is to be shown, how long, and in which colours."""
    opened = Image.open(io.BytesIO(data))
    kept = ("icc_profile", "loop", "gamma", "transparency", "background")
    return [
        (*(opened.info.get(name) for name in kept), one.info.get("duration"), ImageOps.exif_transpose(one).tobytes())
        for one in ImageSequence.Iterator(opened)
    ][: 1 if opened.format in {"JPEG", "MPO"} else None]


@pytest.mark.parametrize("name", SECRETS)
def test_nothing_but_the_picture_is_left(name: str) -> None:
    media_type, make = SECRETS[name]
    data = make()
    clean = stripped(data, media_type)
    assert data.count(CANARY) >= 10
    assert CANARY not in clean
    assert b"GPS" not in clean
    assert seen(clean) == seen(data)
    assert inspect(clean, role="first_frame").media_type == media_type
    assert stripped(clean, media_type) == clean


PLAIN = {
    "jpeg": ("image/jpeg", saved(noise(), "JPEG", icc_profile=profile())),
    "jpeg, progressive": ("image/jpeg", saved(noise(), "JPEG", progressive=True)),
    "jpeg, four colours": ("image/jpeg", saved(noise(mode="CMYK"), "JPEG")),
    "png": ("image/png", saved(noise(mode="P"), "PNG", transparency=3, dpi=(72, 72), icc_profile=profile())),
    "apng": ("image/png", saved(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:], duration=70)),
    "webp": ("image/webp", saved(noise(), "WEBP")),
    "webp, lossless": ("image/webp", saved(noise(mode="RGBA"), "WEBP", lossless=True, icc_profile=profile())),
    "webp, moving": ("image/webp", saved(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:], duration=70)),
    "gif": ("image/gif", saved(noise(mode="P"), "GIF")),
    "gif, moving": ("image/gif", saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:], loop=0, duration=70)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_picture_with_nothing_to_hide_stays_byte_for_byte(name: str) -> None:
    media_type, data = PLAIN[name]
    assert stripped(data, media_type) == data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_turned_picture_is_shown_the_same_way(kind: str, orientation: int, order: str) -> None:
    data = saved(noise(), kind, exif=exif(orientation, order), **({"lossless": True} if kind == "WEBP" else {}))
    clean = stripped(data, f"image/{kind.lower()}")
    assert CANARY in data
    assert CANARY not in clean
    assert seen(clean) == seen(data)
    assert kind != "WEBP" or bool(clean[20] & 0x0C) is (orientation > 1)  # it says whether it has notes
    left = Image.open(io.BytesIO(clean)).getexif()
    assert dict(left) == ({} if orientation == 1 else {0x0112: orientation})
    assert stripped(clean, f"image/{kind.lower()}") == clean


@pytest.mark.parametrize(
    "notes",
    [
        b"",
        b"II*\0",
        b"MM\0*\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x0f\x01\x02\0" * 3,
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0\0\0\0\0",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x02\0\0\0\x06\0\0\0\0\0\0\0",
        b"no notes at all",
    ],
)
def test_broken_notes_of_a_camera_are_dropped_whole(notes: bytes) -> None:
    plain = saved(noise(), "JPEG")
    assert stripped(plain[:2] + segment(0xE1, b"Exif\0\0" + notes) + plain[2:], "image/jpeg") == plain


def test_the_small_picture_inside_the_head_of_a_jpeg_goes() -> None:
    plain = saved(noise(), "JPEG")
    assert plain[2:4] == b"\xff\xe0"
    small = b"JFIF\0\1\2\1\0\x48\0\x48\5\3" + SECRET[:45]
    clean = stripped(plain[:2] + segment(0xE0, small) + plain[20:], "image/jpeg")
    assert clean == plain[:2] + segment(0xE0, small[:12] + b"\0\0") + plain[20:]


def test_padding_before_a_mark_stays_with_its_segment() -> None:
    plain = saved(noise(), "JPEG")
    table = plain.index(b"\xff\xdb")
    padded = plain[:table] + b"\xff" * 9000 + plain[table:-2] + b"\xff" * 70_000 + plain[-2:]
    assert stripped(padded, "image/jpeg") == padded


def test_the_end_of_a_jpeg_is_found_wherever_it_lies() -> None:
    plain = saved(noise((8, 8)), "JPEG")
    for gap in (*range(3900, 4100), 12_287, 300_000):
        long = plain[:-2] + b"\xff\0\xff\xd0" * (gap // 4) + b"\1" * (gap % 4) + plain[-2:]
        assert stripped(long + SECRET, "image/jpeg") == long


def test_a_second_picture_behind_the_first_is_cut() -> None:
    plain = saved(noise(), "JPEG")
    assert stripped(plain + jpeg_with_secrets(), "image/jpeg") == plain


def test_words_drawn_into_a_gif_go_with_their_timing() -> None:
    plain = saved(noise(mode="P"), "GIF")
    at = plain.index(b"\x2c", 13 + 768)
    timing = b"\x21\xf9\x04\0\x07\0\0\0"
    assert stripped(plain[:at] + timing + b"\x21\x01" + gif_blocks(SECRET) + plain[at:], "image/gif") == plain
    timed = plain[:at] + timing + b"\x21\xfe" + gif_blocks(SECRET) + plain[at:]
    assert stripped(timed, "image/gif") == plain[:at] + timing + plain[at:]


def test_a_loop_says_how_often_and_nothing_else() -> None:
    plain = saved(noise(mode="P"), "GIF")
    at = plain.index(b"\x2c", 13 + 768)
    loop = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x05\0"
    clean = stripped(plain[:at] + loop + gif_blocks(SECRET) + plain[at:], "image/gif")
    assert clean == plain[:at] + loop + b"\0" + plain[at:]


def test_chunks_inside_a_picture_of_a_moving_webp_go_too() -> None:
    plain = saved(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:], duration=70)
    at = plain.index(b"ANMF")
    length = struct.unpack_from("<I", plain, at + 4)[0]
    fuller = riff_chunk(b"ANMF", plain[at + 8 : at + 8 + length] + riff_chunk(b"zzzz", SECRET))
    dirty = riff(b"WEBP", plain[12:at], fuller, plain[at + 8 + length :])
    assert seen(dirty) == seen(plain)
    assert stripped(dirty, "image/webp") == plain


@pytest.mark.parametrize("kind", [b"tRNS", b"cICP", b"mDCV", b"cLLI", b"QQQQ"])
def test_a_chunk_that_changes_the_picture_or_must_be_known_stays(kind: bytes) -> None:
    plain = saved(noise(), "PNG")
    at = plain.index(b"IDAT") - 4
    full = plain[:at] + chunk(kind, bytes(6)) + plain[at:]
    assert stripped(full, "image/png") == full


@pytest.mark.parametrize("name", PLAIN)
def test_half_a_picture_is_refused(name: str) -> None:
    media_type, data = PLAIN[name]
    for length in {*range(0, len(data) - 1, max(len(data) // 97, 1)), len(data) - 1}:
        with pytest.raises(InvalidInput, match="cannot be taken out"):
            stripped(data[:length], media_type)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\0\1\xff\xd9",
        b"\xff\xd8\xff\xf7\0\4ab\xff\xd9",
        b"\xff\xd8junk\xff\xd9",
    ],
)
def test_a_jpeg_of_which_nobody_can_tell_what_is_what_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        stripped(data, "image/jpeg")
