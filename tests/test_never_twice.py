"""Seeded fault runs: crashes before and after every row and provider call, lost answers, refusals, time jumps.

Set NEXIOM_FAULT_RUNS=10000 for the long run.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from nexiom_sdk import GenerationJob, JobStatus
from nexiom_sdk.errors import ProviderUnavailable, QuotaExhausted, RateLimited
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.types import SubmissionRecovery
from rig import Rig

T = TypeVar("T")

RUNS = int(os.environ.get("NEXIOM_FAULT_RUNS", "240"))
BATCHES = 8
RECOVERIES: Sequence[SubmissionRecovery] = ("key", "lookup", "none")


class Crash(BaseException):
    """The process dies here."""


class Crasher:
    """Makes calls of an object die before or after they did their work."""

    def __init__(self, luck: random.Random) -> None:
        self.luck, self.share = luck, 0.15

    def wrap(self, owner: object, *names: str) -> None:
        for name in names:
            setattr(owner, name, self._dying(getattr(owner, name)))

    def _dying(self, call: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        async def dying(*args: object, **named: object) -> T:
            if self.luck.random() < self.share:
                raise Crash
            answer = await call(*args, **named)
            if self.luck.random() < self.share:
                raise Crash
            return answer

        return dying


async def to_its_end(rig: Rig, job: GenerationJob, crasher: Crasher, *, steps: int, calm_from: int) -> GenerationJob:
    """Step after step, over all crashes; from some step on nothing dies: whatever happened must come to its end."""
    for step in range(steps):
        if step == calm_from:
            crasher.share = 0.0
        try:
            job = await rig.step(job)
        except Crash:
            rig.clock.advance(crasher.luck.choice((0.1, 5.0, 61.0, 400.0)))
        if job.final:
            break
    return job


def _scripted(luck: random.Random, clock: VirtualClock) -> FakeProvider:
    fake = FakeProvider("acme", clock=clock, submission_recovery=luck.choice(RECOVERIES))
    for _ in range(luck.randrange(3)):
        fake.refuse(luck.choice((RateLimited("busy"), ProviderUnavailable("down"), QuotaExhausted("later"))))
    if luck.random() < 0.4:
        fake.lose_answer()
    if luck.random() < 0.3:
        fake.break_polls(luck.randrange(4))
    return fake.queued(luck.randrange(2)).running(luck.randrange(3), progress=True).succeed()


async def _run(seed: int, home: Path) -> str:
    luck, clock = random.Random(seed), VirtualClock()
    fake = _scripted(luck, clock)
    rig = Rig(home / str(seed), clock, (fake,), {"job_deadline_seconds": None})
    job = await rig.submitted()
    crasher = Crasher(luck)
    crasher.wrap(rig.repository, "claim", "save", "extend", "adopt_late_id")
    crasher.wrap(fake, "submit", "poll", "find")
    crasher.wrap(rig.store, "put")
    job = await to_its_end(rig, job, crasher, steps=240, calm_from=40)
    return _verdict(seed, fake, job.phase, job.status, job.error_code)


def _verdict(seed: int, fake: FakeProvider, phase: Phase, status: JobStatus, code: str | None) -> str:
    story = f"seed {seed}, {fake.submission_recovery}: {phase} {status} {code}, paid {fake.accepted}"
    assert len(fake.accepted) <= 1, f"paid twice: {story}"
    if phase is Phase.UNKNOWN:
        assert fake.submission_recovery == "none", f"uncertain without need: {story}"
    elif status is JobStatus.FAILED:
        assert (code, fake.accepted) == ("quota_exhausted", []), f"lost: {story}"
    else:
        assert (status, len(fake.accepted)) == (JobStatus.COMPLETED, 1), f"lost: {story}"
    return f"{phase}/{status}"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_seed_pays_twice_and_no_job_is_lost(batch: int, tmp_path: Path) -> None:
    async def all_of_them() -> list[str]:
        return [await _run(seed, tmp_path) for seed in range(batch, RUNS, BATCHES)]

    ends = asyncio.run(all_of_them())
    assert {"done/completed"} < set(ends), "the runs must be varied to mean anything"
