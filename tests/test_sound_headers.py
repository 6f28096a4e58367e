from __future__ import annotations

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metadata_rig import ape, id3v2
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.references import inspect
from nexiom_sdk.sound_headers import mp3_seconds, wav_seconds


def wav(seconds: float, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\0\0\0\0" * int(seconds * rate))
    return out.getvalue()


def mp3(frames: int, *, tag: bytes = b"", head: bytes = b"\xff\xfb\x90\x00") -> bytes:
    """Frames of MPEG-1 layer III with 128 kbit/s at 44,100 Hz, silent as far as headers go."""
    return tag + (head + bytes(413)) * frames


@pytest.mark.parametrize("seconds", [0.5, 1, 15])
def test_the_length_of_a_wav_file_is_known(seconds: float) -> None:
    assert wav_seconds(io.BytesIO(wav(seconds))) == pytest.approx(seconds)
    assert inspect(wav(seconds), role="reference_audio").length_seconds == pytest.approx(seconds)


def test_a_wav_file_with_notes_before_its_sound_is_read_over_them() -> None:
    data = wav(1)
    noted = data[:12] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + data[12:]
    assert wav_seconds(io.BytesIO(noted)) == pytest.approx(1)


@given(share=st.floats(0, 0.99))
def test_half_a_wav_file_is_refused(share: float) -> None:
    data = wav(0.1)
    assert wav_seconds(io.BytesIO(data[: int(len(data) * share)])) is None


@pytest.mark.parametrize("tag", [b"", id3v2(bytes(133)), id3v2(bytes(133), footer=True), id3v2(b"") + ape(head=True)])
def test_the_length_of_an_mp3_file_is_that_of_its_frames(tag: bytes) -> None:
    data = mp3(100, tag=tag)
    assert mp3_seconds(io.BytesIO(data)) == pytest.approx(100 * 1152 / 44_100)
    assert inspect(data, role="reference_audio").length_seconds == pytest.approx(2.612, abs=0.001)


@pytest.mark.parametrize("data", [b"ID3\4\0\0\0\0\0\0", b"ID3\4\0\0\0\0\0\0RIFF", b"RIFF\x04\0\0\0WAVE"])
def test_a_sound_without_any_sound_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="damaged or incomplete"):
        inspect(data, role="reference_audio")


def test_a_sound_of_a_type_whose_length_is_not_read_is_taken() -> None:
    assert inspect(b"\0\0\0\x10ftypM4A \0\0\0\0", role="reference_audio").length_seconds is None


@given(st.sampled_from([b"", b"ID3", b"\xff\xfb\x90\x00", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"]), st.binary(max_size=300))
def test_noise_has_a_length_or_none_and_nothing_else(start: bytes, noise: bytes) -> None:
    for read in (mp3_seconds, wav_seconds):
        length = read(io.BytesIO(start + noise))
        assert length is None or length > 0
