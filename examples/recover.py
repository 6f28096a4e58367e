"""A paid order whose answer was lost: it is not sent again, and a person settles it.

Run it with `python examples/recover.py`. The provider is a scripted one that takes the order, loses its answer, and
offers no way to ask for it (`submission_recovery="none"`).
"""

from __future__ import annotations

import asyncio

from nexiom_sdk import Settings, Studio, VideoRequest
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, fake_card


async def main() -> None:
    """Lose an answer, look at the job, resolve it."""
    card = fake_card(typical_seconds=1, min_poll_seconds=0.2)
    provider = FakeProvider("acme", models=[card], submission_recovery="none").lose_answer().succeed()
    registry = ProviderRegistry()
    registry.register("acme", lambda config, /, *, http=None: provider)  # noqa: ARG005 - a factory takes both
    async with Studio(settings=Settings.from_env(), registry=registry) as studio:
        job = await studio.submit(VideoRequest(prompt="a fox in snow", provider="acme", duration_seconds=4))
        print(f"{job.status} ({job.phase}): {job.error_message}")
        found = f"order-{provider.accepted[0]}"  # what a person finds in the provider's console
        print(f"found at the provider: {found}")
        job = await studio.resolve(job.id, provider_job_id=found)
        result = await studio.wait(job.id)
    print(f"stored: {result.url}, orders paid: {len(provider.accepted)}")


if __name__ == "__main__":
    asyncio.run(main())
