from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexiom_sdk.errors import InvalidInput, ModelRetired, UnsupportedFeature
from nexiom_sdk.models import ModelCard, broken_conditions, estimate, media_mismatches
from nexiom_sdk.providers.runway import RunwayProvider
from nexiom_sdk.providers.runway_bodies import order_of, shaped
from nexiom_sdk.providers.runway_cards import CARDS
from nexiom_sdk.types import MediaRole, Resolution, VideoSpec, mode_of
from runway_rig import at, spec

PAGE = Path(__file__).parents[1] / "docs" / "runway.md"
LIVING = [card for card in CARDS if card.lifecycle != "retired"]
BY_MODEL = {card.model: card for card in CARDS}
WORDS: Mapping[MediaRole, str] = {
    "first_frame": "first frame",
    "last_frame": "last frame",
    "reference_image": "images: {}",
    "reference_video": "videos: {}",
    "reference_audio": "sounds: {}",
    "source_video": "source video",
}


def test_each_model_has_one_card_with_its_source() -> None:
    assert len(BY_MODEL) == len(CARDS)
    assert {card.verified_on for card in CARDS} == {"2026-11-22: runwayml 5.24.0"}
    assert all(card.priced_on for card in LIVING if card.prices)


def test_a_retired_model_has_its_day_and_a_living_successor() -> None:
    retired = {card.model: (card.retires_on, card.successor) for card in CARDS if card not in LIVING}
    assert retired == {
        "gen3a_turbo": (date(2026, 7, 30), "gen4_turbo"),
        "gen4_aleph": (date(2026, 7, 30), "aleph2"),
        "veo3": (date(2026, 8, 1), "veo3.1"),
    }
    assert {successor for _, successor in retired.values()} <= {card.model for card in LIVING}


@pytest.mark.parametrize(
    ("model", "fields", "usd"),
    [
        ("gen4.5", {"duration_seconds": 5.0, "resolution": "720p", "audio": False}, "0.60"),
        ("veo3.1", {"duration_seconds": 8.0, "audio": True}, "3.20"),
        ("veo3.1", {"duration_seconds": 8.0, "audio": False}, "1.60"),
        ("veo3.1", {"duration_seconds": 8.0}, "3.20"),
        ("seedance2_mini", {"duration_seconds": 4.0}, "0.64"),
        ("seedance2", {"duration_seconds": 5.0, "resolution": "2160p"}, "7.50"),
        ("seedance2_5", {"duration_seconds": 4.0, "resolution": "480p"}, "0.80"),
        ("wan3", {"duration_seconds": 5.0, "resolution": "720p"}, "0.50"),
        ("kling_4", {"duration_seconds": 5.0, "resolution": "720p"}, None),
    ],
)
def test_a_clip_costs_what_the_price_page_says(model: str, fields: dict[str, object], usd: str | None) -> None:
    assert estimate(BY_MODEL[model], spec(model, "x", **fields)) == (None if usd is None else Decimal(usd))


def test_references_make_some_clips_dearer_and_others_of_unknown_price() -> None:
    def price(model: str, role: MediaRole, resolution: str) -> Decimal | None:
        return estimate(BY_MODEL[model], spec(model, "x", at("a", role), duration_seconds=10.0, resolution=resolution))

    assert price("seedance2_5", "first_frame", "720p") == Decimal("3.00")
    assert price("seedance2_5", "source_video", "720p") == Decimal("4.50")
    assert price("grok_imagine_1_5", "first_frame", "720p") == Decimal("1.61")
    assert price("hailuo3", "reference_image", "768p") is None


@pytest.mark.parametrize("model", ["aleph2", "act_two", "gemini_omni_flash", "klingO3_pro"])
def test_a_clip_as_long_as_its_source_has_no_price_before(model: str) -> None:
    source = at("a.mp4", "reference_video" if model == "act_two" else "source_video")
    assert estimate(BY_MODEL[model], spec(model, "x", source, duration_seconds=5.0)) is None


def test_the_page_has_every_living_model_as_its_card_says() -> None:
    documented = [tuple(cells) for cells in _rows() if cells[0].strip("`") in BY_MODEL]
    assert documented == [_row(card) for card in LIVING]


def test_the_page_has_every_variable() -> None:
    variables = {cells[0].strip("`"): cells[1].strip("`") for cells in _rows() if cells[1].startswith("`RUNWAYML")}
    assert variables == RunwayProvider.config_env


