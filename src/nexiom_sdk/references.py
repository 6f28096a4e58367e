"""A reference that a user hands in: safe to read, and really what its role needs, before anything is spent.

Everything is judged by content, never by name, and before any decoder sees a byte.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.media import sniff
from nexiom_sdk.models import MediaLimits, ModelCard, kind_of
from nexiom_sdk.types import MediaRole
from nexiom_sdk.wording import printable

MAX_REFERENCE_BYTES = 50 * 1024 * 1024
MAX_REFERENCE_PIXELS = 64_000_000

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
        InvalidInput: It is not there, not a plain file, too large, or outside the allowed folders.
    """
    shown = printable(str(file), 200)
    if not roots:
        msg = f"The reference '{shown}' is a local file, and local files are not allowed here."
        raise InvalidInput(msg, next_step="Allow a folder with the setting media_roots (NEXIOM_MEDIA_ROOTS).")
    try:
        real = file.resolve(strict=True)
        _check_inside(real, roots, shown)
        # Opening a pipe would wait for its other end: open without waiting, then look at what it is.
        opened = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except InvalidInput:  # it is a ValueError as well
        raise
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file '{shown}'.") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(f"The reference '{shown}' cannot be read: {reason}.") from error
    status = os.fstat(opened)
    if not stat.S_ISREG(status.st_mode):
        os.close(opened)
        raise InvalidInput(f"The reference '{shown}' is not a file.")
    if status.st_size > MAX_REFERENCE_BYTES:
        os.close(opened)
        raise too_large(shown)
    with os.fdopen(opened, "rb") as plain:
        data = plain.read(MAX_REFERENCE_BYTES + 1)
    if len(data) > MAX_REFERENCE_BYTES:
        raise too_large(shown)
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
    shown, kind, media_type = printable(name, 200), kind_of(role), sniff(data[:64])
    if not data:
        raise InvalidInput(f"The reference '{shown}' is empty.")
    if len(data) > MAX_REFERENCE_BYTES:
        raise too_large(shown)
    if media_type is None or not media_type.startswith(f"{kind}/"):
        article = "an" if kind[0] in "aeiou" else "a"
        what = f"it is {media_type}" if media_type else _guess(data)
        msg = f"The reference '{shown}' is not {article} {kind} ({what})."
        raise InvalidInput(msg, next_step=f"Hand over {article} {kind}: {', '.join(_types_of(kind))}.")
    if kind != "image":
        return Reference(data=data, media_type=media_type)
    size = _IMAGE_SIZE[media_type](data)
    if size is None or 0 in size:
        raise InvalidInput(f"The image '{shown}' is damaged or incomplete.")
    width, height = size
    if width * height > MAX_REFERENCE_PIXELS:
        msg = f"The image '{shown}' has {width:,} x {height:,} pixels; {MAX_REFERENCE_PIXELS:,} in all are allowed."
        raise InvalidInput(msg, next_step="Scale it down first.")
    return Reference(data=data, media_type=media_type, width=width, height=height)


def check_limits(found: Reference, card: ModelCard, *, role: MediaRole, name: str = "reference") -> None:
    """Let the reference pass if it keeps to every limit that the card has for media of its kind.

    Args:
        found: The reference.
        card: The model it is for.
        role: What it is for.
        name: What to call it in errors.

    Raises:
        InvalidInput: It breaks a limit; all that it breaks are named.

    Example:
        >>> card = ModelCard(model="a1", media_limits={"image": MediaLimits(types=("image/png",))})
        >>> check_limits(Reference(data=b"GIF89a", media_type="image/gif"), card, role="first_frame", name="fox")
        Traceback (most recent call last):
        nexiom_sdk.errors.InvalidInput: a1 does not take the reference 'fox': it is image/gif (allowed: image/png).
    """
    limits = card.media_limits.get(kind_of(role))
    broken = "; ".join(_broken(found, limits)) if limits else ""
    if broken:
        msg = f"{card.model} does not take the reference '{printable(name, 200)}': {broken}."
        raise InvalidInput(msg, next_step="Convert or scale it first, or choose another model.")


def too_large(name: str) -> InvalidInput:
    """The error for a reference with more bytes than any may have."""
    return InvalidInput(f"The reference '{printable(name, 200)}' is larger than {MAX_REFERENCE_BYTES // 2**20} MiB.")


def _check_inside(real: Path, roots: Sequence[Path], shown: str) -> None:
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        msg = f"The reference '{shown}' lies outside the folders from which references may be read."
        hint = "Copy it into one of them, or add its folder to the setting media_roots (NEXIOM_MEDIA_ROOTS)."
        raise InvalidInput(msg, next_step=hint)


def _broken(found: Reference, limits: MediaLimits) -> Iterator[str]:
    """What the reference is and what is allowed, for each limit that it breaks."""
    if limits.types and found.media_type not in limits.types:
        yield f"it is {found.media_type} (allowed: {', '.join(limits.types)})"
    if limits.max_bytes is not None and len(found.data) > limits.max_bytes:
        yield f"it has {len(found.data):,} bytes (allowed: at most {limits.max_bytes:,})"
    if found.width is None or found.height is None:
        return
    pixels = f"it has {found.width:,} x {found.height:,} pixels"
    if limits.max_side_pixels is not None and max(found.width, found.height) > limits.max_side_pixels:
        yield f"{pixels} (allowed: at most {limits.max_side_pixels:,} on a side)"
    if limits.min_side_pixels is not None and min(found.width, found.height) < limits.min_side_pixels:
        yield f"{pixels} (allowed: at least {limits.min_side_pixels:,} on a side)"


def _types_of(kind: str) -> list[str]:
    return [one.partition("/")[2] for one in _EXTENSION if one.startswith(f"{kind}/")]


def _guess(data: bytes) -> str:
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "it is an SVG drawing"
    if start.startswith(b"<"):
        return "it looks like a web page"
    return "it looks like text" if start.isascii() and b"\0" not in start else "its type is not known"


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR" or b"IEND" not in data[-64:]:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _gif_size(data: bytes) -> tuple[int, int] | None:
    if b"\x3b" not in data[-16:]:
        return None
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        return None
    chunk, body = data[12:16], data[20:]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L" and body[:1] == b"\x2f":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the first frame header; segments before it, such as a camera's own data, are stepped over."""
    if b"\xff\xd9" not in data[-4096:]:  # the end mark; some cameras write a little after it
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xFF:  # padding
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        elif length < 2:
            return None
        else:
            at += 2 + length
    return None


_IMAGE_SIZE: Mapping[str, Callable[[bytes], tuple[int, int] | None]] = {
    "image/png": _png_size,
    "image/gif": _gif_size,
    "image/webp": _webp_size,
    "image/jpeg": _jpeg_size,
}
