from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from nexiom_sdk.timing import Timing, seconds_since

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

_moments = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_timings = st.builds(
    Timing,
    ordered_at=_moments,
    submit_answered_at=_moments,
    timed_out_at=_moments,
    key=st.none() | st.text(),
    took_seconds=st.none() | st.floats(0, 1e6),
)
_json: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(_timings)
def test_what_is_stored_is_read_as_it_was(timing: Timing) -> None:
    assert Timing.of({"timing": timing.stored()}) == timing


@given(st.dictionaries(st.sampled_from(list(Timing.__annotations__)), _json) | _json)
def test_whatever_somebody_wrote_by_hand_can_be_read_and_stored_again(written: JsonValue) -> None:
    once = Timing.of({"timing": written})
    assert Timing.of({"timing": once.stored()}).stored() == once.stored()


@pytest.mark.parametrize("took", [float("inf"), float("nan"), 10**400])
def test_a_time_that_is_no_number_of_seconds_is_not_known(took: float) -> None:
    assert Timing.of({"timing": {"took_seconds": took}}).took_seconds is None


@pytest.mark.parametrize("stamp", ["yesterday", 7, None, True, "0001-01-01T00:00:00+10:00"])
def test_what_is_no_moment_is_not_known(stamp: JsonValue) -> None:
    assert Timing.of({"timing": {"ordered_at": stamp, "key": 3, "took_seconds": True}}) == Timing()


def test_moments_are_stored_in_utc_so_that_they_compare_as_text() -> None:
    assert Timing.of({"timing": {"ordered_at": "2026-11-24T13:00:00+01:00"}}).stored() == {
        "ordered_at": "2026-11-24T12:00:00+00:00"
    }
    assert Timing.of({"timing": {"ordered_at": "2026-11-24T12:00:00"}}).ordered_at == NOON


def test_a_moment_that_is_still_to_come_is_no_time_ago() -> None:
    assert seconds_since(NOON + timedelta(seconds=5), NOON) == 0
    assert seconds_since(NOON - timedelta(seconds=5), NOON) == 5
    assert seconds_since(None, NOON) is None
