"""What was spent, and bounds on it: the sums that are asked for, and the limits that an order has to fit.

Values only: `JobRepository` adds up and checks, `governance` says which limits there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from nexiom_sdk.moments import utc
from nexiom_sdk.types import QualityTier
from nexiom_sdk.wording import usd

MOST_COST_USD = 1_000_000  # what one video costs is less
_AMOUNT = re.compile(r"[0-9]{1,6}([.][0-9]{1,100})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageQuery:
    """Which orders to add up; an unset field means all.

    The present order of a job was made when the row was created or, after a failover or a resubmit, when that was done.
    Those before it count as made when the last one of them was: never too early, so that no budget is passed.

    Args:
        since: Only orders made at or after this moment; there is no end, so that a clock ahead of ours hides nothing.
        until: Only orders made before this moment.
        user_id: Only this user's.
        of_nobody: Only jobs without a user.
        role: Only of users who had this role.
        quality_tier: Only jobs that count to this tier.
        provider: Only of this provider.
        active: Only jobs that are not final.
    """

    since: datetime | None = None
    until: datetime | None = None
    user_id: str | None = None
    of_nobody: bool = False
    role: str | None = None
    quality_tier: QualityTier | None = None
    provider: str | None = None
    active: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Sums over orders: what each one cost, else its estimate; one that was certainly not charged counts 0.

    A row that others filed counts from when a model was chosen for it.

    Args:
        cost_usd: Money spent or promised, for earlier orders of a job too.
        jobs: Number of jobs whose present order counts.
        active: Those of them that are not final.
    """

    cost_usd: Decimal = Decimal(0)
    jobs: int = 0
    active: int = 0


Dimension: TypeAlias = Literal["day", "month", "provider", "model", "tier", "user", "role"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What jobs of one kind cost; each order of a job counts, all under the values that the row has now.

    Args:
        values: What they have in common, by dimension; None: the row has no such value. Days and months are UTC, as
            2026-11-24 and 2026-11, and those on which the order was made.
        jobs: Number of jobs whose present order counts.
        completed: Those that have a video.
        failed: Those that ended without one.
        reported_usd: What providers said their present orders cost, and 0 for those that certainly cost nothing.
        estimated_usd: Estimates, for present orders of which no provider has said what they cost; and what earlier
            orders of the jobs cost or may have cost.
        unpriced: Orders, present and earlier ones, that may cost something, and nobody knows how much.
    """

    values: Mapping[Dimension, str | None]
    jobs: int = 0
    completed: int = 0
    failed: int = 0
    reported_usd: Decimal = Decimal(0)
    estimated_usd: Decimal = Decimal(0)
    unpriced: int = 0

    @property
    def cost_usd(self) -> Decimal:
        """Money spent or promised."""
        return self.reported_usd + self.estimated_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound that holds after the new job is counted in; unset bounds are none.

    Args:
        name: What it is called in the error, such as "the budget of $10.00 a day".
        over: Which rows it adds up.
        max_cost_usd: Most money, the new job's estimate included.
        max_jobs: Most jobs.
        max_active: Most jobs at once.
        renews_at: When its next period begins; None: it has none.
    """

    name: str
    over: UsageQuery
    max_cost_usd: Decimal | None = None
    max_jobs: int | None = None
    max_active: int | None = None
    renews_at: datetime | None = None

    def broken_by(
        self, usage: Usage, estimate_usd: Decimal | None, *, unknown: str = "a clip of unknown price"
    ) -> str | None:
        """Why one more job with this estimate does not fit; None if it does.

        Args:
            usage: What is used without it.
            estimate_usd: What it would add; None: nobody knows.
            unknown: What to call it where nobody knows.

        Example:
            >>> limit = Limit(name="budget", over=UsageQuery(), max_cost_usd=Decimal(1))
            >>> limit.broken_by(Usage(cost_usd=Decimal("0.80")), Decimal("0.30"))
            'budget: $0.80 of $1.00 are used, $0.20 is left, $0.30 more does not fit'
        """
        if self._short_of_money(usage, estimate_usd):
            most = self.max_cost_usd or Decimal(0)
            left = max(most - usage.cost_usd, Decimal(0))
            more = unknown if estimate_usd is None else f"{usd(estimate_usd)} more"
            used = f"{usd(usage.cost_usd)} of {usd(most)} are used, {usd(left)} is left"
            return f"{self.name}: {used}, {more} does not fit"
        if self.max_jobs is not None and usage.jobs >= self.max_jobs:
            return f"{self.name}: {usage.jobs} of {self.max_jobs} jobs are used, none is left"
        if self.max_active is not None and usage.active >= self.max_active:
            return f"{self.name}: {usage.active} of {self.max_active} jobs are running"
        return None

    def way_out(self, usage: Usage, estimate_usd: Decimal | None) -> str:
        """What helps a job that does not fit.

        Example:
            >>> from datetime import datetime
            >>> midnight = datetime.fromisoformat("2026-11-27T00:00:00Z")
            >>> limit = Limit(name="quota", over=UsageQuery(), max_jobs=5, renews_at=midnight)
            >>> limit.way_out(Usage(jobs=5), None)
            'There is more from 2026-11-27 00:00 UTC on; until then, raise the limit.'
        """
        if not self._short_of_money(usage, estimate_usd):
            over_jobs = self.max_jobs is not None and usage.jobs >= self.max_jobs
            if not over_jobs:
                return "Wait until one of the running jobs has ended, or raise the limit."
            return "Raise the limit." if self.max_jobs == 0 else self._later("raise the limit.")
        if estimate_usd is None:
            return "Name a model whose price is known; `nexiom estimate` shows prices."
        if estimate_usd > (self.max_cost_usd or 0):
            return "It is more than the whole budget: raise the budget, or ask for a cheaper clip."
        return self._later("raise the budget, or ask for a cheaper clip.")

    def _later(self, now: str) -> str:
        if self.renews_at is None:
            return now.capitalize()
        return f"There is more from {utc(self.renews_at):%Y-%m-%d %H:%M} UTC on; until then, {now}"

    def _short_of_money(self, usage: Usage, estimate_usd: Decimal | None) -> bool:
        most = self.max_cost_usd
        if most is None or estimate_usd == 0:  # what is free fits always, even where more is spent than was allowed
            return False
        return estimate_usd is None or usage.cost_usd + estimate_usd > most


def amount_of(value: object) -> Decimal | None:
    """The dollars in a value of a row, in the form that every store reads alike; None where it says no such thing.

    Args:
        value: A number as a column has it, or a text of the metadata: digits, and a fraction if need be.

    Example:
        >>> amount_of("0.40"), amount_of("1e3"), amount_of("-1"), amount_of(Decimal("NaN")), amount_of(5)
        (Decimal('0.40'), None, None, None, None)
    """
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        value = Decimal(value)
    believable = isinstance(value, Decimal) and value.is_finite() and 0 <= value < MOST_COST_USD
    return value if believable and isinstance(value, Decimal) else None


def counted(amount: Decimal | None) -> Decimal:
    """What an amount counts that a row has: the most that can be, where nobody can read it."""
    return Decimal(MOST_COST_USD) if amount is None else amount