def _rows() -> list[list[str]]:
    lines = PAGE.read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def _row(card: ModelCard) -> tuple[str, ...]:
    """The row of a card on the page."""
    seconds = card.durations_seconds
    whole = len(seconds) > 2 and seconds[-1] - seconds[0] == len(seconds) - 1
    lengths = f"{seconds[0]:g} to {seconds[-1]:g}" if whole else ", ".join(f"{one:g}" for one in seconds)
    media = ", ".join(WORDS[role].format(count) for role, count in card.media.items())
    return (
        f"`{card.model}`",
        lengths or "not chosen" * card.media_required or "not known",
        ", ".join(card.resolutions) or "of the source",
        card.audio,
        media,
        _price(card),
    )


def _price(card: ModelCard) -> str:
    rows = [row for row in card.prices if row.mode in {None, card.prices[0].mode}]
    words = (
        f"{row.usd}{f' ({row.resolution})' * bool(row.resolution)}{' silent' * (row.audio is False)}" for row in rows
    )
    least = f", at least {rows[0].least_usd}" if rows and rows[0].least_usd else ""
    return ", ".join(words) + least or "unknown"


def _media_of(card: ModelCard) -> list[tuple[MediaRole, ...]]:
    """Sets of references that the card lets pass: none, each role alone, each two together."""
    roles = list(card.media)
    sets: list[tuple[MediaRole, ...]] = [(), *((role,) for role in roles), *product(roles, repeat=2)]
    return [one for one in sets if not any(media_mismatches(one, card)) and not any(broken_conditions(card, one))]


@pytest.mark.parametrize("card", LIVING, ids=lambda card: card.model)
def test_all_that_a_card_claims_can_be_ordered(card: ModelCard) -> None:
    for roles in _media_of(card):
        mode = mode_of(roles)
        media = [at(f"{number}", role) for number, role in enumerate(roles)]
        fitting = [place for place in card.resolutions if not any(broken_conditions(card, roles, resolution=place))]
        for resolution in (None, *fitting):
            ratios = card.ratios_for(mode, resolution)
            for ratio in (None, *(ratios or ())):
                if card.model == "kling_4" and mode == "reference" and "first_frame" in roles and ratio:
                    continue  # with a frame beside the references the shape is that of the frame
                lengths = card.durations_seconds[:1] + card.durations_seconds[-1:]
                for length in (None, *lengths):
                    fields = {"resolution": resolution, "aspect_ratio": ratio, "duration_seconds": length}
                    assert order_of(spec(card.model, "x", *media, **fields)).body["model"] == card.model


@pytest.mark.parametrize(
    ("model", "roles", "resolution", "said"),
    [
        ("veo3.1", ("last_frame",), None, "takes a last frame only beside a first frame"),
        ("act_two", ("reference_image",), None, "takes a reference image only beside a reference video"),
        ("act_two", ("reference_video",), None, "takes a reference video only beside a reference image"),
        ("klingO3_pro", ("reference_image",), None, "only beside a first frame or a source video"),
        (
            "grok_imagine_1_5",
            ("reference_image",),
            "1080p",
            "not offered beside a reference image (offered: 480p, 720p",
        ),
        (
            "grok_imagine_1_5",
            ("reference_audio",),
            "1080p",
            "not offered beside a reference audio (offered: 480p, 720p",
        ),
    ],
)
def test_what_goes_only_together_is_on_the_card(
    model: str, roles: tuple[MediaRole, ...], resolution: Resolution | None, said: str
) -> None:
    card = next(card for card in CARDS if card.model == model)
    assert [said in str(one) for one in broken_conditions(card, roles, resolution=resolution)] == [True]


_values = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
_options = st.dictionaries(
    st.sampled_from(["mode", "duration", "ratio", "keyframes", "outputFormat", "model", "other"]), _values, max_size=3
)


@settings(deadline=None)
@given(
    made=st.builds(
        VideoSpec,
        model=st.sampled_from([*(card.model for card in CARDS), "gen5"]),
        prompt=st.text(max_size=20),
        duration_seconds=st.none() | st.floats(),
        resolution=st.sampled_from([None, "480p", "720p", "2160p"]),
        aspect_ratio=st.sampled_from([None, "16:9", "9:21"]),
        audio=st.none() | st.booleans(),
        seed=st.none() | st.integers(),
        negative_prompt=st.none() | st.text(max_size=5),
        media=st.lists(
            st.sampled_from(["first_frame", "last_frame", "reference_image", "reference_audio", "source_video"]).map(
                lambda role: at("a", role)  # type: ignore[arg-type]
            ),
            max_size=3,
        ).map(tuple),
        options=_options,
    )
)
def test_no_spec_makes_anything_but_a_body_or_an_error_of_ours(made: VideoSpec) -> None:
    with suppress(InvalidInput, UnsupportedFeature, ModelRetired):
        sent = order_of(shaped(made)).body
        assert sent["model"] == made.model
        assert [key for key, value in sent.items() if value is None and key not in made.options] == []
