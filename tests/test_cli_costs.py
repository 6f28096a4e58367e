"""`nexiom costs`: what it asks for, and what it says to people and to scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from cli_rig import Command, command
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.cli.costs import listing, summary
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.spending import Dimension, Spend
from nexiom_sdk.testing.sample_jobs import sample_job

__all__ = ["command"]  # a fixture

NOW = datetime.now(UTC)
TODAY = f"{NOW:%Y-%m-%d}"
DONE = {"status": JobStatus.COMPLETED, "phase": Phase.DONE, "result_url": "file:///v.mp4"}


@pytest.fixture
def spent(command: Command) -> Command:
    """Three jobs of today, one of forty days ago."""

    async def fill() -> None:
        repository = SqliteRepository(command.home / "nexiom.db")
        price = {"estimated_cost_usd": Decimal("0.40")}
        clock = SystemClock()
        await repository.add(sample_job(clock, user_id="u1", **price, **DONE, cost_usd=Decimal("0.37")))
        await repository.add(sample_job(clock, user_id="u2", **price, quality_tier="cinematic"))
        await repository.add(sample_job(clock, user_id="u2", provider="other", model="o1"))
        await repository.add(sample_job(clock, **price, **DONE, created_at=NOW - timedelta(days=40)))
        await repository.aclose()

    asyncio.run(fill())
    return command


def test_without_a_time_it_is_about_the_last_thirty_days_by_day(spent: Command) -> None:
    said = spent("costs")
    assert said.code == 0
    assert said.out == f"{TODAY}\t3\t1\t0\t$0.37\t$0.40\t$0.77\t1\n"
    since = f"{NOW - timedelta(days=29):%Y-%m-%d}"
    assert said.err == (
        f"At least $0.77 since {since}, for 3 jobs: $0.37 as providers reported it, and $0.40 estimated "
        "from list prices. 2 jobs have not ended. What 1 order costs is not known, and not in the sum.\n"
    )


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (("--by", "provider, model"), ["acme\ta1\t2", "other\to1\t1"]),
        (("--by", "user,tier", "--provider", "acme"), ["u1\t-\t1", "u2\tcinematic\t1"]),
        (("--by", "user", "--user", "u2"), ["u2\t2"]),
        (("--by", "tier", "--tier", "cinematic"), ["cinematic\t1"]),
        (("--month", "--by", "month"), [f"{TODAY[:7]}\t3"]),
        (("--since", "2020-01-01", "--by", "role"), ["-\t4"]),
        (("--until", TODAY, "--by", "provider"), ["acme\t3", "other\t1"]),
        (("--until", f"{NOW - timedelta(days=1):%Y-%m-%d}", "--by", "provider"), ["acme\t1"]),
        (("--since", TODAY, "--until", TODAY, "--by", "provider"), ["acme\t2", "other\t1"]),
    ],
)
def test_it_is_about_what_was_asked_for(spent: Command, options: tuple[str, ...], lines: list[str]) -> None:
    said = spent("costs", *options)
    assert said.code == 0, said.err
    assert ["\t".join(line.split("\t")[: len(lines[0].split("\t"))]) for line in said.out.splitlines()] == lines


def test_scripts_get_one_object_for_each_sum_with_money_as_text(spent: Command) -> None:
    said = spent("costs", "--by", "user,provider", "--json")
    assert said.err == ""
    assert said.lines[0] == {
        "event": "cost",
        "user": "u1",
        "provider": "acme",
        "jobs": 1,
        "completed": 1,
        "failed": 0,
        "reported_usd": "0.37",
        "estimated_usd": "0",
        "cost_usd": "0.37",
        "unpriced": 0,
    }
    assert [line["provider"] for line in said.lines] == ["acme", "acme", "other"]


def test_what_nobody_knows_is_not_said_to_be_zero(spent: Command) -> None:
    said = spent("costs", "--by", "provider", "--since", "0001-01-01")
    assert said.out.splitlines() == [
        "acme\t3\t2\t0\t$0.37\t$0.80\t$1.17\t0",
        "other\t1\t0\t0\tunknown\tunknown\tunknown\t1",
    ]
    assert said.err.startswith("At least $1.17 since 0001-01-01, for 4 jobs")


def test_nothing_is_said_to_be_nothing(command: Command) -> None:
    said = command("costs", "--since", "2026-11-01", "--until", "2026-11-02T08:30")
    assert (said.code, said.out) == (0, "")
    assert said.err == "Nothing was ordered since 2026-11-01 before 2026-11-02 08:30.\n"
    assert command("costs", "--json").out == ""


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--by", ""), 2, "such as --by provider"),
        (("--by", " , "), 2, "such as --by provider"),
        (("--provider", "runwy"), 2, "Did you mean 'runway'?"),
        (("--by", "provder"), 2, "Did you mean 'provider'?"),
        (("--by", "day,weekday"), 2, "There is no dimension 'weekday'"),
        (("--tier", "cinematc"), 2, "Did you mean 'cinematic'?"),
        (("--since", "yesterday"), 2, "'yesterday' is no day, such as 2026-11-01"),
        (("--until", "2026-13-01"), 2, "'2026-13-01' is no day"),
        (("--until", "9999-12-31"), 2, "'9999-12-31' is no day"),
        (("--month", "--since", "2026-11-01"), 2, "--month is a time of its own"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), 2, "--since is after --until"),
    ],
)
def test_what_makes_no_sense_is_said_in_words(
    command: Command, options: tuple[str, ...], code: int, words: str
) -> None:
    said = command("costs", *options)
    assert (said.code, said.out) == (code, "")
    assert words in said.err
    as_json = command("costs", *options, "--json")
    assert words in str(as_json.lines[0]["message"])


def test_a_sum_of_what_is_all_known_says_no_more_than_that() -> None:
    known = Spend(values={"day": "2026-11-24"}, jobs=1, completed=1, reported_usd=Decimal("0.5"))
    assert summary([known], span="ever") == (
        "$0.50 ever, for 1 job: $0.50 as providers reported it, and $0.00 estimated from list prices."
    )
    assert listing([known], ["day"], span="ever").headers[:2] == ("day", "jobs")


def test_a_provider_of_which_nothing_was_ordered_is_no_mistake(spent: Command) -> None:
    for name in ("runway", "other"):  # installed; only in rows
        said = spent("costs", "--provider", name, "--until", "2020-01-01")
        assert (said.code, said.err) == (0, "Nothing was ordered before 2020-01-02.\n")
    assert "Did you mean 'other'?" in spent("costs", "--provider", "othr").err


def test_an_option_without_its_value_points_to_the_help_of_its_own_command(command: Command) -> None:
    assert command("costs", "--by").err.splitlines()[-1] == "next: nexiom costs --help"
    assert command("jobs", "list", "--limit").err.splitlines()[-1] == "next: nexiom jobs list --help"


def _on(width: int, by: Sequence[Dimension]) -> list[str]:
    sums = [
        Spend(
            values={"day": "2026-11-24", "user": "7b1c2d3e-aaaa-4bbb", "model": model, "provider": "openrouter"},
            jobs=12345,
            completed=12000,
            failed=345,
            reported_usd=Decimal("1234.5678"),
            estimated_usd=Decimal("9876.5432"),
        )
        for model in ("black-forest-labs/flux-3-video", "wan-3.0")
    ]
    console = Console(width=width, no_color=True)
    with console.capture() as said:
        console.print(listing(sums, by, span="ever").view(width))
    lines = said.get().splitlines()
    assert max(map(len, lines)) <= width
    assert "\u2026" not in said.get()
    return [" ".join(line.split()) for line in lines]


def test_figures_are_whole_at_any_width() -> None:
    by: tuple[Dimension, ...] = ("day", "user", "model")
    row = "2026-11-24 7b1c2d3e-aaaa-4bbb wan-3.0 12345 12000 345 $1234.5678 $9876.5432 $11111.111 0"
    assert _on(160, by)[-1] == row
    assert _on(120, by)[-1] == row.replace(" 12000 345", "")  # which may be left out
    for width in (80, 100):
        lines = _on(width, by)
        assert lines[8:11] == ["2026-11-24 \u00b7 7b1c2d3e-aaaa-4bbb \u00b7 wan-3.0", "jobs 12345", "completed 12000"]
        assert lines[-2:] == ["total $11111.111", "unpriced 0"]
    assert _on(80, ("provider",))[-1].startswith("openrouter 12345 $1234")
