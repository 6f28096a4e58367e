"""Budgets as data: the limits that a repository checks while it inserts a job."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from nexiom_sdk.jobs import Limit, UsageQuery, utc
from nexiom_sdk.wording import usd


def daily_budget(budget_usd: Decimal, *, now: datetime) -> Limit:
    """The limit that keeps the money of one UTC day, over all users, within a budget.

    Args:
        budget_usd: Most money a day.
        now: The present moment; the day begins at its midnight in UTC.

    Example:
        >>> from datetime import UTC
        >>> daily_budget(Decimal(10), now=datetime(2026, 11, 24, 15, tzinfo=UTC)).name
        'the budget of $10.00 a day (NEXIOM_BUDGET_USD_PER_DAY)'
    """
    midnight = utc(now).replace(hour=0, minute=0, second=0, microsecond=0)
    name = f"the budget of {usd(budget_usd)} a day (NEXIOM_BUDGET_USD_PER_DAY)"
    return Limit(name=name, over=UsageQuery(since=midnight), max_cost_usd=budget_usd)
