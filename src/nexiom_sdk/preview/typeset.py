"""Text on a surface: as large as fits, in balanced lines, each letter in a font that has it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexiom_sdk.preview.bidi import levels, reads_right_to_left, visual_order
from nexiom_sdk.preview.fonts import Font
from nexiom_sdk.preview.letters import words

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

_LEADING = 1.28  # from one baseline to the next, in sizes of the type
_ASCENT = 0.98  # from the top of a line to its baseline, likewise
_SHRINK = 0.92
_RULER_PIXELS = 100
_SLACK = 0.98  # widths are measured at one size and scaled; hinting makes other sizes a little wider

Word = tuple[str, ...]
"""Clusters that stay on one line."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Lines of clusters, and the size of the type in pixels."""

    lines: tuple[Word, ...]
    pixels: float

    @property
    def height(self) -> float:
        """Height of the block in pixels."""
        return len(self.lines) * self.pixels * _LEADING

    @property
    def right_to_left(self) -> bool:
        """Whether the text as a whole reads from right to left."""
        return reads_right_to_left("".join(itertools.chain(*self.lines)))


class Typesetter:
    """Sets clusters, each in its font.

    Args:
        fonts: The font of each cluster.
        shaping: Whether letters can be joined and reordered.
    """

    def __init__(self, fonts: Mapping[str, Font], *, shaping: bool) -> None:
        self._fonts = fonts
        self._shaping = shaping
        self._loaded: dict[tuple[Font, float], FreeTypeFont] = {}
        self._widths: dict[Word, float] = {}

    def fit(
        self, letters: Sequence[str], *, width: float, height: float, largest: float, smallest: float, most_lines: int
    ) -> Setting:
        """The largest setting that fits; only at the smallest size are words broken and the end left out.

        Args:
            letters: The clusters.
            width: Room for a line, in pixels.
            height: Room for all lines, in pixels.
            largest: Largest size of the type, in pixels.
            smallest: Smallest size of the type, in pixels.
            most_lines: No more lines than these.
        """
        text = [tuple(word) for word in words(letters)]
        pixels = largest
        while True:
            room = width / pixels * _RULER_PIXELS * _SLACK
            most = max(1, min(most_lines, int(height / (pixels * _LEADING))))
            lines = self._wrapped(text, room)
            if len(lines) <= most and all(self._width(line) <= room for line in lines):
                return Setting(self._balanced(text, room, len(lines)), pixels)
            if pixels <= smallest:
                return Setting(self._cut(self._wrapped(list(self._broken(text, room)), room), room, most), pixels)
            pixels = max(smallest, pixels * _SHRINK)

    def length(self, setting: Setting) -> float:
        """Width of the widest line in pixels."""
        return max(map(self._width, setting.lines)) * setting.pixels / _RULER_PIXELS

    def draw(self, mask: Image, setting: Setting, *, left: float, top: float, width: float, ink: int = 255) -> None:
        """Draw into a grey image; text that reads from right to left stands at the right edge."""
        from PIL import ImageDraw

        pen = ImageDraw.Draw(mask)
        for number, line in enumerate(setting.lines):
            pieces = list(self._pieces(line, right_to_left=setting.right_to_left))
            loaded = [(self._load(font, setting.pixels), text, way) for font, text, way in pieces]
            lengths = [font.getlength(text, direction=way) for font, text, way in loaded]
            x = left + (width - sum(lengths) if setting.right_to_left else 0)
            baseline = top + (number * _LEADING + _ASCENT) * setting.pixels
            for (font, text, way), length in zip(loaded, lengths, strict=True):
                pen.text((x, baseline), text, fill=ink, font=font, anchor="ls", direction=way)
                x += length

    def _pieces(self, line: Word, *, right_to_left: bool) -> Iterator[tuple[Font, str, str | None]]:
        """What can be drawn in one go, from left to right: font, text, direction."""
        starts = itertools.accumulate(map(len, line), initial=0)
        of_letters = levels("".join(line), right_to_left=right_to_left)
        kinds = [(self._fonts[letter], of_letters[start]) for letter, start in zip(line, starts, strict=False)]
        pieces = [
            (kind, "".join(letter for _, letter in run))
            for kind, run in itertools.groupby(zip(kinds, line, strict=True), key=lambda pair: pair[0])
        ]
        for position in visual_order([level for (_, level), _ in pieces]):
            (font, level), text = pieces[position]
            yield font, text, ("rtl" if level % 2 else "ltr") if self._shaping else None

    def _load(self, font: Font, pixels: float) -> FreeTypeFont:
        if (font, pixels) not in self._loaded:
            self._loaded[font, pixels] = font.load(pixels, shaping=self._shaping)
        return self._loaded[font, pixels]

    def _width(self, word: Word) -> float:
        if word not in self._widths:
            self._widths[word] = sum(
                self._load(font, _RULER_PIXELS).getlength(text, direction=way)
                for font, text, way in self._pieces(word, right_to_left=False)
            )
        return self._widths[word]

    def _wrapped(self, text: Sequence[Word], room: float) -> list[Word]:
        lines: list[Word] = []
        used = 0.0
        for word in text:
            if lines and used + self._width(word) <= room:
                lines[-1] += word
            else:
                lines.append(word[1:] if word[0] == " " else word)
                used = 0.0
            used += self._width(word)
        return lines

    def _balanced(self, text: Sequence[Word], room: float, count: int) -> tuple[Word, ...]:
        """The same number of lines in the narrowest column, so that the last line is not a lone word."""
        narrow = 0.0
        for _ in range(10):
            middle = (narrow + room) / 2
            lines = self._wrapped(text, middle)
            fits = len(lines) <= count and all(self._width(line) <= middle for line in lines)
            narrow, room = (narrow, middle) if fits else (middle, room)
        return tuple(self._wrapped(text, room))

    def _broken(self, text: Sequence[Word], room: float) -> Iterator[Word]:
        for word in text:
            part: Word = ()
            for letter in word:
                if part and self._width((*part, letter)) > room:
                    yield part
                    part = ()
                part = (*part, letter)
            yield part

    def _cut(self, lines: Sequence[Word], room: float, most: int) -> tuple[Word, ...]:
        if len(lines) <= most:
            return tuple(lines)
        last = lines[most - 1]
        while last and self._width((*last, "…")) > room:
            last = last[:-1]
        return (*lines[: most - 1], (*last, "…"))
