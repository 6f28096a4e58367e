from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from nexiom_sdk import Settings, Studio, VideoRequest
from nexiom_sdk.errors import ProviderUnavailable, UnsupportedFeature
from nexiom_sdk.models import ModelCard, Price, estimate, mismatches
from nexiom_sdk.providers.openrouter import OpenRouterProvider
from nexiom_sdk.providers.openrouter_cards import CARDS, SEEN
from nexiom_sdk.providers.openrouter_catalogue import Row, Rows, card_of, prices_of
from nexiom_sdk.testing import Answer, LoopbackServer, Script
from nexiom_sdk.types import DeliveredMedia, VideoSpec
from openrouter_rig import KEY, fixture

LIST = Rows.model_validate(fixture("models"))
PAGE = Path(__file__).parents[1] / "docs" / "openrouter.md"
BY_ID = {card.model: card for card in CARDS}


def row(**fields: object) -> Row:
    return Row.model_validate({"id": "acme/v1", **fields})


def cost(card: ModelCard, **spec: object) -> Decimal | None:
    return estimate(card, VideoSpec(model=card.model, prompt="x", **spec))  # type: ignore[arg-type]


def test_the_recorded_list_gives_cards() -> None:
    veo, grok, seedance, _ = (card_of(one, seen="2026-10-09") for one in LIST.data)
    assert veo.durations_seconds == (4, 6, 8)
    assert veo.resolutions == ("720p", "1080p", "2160p")
    assert (veo.audio, veo.seed, veo.negative_prompt) == ("optional", True, True)
    assert veo.media == {"reference_image": 10, "first_frame": 1, "last_frame": 1}
    assert (grok.audio, grok.seed, grok.media) == ("unknown", False, {"reference_image": 10, "first_frame": 1})
    assert grok.aspect_ratios == ("16:9", "9:16", "1:1", "4:3", "3:4")
    assert "per token" in seedance.priced_on


@pytest.mark.parametrize(
    ("model", "spec", "usd"),
    [
        ("google/veo-3.1-fast", {"duration_seconds": 8, "resolution": "720p", "audio": True}, "0.80"),
        ("google/veo-3.1-fast", {"duration_seconds": 8, "resolution": "1080p", "audio": True}, "0.96"),
        ("google/veo-3.1-fast", {"duration_seconds": 8, "resolution": "2160p", "audio": False}, "2.00"),
        ("x-ai/grok-imagine-video", {"duration_seconds": 10, "resolution": "480p"}, "0.5"),
        ("bytedance/seedance-2.0-fast", {"duration_seconds": 4, "resolution": "720p"}, "0.36288"),
    ],
)
def test_dollars_cents_and_tokens_become_the_price_of_a_clip(model: str, spec: dict[str, object], usd: str) -> None:
    [listed] = [card_of(one, seen="2026-10-09") for one in LIST.data if one.id == model]
    assert cost(listed, **spec) == Decimal(usd)


def test_a_picture_that_costs_extra_is_counted_for_orders_with_a_picture() -> None:
    prices = prices_of(row(pricing_skus={"cents_per_image_input": "20", "cents_per_second": "10"}))
    card = ModelCard(model="acme/v1", prices=prices)
    assert cost(card, duration_seconds=5) == Decimal("0.5")
    picture = DeliveredMedia(role="first_frame", media_type="", url="https://a.example/x.png")
    assert cost(card, duration_seconds=5, media=(picture,)) == Decimal("0.7")
    reference = picture.evolve(role="reference_image")
    assert cost(card, duration_seconds=5, media=(reference,)) == Decimal("2.5")  # ten of them at most


def test_a_least_price_holds_for_short_clips() -> None:
    skus = {"duration_seconds": "0.01", "minimum_cents_per_generation": "56"}
    card = ModelCard(model="acme/v1", prices=prices_of(row(pricing_skus=skus)))
    assert cost(card, duration_seconds=5) == Decimal("0.56")


@pytest.mark.parametrize(
    "skus",
    [
        None,
        {},
        {"credits_per_clip": "7"},
        {"duration_seconds": "0.10", "surcharge_on_sundays": "1"},
        {"duration_seconds": "free"},
        {"duration_seconds": "NaN"},
        {"duration_seconds": "-1"},
        {"duration_seconds": "0.1", "minimum_cents_per_generation": "many"},
    ],
)
def test_a_price_that_is_not_understood_is_unknown_and_never_zero(skus: dict[str, str] | None) -> None:
    assert prices_of(row(pricing_skus=skus)) == ()


def test_prices_of_orders_that_are_not_made_here_do_not_hide_the_others() -> None:
    skus = {"duration_seconds_720p": "0.17", "video_continuation_duration_seconds_720p": "0.41"}
    assert prices_of(row(pricing_skus=skus)) == (Price(usd=Decimal("0.17"), resolution="720p"),)


