"""The offered value that comes nearest to a wanted one, and the reason that says so.

Resolutions are compared by their lines, aspect ratios by their shape.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

from nexiom_sdk.types import AspectRatio, Resolution


class Mismatch(NamedTuple):
    """One reason why a model cannot do what was asked.

    Args:
        field: Field of the request.
        message: The reason, with the values offered and the nearest one.
        adaptable: Whether `strict=False` may take the nearest value, or leave the field out, instead.
    """

    field: str
    message: str
    adaptable: bool = False

    def __str__(self) -> str:
        return self.message


def nearest_resolution(wanted: Resolution, offered: Iterable[Resolution]) -> Resolution:
    """The offered resolution nearest to the wanted one; the higher of two equally near.

    Example:
        >>> nearest_resolution("768p", ["480p", "720p", "1080p"])
        '720p'
    """

    def distance(one: Resolution) -> tuple[int, int]:
        return abs(lines(one) - lines(wanted)), -lines(one)

    return min(tuple(offered) or (wanted,), key=distance)


def nearest_ratio(wanted: AspectRatio, offered: Iterable[AspectRatio]) -> AspectRatio:
    """The offered aspect ratio whose shape is nearest to the wanted one.

    Example:
        >>> nearest_ratio("21:9", ["9:16", "1:1", "16:9"])
        '16:9'
    """

    def distance(one: AspectRatio) -> float:
        return abs(quotient(one) - quotient(wanted))

    return min(tuple(offered) or (wanted,), key=distance)


def lines(resolution: Resolution) -> int:
    """Short side of the picture in pixels."""
    return int(resolution.removesuffix("p"))


@functools.cache
def quotient(ratio: AspectRatio) -> float:
    """Width of the picture in heights.

    Example:
        >>> quotient("3:4")
        0.75
    """
    width, height = ratio.split(":")
    return int(width) / int(height)


def not_offered(field: str, asked: str, offered: Iterable[str], nearest: str, *, where: str = "") -> Mismatch:
    """The reason that a value is not offered, with those that are and the nearest of them.

    Args:
        field: Field of the request.
        asked: The value.
        offered: The values offered.
        nearest: The nearest of them.
        where: Where it is not offered, in words that follow "offered".
    """
    message = f"{asked} is not offered{where} (offered: {', '.join(offered)}; nearest: {nearest})"
    return Mismatch(field, message, adaptable=True)
