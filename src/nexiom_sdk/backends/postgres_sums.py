"""What `PostgresRepository` says to PostgreSQL about money: sums, and rows that are written only within limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

from nexiom_sdk.backends import postgres_statements as sql
from nexiom_sdk.backends.rows import CLAIMABLE_SQL
from nexiom_sdk.backends.sums import asked_usd
from nexiom_sdk.backends.sums_sql import Dialect, Sifted, sift, tier_of
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.spending import MOST_COST_USD, Dimension, Limit, UsageQuery

Statement: TypeAlias = tuple[bytes, Mapping[str, object]]  # with the values to bind

POSTGRES = Dialect(
    mark="%({})s",
    stamp=utc,
    choice="provider_metadata ? 'choice'",
    role="(provider_metadata ->> 'role')",
    tier=tier_of("provider_metadata ->> 'budget_tier'"),
    ordered="((provider_metadata #>> '{timing,ordered_at}') collate \"C\")",
    earlier_at="((provider_metadata ->> 'earlier_at') collate \"C\")",
    created_day="to_char(created_at at time zone 'UTC', 'YYYY-MM-DD')",
    aside=lambda expression: f"({expression} || '')",
)
_AMOUNT = "coalesce(cost_usd, estimated_cost_usd)"
_UNREADABLE = f"({_AMOUNT} < 0 or {_AMOUNT} >= {MOST_COST_USD})"  # NaN is more than every number
_EARLIER = r"""
case when coalesce(jsonb_typeof(provider_metadata -> 'earlier_cost_usd'), 'null') = 'null' then 0
     when jsonb_typeof(provider_metadata -> 'earlier_cost_usd') = 'string'
      and provider_metadata ->> 'earlier_cost_usd' ~ '^[0-9]{1,6}([.][0-9]{1,100})?$'
     then (provider_metadata ->> 'earlier_cost_usd')::numeric end
"""  # null: nobody can read it
_EARLIER_UNPRICED = """
case when jsonb_typeof(provider_metadata -> 'earlier_unpriced') = 'number'
      and provider_metadata ->> 'earlier_unpriced' ~ '^[0-9]{1,3}$'
     then (provider_metadata ->> 'earlier_unpriced')::int else 0 end
"""

# Until the transaction ends, nobody else counts towards the same limits. What follows then sees all that was committed
# while this waited: in this isolation only, whatever the database's default is.
_LOCK = "set transaction isolation level read committed; select {locks};"


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

    statement = f"""
select {"".join(f"{name}, " for name in names)}
       sum(job) as jobs, sum(completed) as completed, sum(failed) as failed, sum(unpriced) as unpriced,
       coalesce(sum(reported), 0) as reported_usd, coalesce(sum(estimated), 0) as estimated_usd
  from (select {values(POSTGRES.order_day)}
               1 as job, (status = 'completed')::int as completed, (status = 'failed')::int as failed,
               ({_AMOUNT} is null or {_UNREADABLE})::int as unpriced,
               case when not {_UNREADABLE} then cost_usd end as reported,
               case when cost_usd is null and not {_UNREADABLE} then estimated_cost_usd end as estimated
          {_from(sifted)} and {sifted.present}
        union all
        select {values(POSTGRES.earlier_day)} 0, 0, 0, unpriced + (earlier is null)::int, null, earlier
          from (select *, {_EARLIER} as earlier, {_EARLIER_UNPRICED} as unpriced
                {_from(sifted)} and {sifted.earlier}) again
         where earlier is null or earlier > 0 or unpriced > 0) orders
 {f"group by {', '.join(names)}" if names else "having count(*) > 0"}
