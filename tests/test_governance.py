from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.governance import Budget, Governance, begin_of, daily_budget, end_of
from nexiom_sdk.spending import Limit, Usage, UsageQuery

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
        ("10", "9.20", "0.81", "$9.20 of $10.00 are used, $0.80 is left, $0.81 more does not fit"),
        ("10", "0", None, "$0.00 of $10.00 are used, $10.00 is left, a clip of unknown price does not fit"),
        ("0", "0", "0.01", "$0.00 of $0.00 are used, $0.00 is left, $0.01 more does not fit"),
        ("0.5", "0", "0.50", None),
        ("10", "12", "0.01", "$12.00 of $10.00 are used, $0.00 is left, $0.01 more does not fit"),
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


@given(st.datetimes(timezones=st.timezones(), max_value=datetime(9000, 1, 1)), st.sampled_from(["day", "month"]))  # noqa: DTZ001
def test_a_span_ends_where_the_next_one_begins(now: datetime, span: Literal["day", "month"]) -> None:
    begin, end = begin_of(span, now), end_of(span, now)
    assert begin <= now < end
    assert begin_of(span, end) == end
    assert begin_of(span, end - timedelta(microseconds=1)) == begin


@pytest.mark.parametrize(
    ("limit", "usage", "estimate", "way_out"),
    [
        (
            daily_budget(Decimal(10), now=NOON),
            Usage(cost_usd=Decimal(10)),
            "1",
            "There is more from 2026-11-25 00:00 UTC",
        ),
        (daily_budget(Decimal(10), now=NOON), Usage(), "11", "It is more than the whole budget"),
        (daily_budget(Decimal(10), now=NOON), Usage(), None, "Name a model whose price is known"),
        (
            Limit(name="q", over=UsageQuery(), max_cost_usd=Decimal(1)),
            Usage(cost_usd=Decimal(1)),
            "1",
            "Raise the budget",
        ),
        (Limit(name="q", over=UsageQuery(), max_jobs=5), Usage(jobs=5), None, "Raise the limit."),
        (Limit(name="q", over=UsageQuery(), max_jobs=0, renews_at=NOON), Usage(), None, "Raise the limit."),
        (Limit(name="q", over=UsageQuery(), max_active=5), Usage(active=5), None, "Wait until one of the running jobs"),
    ],
)
def test_it_says_what_helps(limit: Limit, usage: Usage, estimate: str | None, way_out: str) -> None:
    price = None if estimate is None else Decimal(estimate)
    assert limit.broken_by(usage, price) is not None
    assert limit.way_out(usage, price).startswith(way_out)


BUDGETS = Governance(
    default_role="member",
    users={"u9": "admin"},
    tiers={"ultra_realistic": ("admin", "director")},
    budgets=(
        Budget(per="day", max_usd=Decimal(100)),
        Budget(per="month", each="user", max_usd=Decimal(20), max_jobs=30),
        Budget(role="member", per="day", max_jobs=1),
        Budget(tier="ultra_realistic", per="month", max_usd=Decimal(50)),
        Budget(each="user", max_active=2),
        Budget(name="trial", each="user", role="guest", tier="standard", per="day", max_usd=Decimal(1)),
    ),
)


def test_every_budget_has_a_name_that_says_what_it_is() -> None:
    assert [budget.title for budget in BUDGETS.budgets] == [
        "the budget of $100.00 a day",
        "the budget of $20.00 and the limit of 30 jobs a month for each user",
        "the limit of 1 job a day with the role member",
        "the budget of $50.00 a month in the tier ultra_realistic",
        "the limit of 2 jobs at once for each user",
        "trial",
    ]


def test_a_job_is_held_to_the_budgets_of_everybody_its_user_its_role_and_its_tier() -> None:
    day, month = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    limits = BUDGETS.limits(user_id="u1", role="guest", tier="standard", now=NOON)
    assert [limit.over for limit in limits] == [
        UsageQuery(since=day),
        UsageQuery(since=month, user_id="u1"),
        UsageQuery(user_id="u1", active=True),
        UsageQuery(since=day, user_id="u1", role="guest", quality_tier="standard"),
    ]
    assert [limit.renews_at for limit in limits] == [
        datetime(2026, 11, 25, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
        None,
        datetime(2026, 11, 25, tzinfo=UTC),
    ]
    titles = [limit.name for limit in BUDGETS.limits(user_id="u1", role="member", tier="ultra_realistic", now=NOON)]
    assert titles == [budget.title for budget in BUDGETS.budgets[:5]]
    assert len(BUDGETS.limits(user_id="u1", role="admin", tier=None, now=NOON)) == 3


def test_jobs_of_nobody_are_those_of_one_user() -> None:
    [limit] = Governance(budgets=(Budget(each="user", max_active=1),)).limits(
        user_id=None, role="user", tier=None, now=NOON
    )
    assert limit.over == UsageQuery(of_nobody=True, active=True)


def test_a_role_is_the_one_given_else_the_one_in_the_policy_else_the_default() -> None:
    assert [
        BUDGETS.role_of(user, role) for user, role in (("u9", "guest"), ("u9", None), ("u1", None), (None, None))
    ] == ["guest", "admin", "member", "member"]
    assert BUDGETS.may_use("director", "ultra_realistic")
    assert not BUDGETS.may_use("member", "ultra_realistic")
    assert BUDGETS.may_use("member", "cinematic")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "bounds nothing"),
        ({"per": "day"}, "bounds nothing"),
        ({"max_usd": 5}, "needs per"),
        ({"max_jobs": 5, "each": "user"}, "needs per"),
        ({"max_active": 5, "per": "day"}, "about this moment"),
        ({"max_active": 5, "max_usd": 1, "per": "day"}, "about this moment"),
        ({"max_usd": -1, "per": "day"}, "max_usd"),
        ({"max_usd": "NaN", "per": "day"}, "max_usd"),
        ({"max_usd": "Infinity", "per": "day"}, "max_usd"),
        ({"max_jobs": -1, "per": "day"}, "max_jobs"),
        ({"max_jobs": 1.5, "per": "day"}, "max_jobs"),
        ({"max_jobs": True, "per": "day"}, "max_jobs"),
        ({"max_usd": 1, "per": "week"}, "per"),
        ({"max_usd": 1, "per": "day", "tier": "cinematc"}, "Did you mean 'cinematic'"),
        ({"max_usd": 1, "per": "day", "role": ""}, "role"),
        ({"max_usd": 1, "per": "day", "users": 5}, "users"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_in_words(fields: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        Budget(**fields)  # type: ignore[arg-type]


def test_a_budget_of_nothing_lets_nothing_through() -> None:
    [limit] = Governance(budgets=(Budget(per="day", max_usd=Decimal(0)),)).limits(
        user_id=None, role="user", tier=None, now=NOON
    )
    assert limit.broken_by(Usage(), Decimal("0.01")) is not None
    assert limit.broken_by(Usage(), Decimal(0)) is None
