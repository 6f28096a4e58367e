from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.hints import LONGEST_HINT_SECONDS, sane_hint


@given(st.none() | st.floats())
def test_whatever_a_provider_asks_for_is_none_or_at_most_an_hour(asked: float | None) -> None:
    assert 0 <= sane_hint(asked) <= LONGEST_HINT_SECONDS


@given(st.floats(0, LONGEST_HINT_SECONDS))
def test_a_wish_that_makes_sense_is_kept_exactly(asked: float) -> None:
    assert sane_hint(asked) == asked
