"""MP3: frames of sound without anything around them; tags of several families stand before, behind and between them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.metadata.parts import Kept, Part, damaged
from nexiom_sdk.mp3_frames import APE, HEAD_BYTES, TAG_HEAD_BYTES, frame_of, id3_bytes, tag_bytes

_SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")
_TAG = re.compile(rb"TAG|ID3|LYRICSBEGIN")
_SMALLEST, _LARGEST = 4 * 1024, 256 * 1024
_PROOF_FRAMES = 3  # a frame found by its sync counts with two more behind it: pictures in tags hold stray syncs
_ID3V1_BYTES = 128


def mp3_parts(reader: Reader) -> Iterator[Part]:
    """What stays of an MP3: its frames, one behind the other.

    Args:
        reader: The file.

    Raises:
        InvalidInput: There is no frame of sound in it.
    """
    start = _after_tags(reader)
    end = _before_tags(reader, start)
    at, heard = start, False
    while True:
        run = _next_run(reader, at, end)
        if run is None:
            break
        yield Kept(*run)
        at, heard = run[1], True
    if not heard:
        raise damaged("the MP3 has no frame of sound")


def _after_tags(reader: Reader) -> int:
    at = 0
    while length := tag_bytes(reader.some(at, TAG_HEAD_BYTES)):
        at += length
    return at


def _before_tags(reader: Reader, start: int) -> int:
    """Where the tags at the end begin that may hold pictures; words alone never look like sound."""
    end = reader.size
    while end > start:
        tail = reader.take(max(start, end - _ID3V1_BYTES), min(end - start, _ID3V1_BYTES))
        footer = tail[-TAG_HEAD_BYTES:]
        if len(tail) == _ID3V1_BYTES and tail[:3] == b"TAG":
            end -= _ID3V1_BYTES
        elif len(footer) == TAG_HEAD_BYTES and footer[:8] == APE:
            # Its length counts the footer and not the head that it may have, which holds no picture.
            end -= max(TAG_HEAD_BYTES, int.from_bytes(footer[12:16], "little"))
        elif tail[-10:-7] == b"3DI":
            end -= id3_bytes(tail[-10:])
        else:
            break
    return max(end, start)


def _next_run(reader: Reader, at: int, end: int) -> tuple[int, int] | None:
    """Start and end of the next frames that follow each other without a gap."""
    window_bytes = _SMALLEST
    while at < end:
        window = reader.take(at, min(window_bytes, end - at))
        for found in _SYNC.finditer(window):
            start = at + found.start()
            if _is_sound(reader, start, end):
                return start, _end_of_run(reader, start, end)
        at += max(len(window) - 1, 1)  # a sync may lie across two windows
        window_bytes = min(2 * window_bytes, _LARGEST)
    return None


def _is_sound(reader: Reader, at: int, end: int) -> bool:
    """Whether frames of one kind follow each other here, or one or two fill the rest exactly."""
    hertz = None
    for _ in range(_PROOF_FRAMES):
        if at == end:
            break
        frame = frame_of(reader.some(at, HEAD_BYTES))
        if frame is None or at + frame.length > end or hertz not in {None, frame.hertz}:
            return False
        hertz, at = frame.hertz, at + frame.length
    return True


def _end_of_run(reader: Reader, at: int, end: int) -> int:
    first = frame_of(reader.take(at, HEAD_BYTES))
    window, base, window_bytes, last = b"", at, _SMALLEST, at
    while at < end:
        if at + HEAD_BYTES > base + len(window):
            window, base = reader.some(at, window_bytes), at
            window_bytes = min(2 * window_bytes, _LARGEST)
        frame = frame_of(window[at - base : at - base + HEAD_BYTES])
        if frame is None or first is None or frame.hertz != first.hertz:
            break
        last, at = at, at + frame.length
    # A recording may break off in its last frame; then a tag may lie where its rest should be.
    whole = at == end or not _TAG.search(reader.take(last, min(at, end) - last))
    return min(at, end) if whole else last
