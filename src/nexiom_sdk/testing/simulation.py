"""A whole service on one virtual clock: processes with workers, rows, gates and schedule, and simulated providers.

Everything between the row and the adapter is the real thing. Work of this machine takes no virtual time, so the figures
are what the design asks of the world: calls, statements, delays. How many steps a machine can do is measured elsewhere.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nexiom_sdk.testing.simulated_storage import AtOnce
from nexiom_sdk.testing.simulated_world import World
from nexiom_sdk.testing.simulation_plan import Measured, Plan

_DRAIN_SECONDS = 2 * 3600.0  # what has not ended by then never will


async def simulate(plan: Plan, *, progress: Callable[[str], None] = lambda _: None) -> Measured:
    """Run a plan on a virtual clock of its own. The loop's threads become part of it: run it in a loop of its own.

    Args:
        plan: What to simulate.
        progress: Told now and then how far it is.

    Example:
        >>> measured = asyncio.run(simulate(Plan(in_flight=10, seconds=120, settle_seconds=0)))
        >>> measured.ordered_twice, measured.lost
        ((), ())
    """
    asyncio.get_running_loop().set_default_executor(AtOnce())
    with tempfile.TemporaryDirectory(dir=_in_memory()) as home:
        world = World(plan, Path(home))
        try:
            return await _run(world, progress)
        finally:
            await world.aclose()


async def _run(world: World, progress: Callable[[str], None]) -> Measured:
    plan, begun = world.plan, time.perf_counter()
    await world.populate()
    progress(f"{plan.in_flight} orders in flight after {time.perf_counter() - begun:.0f} s")
    for process in world.processes:
        world.start(process.working().run())
    arriving = world.start(world.arrivals())
    if plan.kill_after_seconds is not None:
        world.start(world.kill(plan.kill_after_seconds))
    await world.clock.sleep(plan.settle_seconds)
    world.count_from_now()
    begun = time.perf_counter()
    for tenth in range(1, 11):
        await world.clock.sleep(plan.seconds / 10)
        world.glance()
        progress(f"{tenth}0 % after {time.perf_counter() - begun:.0f} s")
    measured = world.measured(real_seconds=time.perf_counter() - begun)
    if not plan.drain:
        return measured
    arriving.cancel()
    latest = world.clock.monotonic() + _DRAIN_SECONDS
    while await world.unfinished() and world.clock.monotonic() < latest:
        await world.clock.sleep(10)
    return world.measured(real_seconds=time.perf_counter() - begun, drained=True)


def _in_memory() -> Path | None:
    """A folder in memory, where there is one: videos are written and flushed on their way."""
    folder = Path("/dev/shm")  # noqa: S108 - the folder made in it is our own
    return folder if folder.is_dir() else None
