"""Sums over the rows of a SQLite file, to the last digit: equal amounts make a group, and groups are added as decimals.

SQLite itself adds in binary fractions. Whether one more job fits is therefore asked in two steps: a quick sum that is
right to nine digits says in nearly all cases that it certainly does; only near the bound the exact sum is asked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from nexiom_sdk.backends import sums
from nexiom_sdk.backends.sums_sql import ACTIVE, Dialect, Sifted, sift
from nexiom_sdk.jobs import Dimension, GenerationJob, Limit, Spend, Usage, UsageQuery, amount_of, utc

_Row: TypeAlias = tuple[Any, ...]  # of sqlite3, whose values have no static type

_SLACK, _LEAST_SLACK_USD = Decimal("1e-9"), Decimal("1e-6")  # more than binary fractions can be wrong by


def stamp(moment: datetime) -> str:
    """A time as it stands in the table; such texts compare as their times do.

    Example:
        >>> stamp(datetime.fromisoformat("2026-11-24T13:00:00+01:00"))
        '2026-11-24T12:00:00.000000Z'
    """
    return utc(moment).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


SQLITE = Dialect(
    mark=":{}",
    stamp=stamp,
    choice="json_type(provider_metadata, '$.choice') is not null",
    role="json_extract(provider_metadata, '$.role')",
    tier="coalesce(json_extract(provider_metadata, '$.budget_tier'), quality_tier)",
    ordered="json_extract(provider_metadata, '$.timing.ordered_at')",
    created_day="substr(created_at, 1, 10)",
    aside=lambda expression: f"+{expression}",
    created_aside="+created_at",
)
_AMOUNT = "coalesce(cost_usd, estimated_cost_usd)"
_EARLIER = "json_extract(provider_metadata, '$.earlier_cost_usd')"
_FROM = "from generation_jobs where"


def usage(db: sqlite3.Connection, query: UsageQuery) -> Usage:
    """The sums of a query."""
    return _used(db, query, exact=True)


def spend(db: sqlite3.Connection, query: UsageQuery, by: Sequence[Dimension]) -> Sequence[Spend]:
    """The sums of a query for each combination of the dimensions."""
    return sums.spend_of(_groups(db, query, by), by)


def check(db: sqlite3.Connection, limit: Limit, job: GenerationJob, *, besides: str | None = None) -> None:
    """Let the job pass if it fits.

    Args:
        db: The database, in a transaction that lets nobody else write.
        limit: The limit.
        job: The row as it shall be.
        besides: Id of a row that is not counted.

    Raises:
        BudgetExceeded: It does not.
    """
    money, active = limit.max_cost_usd is not None, limit.max_active is not None
    about = _used(db, limit.over, exact=False, money=money, active=active, besides=besides)
    at_most = Usage(
        cost_usd=about.cost_usd * (1 + _SLACK) + _LEAST_SLACK_USD if about.cost_usd else about.cost_usd,
        jobs=about.jobs,
        active=about.active,
    )
    if limit.broken_by(at_most, sums.asked_usd(job, limit.over)) is not None:
        used = _used(db, limit.over, exact=True, money=money, active=active, besides=besides)
        sums.check_limit(limit, used, job)


def _used(
    db: sqlite3.Connection,
    query: UsageQuery,
    *,
    exact: bool,
    money: bool = True,
    active: bool = True,
    besides: str | None = None,
) -> Usage:
    """The sums of a query; what is not wanted is 0, because columns that no index has cost time."""
    sifted = sift(query, SQLITE)
    others = "" if besides is None else " and id <> :besides"
    running = "0" if not active else "count(*)" if query.active else f"total({ACTIVE})"

    def arm(amount: str, figures: str, which: str) -> str:
        words = "0, 1" if not money else f"{amount}, count(*)" if exact else f"total({amount}), 1"
        grouped = " group by 1" if money and exact else ""
        return f"select {words}, {figures} {_FROM} {which}{others}{grouped}"

    arms = [arm(_AMOUNT, f"count(*), {running}", which) for which in _present(sifted)]
    if money:
        arms.append(arm(_EARLIER if exact else f"max(0.0, cast({_EARLIER} as real))", "0, 0", _earlier(sifted)))
    cost, jobs, some = Decimal(0), 0, 0
    for amount, times, count, now in db.execute(" union all ".join(arms), {**sifted.values, "besides": besides}):
        cost += amount_of(amount) * times
        jobs += count
        some += int(now)
    return Usage(cost_usd=cost, jobs=jobs, active=some)


def _groups(db: sqlite3.Connection, query: UsageQuery, by: Sequence[Dimension]) -> Iterator[sums.Group]:
    sifted = sift(query, SQLITE)

    def arm(day: str, figures: str, amounts: int, which: str) -> str:
        words = "".join(f"{SQLITE.dimension(one, day)}, " for one in by)
        grouped = ", ".join(str(number + 1) for number in range(len(by) + amounts))
        return f"select {words}{figures} {_FROM} {which} group by {grouped}"

    figures = (
        "cost_usd, case when cost_usd is null then estimated_cost_usd end, "
        "count(*), sum(status = 'completed'), sum(status = 'failed')"
    )
    for which in _present(sifted):
        for row in db.execute(arm(SQLITE.order_day, figures, 2, which), sifted.values):
            yield _group(row, len(by))
    for *values, amount, count in db.execute(
        arm(SQLITE.created_day, f"{_EARLIER}, count(*)", 1, _earlier(sifted)), sifted.values
    ):
        if dollars := amount_of(amount):
            yield sums.Group(values=tuple(values), estimated_usd=dollars * count)


def _group(row: _Row, width: int) -> sums.Group:
    cost, estimate, count, completed, failed = row[width:]
    return sums.Group(
        values=row[:width],
        jobs=count,
        completed=completed,
        failed=failed,
        unpriced=count if cost is None and estimate is None else 0,
        reported_usd=amount_of(cost) * count,
        estimated_usd=amount_of(estimate) * count,
    )


def _present(sifted: Sifted) -> list[str]:
    """The conditions for rows whose present order counts, in as many parts as there are ways to find them."""
    not_late = "" if sifted.late is None else f" and {sifted.late} is not true"
    parts = [f"{sifted.rows} and {sifted.in_time}{not_late}"]
    return parts if sifted.again is None else [*parts, f"{sifted.any_rows} and {sifted.again}"]


def _earlier(sifted: Sifted) -> str:
    """The condition for rows whose earlier orders count."""
    return f"{sifted.any_rows} and {sifted.in_time} and {sifted.earlier}"
