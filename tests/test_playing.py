from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageStat

from clip_rig import (
    AS_THEY_SHOULD_BE,
    PHOTOGRAPH,
    Motion,
    black,
    clip,
    faded_in,
    frozen,
    frozen_later,
    noisy_black,
    panned,
    slow_zoom,
)
from nexiom_sdk import playing
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.media import probe
from nexiom_sdk.playing import MOST_PIXELS, Examined, played
from nexiom_sdk.preview.render import render
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import VideoSpec

SECONDS = 4
FRAMES = SECONDS * 24


def shown(file: Path) -> Examined:
    return played(file, probe(file))


def still(playing: Examined) -> Image.Image:
    assert playing.poster is not None
    return Image.open(io.BytesIO(playing.poster))


def level(picture: Image.Image) -> float:
    return float(ImageStat.Stat(picture.convert("L")).mean[0])


@pytest.mark.parametrize("crf", [18, 28])
@pytest.mark.parametrize("motion", AS_THEY_SHOULD_BE, ids=lambda one: one.__name__)
def test_a_clip_as_it_should_be_is_not_remarked_on(motion: Motion, crf: int, tmp_path: Path) -> None:
    found = shown(clip(tmp_path / "clip.mp4", motion(FRAMES), crf=crf, preset="veryfast"))
    assert found.remarks == ()
    assert found.probe.decoded


