"""The command `nexiom costs`: where the money went, as far as anybody knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from nexiom_sdk.cli.options import Json, output_for
from nexiom_sdk.moments import utc

if TYPE_CHECKING:
    from decimal import Decimal

    from nexiom_sdk.cli.listing import Listing
    from nexiom_sdk.cli.session import Session
    from nexiom_sdk.spending import Dimension, Spend

DAYS = 30
_FIGURES = ("jobs", "completed", "failed", "reported", "estimated", "total", "unpriced")


def _begin(text: str) -> datetime:
    return _moment(text)


def _end(text: str) -> datetime:
    return _moment(text, whole_day=True)


def _moment(text: str, *, whole_day: bool = False) -> datetime:
    """A day, which begins at midnight UTC and is over a day later, or a moment."""
    try:
        moment = datetime.fromisoformat(text)
        if len(text) <= len("2026-11-01") and whole_day:
            moment += timedelta(days=1)
        return utc(moment)
    except (ValueError, OverflowError):
        msg = f"'{text}' is no day, such as 2026-11-01, and no moment, such as 2026-11-01T08:30."
        raise typer.BadParameter(msg) from None


def costs(
    context: typer.Context,
    *,
    by: Annotated[
        str, typer.Option(metavar="WORDS", help="Any of day, month, provider, model, tier, user, role, with commas.")
    ] = "day",
    since: Annotated[
        datetime | None, typer.Option(parser=_begin, metavar="DAY", help="Orders from this day on, in UTC.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=_end, metavar="DAY", help="Orders to the end of this day, in UTC.")
    ] = None,
    month: Annotated[bool, typer.Option("--month", help="Orders of the present month.")] = False,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Only this user's.")] = None,
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this provider.")] = None,
    tier: Annotated[str | None, typer.Option(metavar="TIER", help="Only orders that count to this tier.")] = None,
    json: Json = False,
) -> None:
    """Say where the money went: what providers reported, what is estimated, and what nobody knows.

    Without a time, it is about the last 30 days.
    """
    from nexiom_sdk.cli.session import run_in_session
    from nexiom_sdk.clock import SystemClock
    from nexiom_sdk.governance import begin_of

    if month and (since is not None or until is not None):
        raise typer.BadParameter("--month is a time of its own: leave out --since and --until.", ctx=context)
    if since is not None and until is not None and since >= until:
        raise typer.BadParameter("--since is after --until.", ctx=context)
    now = SystemClock().now()
    if month:
        since = begin_of("month", now)
    elif since is None and until is None:
        since = begin_of("day", now) - timedelta(days=DAYS - 1)
    words = [word.strip() for word in by.split(",") if word.strip()]
    if not words:
        raise typer.BadParameter("--by names nothing: say what to add up by, such as --by provider.", ctx=context)

    async def verb(session: Session) -> None:
        dimensions: Sequence[Dimension] = words  # type: ignore[assignment]  # the studio knows the nearest ones
        found = await session.studio.costs(
            dimensions,
            since=since,
            until=until,
            user_id=user,
            provider=provider,
            quality_tier=tier,  # type: ignore[arg-type]  # here too
        )
        if provider is not None and not found:
            await _check_provider(session, provider)
        session.output.listing(listing(found, list(dict.fromkeys(dimensions)), span=_span(since, until)))

    run_in_session(verb, output=output_for(json=json), home=context.obj)


async def _check_provider(session: Session, name: str) -> None:
    """Refuse a provider that is neither installed nor in any row: nothing spent there is no answer.

    Raises:
        InvalidInput: It is not known; the message has the nearest one.
    """
    from nexiom_sdk.errors import InvalidInput
    from nexiom_sdk.wording import unknown

    installed = [one.name for one in await session.studio.providers() if one.state != "not_installed"]
    used = [one.values["provider"] for one in await session.studio.costs("provider")]
    known = sorted({*installed, *filter(None, used)})
    if name not in known:
        raise InvalidInput(unknown("provider", name, known), charged=None, next_step="nexiom providers")


def listing(found: Sequence[Spend], by: Sequence[Dimension], *, span: str) -> Listing:
    """The sums as a list, with the sum of all under it.

    Args:
        found: The sums.
        by: Their dimensions.
        span: The time they are about, in words.
    """
    from nexiom_sdk.cli.listing import Listing, Row

    rows = [
        Row(
            cells=(
                *(one.values[name] or "-" for name in by),
                str(one.jobs),
                str(one.completed),
                str(one.failed),
                *(_figure(amount, one) for amount in (one.reported_usd, one.estimated_usd, one.cost_usd)),
                str(one.unpriced),
            ),
            fields={
                **{name: one.values[name] for name in by},
                "jobs": one.jobs,
                "completed": one.completed,
                "failed": one.failed,
                "reported_usd": str(one.reported_usd),
                "estimated_usd": str(one.estimated_usd),
                "cost_usd": str(one.cost_usd),
                "unpriced": one.unpriced,
            },
        )
        for one in found
    ]
    return Listing(
        name="cost",
        headers=(*by, *_FIGURES),
        rows=rows,
        numbers=frozenset(_FIGURES),
        keys=len(by),
        dispensable=frozenset({"completed", "failed"}),
        empty=f"Nothing was ordered {span}.",
        footer=summary(found, span=span),
    )


def summary(found: Sequence[Spend], *, span: str) -> str:
    """The sum of all in words, with what is not known of it; empty where there is nothing.

    Example:
        >>> from decimal import Decimal
        >>> from nexiom_sdk.jobs import Spend
        >>> day = Spend(values={}, jobs=3, completed=1, reported_usd=Decimal(2), estimated_usd=Decimal(1), unpriced=1)
        >>> for sentence in summary([day], span="in 2026").split(". "):
        ...     print(sentence)
        At least $3.00 in 2026, for 3 jobs: $2.00 as providers reported it, and $1.00 estimated from list prices
        2 jobs have not ended
        What 1 order costs is not known, and not in the sum.
    """
    from decimal import Decimal

    from nexiom_sdk.wording import usd

    if not found:
        return ""
    reported = sum((one.reported_usd for one in found), Decimal(0))
    estimated = sum((one.estimated_usd for one in found), Decimal(0))
    jobs, unpriced = sum(one.jobs for one in found), sum(one.unpriced for one in found)
    running = jobs - sum(one.completed + one.failed for one in found)
    said = (
        f"{'At least ' if unpriced else ''}{usd(reported + estimated)} {span}, for {_jobs(jobs)}: "
        f"{usd(reported)} as providers reported it, and {usd(estimated)} estimated from list prices."
    )
    if running:
        said += f" {_jobs(running)} {'has' if running == 1 else 'have'} not ended."
    what = "1 order costs" if unpriced == 1 else f"{unpriced} orders cost"
    return f"{said} What {what} is not known, and not in the sum." if unpriced else said


def _figure(amount: Decimal, one: Spend) -> str:
    """An amount of a row; not $0.00 where nobody knows what any of its orders cost."""
    from nexiom_sdk.wording import usd

    return "unknown" if one.unpriced >= max(one.jobs, 1) and not one.cost_usd else usd(amount)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _span(since: datetime | None, until: datetime | None) -> str:
    begin = "" if since is None else f"since {_words(since)}"
    return " ".join(filter(None, (begin, "" if until is None else f"before {_words(until)}"))) or "ever"


def _words(moment: datetime) -> str:
    return f"{moment.date()}" if moment.time() == time() else f"{moment.date()} {moment:%H:%M}"
