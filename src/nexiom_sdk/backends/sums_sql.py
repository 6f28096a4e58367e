"""What a sum is over, as conditions in SQL: the same for every database but for a few words of its own.

Values are bound by name; only words of ours are put into the text. `sums` says in Python what these conditions mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nexiom_sdk.backends.rows import CLAIMABLE_SQL
from nexiom_sdk.backends.sums import moment_text
from nexiom_sdk.spending import Dimension, UsageQuery
from nexiom_sdk.types import QUALITY_TIERS


def tier_of(budget_tier: str) -> str:
    """The tier that a row counts to, as the index has it; what is no tier counts for nothing.

    Example:
        >>> tier_of("x").endswith(" then x end, quality_tier)")
        True
    """
    tiers = ", ".join(f"'{tier}'" for tier in QUALITY_TIERS)
    return f"coalesce(case when {budget_tier} in ({tiers}) then {budget_tier} end, quality_tier)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The words of one database.

    Args:
        mark: How a value is named in the text, such as `:{}`.
        stamp: A moment as the column `created_at` has it.
        choice: Whether a model was chosen for a row.
        role: The role of a row's user.
        tier: The tier that a row counts to.
        ordered: When the present order of a row was made, as `moment_text` writes it; only where `order_no` > 0.
        earlier_at: When the last one of the orders before it was made, in the same way.
        created_day: The UTC day on which a row was created.
        aside: Writes an expression in such a way that no index is used for it.
        created_aside: The column `created_at`, written in such a way, where that is needed.
    """

    mark: str
    stamp: Callable[[datetime], object]
    choice: str
    role: str
    tier: str
    ordered: str
    earlier_at: str
    created_day: str
    aside: Callable[[str], str]
    created_aside: str = "created_at"

    def dimension(self, name: Dimension, day: str) -> str:
        """The expression that gives a row's value.

        Args:
            name: The dimension.
            day: The expression that gives the day on which the order in question was made.
        """
        words: Mapping[Dimension, str] = {
            "day": day,
            "month": f"substr({day}, 1, 7)",
            "provider": "provider",
            "model": "model",
            "tier": self.tier,
            "user": "user_id",
            "role": self.role,
        }
        return words[name]

    @property
    def order_day(self) -> str:
        """The UTC day on which the present order of a row was made."""
        return self._day(self.ordered)

    @property
    def earlier_day(self) -> str:
        """The UTC day on which the orders before it count."""
        return self._day(self.earlier_at)

    def _day(self, stamp: str) -> str:
        return (
            f"case when order_no > 0 and substr({stamp}, 1, 10) > {self.created_day}"
            f" then substr({stamp}, 1, 10) else {self.created_day} end"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """The conditions of one query.

    Args:
        rows: Which rows it is about, whenever they were made.
        any_rows: The same, for use beside a condition that few rows meet: no index is to be used for it.
        derived: Whether an index over a value within the metadata finds them.
        in_time: Whether a row was created within its time.
        again: Whether a row was created before, and its present order was made within its time; None: does not matter.
        earlier_again: Whether a row was created before, and the orders before its present one count within its time.
        late: Whether the present order of a row came after its time; None: there is no end.
        earlier_late: Whether the orders before it count after its time.
        present: Whether the present order of any row counts, for use where rows were found in any of these ways.
        earlier: Whether the orders before it count.
        values: What is bound.
    """

    rows: str
    any_rows: str
    derived: bool
    in_time: str
    again: str | None
    earlier_again: str | None
    late: str | None
    earlier_late: str | None
    present: str
    earlier: str
    values: Mapping[str, object] = field(repr=False)


def sift(query: UsageQuery, dialect: Dialect, *, tag: str = "") -> Sifted:
    """The conditions of a query.

    Args:
        query: What is summed.
        dialect: The words of the database.
        tag: Put behind the names of values, so that several queries can be in one statement.
    """
    values: dict[str, object] = {}

    def bound(name: str, value: object) -> str:
        values[f"{name}{tag}"] = value
        return dialect.mark.format(f"{name}{tag}")

    always = ["type = 'video'", f"(estimated_cost_usd is not null or {dialect.choice})"]
    if query.active:
        always.append(CLAIMABLE_SQL)
    wishes: list[tuple[str, str]] = [("user_id", "is null")] if query.of_nobody else []
    for expression, value in (
        ("user_id", query.user_id),
        (dialect.tier, query.quality_tier),
        (dialect.role, query.role),
        ("provider", query.provider),
    ):
        if value is not None:
            wishes.append((expression, f"= {bound(f'value{len(values)}', value)}"))
    # Where there are several wishes, an index is used for the first one, which fewest rows fulfil. Few jobs are active:
    # there the users' index is the only other one that is worth it.
    looked_up = wishes[:1] if not query.active or (wishes[:1] and wishes[0][0] == "user_id") else []
    rows = [*always, *map(" ".join, looked_up)]
    rows += [f"{dialect.aside(expression)} {value}" for expression, value in wishes[len(looked_up) :]]
    any_rows = [*always, *(f"{dialect.aside(expression)} {value}" for expression, value in wishes)]

    in_time = "true"
    stamps = (dialect.ordered, dialect.earlier_at)
    lates: list[str | None] = [None, None]
    agains: list[str | None] = [None, None]
    if query.until is not None:
        in_time = f"created_at < {bound('until', dialect.stamp(query.until))}"
        until_text = bound("until_text", moment_text(query.until))
        lates = [f"(order_no > 0 and {stamp} >= {until_text})" for stamp in stamps]
    not_late = ["" if late is None else f" and {late} is not true" for late in lates]
    counts = [f"{in_time}{one}" for one in not_late]
    if query.since is not None:
        since, since_text = bound("since", dialect.stamp(query.since)), bound("since_text", moment_text(query.since))
        after = [f"order_no > 0 and {stamp} >= {since_text}" for stamp in stamps]
        agains = [
            f"{one} and {dialect.created_aside} < {since}{before}" for one, before in zip(after, not_late, strict=True)
        ]
        counts = [f"(created_at >= {since} or {one}){before}" for one, before in zip(after, not_late, strict=True)]
        in_time = f"created_at >= {since}" if query.until is None else f"created_at >= {since} and {in_time}"
    return Sifted(
        rows=" and ".join(rows),
        any_rows=" and ".join(any_rows),
        derived=bool(looked_up) and looked_up[0][0] in {dialect.tier, dialect.role},
        in_time=in_time,
        again=agains[0],
        earlier_again=agains[1],
        late=lates[0],
        earlier_late=lates[1],
        present=counts[0],
        earlier=f"order_no > 0 and {counts[1]}",
        values=values,
    )
