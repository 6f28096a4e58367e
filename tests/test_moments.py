from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.moments import utc

_NAIVE = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 - naive on purpose


@given(_NAIVE)
def test_a_moment_without_a_zone_is_taken_to_be_in_utc(moment: datetime) -> None:
    assert utc(moment) == moment.replace(tzinfo=UTC)
    assert utc(moment).tzinfo is UTC


@given(_NAIVE, st.integers(-14 * 60, 14 * 60))
def test_a_moment_with_a_zone_stays_the_same_moment(moment: datetime, minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert utc(there) == there
    assert utc(there).tzinfo is UTC
