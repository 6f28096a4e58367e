"""MP3: frames of sound without anything around them; tags of several families stand before, behind and between them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.metadata.parts import Kept, Part, damaged

# Kilobits a second by the number in the head of a frame; 0 and 15 say nothing that can be measured.
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HERTZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")
_TAG = re.compile(rb"TAG|ID3|LYRICSBEGIN")
_SMALLEST, _LARGEST = 4 * 1024, 256 * 1024
_PROOF_FRAMES = 3  # a frame found by its sync counts with two more behind it: pictures in tags hold stray syncs
_APE, _APE_BYTES = b"APETAGEX", 32
_ID3V1_BYTES, _ID3V2_BYTES = 128, 10


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
    while True:
        head = reader.some(at, _APE_BYTES)
        if head[:3] == b"ID3" and len(head) >= _ID3V2_BYTES:
            at += _id3_bytes(head)
        elif head[:8] == _APE and len(head) == _APE_BYTES:
            at += _APE_BYTES + int.from_bytes(head[12:16], "little")
        else:
            return at


def _before_tags(reader: Reader, start: int) -> int:
    """Where the tags at the end begin that may hold pictures; words alone never look like sound."""
    end = reader.size
    while end > start:
        tail = reader.take(max(start, end - _ID3V1_BYTES), min(end - start, _ID3V1_BYTES))
        footer = tail[-_APE_BYTES:]
        if len(tail) == _ID3V1_BYTES and tail[:3] == b"TAG":
            end -= _ID3V1_BYTES
        elif len(footer) == _APE_BYTES and footer[:8] == _APE:
            # Its length counts the footer and not the head that it may have, which holds no picture.
            end -= max(_APE_BYTES, int.from_bytes(footer[12:16], "little"))
        elif tail[-10:-7] == b"3DI":
            end -= _id3_bytes(tail[-10:])
        else:
            break
    return max(end, start)


def _id3_bytes(head: bytes) -> int:
    """Length of a tag with its head, and with the footer that it may have; seven bits a byte."""
    length = 0
    for byte in head[6:10]:
        length = length << 7 | byte & 0x7F
    return length + _ID3V2_BYTES * (2 if head[5] & 0x10 else 1)


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
    kind = None
    for _ in range(_PROOF_FRAMES):
        if at == end:
            break
        head = reader.some(at, 4)
        length = _frame_bytes(head)
        if not length or at + length > end or (kind is not None and _kind(head) != kind):
            return False
        kind, at = _kind(head), at + length
    return True


def _end_of_run(reader: Reader, at: int, end: int) -> int:
    kind = _kind(reader.take(at, 4))
    window, base, window_bytes, last = b"", at, _SMALLEST, at
    while at < end:
        if at + 4 > base + len(window):
            window, base = reader.some(at, window_bytes), at
            window_bytes = min(2 * window_bytes, _LARGEST)
        head = window[at - base : at - base + 4]
        length = _frame_bytes(head)
        if not length or _kind(head) != kind:
            break
        last, at = at, at + length
    # A recording may break off in its last frame; then a tag may lie where its rest should be.
    whole = at == end or not _TAG.search(reader.take(last, min(at, end) - last))
    return min(at, end) if whole else last


def _kind(head: bytes) -> tuple[int, int]:
    """Version and sampling rate: they never change within one sound."""
    return head[1] & 0xFE, head[2] & 0x0C


def _frame_bytes(head: bytes) -> int:
    """Length of the frame that begins with these four bytes; 0 where none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # the sync, and layer 3
        return 0
    version, rate, hertz = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version not in _HERTZ or rate in {0, 15} or hertz == 3:
        return 0
    first = version == 3
    bits = (_KBITS_1 if first else _KBITS_2)[rate] * 1000
    return (144 if first else 72) * bits // _HERTZ[version][hertz] + (head[2] >> 1 & 1)
