from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.governance import daily_budget
from nexiom_sdk.jobs import Usage

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        (NOON, datetime(2026, 11, 24, tzinfo=UTC)),
        (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)),
        (datetime(2026, 11, 24, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)),
        (datetime(2026, 11, 24, 3, tzinfo=timezone(timedelta(hours=5))), datetime(2026, 11, 23, tzinfo=UTC)),
        (datetime(2026, 11, 24, 21, tzinfo=timezone(timedelta(hours=-5))), datetime(2026, 11, 25, tzinfo=UTC)),
    ],
)
def test_the_day_is_that_of_utc_wherever_the_clock_stands(now: datetime, begins: datetime) -> None:
    assert daily_budget(Decimal(10), now=now).over.since == begins


@given(st.timedeltas(timedelta(days=-9999), timedelta(days=9999)), st.timezones())
def test_the_day_began_at_most_24_hours_ago_and_never_in_the_future(later: timedelta, zone: tzinfo) -> None:
    now = (NOON + later).astimezone(zone)
    since = daily_budget(Decimal(10), now=now).over.since
    assert since is not None
    assert timedelta(0) <= now.astimezone(UTC) - since < timedelta(days=1)


def test_it_counts_the_money_of_everybody_and_nothing_else() -> None:
    limit = daily_budget(Decimal(10), now=NOON)
    assert (limit.over.user_id, limit.over.quality_tier, limit.over.provider) == (None, None, None)
    assert (limit.max_cost_usd, limit.max_jobs, limit.max_active) == (Decimal(10), None, None)


@pytest.mark.parametrize(
    ("budget", "used", "estimate", "why"),
    [
        ("10", "9.20", "0.80", None),
        ("10", "9.20", "0.81", "$9.20 of $10.00 are used, $0.81 more does not fit"),
        ("10", "0", None, "$0.00 of $10.00 are used, a clip of unknown price does not fit"),
        ("0", "0", "0.01", "$0.00 of $0.00 are used, $0.01 more does not fit"),
        ("0.5", "0", "0.50", None),
    ],
)
def test_it_says_in_words_why_a_clip_does_not_fit(
    budget: str, used: str, estimate: str | None, why: str | None
) -> None:
    limit = daily_budget(Decimal(budget), now=NOON)
    said = limit.broken_by(Usage(cost_usd=Decimal(used)), None if estimate is None else Decimal(estimate))
    assert said == (why and f"{limit.name}: {why}")


def test_its_name_tells_which_setting_to_change() -> None:
    assert daily_budget(Decimal("2.5"), now=NOON).name == "the budget of $2.50 a day (NEXIOM_BUDGET_USD_PER_DAY)"
