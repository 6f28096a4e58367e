"""How orders count in sums, for every store: which ones, under which values, and what a limit says about them.

A row stands for its present order and for those before it. The present order was made when the row was created or,
where there were others before it, at the moment in its timing; all the others count as made when the last one of them
was, which is `earlier_at` in the metadata, but not before the row was created. These moments are compared as text: they
are UTC in ISO form, which compares as time does, and a database can have an index on them.

Amounts that nobody can read, because somebody changed the row, count as the most that can be where a budget is asked
for, so that it closes; where it is told what was spent, they are in no sum, and their orders are told as unpriced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import CLAIMABLE, JobStatus
from nexiom_sdk.spending import MOST_COST_USD, Dimension, Limit, Spend, Usage, UsageQuery, amount_of, counted

Values: TypeAlias = tuple[str | None, ...]


def moment_text(moment: datetime) -> str:
    """A moment as `timing` in a row's metadata has it.

    Example:
        >>> moment_text(datetime.fromisoformat("2026-11-24T13:00:00+01:00"))
        '2026-11-24T12:00:00+00:00'
    """
    return utc(moment).isoformat()


def asked_usd(job: GenerationJob, over: UsageQuery) -> Decimal | None:
    """What a job would add to a sum; None where its price is not known, as with options of a provider.

    Args:
        job: The row as it shall be.
        over: What is summed.
    """
    if job.estimated_cost_usd is None or _has_options(job):
        return None
    earlier_count = job.order_no > 0 and _made(job, _stamp_of(job, "earlier_at"), UsageQuery(since=over.since))
    return counted(amount_of(job.estimated_cost_usd)) + (job.earlier_cost_usd if earlier_count else 0)


def check_limit(limit: Limit, usage: Usage, job: GenerationJob) -> None:
    """Let the job pass if it fits.

    Raises:
        BudgetExceeded: It does not.
    """
    asked = asked_usd(job, limit.over)
    options = f"a clip with options for {job.provider}, of which what its options cost is not known,"
    reason = limit.broken_by(usage, asked, **({"unknown": options} if _has_options(job) else {}))
    if reason is not None:
        way_out = limit.way_out(usage, asked)
        if _has_options(job) and limit.max_cost_usd is not None:
            way_out = f"Leave out the options for {job.provider}: under a budget only what has a price can be ordered."
        msg = f"Nothing was ordered. Over a limit: {reason}."
        raise BudgetExceeded(msg, next_step=way_out, job_id=job.id)


def _has_options(job: GenerationJob) -> bool:
    return job.provider is not None and bool(job.request.options.get(job.provider))


@dataclass(slots=True, kw_only=True)
class Group:
    """Orders that are counted together.

    Args:
        values: What they have in common, in the order of the dimensions asked for.
        unpriced: Those of which nobody knows what they cost.
        unreadable: Amounts that nobody can read.
    """

    values: Values = ()
    jobs: int = 0
    active: int = 0
    completed: int = 0
    failed: int = 0
    unpriced: int = 0
    unreadable: int = 0
    reported_usd: Decimal = field(default=Decimal(0))
    estimated_usd: Decimal = field(default=Decimal(0))

    def take(self, other: Group) -> None:
        """Count the orders of another group in."""
        self.jobs += other.jobs
        self.active += other.active
        self.completed += other.completed
        self.failed += other.failed
        self.unpriced += other.unpriced
        self.unreadable += other.unreadable
        self.reported_usd += other.reported_usd
        self.estimated_usd += other.estimated_usd


def usage_of(groups: Iterable[Group]) -> Usage:
    """The sum over all groups.

    Example:
        >>> usage_of([Group(jobs=2, active=1, reported_usd=Decimal("0.30")), Group(estimated_usd=Decimal("0.10"))])
        Usage(cost_usd=Decimal('0.40'), jobs=2, active=1)
    """
    total = Group()
    for group in groups:
        total.take(group)
    cost = total.reported_usd + total.estimated_usd + total.unreadable * MOST_COST_USD
    return Usage(cost_usd=cost, jobs=total.jobs, active=total.active)


def spend_of(groups: Iterable[Group], by: Sequence[Dimension]) -> list[Spend]:
    """One sum for each combination of values, in their order, unset ones first.

    Args:
        groups: Any number of groups with the same values.
        by: The dimensions that the values are of.
    """
    totals: defaultdict[Values, Group] = defaultdict(Group)
    for group in groups:
        totals[group.values].take(group)
    return [
        Spend(
            values=dict(zip(by, values, strict=True)),
            jobs=total.jobs,
            completed=total.completed,
            failed=total.failed,
            reported_usd=total.reported_usd,
            estimated_usd=total.estimated_usd,
            unpriced=total.unpriced + total.unreadable,
        )
        for values, total in sorted(
            totals.items(), key=lambda one: [(value is not None, value or "") for value in one[0]]
        )
    ]


def groups_of(job: GenerationJob, query: UsageQuery, by: Sequence[Dimension] = ()) -> Iterable[Group]:
    """What one row adds to a sum: its present order, and those before it, as far as the query is about them."""
    if not _fits(job, query):
        return
    earlier, again = (_stamp_of(job, name) if job.order_no > 0 else "" for name in ("earlier_at", "ordered_at"))
    if job.order_no > 0 and _made(job, earlier, query):
        stored = job.provider_metadata.get("earlier_cost_usd")
        amounts = () if stored is None else (amount_of(stored),)
        group = Group(values=_values(job, by, _day(job, earlier)), unpriced=job.earlier_unpriced)
        group.take(_amounts((), amounts))
        if group != Group(values=group.values):
            yield group
    if _made(job, again, query):
        reported, estimated = job.cost_usd, None if job.cost_usd is not None else job.estimated_cost_usd
        group = Group(
            values=_values(job, by, _day(job, again)),
            jobs=1,
            active=job.phase in CLAIMABLE,
            completed=job.status == JobStatus.COMPLETED,
            failed=job.status == JobStatus.FAILED,
            unpriced=reported is None and estimated is None,
        )
        group.take(_amounts(*(() if one is None else (amount_of(one),) for one in (reported, estimated))))
        yield group


def _amounts(reported: Sequence[Decimal | None], estimated: Sequence[Decimal | None]) -> Group:
    """Amounts that rows have; None for one that nobody can read."""
    return Group(
        unreadable=[*reported, *estimated].count(None),
        reported_usd=sum((one for one in reported if one), Decimal(0)),
        estimated_usd=sum((one for one in estimated if one), Decimal(0)),
    )


def _made(job: GenerationJob, stamp: str, query: UsageQuery) -> bool:
    """Whether orders count within the time: they were made when the row was or, if it is later, at the stamp."""
    row = utc(job.created_at)
    late_enough = query.since is None or row >= utc(query.since) or stamp >= moment_text(query.since)
    return late_enough and (query.until is None or (row < utc(query.until) and stamp < moment_text(query.until)))


def _day(job: GenerationJob, stamp: str) -> str:
    return max(f"{utc(job.created_at):%Y-%m-%d}", stamp[: len("2026-11-24")])


def _fits(job: GenerationJob, query: UsageQuery) -> bool:
    return (
        job.is_order
        and query.user_id in {None, job.user_id}
        and not (query.of_nobody and job.user_id is not None)
        and query.role in {None, job.role}
        and query.quality_tier in {None, job.budget_tier}
        and query.provider in {None, job.provider}
        and (not query.active or job.phase in CLAIMABLE)
    )


def _stamp_of(job: GenerationJob, name: str) -> str:
    """A moment in the metadata; an empty text, before every moment, where there is none."""
    timing = job.provider_metadata.get("timing")
    holder = job.provider_metadata if name == "earlier_at" else timing
    stamp = holder.get(name) if isinstance(holder, Mapping) else None
    return stamp if isinstance(stamp, str) else ""


def _values(job: GenerationJob, by: Sequence[Dimension], day: str) -> Values:
    values: dict[Dimension, str | None] = {
        "day": day,
        "month": day[: len("2026-11")],
        "provider": job.provider,
        "model": job.model,
        "tier": job.budget_tier,
        "user": job.user_id,
        "role": job.role,
    }
    return tuple(values[one] for one in by)
