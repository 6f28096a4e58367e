"""One step under a lease: who holds it, who gets it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from nexiom_sdk import GenerationJob
from nexiom_sdk.errors import PluginError
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import FakeProvider, VirtualClock
from rig import Pausing, Rig

RigOf = Callable[..., Rig]


async def test_a_job_that_is_not_due_is_left_as_it_is(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).hang()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    assert await rig.studio.advance(job.id) == job
    assert fake.calls == ["submit"]


async def test_a_job_that_somebody_holds_is_left_alone(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).hang()
    rig = rig_of(fake)
    job = await rig.submitted()
    await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
    assert (await rig.studio.advance(job.id)).phase is Phase.QUEUED
    assert fake.calls == []


async def test_a_step_that_is_cancelled_gives_its_lease_back(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = Pausing("acme", clock=clock).pauses_at("submit")
    rig = rig_of(fake)
    job = await rig.submitted()
    stepping = asyncio.create_task(rig.studio.advance(job.id))
    await fake.reached.wait()
    stepping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stepping
    clock.advance(0.001)
    assert await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)


async def test_a_claim_that_is_cancelled_gives_its_lease_back(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock))
    job = await rig.submitted()
    claim, claimed, go_on = rig.repository.claim, asyncio.Event(), asyncio.Event()

    async def slow(*, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        rows = await claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)
        claimed.set()
        await go_on.wait()
        return rows

    rig.repository.claim = slow  # type: ignore[method-assign]
    stepping = asyncio.create_task(rig.studio.advance(job.id))
    await claimed.wait()
    stepping.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await stepping
    clock.advance(0.001)
    assert await claim(limit=1, lease_seconds=60, job_id=job.id)


async def test_the_lease_is_kept_while_a_long_call_runs(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = Pausing("acme", clock=clock).pauses_at("submit")
    rig = rig_of(fake)
    job = await rig.submitted()
    stepping = asyncio.create_task(rig.studio.advance(job.id))
    await fake.reached.wait()
    for _ in range(12):
        clock.advance(20)
        for _ in range(5):
            await asyncio.sleep(0)
        assert await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id) == []
    stepping.cancel()
    await asyncio.gather(stepping, return_exceptions=True)


async def test_a_defect_in_an_adapters_cards_is_told_as_one(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock)
    rig = rig_of(fake)
    job = await rig.submitted()
    fake.models = None  # type: ignore[assignment]
    with pytest.raises(PluginError, match=r"met a defect: TypeError \(\w+\.py, line \d+\)"):
        await rig.step(job)
