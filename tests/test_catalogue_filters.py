"""What a card offers at all, and what it costs at the least and at the most."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from any_cards import any_card
from nexiom_sdk import ModelCard, VideoRequest
from nexiom_sdk.catalogue_filters import (
    TAKES,
    Span,
    offers_length,
    orders,
    usd_per_clip,
    usd_per_second,
)
from nexiom_sdk.models import Condition, Lengths, Price, estimate, mismatches
from nexiom_sdk.types import MediaRole, VideoSpec

NINE = (2.0, 4.0, 5.0, 6.5, 8.0, 10.0, 15.0, 30.0, 60.0)


def _usd(amount: str, **conditions: object) -> Price:
    return Price(usd=Decimal(amount), **conditions)  # type: ignore[arg-type]


def test_every_role_can_be_asked_for() -> None:
    assert set(TAKES) == {"text", "image", "video", "audio", *get_args(MediaRole)}


@pytest.mark.parametrize(
    ("takes", "found"),
    [
        (None, [(), ("first_frame",), ("reference_video",)]),
        ("text", [()]),
        ("image", [("first_frame",)]),
        ("video", [("reference_video",)]),
        ("first_frame", [("first_frame",)]),
        ("last_frame", []),
        ("audio", []),
    ],
)
def test_what_goes_in_decides_about_the_orders(takes: str | None, found: list[tuple[MediaRole, ...]]) -> None:
    card = ModelCard(model="a1", media={"first_frame": 1, "reference_video": 3, "last_frame": 0})
    assert list(orders(card, takes)) == found
    assert () not in orders(card.evolve(media_required=True), takes)


@given(card=any_card, wanted=st.sampled_from(NINE))
def test_a_length_that_is_offered_is_one_that_a_request_may_ask_for(card: ModelCard, wanted: float) -> None:
    request = VideoRequest(prompt="x", duration_seconds=wanted)
    refused = any(one.field == "duration_seconds" for one in mismatches(request, card))
    assert not (refused and offers_length(card, wanted, "text"))
    if not card.lengths and not card.media_required:
        assert refused is not offers_length(card, wanted, "text")


def test_a_length_may_be_offered_in_one_kind_of_order_only() -> None:
    rule = Lengths(one_of=(7,), modes=("video",))
    card = ModelCard(model="a1", durations_seconds=(4,), lengths=(rule,), media={"source_video": 1})
    assert offers_length(card, 7)
    assert not offers_length(card, 7, "text")
    assert offers_length(card, 7, "source_video")
    assert not offers_length(card, 4, "source_video")
    as_its_source = card.evolve(lengths=(Lengths(modes=("video",)),))
    assert not offers_length(as_its_source, 600)
    assert offers_length(as_its_source, 600, "source_video")


def test_lengths_that_nobody_knows_stand_against_nothing() -> None:
    assert offers_length(ModelCard(model="a1"), 1234)


@given(card=any_card)
def test_no_clip_from_text_costs_less_a_second_than_the_range_says(card: ModelCard) -> None:
    span = usd_per_second(card, "text")
    if card.media_required:
        assert span is None
        return
    for place in card.resolutions or (None,):
        rule = card.lengths_for("text", place)
        for length in set(rule.between or rule.one_of):
            for audio in {"never": (False,), "always": (True,), "optional": (True, False)}.get(card.audio, (None,)):
                if any(
                    one.applies((), audio) and place not in (one.resolutions or (place,)) for one in card.conditions
                ):
                    continue  # a made-up card may forbid what it offers
                spec = VideoSpec(model="m", prompt="x", duration_seconds=length, resolution=place, audio=audio)
                cost = estimate(card, spec)
                if cost is None:
                    continue
                assert span is not None
                assert span.least <= cost / Decimal(repr(length)) + Decimal("0.0001")
                cheapest = usd_per_clip(card, length, "text")
                assert cheapest is not None
                assert cheapest <= cost


def test_a_price_per_clip_is_shared_out_over_its_seconds() -> None:
    prices = (_usd("0.30", per="clip", duration_seconds=5), _usd("0.90", per="clip", duration_seconds=10))
    card = ModelCard(model="a1", durations_seconds=(5, 10), prices=prices)
    assert usd_per_second(card) == Span(Decimal("0.06"), Decimal("0.09"))
    assert usd_per_second(card, duration_seconds=10) == Span(Decimal("0.09"), Decimal("0.09"))
    assert (usd_per_clip(card, 10), usd_per_clip(card, 7)) == (Decimal("0.90"), None)


def test_what_is_added_once_and_the_least_count_in() -> None:
    added = ModelCard(model="a1", durations_seconds=(2, 10), prices=(_usd("0.10", plus_usd="0.20"),))
    assert usd_per_second(added) == Span(Decimal("0.12"), Decimal("0.2"))
    least = ModelCard(model="a1", durations_seconds=(2, 10), prices=(_usd("0.10", least_usd="0.80"),))
    assert usd_per_second(least) == Span(Decimal("0.1"), Decimal("0.4"))


def test_what_does_not_go_together_has_no_price() -> None:
    prices = (_usd("0.10", audio=True), _usd("0.04", resolution="720p"), _usd("0.07"))
    card = ModelCard(
        model="a1",
        durations_seconds=(5,),
        resolutions=("720p", "1080p"),
        audio="optional",
        prices=(_usd("0.90", audio=True, resolution="720p"), *prices),
        conditions=(Condition(audio=True, resolutions=("1080p",)),),
    )
    assert usd_per_second(card) == Span(Decimal("0.04"), Decimal("0.1"))


def test_a_model_that_takes_text_is_priced_by_it_and_another_by_what_it_takes() -> None:
    prices = (_usd("0.50", mode="image"), _usd("0.10", mode="text"))
    card = ModelCard(model="a1", durations_seconds=(5,), media={"first_frame": 1}, prices=prices)
    assert usd_per_second(card) == Span(Decimal("0.1"), Decimal("0.1"))
    assert usd_per_second(card, "image") == Span(Decimal("0.5"), Decimal("0.5"))
    assert usd_per_second(card.evolve(media_required=True)) == Span(Decimal("0.5"), Decimal("0.5"))
    assert usd_per_second(card.evolve(prices=prices[:1])) == Span(Decimal("0.5"), Decimal("0.5"))


def test_a_price_that_nobody_knows_is_none_and_a_tiny_one_is_never_free() -> None:
    card = ModelCard(model="a1", durations_seconds=(5,))
    assert usd_per_second(card) is None
    assert usd_per_clip(card, 5) is None
    tiny = usd_per_second(card.evolve(prices=(_usd("0.00001"),)))
    assert tiny is not None
    assert tiny.least > 0
