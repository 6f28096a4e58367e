"""Copies a media file without what it says beside picture and sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import BinaryIO

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.metadata.gif import gif_parts
from nexiom_sdk.metadata.jpeg import jpeg_parts
from nexiom_sdk.metadata.mp3 import mp3_parts
from nexiom_sdk.metadata.mp4 import mp4_parts
from nexiom_sdk.metadata.parts import Kept, Part, Zeros, damaged
from nexiom_sdk.metadata.png import png_parts
from nexiom_sdk.metadata.riff import wav_parts, webp_parts
from nexiom_sdk.metadata.webm import webm_parts

_PARTS: Mapping[str, Callable[[Reader], Iterator[Part]]] = {
    "image/jpeg": jpeg_parts,
    "image/png": png_parts,
    "image/webp": webp_parts,
    "image/gif": gif_parts,
    "video/mp4": mp4_parts,
    "video/quicktime": mp4_parts,
    "video/webm": webm_parts,
    "audio/mpeg": mp3_parts,
    "audio/wav": wav_parts,
    "audio/mp4": partial(mp4_parts, tracks=frozenset({b"soun"})),
}
_CHUNK_BYTES = 256 * 1024
_BYTES_A_READ = 16  # the smallest pieces of sound are not much longer


def without_metadata(source: BinaryIO, target: BinaryIO, *, media_type: str) -> bool:
    """Copy a media file without what it says beside picture and sound; True if that changed a byte.

    How an image or a video is turned stays. Memory stays small, however large the file is.

    Args:
        source: The file, at its beginning; it can seek.
        target: Where the copy goes, from its present position on. After an error it holds the beginning of one.
        media_type: What the file is, by its content.

    Raises:
        InvalidInput: The file is broken so that nobody can tell what is metadata, or of a type that is not known.

    Example:
        >>> import io
        >>> from nexiom_sdk.testing import sample_video
        >>> clean = io.BytesIO()
        >>> without_metadata(io.BytesIO(sample_video()), clean, media_type="video/mp4")
        True
        >>> b"test clip" in sample_video(), b"test clip" in clean.getvalue()
        (True, False)
    """
    parts = _PARTS.get(media_type)
    if parts is None:
        raise damaged(f"nobody here knows files of the type {media_type[:50]!r}")
    reader = Reader(source, damaged, bytes_a_read=_BYTES_A_READ)
    at, changed = 0, False
    for part in parts(reader):
        for chunk, origin in _chunks(part, source):
            changed = changed or (origin != at if origin is not None else _read(source, at, len(chunk)) != chunk)
            target.write(chunk)
            at += len(chunk)
    return changed or at != reader.size


def _chunks(part: Part, source: BinaryIO) -> Iterator[tuple[bytes, int | None]]:
    """The bytes of a part in small pieces, each with its place in the original where it comes from there."""
    match part:
        case Kept(start, end):
            for at in range(start, end, _CHUNK_BYTES):
                wanted = min(_CHUNK_BYTES, end - at)
                chunk = _read(source, at, wanted)
                if len(chunk) < wanted:
                    raise damaged("it ends in the middle of a part")
                yield chunk, at
        case Zeros(length):
            for at in range(0, length, _CHUNK_BYTES):
                yield bytes(min(_CHUNK_BYTES, length - at)), None
        case _:
            yield part, None


def _read(source: BinaryIO, at: int, count: int) -> bytes:
    source.seek(at)
    return source.read(count)
