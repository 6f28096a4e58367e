"""A budget for each user, a tier for directors only, and the report of where the money went.

Run it with `python examples/budgets.py`. It needs no key: the provider is a scripted one whose clips cost $0.40.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal

from nexiom_sdk import GenerationJob, NexiomError, Policy, Settings, Studio, VideoRequest
from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.governance import Budget, Governance
from nexiom_sdk.policy_parts import PolicyCandidate, TierPolicy
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, fake_card

TIER = TierPolicy(intent="a clip of four seconds", candidates=(PolicyCandidate(target="acme/fake-1", weight=100),))
POLICY = Policy(
    version="example",
    as_of="2026-11-24",
    tiers={"standard": TIER, "ultra_realistic": TIER},
    governance=Governance(
        tiers={"ultra_realistic": ("director",)},
        budgets=(
            Budget(per="day", each="user", max_usd=Decimal("2.00")),
            Budget(per="month", max_usd=Decimal(100)),
            Budget(each="user", max_active=5),
        ),
    ),
)


async def main() -> None:
    """Order twenty clips at once, one that is not for everybody, and look at the bill."""
    card = fake_card(typical_seconds=0.1, min_poll_seconds=0.1)
    provider = FakeProvider("acme", models=[card], cost_usd=Decimal("0.38")).succeed()
    registry = ProviderRegistry()
    registry.register("acme", lambda config, /, *, http=None: provider)  # noqa: ARG005 - a factory takes both
    async with Studio(settings=Settings.from_env(), registry=registry, policy=POLICY) as studio:
        fox = VideoRequest(prompt="a fox in snow", duration_seconds=4)
        print(studio.estimate(fox, user_id="u1").explain())

        tries = [studio.submit(fox, user_id=f"u{number % 2}", defer=True) for number in range(20)]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        print(Counter(type(one).__name__ for one in outcomes).most_common())
        refusals = {str(one): one for one in outcomes if isinstance(one, BudgetExceeded)}
        print(next(iter(refusals)))

        try:
            await studio.submit(fox.evolve(quality_tier="ultra_realistic"), user_id="u3", role="member")
        except NexiomError as error:
            print(f"refused ({error.code}): {error.message}")

        jobs = [one for one in outcomes if isinstance(one, GenerationJob)]
        await asyncio.gather(*(studio.wait(job.id) for job in jobs[:7]))  # the others have not ended yet
        for one in await studio.costs(by=("day", "user")):
            figures = f"{one.jobs} jobs, ${one.reported_usd} reported, ${one.estimated_usd} estimated"
            print(f"{one.values['user']}: {figures}, {one.unpriced} of unknown price")


if __name__ == "__main__":
    asyncio.run(main())
