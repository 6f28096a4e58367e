"""Impossible figures in cards: no price, length or wait is made of them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk import ModelCard
from nexiom_sdk.catalogue_file import CardsFile
from nexiom_sdk.errors import ConfigurationError, InvalidInput
from nexiom_sdk.models import Condition, Lengths, Price
from nexiom_sdk.wording import usd

_no_length = st.floats(max_value=0) | st.floats(min_value=3600, exclude_min=True) | st.just(math.nan)
_length = st.floats(0, 3600, exclude_min=True)


@given(_no_length, _length)
def test_no_card_has_a_length_that_no_clip_has(wrong: float, right: float) -> None:
    for fields in (
        {"durations_seconds": (right, wrong)},
        {"duration_range_seconds": (right, wrong)},
        {"duration_range_seconds": (wrong, right)},
    ):
        with pytest.raises(InvalidInput):
            ModelCard(model="a1", **fields)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        Lengths(one_of=(wrong,))
    with pytest.raises(InvalidInput):
        Lengths(between=(wrong, right))
    with pytest.raises(InvalidInput):
        Price(usd=Decimal(1), duration_seconds=wrong)


@given(_length, _length)
def test_a_range_is_ordered(one: float, other: float) -> None:
    least, most = sorted((one, other))
    assert Lengths(between=(least, most)).between == (least, most)
    if least < most:
        with pytest.raises(InvalidInput, match="No length is in this range"):
            Lengths(between=(most, least))


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_an_amount_is_money_or_refused(amount: Decimal) -> None:
    possible = amount.is_finite() and (amount == 0 or Decimal("1e-12") <= amount <= 1_000_000)
    for name in ("usd", "plus_usd", "least_usd"):
        fields: dict[str, Any] = {"usd": Decimal(1), name: amount}
        if possible:
            assert len(usd(Price(**fields).usd)) < 40
        else:
            with pytest.raises(InvalidInput):
                Price(**fields)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ('"durations_seconds": [4, -4]', "durations_seconds[1]: It should be greater than 0."),
        ('"durations_seconds": [1e300]', "durations_seconds[0]: It should be less than or equal to 3600."),
        ('"durations_seconds": [0]', "durations_seconds[0]: It should be greater than 0."),
        ('"duration_range_seconds": [8, 4]', "duration_range_seconds: No length is in this range: 8 s is longer"),
        ('"lengths": [{"between": [0, 4]}]', "lengths[0].between[0]: It should be greater than 0."),
        ('"lengths": [{"one_of": [-1]}]', "lengths[0].one_of[0]: It should be greater than 0."),
        ('"typical_seconds": -1', "typical_seconds: It should be greater than or equal to 0."),
        ('"typical_seconds": 1e300', "typical_seconds: It should be less than or equal to"),
        ('"min_poll_seconds": -1', "min_poll_seconds: It should be greater than or equal to 0."),
        ('"max_prompt_chars": 0', "max_prompt_chars: It should be greater than or equal to 1."),
        ('"media": {"first_frame": -1}', "media.first_frame: It should be greater than or equal to 0."),
        ('"media_limits": {"image": {"max_bytes": -1}}', "media_limits.image.max_bytes: It should be greater than"),
        ('"media_limits": {"image": {"min_side_pixels": -1}}', "media_limits.image.min_side_pixels: It should"),
        ('"media_limits": {"image": {"max_ratio": 0}}', "media_limits.image.max_ratio: It should"),
        ('"media_limits": {"video": {"max_seconds": -1}}', "media_limits.video.max_seconds: It should"),
        ('"conditions": [{"counted": ["first_frame"], "most": -1}]', "conditions[0].most: It should be greater"),
        ('"prices": [{"usd": 1e300}]', "prices[0].usd: It should be less than or equal to 1000000."),
        ('"prices": [{"usd": "NaN"}]', "prices[0].usd: It should be a finite number."),
        ('"prices": [{"usd": "1e-999"}]', "prices[0].usd: It is too small for an amount of money."),
        ('"prices": [{"usd": 1, "plus_usd": -1}]', "prices[0].plus_usd: It should be greater than or equal to 0."),
        ('"prices": [{"usd": 1, "least_usd": "Infinity"}]', "prices[0].least_usd: It should be a finite number."),
        ('"prices": [{"usd": 1, "duration_seconds": -5}]', "prices[0].duration_seconds: It should be greater than 0."),
    ],
)
def test_an_impossible_figure_in_the_file_is_told_with_line_and_place(fields: str, line: str) -> None:
    text = f'{{"as_of": "2026-11-26",\n"cards": {{"acme/a1": {{\n{fields}}}}}}}'
    with pytest.raises(ConfigurationError) as caught:
        CardsFile.from_json(text, source="cards.json")
    assert caught.value.message.startswith(f"cards.json, line 3: cards.acme/a1.{line}")


def test_nothing_at_all_may_be_taken_and_counted() -> None:
    assert ModelCard(model="a1", media={"first_frame": 0}).media == {"first_frame": 0}
    assert Condition(counted=("first_frame",), most=0).most == 0
