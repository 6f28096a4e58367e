"""A reference that a user hands in: safe to read, and really what its role needs, before anything is spent.

Everything is judged by content, never by name, and before any decoder sees a byte; nothing is read into memory whole.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nexiom_sdk.bounded_reading import Reader
from nexiom_sdk.errors import InvalidInput, ResultInvalid
from nexiom_sdk.media import heif_of, sniff
from nexiom_sdk.metadata.mp4 import has_sound_only
from nexiom_sdk.models import MediaKind, kind_of
from nexiom_sdk.mp4 import read_mp4
from nexiom_sdk.picture_headers import picture_size
from nexiom_sdk.sound_headers import mp3_seconds, wav_seconds
from nexiom_sdk.types import MediaRole
from nexiom_sdk.webm import read_webm
from nexiom_sdk.wording import printable, size

_MIB = 1024 * 1024

MAX_IMAGE_BYTES = 50 * _MIB
MAX_VIDEO_BYTES = 512 * _MIB  # providers take videos of up to 200 MB; one that another model cannot take may be larger
MAX_AUDIO_BYTES = 50 * _MIB
MAX_REFERENCE_PIXELS = 64_000_000
MOST_BYTES: Mapping[MediaKind, int] = {"image": MAX_IMAGE_BYTES, "video": MAX_VIDEO_BYTES, "audio": MAX_AUDIO_BYTES}
"""Largest reference of each kind."""

_EXTENSION = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/mp4": "m4a",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a file was found to be.

    Args:
        size_bytes: Its length.
        media_type: Its type, by content.
        width: Width of a picture or a video as it is shown, in pixels; None for sounds.
        height: Height of a picture or a video as it is shown, in pixels; None for sounds.
        length_seconds: Length of a video or a sound; None for pictures, and where the file does not tell.
        frames_per_second: Mean frame rate of a video, where the file tells.
    """

    size_bytes: int
    media_type: str
    width: int | None = None
    height: int | None = None
    length_seconds: float | None = None
    frames_per_second: float | None = None

    @property
    def extension(self) -> str:
        """The usual ending of files of this type."""
        return _EXTENSION[self.media_type]


def open_local(file: Path, *, roots: Sequence[Path], role: MediaRole) -> BinaryIO:
    """A file below one of the allowed folders, opened for reading.

    Args:
        file: The file.
        roots: The allowed folders; links are followed first, so none leads out of them.
        role: What it is for.

    Raises:
        InvalidInput: It is not there, not a plain file, too large, or outside the allowed folders.
    """
    shown = printable(str(file), 200)
    if not roots:
        msg = f"The reference '{shown}' is a local file, and local files are not allowed here."
        raise InvalidInput(msg, next_step="Allow a folder with the setting media_roots (NEXIOM_MEDIA_ROOTS).")
    try:
        real = file.resolve(strict=True)
        opened = _opened(real, _root_of(real, roots, shown))
    except InvalidInput:  # it is a ValueError as well
        raise
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file '{shown}'.") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"The reference '{shown}' cannot be read: {reason}.") from error
    status = os.fstat(opened)
    if stat.S_ISREG(status.st_mode) and status.st_size <= MOST_BYTES[kind_of(role)]:
        return os.fdopen(opened, "rb")
    os.close(opened)
    if stat.S_ISREG(status.st_mode):
        raise too_large(shown, role=role)
    raise InvalidInput(f"The reference '{shown}' is not a file.")


def inspect(data: bytes, *, role: MediaRole, name: str = "reference") -> Reference:
    """As `inspect_file`, for bytes in memory."""
    return inspect_file(io.BytesIO(data), role=role, name=name)


def inspect_file(file: BinaryIO, *, role: MediaRole, name: str = "reference") -> Reference:
    """The reference, if it is whole media of the kind that its role needs.

    Args:
        file: The whole file; where it is read next may change.
        role: What it is for.
        name: What to call it in errors.

    Raises:
        InvalidInput: It is something else, damaged, or larger than any real one.
    """
    media_type = type_of(file, role=role, name=name)
    shown, size_bytes = printable(name, 200), file.seek(0, io.SEEK_END)
    match kind_of(role):
        case "image":
            return _picture(file, size_bytes, media_type, shown)
        case "video":
            return _video(file, size_bytes, media_type, shown)
        case "audio":
            return _sound(file, size_bytes, media_type, shown)


