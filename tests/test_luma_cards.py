from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations, product
from pathlib import Path

import pytest

from luma_rig import adapter, at, order
from nexiom_sdk import ModelCard, VideoRequest
from nexiom_sdk.models import estimate, media_mismatches, mismatches
from nexiom_sdk.providers.luma_cards import RAY_2, RAY_3
from nexiom_sdk.types import Media, MediaRole, Resolution, VideoSpec, mode_of

CARDS = (RAY_3, *RAY_2)
_WORDS: dict[Resolution, str] = {"2160p": "4k"}
PAGE = Path(__file__).parents[1] / "docs" / "luma.md"


def _together(card: ModelCard) -> Iterator[tuple[MediaRole, ...]]:
    for length in range(len(card.media) + 1):
        for roles in combinations(card.media, length):
            if not any(media_mismatches(roles, card)):
                yield roles


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_everything_that_a_card_claims_can_be_ordered(card: ModelCard) -> None:
    kinds = list(_together(card))
    assert {role for roles in kinds for role in roles} == {*card.media}
    for roles in kinds:
        mode, changed = mode_of(roles), "source_video" in roles
        for seconds, resolution in product(card.durations_seconds, card.resolutions):
            for ratio in card.ratios_for(mode, resolution) or (None,):
                call = adapter().submit_call(
                    order(
                        model=card.model,
                        duration_seconds=seconds,
                        resolution=resolution,
                        aspect_ratio=ratio,
                        media=tuple(at(role, "a") for role in roles),
                        options={"mode": "flex_1"} if changed and card in RAY_2 else {},
                    )
                )
                sent = json.dumps(call.json)
                assert ratio is None or f'"{ratio}"' in sent
                assert changed or f'"{seconds:g}s"' in sent
                assert changed or f'"{_WORDS.get(resolution, resolution)}"' in sent
                assert sent.count('"https://inputs.example.com/a"') == len(roles)


def test_ten_seconds_are_not_twice_the_price_of_five() -> None:
    costs = [
        estimate(RAY_3, VideoSpec(model="ray-3.2", prompt="x", duration_seconds=length, resolution="720p"))
        for length in (5, 10)
    ]
    assert costs == [Decimal("0.30"), Decimal("0.90")]
    for card in RAY_2:
        assert estimate(card, VideoSpec(model=card.model, prompt="x", duration_seconds=5, resolution="720p")) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"duration_seconds": 9.0}, "nearest: 10 s"),
        ({"audio": True}, "silent"),
        ({"seed": 1}, "no seed"),
        ({"negative_prompt": "text"}, "no negative prompt"),
        ({"resolution": "2160p"}, "nearest: 1080p"),
        ({"media": (Media.from_url("https://a.example/x.png", role="reference_image"),)}, "no reference image"),
    ],
)
def test_what_ray_3_does_not_offer_is_refused_with_what_it_does(asked: dict[str, object], said: str) -> None:
    request = VideoRequest(prompt="x", **asked)  # type: ignore[arg-type]
    assert said in " ".join(map(str, mismatches(request, RAY_3)))


def test_the_older_models_need_addresses() -> None:
    request = VideoRequest(prompt="a fox", reference_media_path="u1/fox.png")
    for card in RAY_2:
        assert mismatches(request, card) == ()
        assert "addresses only" in str(mismatches(request, card, addresses=False)[0])


def test_the_page_shows_the_models_as_the_cards_have_them() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `ray")]
    assert {cells[0].strip("`"): cells[1:] for cells in rows} == {
        card.model: [
            ", ".join(f"{length:g}" for length in card.durations_seconds),
            ", ".join(card.resolutions),
            ", ".join(card.aspect_ratios),
            card.audio,
            ", ".join(card.media).replace("_", " "),
            "address, base64" if "bytes" in card.delivery else "address",
            _prices(card),
        ]
        for card in CARDS
    }


def _prices(card: ModelCard) -> str:
    made = {
        place: [
            estimate(card, VideoSpec(model=card.model, prompt="x", duration_seconds=length, resolution=place))
            for length in card.durations_seconds
        ]
        for place in card.resolutions
    }
    known = [f"{', '.join(map(str, usd))} ({place})" for place, usd in made.items() if None not in usd]
    return ", ".join(known) or "unknown"
