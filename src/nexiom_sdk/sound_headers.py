"""How long a sound is, as its headers have it: WAV files and MP3 files.

A sound that ends before its header says is damaged, so it has no length; of other types nothing is said.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from nexiom_sdk.mp3_frames import TAG_HEAD_BYTES, frame_of, tag_bytes

_MOST_CHUNKS = 4096
_MOST_FRAMES = 1_000_000  # seven hours


def wav_seconds(file: BinaryIO) -> float | None:
    """The length of a WAV file; None where it is damaged or incomplete.

    Args:
        file: The whole file; where it is read next may change.
    """
    size, at, bytes_per_second = file.seek(0, io.SEEK_END), 12, 0
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(20)
        kind, length = head[:4], int.from_bytes(head[4:8], "little")
        if len(head) < 8:
            return None
        if kind == b"fmt " and len(head) == 20:
            bytes_per_second = int.from_bytes(head[16:20], "little")
        elif kind == b"data":
            whole = bool(bytes_per_second) and 0 < length <= size - at - 8
            return length / bytes_per_second if whole else None
        at += 8 + length + length % 2
    return None


def mp3_seconds(file: BinaryIO) -> float | None:
    """The length of an MP3 file, by all of its frames; None where there are none.

    Args:
        file: The whole file; where it is read next may change.
    """
    at, length = 0, 0.0
    for _ in range(_MOST_FRAMES):
        file.seek(at)
        head = file.read(TAG_HEAD_BYTES)
        frame = frame_of(head)
        if frame is not None:
            at, length = at + frame.length, length + frame.samples / frame.hertz
        elif tag := tag_bytes(head):
            at += tag
        else:
            break
    return length or None
