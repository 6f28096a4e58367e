"""One worker process with ten thousand jobs in flight in a real database: memory, calls, and the steps it can do.

Time and rows are real; the provider takes `--latency` seconds a call, and its orders never end. All jobs are past their
silence, so the schedule asks for a look at each in ten seconds: more than of a usual mixture, of which half is silent.
What one process could do on a core of its own is told by the CPU time of a look.

    python benchmarks/worker_in_flight.py [--jobs 10000] [--seconds 60] [--database sqlite:/path/jobs.db | postgres URL]
        [--concurrency 256] [--gate 256] [--latency 0.1]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import random
import tempfile
import time
import uuid
from datetime import timedelta
from pathlib import Path

from nexiom_sdk import Settings, VideoRequest, moves
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.schedule import STEADY_SECONDS
from nexiom_sdk.studio import Studio
from nexiom_sdk.testing.fake_provider import fake_card
from nexiom_sdk.testing.simulated_providers import SimulatedModel, SimulatedProvider
from nexiom_sdk.testing.simulated_storage import DiscardingStore
from nexiom_sdk.types import Candidate, Choice, Running

MODEL = SimulatedModel(provider="sim", model="m", median_seconds=60, p90_seconds=120)


def _resident_bytes() -> int:
    """What this process holds in memory now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _in_flight(provider: SimulatedProvider) -> GenerationJob:
    """A job that the provider has had for ten minutes: it is past its silence."""
    request, now = VideoRequest(prompt="a fox in snow", provider="sim", model="m"), SystemClock().now()
    card = fake_card(model="m")
    choice = Choice(ranked=(Candidate(provider="sim", model=card.model, duration_seconds=4, resolution="720p"),))
    begun = now - timedelta(seconds=600)
    job = moves.created(str(uuid.uuid4()), request, choice, user_id=None, client_key=None, now=begun)
    order = provider.take(job.order_key, began_at=0.0, ends_at=float("inf"))
    job = moves.answered(job, provider.operation(order), now=begun, run_at=now)
    due = now + timedelta(seconds=random.uniform(0, STEADY_SECONDS))
    return moves.looked(job, Running(), now=begun + timedelta(seconds=10), run_at=due)


async def _measure(chosen: argparse.Namespace, home: Path) -> None:
    provider = SimulatedProvider("sim", [MODEL], SystemClock(), random.Random(1), latency_seconds=chosen.latency)
    registry = ProviderRegistry(entry_points=[])
    registry.register("sim", lambda config, /, *, http=None: provider)  # noqa: ARG005 - the shape of a factory
    settings = Settings(home=home, database_url=chosen.database, provider_concurrency=chosen.gate)
    studio = Studio(settings=settings, store=DiscardingStore(), registry=registry, sinks=())
    worker = studio.worker(concurrency=chosen.concurrency)
    begun = time.perf_counter()
    for _ in range(chosen.jobs):
        await studio.repository.add(_in_flight(provider))
    print(f"{chosen.jobs} jobs added, {chosen.jobs / (time.perf_counter() - begun):.0f}/s", flush=True)
    before = _resident_bytes()
    working = asyncio.create_task(worker.run())
    await asyncio.sleep(chosen.settle)
    provider.calls.clear()
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(chosen.seconds)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    looks = provider.calls["poll"]
    above = _resident_bytes() - before
    worker.stop()
    await working
    need = chosen.jobs / STEADY_SECONDS
    print(
        f"memory above idle {above / 2**20:.1f} MiB\n"
        f"looks/s {looks / seconds:.1f}, the schedule asks for {need:.1f}: {100 * looks / seconds / need:.0f} %\n"
        f"CPU a look {1e6 * cpu / max(looks, 1):.0f} us: {looks / cpu:.0f} looks/s of one whole core; "
        f"{100 * cpu / seconds:.0f} % of a core was had"
    )
    await studio.aclose()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--settle", type=float, default=15.0)
    parser.add_argument("--database", help="None: SQLite in a temporary folder")
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--gate", type=int, default=256)
    parser.add_argument("--latency", type=float, default=0.1)
    chosen = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(_measure(chosen, Path(home)))


if __name__ == "__main__":
    main()
