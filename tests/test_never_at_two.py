"""Seeded fault runs over two providers: whatever dies, breaks or lies, at most one of them is paid.

Set NEXIOM_FAULT_RUNS=10000 for the long run.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from nexiom_sdk import JobStatus
from nexiom_sdk.errors import ProviderUnavailable, QuotaExhausted, RateLimited
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import FakeProvider, VirtualClock, fake_card
from rig import Rig
from test_never_twice import RECOVERIES, Crasher, to_its_end

T = TypeVar("T")

RUNS = int(os.environ.get("NEXIOM_FAULT_RUNS", "240"))
BATCHES = 8


def _scripted(name: str, luck: random.Random, clock: VirtualClock) -> FakeProvider:
    fake = FakeProvider(name, models=(fake_card(),), clock=clock, submission_recovery=luck.choice(RECOVERIES))
    for _ in range(luck.randrange(7)):
        down = ProviderUnavailable("down", retry_after_seconds=luck.choice((None, None, 90.0)))
        fake.refuse(luck.choice((down, down, down, RateLimited("busy"), QuotaExhausted("later"))))
    if luck.random() < 0.4:
        fake.lose_answer()
    if luck.random() < 0.3:
        fake.break_polls(luck.randrange(4))
    return fake.queued(luck.randrange(2)).running(luck.randrange(3)).succeed()


def _cut_off(fake: FakeProvider, luck: random.Random, clock: VirtualClock) -> None:
    """Nobody reaches the provider for a while after it took an order, which is the worst moment."""
    lasts, taken_at = luck.choice((0.0, 60.0, 400.0)), list[float]()

    def cut(call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        async def through(*args: object) -> T:
            if taken_at and clock.monotonic() < taken_at[0] + lasts:
                raise ProviderUnavailable("no route")
            try:
                return await call(*args)
            finally:
                if fake.accepted and not taken_at:
                    taken_at.append(clock.monotonic())

        return through

    for name in ("submit", "poll", "find"):
        setattr(fake, name, cut(getattr(fake, name)))


async def _run(seed: int, home: Path) -> str:
    luck, clock = random.Random(seed), VirtualClock()
    fakes = [_scripted(name, luck, clock) for name in ("acme", "bolt")]
    rig = Rig(home / str(seed), clock, fakes, {"job_deadline_seconds": None})
    job = await rig.submitted()
    crasher = Crasher(luck)
    crasher.wrap(rig.repository, "claim", "save", "extend", "adopt_late_id")
    for fake in fakes:
        _cut_off(fake, luck, clock)
        crasher.wrap(fake, "submit", "poll", "find")
    crasher.wrap(rig.store, "put")
    job = await to_its_end(rig, job, crasher, steps=300, calm_from=60)
    paid = [*fakes[0].accepted, *fakes[1].accepted]
    ways = {fake.name: fake.submission_recovery for fake in fakes}
    story = f"seed {seed}, {ways}: {job.phase} {job.status} {job.error_code} at {job.provider}, paid {paid}"
    assert len(paid) <= 1, f"paid twice: {story}"
    assert job.final, f"stuck: {story}"
    if job.phase is Phase.UNKNOWN:
        assert ways[job.provider or ""] == "none", f"uncertain without need: {story}"
    elif job.status is JobStatus.FAILED:
        assert (job.error_code, paid) == ("quota_exhausted", []), f"lost: {story}"
    else:
        assert (job.status, len(paid)) == (JobStatus.COMPLETED, 1), f"lost: {story}"
    return f"{job.status} at {job.provider}"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_seed_pays_two_providers_and_no_job_is_lost(batch: int, tmp_path: Path) -> None:
    async def all_of_them() -> list[str]:
        return [await _run(seed, tmp_path) for seed in range(batch, RUNS, BATCHES)]

    ends = asyncio.run(all_of_them())
    assert {"completed at acme", "completed at bolt"} <= set(ends), "the runs must be varied to mean anything"
