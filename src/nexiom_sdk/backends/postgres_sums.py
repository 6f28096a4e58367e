"""What `PostgresRepository` says to PostgreSQL about money: sums, and rows that are written only within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nexiom_sdk.backends import postgres_statements as sql
from nexiom_sdk.backends.sums import asked_usd
from nexiom_sdk.backends.sums_sql import ACTIVE, Dialect, Sifted, sift
from nexiom_sdk.jobs import Dimension, GenerationJob, Limit, UsageQuery, utc

Statement: TypeAlias = tuple[bytes, Mapping[str, object]]  # with the values to bind

POSTGRES = Dialect(
    mark="%({})s",
    stamp=utc,
    choice="provider_metadata ? 'choice'",
    role="(provider_metadata ->> 'role')",
    tier="coalesce(provider_metadata ->> 'budget_tier', quality_tier)",
    ordered="((provider_metadata #>> '{timing,ordered_at}') collate \"C\")",
    created_day="to_char(created_at at time zone 'UTC', 'YYYY-MM-DD')",
)
_EARLIER = r"""
case when provider_metadata ->> 'earlier_cost_usd' ~ '^[0-9]+([.][0-9]*)?([eE][-+]?[0-9]{1,2})?$'
     then (provider_metadata ->> 'earlier_cost_usd')::numeric else 0 end
"""

# Until the transaction ends, nobody else counts towards the same limits: everybody takes locks in the same order. The
# statement after it sees what was committed while it waited, in this isolation only, whatever the database's default.
_LOCK = """
set transaction isolation level read committed;
select pg_advisory_xact_lock(key)
  from (select distinct hashtextextended(name, 0) as key from unnest(%(locks)s::text[]) name order by key) ordered;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Which sums a limit needs; the others are not worth their time."""

    money: bool = True
    active: bool = True


def usage(query: UsageQuery) -> Statement:
    """One row with the sums of a query."""
    sifted = sift(query, POSTGRES)
    return f"select {_sums(query, sifted, _Wanted())} {_from(sifted)}".encode(), sifted.values


def spend(query: UsageQuery, by: Sequence[Dimension]) -> Statement:
    """A row of sums for each combination of the dimensions, whose columns are called value0, value1 and so on."""
    sifted = sift(query, POSTGRES)
    names = [f"value{index}" for index in range(len(by))]

    def values(day: str) -> str:
        return "".join(f"{POSTGRES.dimension(one, day)} as {name}, " for one, name in zip(by, names, strict=True))

    present = "" if sifted.late is None else f" and {sifted.late} is not true"
    statement = f"""
select {"".join(f"{name}, " for name in names)}
       sum(job) as jobs, sum(completed) as completed, sum(failed) as failed, sum(unpriced) as unpriced,
       coalesce(sum(reported), 0) as reported_usd, coalesce(sum(estimated), 0) as estimated_usd
  from (select {values(POSTGRES.order_day)}
               1 as job, (status = 'completed')::int as completed, (status = 'failed')::int as failed,
               (coalesce(cost_usd, estimated_cost_usd) is null)::int as unpriced,
               cost_usd as reported, case when cost_usd is null then estimated_cost_usd end as estimated
          {_from(sifted)}{present}
        union all
        select {values(POSTGRES.created_day)} 0, 0, 0, 0, null, earlier
          from (select *, {_EARLIER} as earlier {_from(sifted)} and {sifted.earlier}) again where earlier > 0) orders
 {f"group by {', '.join(names)}" if names else "having count(*) > 0"}
"""
    return statement.encode(), sifted.values


def added(row: Mapping[str, object], job: GenerationJob, limits: Sequence[Limit]) -> Statement:
    """Insert a row if every limit holds; see `_within` for what comes back."""
    return _within(sql.ADD_IF, row, job, limits, besides="")


def admitted(row: Mapping[str, object], job: GenerationJob, limits: Sequence[Limit]) -> Statement:
    """Write an order into a row if every limit holds; see `_within` for what comes back."""
    return _within(sql.ADMIT_IF, row, job, limits, besides=" and id <> %(id)s")


def _within(
    write: str, row: Mapping[str, object], job: GenerationJob, limits: Sequence[Limit], besides: str
) -> Statement:
    """One message to the server: locks, then a statement that gives the sums of each limit and whether it wrote.

    Args:
        write: The writing statement, which looks at `broken`.
        row: Its values.
        job: The row as it shall be.
        limits: The limits, at least one.
        besides: A condition that leaves the row itself out of the sums.
    """
    values: dict[str, object] = {**row, "locks": [lock_of(limit) for limit in limits]}
    sums: list[str] = []
    broken: list[str] = []
    for number, limit in enumerate(limits):
        sifted = sift(limit.over, POSTGRES, tag=f"_{number}")
        wanted = _Wanted(money=limit.max_cost_usd is not None, active=limit.max_active is not None)
        sums.append(f"select {number} as number, {_sums(limit.over, sifted, wanted)} {_from(sifted)}{besides}")
        values |= sifted.values
        too_much: list[str] = []
        if limit.max_cost_usd is not None:
            asked = asked_usd(job, limit.over)
            values[f"room_{number}"] = None if asked is None else limit.max_cost_usd - asked
            too_much.append("true" if asked is None else f"cost_usd > %(room_{number})s")
        for column, most in (("jobs", limit.max_jobs), ("active", limit.max_active)):
            if most is not None:
                values[f"{column}_{number}"] = most
                too_much.append(f"{column} >= %({column}_{number})s")
        if too_much:
            broken.append(f"number = {number} and ({' or '.join(too_much)})")
    statement = f"""{_LOCK}
with used as materialized ({" union all ".join(sums)}),
     broken as (select from used where {" or ".join(broken) or "false"}),
     written as ({write})
select used.*, exists (select from written) as written from used order by number
"""
    return statement.encode(), values


def lock_of(limit: Limit) -> str:
    """Limits over the same rows have the same lock, whatever their time.

    Example:
        >>> day, month = (Limit(name=one, over=UsageQuery(user_id="u1")) for one in ("day", "month"))
        >>> lock_of(day) == lock_of(month) != lock_of(Limit(name="all", over=UsageQuery()))
        True
    """
    over = limit.over
    names = (over.user_id, over.role, over.quality_tier, over.provider)
    return "\x1f".join(("nexiom", *(name or "" for name in names), str(over.of_nobody), str(over.active)))


def _sums(query: UsageQuery, sifted: Sifted, wanted: _Wanted) -> str:
    counted = "" if sifted.late is None else f" filter (where {sifted.late} is not true)"
    active = ACTIVE if sifted.late is None else f"{ACTIVE} and {sifted.late} is not true"
    cost = f"""
coalesce(sum(coalesce(cost_usd, estimated_cost_usd)){counted}, 0)
 + coalesce(sum({_EARLIER}) filter (where {sifted.earlier}), 0)"""
    running = f"count(*){counted}" if query.active else f"count(*) filter (where {active})"
    return (
        f"{cost if wanted.money else '0::numeric'} as cost_usd, count(*){counted} as jobs, "
        f"{running if wanted.active else '0::bigint'} as active"
    )


def _from(sifted: Sifted) -> str:
    time = sifted.in_time if sifted.again is None else f"({sifted.in_time} or ({sifted.again}))"
    return f"from public.generation_jobs where {sifted.rows} and {time}"
