from __future__ import annotations

import io
import random
import struct
import wave
from pathlib import Path

import av
import pytest

from metadata_rig import (
    CANARY,
    SECRET,
    WORD,
    ape,
    decoded,
    id3v2,
    mp3,
    mp3_with_secrets,
    riff,
    riff_chunk,
    stripped,
    wav,
)
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.media import sniff
from nexiom_sdk.metadata import without_metadata
from nexiom_sdk.references import inspect

SOUND = random.Random(1).randbytes(4801)
FORM = riff_chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 48_000, 48_000, 1, 8))


@pytest.mark.parametrize(
    "kind", [b"LIST", b"bext", b"iXML", b"id3 ", b"ID3 ", b"cue ", b"JUNK", b"_PMX", b"axml", b"smpl", b"PEAK", b"zzzz"]
)
def test_a_wav_keeps_its_form_and_its_sound(kind: bytes) -> None:
    more = riff_chunk(kind, SECRET)
    data = wav(more, riff_chunk(kind, b"INFO" + SECRET)) if kind == b"LIST" else wav(more)
    clean = stripped(data + SECRET, "audio/wav")
    assert clean == wav(b"")
    with wave.open(io.BytesIO(clean)) as opened:
        assert opened.readframes(5000) == SOUND
    assert inspect(clean, role="reference_audio").media_type == "audio/wav"


def test_a_wav_of_a_recorder_with_wrong_lengths_is_put_right() -> None:
    open_ended = b"RIFF\xff\xff\xff\xffWAVE" + FORM + riff_chunk(b"LIST", SECRET) + b"data\xff\xff\xff\xff" + SOUND
    assert stripped(open_ended, "audio/wav") == wav(b"")
    for length in (bytes(4), b"\xff" * 4):  # nobody came back to fill them in
        piped = b"RIFF" + length + b"WAVE" + FORM + b"data\0\0\0\0" + SOUND
        assert stripped(piped, "audio/wav") == wav(b"")
    silent = riff(b"WAVE", FORM, riff_chunk(b"data", b""))
    assert stripped(silent + riff_chunk(b"LIST", SECRET), "audio/wav") == silent
    unpadded = wav(b"")[:-1]
    assert stripped(unpadded, "audio/wav") == wav(b"")
    assert stripped(wav(b"") + b"notes" + SECRET, "audio/wav") == wav(b"")


def test_a_count_of_samples_stays() -> None:
    data = wav(riff_chunk(b"fact", struct.pack("<I", 4801)))
    assert stripped(data, "audio/wav") == data


@pytest.mark.parametrize("head", [b"RF64", b"BW64"])
@pytest.mark.parametrize("sizes", [struct.pack("<QQQI", 99, len(SOUND), len(SOUND), 0), bytes(28)])
def test_a_wav_with_room_for_long_lengths_becomes_a_plain_one(head: bytes, sizes: bytes) -> None:
    """Programs choose that form beforehand, however short the sound becomes, and models take plain ones."""
    more = riff_chunk(b"axml", SECRET) if any(sizes) else b""
    start = riff_chunk(b"ds64", sizes) + FORM + riff_chunk(b"bext", SECRET) + b"data\xff\xff\xff\xff" + SOUND
    dirty = head + b"\xff\xff\xff\xffWAVE" + start + b"\0" * bool(more) + more
    assert stripped(dirty, "audio/wav") == wav(b"")
    assert sniff(dirty) == "audio/wav"


def test_a_wav_that_no_plain_one_can_hold_is_refused(tmp_path: Path) -> None:
    sizes = struct.pack("<QQQI", 99, 2**32, 2**32, 0)
    with (tmp_path / "long.wav").open("w+b") as file:
        file.write(b"RF64\xff\xff\xff\xffWAVE" + riff_chunk(b"ds64", sizes) + FORM + b"data\xff\xff\xff\xff")
        file.truncate(2**32 + 1000)
        with pytest.raises(InvalidInput, match="longer than 4 GiB"):
            without_metadata(file, io.BytesIO(), media_type="audio/wav")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "middle of a part"),
        (riff(b"AVI "), "begin like a WAV"),
        (riff(b"WAVE", FORM), "no sound"),
        (riff(b"WAVE", riff_chunk(b"data", SOUND)), "strange order"),
        (riff(b"WAVE", FORM, FORM), "strange order"),
        (riff(b"WAVE", FORM, riff_chunk(b"LIST", SECRET)[:-2]), "incomplete"),
        (wav(b"")[:-9], "incomplete"),
    ],
)
def test_a_wav_of_which_nobody_can_tell_what_is_what_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        stripped(data, "audio/wav")


