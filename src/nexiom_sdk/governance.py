"""Bounds on what may be spent, as data that the repository checks in the transaction that inserts a job."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from nexiom_sdk.jobs import Limit, UsageQuery, utc
from nexiom_sdk.wording import usd


def daily_budget(budget_usd: Decimal, *, now: datetime) -> Limit:
    """The most that all users together may spend in the present UTC day.

    Args:
        budget_usd: The amount.
        now: The present moment.

    Example:
        >>> from datetime import UTC
        >>> limit = daily_budget(Decimal(10), now=datetime(2026, 11, 24, 15, 30, tzinfo=UTC))
        >>> limit.name, str(limit.over.since)
        ('the budget of $10.00 a day (NEXIOM_BUDGET_USD_PER_DAY)', '2026-11-24 00:00:00+00:00')
    """
    midnight = utc(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return Limit(
        name=f"the budget of {usd(budget_usd)} a day (NEXIOM_BUDGET_USD_PER_DAY)",
        over=UsageQuery(since=midnight),
        max_cost_usd=budget_usd,
    )
