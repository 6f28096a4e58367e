"""Follow a job from order to video, and print every change.

Run it with `python examples/watch_progress.py`. The provider is a scripted one and the clock is turned by hand, so a
generation of half a minute passes in about a second. With a real provider, leave `registry` and `clock` out.
"""

from __future__ import annotations

import asyncio

from nexiom_sdk import Settings, Studio, VideoRequest
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, VirtualClock


async def main() -> None:
    """Submit a job and watch it."""
    clock = VirtualClock()
    provider = FakeProvider("acme", clock=clock).queued().running(3, progress=True).succeed()
    registry = ProviderRegistry()
    registry.register("acme", lambda config, /, *, http=None: provider)  # noqa: ARG005 - a factory takes both
    time = asyncio.create_task(pass_time(clock))
    async with Studio(settings=Settings.from_env(), registry=registry, clock=clock) as studio:
        job = await studio.submit(VideoRequest(prompt="a fox in snow", provider="acme", duration_seconds=4), defer=True)
        async for row in studio.watch(job.id):
            share = "" if row.progress is None else f", {row.progress:.0%}"
            print(f"{clock.monotonic():4.0f} s  {row.status} ({row.phase}{share})")
        result = await studio.result(await studio.get(job.id))
    time.cancel()
    print(f"stored: {result.url}")


async def pass_time(clock: VirtualClock) -> None:
    """Let half a virtual second pass in each hundredth of a real one."""
    while True:
        await asyncio.sleep(0.01)
        clock.advance(0.5)


if __name__ == "__main__":
    asyncio.run(main())
