from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import combinations, product
from pathlib import Path

import pytest

from nexiom_sdk import ModelCard, VideoRequest
from nexiom_sdk.models import broken_conditions, estimate, media_mismatches, mismatches
from nexiom_sdk.policy import Policy
from nexiom_sdk.providers.veo_cards import OMNI, OMNI_GONE, VEO, VEO_GONE, VEO_GONE_AT_GEMINI
from nexiom_sdk.selection import select
from nexiom_sdk.types import DeliveredMedia, MediaRole, Resolution, VideoSpec, mode_of
from veo_rig import VERTEX, inline, omni, order, provider, stored, veo

CARDS = (*VEO, *OMNI)
TODAY = date(2026, 11, 22)
PAGE = Path(__file__).parents[1] / "docs" / "veo.md"
_WORDS: Mapping[Resolution, str] = {"2160p": "4k"}
_TYPES = {"reference_video": "video/mp4", "source_video": "video/mp4"}


def _together(card: ModelCard) -> Iterator[tuple[MediaRole, ...]]:
    for length in range(len(card.media) + 1):
        for roles in combinations(card.media, length):
            if not any(media_mismatches(roles, card)) and not any(broken_conditions(card, roles)):
                yield roles


def _given(role: MediaRole) -> DeliveredMedia:
    return inline(role, _TYPES.get(role, "image/png"))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_everything_that_a_card_claims_can_be_ordered(card: ModelCard) -> None:
    adapter = veo() if card in VEO else omni()
    kinds = list(_together(card))
    assert {role for roles in kinds for role in roles} == {*card.media}
    for roles in kinds:
        mode = mode_of(roles)
        for resolution in card.resolutions:
            lengths = card.lengths_for(mode, resolution).one_of
            for seconds, ratio in product(lengths, card.ratios_for(mode, resolution) or (None,)):
                spec = {"duration_seconds": seconds, "resolution": resolution, "aspect_ratio": ratio}
                made = order(card.model, **spec, media=tuple(map(_given, roles)))
                sent = json.dumps(adapter.submit_call(made).json)
                assert ratio is None or f'"{ratio}"' in sent
                assert mode == "video" or f'"durationSeconds": {seconds:g}' in sent or f'"{seconds:g}s"' in sent
                assert f'"{_WORDS.get(resolution, resolution)}"' in sent
                assert sent.count('"iVBORw0KGgo="') == len(roles)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_a_reference_may_be_handed_over_as_the_card_says(card: ModelCard) -> None:
    for adapter in (veo(), omni(), omni(**VERTEX)):
        if (held := adapter.card(card.model)) is not None and held.lifecycle != "retired":
            made = order(card.model, media=(stored("first_frame", "a.png"),))
            assert ("gs" in held.delivery) == (adapter.tokens is not None)
            if "gs" in held.delivery:
                assert "gs://demo-bucket/a.png" in json.dumps(adapter.submit_call(made).json)


@pytest.mark.parametrize(
    ("model", "resolution", "audio", "mode", "usd"),
    [
        ("veo-3.1-generate-001", "1080p", True, "text", "3.20"),
        ("veo-3.1-generate-001", "2160p", True, "text", "4.80"),
        ("veo-3.1-generate-001", "1080p", False, "text", None),
        ("veo-3.1-fast-generate-001", "1080p", True, "image", "0.96"),
        ("veo-3.1-lite-generate-001", "720p", True, "text", "0.40"),
        ("gemini-omni-1.1-flash", "720p", True, "reference", "0.80"),
        ("gemini-omni-1.1-flash", "720p", True, "video", None),
        ("gemini-omni-1.2-flash", "720p", True, "text", None),
    ],
)
def test_a_price_is_told_only_where_it_is_known(
    model: str, resolution: Resolution, mode: str, usd: str | None, *, audio: bool
) -> None:
    card = next(card for card in CARDS if card.model == model)
    media = {"text": (), "image": ("first_frame",), "reference": ("reference_image",), "video": ("source_video",)}[mode]
    spec = VideoSpec(
        model=model,
        prompt="x",
        duration_seconds=8,
        resolution=resolution,
        audio=audio,
        media=tuple(inline(role) for role in media),  # type: ignore[arg-type]
    )
    assert estimate(card, spec) == (None if usd is None else Decimal(usd))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"duration_seconds": 5.0}, "offered: 4, 6, 8 s; nearest: 6 s"),
        ({"resolution": "480p"}, "nearest: 720p"),
        ({"aspect_ratio": "1:1"}, "not offered"),
    ],
)
def test_what_veo_does_not_offer_is_refused_with_what_it_does(asked: dict[str, object], said: str) -> None:
    request = VideoRequest(prompt="x", **asked)  # type: ignore[arg-type]
    assert said in " ".join(map(str, mismatches(request, VEO[0])))


@pytest.mark.parametrize("card", [*OMNI_GONE, *VEO_GONE, *VEO_GONE_AT_GEMINI], ids=lambda card: card.model)
def test_a_model_that_is_gone_says_since_when_and_what_to_use(card: ModelCard) -> None:
    assert card.retired(TODAY)
    assert card.retires_on in {date(2026, 6, 30), date(2026, 10, 22)}
    assert card.successor in {one.model for one in CARDS}


@pytest.mark.parametrize("model", ["veo-3.1-generate-preview", "veo-3.1-generate-001", "veo-3.0-generate-001"])
def test_naming_veo_with_a_key_of_the_gemini_api_names_its_successor(model: str) -> None:
    cards = {"veo": provider(api_key="k-123456").models}
    request = VideoRequest(prompt="x", provider="veo", model=model)
    choice = select(request, Policy.default(), cards, today=TODAY)
    assert choice.chosen is None
    assert "is no longer offered since 2026-" in choice.explain()
    assert "use gemini-omni-1.1-flash instead" in choice.explain()


def test_the_models_that_a_policy_may_name_are_there() -> None:
    def offered(**config: str) -> set[str]:
        return {card.model for card in provider(**config).models if not card.retired(TODAY)}

    both = {"gemini-omni-1.1-flash", "gemini-omni-1.2-flash"}
    assert offered(api_key="k-123456") == both
    assert offered(**VERTEX) == both | {card.model for card in VEO}


def test_the_page_shows_the_models_as_the_cards_have_them() -> None:
    begin = ("| `veo-3", "| `gemini-omni")
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith(begin)]
    assert {cells[0].strip("`"): cells[1:] for cells in rows} == {
        card.model: [
            "Vertex AI" if card in VEO else "both",
            _lengths(card),
            ", ".join(card.resolutions),
            card.audio,
            ", ".join(f"{count} {role}" if count > 1 else role for role, count in card.media.items()).replace("_", " "),
            "yes" if card.seed else "no",
            ", ".join(_price(card, place) for place in card.resolutions) if card.prices else "unknown",
        ]
        for card in CARDS
    }


def _lengths(card: ModelCard) -> str:
    first, *_, last = lengths = card.durations_seconds
    return ", ".join(f"{one:g}" for one in lengths) if len(lengths) == 3 else f"{first:g} to {last:g}"


def _price(card: ModelCard, resolution: Resolution) -> str:
    return str(next(price.usd for price in card.prices if price.resolution == resolution))
