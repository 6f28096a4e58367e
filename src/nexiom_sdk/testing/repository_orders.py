"""The part of the repository contract about orders into rows that exist: an app's wish, failover, resubmit."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from pydantic import JsonValue

from nexiom_sdk.errors import BudgetExceeded, StorageError
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobRepository, SupportsIntake
from nexiom_sdk.spending import Limit, Usage, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_rows import ANOTHER_REQUEST, few_examples
from nexiom_sdk.testing.sample_jobs import after, any_job, claim, columns, row, sample_job
from nexiom_sdk.types import Media, VideoRequest

ALL = UsageQuery()
PRICE = Decimal("0.40")


class OrderContract:
    """Admit; skipped for a repository that has no such method."""

    @pytest.fixture
    def intake(self, repository: JobRepository) -> SupportsIntake:
        """The repository, as one that takes orders into rows."""
        if not isinstance(repository, SupportsIntake):
            pytest.skip("it takes no orders into rows that exist")
        return repository

    # What is written.

    @few_examples
    @given(job=any_job(), step=any_job())
    async def test_an_order_is_written_as_a_step_with_its_request(
        self,
        repository: JobRepository,
        intake: SupportsIntake,
        clock: VirtualClock,
        job: GenerationJob,
        step: GenerationJob,
    ) -> None:
        before = await repository.add(job := job.evolve(type="video"))
        step = step.evolve(id=job.id)
        assert await intake.admit(step, fence=job.fence)
        assert columns(await row(repository, job)) == columns(
            step,
            type=job.type,
            user_id=job.user_id,
            client_key=job.client_key,
            created_at=before.created_at if step.order_no else clock.now(),
            cancel_requested_at=before.cancel_requested_at,
            fence=job.fence + (job.phase is Phase.UNKNOWN and job.ever_claimed),
            run_at=before.run_at,
            leased_until=before.leased_until if step.leased_until else None,
            updated_at=clock.now(),
        )

    async def test_an_order_under_an_old_fence_writes_nothing_whatever_its_limits(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [late] = await claim(repository)
        clock.advance(61)
        [owner] = await claim(repository)
        for limits in ((), [Limit(name="full", over=ALL, max_jobs=0)], [Limit(name="free", over=ALL, max_jobs=9)]):
            assert not await intake.admit(late.evolve(request=ANOTHER_REQUEST), fence=late.fence, limits=limits)
            assert not await intake.admit(sample_job(clock), fence=0, limits=limits)
        assert await row(repository, owner) == owner

    async def test_a_wake_during_an_order_is_kept(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock
    ) -> None:
        for limits in ((), [Limit(name="free", over=ALL, max_jobs=9)]):
            await repository.add(sample_job(clock))
            [job] = await claim(repository)
            clock.advance(5)
            await repository.wake(job.id)
            assert await intake.admit(job.evolve(run_at=after(clock, 60)), fence=job.fence, limits=limits)
            assert (await row(repository, job)).run_at == clock.now()

    async def test_an_order_keeps_the_lease_or_gives_it_back(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        [job] = await claim(repository)
        limits = [Limit(name="free", over=ALL, max_jobs=9)]
        assert await intake.admit(job.evolve(leased_until=after(clock, 999)), fence=job.fence, limits=limits)
        assert (await row(repository, job)).leased_until == job.leased_until
        assert await intake.admit(job.evolve(leased_until=None), fence=job.fence, limits=limits)
        assert (await row(repository, job)).leased_until is None

    async def test_an_impossible_order_is_refused(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock
    ) -> None:
        job = await repository.add(sample_job(clock))
        bytes_in_it = VideoRequest(prompt="a fox", media=(Media.from_bytes(b"\xff\xd8"),))
        with pytest.raises(StorageError):
            await intake.admit(job.evolve(request=bytes_in_it), fence=0)
        assert await row(repository, job) == job

    # Limits.

    async def test_an_order_over_a_limit_is_not_written(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock
    ) -> None:
        job = await repository.add(sample_job(clock, provider_metadata={}))
        await repository.add(sample_job(clock, estimated_cost_usd=PRICE))
        order = job.evolve(estimated_cost_usd=PRICE).with_metadata(choice={})
        budget = Limit(name="budget", over=ALL, max_cost_usd=Decimal("0.79"))
        with pytest.raises(BudgetExceeded, match=r"Nothing was ordered.*\$0.40 of \$0.79 are used") as refused:
            await intake.admit(order, fence=0, limits=[Limit(name="free", over=ALL, max_jobs=9), budget])
        assert refused.value.job_id == job.id
        assert await row(repository, job) == job
        with pytest.raises(BudgetExceeded, match="unknown price"):
            await intake.admit(order.evolve(estimated_cost_usd=None), fence=0, limits=[budget])

    async def test_an_order_does_not_count_besides_itself(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock
    ) -> None:
        job = await repository.add(sample_job(clock, estimated_cost_usd=PRICE))
        limits = [
            Limit(name="budget", over=ALL, max_cost_usd=PRICE),
            Limit(name="quota", over=ALL, max_jobs=1),
            Limit(name="at once", over=UsageQuery(active=True), max_active=1),
        ]
        assert await intake.admit(job, fence=0, limits=limits)
        assert await repository.usage(ALL) == Usage(cost_usd=PRICE, jobs=1, active=1)

    async def test_a_wish_becomes_an_order_at_the_moment_it_is_taken_in(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock
    ) -> None:
        wish = await repository.add(sample_job(clock, provider_metadata={}))
        clock.advance(86_400)
        today = UsageQuery(since=clock.now())
        order = wish.evolve(estimated_cost_usd=PRICE).with_metadata(choice={})
        assert await intake.admit(order, fence=0, limits=[Limit(name="budget", over=today, max_cost_usd=PRICE)])
        assert await repository.usage(today) == Usage(cost_usd=PRICE, jobs=1, active=1)
        assert (await repository.usage(UsageQuery(until=clock.now()))).jobs == 0

    async def test_a_later_order_asks_for_what_the_earlier_ones_cost_where_those_count_too(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock
    ) -> None:
        failed = {"status": JobStatus.FAILED, "phase": Phase.DONE, "estimated_cost_usd": PRICE}
        job = await repository.add(sample_job(clock, **failed))
        yesterday, midnight = clock.now(), clock.now() + timedelta(hours=12)
        clock.advance(86_400)
        timing: dict[str, JsonValue] = {"ordered_at": clock.now().isoformat()}
        again = job.evolve(phase=Phase.QUEUED, status=JobStatus.PENDING, order_no=1).with_metadata(
            earlier_cost_usd="0.40", timing=timing
        )
        since_then, today = UsageQuery(since=yesterday), UsageQuery(since=midnight)
        for over, asked in ((ALL, "0.80"), (since_then, "0.80"), (today, "0.40")):
            just_too_little = Limit(name="budget", over=over, max_cost_usd=Decimal(asked) - Decimal("0.01"))
            with pytest.raises(BudgetExceeded):
                await intake.admit(again, fence=0, limits=[just_too_little])
        assert await row(repository, job) == job
        limits = [
            Limit(name="both", over=since_then, max_cost_usd=Decimal("0.80")),
            Limit(name="today", over=today, max_cost_usd=Decimal("0.40")),
        ]
        assert await intake.admit(again, fence=0, limits=limits)
        assert (await row(repository, job)).created_at == job.created_at
        assert (await repository.usage(since_then)).cost_usd == Decimal("0.80")
        assert (await repository.usage(today)).cost_usd == Decimal("0.40")

    @pytest.mark.parametrize("limit", [{"max_cost_usd": Decimal(4)}, {"max_jobs": 10}], ids=["money", "jobs"])
    async def test_of_many_orders_at_once_as_many_are_written_as_fit(
        self, repository: JobRepository, intake: SupportsIntake, clock: VirtualClock, limit: dict[str, Decimal]
    ) -> None:
        wishes = [await repository.add(sample_job(clock, provider_metadata={})) for _ in range(30)]
        new = [sample_job(clock, estimated_cost_usd=PRICE) for _ in range(30)]
        limits = [Limit(name="bound", over=ALL, **limit)]  # type: ignore[arg-type]
        orders = [wish.evolve(estimated_cost_usd=PRICE).with_metadata(choice={}) for wish in wishes]
        outcomes = await asyncio.gather(
            *(intake.admit(order, fence=0, limits=limits) for order in orders),
            *(repository.add(job, limits=limits) for job in new),
            return_exceptions=True,
        )
        assert Counter(isinstance(one, BudgetExceeded) for one in outcomes) == {False: 10, True: 50}
        assert await repository.usage(ALL) == Usage(cost_usd=Decimal(4), jobs=10, active=10)
