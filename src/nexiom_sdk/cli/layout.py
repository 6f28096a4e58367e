"""Lines of columns with remarks below them, at any width: what a table does not do."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.padding import Padding
from rich.text import Text

INDENT = 9
GAP = 2


def widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """How much room each column needs.

    Example:
        >>> widths([("chosen", "acme/a1"), ("spare", "b/b2")])
        [6, 7]
    """
    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def whole(columns: Sequence[int]) -> int:
    """How much room they need side by side."""
    return sum(columns) + GAP * (len(columns) - 1)


def line(cells: Sequence[str], columns: Sequence[int], *, right: Sequence[int] = (), style: str = "") -> Text:
    """One row, which is never broken.

    Args:
        cells: What stands in it.
        columns: The room of each column.
        right: Columns that are set to the right.
        style: How it looks.
    """
    parts: list[str] = []
    for number, (cell, room) in enumerate(zip(cells, columns, strict=True)):
        space = " " * max(room - cell_len(cell), 0)
        parts.append(space + cell if number in right else cell + space)
    return Text((" " * GAP).join(parts).rstrip(), style, no_wrap=True, overflow="fold")


def below(text: str, *, style: str = "", indent: int = INDENT) -> Padding:
    """A remark below a row, as wide as there is room."""
    return Padding(Text(text, style), (0, 0, 0, indent), expand=False)
