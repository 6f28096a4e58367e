"""`nexiom models`: the list for people, for pipes and for scripts, and everything about one model."""

from __future__ import annotations

import re

import pytest

from cards_rig import cards_file
from cli_rig import Command, command
from nexiom_sdk import ModelCard
from nexiom_sdk.catalogue import ListedModel
from nexiom_sdk.catalogue_file import CardsFile
from nexiom_sdk.cli.listing import Listing
from nexiom_sdk.cli.model_words import HEADERS, LEGEND, details, row_of
from nexiom_sdk.models import Condition, Lengths, Price, Shapes
from nexiom_sdk.testing.fake_provider import fake_card

__all__ = ["command"]  # a fixture


def _cells(card: ModelCard, **more: object) -> dict[str, str]:
    one = ListedModel(**{"provider": "acme", "card": card, "state": "usable", **more})  # type: ignore[arg-type]
    return dict(zip(HEADERS, row_of(one, None).cells, strict=True))


def test_a_pipe_gets_a_line_for_each_model_with_its_whole_name(command: Command) -> None:
    said = command("models")
    assert said.code == 0
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert {len(row) for row in rows} == {len(HEADERS)}
    by_name = {row[0]: row for row in rows}
    assert by_name["kling/kling-3.0"][1:] == [
        "cinematic ultra_realistic", "3-15", "720-2160", "choice", "text first_frame:1 last_frame:1", "0.084-0.42",
        "not set up",
    ]  # fmt: skip
    assert by_name["veo/gemini-omni-1.2-flash"][6] == "unknown"
    assert by_name["local/preview"][6:] == ["free", "usable"]
    assert by_name["wired/*"][7] == "not set up"
    assert said.err.startswith(f"{len(rows)} models, 1 usable.")


def test_a_script_gets_every_card_whole(command: Command) -> None:
    lines = command("models", "--provider", "runway", "--json").lines
    assert {str(line["event"]) for line in lines} == {"model"}
    wan = next(line for line in lines if line["model"] == "wan3")
    assert (wan["target"], wan["state"], wan["tiers"]) == ("runway/wan3", "not_set_up", {"standard": 100})
    assert wan["usd_per_second"] == {"least": "0.05", "most": "0.2"}
    assert "RUNWAYML_API_SECRET" in str(wan["reason"])
    card = ModelCard.model_validate(wan["card"])
    assert card.priced_on == "2026-10-08: Runway's price page"
    assert {line["model"]: line["usd_per_second"] for line in lines}["kling_4"] is None


def test_what_a_script_gets_can_be_pasted_into_a_file_of_cards(command: Command) -> None:
    import json

    [line] = command("models", "show", "kling/kling-3.0", "--json").lines
    text = json.dumps({"as_of": "2026-11-26", "cards": {str(line["target"]): line["card"]}})
    change = CardsFile.from_json(text, source="cards.json").cards["kling/kling-3.0"]
    assert change.over(ModelCard(model="kling-3.0")) == ModelCard.model_validate(line["card"])


def test_the_options_leave_what_was_asked_for(command: Command) -> None:
    def names(*options: str) -> set[str]:
        return {line.partition("\t")[0] for line in command("models", *options).out.splitlines()}

    assert names("--tier", "standard", "--duration", "30") == {"runway/wan3", "openrouter/alibaba/wan-3.0"}
    assert "runway/aleph2" in names("--input", "source_video")
    assert names("--max-price", "$0.02") == {
        "local/preview", "openrouter/bytedance/seedance-1-5-pro", "openrouter/heygen/heygen-video-1",
        "openrouter/x-ai/grok-imagine-video-1.5-lite", "runway/grok_imagine_1_5_lite",
    }  # fmt: skip
    assert names("--usable") == {"local/preview"}
    assert names("--provider", "sora") == {"sora/@served"}


def test_with_a_key_a_provider_is_usable(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWAYML_API_SECRET", "not-a-real-key")
    assert {line["provider"] for line in command("models", "--usable", "--json").lines} == {"local", "runway"}


def test_what_is_gone_is_listed_with_its_day_its_successor_and_who_says_so(command: Command) -> None:
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in command("models", "--retired").out.splitlines()}
    assert rows["kling/kling-v1"][:2] == ["2026-09-15", "kling-v2-5-turbo"]
    assert rows["sora/sora-2"][:2] == ["2026-09-24", ""]
    assert rows["luma/ray-1-6"][:2] == ["?", "ray-3.2"]
    assert all(row[2] for row in rows.values())
    assert not any(name.startswith("local/") for name in rows)


