from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import combinations, product
from pathlib import Path

import pytest

from kling_rig import adapter, at, order
from nexiom_sdk import ModelCard, VideoRequest
from nexiom_sdk.models import broken_conditions, estimate, media_mismatches, mismatches
from nexiom_sdk.providers.kling_cards import OLDER, OLDER_NAMES, PRESENT, is_older
from nexiom_sdk.types import Media, MediaRole, Mode, Resolution, VideoSpec, mode_of

CARDS = (*PRESENT, *OLDER)
LIVING = tuple(card for card in CARDS if card.lifecycle != "retired")
PAGE = Path(__file__).parents[1] / "docs" / "kling.md"


def _together(card: ModelCard) -> Iterator[tuple[MediaRole, ...]]:
    for length in range(len(card.media) + 1):
        for roles in combinations(card.media, length):
            if not any(media_mismatches(roles, card)) and not any(broken_conditions(card, roles)):
                yield roles


@pytest.mark.parametrize("card", LIVING, ids=lambda card: card.model)
def test_everything_that_a_card_claims_can_be_ordered(card: ModelCard) -> None:
    kinds = list(_together(card))
    assert {role for roles in kinds for role in roles} == {*card.media}
    for roles in kinds:
        mode = mode_of(roles)
        fitting = [place for place in card.resolutions if not any(broken_conditions(card, roles, resolution=place))]
        for seconds, resolution in product(card.durations_seconds, fitting):
            for ratio in card.ratios_for(mode, resolution) or (None,):
                call = adapter().submit_call(
                    order(
                        model=card.model,
                        duration_seconds=seconds,
                        resolution=resolution,
                        aspect_ratio=ratio,
                        media=tuple(at(role, "a") for role in roles),
                    )
                )
                sent = json.dumps(call.json)
                assert ratio is None or f'"{ratio}"' in sent
                assert mode == "video" or f'"duration": {_length(card, seconds)}' in sent
                assert sent.count('"https://inputs.example.com/ref/a"') == len(roles)


def _length(card: ModelCard, seconds: float) -> str:
    return f'"{seconds:g}"' if is_older(card.model) else f"{seconds:g}"


def _usd(card: ModelCard, mode: Mode, resolution: Resolution, *, audio: bool | None) -> Decimal | None:
    roles: dict[Mode, tuple[MediaRole, ...]] = {
        "text": (),
        "image": ("first_frame",),
        "reference": ("reference_video",),
        "video": ("source_video",),
    }
    media = tuple(at(role, "a") for role in roles[mode])
    spec = VideoSpec(model="x", prompt="x", duration_seconds=1, resolution=resolution, audio=audio, media=media)
    return estimate(card, spec)


@pytest.mark.parametrize("card", LIVING, ids=lambda card: card.model)
def test_every_clip_has_a_price_but_one_that_is_as_long_as_its_source(card: ModelCard) -> None:
    modes: list[Mode] = ["text", "image"]
    if "reference_video" in card.media:
        modes.append("reference")
        assert _usd(card, "video", "720p", audio=False) is None
    for mode, resolution in product(modes, card.resolutions):
        assert _usd(card, mode, resolution, audio=card.audio == "always") is not None


def test_sound_and_references_cost_more() -> None:
    cards = {card.model: card for card in CARDS}
    for name, silent, loud, referring in (
        ("kling-3.0", "0.112", "0.168", None),
        ("kling-3.0-omni", "0.112", "0.14", "0.168"),
        ("kling-2.6", "0.07", "0.14", None),
        ("kling-v3", "0.112", "0.168", None),
        ("kling-video-o1", "0.112", None, "0.168"),
    ):
        card = cards[name]
        assert _usd(card, "text", "1080p", audio=False) == _usd(card, "text", "1080p", audio=None) == Decimal(silent)
        assert loud is None or _usd(card, "text", "1080p", audio=True) == Decimal(loud)
        assert referring is None or _usd(card, "reference", "1080p", audio=False) == Decimal(referring)


def _media(role: MediaRole) -> Media:
    return Media.from_url("https://example.com/a", role=role)


TWO_FRAMES = (_media("first_frame"), _media("last_frame"))


