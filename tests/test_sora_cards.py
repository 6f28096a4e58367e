from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from nexiom_sdk.models import ModelCard, broken_conditions, estimate, media_mismatches
from nexiom_sdk.providers.openai_videos import DELIVERY, FRAMES, Dialect, ImageMode, order
from nexiom_sdk.providers.sora import SoraProvider
from nexiom_sdk.providers.sora_cards import RETIRED, SERVED, served
from nexiom_sdk.types import MediaRole
from sora_rig import at, inline, made, spec

PAGE = Path(__file__).parents[1] / "docs" / "sora.md"
MODES: tuple[ImageMode, ...] = get_args(ImageMode)


def test_what_is_served_stands_first_and_openais_own_models_last() -> None:
    assert [card.model for card in made().models] == [SERVED, *(card.model for card in RETIRED)]
    assert [card.model for card in made(models="wan").models][:2] == [SERVED, "wan"]


def test_openais_own_models_have_the_day_of_their_end_and_no_successor() -> None:
    assert {(card.lifecycle, card.retires_on, card.successor) for card in RETIRED} == {
        ("retired", date(2026, 9, 24), None)
    }
    assert {card.model for card in RETIRED} == {
        "sora-2",
        "sora-2-2025-10-06",
        "sora-2-2025-12-08",
        "sora-2-pro",
        "sora-2-pro-2025-10-06",
    }


def test_a_model_that_a_gateway_serves_under_an_old_name_lives() -> None:
    models = {card.model: card.lifecycle for card in made(models="sora-2").models}
    assert (models["sora-2"], models["sora-2-pro"]) == ("ga", "retired")


@pytest.mark.parametrize(
    ("model", "resolution", "usd"),
    [("sora-2", "720p", "0.80"), ("sora-2-pro", "720p", "2.40"), ("sora-2-pro", "1080p", None)],
)
def test_openais_clips_cost_what_its_page_said(model: str, resolution: str, usd: str | None) -> None:
    card = next(card for card in RETIRED if card.model == model)
    price = estimate(card, spec(model=model, duration_seconds=8.0, resolution=resolution))
    assert price == (None if usd is None else Decimal(usd))


def test_what_a_clip_costs_on_a_server_of_ones_own_is_not_known() -> None:
    assert estimate(served(SERVED, "upload"), spec(duration_seconds=8.0, resolution="720p")) is None


@pytest.mark.parametrize("mode", MODES)
def test_the_card_takes_pictures_as_the_server_does(mode: ImageMode) -> None:
    json = {"request_format": "json"} if mode == "string" else {}
    card = made(image_mode=mode, **json).models[0]
    assert (card.media, card.delivery) == (FRAMES[mode], DELIVERY[mode])
    assert any(broken_conditions(card, ("last_frame",))) == ("last_frame" in card.media)
    assert card.verified_on


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("json", [False, True])
def test_all_that_the_card_claims_can_be_ordered(mode: ImageMode, json: bool) -> None:
    card = served("wan", mode)
    sets: list[tuple[MediaRole, ...]] = [(), ("first_frame",), ("first_frame", "last_frame")]
    for roles in sets:
        if list(media_mismatches(roles, card)):
            continue
        media = [at("https://x.example/a.png", role) if "url" in card.delivery else inline(role=role) for role in roles]
        for length, resolution, ratio in product(card.durations_seconds, card.resolutions, card.aspect_ratios):
            wish = spec(
                *media, duration_seconds=length, resolution=resolution, aspect_ratio=ratio, seed=7, negative_prompt="x"
            )
            call = order(wish, Dialect(json=json, image_mode=mode), model="wan")
            sent = call.json if isinstance(call.json, dict) else call.form
            assert sent is not None
            assert {"prompt", "model", "seconds", "size", "seed", "negative_prompt"} <= sent.keys()
            assert re.fullmatch(r"\d+x\d+", str(sent["size"]))


def test_the_page_has_every_variable() -> None:
    variables = {cells[0].strip("`"): cells[1].strip("`") for cells in _rows() if len(cells) == 3}
    variables.pop("key in `provider_config`", None)
    assert {key: name for key, name in variables.items() if name.isupper()} == SoraProvider.config_env


def test_the_page_has_every_living_model_as_its_card_says_and_names_the_others() -> None:
    documented = [cells for cells in _rows() if cells[0] == f"`{SERVED}`"]
    assert documented == [_row(made().models[0])]
    page = PAGE.read_text("utf-8")
    assert all(f"`{card.model}`" in page for card in RETIRED)


def test_the_page_names_every_image_mode() -> None:
    servers = " ".join(cells[2] for cells in _rows() if len(cells) == 5)
    assert {word for word in re.findall(r"`(\w+)`", servers) if word in MODES} == set(MODES)


def _rows() -> list[list[str]]:
    lines = PAGE.read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def _row(card: ModelCard) -> list[str]:
    """The row of a card on the page."""
    return [
        f"`{card.model}`",
        f"{card.durations_seconds[0]:g} to {card.durations_seconds[-1]:g}",
        ", ".join(card.resolutions),
        card.audio,
        ", ".join(role.replace("_", " ") for role in card.media),
        "unknown" if not card.prices else ", ".join(str(price.usd) for price in card.prices),
    ]
