"""What a media file is by its content: probes, the check after a download, still pictures, types by magic.

Nothing here needs a third-party library. With the extra `media`, the end of a video is also decoded.
"""

from __future__ import annotations

import importlib
import io
import logging
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from nexiom_sdk.errors import ConfigurationError, ResultInvalid
from nexiom_sdk.mp4 import read_mp4
from nexiom_sdk.types import VideoProbe
from nexiom_sdk.webm import EBML_MAGIC, read_webm

if TYPE_CHECKING:
    from PIL.Image import Image

_log = logging.getLogger(__name__)

MAX_VIDEO_PIXELS = 8192 * 8192
MAX_VIDEO_SECONDS = 24 * 3600.0

_POSTER_AT = 0.1  # of the length: late enough to miss a fade-in
_TAIL_SECONDS = 1.0
_HEAD_BYTES = 64
_LIMITS = {"max_pixels": str(MAX_VIDEO_PIXELS)}  # of the decoder: the pictures may be larger than the index says
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (EBML_MAGIC, "video/webm"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xfa", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
)
_BRANDS = {b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"}
# HEIC and AVIF pictures lie in the same boxes as films, and no provider takes them.
_PICTURE_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1", b"avif", b"avis"}
)


def sniff(head: bytes) -> str | None:
    """The media type that the first bytes of a file prove; None for everything that is not plain media.

    Args:
        head: The first 64 bytes, or all where there are fewer.

    Example:
        >>> sniff(b"<!doctype html>") is None
        True
    """
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _PICTURE_BRANDS else _BRANDS.get(head[8:12], "video/mp4")
    if head.startswith(EBML_MAGIC) and b"matroska" in head[:_HEAD_BYTES]:
        return None  # the same elements as WebM, but any codec in them
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
    size_bytes = _size_bytes(file)
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
            match sniff(head):
                case "video/webm":
                    found = read_webm(opened, size_bytes)
                case "video/mp4" | "video/quicktime":
                    found = read_mp4(opened, size_bytes)
                case other:
                    raise ResultInvalid(f"The file is not a video: it {_looks_like(head, other)}.")
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    if not 0 < found.width * found.height <= MAX_VIDEO_PIXELS:
        raise ResultInvalid(f"No real video has a picture of {found.width:,} x {found.height:,} pixels.")
    if not 0 < found.duration_seconds <= MAX_VIDEO_SECONDS:
        raise ResultInvalid(f"No real video is {found.duration_seconds:,.0f} seconds long.")
    return found


def check_video(file: Path, *, expected_bytes: int | None = None, decode: bool | None = None) -> VideoProbe:
    """The check after a download: a half file is never accepted.

    One half file cannot be told from a whole one by itself: a video in fragments that announces no length, cut exactly
    between two of them. So hand over the length that the server announced.

    Args:
        file: The file.
        expected_bytes: Its length as the server announced it, where it did.
        decode: Whether to decode the end; None: where the extra `media` is installed.

    Raises:
        ResultInvalid: The file is not a whole, playable video.
        ConfigurationError: `decode` is True and the extra `media` is not installed.
    """
    size_bytes = _size_bytes(file)
    if expected_bytes is not None and size_bytes != expected_bytes:
        raise ResultInvalid(f"The video is incomplete: {size_bytes:,} of {expected_bytes:,} bytes arrived.")
    found = probe(file)
    can_decode = _importable("av")
    if decode and not can_decode:
        msg = "Decoding a video needs PyAV, and it cannot be loaded."
        raise ConfigurationError(msg, next_step='pip install "nexiom_sdk[media]"')
    if decode is None:
        decode = can_decode
    if decode:
        _decode_end(file, found)
    return found.evolve(decoded=decode)


def poster(file: Path) -> bytes | None:
    """A still picture of a video that was checked, as JPEG; None without the extra `media`.

    Args:
        file: The file.
    """
    if not _importable("av", "PIL.Image"):
        return None
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(file), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = _LIMITS
            start = (container.start_time or 0) / av.time_base
            at = start + (container.duration or 0) / av.time_base * _POSTER_AT
            container.seek(int(at * av.time_base))  # to the key frame before it
            frame = next(frame for frame in container.decode(stream) if (frame.time or at) >= at)
            picture: Image = frame.to_image()  # type: ignore[no-untyped-call]  # av 18
            jpeg = io.BytesIO()
            picture.rotate(frame.rotation, expand=True).save(jpeg, "JPEG", quality=85)  # pyright: ignore[reportUnknownMemberType]  # pillow 13
            return jpeg.getvalue()
    except (FFmpegError, IndexError, OSError, StopIteration, ValueError):
        _log.warning("no still picture could be made", exc_info=True, extra={"action": "poster_failed"})
        return None


def _decode_end(file: Path, found: VideoProbe) -> None:
    import av
    from av.error import FFmpegError

    try:
        # The notes in a file may be in any encoding; that makes the video no worse.
        with av.open(str(file), metadata_errors="replace") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = _LIMITS
            container.seek(max(int((found.duration_seconds - _TAIL_SECONDS) * av.time_base), 0))
            last = deque(container.decode(stream), maxlen=1)
    except (FFmpegError, IndexError, ValueError) as error:
        raise ResultInvalid("The video does not play to its end.") from error
    if not last:
        raise ResultInvalid("The video has no picture at its end.")
    if last[0].is_corrupt:  # the decoder made up what was missing
        raise ResultInvalid("The last picture of the video is damaged.")


def _size_bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> ResultInvalid:
    reason = error.strerror if isinstance(error, OSError) else error
    return ResultInvalid(f"The video cannot be read: {reason}.")


def _importable(*modules: str) -> bool:
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError:
        return False
    return True


def _looks_like(head: bytes, media_type: str | None) -> str:
    text = head.lstrip()[:1]
    if not head:
        return "is empty"
    if media_type is not None:
        return f"is {media_type}"
    if text == b"<":
        return "looks like a web page"
    return "looks like JSON" if text in {b"{", b"["} else "begins like no video"
