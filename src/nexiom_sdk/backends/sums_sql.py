"""What a sum is over, as conditions in SQL: the same for every database but for a few words of its own.

Values are bound by name; only words of ours are put into the text. `sums` says in Python what these conditions mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nexiom_sdk.backends.sums import moment_text
from nexiom_sdk.jobs import Dimension, UsageQuery

ACTIVE = "phase in ('queued', 'submitting', 'waiting', 'saving')"


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
        return (
            f"case when order_no > 0 and substr({self.ordered}, 1, 10) > {self.created_day}"
            f" then substr({self.ordered}, 1, 10) else {self.created_day} end"
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
        earlier: Whether the earlier orders of a row count, where it was created within the time.
        late: Whether the present order of a row came after its time; None: there is no end.
        values: What is bound.
    """

    rows: str
    any_rows: str
    derived: bool
    in_time: str
    again: str | None
    earlier: str
    late: str | None
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
        always.append(ACTIVE)
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

    in_time, again, earlier, late = "true", None, "order_no > 0", None
    if query.until is not None:
        created = f"created_at < {bound('until', dialect.stamp(query.until))}"
        late = f"(order_no > 0 and {dialect.ordered} >= {bound('until_text', moment_text(query.until))})"
        in_time = created
    if query.since is not None:
        since, since_text = bound("since", dialect.stamp(query.since)), bound("since_text", moment_text(query.since))
        again = f"order_no > 0 and {dialect.ordered} >= {since_text} and {dialect.created_aside} < {since}"
        if late is not None:
            again = f"{again} and {late} is not true"
        in_time = f"created_at >= {since}" if query.until is None else f"created_at >= {since} and {in_time}"
        earlier = f"order_no > 0 and created_at >= {since}"
    return Sifted(
        rows=" and ".join(rows),
        any_rows=" and ".join(any_rows),
        derived=bool(looked_up) and looked_up[0][0] in {dialect.tier, dialect.role},
        in_time=in_time,
        again=again,
        earlier=earlier,
        late=late,
        values=values,
    )
