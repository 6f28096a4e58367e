from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from hunyuan_hosted_rig import FRAME, order, tokenhub, vclm
from nexiom_sdk import ModelCard, VideoRequest
from nexiom_sdk.models import estimate, mismatches
from nexiom_sdk.providers.hunyuan_cards import TOKENHUB, VCLM
from nexiom_sdk.reference_limits import check_limits
from nexiom_sdk.references import Reference
from nexiom_sdk.types import Media, VideoSpec

PAGE = Path(__file__).parents[1] / "docs" / "hunyuan.md"
CARDS = (TOKENHUB, VCLM)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_everything_that_a_card_claims_can_be_ordered(card: ModelCard) -> None:
    made = vclm() if card is VCLM else tokenhub()
    for roles, seconds, resolution in product(((), ("first_frame",)), card.durations_seconds, card.resolutions):
        for ratio in card.ratios_for("image" if roles else "text", resolution) or (None,):
            media = tuple(FRAME for _ in roles)
            negative = "rain" if card.negative_prompt else None
            asked = {"duration_seconds": seconds, "resolution": resolution, "aspect_ratio": ratio, "media": media}
            sent = json.dumps(made.submit_call(order(card.model, negative_prompt=negative, **asked)).json)
            assert f'"{resolution}"' in sent
            assert ratio is None or f'"{ratio}"' in sent
            assert sent.count(str(FRAME.url)) == len(roles)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.model)
def test_a_price_that_nobody_confirms_is_unknown_and_not_nothing(card: ModelCard) -> None:
    spec = VideoSpec(model=card.model, prompt="x", duration_seconds=5, resolution="720p")
    assert estimate(card, spec) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"duration_seconds": 8.0}, "nearest: 5 s"),
        ({"resolution": "1080p"}, "nearest: 720p"),
        ({"aspect_ratio": "21:9"}, "nearest: 16:9"),
        ({"audio": True}, "silent"),
        ({"seed": 1}, "no seed"),
        ({"prompt": "词" * 201}, "201 characters, 200 are allowed"),
        ({"media": (Media.from_url("https://a.example/x.png", role="last_frame"),)}, "no last frame"),
        ({"reference_media_path": "u1/a.png", "aspect_ratio": "16:9"}, "comes from the picture"),
    ],
)
def test_what_the_model_does_not_offer_is_refused_with_what_it_does(asked: dict[str, object], said: str) -> None:
    request = VideoRequest(**{"prompt": "词" * 200, **asked})  # type: ignore[arg-type]
    assert said in " ".join(map(str, mismatches(request, TOKENHUB)))


def test_the_older_way_takes_less_and_says_what_to_use_instead() -> None:
    request = VideoRequest(prompt="x", aspect_ratio="16:9", negative_prompt="rain")
    assert {one.field for one in mismatches(request, VCLM)} == {"aspect_ratio", "negative_prompt"}
    assert (VCLM.lifecycle, VCLM.successor) == ("deprecated", "hy-video-v1.5")


def test_the_longest_prompt_at_tokenhub_is_the_operators_decision() -> None:
    assert [card.max_prompt_chars for card in tokenhub(prompt_max_chars="800", models="b").models] == [800, 800]
    assert [card.max_prompt_chars for card in vclm(prompt_max_chars="800").models] == [200]


@pytest.mark.parametrize("size", [6_000_000, 6_000_001])
def test_a_picture_may_have_eight_million_bytes_as_base64(size: int) -> None:
    picture = Reference(size_bytes=size, media_type="image/png", width=1250, height=5000)
    if size == 6_000_000:
        check_limits(picture, TOKENHUB, role="first_frame")
    else:
        with pytest.raises(ValueError, match="6,000,000"):
            check_limits(picture, TOKENHUB, role="first_frame")


def test_the_page_shows_the_models_as_the_cards_have_them() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith(("| `hy-", "| `hunyuan-vclm"))]
    assert {cells[0].strip("`"): cells[1:] for cells in rows} == {
        card.model: [
            ", ".join(f"{length:g}" for length in card.durations_seconds),
            ", ".join(card.resolutions),
            ", ".join(card.ratios_for("text", None) or ()) or "not chosen",
            card.audio,
            ", ".join(card.media).replace("_", " "),
            "yes" if card.negative_prompt else "no",
            "unknown",
        ]
        for card in CARDS
    }
