"""A reference that a user hands in: safe to read, and really what its role needs, before anything is spent.

Everything is judged by content, never by name, and before any decoder sees a byte.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.images import image_size
from nexiom_sdk.media import sniff
from nexiom_sdk.types import MediaRole
from nexiom_sdk.wording import printable

MAX_REFERENCE_BYTES = 50 * 1024 * 1024
MAX_REFERENCE_PIXELS = 64_000_000

_TOO_LARGE = f"is larger than {MAX_REFERENCE_BYTES // 2**20} MiB"
# Neither wait nor follow a link that was put in the file's place since we looked. Windows has only the last of these.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

_KIND: Mapping[MediaRole, str] = {
    "first_frame": "image",
    "last_frame": "image",
    "reference_image": "image",
    "reference_video": "video",
    "source_video": "video",
    "reference_audio": "audio",
}
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
    """Bytes that were found to be what they should be.

    Args:
        data: The bytes.
        media_type: Their type, by content.
        width: Width of an image in pixels; None for other media.
        height: Height of an image in pixels; None for other media.
    """

    data: bytes = field(repr=False)
    media_type: str
    width: int | None = None
    height: int | None = None

    @property
    def extension(self) -> str:
        """The usual ending of files of this type."""
        return _EXTENSION[self.media_type]


def read_local(file: Path, *, roots: Sequence[Path]) -> bytes:
    """The bytes of a file below one of the allowed folders.

    Args:
        file: The file.
        roots: The allowed folders; links are followed first, so none leads out of them.

    Raises:
        InvalidInput: It is not there, not a plain file, empty, too large, or outside the allowed folders.
    """
    shown = printable(str(file), 200)
    if not roots:
        msg = f"The reference '{shown}' is a local file, and local files are not allowed here."
        raise InvalidInput(msg, next_step="Allow a folder with the setting media_roots (NEXIOM_MEDIA_ROOTS).")
    try:
        # Where it lies comes first: whether something exists outside the allowed folders is nobody's business.
        real = file.resolve()
        if not any(real.is_relative_to(root.resolve()) for root in roots):
            hint = "Copy it into one of them, or add its folder to the setting media_roots (NEXIOM_MEDIA_ROOTS)."
            raise _refused(shown, "lies outside the folders from which references may be read", hint)
        data = _plain_file(real, shown)
    except InvalidInput:  # our own refusal; it is a ValueError too
        raise
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file '{shown}'.") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _refused(shown, f"cannot be read: {reason}") from error
    if not data:
        raise _refused(shown, "is empty")
    if len(data) > MAX_REFERENCE_BYTES:
        raise _refused(shown, _TOO_LARGE)
    return data


def inspect(data: bytes, *, role: MediaRole, name: str = "reference") -> Reference:
    """The reference, if its bytes are whole media of the kind that its role needs.

    Args:
        data: The bytes.
        role: What it is for.
        name: What to call it in errors.

    Raises:
        InvalidInput: It is something else, damaged, or larger than any real one.
    """
    shown, kind, media_type = printable(name, 200), _KIND[role], sniff(data[:64])
    if not data:
        raise _refused(shown, "is empty")
    if len(data) > MAX_REFERENCE_BYTES:
        raise _refused(shown, _TOO_LARGE)
    if media_type is None or not media_type.startswith(f"{kind}/"):
        article = "an" if kind[0] in "aeiou" else "a"
        what = f"it is {media_type}" if media_type else _guess(data)
        msg = f"The reference '{shown}' is not {article} {kind} ({what})."
        raise InvalidInput(msg, next_step=f"Hand over {article} {kind}: {', '.join(_types_of(kind))}.")
    if kind != "image":
        return Reference(data=data, media_type=media_type)
    size = image_size(data, media_type)
    if size is None:
        raise InvalidInput(f"The image '{shown}' is damaged or incomplete.")
    width, height = size
    if width * height > MAX_REFERENCE_PIXELS:
        msg = f"The image '{shown}' has {width:,} x {height:,} pixels; {MAX_REFERENCE_PIXELS:,} in all are allowed."
        raise InvalidInput(msg, next_step="Scale it down first.")
    return Reference(data=data, media_type=media_type, width=width, height=height)


def _types_of(kind: str) -> list[str]:
    return [one.partition("/")[2] for one in _EXTENSION if one.startswith(f"{kind}/")]


def _plain_file(real: Path, shown: str) -> bytes:
    # Opening a pipe waits for its other end, and opening a device may do something: look first.
    status = real.stat()
    if stat.S_ISDIR(status.st_mode):
        raise _refused(shown, "is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise _refused(shown, "is not a plain file")
    if status.st_size > MAX_REFERENCE_BYTES:
        raise _refused(shown, _TOO_LARGE)
    with os.fdopen(os.open(real, _OPEN_FLAGS), "rb") as plain:
        return plain.read(MAX_REFERENCE_BYTES + 1)


def _refused(shown: str, why: str, next_step: str = InvalidInput.default_next_step) -> InvalidInput:
    return InvalidInput(f"The reference '{shown}' {why}.", next_step=next_step)


def _guess(data: bytes) -> str:
    if data[4:8] == b"ftyp":  # what is left of these after the known types
        return "it is a HEIC or AVIF picture"
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "it is an SVG drawing"
    if start.startswith(b"<"):
        return "it looks like a web page"
    return "it looks like text" if start.isascii() and b"\0" not in start else "its type is not known"
