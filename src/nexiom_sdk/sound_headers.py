"""How long a sound is, as its headers have it: WAV files and MP3 files.

A sound that ends before its header says is damaged, so it has no length; of other types nothing is said.
"""

from __future__ import annotations

import io
from typing import BinaryIO

_MOST_CHUNKS = 4096
_MOST_FRAMES = 1_000_000  # seven hours
_KBPS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HERTZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_LAYER_3 = 1


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
    file.seek(0)
    head = file.read(10)
    at = 0
    if head[:3] == b"ID3" and len(head) == 10:
        at = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    length = 0.0
    for _ in range(_MOST_FRAMES):
        file.seek(at)
        frame = _frame(file.read(4))
        if frame is None:
            break
        at, length = at + frame[0], length + frame[1]
    return length or None


def _frame(head: bytes) -> tuple[int, float] | None:
    """Bytes and seconds of the frame that begins here; None where none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or head[1] >> 1 & 3 != _LAYER_3:
        return None
    version, rate, at = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or rate in {0, 15} or at == 3:
        return None
    samples, hertz = (1152, _HERTZ[version][at]) if version == 3 else (576, _HERTZ[version][at])
    kbps = _KBPS[1 if version == 3 else 2][rate]
    return samples * kbps * 125 // hertz + (head[2] >> 1 & 1), samples / hertz