def test_tags_of_all_families_go_from_an_mp3_and_every_frame_stays() -> None:
    data = mp3_with_secrets()
    clean = stripped(data, "audio/mpeg")
    assert data.count(CANARY) > 50
    assert clean == mp3(80)
    assert inspect(clean, role="reference_audio").media_type == "audio/mpeg"


def test_a_real_mp3_sounds_the_same(tmp_path: Path) -> None:
    file = tmp_path / "song.mp3"
    with av.open(str(file), "w") as out:
        for name in ("title", "artist", "comment", "encoded_by", "location"):
            out.metadata[name] = WORD
        stream = out.add_stream("libmp3lame", rate=44_100)
        for start in range(0, 44_100, 1152):
            heard = av.AudioFrame(format="s16p", layout="mono", samples=1152)
            heard.sample_rate, heard.pts = 44_100, start
            heard.planes[0].update(random.Random(start).randbytes(2304))
            out.mux(stream.encode(heard))
        out.mux(stream.encode(None))
    data = file.read_bytes()
    clean = stripped(data, "audio/mpeg")
    assert CANARY in data
    assert CANARY not in clean
    assert decoded(clean) == decoded(data)
    assert stripped(clean, "audio/mpeg") == clean


@pytest.mark.parametrize(
    "tags", [id3v2(SECRET), id3v2(SECRET, footer=True), ape(head=True), id3v2(b"") + bytes(70_000)]
)
def test_tags_in_front_go(tags: bytes) -> None:
    assert stripped(tags + mp3(), "audio/mpeg") == mp3()


def test_a_cover_with_what_looks_like_sound_goes_with_its_tag() -> None:
    decoy = mp3(2) + SECRET + mp3(1)
    assert stripped(id3v2(decoy) + mp3(), "audio/mpeg") == mp3()
    assert stripped(mp3() + b"zzzz" + decoy, "audio/mpeg") == mp3() + mp3(1)


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"\xff\xfb\x90\x00", 417),  # 128 kbit/s at 44.1 kHz
        (b"\xff\xfb\x92\x00", 418),  # the same with padding
        (b"\xff\xfa\x94\x00", 384),  # at 48 kHz, with a checksum
        (b"\xff\xf3\x84\x00", 192),  # the second version: 64 kbit/s at 24 kHz
        (b"\xff\xe3\x44\x00", 192),  # the version between: 32 kbit/s at 12 kHz
        (b"\xff\xe2\x44\x00", 192),  # the same with a checksum
        (b"\xff\xf2\x84\x00", 192),
    ],
)
def test_frames_of_every_version_are_measured(head: bytes, length: int) -> None:
    frames = (head + bytes(length - 4)) * 5
    assert stripped(b"what is this" + frames + SECRET, "audio/mpeg") == frames
    assert inspect(frames, role="reference_audio").media_type == "audio/mpeg"


def test_a_recording_that_breaks_off_keeps_its_last_bytes() -> None:
    assert stripped(mp3()[:-100], "audio/mpeg") == mp3()[:-100]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SECRET,
        id3v2(SECRET),
        id3v2(SECRET)[:20],
        b"\xff\xfb\x00\x00" * 99,
        b"\xff\xfd\x84\x00" + bytes(380),
        ape(head=True),
    ],
)
def test_an_mp3_without_a_frame_of_sound_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="no frame of sound"):
        stripped(data, "audio/mpeg")


@pytest.mark.parametrize("tag", [id3v2(SECRET), b"TAG" + SECRET, ape(head=True), b"LYRICSBEGIN" + SECRET])
def test_a_frame_that_breaks_off_before_a_tag_does_not_hide_it(tag: bytes) -> None:
    assert stripped(mp3(9)[:-400] + tag + bytes(900) + mp3(9), "audio/mpeg") == mp3(8) + mp3(9)
