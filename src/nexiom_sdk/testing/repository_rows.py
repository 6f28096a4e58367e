"""The part of the repository contract about rows: putting them in, once per client key, and reading them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from nexiom_sdk.errors import IdempotencyConflict, StorageError
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobQuery, JobRepository
from nexiom_sdk.spending import Limit, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.sample_jobs import any_job, columns, sample_job
from nexiom_sdk.types import Media, VideoRequest

# One repository serves all examples, as every example brings ids of its own; and these classes are to be inherited.
few_examples: settings = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)

ANOTHER_REQUEST = VideoRequest(prompt="a hare in snow")


class RowContract:
    """Add, get, list."""

    @few_examples
    @given(job=any_job())
    async def test_a_job_comes_back_as_it_was_put(self, repository: JobRepository, job: GenerationJob) -> None:
        added = await repository.add(job)
        found = await repository.get(job.id)
        assert found is not None
        assert columns(found) == columns(added) == columns(job)
        assert found.run_at_read == added.run_at_read == columns(job)["run_at"]

    async def test_an_unknown_id_gives_none(self, repository: JobRepository) -> None:
        assert await repository.get("0" * 32) is None

    async def test_an_id_is_given_once(self, repository: JobRepository, clock: VirtualClock) -> None:
        job = await repository.add(sample_job(clock, provider_metadata={"n": 1}))
        with pytest.raises(StorageError):
            await repository.add(job.evolve(provider_metadata={"n": 2}))
        assert await repository.get(job.id) == job

    async def test_a_row_does_not_share_its_metadata(self, repository: JobRepository, clock: VirtualClock) -> None:
        metadata = {"operation": {"pages": [1]}}
        job = await repository.add(sample_job(clock, provider_metadata=metadata))
        metadata["operation"]["pages"].append(2)
        found = await repository.get(job.id)
        assert found is not None
        assert found.provider_metadata == {"operation": {"pages": [1]}}

    @pytest.mark.parametrize(
        "impossible",
        [
            {"status": JobStatus.COMPLETED},
            {"phase": Phase.WAITING},
            {"duration_seconds": 0.0},
            {"duration_seconds": math.inf},
            {"provider_metadata": {"operation": object()}},
            {"request": VideoRequest(prompt="a fox", media=(Media.from_bytes(b"\xff\xd8"),))},
        ],
        ids=["completed without result", "waiting without id", "no length", "endless", "no JSON", "bytes"],
    )
    async def test_an_impossible_row_is_refused(
        self, repository: JobRepository, clock: VirtualClock, impossible: Mapping[str, object]
    ) -> None:
        job = sample_job(clock, **impossible)
        with pytest.raises(StorageError):
            await repository.add(job)
        assert await repository.get(job.id) is None

    async def test_an_order_of_a_provider_belongs_to_one_video(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock, provider_job_id="v1"))
        await repository.add(sample_job(clock, provider_job_id="v1", provider="other"))
        await repository.add(sample_job(clock, provider_job_id="v1", type="poster"))
        with pytest.raises(StorageError):
            await repository.add(sample_job(clock, provider_job_id="v1"))
        second = await repository.add(sample_job(clock))
        with pytest.raises(StorageError):
            await repository.save(second.evolve(provider_job_id="v1"), fence=0)
        assert await repository.get(second.id) == second

    # Client keys.

    async def test_a_second_tap_gives_the_first_job_even_over_a_limit(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        first = await repository.add(sample_job(clock, client_key="tap"))
        full = Limit(name="quota", over=UsageQuery(), max_jobs=0)
        assert await repository.add(sample_job(clock, client_key="tap"), limits=[full]) == first
        assert (await repository.usage(UsageQuery())).jobs == 1

    async def test_many_taps_at_once_make_one_job(self, repository: JobRepository, clock: VirtualClock) -> None:
        taps = [repository.add(sample_job(clock, client_key="tap")) for _ in range(20)]
        assert len({job.id for job in await asyncio.gather(*taps)}) == 1

    async def test_a_client_key_for_another_request_is_a_conflict(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        first = await repository.add(sample_job(clock, client_key="tap"))
        with pytest.raises(IdempotencyConflict, match="tap") as conflict:
            await repository.add(sample_job(clock, client_key="tap", request=ANOTHER_REQUEST))
        assert conflict.value.job_id == first.id
        assert (await repository.usage(UsageQuery())).jobs == 1

    async def test_client_keys_belong_to_users_and_no_user_is_one_too(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        users = ("u1", "u2", None, "u1", "u2", None)
        jobs = [await repository.add(sample_job(clock, client_key="tap", user_id=user)) for user in users]
        assert [job.id for job in jobs[:3]] == [job.id for job in jobs[3:]]
        assert len({job.id for job in jobs}) == 3

    async def test_jobs_without_a_client_key_are_all_their_own(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        jobs = [await repository.add(sample_job(clock)) for _ in range(3)]
        assert len({job.id for job in jobs}) == 3

    # Lists.

    async def test_an_id_of_a_provider_finds_the_video_and_nothing_that_was_made_from_it(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        video = await repository.add(sample_job(clock, provider_job_id="v1"))
        await repository.add(sample_job(clock, provider_job_id="v1", type="poster"))
        assert await repository.list(JobQuery(provider="acme", provider_job_id="v1")) == [video]

    async def test_a_list_has_the_newest_first_and_goes_on_before_a_moment(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        start = clock.now()
        order = [2, 0, 3, 1]
        for minute in order:
            await repository.add(sample_job(clock, model=str(minute), created_at=start + timedelta(minutes=minute)))
        page = await repository.list(JobQuery(limit=2))
        rest = await repository.list(JobQuery(limit=2, before=page[-1].created_at.replace(tzinfo=None)))
        assert [job.model for job in (*page, *rest)] == ["3", "2", "1", "0"]
        assert await repository.list(JobQuery(before=start)) == []
        assert await repository.list(JobQuery(limit=0)) == []

    @pytest.mark.parametrize(
        ("query", "models"),
        [
            (JobQuery(), {"a", "b", "c"}),
            (JobQuery(user_id="u1"), {"a", "b"}),
            (JobQuery(status=JobStatus.FAILED), {"b", "c"}),
            (JobQuery(phases=(Phase.QUEUED, Phase.DONE)), {"a", "b"}),
            (JobQuery(user_id="u1", status=JobStatus.FAILED, phases=(Phase.UNKNOWN,)), set[str]()),
            (JobQuery(provider="acme"), {"a", "b"}),
            (JobQuery(provider="acme", provider_job_id="v1"), {"a"}),
            (JobQuery(provider="other", provider_job_id="v1", phases=(Phase.UNKNOWN,)), {"c"}),
            (JobQuery(provider="other", provider_job_id="v2"), set[str]()),
        ],
    )
    async def test_a_list_has_the_rows_that_fit_every_wish(
        self, repository: JobRepository, clock: VirtualClock, query: JobQuery, models: set[str]
    ) -> None:
        failed = JobStatus.FAILED
        await repository.add(sample_job(clock, model="a", user_id="u1", provider_job_id="v1"))
        await repository.add(sample_job(clock, model="b", user_id="u1", status=failed, phase=Phase.DONE))
        other = {"provider": "other", "provider_job_id": "v1"}
        await repository.add(sample_job(clock, model="c", status=failed, phase=Phase.UNKNOWN, **other))
        found = await repository.list(query)
        assert {job.model for job in found} == models
        assert all(job.run_at_read == job.run_at for job in found)

    async def test_what_is_overdue_is_what_a_claim_would_take_longest_due_first(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        start = clock.now()
        for model, late_minutes, fields in (
            ("b", 2, {}),
            ("a", 3, {}),
            ("c", 1, {}),
            ("held", 3, {"leased_until": start + timedelta(minutes=9)}),
            ("free again", 4, {"leased_until": start - timedelta(minutes=1)}),
            ("ended", 3, {"phase": Phase.DONE}),
            ("no video", 3, {"type": "poster"}),
        ):
            await repository.add(
                sample_job(clock, model=model, run_at=start - timedelta(minutes=late_minutes), **fields)
            )
        overdue = await repository.list(JobQuery(due_before=start - timedelta(minutes=1)))
        assert [job.model for job in overdue] == ["free again", "a", "b"]
        assert len(await repository.list(JobQuery(due_before=start, limit=1))) == 1