def type_of(file: BinaryIO, *, role: MediaRole, name: str = "reference") -> str:
    """The type of a file, if it begins like media of the kind that its role needs, and is not larger than any real one.

    Whether it is whole is not looked at.

    Args:
        file: The whole file; where it is read next may change.
        role: What it is for.
        name: What to call it in errors.

    Raises:
        InvalidInput: It is something else, or too large.
    """
    shown, kind = printable(name, 200), kind_of(role)
    size_bytes = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(512)
    if not head:
        raise InvalidInput(f"The reference '{shown}' is empty.")
    if size_bytes > MOST_BYTES[kind]:
        raise too_large(shown, role=role)
    media_type = sniff(head)
    if kind == "audio" and media_type in {"video/mp4", "video/quicktime"} and has_sound_only(Reader(file)):
        media_type = "audio/mp4"
    if media_type is not None and media_type.startswith(f"{kind}/"):
        return media_type
    article = "an" if kind[0] in "aeiou" else "a"
    if picture := heif_of(head):
        msg = f"The reference '{shown}' is {picture}, which no model takes."
        raise InvalidInput(msg, next_step="Save it as JPEG.")
    what = f"it is {media_type}" if media_type else _guess(head)
    msg = f"The reference '{shown}' is not {article} {kind} ({what})."
    raise InvalidInput(msg, next_step=f"Hand over {article} {kind}: {', '.join(_types_of(kind))}.")


def too_large(name: str, *, role: MediaRole) -> InvalidInput:
    """The error for a reference with more bytes than any of its kind may have."""
    most = MOST_BYTES[kind_of(role)]
    return InvalidInput(f"The reference '{printable(name, 200)}' is larger than {size(most)}.")


def check_pixels(size: tuple[int, int], *, name: str) -> None:
    """Let a picture of this size pass.

    Args:
        size: Width and height, in pixels.
        name: What to call it in errors.

    Raises:
        InvalidInput: It has more pixels than are ever decoded here.
    """
    width, height = size
    if width * height > MAX_REFERENCE_PIXELS:
        shown = printable(name, 200)
        msg = f"The image '{shown}' has {width:,} x {height:,} pixels; {MAX_REFERENCE_PIXELS:,} in all are allowed."
        raise InvalidInput(msg, next_step="Scale it down first.")


def _root_of(real: Path, roots: Sequence[Path], shown: str) -> Path:
    for root in (one.resolve() for one in roots):
        if real.is_relative_to(root):
            return root
    msg = f"The reference '{shown}' lies outside the folders from which references may be read."
    hint = "Copy it into one of them, or add its folder to the setting media_roots (NEXIOM_MEDIA_ROOTS)."
    raise InvalidInput(msg, next_step=hint)


def _opened(real: Path, root: Path) -> int:
    """A file by its real place; a link that somebody has put in its way since that was found is not followed."""
    # Opening a pipe would wait for its other end: open without waiting, then look at what it is.
    reading = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if os.open not in os.supports_dir_fd:
        return _same(real, os.open(real, reading))
    *folders, name = real.relative_to(root).parts or ("",)
    at = os.open(root, getattr(os, "O_PATH", os.O_RDONLY) if name else reading)
    for part in folders:
        at = _next(at, part, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
    return _next(at, name, reading) if name else at


def _next(at: int, part: str, how: int) -> int:
    """What lies in an open folder, which is closed."""
    try:
        return os.open(part, how | os.O_NOFOLLOW, dir_fd=at)
    finally:
        os.close(at)


def _same(real: Path, opened: int) -> int:
    """What was opened, if it is still what lies at its real place: for systems that open no file inside a folder."""
    with contextlib.suppress(OSError):
        if real.resolve(strict=True) == real and os.path.samestat(os.lstat(real), os.fstat(opened)):
            return opened
    os.close(opened)
    raise OSError(errno.ELOOP, "it was replaced while it was opened")


def _picture(file: BinaryIO, size_bytes: int, media_type: str, shown: str) -> Reference:
    size = picture_size(file, media_type)
    if size is None:
        raise InvalidInput(f"The image '{shown}' is damaged or incomplete.")
    width, height = size
    check_pixels(size, name=shown)
    return Reference(size_bytes=size_bytes, media_type=media_type, width=width, height=height)


def _video(file: BinaryIO, size_bytes: int, media_type: str, shown: str) -> Reference:
    try:
        found = read_webm(file, size_bytes, recorded=True) if media_type == "video/webm" else read_mp4(file, size_bytes)
    except ResultInvalid as error:
        raise InvalidInput(f"The video '{shown}' is damaged or incomplete. {error.message}") from error
    return Reference(
        size_bytes=size_bytes,
        media_type=media_type,
        width=found.width,
        height=found.height,
        length_seconds=found.duration_seconds,
        frames_per_second=found.frames_per_second,
    )


def _sound(file: BinaryIO, size_bytes: int, media_type: str, shown: str) -> Reference:
    length = None
    if media_type in _SOUND_SECONDS:
        length = _SOUND_SECONDS[media_type](file)
        if length is None:
            raise InvalidInput(f"The sound '{shown}' is damaged or incomplete.")
    return Reference(size_bytes=size_bytes, media_type=media_type, length_seconds=length)


_SOUND_SECONDS = {"audio/wav": wav_seconds, "audio/mpeg": mp3_seconds}


def _types_of(kind: str) -> list[str]:
    return [one.partition("/")[2] for one in _EXTENSION if one.startswith(f"{kind}/")]


def _guess(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "it is an SVG drawing"
    if start.startswith(b"<"):
        return "it looks like a web page"
    return "it looks like text" if start.isascii() and b"\0" not in start else "its type is not known"
