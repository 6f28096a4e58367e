"""Which way text runs: the implicit rules of the Unicode bidirectional algorithm (UAX 9).

The library that shapes letters knows these rules too, but only for a line in one font; a line in two fonts has to be
put in order piece by piece. The explicit rules have nothing to do: `letters.clean` takes their characters out.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence

# Classes as single letters, so that rules are patterns; what is not named here is neutral: O.
_CLASSES = {"L": "L", "R": "R", "AL": "A", "EN": "E", "AN": "N", "ES": "S", "ET": "T", "CS": "C", "NSM": "M"}
_BRACKETS = dict(zip("([{\uff08\uff3b\uff5b「『【〈《", ")]}\uff09\uff3d\uff5d」』】〉》", strict=True))


def reads_right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction reads from right to left (P2, P3)."""
    directions = map(unicodedata.bidirectional, text)
    return next((direction != "L" for direction in directions if direction in {"L", "R", "AL"}), False)


def levels(line: str, *, right_to_left: bool) -> list[int]:
    """Level of each character: even reads from left to right, odd from right to left (W1 to W7, N0 to N2, I1, I2).

    Args:
        line: One line without explicit direction characters.
        right_to_left: Direction of the paragraph.

    Example:
        >>> levels("ab אב 12", right_to_left=False)
        [0, 0, 0, 1, 1, 1, 2, 2]
    """
    base = "R" if right_to_left else "L"
    kinds = base + "".join(_CLASSES.get(unicodedata.bidirectional(letter), "O") for letter in line)
    kinds = re.sub(r"(.)(M+)", lambda found: found[1] * len(found[0]), kinds)
    kinds = re.sub(r"A[^LRA]*", lambda found: found[0].replace("E", "N"), kinds).replace("A", "R")
    kinds = re.sub(r"(?<=E)[SC](?=E)", "E", kinds)
    kinds = re.sub(r"(?<=N)C(?=N)", "N", kinds)
    kinds = re.sub(r"T*E[ET]*", lambda found: "E" * len(found[0]), kinds)
    kinds = re.sub(r"[STC]", "O", kinds)
    kinds = re.sub(r"L[^R]*", lambda found: found[0].replace("E", "L"), kinds)
    kinds = _with_brackets(kinds, line) + base
    kinds = re.sub(r"(?<=(.))O+(?=(.))", lambda found: _neutral(found, base), kinds)
    ups = {"L": 1, "R": 0, "E": 1, "N": 1} if right_to_left else {"L": 0, "R": 1, "E": 2, "N": 2}
    return [right_to_left + ups[kind] for kind in kinds[1:-1]]


def visual_order(of_levels: Sequence[int]) -> list[int]:
    """Positions of the pieces of one line as they stand from left to right, by their levels (L2).

    Example:
        >>> visual_order([0, 1, 2, 1, 0])
        [0, 3, 2, 1, 4]
    """
    order = list(range(len(of_levels)))
    for level in range(max(of_levels, default=0), 0, -1):
        runs = itertools.groupby(order, key=lambda position: of_levels[position] >= level)
        order = [position for high, run in runs for position in (reversed(list(run)) if high else run)]
    return order


def _with_brackets(kinds: str, line: str) -> str:
    """N0: both brackets of a pair take one direction, by what stands in them and before them."""
    base, found = kinds[0], list(kinds)
    for start, end in sorted(_pairs(line)):
        inside = {_side(kind) for kind in found[start + 2 : end + 1]} - {""}
        if inside:
            before = next(side for kind in reversed(found[: start + 1]) if (side := _side(kind)))
            found[start + 1] = found[end + 1] = base if base in inside else before if before in inside else base
    return "".join(found)


def _pairs(line: str) -> Iterator[tuple[int, int]]:
    opened: list[tuple[int, str]] = []
    for position, letter in enumerate(line):
        if letter in _BRACKETS:
            opened.append((position, _BRACKETS[letter]))
        elif any(letter == closing for _, closing in opened):
            while True:
                start, closing = opened.pop()
                if closing == letter:
                    yield start, position
                    break


def _side(kind: str) -> str:
    return {"O": "", "L": "L"}.get(kind, "R")


def _neutral(found: re.Match[str], base: str) -> str:
    before, after = map(_side, found.groups())
    return (before if before == after else base) * len(found[0])
