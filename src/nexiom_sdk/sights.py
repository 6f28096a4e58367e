"""What is to be seen in a clip, judged on small grey pictures of it: is it black, and does anything move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexiom_sdk.wording import seconds

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 320, 180
"""Size of the pictures that are judged: small enough to be cheap, large enough for an eye that blinks."""

# Levels of 255, and in how many pixels more than so many count as motion: a slow zoom over a smooth picture changes
# many pixels a little, a candle few pixels much. An encoder leaves less than this in a picture that stands still.
_MOTION = ((2, WIDTH * HEIGHT // 50), (4, 20), (8, 0))
_BLACK, _LIGHT = 12, 24
_GREY_PIXELS = WIDTH * HEIGHT // 1000
_BLACK_SHARE = 0.95
_STILL_SHARE = 0.6
_STILL_SECONDS = 1.0
_ALL = 0.95


@dataclass(slots=True)
class Sights:
    """What has been seen of a clip so far; pictures are shown to it in the order of their time."""

    _looks: int = 0
    _black: int = 0
    _began: float = 0.0
    _since: float = 0.0
    _until: float = 0.0
    _longest: float = 0.0
    _before: Image | None = None

    def add(self, at: float, picture: Image) -> bool:
        """Look at one more picture; True where it is black.

        Args:
            at: Its time in seconds.
            picture: Grey, of `WIDTH` and `HEIGHT`.
        """
        if self._before is None:
            self._began = at
        # The first picture of a stretch is kept, not the last one: what moves slowly drifts away from it.
        if self._before is None or _moved(self._before, picture):
            self._before, self._since = picture, at
        self._until = at
        self._longest = max(self._longest, at - self._since)
        black = is_black(picture)
        self._looks, self._black = self._looks + 1, self._black + black
        return black

    def remarks(self, length_seconds: float) -> tuple[str, ...]:
        """What a viewer would miss, in words; empty for a clip as it should be.

        Args:
            length_seconds: Length of the clip.
        """
        if self._looks and self._black >= self._looks * _BLACK_SHARE:
            return ("the picture is black throughout",)
        watched = self._until - self._began
        if self._longest < max(_STILL_SECONDS, watched * _STILL_SHARE):
            return ()
        if self._longest >= watched * _ALL:
            return ("the picture does not move at all",)
        whole = max(length_seconds, self._longest)
        return (f"the picture does not move for {self._longest:.1f} of {seconds(round(whole, 1))}",)


def is_black(picture: Image) -> bool:
    """Whether nothing can be seen in a grey picture; a dark one with a light in it is not black.

    Example:
        >>> from PIL import Image
        >>> is_black(Image.new("L", (WIDTH, HEIGHT), 5)), is_black(Image.new("L", (WIDTH, HEIGHT), 20))
        (True, False)
    """
    levels = picture.histogram()
    return sum(levels[_BLACK + 1 :]) <= _GREY_PIXELS and not any(levels[_LIGHT + 1 :])


def brightness(picture: Image) -> float:
    """Mean level of a grey picture, 0 to 255."""
    return sum(level * count for level, count in enumerate(picture.histogram())) / (picture.width * picture.height)


def _moved(before: Image, now: Image) -> bool:
    from PIL import ImageChops

    levels = ImageChops.difference(before, now).histogram()
    return any(sum(levels[level + 1 :]) > pixels for level, pixels in _MOTION)
