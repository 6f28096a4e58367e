from __future__ import annotations

import contextlib
import io
import os
import struct
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.metadata import without_metadata
from nexiom_sdk.references import MOST_BYTES, inspect, open_local
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import MediaRole


def _image(kind: str, size: tuple[int, int] = (33, 21), **how: object) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, kind, **how)
    return out.getvalue()


IMAGES = {
    "png": _image("PNG"),
    "jpg": _image("JPEG"),
    "jpg progressive": _image("JPEG", progressive=True),
    "jpg with camera data": _image("JPEG", exif=Image.Exif().tobytes() + b"\0" * 200),
    "webp": _image("WEBP"),
    "webp lossless": _image("WEBP", lossless=True),
    "gif": _image("GIF"),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_is_measured_without_decoding_it(kind: str) -> None:
    found = inspect(IMAGES[kind], role="first_frame")
    assert (found.width, found.height) == (33, 21)
    assert found.extension == kind.split(maxsplit=1)[0]


@pytest.mark.parametrize("kind", IMAGES)
@given(share=st.floats(0, 0.97))
def test_half_an_image_is_refused(kind: str, share: float) -> None:
    half = IMAGES[kind][: int(len(IMAGES[kind]) * share)]
    with pytest.raises(InvalidInput):  # the half of a GIF may end as a whole one does: then the cleaning notices it
        found = inspect(half, role="first_frame")
        without_metadata(io.BytesIO(half), io.BytesIO(), media_type=found.media_type)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"]),
)
def test_noise_is_accepted_or_refused_and_nothing_else(noise: bytes, start: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        inspect(start + noise, role="first_frame")


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    header = struct.pack(">II", 60_000, 60_000) + b"\x08\x02\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + header + b"\0" * 40 + b"\0\0\0\0IEND\xaeB`\x82"
    with pytest.raises(InvalidInput, match="60,000 x 60,000 pixels"):
        inspect(bomb, role="first_frame")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"<!doctype html><img src=x>", "looks like a web page"),
        (b"<?xml version='1.0'?><svg xmlns='x'/>", "SVG"),
        (b"just words", "looks like text"),
        (b"%PDF\0\1", "not known"),
        (sample_video(), "video/mp4"),
    ],
)
def test_what_is_no_image_is_named_whatever_its_file_is_called(data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        inspect(data, role="first_frame", name="photo.jpg")
    assert "photo.jpg" in str(caught.value)
    assert "Nothing was charged" in str(caught.value)


@pytest.mark.parametrize(
    ("brands", "called"),
    [(b, "a HEIC picture") for b in (b"heic\0\0\0\0mif1heic", b"heix\0\0\0\0", b"mif1\0\0\0\0heic", b"msf1\0\0\0\0")]
    + [(b, "an AVIF picture") for b in (b"avif\0\0\0\0mif1", b"mif1\0\0\0\0avifmiaf")],
)
def test_a_picture_as_phones_save_it_is_named(brands: bytes, called: str) -> None:
    data = struct.pack(">I4s", 8 + len(brands), b"ftyp") + brands + bytes(400)
    for role in ("first_frame", "source_video"):
        with pytest.raises(InvalidInput, match=f"The reference 'photo' is {called}") as caught:
            inspect(data, role=role, name="photo")
        assert caught.value.next_step == "Save it as JPEG."


@pytest.mark.parametrize("brand", [b"isom", b"mp42", b"dash", b"M4A ", b"qt  "])
def test_a_sound_in_an_mp4_is_a_sound_whatever_its_first_bytes_call_it(brand: bytes, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "tone.mp4"), "w") as out:
        tone = out.add_stream("aac", rate=48_000)
        for start in range(0, 9_600, 1024):
            heard = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            heard.sample_rate, heard.pts = 48_000, start
            heard.planes[0].update(bytes(4096))
            out.mux(tone.encode(heard))
        out.mux(tone.encode(None))
    data = (tmp_path / "tone.mp4").read_bytes().replace(b"ftypisom", b"ftyp" + brand)
    found = inspect(data, role="reference_audio")
    assert (found.media_type, found.extension) == ("audio/mp4", "m4a")
    with pytest.raises(InvalidInput):
        inspect(data, role="source_video")


def test_a_video_with_sound_is_no_sound() -> None:
    with pytest.raises(InvalidInput, match=r"is not an audio \(it is video/mp4\)"):
        inspect(sample_video(), role="reference_audio")
    with pytest.raises(InvalidInput, match=r"is not an audio \(it is video/mp4\)"):
        inspect(sample_video()[:200], role="reference_audio")


def test_a_video_role_takes_a_video_and_no_image() -> None:
    assert inspect(sample_video(), role="source_video").extension == "mp4"
    with pytest.raises(InvalidInput, match="is not a video"):
        inspect(IMAGES["png"], role="source_video")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_half_a_video_is_refused(share: float) -> None:
    whole = sample_video()
    with pytest.raises(InvalidInput, match="damaged or incomplete"):
        inspect(whole[: int(len(whole) * share)], role="source_video", name="clip.mp4")


def test_a_video_is_measured_by_its_index() -> None:
    found = inspect(sample_video(), role="source_video")
    assert (found.width, found.height, found.length_seconds, found.frames_per_second) == (320, 180, 2.0, 24.0)


@given(st.sampled_from([b"\0\0\0\x10ftypisom\0\0\0\0", b"\x1a\x45\xdf\xa3", b"ID3", b"RIFF\0\0\0\0WAVE"]), st.binary())
def test_noise_that_begins_like_a_video_or_a_sound_is_refused_or_taken(start: bytes, noise: bytes) -> None:
    for role in ("source_video", "reference_audio"):
        with contextlib.suppress(InvalidInput):
            inspect(start + noise, role=role)


def test_a_video_in_endlessly_many_parts_is_refused() -> None:
    endless = sample_video() + b"\0\0\0\x08free" * 300_000
    with pytest.raises(InvalidInput, match="more parts than any real one"):
        inspect(endless, role="source_video")


def test_a_video_with_an_endless_index_is_refused_without_reading_it() -> None:
    endless = sample_video()[:32] + struct.pack(">I4s", 32 * 2**20, b"moov") + bytes(32 * 2**20 - 8)
    with pytest.raises(InvalidInput, match="index is larger than any real one"):
        inspect(endless, role="source_video")


def test_a_polyglot_is_what_its_first_bytes_say() -> None:
    assert (
        inspect(IMAGES["gif"][:-1] + b"<script>alert(1)</script>"[:12] + b"\x3b", role="first_frame").media_type
        == "image/gif"
    )


def test_a_file_below_a_root_is_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "fox.png").write_bytes(IMAGES["png"])
    with open_local(tmp_path / "sub" / "fox.png", roots=(tmp_path,), role="first_frame") as file:
        assert file.read() == IMAGES["png"]


def test_a_link_inside_the_root_is_followed(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(IMAGES["png"])
    (tmp_path / "link.png").symlink_to(tmp_path / "fox.png")
    with open_local(tmp_path / "link.png", roots=(tmp_path,), role="first_frame") as file:
        assert file.read() == IMAGES["png"]


def test_what_lies_outside_the_roots_is_refused(tmp_path: Path) -> None:
    root, secret = tmp_path / "root", tmp_path / "secret.png"
    root.mkdir()
    secret.write_bytes(IMAGES["png"])
    (root / "link.png").symlink_to(secret)
    (root / "folder").symlink_to(tmp_path)
    for path in (secret, root / "link.png", root / ".." / "secret.png", root / "folder" / "secret.png"):
        with pytest.raises(InvalidInput, match=r"^The reference '[^']*' lies outside the folders") as caught:
            open_local(path, roots=(root,), role="first_frame")

        assert "NEXIOM_MEDIA_ROOTS" in caught.value.next_step


@pytest.mark.parametrize("by_folders", [True, False], ids=["opened folder by folder", "opened by its whole path"])
@pytest.mark.parametrize("swapped", ["a", "a/b", "a/b/fox.png"])
def test_a_link_that_is_put_in_the_way_while_it_is_opened_is_not_followed(
    swapped: str, by_folders: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root, outside):
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "fox.png").write_bytes(str(folder).encode())
    opening, opened = os.open, list[int]()

    def racing(*args: Any, **how: Any) -> int:
        if not (root / "before").exists():
            (root / swapped).rename(root / "before")
            (root / swapped).symlink_to(outside / swapped)
        opened.append(opening(*args, **how))
        return opened[-1]

    monkeypatch.setattr(os, "open", racing)
    monkeypatch.setattr(os, "supports_dir_fd", {racing} if by_folders else set())
    with pytest.raises(InvalidInput, match=r"cannot be read: "):
        open_local(root / "a" / "b" / "fox.png", roots=(root,), role="first_frame")
    assert opened
    for one in opened:
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(one)


@pytest.mark.parametrize("by_folders", [True, False])
def test_a_file_is_opened_on_every_system(by_folders: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", {os.open} if by_folders else set())
    (tmp_path / "a").mkdir(mode=0o700)
    (tmp_path / "a" / "fox.png").write_bytes(b"fox")
    for root in (tmp_path, tmp_path / "a", tmp_path / "a" / "fox.png"):
        with open_local(tmp_path / "a" / "fox.png", roots=(root,), role="first_frame") as file:
            assert file.read() == b"fox"


def test_without_roots_the_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="NEXIOM_MEDIA_ROOTS"):
        open_local(tmp_path / "x.png", roots=(), role="first_frame")


def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidInput, match="is not a file"):
        open_local(tmp_path / "pipe", roots=(tmp_path,), role="first_frame")
    with pytest.raises(InvalidInput):
        open_local(tmp_path, roots=(tmp_path,), role="first_frame")
    with pytest.raises(InvalidInput):
        open_local(tmp_path / "loop", roots=(tmp_path,), role="first_frame")
    with pytest.raises(InvalidInput, match="There is no file"):
        open_local(tmp_path / "missing.png", roots=(tmp_path,), role="first_frame")
    with pytest.raises(InvalidInput):
        open_local(Path("a\0b"), roots=(tmp_path,), role="first_frame")


@pytest.mark.parametrize(("role", "says"), [("first_frame", "50 MiB"), ("source_video", "512 MiB")])
def test_a_file_that_is_too_large_is_not_even_opened(tmp_path: Path, role: MediaRole, says: str) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2 * 2**30)
    with pytest.raises(InvalidInput, match=f"larger than {says}"):
        open_local(tmp_path / "huge", roots=(tmp_path,), role=role)


def test_a_file_as_large_as_may_be_is_opened(tmp_path: Path) -> None:
    with (tmp_path / "large.mp4").open("wb") as file:
        file.truncate(MOST_BYTES["video"])
    with open_local(tmp_path / "large.mp4", roots=(tmp_path,), role="source_video") as opened:
        assert opened.read(2) == b"\0\0"
