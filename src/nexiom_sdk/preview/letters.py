"""A prompt as letters: cleaned of what cannot be seen, cut into clusters and words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

_MOST_MARKS = 4  # of one letter; stacks of dozens would run over the neighbouring lines
_JOINER = "\u200d"
_JOINERS = {_JOINER, "\u200c"}
# Letters by category and blank by design: fillers, braille blank, and the selectors of a letter's variant.
_BLANK = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")
_SELECTOR = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_PICTURE = re.compile("[\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]|.\u20e3")
_SKIN_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")
_REGION = re.compile("[\U0001f1e6-\U0001f1ff]")
_RIGHT_TO_LEFT = {"R", "AL", "AN"}


def clean(text: str, *, joiners: bool = True) -> str:
    r"""The text as one line: canonical letters, single spaces, no control, direction or variant characters.

    Args:
        text: Any text.
        joiners: Keep the characters without ink that tell a shaper to join letters, or not to.

    Example:
        >>> clean("a\tfox\u202e in\n snow\ufe0f")
        'a fox in snow'
    """
    letters = unicodedata.normalize("NFC", _SELECTOR.sub("", _BLANK.sub(" ", text)))
    kept = "".join(_visible(letter) for letter in letters if joiners or letter not in _JOINERS)
    return " ".join(kept.split())


def clusters(text: str) -> list[str]:
    """The cleaned text cut where a reader sees a new character: marks, joined pictures and flags stay whole.

    Example:
        >>> [len(cluster) for cluster in clusters("e\u0303x\U0001f469\u200d\U0001f680")]
        [2, 1, 3]
    """
    found: list[str] = []
    for letter in text:
        if found and _continues(found[-1], letter):
            marks = sum(unicodedata.category(one)[0] == "M" for one in found[-1])
            if marks < _MOST_MARKS or unicodedata.category(letter)[0] != "M":
                found[-1] += letter
        else:
            found.append(letter)
    return found


def words(letters: Iterable[str]) -> Iterator[list[str]]:
    """The clusters as pieces that a line may end after; a space begins the piece that follows it.

    Example:
        >>> ["".join(word) for word in words(clusters("a fox, 電影。"))]
        ['a', ' fox,', ' 電', '影。']
    """
    word: list[str] = []
    for letter in letters:
        if word and (letter == " " or _may_break(word[-1], letter)):
            yield word
            word = []
        word.append(letter)
    if word:
        yield word


def is_picture(cluster: str) -> bool:
    """Whether it is an emoji or a dingbat: left out, a sentence still reads well."""
    return _PICTURE.match(cluster) is not None


def needs_shaping(text: str) -> bool:
    """Whether letters must be reordered or joined to be right, as in Arabic or Devanagari."""
    return any(
        unicodedata.category(letter)[0] == "M" or unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in text
    )


def _visible(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cf":
        return letter if letter in _JOINERS else ""
    return " " if category in {"Cc", "Zs", "Zl", "Zp"} else letter


def _continues(cluster: str, letter: str) -> bool:
    return (
        unicodedata.category(letter)[0] == "M"
        or letter in _JOINERS
        or (cluster.endswith(_JOINER) and is_picture(letter))
        or (_SKIN_TONE.match(letter) is not None and is_picture(cluster))
        or (_REGION.match(letter) is not None and _REGION.fullmatch(cluster) is not None)
    )


def _may_break(before: str, after: str) -> bool:
    """Between ideographs and kana, but neither after an opening bracket nor before what closes or continues."""
    written_without_spaces = any(
        unicodedata.east_asian_width(cluster[0]) in {"W", "F"} and not "\uac00" <= cluster[0] <= "\ud7af"
        for cluster in (before, after)
    )
    opens = unicodedata.category(before[0]) in {"Ps", "Pi"}
    closes = unicodedata.category(after[0]) in {"Pe", "Pf", "Po", "Lm"}
    return written_without_spaces and before != " " and not opens and not closes
