"""What a media file is by its content: probes, the check after a download, still pictures, types by magic.

Nothing here needs a third-party library. With the extra `media`, the end of a video is also decoded.
"""

from __future__ import annotations

import importlib.util
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from nexiom_sdk.errors import ResultInvalid
from nexiom_sdk.mp4 import read_mp4
from nexiom_sdk.types import Container, VideoProbe
from nexiom_sdk.webm import EBML_MAGIC, read_webm

if TYPE_CHECKING:
    from PIL.Image import Image

_log = logging.getLogger(__name__)

_POSTER_AT = 0.1  # of the length: late enough to miss a fade-in
_TAIL_SECONDS = 1.0
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
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    return next((media_type for magic, media_type in _MAGIC if head.startswith(magic)), None)


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
    except OSError as error:
        msg = f"The video cannot be read: {error.strerror or error}."
        raise ResultInvalid(msg) from error


def check_video(file: Path, *, expected_bytes: int | None = None, decode: bool | None = None) -> VideoProbe:
    """The check after a download: a half file is never accepted.

    Args:
        file: The file.
        expected_bytes: Its length as the server announced it, where it did.
        decode: Whether to decode the end; None: where the extra `media` is installed.

    Raises:
        ResultInvalid: The file is not a whole, playable video.
    """
    found = probe(file)
    size_bytes = file.stat().st_size
    if expected_bytes is not None and size_bytes != expected_bytes:
        raise ResultInvalid(f"The video is incomplete: {size_bytes:,} of {expected_bytes:,} bytes arrived.")
    if decode is None:
        decode = importlib.util.find_spec("av") is not None
    if decode:
        _decode_end(file, found)
    return found.evolve(decoded=decode)


def poster(file: Path) -> bytes | None:
    """A still picture of a video that was checked, as JPEG; None without the extra `media`.

    Args:
        file: The file.
    """
    if importlib.util.find_spec("av") is None or importlib.util.find_spec("PIL") is None:
        return None
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            if container.duration:
                container.seek(int(container.duration * _POSTER_AT))
            picture: Image = next(container.decode(stream)).to_image()  # type: ignore[no-untyped-call]  # av 18
            jpeg = io.BytesIO()
            picture.save(jpeg, "JPEG", quality=85)  # pyright: ignore[reportUnknownMemberType]  # pillow 13
            return jpeg.getvalue()
    except (FFmpegError, OSError, StopIteration, ValueError):
        _log.warning("no still picture could be made", exc_info=True, extra={"action": "poster_failed"})
        return None


def _decode_end(file: Path, found: VideoProbe) -> None:
    import av
    from av.error import FFmpegError

    frames = 0
    try:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            container.seek(max(int((found.duration_seconds - _TAIL_SECONDS) * av.time_base), 0))
            frames = sum(1 for _ in container.decode(stream))
    except (FFmpegError, IndexError, ValueError) as error:
        raise ResultInvalid("The video does not play to its end.") from error
    if not frames:
        raise ResultInvalid("The video has no picture at its end.")


def _looks_like(head: bytes) -> str:
    text = head.lstrip()[:1]
    if not head:
        return "is empty"
    if text == b"<":
        return "looks like a web page or XML"
    return "looks like JSON" if text in {b"{", b"["} else "begins like no video"
