from __future__ import annotations

import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.mp3_frames import frame_of, id3_bytes


@pytest.mark.parametrize("hertz", [44_100, 48_000, 32_000, 22_050, 24_000, 16_000, 11_025, 12_000, 8_000])
@pytest.mark.parametrize("kbits", [32, 64])
def test_the_frames_that_a_coder_writes_follow_each_other(hertz: int, kbits: int) -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp3", options={"id3v2_version": "0", "write_xing": "0"}) as file:
        track = file.add_stream("libmp3lame", rate=hertz)
        assert isinstance(track, av.AudioStream)
        track.bit_rate, track.layout = kbits * 1000, "mono"
        for start in range(0, hertz, 1152):
            heard = av.AudioFrame(format="s16p", layout="mono", samples=1152)
            heard.sample_rate, heard.pts = hertz, start
            heard.planes[0].update(bytes(2304))
            file.mux(track.encode(heard))
        file.mux(track.encode())
    data, at, seconds = out.getvalue(), 0, 0.0
    while at < len(data):
        frame = frame_of(data[at : at + 4])
        assert frame is not None
        assert frame.hertz == hertz
        at, seconds = at + frame.length, seconds + frame.samples / frame.hertz
    assert at == len(data)
    assert seconds == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("head", [b"", b"\xff\xfb\x90", b"\xfe\xfb\x90\0", b"\xff\xfd\x90\0", b"\xff\xeb\x90\0"])
def test_what_begins_no_frame_of_this_kind_is_none(head: bytes) -> None:
    assert frame_of(head) is None


@given(st.binary(min_size=4, max_size=4))
def test_any_frame_is_longer_than_its_head(head: bytes) -> None:
    frame = frame_of(head)
    assert frame is None or frame.length > len(head)


@pytest.mark.parametrize(("flags", "length"), [(0, 10 + 133), (0x10, 20 + 133)])
def test_the_footer_of_a_tag_counts_where_it_has_one(flags: int, length: int) -> None:
    assert id3_bytes(b"ID3\4\0" + bytes((flags, 0, 0, 1, 5))) == length
