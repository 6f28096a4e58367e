from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nexiom_sdk.animations import is_animated

COLOURS = ("red", "lime", "blue")


def saved(kind: str, frames: int, mode: str = "RGB") -> io.BytesIO:
    first, *others = (Image.new("RGB", (30, 20), colour).convert(mode) for colour in COLOURS[:frames])
    out = io.BytesIO()
    if others:
        first.save(out, kind, save_all=True, append_images=others)
    else:
        first.save(out, kind)
    return out


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_it_moves_where_it_has_more_than_one_frame(kind: str, mode: str, frames: int) -> None:
    made = saved(kind, frames, mode)
    assert getattr(Image.open(made), "n_frames", 1) == frames
    assert is_animated(made, f"image/{kind.lower()}") == (frames > 1)


def test_what_a_still_picture_says_beside_itself_is_no_frame() -> None:
    out = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(out, "GIF", comment=b",!;" * 400)
    assert not is_animated(out, "image/gif")
    assert not is_animated(saved("JPEG", 1), "image/jpeg")


@given(st.sampled_from(["GIF", "PNG", "WEBP"]), st.integers(0, 400), st.binary(max_size=300))
def test_noise_is_told_and_never_an_error(kind: str, at: int, noise: bytes) -> None:
    data = saved(kind, 2).getvalue()[:at] + noise
    assert is_animated(io.BytesIO(data), f"image/{kind.lower()}") in {True, False}


def test_an_animation_of_one_frame_stands_still() -> None:
    data = saved("PNG", 2).getvalue()
    at = data.index(b"acTL") + 4
    assert not is_animated(io.BytesIO(data[:at] + b"\0\0\0\1" + data[at + 4 :]), "image/png")


def test_a_gif_of_very_many_parts_is_no_animation() -> None:
    assert not is_animated(io.BytesIO(b"GIF89a" + bytes(7) + b"!\xfe" + b"\1a" * 3_000_000), "image/gif")