@pytest.mark.parametrize("word", ["kling/kling-3.0", "kling-3.0"])
def test_one_model_is_shown_with_all_its_facts_and_the_dates_of_its_prices(word: str, command: Command) -> None:
    said = command("models", "show", word)
    assert said.code == 0
    for line in (
        "model             kling/kling-3.0",
        "tiers             cinematic (weight 76)",
        "lengths           3 to 15 s in whole seconds",
        "prices            $0.126 a second, at 720p, with sound",
        "priced on         2026-10: price pages, at 0.14 USD a unit",
        "verified on       2026-11-22: Kling's documentation",
    ):
        assert line in said.out.splitlines()
    assert "KLINGAI_API_KEY" in said.out


def test_the_day_until_which_a_model_is_promised_is_shown(command: Command) -> None:
    assert "promised until    2026-11-17" in command("models", "show", "veo-3.1-generate-001").out
    assert "retires on        2026-09-24" in command("models", "show", "sora-2").out


def test_a_typing_mistake_is_answered_with_the_nearest_model(command: Command) -> None:
    for word in ("kling/kling-30", "kling-30"):
        said = command("models", "show", word)
        assert (said.code, said.out) == (2, "")
        assert "Did you mean 'kling/kling-3.0'?" in said.err
        assert "nexiom models" in said.err


def test_a_name_that_two_providers_have_is_not_guessed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    monkeypatch.setenv("NEXIOM_SORA_MODELS", "wan3")
    said = command("models", "show", "wan3")
    assert said.code == 2
    assert "runway/wan3, sora/wan3" in said.err
    assert command("models", "show", "sora/wan3").code == 0


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--tier", "cinematc"], "Did you mean 'cinematic'", 2),
        (["--input", "last_fram"], "Did you mean 'last_frame'", 2),
        (["--duration", "nan"], "finite", 2),
        (["--max-price", "much"], "not an amount in dollars", 2),
        (["--provider", "klig"], "Did you mean 'kling'", 3),
        (["--usable", "--retired"], "take one", 2),
        (["--max-price", "-1"], "--max-price is an amount of 0 or more, not -1", 2),
        (["--max-price", "nan"], "--max-price is an amount of 0 or more", 2),
        (["--duration", "8s"], "'8s' is not a number of seconds: write 8.", 2),
        (["shwo"], "shwo", 2),
    ],
)
def test_nonsense_ends_with_a_sentence(options: list[str], said: str, code: int, command: Command) -> None:
    ended = command("models", *options)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_nothing_like_that_is_said(command: Command) -> None:
    def said(*options: str) -> str:
        ended = command("models", *options)
        assert (ended.code, ended.out) == (0, "")
        return ended.err.strip()

    assert re.fullmatch(
        r"No model is like that\. Without --provider there are \d+, and without --duration there are \d+\.",
        said("--duration", "600", "--provider", "kling"),
    )
    assert said("--duration", "600", "--provider", "kling", "--usable").endswith(
        " Leave out more than one of --provider, --duration, --usable."
    )
    assert said("--retired", "--provider", "local").startswith("No model like that is gone. Without --provider there")


def test_a_mistake_in_the_file_of_cards_ends_with_its_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    file = cards_file(command.home.parent, {"runway/wan3": {"sed": True}})
    monkeypatch.setenv("NEXIOM_CARDS", str(file))
    for arguments in (["models"], ["estimate", "x", "--provider", "local"], ["generate", "x", "--provider", "local"]):
        said = command(*arguments)
        assert (said.code, said.out) == (3, "")
        assert "line 3: cards.runway/wan3.sed: There is no key 'sed'" in said.err
        assert "NEXIOM_CARDS" in said.err


def test_a_model_without_a_key_is_refused_with_its_variable_and_no_preview_is_made(command: Command) -> None:
    said = command("generate", "a fox", "--model", "wan3")
    assert (said.code, said.out) == (4, "")
    assert "RUNWAYML_API_SECRET" in said.err
    assert "preview" not in said.err


