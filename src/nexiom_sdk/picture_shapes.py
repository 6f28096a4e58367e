"""Which part of a picture is kept and how large it becomes, so that a model takes it: arithmetic and its words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from nexiom_sdk.models import MediaLimits

Size = tuple[int, int]

_MOST_PART_OF_A_RATIO = 32  # 16:9 says more than 3000:1687


@dataclass(frozen=True, slots=True)
class Shape:
    """A part of a picture and the size that it gets.

    Args:
        box: Left, upper, right and lower edge of the part, in pixels.
        size: Width and height that it gets.
    """

    box: tuple[int, int, int, int]
    size: Size


def shaped(size: Size, limits: MediaLimits, exactly: Size | None) -> Shape:
    """The largest part in the middle that has an allowed ratio, scaled as little as the sides allow.

    Args:
        size: Width and height of the picture.
        limits: What the model takes.
        exactly: The size that it must have, if there is only one.

    Example:
        >>> shaped((3000, 2000), MediaLimits(), (1280, 720))
        Shape(box=(0, 156, 3000, 1843), size=(1280, 720))
        >>> shaped((3000, 600), MediaLimits(max_ratio=2.5, max_side_pixels=1000), None)
        Shape(box=(750, 0, 2250, 600), size=(1000, 400))
    """
    if exactly is not None:
        wanted = exactly[0] / exactly[1]
        return Shape(_middle(size, wanted, wanted), exactly)
    least, most = _ratios(limits)
    box = _middle(size, least, most)
    width, height = box[2] - box[0], box[3] - box[1]
    shortest, longest = limits.min_side_pixels or 1, limits.max_side_pixels or math.inf
    scale = max(min(1.0, longest / max(width, height)), shortest / min(width, height))
    width, height = (
        min(max(round(side * scale), shortest), math.floor(min(longest, 2**31))) for side in (width, height)
    )
    if width > height * most:
        width = math.floor(height * most)
    elif width < height * least:
        height = math.floor(width / least)
    return Shape(box, (width, height))


def changes(before: Size, after: Size) -> str:
    """What was done to a picture, in words; empty where its size is the same.

    Example:
        >>> changes((3000, 2000), (1280, 720))
        'cropped from 3:2 to 16:9 and scaled from 3000x2000 to 1280x720'
        >>> changes((600, 300), (300, 150))
        'scaled from 600x300 to 300x150'
    """
    scaled = f"scaled from {before[0]}x{before[1]} to {after[0]}x{after[1]}" if before != after else ""
    # Scaling to whole pixels moves a ratio a little: that is no crop.
    cropped = abs(before[0] * after[1] - before[1] * after[0]) > max(*before, *after)
    if not cropped:
        return scaled
    if before[0] == after[0] or before[1] == after[1]:
        return f"cropped from {before[0]}x{before[1]} to {after[0]}x{after[1]}"
    return f"cropped from {_ratio(before)} to {_ratio(after)} and {scaled}"


def _ratios(limits: MediaLimits) -> tuple[float, float]:
    """Least and greatest ratio that a picture can have whose sides are allowed, too."""
    sides = math.inf
    if limits.min_side_pixels and limits.max_side_pixels:
        sides = limits.max_side_pixels / limits.min_side_pixels
    return max(limits.min_ratio or 0.0, 1 / sides), min(limits.max_ratio or math.inf, sides)


def _middle(size: Size, least: float, most: float) -> tuple[int, int, int, int]:
    width, height = size
    if width > height * most:
        width = max(math.floor(height * most), 1)
    elif width < height * least:
        height = max(math.floor(width / least), 1)
    left, upper = (size[0] - width) // 2, (size[1] - height) // 2
    return left, upper, left + width, upper + height


def _ratio(size: Size) -> str:
    exact = Fraction(*size)
    near = exact.limit_denominator(_MOST_PART_OF_A_RATIO)
    said = near if near and abs(near - exact) * 100 < exact else exact
    return f"{said.numerator}:{said.denominator}"
