from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import combinations, product
from pathlib import Path

import pytest

from nexiom_sdk import ModelCard, VideoRequest
from nexiom_sdk.models import broken_conditions, estimate, media_mismatches, mismatches
from nexiom_sdk.providers.seedance_cards import CARDS, GONE, UNLISTED, cost_usd, volcengine_id
from nexiom_sdk.types import Media, MediaRole, Resolution, VideoSpec, mode_of
from seedance_rig import FLAGSHIP, MINI, OLD, OLDER, STANDARD, adapter, at, body, order

PAGE = Path(__file__).parents[1] / "docs" / "seedance.md"
WITH_REFERENCES = [card for card in CARDS if "reference_video" in card.media]
PIXELS: dict[Resolution, int] = {"720p": 1280 * 720, "1080p": 1920 * 1080, "2160p": 3840 * 2160}
WORDS: dict[MediaRole, str] = {
    "first_frame": "first frame",
    "last_frame": "last frame",
    "reference_image": "images: {}",
    "reference_video": "videos: {}",
    "reference_audio": "sounds: {}",
    "source_video": "source video",
}


def _together(card: ModelCard) -> Iterator[tuple[MediaRole, ...]]:
    """Sets of references that the card lets pass."""
    for length in range(len(card.media) + 1):
        for roles in combinations(card.media, length):
            if not any(media_mismatches(roles, card)) and not any(broken_conditions(card, roles)):
                yield roles


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_everything_that_a_card_claims_can_be_ordered(card: ModelCard) -> None:
    kinds = list(_together(card))
    assert {role for roles in kinds for role in roles} == {*card.media}
    for roles in kinds:
        media, mode = [at(role) for role in roles], mode_of(roles)
        ends = (card.durations_seconds[0], card.durations_seconds[-1])
        for seconds, resolution in product(ends, card.resolutions):
            for ratio in card.ratios_for(mode, resolution) or (None,):
                fields = {"duration_seconds": seconds, "resolution": resolution, "aspect_ratio": ratio}
                sent = body(order(*media, model=card.model, seed=7 if card.seed else None, **fields))  # type: ignore[arg-type]
                assert sent["resolution"] == {"2160p": "4k"}.get(resolution, resolution)
                assert sent.get("ratio") == ("adaptive" if mode in {"image", "video"} else ratio)
                assert sent["duration"] == (-1 if mode == "video" else seconds)
                assert json.dumps(sent).count("https://inputs.example.com/ref/a.png") == len(roles)


def _spec(
    card: ModelCard, seconds: float, place: Resolution | None, *roles: MediaRole, audio: bool = True
) -> VideoSpec:
    media = tuple(at(role) for role in roles)
    return VideoSpec(model=card.model, prompt="x", duration_seconds=seconds, resolution=place, audio=audio, media=media)


def _card(model: str) -> ModelCard:
    return next(card for card in CARDS if card.model == model)


@pytest.mark.parametrize(
    ("model", "spec", "usd"),
    [
        (MINI, (5, "720p"), "0.380"),
        (STANDARD, (8, "1080p"), "2.992"),
        (STANDARD, (10, "2160p"), "7.780"),
        (FLAGSHIP, (30, "720p", "first_frame"), "6.930"),
        (FLAGSHIP, (5, "720p", "source_video"), "8.340"),
        (OLD, (5, "1080p"), "0.610"),
        (OLD, (5, "480p"), None),
        (STANDARD, (5, None), None),
    ],
)
def test_a_clip_is_estimated_as_the_price_page_has_it(model: str, spec: tuple[object, ...], usd: str | None) -> None:
    card = _card(model)
    assert estimate(card, _spec(card, *spec)) == (None if usd is None else Decimal(usd))  # type: ignore[arg-type]


def test_sound_doubles_the_price_of_one_model_and_is_made_where_nothing_is_said() -> None:
    card = _card(OLDER)
    silent, loud, unsaid = (
        estimate(card, _spec(card, 10, "720p").evolve(audio=audio)) for audio in (False, True, None)
    )
    assert (silent, loud, unsaid) == (Decimal("0.260"), Decimal("0.520"), Decimal("0.520"))


@pytest.mark.parametrize(
    "card", [card for card in CARDS if "reference_video" in card.media], ids=lambda card: card.model
)
def test_an_estimate_with_references_is_the_most_that_it_can_cost(card: ModelCard) -> None:
    longest = {3: 15, 10: 30}[card.media["reference_video"]]
    for seconds, place in product(card.durations_seconds, card.resolutions):
        bound = estimate(card, _spec(card, seconds, place, "reference_image"))
        plain = estimate(card, _spec(card, seconds, place))
        assert bound is not None
        assert plain is not None
        assert bound >= plain
        if place in PIXELS:
            tokens = int((longest + seconds) * 24 + 1) * PIXELS[place] // 1024
            word = {"2160p": "4k"}.get(place, place)
            most = cost_usd(tokens, card.model, word, audio=True, with_video=True, flex=False)
            assert most is not None
            assert most <= bound * Decimal("1.01"), "the page rounds"


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_the_price_of_a_second_follows_from_the_price_of_tokens(card: ModelCard) -> None:
    for place in set(card.resolutions) & PIXELS.keys():
        for audio in (True, False):
            shown = estimate(card, _spec(card, 1, place, audio=audio))
            word = {"2160p": "4k"}.get(place, place)
            tokens = PIXELS[place] * 24 // 1024
            made = cost_usd(tokens, card.model, word, audio=audio, with_video=False, flex=False)
            assert shown is not None
            assert made is not None
            assert abs(shown - made) <= made * Decimal("0.02")


