"""A list of things with a few facts each: a table on a terminal, tabs in a pipe, one object per line for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from nexiom_sdk.wording import printable

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing.

    Args:
        cells: Its facts in words, one for each header.
        fields: The same as data, for scripts.
        style: How it looks on a terminal, such as red.
        heading: A terminal shows it above the first of the rows that have it.
        short: What a terminal shows instead of the cells, where room is dear.
    """

    cells: Sequence[str]
    fields: Mapping[str, JsonValue]
    style: str = ""
    heading: str = ""
    short: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The list.

    Args:
        name: What one thing is called, such as model; scripts see it as the event.
        headers: What the facts are.
        rows: The things.
        numbers: Headers whose cells are set to the right.
        wide: Headers whose cells give way where room is short.
        empty: What is said where there is none.
        legend: What short cells mean; a terminal shows it below the table.
        footer: A last line for people, such as a sum.
    """

    name: str
    headers: Sequence[str]
    rows: Sequence[Row]
    numbers: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()
    empty: str = "There is none."
    legend: str = ""
    footer: str = ""

    def table(self) -> Table:
        """The list for a terminal."""
        from rich import box  # scripts do without it
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            header_style="dim",
            show_edge=False,
            caption=self.legend or None,
            caption_justify="left",
            caption_style="dim",
        )
        for header in self.headers:
            gives_way = header in self.wide
            table.add_column(
                header,
                justify="right" if header in self.numbers else "left",
                no_wrap=not gives_way,
                overflow="fold" if gives_way else "ellipsis",
            )
        above = ""
        for row in self.rows:
            if row.heading != above:
                above = row.heading
                table.add_row(Text(printable(above), "bold"))
            table.add_row(*(Text(printable(cell), row.style) for cell in row.short or row.cells))
        return table

    def plain(self) -> str:
        """The list for a pipe: one line per thing, its facts separated by tabs."""
        return "\n".join("\t".join(printable(cell) for cell in row.cells) for row in self.rows)
