"""What a media file is by its content: probes, the check after a download, types by magic.

Nothing here needs a third-party library. With the extra `media`, a video is also played.
"""

from __future__ import annotations

from pathlib import Path

from nexiom_sdk import media_extra
from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.mp4 import read_mp4
from nexiom_sdk.playing import Examined, played, unreadable
from nexiom_sdk.types import Container, VideoProbe
from nexiom_sdk.webm import EBML_MAGIC, read_webm

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (EBML_MAGIC, "video/webm"),
    (b"ID3", "audio/mpeg"),
    # The first frame of an MP3 without a tag: three versions, each with a checksum or without.
    *((bytes((0xFF, one)), "audio/mpeg") for one in (0xFA, 0xFB, 0xF2, 0xF3, 0xE2, 0xE3)),
)
_HEIF = frozenset(b"heic heix hevc hevx heim heis mif1 msf1 avif avis".split())
_BRANDS = {b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}


def container_of(head: bytes) -> Container:
    """What a video file is in, if it is one; only looking into it shows whether it is.

    Args:
        head: At least the first four bytes.
    """
    return "webm" if head.startswith(EBML_MAGIC) else "mp4"


def sniff(head: bytes) -> str | None:
    """The media type that the first bytes of a file prove; None for everything that is not plain media.

    Args:
        head: At least the first 16 bytes.

    Example:
        >>> sniff(b"<!doctype html>") is None
        True
    """
    if head[4:8] == b"ftyp" and head[8:12] not in _HEIF:
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] in {b"RIFF", b"RF64", b"BW64"}:
        plain = {b"WEBP": "image/webp"} if head[:4] == b"RIFF" else {}
        return {**plain, b"WAVE": "audio/wav"}.get(head[8:12])
    return next((media_type for magic, media_type in _MAGIC if head.startswith(magic)), None)


def heif_of(head: bytes) -> str | None:
    """What a picture is called that phones save and that no media here is; None for all else.

    Args:
        head: At least the first 16 bytes.
    """
    if head[4:8] != b"ftyp" or head[8:12] not in _HEIF:
        return None
    # The first name may be that of the family; then those behind it tell.
    names = head[8 : int.from_bytes(head[:4], "big")]
    return "an AVIF picture" if b"avi" in names else "a HEIC picture"


def probe(file: Path) -> VideoProbe:
    """What a video file says it is, after checking that everything it speaks of is there.

    Args:
        file: An MP4 or WebM file.

    Raises:
        ResultInvalid: It is not a whole, readable video.
    """
    try:
        size_bytes = file.stat().st_size
        with file.open("rb") as opened:
            head = opened.read(16)
            if container_of(head) == "webm":
                return read_webm(opened, size_bytes)
            kind = sniff(head)
            if kind is None or not kind.startswith("video/"):
                raise ResultInvalid(f"The file is not a video: it {f'is {kind}' if kind else _looks_like(head)}.")
            return read_mp4(opened, size_bytes)
    except OSError as error:  # it says nothing of the video
        raise unreadable(error) from error


def examined(file: Path) -> Examined:
    """The check after a download: a half file is never accepted. It blocks and takes CPU time, so run it in a thread.

    Args:
        file: The file; it is played too, where the extra `media` is installed.

    Raises:
        ResultInvalid: The file is not a whole, playable video.
    """
    found = probe(file)
    return played(file, found) if media_extra.installed() else Examined(probe=found)


def _looks_like(head: bytes) -> str:
    text = head.lstrip()[:1]
    if not head:
        return "is empty"
    if text == b"<":
        return "looks like a web page or XML"
    return "looks like JSON" if text in {b"{", b"["} else "begins like no video"
