"""The heads that an MP3 file is made of: of its frames of sound, and of the tags before them."""

from __future__ import annotations

from typing import NamedTuple

HEAD_BYTES = 4
ID3_HEAD_BYTES = 10
TAG_HEAD_BYTES = 32  # the longest
APE = b"APETAGEX"

# Kilobits a second by the number in the head of a frame; 0 and 15 say nothing that can be measured.
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HERTZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_HAS_FOOTER = 0x10


class Frame(NamedTuple):
    """A piece of sound.

    Args:
        length: Its bytes, with its head.
        samples: How many it has.
        hertz: How many a second; each version has rates of its own, and neither changes within one sound.
    """

    length: int
    samples: int
    hertz: int


def frame_of(head: bytes) -> Frame | None:
    """The frame that begins with these four bytes; None where none does.

    Args:
        head: The bytes.

    Example:
        >>> frame_of(bytes((0xFF, 0xFB, 0x90, 0x00)))
        Frame(length=417, samples=1152, hertz=44100)
    """
    if len(head) < HEAD_BYTES or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # the sync, and layer 3
        return None
    version, rate, at = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version not in _HERTZ or rate in {0, 15} or at == 3:
        return None
    samples, kbits = (1152, _KBITS_1) if version == 3 else (576, _KBITS_2)
    hertz = _HERTZ[version][at]
    return Frame(samples * kbits[rate] * 125 // hertz + (head[2] >> 1 & 1), samples, hertz)


def tag_bytes(head: bytes) -> int:
    """Length of the tag that begins with these bytes; 0 where none does.

    Args:
        head: The bytes, `TAG_HEAD_BYTES` of them where there are so many.
    """
    if head[:3] == b"ID3" and len(head) >= ID3_HEAD_BYTES:
        return id3_bytes(head)
    if head[:8] == APE and len(head) >= TAG_HEAD_BYTES:
        return TAG_HEAD_BYTES + int.from_bytes(head[12:16], "little")
    return 0


def id3_bytes(head: bytes) -> int:
    """Length of a tag with its head, and with the footer that it may have.

    Args:
        head: Its head or its footer, which has the same form.
    """
    length = 0
    for byte in head[6:ID3_HEAD_BYTES]:  # seven bits a byte
        length = length << 7 | byte & 0x7F
    return length + ID3_HEAD_BYTES * (2 if head[5] & _HAS_FOOTER else 1)
