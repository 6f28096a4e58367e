"""The words of a preview as a picture: a title card, or a caption for somebody else's picture."""

# pyright: reportUnknownMemberType=false
# Pillow's annotations name NumPy, which need not be installed.

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexiom_sdk.preview.fonts import FontBook, visible
from nexiom_sdk.preview.letters import clean, clusters, is_picture, needs_shaping
from nexiom_sdk.preview.typeset import Typesetter
from nexiom_sdk.wording import printable

if TYPE_CHECKING:
    from PIL.Image import Image

NEUTRAL = "Preview"
FOOTER = "Preview · rendered locally · not AI"
BADGE = "PREVIEW"

_LONGEST = 480  # characters; more cannot be read in a few seconds
_NAMED = 5  # missing characters that a warning names
_MARGIN = 0.085
_SKETCH = 192
_GRAIN = 4  # without a little noise, eight bits show the steps of a dark gradient
_NO_SHAPER = (
    "The letters of the prompt must be joined or reordered, and Pillow cannot do it here; the title is neutral. "
    "Install the library FriBiDi to see it."
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What can be shown of a prompt.

    Args:
        letters: Its clusters; empty where nothing can be shown.
        warnings: What is not shown, and what would help.
    """

    letters: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def wording(prompt: str, fonts: FontBook) -> Wording:
    """What can be shown of a prompt with these fonts: never a box in a letter's place, never letters in wrong order.

    Args:
        prompt: The prompt.
        fonts: The fonts there are.
    """
    letters = clusters(clean(prompt[: 8 * _LONGEST], joiners=fonts.shaping))
    if len(letters) > _LONGEST or len(prompt) > 8 * _LONGEST:
        letters = [*letters[: _LONGEST - 1], "…"]
    if not any(map(visible, letters)):
        return Wording((), ("The prompt has no visible characters; the title is neutral.",))
    if needs_shaping("".join(letters)) and not fonts.shaping:
        return Wording((), (_NO_SHAPER,))
    missing = [letter for letter, font in fonts.covering(letters).items() if font is None]
    if not missing:
        return Wording(tuple(letters))
    shown = clusters(clean("".join(letter for letter in letters if letter not in missing)))
    if all(map(is_picture, missing)) and shown:
        return Wording(tuple(shown), (f"No installed font has {_some(missing)}; the title leaves it out.",))
    return Wording((), (_not_covered(missing),))


def title_card(prompt: str, shown: Wording, size: tuple[int, int], fonts: FontBook) -> Image:
    """The words of a clip that has no picture: transparent, to be laid over its backdrop.

    Args:
        prompt: Its hash chooses the colour of the mark above the title.
        shown: What can be shown of the prompt.
        size: Width and height in pixels.
        fonts: The fonts there are.
    """
    from PIL import Image, ImageDraw

    width, height = size
    unit = min(size) / 100
    left, inner = _MARGIN * width, (1 - 2 * _MARGIN) * width
    mask = Image.new("L", size)
    letters = shown.letters or tuple(NEUTRAL)
    setter = _typesetter(letters, fonts)
    footer = setter.fit(FOOTER, width=inner, height=8 * unit, largest=3.1 * unit, smallest=2 * unit, most_lines=1)
    margin = max(_MARGIN * height * 0.9, 7 * unit)
    lines = 9 if width > height else 14
    room = height - 2 * margin - footer.height - 8 * unit
    title = setter.fit(letters, width=inner, height=room, largest=13 * unit, smallest=4.6 * unit, most_lines=lines)
    top = margin + 4 * unit + (room - title.height) / 2
    setter.draw(mask, title, left=left, top=top, width=inner)
    setter.draw(mask, footer, left=left, top=height - margin - footer.height, width=inner, ink=165)
    card = Image.new("RGBA", size, "white")
    card.putalpha(mask)
    start = left + inner - 9 * unit if title.right_to_left else left
    accent = _colour(_dice(prompt)[0] + 0.1, 0.55, 1.0)
    ImageDraw.Draw(card).rectangle((start, top - 4 * unit, start + 9 * unit, top - 3.2 * unit), fill=accent)
    return card


def caption(shown: Wording, size: tuple[int, int], fonts: FontBook) -> Image:
    """The words over a picture: a badge, and the prompt in the lower third.

    Args:
        shown: What can be shown of the prompt.
        size: Width and height in pixels.
        fonts: The fonts there are.
    """
    from PIL import Image, ImageDraw

    width, height = size
    unit = min(size) / 100
    left, inner = 6 * unit, width - 12 * unit
    mask = Image.new("L", size)
    shade = Image.new("RGBA", size)
    setter = _typesetter(shown.letters, fonts)
    badge = setter.fit(BADGE, width=inner, height=8 * unit, largest=2.8 * unit, smallest=2 * unit, most_lines=1)
    plate = (left, 6 * unit, left + setter.length(badge) + 3 * unit, 6 * unit + badge.height + 1.6 * unit)
    ImageDraw.Draw(shade).rounded_rectangle(plate, radius=1.2 * unit, fill=(0, 0, 0, 140))
    setter.draw(mask, badge, left=left + 1.5 * unit, top=plate[1] + 0.8 * unit, width=inner)
    if shown.letters:
        line = setter.fit(
            shown.letters, width=inner, height=height / 4, largest=4.4 * unit, smallest=3.4 * unit, most_lines=3
        )
        deep = round(line.height + 18 * unit)
        fade = Image.linear_gradient("L").point(lambda depth: depth * 0.72).resize((width, deep))
        shade.paste(Image.merge("RGBA", [Image.new("L", fade.size)] * 3 + [fade]), (0, height - deep))
        setter.draw(mask, line, left=left, top=height - 5 * unit - line.height, width=inner)
    words = Image.new("RGBA", size, "white")
    words.putalpha(mask)
    return Image.alpha_composite(shade, words)


def backdrop(prompt: str, side: int) -> Image:
    """A dark gradient with two lights, square, in colours that belong to this prompt.

    Args:
        prompt: Its hash chooses the colours.
        side: Width and height in pixels.
    """
    from PIL import Image, ImageChops

    hue, *places = _dice(prompt)
    small = (_SKETCH, _SKETCH)
    picture = Image.composite(
        Image.new("RGB", small, _colour(hue + 0.08, 0.7, 0.10)),
        Image.new("RGB", small, _colour(hue, 0.6, 0.30)),
        Image.linear_gradient("L").resize(small),
    )
    for turn, strength, across, down in ((0.1, 150, *places[:2]), (-0.12, 120, *places[2:])):
        glow = Image.new("L", small)
        light = Image.radial_gradient("L").point([strength * max(0.0, 1 - far / 180) ** 1.5 for far in range(256)])
        glow.paste(light, (round(_SKETCH * across) - 128, round(_SKETCH * down) - 128))
        picture = Image.composite(Image.new("RGB", small, _colour(hue + turn, 0.65, 0.62)), picture, glow)
    picture = picture.resize((side, side), Image.Resampling.BICUBIC)
    grain = Image.effect_noise((512, 512), _GRAIN).resize((side, side), Image.Resampling.NEAREST)
    return ImageChops.add(picture, Image.merge("RGB", [grain] * 3), offset=-128)


def _dice(prompt: str) -> list[float]:
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    return [byte / 255 for byte in digest[:5]]


def _colour(hue: float, saturation: float, value: float) -> str:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue % 1, saturation, value))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _typesetter(letters: Sequence[str], fonts: FontBook) -> Typesetter:
    found = fonts.covering([*letters, *NEUTRAL, *FOOTER, *BADGE, "…"])
    return Typesetter({letter: font for letter, font in found.items() if font is not None}, shaping=fonts.shaping)


def _some(missing: Sequence[str]) -> str:
    return printable(" ".join(missing[:_NAMED])) + (" …" if len(missing) > _NAMED else "")


def _not_covered(missing: Sequence[str]) -> str:
    wide = any("\u2e80" <= letter[0] <= "\u9fff" or "\uac00" <= letter[0] <= "\ud7af" for letter in missing)
    return (
        f"No installed font covers every character of the prompt ({_some(missing)}); the title is neutral. "
        f"Install a font such as Noto Sans{' CJK' if wide else ''} to see it."
    )
