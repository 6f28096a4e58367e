"""A choice on a terminal: nothing of it is lost, however narrow the terminal is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from rich.console import Console

from nexiom_sdk.cli.choices import choice_view
from nexiom_sdk.cli.output import Asides
from nexiom_sdk.types import Candidate, Choice, Rejection

NO_KEY = "Kling needs a key: KLINGAI_API_KEY is not set."


def shown(choice: Choice, *, width: int = 120, asides: Asides | None = None) -> list[str]:
    console = Console(width=width, no_color=True)
    with console.capture() as said:
        console.print(choice_view(choice, width=width, asides=asides or Asides()))
    lines = [line.rstrip() for line in said.get().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


def candidate(model: str, usd: str | None, priced_on: str, **fields: object) -> Candidate:
    price = None if usd is None else Decimal(usd)
    values = {"provider": "acme", "model": model, "estimated_cost_usd": price, "priced_on": priced_on, **fields}
    return Candidate.model_validate(values)


def rejected(target: str, *reasons: str) -> Rejection:
    provider, _, model = target.partition("/")
    return Rejection(provider=provider, model=model, reasons=reasons)


def test_a_choice_shows_why_each_model_stands_where_it_stands_and_of_when_the_prices_are() -> None:
    first = candidate("a1", "0.4", "2026-10-09: list", why="best", rules=("long", "sound"), warnings=("is a preview",))
    choice = Choice(
        ranked=(first, candidate("a2", "1.2", "2026-08: page"), candidate("a3", None, "2025-01: old")),
        rejected=(rejected("bolt/b1", "too dear", "takes no seed"),),
    )
    assert shown(choice, asides=Asides(rules={"long": "cheaper for long clips", "sound": ""})) == [
        "chosen   acme/a1      $0.40",
        "         best",
        "         rule long: cheaper for long clips",
        "         rule sound",
        "         warning: is a preview",
        "spare    acme/a2      $1.20",
        "spare    acme/a3    unknown",
        "dropped  bolt/b1",
        "         too dear",
        "         takes no seed",
        "prices of 2026-08 to 2026-10-09",
    ]


def test_one_date_is_told_once_and_no_date_not_at_all() -> None:
    assert shown(Choice(ranked=(candidate("a1", "1", "2026-10-09: list"),)))[-1] == "prices of 2026-10-09"
    assert shown(Choice(ranked=(candidate("a1", "0", "free: made here"),)))[-1] == "chosen   acme/a1    free"


def test_what_is_no_model_is_shown_as_what_it_is() -> None:
    choice = Choice(rejected=(rejected("policy/cinematic", "it is closed"), rejected("any/nothing", "unknown")))
    assert [line for line in shown(choice) if line.startswith("dropped")] == [
        "dropped  tier cinematic",
        "dropped  nothing",
    ]


def test_providers_that_are_not_set_up_take_a_line_each_unless_there_is_more_to_say_of_a_model() -> None:
    choice = Choice(
        rejected=(
            rejected("kling/k1", NO_KEY),
            rejected("kling/k2", NO_KEY),
            rejected("kling/k3", "the policy denies this model", NO_KEY),
            rejected("kling/k4", "is no longer offered"),
            rejected("luma/l1", "Luma has a bad address."),
            rejected("bolt/b1", "not installed"),
        )
    )
    asides = Asides(lacking={"kling": "KLINGAI_API_KEY"}, reasons={"kling": NO_KEY, "luma": "Luma has a bad address."})
    lines = shown(choice, asides=asides)
    assert [line for line in lines if line.startswith("dropped")] == [
        "dropped  kling/k3",
        "dropped  kling/k4",
        "dropped  bolt/b1",
    ]
    assert lines[-3:] == [
        "not set up",
        "         kling: needs KLINGAI_API_KEY (2 models)",
        "         luma: Luma has a bad address. (l1)",
    ]


@pytest.mark.parametrize(
    ("width", "row"),
    [
        (100, "chosen   acme/black-forest-labs-flux-3-video  8 s \u00b7 1080p \u00b7 16:9 \u00b7 sound  $1.36"),
        (80, "chosen   acme/black-forest-labs-flux-3-video  8 s \u00b7 1080p \u00b7 16:9 \u00b7 sound  $1.36"),
        (74, "chosen   acme/black-forest-labs-flux-3-video  8 s 1080p 16:9 sound  $1.36"),
        (50, "chosen   acme/black-forest-labs-flux-3-video"),
    ],
)
def test_terms_give_way_before_anything_is_broken_and_reasons_have_the_whole_width(width: int, row: str) -> None:
    why = " ".join(["reason"] * 30)
    terms = {"duration_seconds": 8, "resolution": "1080p", "aspect_ratio": "16:9", "audio": True, "why": why}
    first, *lines = shown(
        Choice(ranked=(candidate("black-forest-labs-flux-3-video", "1.36", "", **terms),)), width=width
    )
    assert first == row
    if width == 50:
        assert lines.pop(0) == "         8 s \u00b7 1080p \u00b7 16:9 \u00b7 sound \u00b7 $1.36"
    assert " ".join(line.strip() for line in lines) == why
    assert len(lines[0]) > width - len("reason ")
