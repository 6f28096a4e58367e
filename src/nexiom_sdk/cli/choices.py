"""A choice as people read it on a terminal: a line for each model, its reasons below, at the end what is not set up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from nexiom_sdk.choice_words import shown_target
from nexiom_sdk.cli.layout import INDENT, below, line, whole, widths
from nexiom_sdk.cli.output import Asides
from nexiom_sdk.types import Candidate, Choice
from nexiom_sdk.wording import printable, seconds, usd

_LABEL = INDENT - 2  # the gap follows it


def choice_view(choice: Choice, *, width: int, asides: Asides) -> Group:
    """The models that fit, best first, then the others, each with its reasons; below, of when the prices are.

    Args:
        choice: The choice.
        width: Room in columns.
        asides: What it does not say of itself.
    """
    return Group(*_lines(choice, width, asides))


def _lines(choice: Choice, width: int, asides: Asides) -> Iterator[RenderableType]:
    for one, row in zip(choice.ranked, _rows(choice.ranked, width), strict=True):
        yield from row
        if one.why:
            yield below(printable(one.why), style="dim")
        for name in one.rules:
            why = asides.rules.get(name, "")
            yield below(printable(f"rule {name}{f': {why}' if why else ''}"), style="dim")
        for warning in one.warnings:
            yield below(f"warning: {printable(warning)}", style="yellow")
    gathered: dict[str, list[str]] = {}
    for rejected in choice.rejected:
        if asides.gathers(rejected):
            gathered.setdefault(rejected.provider, []).append(rejected.model)
        else:
            yield Text(f"{'dropped':{_LABEL}}  {printable(shown_target(rejected))}", "dim")
            yield from (below(printable(reason)) for reason in rejected.reasons)
    if gathered:
        yield Text("not set up", "dim")
    for name, names in gathered.items():
        models = names[0] if len(names) == 1 else f"{len(names)} models"
        needs = asides.lacking.get(name)
        yield below(printable(f"{name}: {f'needs {needs}' if needs else asides.reasons[name]} ({models})"))
    if dates := _price_dates(choice):
        yield Text(dates, "dim")


def _rows(ranked: Sequence[Candidate], width: int) -> Iterator[Sequence[Text]]:
    """A row for each model in the widest form that there is room for: whole, with short terms, or on two lines."""
    if not ranked:
        return
    styles = ("bold green", *[""] * (len(ranked) - 1))
    labels = ("chosen", *["spare"] * (len(ranked) - 1))
    labels = tuple(f"{label:{_LABEL}}" for label in labels)
    for between in (" · ", " "):
        cells = [
            (label, printable(one.target), between.join(_terms(one)), _price(one))
            for label, one in zip(labels, ranked, strict=True)
        ]
        columns = widths(cells)
        if whole(columns) <= width:
            yield from ([line(row, columns, right=(3,), style=style)] for row, style in zip(cells, styles, strict=True))
            return
    for label, one, style in zip(labels, ranked, styles, strict=True):
        terms = Text(f"{'':{INDENT}}{' · '.join((*_terms(one), _price(one)))}", style)
        yield [Text(f"{label}  {printable(one.target)}", style), terms]


def _terms(one: Candidate) -> list[str]:
    sound = "" if one.audio is None else ("sound" if one.audio else "silent")
    length = "" if one.duration_seconds is None else seconds(one.duration_seconds)
    return [*filter(None, (length, one.resolution, one.aspect_ratio, sound))]


def _price(one: Candidate) -> str:
    return "free" if one.estimated_cost_usd == 0 else usd(one.estimated_cost_usd)


def _price_dates(choice: Choice) -> str:
    """From when the prices are, as far as that is known."""
    dates = sorted({one.price_date for one in choice.ranked if one.estimated_cost_usd is not None} - {""})
    if not dates:
        return ""
    return f"prices of {dates[0]}" if len(dates) == 1 else f"prices of {dates[0]} to {dates[-1]}"
