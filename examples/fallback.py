"""A provider is down: its breaker opens, and the next one makes the video at a price that is told.

Run it with `python examples/fallback.py`. Both providers are scripted ones: `acme` cannot be reached, `bolt` is dearer.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

from nexiom_sdk import Event, Policy, Settings, Studio, VideoRequest
from nexiom_sdk.attempts import attempts_of
from nexiom_sdk.errors import ProviderUnavailable
from nexiom_sdk.events import BreakerMoved
from nexiom_sdk.models import Price
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, fake_card


def provider(name: str, usd_per_second: str) -> FakeProvider:
    """A scripted provider with one model."""
    prices = (Price(usd=Decimal(usd_per_second)),)
    return FakeProvider(name, models=[fake_card(prices=prices, typical_seconds=1, min_poll_seconds=0.2)])


def told(event: Event) -> None:
    """Print what happens to breakers."""
    if isinstance(event, BreakerMoved):
        print(f"breaker of {event.provider}: {event.state} ({event.reason})")


async def main() -> None:
    """Order six videos while the preferred provider is down."""
    acme, bolt = provider("acme", "0.105"), provider("bolt", "0.125").succeed()
    acme.refuse(ProviderUnavailable("acme could not be reached", retry_after_seconds=30))
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", lambda config, /, *, http=None: acme)  # noqa: ARG005 - a factory takes both
    registry.register("bolt", lambda config, /, *, http=None: bolt)  # noqa: ARG005
    candidates = [{"target": "acme/fake-1", "weight": 2}, {"target": "bolt/fake-1", "weight": 1}]
    tiers = {"standard": {"candidates": candidates}}
    policy = Policy.model_validate({"version": "1", "as_of": "2026-11-24", "tiers": tiers})
    async with Studio(settings=Settings.from_env(), registry=registry, policy=policy, sinks=[told]) as studio:
        jobs = [await studio.submit(VideoRequest(prompt=f"fox {number}", duration_seconds=4)) for number in range(6)]
        print(f"orders sent to acme: {acme.calls.count('submit')}")
        for state in await studio.providers():
            print(f"{state.name}: {state.state}")
        result = await studio.wait(jobs[0].id)
    print(result.warnings[0])
    print([f"{one.provider}: {one.error_code}, cost ${one.cost_usd}" for one in attempts_of(result.job)])
    print(f"stored: {result.url}, chosen for job 6 at once: {jobs[5].choice and jobs[5].choice.provider}")


if __name__ == "__main__":
    asyncio.run(main())
