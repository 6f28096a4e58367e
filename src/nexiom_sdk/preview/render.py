"""A preview from beginning to end: what to draw, how large, how long, and what could not be shown."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexiom_sdk.models import lines
from nexiom_sdk.preview.clip import FRAMES_PER_SECOND, check_extra, encoded
from nexiom_sdk.preview.fonts import FontBook, installed
from nexiom_sdk.preview.picture import opened
from nexiom_sdk.preview.title import backdrop, caption, title_card, wording
from nexiom_sdk.types import AspectRatio, Resolution, VideoSpec

if TYPE_CHECKING:
    from PIL.Image import Image

DEFAULT_SECONDS = 5.0
DEFAULT_RESOLUTION: Resolution = "720p"
DEFAULT_RATIO: AspectRatio = "16:9"

_SMALLEST_GROUND = 1536
_LARGEST_GROUND = 4096  # unless the clip itself is wider


@dataclass(frozen=True, slots=True)
class Rendering:
    """A finished preview.

    Args:
        data: The MP4.
        warnings: What of the prompt is not shown, and what would help.
    """

    data: bytes
    warnings: tuple[str, ...] = ()


def render(spec: VideoSpec, *, fonts: FontBook | None = None, cancelled: threading.Event | None = None) -> Rendering:
    """Make a preview. It blocks and takes CPU time, so run it in a thread.

    Args:
        spec: What to make. A first frame or a reference image is moved slowly; else the prompt becomes a title card.
        fonts: The fonts to use; those installed by default.
        cancelled: Set it to stop at the next frame.

    Raises:
        ConfigurationError: The extra `media` is not installed, or not whole.
        InvalidInput: The reference image cannot be used.
        JobCancelled: `cancelled` was set.
        GenerationFailed: The file could not be written.

    Example:
        >>> clip = render(VideoSpec(model="preview", prompt="a fox in snow", resolution="360p", duration_seconds=1))
        >>> clip.data[4:8]
        b'ftyp'
    """
    check_extra()
    size = pixel_size(spec.resolution or DEFAULT_RESOLUTION, spec.aspect_ratio or DEFAULT_RATIO)
    frames = max(1, round((spec.duration_seconds or DEFAULT_SECONDS) * FRAMES_PER_SECOND))
    try:
        ground, words, warnings = _drawn(spec, size, fonts or installed())
    except OSError:  # a font that was there a moment ago, or cannot be used at this size
        ground, words, warnings = _drawn(spec, size, FontBook([]))
    data = encoded(ground, words, frames=frames, sound=bool(spec.audio), cancelled=cancelled or threading.Event())
    return Rendering(data, warnings)


def pixel_size(resolution: Resolution, aspect_ratio: AspectRatio) -> tuple[int, int]:
    """Width and height: the resolution is the short side, and both are even.

    Example:
        >>> pixel_size("720p", "9:16"), pixel_size("480p", "16:9")
        ((720, 1280), (854, 480))
    """
    across, down = map(int, aspect_ratio.split(":"))
    short = lines(resolution)
    long = 2 * round(short * max(across, down) / min(across, down) / 2)
    return (long, short) if across > down else (short, long)


def _drawn(spec: VideoSpec, size: tuple[int, int], fonts: FontBook) -> tuple[Image, Image, tuple[str, ...]]:
    """The square that moves, the words that stand still over it, and what could not be shown."""
    side = max(_SMALLEST_GROUND, *size, min(max(size) * 6 // 5, _LARGEST_GROUND)) // 8 * 8
    shown = wording(spec.prompt, fonts)
    if spec.media:
        ground = opened(spec.media[0].data or b"", shape=size, side=side)
        return ground, caption(shown, size, fonts), shown.warnings
    return backdrop(spec.prompt, side), title_card(spec.prompt, shown, size, fonts), shown.warnings