def test_a_list_that_is_null_says_nothing() -> None:
    before = ModelCard(model="acme/v1", durations_seconds=(4,), resolutions=("720p",), media={"last_frame": 1})
    card = card_of(row(supported_durations=None), seen="today", known=before)
    assert (card.durations_seconds, card.resolutions) == ((4,), ("720p",))
    assert "last_frame" not in card.media


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=10), max_size=4))
def test_any_price_list_is_read_without_an_error(skus: dict[str, str]) -> None:
    for price in prices_of(row(pricing_skus=skus, supported_resolutions=("720p", "8K"))):
        assert price.usd >= 0


def test_the_cards_that_ship_are_dated_priced_and_within_their_own_claims() -> None:
    for card in CARDS:
        if card.lifecycle == "retired":
            assert card.retired(date(2026, 11, 25))
            continue
        assert card.verified_on == SEEN
        assert card.prices, card.model
        request = VideoRequest(
            prompt="x", duration_seconds=float(card.durations_seconds[0]), resolution=card.resolutions[0]
        )
        assert mismatches(request, card) == ()
        assert cost(card, duration_seconds=card.durations_seconds[0], resolution=card.resolutions[0], audio=True)


async def test_a_model_that_is_new_on_the_list_takes_what_its_family_takes() -> None:
    listed = {"data": [{"id": "bytedance/seedance-2.7", "supported_frame_images": ["first_frame"]}]}
    async with LoopbackServer(Script(Answer.json(listed))) as server:
        made = OpenRouterProvider(_config(server))
        card, *_ = await made.refresh()
        await made.aclose()
    assert card.media == {"reference_image": 10, "reference_video": 10, "reference_audio": 10, "first_frame": 1}
    assert (card.prices, card.min_poll_seconds) == ((), 10)


async def test_the_list_is_read_on_request_and_chosen_by_from_then_on(tmp_path: Path) -> None:
    body = fixture("models")
    async with LoopbackServer(Script(Answer.json(body), then=Answer(500))) as server:
        settings = Settings(home=tmp_path, provider_config={"openrouter": _config(server)})
        async with Studio(settings=settings) as studio:
            before = studio.estimate(VideoRequest(prompt="x", provider="openrouter", model="alibaba/wan-3.0"))
            assert before.chosen is not None
            cards = await studio.refresh_models("openrouter")
            assert [card.model for card in cards] == [
                "google/veo-3.1-fast", "x-ai/grok-imagine-video", "bytedance/seedance-2.0-fast", "openai/sora-2-pro",
            ]  # fmt: skip
            after = studio.estimate(VideoRequest(prompt="x", provider="openrouter", model="alibaba/wan-3.0"))
            assert after.chosen is None
            with pytest.raises(ProviderUnavailable):
                await studio.refresh_models("openrouter")
            assert len(studio._chooser.provider("openrouter").models) == 4
            with pytest.raises(UnsupportedFeature):
                await studio.refresh_models("local")
    assert [one.path for one in server.received] == ["/api/v1/videos/models"] * 2


def _config(server: LoopbackServer) -> dict[str, SecretStr]:
    return {"api_key": SecretStr(KEY), "base_url": SecretStr(f"{server.origin}/api/v1")}


def test_the_page_shows_the_models_as_the_cards_have_them() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    shown = {cells[0].strip("`"): cells[1:] for cells in rows if "/" in cells[0]}
    assert shown == {card.model: _cells(card) for card in CARDS if card.lifecycle != "retired"}


def _cells(card: ModelCard) -> list[str]:
    lengths = card.durations_seconds
    whole = list(lengths) == list(range(int(lengths[0]), int(lengths[-1]) + 1)) and len(lengths) > 2
    frames = {"first_frame": "first", "last_frame": "last"}
    prices = [price.usd for price in card.prices]
    return [
        f"{lengths[0]:g}-{lengths[-1]:g}" if whole else ", ".join(f"{one:g}" for one in lengths),
        ", ".join(card.resolutions),
        {"optional": "yes", "never": "no", "unknown": "the model decides"}[card.audio],
        ", ".join(word for role, word in frames.items() if role in card.media),
        f"{min(prices):.3f}-{max(prices):.3f}" if min(prices) != max(prices) else f"{prices[0]:.3f}",
    ]


def test_the_adapter_offers_what_ships_until_it_is_refreshed() -> None:
    assert OpenRouterProvider({"api_key": KEY}).models == CARDS


@pytest.mark.parametrize(
    "skus", [{"cents_per_second": "1e300"}, {"video_tokens": "99999"}, {"duration_seconds": "1e-99"}, {"x": "NaN"}]
)
def test_an_amount_that_nobody_pays_makes_no_price(skus: dict[str, str]) -> None:
    row = Row(id="acme/v1", supported_durations=(-4, 0, 8, 1e300), supported_resolutions=("720p",), pricing_skus=skus)
    card = card_of(row, seen="2026-10-09")
    assert (card.prices, card.durations_seconds) == ((), (8,))
