from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from hunyuan_own_rig import COMFY, I2V, T2V, comfy, order, picture, vllm
from nexiom_sdk.models import ModelCard, estimate
from nexiom_sdk.providers.comfyui_workflows import NEEDED, PLACES
from nexiom_sdk.providers.hunyuan import HunyuanProvider
from nexiom_sdk.providers.hunyuan_config import VARIABLES
from nexiom_sdk.providers.hunyuan_open_cards import CARD, OPEN, OPEN_ON_COMFYUI, frames
from nexiom_sdk.providers.hunyuan_vllm import OPTIONS

PAGE = Path(__file__).parents[1] / "docs" / "hunyuan-own-server.md"


def test_the_cards_offer_what_is_set_up() -> None:
    [text], [image], [both] = (vllm(**one).models for one in ({"t2v_base_url": T2V}, {"i2v_base_url": I2V}, {}))
    assert (dict(text.media), text.media_required) == ({}, False)
    assert (dict(image.media), image.media_required) == ({"first_frame": 1}, True)
    assert (dict(both.media), both.media_required) == ({"first_frame": 1}, False)
    assert comfy().models == (CARD,)


@pytest.mark.parametrize(
    ("config", "models"),
    [
        ({"t2v_base_url": T2V}, [OPEN]),
        ({"comfyui_base_url": COMFY}, [OPEN]),
        ({"i2v_base_url": I2V, "comfyui_base_url": COMFY}, [OPEN, OPEN_ON_COMFYUI]),
    ],
)
def test_each_model_has_one_name_and_vllm_omni_is_asked_first(config: dict[str, str], models: list[str]) -> None:
    assert [card.model for card in HunyuanProvider(config).models] == models


def test_what_a_clip_costs_is_the_operators_and_where_it_may_be_made_the_licences() -> None:
    assert estimate(CARD, order(duration_seconds=5.0, resolution="720p").spec) is None
    assert (CARD.licence, CARD.regions_excluded) == ("tencent-hunyuan-community", ("EU", "GB", "KR"))
    assert (CARD.audio, CARD.addresses_only) == ("never", False)


def test_all_that_the_card_claims_can_be_ordered_at_both_servers() -> None:
    first_frame = picture()
    for length, resolution, ratio in product(CARD.durations_seconds, CARD.resolutions, CARD.aspect_ratios):
        for media in ([], [first_frame]):
            wish = order(
                *media,
                duration_seconds=float(length),
                resolution=resolution,
                aspect_ratio=ratio,
                seed=7,
                negative_prompt="rain",
            )
            said = vllm().submit_call(wish).form or {}
            assert {"prompt", "seconds", "num_frames", "fps", "size", "seed", "negative_prompt"} <= said.keys()
            sides = list(map(int, said["size"].split("x")))
            assert min(sides) == int(resolution.removesuffix("p"))
            assert {side % 16 for side in sides} == {0}
            assert frames(length) % 4 == 1
            assert comfy().submit_call(wish).json


def test_the_page_has_the_model_as_its_card_says() -> None:
    assert [cells for cells in _rows() if cells[0] == f"`{OPEN}`"] == [_row(CARD)]
    page = PAGE.read_text("utf-8")
    assert f"`{OPEN_ON_COMFYUI}`" in page
    assert "European Union, the United Kingdom and South Korea" in page


def test_the_page_has_every_variable_of_ones_own_servers() -> None:
    documented = {cells[0].strip("`"): cells[1].strip("`") for cells in _rows() if cells[1].startswith("`NEXIOM")}
    hosted = {key for key, name in VARIABLES.items() if not name.startswith("NEXIOM_HUNYUAN")}
    assert documented.items() <= VARIABLES.items()
    assert documented.keys() >= {key for key in VARIABLES if key.startswith(("t2v", "i2v", "comfyui", "workflow"))}
    assert documented.keys() & hosted == set()


def test_the_page_has_every_place_and_every_option() -> None:
    places = {cells[0].strip("`{}"): cells[2] for cells in _rows() if cells[0].startswith("`{{")}
    assert places.keys() == {*PLACES}
    assert {name for name, needed in places.items() if needed == "yes"} == NEEDED
    known = PAGE.read_text("utf-8").partition("Known are ")[2].partition(". ")[0]
    assert re.findall(r"`(\w+)`", known) == list(OPTIONS)


def _rows() -> list[list[str]]:
    lines = PAGE.read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def _row(card: ModelCard) -> list[str]:
    """The row of a card on the page."""
    return [
        f"`{card.model}`",
        f"{card.durations_seconds[0]:g} to {card.durations_seconds[-1]:g}",
        ", ".join(card.resolutions),
        ", ".join(card.aspect_ratios),
        card.audio,
        ", ".join(role.replace("_", " ") for role in card.media),
        "unknown" if not card.prices else "",
    ]
