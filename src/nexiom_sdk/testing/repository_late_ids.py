"""The part of the repository contract about money already spent: provider ids that arrive after their step was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.sample_jobs import claim, columns, row, sample_job

FAILED = {"status": JobStatus.FAILED, "error_code": "submission_uncertain", "error_message": "Nobody knows."}
LEASED = {"leased_until": VirtualClock().now() + timedelta(seconds=60)}


class LateIdContract:
    """Adopt."""

    @pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.SUBMITTING, Phase.UNKNOWN])
    async def test_a_late_id_is_adopted_without_a_fence(
        self, repository: JobRepository, clock: VirtualClock, phase: Phase
    ) -> None:
        job = await repository.add(sample_job(clock, phase=phase, order_no=2, fence=7, **FAILED, **LEASED))
        clock.advance(5)
        assert await repository.adopt_late_id(job.id, 2, "other", "v1")
        now = clock.now()
        assert columns(await row(repository, job)) == columns(
            job,
            provider="other",
            provider_job_id="v1",
            phase=Phase.WAITING,
            status=JobStatus.PROCESSING,
            error_code=None,
            error_message=None,
            run_at=now,
            leased_until=None,
            fence=8,
            updated_at=now,
        )

    async def test_whoever_held_the_job_cannot_write_over_a_late_id(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock, phase=Phase.SUBMITTING))
        [resolving] = await claim(repository)
        assert await repository.adopt_late_id(resolving.id, 0, "acme", "v1")
        assert not await repository.save(resolving.evolve(phase=Phase.QUEUED), fence=resolving.fence)
        assert (await row(repository, resolving)).provider_job_id == "v1"

    @pytest.mark.parametrize("phase", [Phase.WAITING, Phase.SAVING, Phase.DONE])
    @pytest.mark.parametrize(("late_id", "adopted"), [("v1", True), ("v2", False)])
    async def test_a_job_keeps_the_id_it_has(
        self, repository: JobRepository, clock: VirtualClock, phase: Phase, late_id: str, *, adopted: bool
    ) -> None:
        job = await repository.add(sample_job(clock, phase=phase, provider_job_id="v1"))
        clock.advance(5)
        assert await repository.adopt_late_id(job.id, 0, "acme", late_id) is adopted
        assert await row(repository, job) == job

    @pytest.mark.parametrize(
        "fields",
        [{"order_no": 1}, {"phase": Phase.SAVING}, {"phase": Phase.DONE}],
        ids=["another order", "saving", "done"],
    )
    async def test_a_late_id_of_an_order_that_is_over_is_not_adopted(
        self, repository: JobRepository, clock: VirtualClock, fields: Mapping[str, object]
    ) -> None:
        job = await repository.add(sample_job(clock, fence=7, **fields))
        assert not await repository.adopt_late_id(job.id, 0, "acme", "v1")
        assert await row(repository, job) == job

    async def test_a_late_id_that_another_job_holds_is_not_adopted(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        holder = await repository.add(sample_job(clock, phase=Phase.WAITING, provider_job_id="v1"))
        job = await repository.add(sample_job(clock, phase=Phase.UNKNOWN, fence=7))
        assert not await repository.adopt_late_id(job.id, 0, "acme", "v1")
        assert await row(repository, job) == job
        assert await row(repository, holder) == holder

    async def test_a_late_id_of_an_unknown_job_is_not_adopted(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        assert not await repository.adopt_late_id(sample_job(clock).id, 0, "acme", "v1")

    async def test_a_video_from_before_is_not_adopted(self, repository: JobRepository, clock: VirtualClock) -> None:
        job = await repository.add(sample_job(clock, phase=Phase.UNKNOWN, provider_metadata={}))
        assert not await repository.adopt_late_id(job.id, 0, "acme", "v1")
        assert await row(repository, job) == job

    @pytest.mark.parametrize("at_once", [1, 20])
    async def test_of_many_late_ids_one_is_adopted(
        self, repository: JobRepository, clock: VirtualClock, at_once: int
    ) -> None:
        job = await repository.add(sample_job(clock, phase=Phase.SUBMITTING))
        late = [repository.adopt_late_id(job.id, 0, "acme", f"v{number}") for number in range(at_once)]
        assert sum(await asyncio.gather(*late)) == 1
        assert (await row(repository, job)).fence == 1