@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        ("kling-3.0", {"duration_seconds": 47.0}, "nearest: 15 s"),
        ("kling-3.0", {"duration_seconds": 5.5}, "nearest: 6 s"),
        ("kling-2.6", {"duration_seconds": 7.0}, "nearest: 5 s"),
        ("kling-3.0-turbo", {"resolution": "2160p"}, "nearest: 1080p"),
        ("kling-3.0-turbo", {"audio": False}, "always makes sound"),
        ("kling-2.5-turbo", {"audio": True}, "silent clips only"),
        ("kling-3.0", {"aspect_ratio": "21:9"}, "nearest: 16:9"),
        ("kling-3.0", {"aspect_ratio": "16:9", "reference_media_path": "u1/a.png"}, "cannot be chosen"),
        ("kling-3.0", {"seed": 1}, "no seed"),
        ("kling-3.0", {"negative_prompt": "text"}, "no negative prompt"),
        ("kling-3.0", {"prompt": "x" * 3073}, "3,072 are allowed"),
        ("kling-2.6", {"audio": True, "resolution": "720p"}, "720p is not offered with sound"),
        ("kling-v2-6", {"audio": True, "media": TWO_FRAMES}, "silent clips only beside a last frame"),
        ("kling-2.5-turbo", {"resolution": "720p", "media": TWO_FRAMES}, "offered beside a last frame (offered: 1080p"),
        ("kling-3.0", {"media": TWO_FRAMES[1:]}, "takes a last frame only beside a first frame"),
        ("kling-3.0-omni", {"audio": True, "media": (_media("reference_video"),)}, "silent clips only beside a ref"),
        ("kling-3.0-omni", {"media": (*TWO_FRAMES, *(_media("reference_image"),) * 6)}, "together, not 8"),
        ("kling-3.0-omni", {"media": (_media("source_video"), *(_media("reference_image"),) * 5)}, "video, not 5"),
    ],
)
def test_what_a_model_does_not_offer_is_refused_with_what_it_does(
    model: str, asked: dict[str, object], said: str
) -> None:
    request = VideoRequest(**{"prompt": "x", **asked})  # type: ignore[arg-type]
    card = next(card for card in CARDS if card.model == model)
    assert said in " ".join(map(str, mismatches(request, card)))


def test_a_model_has_a_name_at_each_api() -> None:
    assert {card.model for card in PRESENT if is_older(card.model)} == set()
    assert {card.model for card in OLDER if not is_older(card.model)} == set()
    names = {card.model: card for card in CARDS}
    for older, present in OLDER_NAMES.items():
        assert (names[older].prices, names[older].durations_seconds) == (
            names[present].prices,
            names[present].durations_seconds,
        )


def test_models_that_are_gone_name_one_that_is_not() -> None:
    gone = [card for card in CARDS if card.lifecycle == "retired"]
    assert {card.retires_on for card in gone} == {date(2026, 9, 15)}
    assert {card.successor for card in gone} <= {card.model for card in LIVING}
    said = PAGE.read_text("utf-8")
    assert [card.model for card in gone if f"`{card.model}`" not in said] == []


def test_the_page_shows_the_models_as_the_cards_have_them() -> None:
    rows = [
        line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `kling-")
    ]
    assert {cells[0].strip("`"): cells[1:] for cells in rows} == {card.model: _row(card) for card in LIVING}


def _row(card: ModelCard) -> list[str]:
    lengths = card.durations_seconds
    return [
        f"{lengths[0]:g} to {lengths[-1]:g}" if len(lengths) > 2 else ", ".join(f"{length:g}" for length in lengths),
        ", ".join(card.resolutions),
        card.audio,
        f"{card.max_prompt_chars}",
        ", ".join(f"{count} x {role}" if count > 1 else role for role, count in card.media.items()).replace("_", " "),
        _prices(card),
    ]


def _prices(card: ModelCard) -> str:
    kinds = {
        "": _line(card, "text", audio=card.audio == "always"),
        " with sound": _line(card, "text", audio=True) if card.audio == "optional" else "",
        " with references": _line(card, "reference", audio=False) if "reference_video" in card.media else "",
    }
    if card.model in {"kling-2.6", "kling-v2-6"}:
        kinds[" with sound"] = f"{_usd(card, 'text', '1080p', audio=True)} (1080p)"
    return "; ".join(f"{usd}{kind}" for kind, usd in kinds.items() if usd)


def _line(card: ModelCard, mode: Mode, *, audio: bool) -> str:
    return ", ".join(str(_usd(card, mode, place, audio=audio)) for place in card.resolutions)
