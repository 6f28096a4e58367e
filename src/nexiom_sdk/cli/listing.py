"""A list of things with a few facts each: a table on a terminal, tabs in a pipe, one object per line for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import JsonValue

from nexiom_sdk.wording import printable

if TYPE_CHECKING:
    from rich.console import RenderableType
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
        notes: What a terminal shows below it, over the whole width.
    """

    cells: Sequence[str]
    fields: Mapping[str, JsonValue]
    style: str = ""
    heading: str = ""
    short: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def shown(self) -> Sequence[str]:
        """Its cells on a terminal."""
        return self.short or self.cells


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
        keys: How many headers, from the first, say what a row is about; None: the wide headers give way where room is
            short. Else each row becomes a block there: its keys, and below them the other facts by name.
        dispensable: Headers that a terminal without room leaves out first.
    """

    name: str
    headers: Sequence[str]
    rows: Sequence[Row]
    numbers: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()
    empty: str = "There is none."
    legend: str = ""
    footer: str = ""
    keys: int | None = None
    dispensable: frozenset[str] = frozenset()

    def view(self, width: int) -> RenderableType:
        """The list for a terminal.

        Args:
            width: Room in columns.
        """
        if any(row.notes for row in self.rows):
            return self._with_notes()
        if self.keys is None or self.room() <= width:
            return self.table()
        left = [number for number, header in enumerate(self.headers) if header not in self.dispensable]
        less = replace(
            self,
            headers=[self.headers[number] for number in left],
            rows=[replace(row, cells=[row.shown[number] for number in left], short=()) for row in self.rows],
        )
        return less.table() if less.room() <= width else self._blocks()

    def room(self) -> int:
        """How much room a table needs in which no cell is broken."""
        from nexiom_sdk.cli.layout import whole, widths

        return whole(widths([self.headers, *(tuple(map(printable, row.shown)) for row in self.rows)]))

    def _with_notes(self) -> RenderableType:
        """Rows with their notes below them; a table has no such place."""
        from rich.console import Group
        from rich.text import Text

        from nexiom_sdk.cli.layout import below, line, widths

        rows = [[printable(cell) for cell in row.shown] for row in self.rows]
        columns = widths([self.headers, *rows])
        right = [number for number, header in enumerate(self.headers) if header in self.numbers]
        lines: list[RenderableType] = [line(self.headers, columns, right=right, style="dim")]
        for cells, row in zip(rows, self.rows, strict=True):
            lines.append(line(cells, columns, right=right, style=row.style))
            lines += (below(printable(note), style=row.style, indent=columns[0] + 2) for note in row.notes)
        return Group(*lines, *((Text(self.legend, "dim"),) if self.legend else ()))

    def _blocks(self) -> RenderableType:
        """A block for each row: what it is about, then each fact with its name."""
        from rich.console import Group
        from rich.text import Text

        from nexiom_sdk.cli.layout import below, line, widths

        facts = [[printable(cell) for cell in row.shown[self.keys :]] for row in self.rows]
        names = self.headers[self.keys :]
        room = widths([*((name, "") for name in names)])[0], max(widths(facts), default=0)
        lines: list[RenderableType] = []
        for row, cells in zip(self.rows, facts, strict=True):
            lines.append(Text(printable(" \u00b7 ".join(row.shown[: self.keys])), f"bold {row.style}".strip()))
            lines += (below(line(pair, room, right=(1,)).plain, indent=2) for pair in zip(names, cells, strict=True))
        return Group(*lines)

    def table(self) -> Table:
        """The list as a table."""
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
            table.add_row(*(Text(printable(cell), row.style) for cell in row.shown))
        return table

    def plain(self) -> str:
        """The list for a pipe: one line per thing, its facts separated by tabs."""
        return "\n".join("\t".join(printable(cell) for cell in row.cells) for row in self.rows)
