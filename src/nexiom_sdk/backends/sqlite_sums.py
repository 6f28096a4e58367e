"""Sums over the rows of a SQLite file, to the last digit: equal amounts make a group, and groups are added as decimals.

SQLite itself adds in binary fractions. Whether one more job fits is therefore asked in two steps: a quick sum that is
right to nine digits says in nearly all cases that it certainly does; only near the bound the exact sum is asked.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from nexiom_sdk.backends import sums
from nexiom_sdk.backends.rows import CLAIMABLE_SQL
from nexiom_sdk.backends.sums_sql import Dialect, Sifted, sift, tier_of
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.spending import MOST_COST_USD, Dimension, Limit, Spend, Usage, UsageQuery, amount_of, counted

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
    tier=tier_of("json_extract(provider_metadata, '$.budget_tier')"),
    ordered="json_extract(provider_metadata, '$.timing.ordered_at')",
    earlier_at="json_extract(provider_metadata, '$.earlier_at')",
    created_day="substr(created_at, 1, 10)",
    aside=lambda expression: f"+{expression}",
    created_aside="+created_at",
)
_AMOUNT = "coalesce(cost_usd, estimated_cost_usd)"
# Beside a REAL, a text that is no number stays a text, which is more than every number.
_READABLE = f"case when {_AMOUNT} between cast(0 as real) and cast({MOST_COST_USD} as real) then {_AMOUNT}"
_ABOUT = f"total({_READABLE} when {_AMOUNT} is not null then {MOST_COST_USD} end)"
_EARLIER = """
case when coalesce(json_type(provider_metadata, '$.earlier_cost_usd'), 'null') = 'null' then null
     when json_type(provider_metadata, '$.earlier_cost_usd') <> 'text' then ''
     else json_extract(provider_metadata, '$.earlier_cost_usd') end"""
_EARLIER_UNPRICED = """
case when json_type(provider_metadata, '$.earlier_unpriced') = 'integer'
      and json_extract(provider_metadata, '$.earlier_unpriced') between 0 and 999
     then json_extract(provider_metadata, '$.earlier_unpriced') else 0 end"""
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
    running = "0" if not active else "count(*)" if query.active else f"total({CLAIMABLE_SQL})"

    def arm(amount: str, figures: str, which: str) -> str:
        return f"select {amount}, {figures} {_FROM} {which}{others}"

    amount = "null, 1" if not money else f"{_AMOUNT}, count(*)" if exact else f"{_ABOUT}, 1"
    grouped = " group by 1" if money and exact else ""
    arms = [f"{arm(amount, f'count(*), {running}', which)}{grouped}" for which in _present(sifted)]
    if money:  # few rows have earlier orders
        arms += [f"{arm(f'{_EARLIER}, count(*)', 'null, 0', which)} group by 1" for which in _earlier(sifted)]
    cost, jobs, some = Decimal(0), 0, 0
    for amount, times, count, now in db.execute(" union all ".join(arms), {**sifted.values, "besides": besides}):
        if count is None:
            cost += 0 if amount is None else counted(amount_of(amount)) * times
        else:
            cost += Decimal(amount) if isinstance(amount, float) else counted(_amount(amount)) * times
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
    for which in _earlier(sifted):
        told = db.execute(
            arm(SQLITE.earlier_day, f"{_EARLIER}, {_EARLIER_UNPRICED}, count(*)", 2, which), sifted.values
        )
        for *values, amount, unpriced, count in told:
            dollars = Decimal(0) if amount is None else amount_of(amount)
            if dollars != 0 or unpriced:
                yield sums.Group(
                    values=tuple(values),
                    unpriced=unpriced * count,
                    unreadable=count if dollars is None else 0,
                    estimated_usd=(dollars or Decimal(0)) * count,
                )


def _group(row: _Row, width: int) -> sums.Group:
    cost, estimate, count, completed, failed = row[width:]
    reported, estimated = _amount(cost), _amount(estimate)
    return sums.Group(
        values=row[:width],
        jobs=count,
        completed=completed,
        failed=failed,
        unpriced=count if cost is None and estimate is None else 0,
        unreadable=count if reported is None or estimated is None else 0,
        reported_usd=(reported or Decimal(0)) * count,
        estimated_usd=(estimated or Decimal(0)) * count,
    )


def _amount(value: object) -> Decimal | None:
    """What a column of money says; nothing is 0, and None stands for what nobody can read."""
    if value is None:
        return Decimal(0)
    try:
        return amount_of(Decimal(str(value)))
    except InvalidOperation:
        return None


def _present(sifted: Sifted) -> list[str]:
    """The conditions for rows whose present order counts, in as many parts as there are ways to find them."""
    not_late = "" if sifted.late is None else f" and {sifted.late} is not true"
    parts = [f"{sifted.rows} and {sifted.in_time}{not_late}"]
    return parts if sifted.again is None else [*parts, f"{sifted.any_rows} and {sifted.again}"]


def _earlier(sifted: Sifted) -> list[str]:
    """The conditions for rows whose earlier orders count, in the same way."""
    not_late = "" if sifted.earlier_late is None else f" and {sifted.earlier_late} is not true"
    parts = [f"{sifted.any_rows} and {sifted.in_time} and order_no > 0{not_late}"]
    return parts if sifted.earlier_again is None else [*parts, f"{sifted.any_rows} and {sifted.earlier_again}"]