"""
    return statement.encode(), sifted.values


def added(row: Mapping[str, object], job: GenerationJob, limits: Sequence[Limit]) -> Statement:
    """Insert a row if every limit holds, after locks that nobody else passes meanwhile: in one message."""
    return _within(sql.ADD_IF, row, job, limits)


def admitted(row: Mapping[str, object], job: GenerationJob, limits: Sequence[Limit]) -> Statement:
    """Write an order into a row if every limit holds without it, after the same locks."""
    return _within(sql.ADMIT_IF, row, job, limits)


def used(limit: Limit, job_id: str) -> Statement:
    """One row with the sums that a limit bounds, without the job itself."""
    values: dict[str, object] = {"id": job_id}
    return f"select {_bounded(limit, values, 0)}".encode(), values


def _within(write: str, row: Mapping[str, object], job: GenerationJob, limits: Sequence[Limit]) -> Statement:
    values: dict[str, object] = dict(row)
    conditions: list[str] = []
    for number, limit in enumerate(limits):
        room: list[str] = []
        asked = asked_usd(job, limit.over)
        if limit.max_cost_usd is not None and asked is None:
            room.append("false")
        elif limit.max_cost_usd is not None and asked:
            values[f"room_{number}"] = limit.max_cost_usd - asked
            room.append(f"cost_usd <= %(room_{number})s")
        for column, most in (("jobs", limit.max_jobs), ("active", limit.max_active)):
            if most is not None:
                values[f"{column}_{number}"] = most
                room.append(f"{column} < %({column}_{number})s")
        if room:
            sums = _bounded(limit, values, number)
            conditions.append(f"(select {' and '.join(room)} from (select {sums}) used)")
    locks = ", ".join(f"pg_advisory_xact_lock({key})" for key in sorted({lock_of(limit) for limit in limits}))
    return (_LOCK.format(locks=locks) + write.format(room=" and ".join(conditions) or "true")).encode(), values


def _bounded(limit: Limit, values: dict[str, object], number: int) -> str:
    """The sums that a limit bounds, over all rows but the one at hand."""
    sifted = sift(limit.over, POSTGRES, tag=f"_{number}")
    values |= sifted.values
    wanted = _Wanted(money=limit.max_cost_usd is not None, active=limit.max_active is not None)
    return f"{_sums(limit.over, sifted, wanted)} {_from(sifted, ' and id <> %(id)s')}"


def lock_of(limit: Limit) -> int:
    """Limits over the same rows have the same lock, whatever their time; all take them in the order of their numbers.

    Example:
        >>> day, month = (Limit(name=one, over=UsageQuery(user_id="u1")) for one in ("day", "month"))
        >>> lock_of(day) == lock_of(month) != lock_of(Limit(name="all", over=UsageQuery()))
        True
    """
    over = limit.over
    which = ("nexiom", over.user_id, over.of_nobody, over.role, over.quality_tier, over.provider, over.active)
    return int.from_bytes(blake2b(repr(which).encode("utf-8", "replace"), digest_size=8).digest(), signed=True)


def _sums(query: UsageQuery, sifted: Sifted, wanted: _Wanted) -> str:
    # Only where a row may have been found for other orders than its present one, they are told apart.
    told_apart = sifted.late is not None or sifted.earlier_again is not None
    only = f" filter (where {sifted.present})" if told_apart else ""
    active = f"{CLAIMABLE_SQL} and {sifted.present}" if told_apart else CLAIMABLE_SQL
    cost = f"""
coalesce(sum(case when {_UNREADABLE} then {MOST_COST_USD} else {_AMOUNT} end){only}, 0)
 + coalesce(sum(coalesce({_EARLIER}, {MOST_COST_USD})) filter (where {sifted.earlier}), 0)"""
    running = f"count(*){only}" if query.active else f"count(*) filter (where {active})"
    return (
        f"{cost if wanted.money else '0::numeric'} as cost_usd, count(*){only} as jobs, "
        f"{running if wanted.active else '0::bigint'} as active"
    )


def _from(sifted: Sifted, besides: str = "") -> str:
    """The rows of a query.

    Two indexes are read together where that is quick. It would look at the metadata of each row again, so where that is
    what the rows were found by, they come in two parts.
    """
    table = "public.generation_jobs where"
    if sifted.again is None or sifted.earlier_again is None:
        return f"from {table} {sifted.rows} and {sifted.in_time}{besides}"
    if not sifted.derived:
        found = f"({sifted.in_time} or {sifted.again} or {sifted.earlier_again})"
        return f"from {table} {sifted.rows} and {found}{besides}"
    parts = (
        f"{sifted.rows} and {sifted.in_time}{besides}",
        f"{sifted.any_rows} and {sifted.again}{besides}",
        f"{sifted.any_rows} and {sifted.earlier_again} and ({sifted.again}) is not true{besides}",
    )
    return f"from ({' union all '.join(f'select * from {table} {part}' for part in parts)}) found where true"
