"""Who may use which tier and what may be spent, as data; and the bounds that follow for one job.

The repository checks the bounds in the transaction that inserts the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nexiom_sdk.moments import utc
from nexiom_sdk.policy_parts import PolicyPart
from nexiom_sdk.spending import Limit, UsageQuery
from nexiom_sdk.types import QualityTier
from nexiom_sdk.wording import usd

_LONGEST_MONTH_DAYS = 31
_Count = Annotated[int, Field(ge=0, strict=True)]


class Budget(PolicyPart):
    """A bound on what may be spent or run.

    Args:
        name: What it is called in errors; made from the rest where it is empty.
        per: Over a UTC day or month; None: over jobs that run at the same time.
        each: user: every user has this much; None: all together.
        role: Only jobs of users with this role.
        tier: Only jobs of this tier.
        max_usd: Most money.
        max_jobs: Most jobs.
        max_active: Most jobs at the same time.
    """

    name: str = ""
    per: Literal["day", "month"] | None = None
    each: Literal["user"] | None = None
    role: str | None = None
    tier: QualityTier | None = None
    max_usd: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None = None
    max_jobs: _Count | None = None
    max_active: _Count | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        over_time = self.max_usd is not None or self.max_jobs is not None
        if not over_time and self.max_active is None:
            msg = "It bounds nothing: it needs max_usd, max_jobs or max_active."
            raise ValueError(msg)
        if over_time and self.per is None:
            msg = "It needs per: day or month."
            raise ValueError(msg)
        if self.max_active is not None and (over_time or self.per is not None):
            msg = "max_active is about this moment: give it a budget of its own, without per."
            raise ValueError(msg)
        if self.role is not None and not self.role.strip():
            msg = "Its role has no name: leave it out where the budget is for all roles."
            raise ValueError(msg)
        return self

    @property
    def title(self) -> str:
        """Its name, or what it is."""
        if self.name:
            return self.name
        what = " and ".join(self._bounds())
        whom = " for each user" if self.each else ""
        role = f" with the role {self.role}" if self.role else ""
        tier = f" in the tier {self.tier}" if self.tier else ""
        return f"{what}{f' a {self.per}' if self.per else ''}{whom}{role}{tier}"

    def _bounds(self) -> Iterator[str]:
        if self.max_usd is not None:
            yield f"the budget of {usd(self.max_usd)}"
        if self.max_jobs is not None:
            yield f"the limit of {_jobs(self.max_jobs)}"
        if self.max_active is not None:
            yield f"the limit of {_jobs(self.max_active)} at once"


class Governance(PolicyPart):
    """Who may do what, and for how much.

    Args:
        default_role: The role of users who have none.
        users: Role by user id, for services that name no role when they submit.
        tiers: The roles that may use a tier; a tier that is not named is for everybody.
        budgets: Bounds on money and jobs; all of them hold.
    """

    default_role: Annotated[str, Field(min_length=1)] = "user"
    users: Mapping[str, str] = Field(default_factory=dict)
    tiers: Mapping[QualityTier, tuple[str, ...]] = Field(default_factory=dict[QualityTier, tuple[str, ...]])
    budgets: tuple[Budget, ...] = ()

    def role_of(self, user_id: str | None, role: str | None = None) -> str:
        """The role of a user: the one given, else the one the policy gives, else the default."""
        return role or self.users.get(user_id or "") or self.default_role

    def may_use(self, role: str, tier: QualityTier) -> bool:
        """Whether a role may use a tier."""
        return tier not in self.tiers or role in self.tiers[tier]

    def limits(self, *, user_id: str | None, role: str, tier: QualityTier | None, now: datetime) -> tuple[Limit, ...]:
        """The bounds that hold for one more job.

        Args:
            user_id: Whose job it is; jobs of nobody count as those of one user.
            role: The user's role.
            tier: The tier that the job counts to.
            now: The present moment.
        """
        return tuple(
            Limit(
                name=budget.title,
                over=UsageQuery(
                    since=begin_of(budget.per, now) if budget.per else None,
                    user_id=user_id if budget.each else None,
                    of_nobody=bool(budget.each) and user_id is None,
                    role=budget.role,
                    quality_tier=budget.tier,
                    active=budget.max_active is not None,
                ),
                max_cost_usd=budget.max_usd,
                max_jobs=budget.max_jobs,
                max_active=budget.max_active,
                renews_at=end_of(budget.per, now) if budget.per else None,
            )
            for budget in self.budgets
            if budget.role in {None, role} and budget.tier in {None, tier}
        )


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


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
    return Limit(
        name=f"the budget of {usd(budget_usd)} a day (NEXIOM_BUDGET_USD_PER_DAY)",
        over=UsageQuery(since=begin_of("day", now)),
        max_cost_usd=budget_usd,
        renews_at=end_of("day", now),
    )


def begin_of(span: Literal["day", "month"], moment: datetime) -> datetime:
    """When the UTC day or month of a moment began.

    Example:
        >>> from datetime import UTC
        >>> str(begin_of("month", datetime(2026, 11, 24, 15, 30, tzinfo=UTC)))
        '2026-11-01 00:00:00+00:00'
    """
    midnight = utc(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.replace(day=1) if span == "month" else midnight


def end_of(span: Literal["day", "month"], moment: datetime) -> datetime:
    """When the UTC day or month of a moment ends, and the next one begins.

    Example:
        >>> from datetime import UTC
        >>> str(end_of("month", datetime(2026, 12, 24, 15, 30, tzinfo=UTC)))
        '2027-01-01 00:00:00+00:00'
    """
    begin = begin_of(span, moment)
    longest = timedelta(days=_LONGEST_MONTH_DAYS) if span == "month" else timedelta(days=1)
    return begin_of(span, begin + longest)
