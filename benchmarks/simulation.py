"""A whole service on one virtual clock: what so many jobs in flight ask of providers and database, and how late it is.

The processes with their workers, the schedule, the gates and the rows in memory are real; providers are simulated, with
log-normal times of ten models. Work of this machine takes no virtual time, so it says what is asked for, not how fast a
machine is: `worker_in_flight.py` does. A job that is ordered twice or lost makes it fail, and so does an order that is
sent again without need, except where a process is killed.

    python benchmarks/simulation.py [--in-flight 1000] [--hours 0.25] [--workers 1] [--concurrency 128] [--gate 8]
        [--latency 0.25] [--callbacks 0.98] [--refused 0.05] [--unavailable 0.01] [--outage-hours 0.1 0.2] [--exact]

`--in-flight 100000 --hours 24 --workers 100` is the full size, for whoever has the days.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import resource
import statistics
import sys

from nexiom_sdk.testing.simulated_providers import MODELS, Troubles
from nexiom_sdk.testing.simulation import simulate
from nexiom_sdk.testing.simulation_plan import Measured, Plan
from nexiom_sdk.worker_defaults import STEPS_AT_ONCE

EXACT_SPREAD = 0.25  # within one setting; between the settings of one model it is about 0.55


def _plan(chosen: argparse.Namespace) -> Plan:
    outage = None if chosen.outage_hours is None else (chosen.outage_hours[0] * 3600, chosen.outage_hours[1] * 3600)
    return Plan(
        in_flight=chosen.in_flight,
        seconds=chosen.hours * 3600,
        settle_seconds=chosen.settle,
        workers=chosen.workers,
        concurrency=chosen.concurrency,
        gate=chosen.gate,
        latency_seconds=chosen.latency,
        models=[one.spread_by(EXACT_SPREAD) for one in MODELS] if chosen.exact else MODELS,
        troubles=Troubles(
            refused=chosen.refused, unavailable=chosen.unavailable, outage=outage, callbacks=chosen.callbacks
        ),
        kill_after_seconds=chosen.kill_after,
        seed=chosen.seed,
    )


def _told(plan: Plan, found: Measured) -> str:
    polls, jobs = found.calls["poll"] / found.seconds, len(found.lags) + len(found.refusal_lags)
    writes = sum(found.statements.get(one, 0) for one in ("claim", "save", "extend", "add", "wake"))
    others = ", ".join(f"{verb} {count / found.seconds:.2f}" for verb, count in found.calls.items() if verb != "poll")
    refused = f", refusals {statistics.median(found.refusal_lags):.1f} s" if found.refusal_lags else ""
    return (
        f"{found.in_flight:.0f} in flight for {found.seconds:.0f} s, {plan.workers} x {plan.concurrency} steps, "
        f"gate {plan.gate}, seed {plan.seed}\n"
        f"  provider calls/s   poll {polls:.2f} ({1000 * polls / found.in_flight:.1f} for 1,000), {others}\n"
        f"  database steps/s   claimed {found.statements.get('claimed', 0) / found.seconds:.2f}, "
        f"claim {found.statements.get('claim', 0) / found.seconds:.2f}, "
        f"save {found.statements.get('save', 0) / found.seconds:.2f}, "
        f"extend {found.statements.get('extend', 0) / found.seconds:.2f}, "
        f"add {found.statements.get('add', 0) / found.seconds:.2f}; "
        f"{1000 * writes / found.seconds / found.in_flight:.0f} writes/s for 1,000\n"
        f"  detection lag      p50 {found.lag(0.5):.2f} s, p95 {found.lag(0.95):.2f} s over {jobs} jobs{refused}\n"
        f"  polls a job        {found.polls_a_job:.2f}\n"
        f"  ordered twice      {len(found.ordered_twice)}, sent again {len(found.sent_again)}, lost {len(found.lost)}, "
        f"uncertain {sum(found.uncertain.values())}\n"
        f"  this machine       {found.real_seconds:.0f} s, {found.calls['poll'] / found.real_seconds:.0f} looks/s, "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most"
    )


def main() -> None:
    """Print what one run shows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--in-flight", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=0.25)
    parser.add_argument("--settle", type=float, default=30.0, help="seconds before counting begins")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=STEPS_AT_ONCE)
    parser.add_argument("--gate", type=int, default=8)
    parser.add_argument("--latency", type=float, default=0.25)
    parser.add_argument("--callbacks", type=float, default=0.0)
    parser.add_argument("--refused", type=float, default=0.0)
    parser.add_argument("--unavailable", type=float, default=0.0)
    parser.add_argument("--outage-hours", type=float, nargs=2)
    parser.add_argument("--kill-after", type=float, help="seconds after which the first process is killed")
    parser.add_argument("--exact", action="store_true", help="times within one setting instead of mixed ones")
    parser.add_argument("--seed", type=int, default=1)
    plan = _plan(parser.parse_args())
    logging.disable(logging.CRITICAL)
    sys.modules["av"] = None  # type: ignore[assignment]  # decoding the clip is no part of what is counted
    found = asyncio.run(simulate(plan, progress=lambda words: print(words, file=sys.stderr, flush=True)))
    print(_told(plan, found))
    needless = found.sent_again if plan.kill_after_seconds is None else ()
    if found.ordered_twice or needless or found.lost:
        sys.exit(f"ordered twice: {found.ordered_twice[:5]}, sent again: {needless[:5]}, lost: {found.lost[:5]}")


if __name__ == "__main__":
    main()