def test_a_table_has_room_on_a_hundred_columns(command: Command) -> None:
    from rich.console import Console

    from nexiom_sdk import Studio

    rows = [row_of(one, None) for one in Studio().models()]
    table = Listing(
        name="model", headers=HEADERS, rows=rows, numbers=frozenset({"length", "sizes", "$ per s"}), legend=LEGEND
    ).table()
    console = Console(width=100, color_system=None)
    with console.capture() as shown:
        console.print(table)
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= 100
    assert "..." not in shown.get()
    assert "\u2026" not in shown.get()
    assert sum(line.strip() == "openrouter" for line in lines) == 1
    assert len(lines) == len(rows) + len({row.heading for row in rows}) + 2 + 2  # the heading, and the legend


def test_cells_say_what_is_not_known() -> None:
    cells = _cells(ModelCard(model="a1", audio="unknown", media={"source_video": 1}, media_required=True))
    assert cells == {
        "model": "acme/a1", "tiers": "", "length": "?", "sizes": "?", "sound": "?", "takes": "source_video:1",
        "$ per s": "unknown", "state": "usable",
    }  # fmt: skip


def test_lengths_are_told_in_few_words() -> None:
    for offered, said in (((4, 6, 8), "4,6,8"), ((3, 4, 5, 6), "3-6"), ((5,), "5"), ((4, 5, 9), "4-5,9")):
        assert _cells(fake_card(durations_seconds=offered))["length"] == said
    assert _cells(fake_card(duration_range_seconds=(1, 60)))["length"] == "1-60"
    rule = Lengths(one_of=(7,), modes=("video",))
    assert _cells(fake_card(durations_seconds=(4, 6), lengths=(rule,)))["length"] == "4,6-7"


def test_a_model_that_leaves_soon_says_until_when() -> None:
    from datetime import date

    card = fake_card(retires_on=date(2027, 1, 1))
    assert _cells(card, reason="is no longer offered from 2027-01-01 on")["state"] == "until 2027-01-01"


def test_everything_about_a_card_is_said_in_words() -> None:
    from decimal import Decimal

    card = fake_card(
        lengths=(Lengths(one_of=(8,), modes=("reference",), resolutions=("1080p",)), Lengths(modes=("video",))),
        shapes=(Shapes(aspect_ratios=(), modes=("image",)), Shapes(aspect_ratios=("16:9",), resolutions=("1080p",))),
        conditions=(
            Condition(audio=True, resolutions=("1080p",)),
            Condition(roles=("last_frame",), beside=("first_frame",), silent=True),
            Condition(counted=("reference_image", "reference_video"), most=7),
        ),
        media_exclusions=(("first_frame", "last_frame"),),
        addresses_only_for=frozenset({"video"}),
        prices=(
            Price(usd=Decimal("0.30"), per="clip", duration_seconds=5, audio=False, mode="image"),
            Price(usd=Decimal("0.10"), plus_usd=Decimal("0.02"), least_usd=Decimal("0.80")),
        ),
        licence="house", regions_excluded=("EU", "KR"), successor="fake-2", max_prompt_chars=2500,
    )  # fmt: skip
    said = details(ListedModel(provider="acme", card=card, state="usable")).splitlines()
    for words in (
        "from reference, at 1080p: 8 s", "from video: as what goes in", "4, 6, 8 s",
        "from image: as what goes in", "at 1080p: 16:9",
        "text alone, 1 x first frame, 1 x last frame", "first frame and last frame",
        "with sound: only at 1080p", "with last frame: only silent, only beside first frame",
        "at most 7 x reference image and reference video", "video: url only",
        "$0.30 a clip, from image, silent, of 5 s", "$0.10 a second, and $0.02 a clip, at least $0.80 a clip",
        "house", "EU, KR", "fake-2", "2,500 characters",
    ):  # fmt: skip
        assert any(line.endswith(f"  {words}") for line in said), words
    assert not any(line.startswith("retires on") for line in said)


def test_what_a_stranger_wrote_cannot_move_the_cursor() -> None:
    one = ListedModel(provider="acme", card=fake_card(model="a\x1b[31m", licence="\x1b[2J"), state="usable")
    assert "\x1b" not in details(one)
    assert "\x1b" not in Listing(name="model", headers=HEADERS, rows=[row_of(one, None)]).plain()