@pytest.mark.parametrize(
    ("motion", "remark"),
    [
        (black, "the picture is black throughout"),
        (noisy_black, "the picture is black throughout"),
        (frozen, "the picture does not move at all"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
@pytest.mark.parametrize(
    "options",
    [{"crf": 18}, {"crf": 28, "g": 24}, {"b": "600k", "g": 48}, {"codec": "libx265", "x265-params": "log-level=none"}],
    ids=["fine", "coarse", "few bits", "H.265"],
)
def test_a_clip_without_anything_to_see_is_told(
    motion: Motion, remark: str, options: dict[str, Any], tmp_path: Path
) -> None:
    assert shown(clip(tmp_path / "clip.mp4", motion(FRAMES), preset="veryfast", **options)).remarks == (remark,)


def test_a_picture_that_stands_still_for_most_of_the_time_is_told_with_its_length(tmp_path: Path) -> None:
    file = clip(tmp_path / "clip.mp4", frozen_later(FRAMES), crf=23, preset="veryfast")
    (remark,) = shown(file).remarks
    words = remark.removeprefix("the picture does not move for ").split()
    assert 2.3 <= float(words[0]) <= 2.8
    assert words[1:] == ["of", "4", "s"]


@pytest.mark.parametrize("prompt", ["a", "a fox in snow", "words " * 60])
@pytest.mark.parametrize("length", [0.5, 2.0, 5.0])
def test_the_previews_of_the_local_provider_are_as_they_should_be(prompt: str, length: float, tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(render(VideoSpec(model="preview", prompt=prompt, resolution="360p", duration_seconds=length)).data)
    assert shown(file).remarks == ()


def test_the_sample_of_the_test_kit_is_as_it_should_be(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    file.write_bytes(sample_video())
    found = shown(file)
    assert (found.remarks, found.probe.decoded) == ((), True)


def test_the_still_picture_is_not_the_black_one_at_the_beginning(tmp_path: Path) -> None:
    assert level(still(shown(clip(tmp_path / "clip.mp4", faded_in(FRAMES), crf=23)))) > 50


def test_the_still_picture_comes_from_about_a_tenth_of_the_length(tmp_path: Path) -> None:
    def brighter(n: int) -> Iterator[Image.Image]:
        return (Image.new("RGB", (320, 180), (2 * number, 2 * number, 2 * number)) for number in range(n))

    picture = still(shown(clip(tmp_path / "clip.mp4", brighter(96), crf=18, preset="veryfast")))
    assert 2 * 9 <= level(picture) <= 2 * 15


def test_a_black_clip_has_its_brightest_picture_as_still_picture(tmp_path: Path) -> None:
    def flash(n: int) -> Iterator[Image.Image]:
        return (Image.new("RGB", (320, 180), (90, 90, 90) if number == 3 else (0, 0, 0)) for number in range(n))

    found = shown(clip(tmp_path / "clip.mp4", flash(96), crf=18, preset="veryfast"))
    assert found.remarks == ("the picture is black throughout",)
    assert level(still(found)) > 60


def test_the_still_picture_of_a_turned_clip_is_turned_too(tmp_path: Path) -> None:
    def left_is_bright(n: int) -> Iterator[Image.Image]:
        picture = Image.new("RGB", (320, 180))
        picture.paste((200, 200, 200), (0, 0, 160, 180))
        return (picture for _ in range(n))

    data = clip(tmp_path / "straight.mp4", left_is_bright(24), crf=18).read_bytes()
    straight = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    clockwise = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 180 << 16, 0, 0x40000000)
    at = data.index(straight, data.index(b"tkhd"))
    file = tmp_path / "turned.mp4"
    file.write_bytes(data[:at] + clockwise + data[at + 36 :])
    picture = still(shown(file))
    assert picture.size == (180, 320)
    assert level(picture.crop((0, 0, 180, 150))) > 150  # turned clockwise, left is above
    assert level(picture.crop((0, 170, 180, 320))) < 50


@pytest.mark.parametrize("place", [0.02, 0.35, 0.6, 0.95])
@pytest.mark.parametrize("with_what", ["zeros", "noise"])
def test_a_clip_that_is_damaged_anywhere_does_not_play_to_its_end(place: float, with_what: str, tmp_path: Path) -> None:
    pictures, muxer = (panned(number) for number in range(FRAMES)), {"movflags": "faststart"}
    file = clip(tmp_path / "clip.mp4", pictures, muxer=muxer, crf=18, g=24, preset="veryfast")
    data = bytearray(file.read_bytes())
    media = data.index(b"mdat") + 4
    start = media + int((len(data) - media) * place)
    length = min(20_000, len(data) - start)
    data[start : start + length] = bytes(length) if with_what == "zeros" else os.urandom(length)
    file.write_bytes(data)
    with pytest.raises(ResultInvalid, match="does not play to its end"):
        shown(file)


def test_a_short_clip_is_damaged_even_where_no_look_would_land(tmp_path: Path) -> None:
    file = clip(tmp_path / "clip.mp4", (panned(number) for number in range(FRAMES)), crf=18, g=24, preset="veryfast")
    with av.open(str(file)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    data = bytearray(file.read_bytes())
    for packet in packets[34:38]:  # the third second begins at 48
        assert packet.pos is not None
        assert not packet.is_keyframe
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    file.write_bytes(data)
    with pytest.raises(ResultInvalid, match="does not play to its end"):
        shown(file)


def test_trouble_of_the_decoder_is_ours_and_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = clip(tmp_path / "clip.mp4", slow_zoom(24), crf=23)
    data = file.read_bytes()
    media = data.index(b"mdat") + 4
    found = probe(file)
    for rubbish in (data[:media] + bytes(len(data) - media), b"", b"<html>", data[: media // 2]):
        file.write_bytes(rubbish)
        with pytest.raises(ResultInvalid):
            played(file, found)
    file.unlink()
    with pytest.raises(ResultInvalid):
        played(file, found)
    assert capfd.readouterr() == ("", "")


def test_a_clip_that_nobody_here_can_decode_is_kept_and_told(tmp_path: Path) -> None:
    file = clip(tmp_path / "clip.mp4", slow_zoom(24), crf=23)
    data = file.read_bytes()
    file.write_bytes(data.replace(b"avc1\0\0\0\0", b"zzz1\0\0\0\0", 1).replace(b"avcC", b"zzzC", 1))
    assert shown(file) == Examined(
        probe=probe(file), remarks=("it could not be played here: there is no decoder for zzz1",)
    )


def test_a_clip_that_claims_to_be_huge_is_kept_and_not_decoded(tmp_path: Path) -> None:
    file = clip(tmp_path / "clip.mp4", slow_zoom(24), crf=23)
    found = probe(file).evolve(width=30_000, height=30_000)
    assert played(file, found) == Examined(
        probe=found, remarks=("its picture of 30000x30000 is too large to be played here",)
    )
    assert found.width * found.height > MOST_PIXELS >= 4096 * 2160


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells what a process held at most")
@pytest.mark.parametrize("side", [16_000, 30_000])
def test_a_stream_that_is_larger_than_its_file_says_costs_no_memory(side: int, tmp_path: Path) -> None:
    file = clip(tmp_path / "clip.webm", frozen(6), codec="libvpx-vp9", deadline="realtime")
    data = bytearray(file.read_bytes())
    at = data.index(b"\x49\x83\x42") + 3  # after the mark of a key frame: four bits of colour, width and height
    bits = int.from_bytes(data[at : at + 5], "big")
    width, height = bits >> 20 & 0xFFFF, bits >> 4 & 0xFFFF
    assert (width + 1, height + 1) == PHOTOGRAPH.size
    bits = bits & ~(0xFFFFFFFF << 4) | (side - 1) << 20 | (side - 1) << 4
    data[at : at + 5] = bits.to_bytes(5, "big")
    file.write_bytes(data)
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins anew
    before = kib_of("VmRSS")
    with pytest.raises(ResultInvalid, match="does not play"):
        shown(file)
    assert kib_of("VmHWM") - before < 64 * 1024


def kib_of(name: str) -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:"))


@pytest.mark.parametrize("kind", ["mp4", "webm", "fragments"])
def test_a_long_clip_is_looked_at_here_and_there_and_at_its_end(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "_WHOLE_SECONDS", 3.0)
    codec: dict[str, Any] = {"preset": "veryfast"}
    if kind == "webm":
        codec = {"codec": "libvpx-vp9", "deadline": "realtime", "cpu-used": "8"}
    name = "clip.webm" if kind == "webm" else "clip.mp4"
    muxer = {"movflags": "frag_keyframe+empty_moov"} if kind == "fragments" else None

    def made(pictures: Iterator[Image.Image]) -> Path:
        return clip(tmp_path / name, pictures, g=12, muxer=muxer, **codec)

    moving = shown(made(panned(number) for number in range(8 * 24)))
    assert (moving.remarks, moving.probe.decoded) == ((), True)
    assert still(moving).size == PHOTOGRAPH.size
    assert shown(made(frozen(8 * 24))).remarks == ("the picture does not move at all",)


def test_a_long_clip_that_breaks_off_is_not_played_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "_WHOLE_SECONDS", 3.0)
    file = clip(tmp_path / "clip.mp4", (panned(number) for number in range(8 * 24)), g=24, preset="veryfast")
    data = file.read_bytes()
    end = data.index(b"moov") - 4
    cut = (end - data.index(b"mdat")) // 20
    file.write_bytes(data[: end - cut] + bytes(cut) + data[end:])
    with pytest.raises(ResultInvalid):
        shown(file)


def test_endless_pictures_are_not_played_to_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "_MOST_FRAMES", 20)
    found = shown(clip(tmp_path / "clip.mp4", slow_zoom(48), crf=23))
    assert not found.probe.decoded
    assert found.remarks[-1] == "it has too many pictures to be played here to its end"
