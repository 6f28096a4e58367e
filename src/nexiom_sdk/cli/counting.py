"""How many jobs are where, for whoever watches the service: what is due and not taken, what waits for a person."""

from __future__ import annotations

from collections import Counter

from pydantic import JsonValue

from nexiom_sdk.cli.session import Session
from nexiom_sdk.cli.words import lasting
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.phases import CLAIMABLE, Phase
from nexiom_sdk.repositories import JobQuery

MOST_COUNTED = 10_000
_PHASES = (*CLAIMABLE, Phase.UNKNOWN)


async def count(session: Session) -> None:
    """Count the jobs that are not over, of very many only the newest.

    Videos from before this library are left out: no worker takes them, and no person has to decide about them.
    """
    now = SystemClock().now()
    jobs = await session.studio.repository.list(JobQuery(phases=_PHASES, limit=MOST_COUNTED))
    found = Counter(job.phase for job in jobs if job.phase in CLAIMABLE or job.ever_claimed)
    due = [(now - since).total_seconds() for job in jobs if job.phase in CLAIMABLE and (since := job.due_at) <= now]
    oldest, whole = round(max(due, default=0.0), 1), len(jobs) < MOST_COUNTED
    numbers = {**{phase.value: found[phase] for phase in _PHASES}, "due": len(due)}
    lines = [f"{name:<10} {number:>6}" for name, number in numbers.items()]
    if due:
        lines[-1] += f"  the oldest for {lasting(oldest)}"
    if not whole:
        lines.append(f"There are more: only the newest {MOST_COUNTED} were counted.")
    fields: dict[str, JsonValue] = {**numbers, "oldest_due_seconds": oldest, "counted_all": whole}
    session.output.answer("counts", "\n".join(lines), fields)
