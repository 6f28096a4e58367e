"""The part of the repository contract about figures: limits, what jobs cost, how long they took."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.jobs import CLAIMABLE, GenerationJob, JobRepository, JobStatus, Limit, Phase, Usage, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.sample_jobs import sample_job

ALL = UsageQuery()


class SumContract:
    """Limits, usage, durations."""

    # Limits.

    @pytest.mark.parametrize(
        ("limit", "fits"),
        [
            (Limit(name="budget", over=ALL, max_cost_usd=Decimal("0.30")), 3),
            (Limit(name="budget", over=ALL, max_cost_usd=Decimal("0.29")), 2),
            (Limit(name="quota", over=ALL, max_jobs=4), 4),
            (Limit(name="quota", over=ALL, max_active=2), 2),
            (Limit(name="quota of u1", over=UsageQuery(user_id="u1"), max_jobs=1), 1),
            (Limit(name="quota of another", over=UsageQuery(user_id="u2"), max_jobs=1), 5),
        ],
    )
    async def test_a_limit_counts_the_new_job_in(
        self, repository: JobRepository, clock: VirtualClock, limit: Limit, fits: int
    ) -> None:
        for _ in range(5):
            job = sample_job(clock, user_id="u1", estimated_cost_usd=Decimal("0.10"))
            with contextlib.suppress(BudgetExceeded):
                await repository.add(job, limits=[Limit(name="none", over=ALL), limit])
        assert (await repository.usage(ALL)).jobs == fits

    async def test_a_job_over_a_limit_is_not_inserted(self, repository: JobRepository, clock: VirtualClock) -> None:
        job = sample_job(clock)
        with pytest.raises(BudgetExceeded, match="quota of u1: 0 of 0 jobs"):
            await repository.add(job, limits=[Limit(name="quota of u1", over=ALL, max_jobs=0)])
        assert await repository.get(job.id) is None

    async def test_an_unknown_price_does_not_fit_a_budget(self, repository: JobRepository, clock: VirtualClock) -> None:
        with pytest.raises(BudgetExceeded):
            await repository.add(sample_job(clock), limits=[Limit(name="budget", over=ALL, max_cost_usd=Decimal(99))])

    async def test_a_limit_holds_against_a_hundred_at_once(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        limit = Limit(name="budget", over=ALL, max_cost_usd=Decimal(1))
        price = Decimal("0.10")
        tries = [repository.add(sample_job(clock, estimated_cost_usd=price), limits=[limit]) for _ in range(100)]
        outcomes = Counter(type(one) for one in await asyncio.gather(*tries, return_exceptions=True))
        assert outcomes == {GenerationJob: 10, BudgetExceeded: 90}
        assert await repository.usage(ALL) == Usage(cost_usd=Decimal(1), jobs=10, active=10)

    # Sums.

    @pytest.mark.parametrize(
        ("fields", "counted"),
        [
            ({}, "0"),
            ({"estimated_cost_usd": Decimal("0.40")}, "0.40"),
            ({"estimated_cost_usd": Decimal("0.40"), "cost_usd": Decimal("0.35")}, "0.35"),
            ({"estimated_cost_usd": Decimal("0.40"), "cost_usd": Decimal(0)}, "0"),
            ({"estimated_cost_usd": Decimal("0.40"), "status": JobStatus.FAILED}, "0.40"),
            ({"estimated_cost_usd": Decimal("0.40"), "status": JobStatus.FAILED, "charged": "unknown"}, "0.40"),
            ({"estimated_cost_usd": Decimal("0.40"), "status": JobStatus.FAILED, "charged": "yes"}, "0.40"),
            ({"estimated_cost_usd": Decimal("0.40"), "status": JobStatus.FAILED, "charged": "no"}, "0"),
            ({"estimated_cost_usd": Decimal("0.40"), "charged": "no"}, "0.40"),
            ({"cost_usd": Decimal("0.35"), "status": JobStatus.FAILED, "charged": "no"}, "0.35"),
        ],
    )
    async def test_a_job_counts_what_it_cost_or_may_cost(
        self, repository: JobRepository, clock: VirtualClock, fields: Mapping[str, object], counted: str
    ) -> None:
        columns_set = dict(fields)
        failure = {"failure": {"charged": columns_set.pop("charged", None)}}
        await repository.add(sample_job(clock, provider_metadata=failure, **columns_set))
        assert (await repository.usage(ALL)).cost_usd == Decimal(counted)

    async def test_sums_are_exact(self, repository: JobRepository, clock: VirtualClock) -> None:
        amounts = [Decimal("0.1"), Decimal("0.10"), Decimal("0.2"), Decimal("0.000001"), Decimal("123456.7")]
        for amount in amounts:
            await repository.add(sample_job(clock, estimated_cost_usd=amount))
        assert (await repository.usage(ALL)).cost_usd == Decimal("123457.100001")

    async def test_active_jobs_are_those_that_a_worker_may_claim(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        assert await repository.usage(ALL) == Usage()
        for phase in Phase:
            await repository.add(sample_job(clock, phase=phase, provider_job_id=f"v-{phase}"))
        assert await repository.usage(ALL) == Usage(jobs=len(Phase), active=len(CLAIMABLE))

    @pytest.mark.parametrize(
        ("query", "jobs"),
        [
            (UsageQuery(user_id="u1"), 1),
            (UsageQuery(provider="acme"), 2),
            (UsageQuery(quality_tier="cinematic"), 2),
            (UsageQuery(quality_tier="cinematic", provider="acme"), 1),
            (UsageQuery(user_id="nobody"), 0),
        ],
    )
    async def test_a_sum_is_over_the_rows_that_fit_every_wish(
        self, repository: JobRepository, clock: VirtualClock, query: UsageQuery, jobs: int
    ) -> None:
        await repository.add(sample_job(clock, user_id="u1"))
        await repository.add(sample_job(clock, quality_tier="cinematic"))
        await repository.add(sample_job(clock, quality_tier="cinematic", provider="other"))
        assert (await repository.usage(query)).jobs == jobs

    async def test_a_sum_since_a_moment_has_the_jobs_of_that_moment(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        clock.advance(60)
        since = clock.now()
        await repository.add(sample_job(clock))
        assert (await repository.usage(UsageQuery(since=since))).jobs == 1
        assert (await repository.usage(UsageQuery(since=since + timedelta(microseconds=1)))).jobs == 0

    async def test_durations_are_those_of_the_newest_finished_jobs_of_one_setting(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        done = {"status": JobStatus.COMPLETED, "phase": Phase.DONE, "result_url": "file:///v.mp4"}
        for took in (50, 30.5, 40):
            clock.advance(1)
            timing = {"key": "acme|a1", "took_seconds": took}
            await repository.add(sample_job(clock, provider_metadata={"timing": timing}, **done))
        for other in ({"key": "acme|a2", "took_seconds": 9.0}, {"key": "acme|a1"}, None):
            await repository.add(sample_job(clock, provider_metadata={"timing": other}, **done))
        running = {"timing": {"key": "acme|a1", "took_seconds": 7.0}}
        await repository.add(sample_job(clock, provider_metadata=running))
        assert await repository.durations("acme|a1", 9) == [40, 30.5, 50]
        assert await repository.durations("acme|a1", 2) == [40, 30.5]
        assert await repository.durations("acme|a1", 0) == []
        assert await repository.durations("unheard of", 9) == []
