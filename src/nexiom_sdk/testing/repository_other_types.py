"""The part of the repository contract about rows that are no videos: the table is shared, and they belong to others."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import CLAIMABLE, JobStatus, Phase
from nexiom_sdk.repositories import JobQuery, JobRepository, SupportsIntake
from nexiom_sdk.spending import Limit, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_rows import ANOTHER_REQUEST
from nexiom_sdk.testing.sample_jobs import after, claim, row, sample_job


class OtherTypeContract:
    """What no method but `add` and `get` sees."""

    @pytest.fixture
    async def poster(self, repository: JobRepository, clock: VirtualClock) -> GenerationJob:
        """A row that would be due, and leased under a fence, if it was a video."""
        job = sample_job(clock, type="poster", user_id="u1", client_key="tap", run_at=after(clock, -60), fence=3)
        return await repository.add(job)

    @pytest.mark.parametrize(
        "wish",
        [
            {},
            {"user_id": "u1"},
            {"status": JobStatus.PENDING},
            {"phases": (Phase.QUEUED,)},
            {"provider": "acme"},
            {"due_before": VirtualClock().now()},
        ],
        ids=lambda wish: next(iter(wish), "all"),
    )
    async def test_a_row_of_another_type_is_not_listed(
        self, repository: JobRepository, poster: GenerationJob, wish: Mapping[str, object]
    ) -> None:
        assert await repository.list(JobQuery(**wish)) == []  # type: ignore[arg-type]
        assert await repository.get(poster.id) == poster

    async def test_a_row_of_another_type_is_never_claimed(
        self, repository: JobRepository, poster: GenerationJob
    ) -> None:
        assert await claim(repository) == []
        assert await claim(repository, poster) == []

    @pytest.mark.parametrize("phase", CLAIMABLE)
    async def test_a_row_of_another_type_is_not_woken(
        self, repository: JobRepository, clock: VirtualClock, phase: Phase
    ) -> None:
        job = await repository.add(sample_job(clock, type="poster", phase=phase, run_at=after(clock, 60)))
        await repository.wake(job.id, cancel=True)
        assert await row(repository, job) == job

    @pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.SUBMITTING, Phase.UNKNOWN])
    @pytest.mark.parametrize("held", [None, "v1"], ids=["without an id", "with this id"])
    async def test_a_row_of_another_type_is_not_adopted(
        self, repository: JobRepository, clock: VirtualClock, phase: Phase, held: str | None
    ) -> None:
        job = await repository.add(sample_job(clock, type="poster", phase=phase, provider_job_id=held, fence=3))
        assert not await repository.adopt_late_id(job.id, 0, "acme", "v1")
        assert await row(repository, job) == job

    async def test_a_row_of_another_type_is_not_saved_under_its_own_fence(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        job = await repository.add(sample_job(clock, type="poster", fence=3, leased_until=after(clock, 60)))
        step = job.evolve(phase=Phase.DONE, status=JobStatus.FAILED, request=ANOTHER_REQUEST)
        assert not await repository.save(step, fence=3)
        assert not await repository.extend(job.id, fence=3, seconds=600)
        if isinstance(repository, SupportsIntake):
            for limits in ((), *([Limit(name="quota", over=UsageQuery(), max_jobs=jobs)] for jobs in (9, 0))):
                assert not await repository.admit(step, fence=3, limits=limits)
        assert await row(repository, job) == job

    async def test_a_row_of_another_type_is_not_counted(self, repository: JobRepository, clock: VirtualClock) -> None:
        timing = {"key": "acme|a1", "took_seconds": 30.0}
        ended = {"status": JobStatus.COMPLETED, "phase": Phase.DONE, "result_url": "file:///p.png"}
        await repository.add(
            sample_job(
                clock,
                type="poster",
                estimated_cost_usd=Decimal("0.40"),
                provider_metadata={"choice": {}, "timing": timing},
                **ended,
            )
        )
        assert (await repository.usage(UsageQuery())).jobs == 0
        assert await repository.durations("acme|a1", 5) == []

    async def test_a_client_key_of_another_type_is_no_key_of_a_video(
        self, repository: JobRepository, clock: VirtualClock, poster: GenerationJob
    ) -> None:
        video = await repository.add(sample_job(clock, user_id="u1", client_key="tap", request=ANOTHER_REQUEST))
        assert video.type == "video"
        again = await repository.add(sample_job(clock, user_id="u1", client_key="tap", request=ANOTHER_REQUEST))
        assert again.id == video.id
        other = await repository.add(sample_job(clock, type="poster", user_id="u1", client_key="tap"))
        assert len({poster.id, video.id, other.id}) == 3
        assert await repository.list(JobQuery()) == [video]
