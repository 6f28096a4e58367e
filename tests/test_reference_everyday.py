"""Files as phones, recorders and pipes write them: what goes to a model is the plain picture or sound inside."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from media_rig import picture
from metadata_rig import CANARY, SECRET, ape, decoded, id3v2, mp3, stripped, video, wav
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.reference_copies import clean_copy
from nexiom_sdk.references import Reference
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import MediaRole

WAV = wav()
SOUND_AT = WAV.index(b"data") + 4
OPEN = b"\xff\xff\xff\xff"
EVERYDAY: dict[str, tuple[MediaRole, bytes, bytes]] = {
    "a photo with a clip behind it": ("first_frame", picture("JPEG") + sample_video(), picture("JPEG")),
    "a photo with a maker's notes behind it": (
        "first_frame",
        picture("JPEG") + bytes(6_000) + b"SEFT" + SECRET,
        picture("JPEG"),
    ),
    "a PNG with something behind it": ("first_frame", picture("PNG") + bytes(100) + SECRET, picture("PNG")),
    "a GIF with something behind it": ("first_frame", picture("GIF") + bytes(5_000) + SECRET, picture("GIF")),
    "a WAV out of a pipe": (
        "reference_audio",
        WAV[:4] + OPEN + WAV[8:SOUND_AT] + OPEN + WAV[SOUND_AT + 4 : -1],
        WAV,
    ),
    "a WAV that was never finished": (
        "reference_audio",
        WAV[:4] + bytes(4) + WAV[8:SOUND_AT] + bytes(4) + WAV[SOUND_AT + 4 : -1],
        WAV,
    ),
    "an MP3 with two tags": ("reference_audio", id3v2(SECRET) + id3v2(SECRET) + mp3(), mp3()),
    "an MP3 with padding behind its tag": ("reference_audio", id3v2(SECRET) + bytes(300) + mp3(), mp3()),
    "an MP3 with a tag of another family": ("reference_audio", id3v2(SECRET) + ape(head=True) + mp3(), mp3()),
}


async def cleaned(data: bytes, role: MediaRole) -> tuple[Reference, bytes]:
    async with clean_copy(io.BytesIO(data), role=role, name="a file") as copy:
        copy.place.seek(0)
        return copy.found, copy.place.read()


@pytest.mark.parametrize("what", EVERYDAY)
async def test_what_programs_write_around_a_picture_or_a_sound_is_taken_off(what: str) -> None:
    role, data, plain = EVERYDAY[what]
    found, out = await cleaned(data, role)
    assert out == plain
    assert found.size_bytes == len(plain)
    assert found.width == 33 or found.length_seconds


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("behind", [b"", bytes(6_000), sample_video()])
async def test_half_a_picture_is_refused_whatever_stands_behind_it(kind: str, behind: bytes) -> None:
    half = picture(kind, (300, 200), noise=True)
    with pytest.raises(InvalidInput, match="'a file' is damaged or incomplete"):
        await cleaned(half[: len(half) * 2 // 3] + behind, "first_frame")


async def test_what_is_too_large_is_refused_before_it_is_copied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("nexiom_sdk.reference_copies.without_metadata", None)
    with (tmp_path / "huge.png").open("w+b") as file:
        file.write(picture("PNG"))
        file.truncate(51 * 2**20)
        with pytest.raises(InvalidInput, match="is larger than 50 MiB"):
            async with clean_copy(file, role="first_frame", name="a file"):
                pass


async def test_a_sound_of_a_phone_is_a_sound_though_it_is_called_a_video(tmp_path: Path) -> None:
    data = stripped(video(tmp_path / "song.mp4"), "audio/mp4")
    assert data[4:12] == b"ftypisom"
    found, out = await cleaned(data, "reference_audio")
    assert (found.media_type, found.extension) == ("audio/mp4", "m4a")
    assert decoded(out) == decoded(data)


async def test_the_gps_of_a_dashcam_never_goes_out() -> None:
    data = sample_video()
    gps = struct.pack(">I4s", 264, b"mdat") + struct.pack(">I", 256) + b"freeGPS " + SECRET.ljust(244, b"\0")
    _, out = await cleaned(data + gps, "source_video")
    assert CANARY not in out
    assert decoded(out) == decoded(data)
