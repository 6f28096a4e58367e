from __future__ import annotations

from decimal import Decimal

from rich.console import Console

from nexiom_sdk.cli.tables import choice_table
from nexiom_sdk.types import Candidate, Choice, Rejection


def shown(choice: Choice) -> list[str]:
    console = Console(width=120, no_color=True)
    with console.capture() as said:
        console.print(choice_table(choice))
    return [" ".join(line.split()) for line in said.get().splitlines()]


def candidate(model: str, usd: str | None, priced_on: str, **fields: object) -> Candidate:
    price = None if usd is None else Decimal(usd)
    values = {"provider": "acme", "model": model, "estimated_cost_usd": price, "priced_on": priced_on, **fields}
    return Candidate.model_validate(values)


def test_a_choice_shows_why_each_model_stands_where_it_stands_and_of_when_the_prices_are() -> None:
    first = candidate("a1", "0.4", "2026-10-09: list", why="best", rules=("long", "sound"), warnings=("is a preview",))
    choice = Choice(
        ranked=(first, candidate("a2", "1.2", "2026-08: page"), candidate("a3", None, "2025-01: old")),
        rejected=(Rejection(provider="bolt", model="b1", reasons=("no key", "takes no seed")),),
    )
    heading, _, *lines = shown(choice)
    assert heading == "model makes price why"
    assert lines == [
        "chosen acme/a1 $0.40 best",
        "rule long",
        "rule sound",
        "warning: is a preview",
        "spare acme/a2 $1.20",
        "spare acme/a3 unknown",
        "dropped bolt/b1 no key",
        "takes no seed",
        "prices of 2026-08 to 2026-10-09",
    ]


def test_one_date_is_told_once_and_no_date_not_at_all() -> None:
    assert shown(Choice(ranked=(candidate("a1", "1", "2026-10-09: list"),)))[-1] == "prices of 2026-10-09"
    assert shown(Choice(ranked=(candidate("a1", "0", "free: made here"),)))[-1] == "chosen acme/a1 free"
