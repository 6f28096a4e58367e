"""The part of the repository contract about work: claims, fences, saves, leases and wakes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import assume, given

from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import CLAIMABLE, JobStatus, Phase
from nexiom_sdk.repositories import JobQuery, JobRepository, SupportsClock
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_rows import ANOTHER_REQUEST, few_examples
from nexiom_sdk.testing.sample_jobs import after, any_job, claim, columns, row, sample_job

RESTING = tuple(phase for phase in Phase if phase not in CLAIMABLE)


class LeaseContract:
    """Claim, save, extend, wake."""

    # Claims.

    @pytest.mark.parametrize("phase", CLAIMABLE)
    async def test_a_claim_leases_and_raises_the_fence_and_nothing_else(
        self, repository: JobRepository, clock: VirtualClock, phase: Phase
    ) -> None:
        job = await repository.add(sample_job(clock, phase=phase, provider_job_id="v1"))
        clock.advance(5)
        [claimed] = await repository.claim(limit=9, lease_seconds=60)
        assert columns(claimed) == columns(job, leased_until=after(clock, 60), fence=1)
        assert claimed == await row(repository, job)
        assert claimed.run_at_read == job.run_at

    @pytest.mark.parametrize("phase", RESTING)
    async def test_what_has_ended_is_never_claimed(
        self, repository: JobRepository, clock: VirtualClock, phase: Phase
    ) -> None:
        job = await repository.add(sample_job(clock, phase=phase))
        assert await claim(repository) == []
        assert await claim(repository, job) == []

    async def test_the_oldest_due_jobs_come_first(self, repository: JobRepository, clock: VirtualClock) -> None:
        for minutes in (3, 1, 4, 2):
            await repository.add(sample_job(clock, model=str(minutes), run_at=after(clock, -60 * minutes)))
        first = await repository.claim(limit=3, lease_seconds=60)
        then = await repository.claim(limit=3, lease_seconds=60)
        assert [[job.model for job in jobs] for jobs in (first, then)] == [["4", "3", "2"], ["1"]]
        assert await repository.claim(limit=0, lease_seconds=60) == []

    async def test_a_job_is_claimed_from_its_moment_on(self, repository: JobRepository, clock: VirtualClock) -> None:
        job = await repository.add(sample_job(clock, run_at=after(clock, 10)))
        clock.advance(9.999999)
        assert await claim(repository) == []
        assert await claim(repository, job) == []
        clock.advance(0.000001)
        assert len(await claim(repository)) == 1

    async def test_a_lease_ends_and_the_next_claim_has_the_next_fence(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        job = await repository.add(sample_job(clock))
        assert len(await claim(repository)) == 1
        clock.advance(60)
        assert await claim(repository) == []
        assert await claim(repository, job) == []
        clock.advance(0.000001)
        [again] = await claim(repository)
        assert (again.fence, again.leased_until) == (2, after(clock, 60))

    async def test_naming_a_job_narrows_the_claim_to_it(self, repository: JobRepository, clock: VirtualClock) -> None:
        jobs = [await repository.add(sample_job(clock)) for _ in range(3)]
        assert [job.id for job in await claim(repository, jobs[1])] == [jobs[1].id]
        assert await claim(repository, sample_job(clock)) == []
        assert {job.id for job in await claim(repository)} == {jobs[0].id, jobs[2].id}

    async def test_claims_at_once_never_share_a_job(self, repository: JobRepository, clock: VirtualClock) -> None:
        for _ in range(20):
            await repository.add(sample_job(clock))
        claims = await asyncio.gather(*[repository.claim(limit=3, lease_seconds=60) for _ in range(10)])
        claimed = [job.id for jobs in claims for job in jobs]
        assert len(claimed) == len(set(claimed)) == 20

    # Saves.

    @few_examples
    @given(job=any_job(), step=any_job())
    async def test_a_save_writes_the_step_and_leaves_what_is_not_its_own(
        self, repository: JobRepository, clock: VirtualClock, job: GenerationJob, step: GenerationJob
    ) -> None:
        unseen = job.cancel_requested_at is not None and step.cancel_requested_at is None
        assume(
            not unseen or (job.phase, step.phase) != (Phase.QUEUED, Phase.SUBMITTING)
        )  # a cancel is not ordered over
        before = await repository.add(job := job.evolve(type="video"))
        step = step.evolve(id=job.id)
        assert await repository.save(step, fence=job.fence)
        assert columns(await row(repository, job)) == columns(
            step,
            type=job.type,
            user_id=job.user_id,
            client_key=job.client_key,
            request=job.request,
            created_at=before.created_at,
            cancel_requested_at=before.cancel_requested_at,
            fence=job.fence + (job.phase is Phase.UNKNOWN and job.ever_claimed),
            run_at=before.run_at,
            leased_until=before.leased_until if step.leased_until else None,
            updated_at=clock.now(),
        )

    async def test_a_save_under_an_old_fence_writes_nothing(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [late] = await claim(repository)
        clock.advance(61)
        [owner] = await claim(repository)
        assert not await repository.save(late.evolve(phase=Phase.DONE), fence=late.fence)
        assert await row(repository, owner) == owner
        assert await repository.save(owner.evolve(phase=Phase.DONE), fence=owner.fence)

    async def test_of_two_who_bring_an_uncertain_job_back_only_the_first_does(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        assert await repository.save(job.evolve(phase=Phase.UNKNOWN, leased_until=None), fence=job.fence)
        assert (await row(repository, job)).fence == job.fence
        assert await repository.save(job.evolve(phase=Phase.SAVING), fence=job.fence)
        assert not await repository.save(job.evolve(phase=Phase.QUEUED, order_no=1), fence=job.fence)
        assert (await row(repository, job)).phase is Phase.SAVING

    async def test_a_save_of_an_unknown_job_writes_nothing(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        job = sample_job(clock)
        assert not await repository.save(job, fence=0)
        assert await repository.get(job.id) is None

    @pytest.mark.parametrize(("next_seconds", "kept_seconds"), [(60, 60), (None, None), (-60, -60)])
    async def test_a_save_sets_the_next_step_unless_it_was_left_alone(
        self, repository: JobRepository, clock: VirtualClock, next_seconds: float | None, kept_seconds: float | None
    ) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        run_at = job.run_at if next_seconds is None else after(clock, next_seconds)
        await repository.save(job.evolve(run_at=run_at), fence=job.fence)
        expected = job.run_at if kept_seconds is None else after(clock, kept_seconds)
        assert (await row(repository, job)).run_at == expected

    @pytest.mark.parametrize(
        ("next_seconds", "kept_seconds"),
        [(60, 5), (3, 3), (None, 5)],
        ids=["the wake is earlier", "the step is earlier", "the step leaves it alone"],
    )
    async def test_a_wake_during_a_step_is_kept(
        self, repository: JobRepository, clock: VirtualClock, next_seconds: float | None, kept_seconds: float
    ) -> None:
        start = clock.now()
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        clock.advance(5)
        await repository.wake(job.id)
        run_at = job.run_at if next_seconds is None else start + timedelta(seconds=next_seconds)
        assert await repository.save(job.evolve(run_at=run_at), fence=job.fence)
        assert (await row(repository, job)).run_at == start + timedelta(seconds=kept_seconds)

    async def test_a_step_of_two_saves_keeps_a_wake_in_between(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        first = job.evolve(run_at=after(clock, 60))
        await repository.save(first, fence=job.fence)
        clock.advance(5)
        await repository.wake(job.id)
        await repository.save(first.as_read().evolve(run_at=after(clock, 90)), fence=job.fence)
        assert (await row(repository, job)).run_at == clock.now()

    async def test_a_save_releases_the_lease_or_leaves_it(self, repository: JobRepository, clock: VirtualClock) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        await repository.save(job.evolve(leased_until=after(clock, 999)), fence=job.fence)
        assert (await row(repository, job)).leased_until == job.leased_until
        await repository.save(job.evolve(leased_until=None), fence=job.fence)
        assert (await row(repository, job)).leased_until is None

    async def test_a_save_does_not_undo_a_cancel(self, repository: JobRepository, clock: VirtualClock) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        clock.advance(5)
        await repository.wake(job.id, cancel=True)
        await repository.save(job.evolve(cancel_requested_at=None, request=ANOTHER_REQUEST), fence=job.fence)
        saved = await row(repository, job)
        assert (saved.cancel_requested_at, saved.request) == (clock.now(), job.request)

    async def test_an_intent_is_not_written_over_a_cancel_that_it_does_not_know(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        await repository.wake(job.id, cancel=True)
        woken = await row(repository, job)
        intent = job.evolve(phase=Phase.SUBMITTING, status=JobStatus.PROCESSING)
        assert not await repository.save(intent, fence=job.fence)
        assert await row(repository, job) == woken
        assert await repository.save(job.evolve(phase=Phase.DONE, status=JobStatus.FAILED), fence=job.fence)

    async def test_an_intent_that_knows_of_the_cancel_is_written(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        await repository.wake((await repository.list(JobQuery()))[0].id, cancel=True)
        [job] = await claim(repository)
        assert await repository.save(job.evolve(phase=Phase.SUBMITTING), fence=job.fence)

    async def test_a_cancel_after_the_intent_keeps_no_answer_from_being_written(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        intent = job.evolve(phase=Phase.SUBMITTING)
        assert await repository.save(intent, fence=job.fence)
        await repository.wake(job.id, cancel=True)
        assert await repository.save(intent.as_read().evolve(error_message="later"), fence=job.fence)
        answered = intent.evolve(phase=Phase.WAITING, provider_job_id="v1")
        assert await repository.save(answered, fence=job.fence)

    # Leases.

    async def test_a_lease_is_lengthened_from_now_on(self, repository: JobRepository, clock: VirtualClock) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        clock.advance(20)
        assert await repository.extend(job.id, fence=job.fence, seconds=60)
        assert columns(await row(repository, job)) == columns(job, leased_until=after(clock, 60))

    async def test_a_lease_is_not_lengthened_under_another_fence(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        assert not await repository.extend(job.id, fence=job.fence - 1, seconds=600)
        assert not await repository.extend(job.id, fence=job.fence + 1, seconds=600)
        assert not await repository.extend(sample_job(clock).id, fence=0, seconds=600)
        assert await row(repository, job) == job

    async def test_a_lease_that_was_given_back_is_not_lengthened(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        assert await repository.save(job.evolve(leased_until=None), fence=job.fence)
        assert not await repository.extend(job.id, fence=job.fence, seconds=600)
        assert (await row(repository, job)).leased_until is None

    async def test_rows_that_can_be_asked_the_time_tell_that_of_their_leases(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        if not isinstance(repository, SupportsClock):
            pytest.skip("it cannot be asked")
        await repository.add(sample_job(clock))
        clock.advance(5)
        [job] = await claim(repository)
        assert job.leased_until == await repository.now() + timedelta(seconds=60) == after(clock, 60)

    # Wakes.

    @pytest.mark.parametrize("phase", CLAIMABLE)
    async def test_a_wake_makes_a_job_due_and_leaves_lease_and_fence(
        self, repository: JobRepository, clock: VirtualClock, phase: Phase
    ) -> None:
        later = after(clock, 600)
        job = await repository.add(
            sample_job(clock, phase=phase, provider_job_id="v1", run_at=later, leased_until=later, fence=3)
        )
        clock.advance(5)
        await repository.wake(job.id)
        assert columns(await row(repository, job)) == columns(job, run_at=clock.now())

    async def test_a_wake_may_be_for_a_little_later(self, repository: JobRepository, clock: VirtualClock) -> None:
        job = await repository.add(sample_job(clock, run_at=after(clock, 600)))
        clock.advance(5)
        await repository.wake(job.id, cancel=True, after_seconds=2.5)
        due, now = after(clock, 2.5), clock.now()
        assert columns(await row(repository, job)) == columns(job, run_at=due, cancel_requested_at=now)

    @pytest.mark.parametrize("phase", RESTING)
    async def test_a_wake_leaves_what_has_ended(
        self, repository: JobRepository, clock: VirtualClock, phase: Phase
    ) -> None:
        job = await repository.add(sample_job(clock, phase=phase))
        clock.advance(5)
        await repository.wake(job.id, cancel=True)
        assert await row(repository, job) == job

    async def test_a_cancel_is_noted_once(self, repository: JobRepository, clock: VirtualClock) -> None:
        job = await repository.add(sample_job(clock))
        clock.advance(5)
        await repository.wake(job.id, cancel=True)
        first = clock.now()
        clock.advance(5)
        await repository.wake(job.id, cancel=True)
        await repository.wake(job.id)
        assert columns(await row(repository, job)) == columns(job, run_at=clock.now(), cancel_requested_at=first)

    async def test_a_wake_of_an_unknown_job_does_nothing(self, repository: JobRepository, clock: VirtualClock) -> None:
        await repository.wake(sample_job(clock).id, cancel=True)
