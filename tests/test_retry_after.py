from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.hints import LONGEST_HINT_SECONDS
from nexiom_sdk.providers.retry_after import retry_after_seconds

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("0", None),
        ("-5", None),
        ("1000000000", LONGEST_HINT_SECONDS),
        ("Wed, 25 Nov 2026 12:01:00 GMT", 60.0),
        ("Wed, 25 Nov 2026 14:00:30 +0200", 30.0),
        ("Wed, 25 Nov 2026 12:00:10 -0000", 10.0),
        ("Wed, 25 Nov 2020 12:00:00 GMT", None),
        ("Wed, 25 Nov 2099 12:00:00 GMT", LONGEST_HINT_SECONDS),
        ("inf", None),
        ("nan", None),
        ("1_0", None),
        ("\u0661\u0662", None),
        ("soon", None),
        ("", None),
        ("Wed, 99 Nov 2026 12:01:00 GMT", None),
        ("12, 30", None),
    ],
)
def test_what_a_server_may_write_is_read_or_ignored(text: str, expected: float | None) -> None:
    assert retry_after_seconds({"retry-after": text}, NOW) == expected


def test_milliseconds_win_unless_they_are_nonsense() -> None:
    assert retry_after_seconds({"retry-after-ms": "250", "retry-after": "9"}, NOW) == 0.25
    assert retry_after_seconds({"retry-after-ms": "soon", "retry-after": "9"}, NOW) == 9.0


def test_silence_is_no_wish() -> None:
    assert retry_after_seconds({}, NOW) is None


@given(st.text() | st.floats().map(str) | st.integers().map(str), st.text())
def test_nothing_that_a_server_writes_raises_or_asks_for_more_than_an_hour(seconds: str, milliseconds: str) -> None:
    asked = retry_after_seconds({"retry-after": seconds, "retry-after-ms": milliseconds}, NOW)
    assert asked is None or 0 < asked <= LONGEST_HINT_SECONDS


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_every_date_of_http_is_understood(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC, microsecond=0)
    asked = retry_after_seconds({"retry-after": format_datetime(moment, usegmt=True)}, NOW)
    ahead = (moment - NOW).total_seconds()
    assert asked == (min(ahead, LONGEST_HINT_SECONDS) if ahead > 0 else None)
