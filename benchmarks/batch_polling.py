"""A thousand Kling orders in flight: provider calls a second with one call for many orders, and with one call for each.

The adapter talks to its loopback server by real sockets; rows are in memory, and time is virtual: each look takes
`--latency` seconds of it. Orders never end. After the silence that the schedule keeps at their beginning, one minute is
counted. Due is what the schedule asks for: every order each ten seconds.

    python benchmarks/batch_polling.py [--orders 1000] [--latency 0.3]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from nexiom_sdk import ModelCard, Settings, Studio, VideoRequest
from nexiom_sdk.backends.memory import MemoryRepository, MemoryStore
from nexiom_sdk.providers import HttpOptions, Operation, ProviderRegistry, Submission, Succeeded
from nexiom_sdk.providers.kling import KlingProvider
from nexiom_sdk.testing import LoopbackServer, VirtualClock
from nexiom_sdk.testing.wires.kling import KlingWire
from nexiom_sdk.types import Asset, Poll, SubmissionRecovery
from nexiom_sdk.worker_defaults import STEPS_AT_ONCE

QUIET_SECONDS, COUNTED_SECONDS = 240.0, 60.0
MODEL = "kling-3.0"


@dataclass(eq=False)
class OneByOne:
    """The adapter at a distance, without its way to look at many orders."""

    adapter: KlingProvider
    clock: VirtualClock
    latency_seconds: float
    looks: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    calls: list[float] = field(default_factory=list)
    protocol_version: int = 1
    name: str = "kling"
    submission_recovery: SubmissionRecovery = "none"

    @property
    def models(self) -> Sequence[ModelCard]:
        return self.adapter.models

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        return await self.adapter.submit(submission)

    async def poll(self, operation: Operation, /) -> Poll:
        await self._asked(operation)
        return await self.adapter.poll(operation)

    def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        return self.adapter.fetch(asset)

    async def aclose(self) -> None:
        await self.adapter.aclose()

    async def _asked(self, *operations: Operation) -> None:
        await self.clock.sleep(self.latency_seconds)
        self.calls.append(self.clock.monotonic())
        for one in operations:
            self.looks[one.id].append(self.clock.monotonic())


class Together(OneByOne):
    """The adapter at a distance, whole."""

    batch_size = KlingProvider.batch_size

    async def poll_many(self, operations: Sequence[Operation], /) -> Mapping[str, Poll]:
        await self._asked(*operations)
        return await self.adapter.poll_many(operations)


async def _run(kind: type[OneByOne], orders: int, concurrency: int, latency_seconds: float, home: Path) -> OneByOne:
    clock, wire = VirtualClock(auto=True), KlingWire(looks=10**9)
    async with LoopbackServer(wire) as server:
        config = {key: SecretStr(value) for key, value in wire.config(server.origin).items()}
        measured = kind(KlingProvider(config, http=HttpOptions(clock=clock)), clock, latency_seconds)
        registry = ProviderRegistry(entry_points=[])
        registry.register("kling", lambda config, /, *, http=None: measured)  # noqa: ARG005 - the shape of a factory
        studio = Studio(
            settings=Settings(home=home),
            repository=MemoryRepository(clock=clock),
            store=MemoryStore(),
            registry=registry,
            clock=clock,
            sinks=(),
        )
        async with studio:
            for _ in range(orders):
                await studio.submit(VideoRequest(prompt="a fox", provider="kling", model=MODEL), defer=True)
            worker = studio.worker(concurrency=concurrency)
            working = asyncio.create_task(worker.run())
            await clock.sleep(QUIET_SECONDS + COUNTED_SECONDS)
            worker.stop()
            await working
    return measured


def _told(done: OneByOne, orders: int) -> tuple[float, float, float]:
    """Calls and looks a second in the counted time, and the median time between two looks at an order."""
    begun, ended = QUIET_SECONDS, QUIET_SECONDS + COUNTED_SECONDS
    calls = sum(begun <= moment < ended for moment in done.calls)
    counted = [[moment for moment in moments if begun <= moment < ended] for moments in done.looks.values()]
    gaps = [later - earlier for moments in counted for earlier, later in itertools.pairwise(moments)]
    assert len(done.looks) == orders, f"{len(done.looks)} of {orders} orders were looked at"
    return calls / COUNTED_SECONDS, sum(map(len, counted)) / COUNTED_SECONDS, statistics.median(gaps)


async def _main(orders: int, latency_seconds: float) -> None:
    print(f"{orders} orders in flight, {latency_seconds:g} s a call, {orders / 10:g} looks a second are due")
    for concurrency in (16, STEPS_AT_ONCE):
        calls: list[float] = []
        for kind in (OneByOne, Together):
            with tempfile.TemporaryDirectory() as home:
                done = await _run(kind, orders, concurrency, latency_seconds, Path(home))
            a_second, looks, gap = _told(done, orders)
            calls.append(a_second / looks)
            print(
                f"worker with {concurrency:>3} steps, {kind.__name__:<9} {a_second:6.2f} calls/s for {looks:6.1f} "
                f"looks/s, one each {gap:5.1f} s",
                flush=True,
            )
        print(f"  calls a look: {calls[1]:.3f}, one call a job is {calls[0] / calls[1]:.0f} x as many")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=0.3)
    asked = parser.parse_args()
    sys.exit(asyncio.run(_main(asked.orders, asked.latency)))
