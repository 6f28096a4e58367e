"""How orders count in sums, for every store: which ones, under which values, and what a limit says about them.

A row stands for its present order and for those before it. The present order was made when the row was created or,
where there were others before it, at the moment in its timing; all the others count as made when the row was created.
That moment is compared as text: it is UTC in ISO form, which compares as time does, and a database can have an index on
it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.jobs import CLAIMABLE, Dimension, GenerationJob, JobStatus, Limit, Spend, Usage, UsageQuery, utc

Values: TypeAlias = tuple[str | None, ...]


def moment_text(moment: datetime) -> str:
    """A moment as `timing` in a row's metadata has it.

    Example:
        >>> moment_text(datetime.fromisoformat("2026-11-24T13:00:00+01:00"))
        '2026-11-24T12:00:00+00:00'
    """
    return utc(moment).isoformat()


def asked_usd(job: GenerationJob, over: UsageQuery) -> Decimal | None:
    """What a job would add to a sum; None where its price is not known.

    Args:
        job: The row as it shall be.
        over: What is summed.
    """
    if job.estimated_cost_usd is None:
        return None
    earlier_count = job.order_no > 0 and (over.since is None or utc(job.created_at) >= utc(over.since))
    return job.estimated_cost_usd + (job.earlier_cost_usd if earlier_count else 0)


def check_limit(limit: Limit, usage: Usage, job: GenerationJob) -> None:
    """Let the job pass if it fits.

    Raises:
        BudgetExceeded: It does not.
    """
    asked = asked_usd(job, limit.over)
    reason = limit.broken_by(usage, asked)
    if reason is not None:
        msg = f"Nothing was ordered. Over a limit: {reason}."
        raise BudgetExceeded(msg, next_step=limit.way_out(usage, asked), job_id=job.id)


@dataclass(slots=True, kw_only=True)
class Group:
    """Orders that are counted together.

    Args:
        values: What they have in common, in the order of the dimensions asked for.
    """

    values: Values = ()
    jobs: int = 0
    active: int = 0
    completed: int = 0
    failed: int = 0
    unpriced: int = 0
    reported_usd: Decimal = field(default=Decimal(0))
    estimated_usd: Decimal = field(default=Decimal(0))

    def take(self, other: Group) -> None:
        """Count the orders of another group in."""
        self.jobs += other.jobs
        self.active += other.active
        self.completed += other.completed
        self.failed += other.failed
        self.unpriced += other.unpriced
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
    return Usage(cost_usd=total.reported_usd + total.estimated_usd, jobs=total.jobs, active=total.active)


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
            unpriced=total.unpriced,
        )
        for values, total in sorted(
            totals.items(), key=lambda one: [(value is not None, value or "") for value in one[0]]
        )
    ]


def groups_of(job: GenerationJob, query: UsageQuery, by: Sequence[Dimension] = ()) -> Iterable[Group]:
    """What one row adds to a sum: its present order, and those before it, as far as the query is about them."""
    if not _fits(job, query):
        return
    made, again = utc(job.created_at), _ordered_again(job)
    in_time = (query.since is None or made >= utc(query.since)) and (query.until is None or made < utc(query.until))
    earlier_usd = job.earlier_cost_usd if job.order_no > 0 else Decimal(0)
    if in_time and earlier_usd:
        yield Group(values=_values(job, by, f"{made:%Y-%m-%d}"), estimated_usd=earlier_usd)
    late_enough = query.since is None or made >= utc(query.since) or again >= moment_text(query.since)
    early_enough = query.until is None or (made < utc(query.until) and again < moment_text(query.until))
    if late_enough and early_enough:
        reported, estimated = job.cost_usd, None if job.cost_usd is not None else job.estimated_cost_usd
        yield Group(
            values=_values(job, by, max(f"{made:%Y-%m-%d}", again[: len("2026-11-24")])),
            jobs=1,
            active=job.phase in CLAIMABLE,
            completed=job.status == JobStatus.COMPLETED,
            failed=job.status == JobStatus.FAILED,
            unpriced=reported is None and estimated is None,
            reported_usd=reported or Decimal(0),
            estimated_usd=estimated or Decimal(0),
        )


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


def _ordered_again(job: GenerationJob) -> str:
    """The stamp of an order that was not the job's first; an empty text, before every moment, for a first one."""
    timing = job.provider_metadata.get("timing") if job.order_no > 0 else None
    stamp = timing.get("ordered_at") if isinstance(timing, dict) else None
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
