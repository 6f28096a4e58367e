"""Which installed fonts cover a text, found out by drawing with the fonts themselves."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_FOLDERS = (
    "${HOME}/.fonts",
    "${HOME}/.local/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/fonts",
    "${HOME}/Library/Fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
    "${LOCALAPPDATA}/Microsoft/Windows/Fonts",
    "${WINDIR}/Fonts",
)
_SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
_BEST = ("inter", "notosans", "segoeui", "sfns", "helveticaneue", "helvetica", "roboto", "arial", "dejavusans")
_STYLED = re.compile("bold|italic|oblique|black|heavy|thin|light|condensed|mono|serif|math")

_PROBE_PIXELS = 24
_PROBE_SIDE = 3 * _PROBE_PIXELS
_UNASSIGNED = ("\U0010ffff", "\u0378")
_INVISIBLE = {"Cf", "Zs"}
_MOST_KNOWN = 20_000


@dataclass(frozen=True, slots=True)
class Font:
    """A font file, or the font inside Pillow.

    Args:
        file: The file; None for the font inside Pillow.
    """

    file: Path | None = None

    def load(self, pixels: float, *, shaping: bool) -> FreeTypeFont:
        """The font at this size.

        Raises:
            OSError: FreeType cannot use the file.
        """
        from PIL import ImageFont

        engine = ImageFont.Layout.RAQM if shaping else ImageFont.Layout.BASIC
        if self.file is not None:
            return ImageFont.truetype(self.file, pixels, layout_engine=engine)
        inside = ImageFont.load_default(pixels)
        if not isinstance(inside, ImageFont.FreeTypeFont):
            msg = "Pillow was built without FreeType."
            raise OSError(msg)
        return inside.font_variant(layout_engine=engine)

    def covered(self, clusters: Iterable[str]) -> set[str]:
        """Those of the clusters of which the font really has every visible character."""
        try:
            font = self.load(_PROBE_PIXELS, shaping=False)
            boxes = {_picture(font, character) for character in _UNASSIGNED}
            if len(boxes) > 1:  # a font of last resort: it draws a placeholder for everything
                return set()
            blank_or_box = {*boxes, bytes(_PROBE_SIDE**2)}
            return {
                cluster
                for cluster in clusters
                if all(_picture(font, character) not in blank_or_box for character in visible(cluster))
            }
        except OSError:  # emoji bitmaps and broken files
            return set()


class FontBook:
    """Fonts in order of preference, and what each of them covers.

    Args:
        files: Font files, best first; the font inside Pillow comes after them.
        shaping: Whether letters can be joined and reordered; None asks Pillow.

    Example:
        >>> FontBook([]).covering("a電")["電"] is None
        True
    """

    def __init__(self, files: Iterable[Path], *, shaping: bool | None = None) -> None:
        from PIL import features

        self.shaping: bool = bool(features.check("raqm")) if shaping is None else shaping
        self._fonts: tuple[Font, ...] = (*map(Font, files), Font())
        self._known: dict[str, Font | None] = {}

    def covering(self, clusters: Iterable[str]) -> Mapping[str, Font | None]:
        """The best font for each cluster; None where no font has all of it."""
        wanted = dict.fromkeys(clusters)
        if len(self._known) > _MOST_KNOWN:
            self._known = {}  # a new one: another thread may still read the old one
        known = self._known
        missing = wanted.keys() - known.keys()
        for font in self._fonts:
            if not missing:
                break
            covered = font.covered(missing)
            known.update(dict.fromkeys(covered, font))
            missing -= covered
        known.update(dict.fromkeys(missing))
        return {cluster: known[cluster] for cluster in wanted}


@functools.cache
def installed() -> FontBook:
    """The fonts in the usual folders of Linux, macOS and Windows; the folders are read once."""
    return FontBook(sorted(_font_files(), key=_preference))


def visible(cluster: str) -> str:
    """The characters of a cluster that need ink."""
    return "".join(character for character in cluster if unicodedata.category(character) not in _INVISIBLE)


def _font_files() -> Iterator[Path]:
    for folder in _FOLDERS:
        for place, _, names in os.walk(os.path.expandvars(folder)):
            yield from (Path(place, name) for name in names if Path(name).suffix.lower() in _SUFFIXES)


def _preference(file: Path) -> tuple[int, bool, int, str]:
    stem = file.stem.casefold()
    family = re.sub(r"\[.*|variable|regular|[^a-z0-9]", "", stem)
    return _BEST.index(family) if family in _BEST else len(_BEST), bool(_STYLED.search(stem)), len(stem), str(file)


def _picture(font: FreeTypeFont, character: str) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("L", (_PROBE_SIDE, _PROBE_SIDE))
    ImageDraw.Draw(image).text((_PROBE_PIXELS, 2 * _PROBE_PIXELS), character, fill=255, font=font, anchor="ls")
    return image.tobytes()