def test_no_model_of_the_table_has_ended() -> None:
    assert not any(one.retired(date(2026, 11, 22)) for one in CARDS)


@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        (MINI, {"duration_seconds": 16.0}, "nearest: 15 s"),
        (MINI, {"resolution": "1080p"}, "nearest: 720p"),
        (MINI, {"seed": 1}, "no seed"),
        (MINI, {"negative_prompt": "rain"}, "no negative prompt"),
        (OLD, {"audio": True}, "silent"),
        (STANDARD, {"aspect_ratio": "9:16", "reference_media_path": "u1/fox.png"}, "shape cannot be chosen"),
        (
            STANDARD,
            {"media": (Media.from_input("a.png"), Media.from_input("b.png", role="reference_image"))},
            "only one of first frame and reference image",
        ),
        (OLD, {"media": (Media.from_input("a.png", role="last_frame"),)}, "a last frame only beside a first frame"),
        (
            STANDARD,
            {"media": (Media.from_input("a.mp3", role="reference_audio"),)},
            "takes a reference audio only beside a reference image or a reference video",
        ),
    ],
)
def test_what_a_model_does_not_offer_is_refused_with_what_it_does(
    model: str, asked: dict[str, object], said: str
) -> None:
    request = VideoRequest(prompt="x", **asked)  # type: ignore[arg-type]
    assert said in " ".join(map(str, mismatches(request, _card(model))))


def test_each_region_has_its_ids_and_only_one_has_prices() -> None:
    for region, priced in (("byteplus", True), ("byteplus-eu", False), ("volcengine", False)):
        made = adapter(region=region)
        assert [card.model for card in made.models] == [card.model for card in (*CARDS, *GONE)]
        offered = made.models[: len(CARDS)]
        assert {bool(card.prices and card.priced_on) for card in offered} == {priced}
    assert body(order(model=MINI), region="volcengine")["model"] == "doubao-seedance-2-0-mini-260615"
    assert body(order(model=OLD), region="volcengine")["model"] == "doubao-seedance-1-0-pro-250528"
    for card in CARDS:
        sent = [body(order(model=card.model), region=region)["model"] for region in ("byteplus-eu", "volcengine")]
        assert sent == [card.model, volcengine_id(card.model)]


def test_an_operator_names_endpoints_and_newer_models() -> None:
    made = adapter(models=f"{MINI}=ep-20261122-x, seedance-3=ep-7, seedance-4", region="volcengine")
    assert [card.model for card in made.models][-2:] == ["seedance-3", "seedance-4"]
    for model, wire_id in ((MINI, "ep-20261122-x"), ("seedance-3", "ep-7"), ("seedance-4", "seedance-4")):
        sent = made.submit_call(order(model=model)).json
        assert isinstance(sent, dict)
        assert sent["model"] == wire_id
    assert made.models[-1] == UNLISTED.evolve(model="seedance-4")
    assert (UNLISTED.prices, UNLISTED.priced_on) == ((), "")


def test_a_generation_keeps_its_conditions_whatever_an_operator_calls_its_models() -> None:
    made = adapter(models=f"mine={STANDARD}, theirs=dreamina-seedance-2-0-next, seedance-9=ep-1")
    mine, theirs, newer = made.models[-3:]
    assert mine == _card(STANDARD).evolve(model="mine")
    assert theirs.conditions == _card(STANDARD).conditions
    assert newer.conditions == UNLISTED.conditions == _card(FLAGSHIP).conditions


def test_the_page_shows_the_models_as_the_cards_have_them() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith(("| `dreamina", "| `seedance"))]
    assert {cells[0].strip("`"): cells[1:] for cells in rows} == {
        card.model: [
            f"{card.durations_seconds[0]:g} to {card.durations_seconds[-1]:g}",
            ", ".join(card.resolutions),
            card.audio,
            ", ".join(WORDS[role].format(count) for role, count in card.media.items()),
            "yes" if card.seed else "no",
            _prices(card),
            _with_references(card),
        ]
        for card in CARDS
    }


def _prices(card: ModelCard) -> str:
    words: list[str] = []
    for place in card.resolutions:
        loud, quiet = (estimate(card, _spec(card, 1, place, audio=audio)) for audio in (True, False))
        if loud is not None:
            words.append(f"{loud} ({place})" + (f", {quiet} silent" if quiet != loud else ""))
    return ", ".join(words)


def _with_references(card: ModelCard) -> str:
    rows = [row for row in card.prices if row.mode == "reference"]
    return ", ".join(f"{row.plus_usd} + {row.usd} ({row.resolution})" for row in rows) or "-"
