"""The part of the repository contract about limits: what fits, what does not, and what holds when many ask at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.spending import Limit, Usage, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.types import VideoRequest

ALL = UsageQuery()


class LimitContract:
    """Limits."""

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
        with pytest.raises(BudgetExceeded, match=r"Nothing was ordered\..*quota of u1: 0 of 0 jobs"):
            await repository.add(job, limits=[Limit(name="quota of u1", over=ALL, max_jobs=0)])
        assert await repository.get(job.id) is None

    async def test_an_unknown_price_does_not_fit_a_budget(self, repository: JobRepository, clock: VirtualClock) -> None:
        with pytest.raises(BudgetExceeded):
            await repository.add(sample_job(clock), limits=[Limit(name="budget", over=ALL, max_cost_usd=Decimal(99))])

    async def test_what_is_free_fits_even_a_budget_that_is_overspent(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock, cost_usd=Decimal(5)))
        budget = Limit(name="budget", over=ALL, max_cost_usd=Decimal(1))
        await repository.add(sample_job(clock, estimated_cost_usd=Decimal(0)), limits=[budget])
        with pytest.raises(BudgetExceeded):
            await repository.add(sample_job(clock, estimated_cost_usd=Decimal("0.000001")), limits=[budget])

    async def test_a_limit_holds_against_a_hundred_at_once(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        limit = Limit(name="budget", over=ALL, max_cost_usd=Decimal(1))
        price = Decimal("0.10")
        tries = [repository.add(sample_job(clock, estimated_cost_usd=price), limits=[limit]) for _ in range(100)]
        outcomes = Counter(type(one) for one in await asyncio.gather(*tries, return_exceptions=True))
        assert outcomes == {GenerationJob: 10, BudgetExceeded: 90}
        assert await repository.usage(ALL) == Usage(cost_usd=Decimal(1), jobs=10, active=10)

    async def test_limits_over_rows_that_overlap_hold_together(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        everybody = Limit(name="all", over=ALL, max_cost_usd=Decimal(1))
        users = {
            one: Limit(name=one, over=UsageQuery(user_id=one), max_jobs=most) for one, most in (("u1", 7), ("u2", 9))
        }
        tries = [
            repository.add(
                sample_job(clock, user_id=user, estimated_cost_usd=Decimal("0.10")),
                limits=[everybody, limit][:: 1 if number % 2 else -1],
            )
            for number in range(25)
            for user, limit in users.items()
        ]
        outcomes = Counter(type(one) for one in await asyncio.gather(*tries, return_exceptions=True))
        assert outcomes == {GenerationJob: 10, BudgetExceeded: 40}
        of_each = [(await repository.usage(UsageQuery(user_id=user))).jobs for user in users]
        assert sum(of_each) == 10
        assert of_each[0] <= 7
        assert of_each[1] <= 9

    @pytest.mark.parametrize("limit", [{"max_jobs": 10}, {"max_active": 10}], ids=["jobs", "jobs at once"])
    async def test_a_bound_on_jobs_holds_against_a_hundred_at_once_even_without_prices(
        self, repository: JobRepository, clock: VirtualClock, limit: Mapping[str, int]
    ) -> None:
        over = UsageQuery(user_id="u1", active="max_active" in limit)
        quota = Limit(name="quota", over=over, **limit)  # type: ignore[arg-type]
        tries = [repository.add(sample_job(clock, user_id="u1"), limits=[quota]) for _ in range(100)]
        outcomes = Counter(type(one) for one in await asyncio.gather(*tries, return_exceptions=True))
        assert outcomes == {GenerationJob: 10, BudgetExceeded: 90}

    async def test_a_limit_says_what_is_used_what_is_left_and_when_there_is_more(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        renews_at = datetime(2026, 11, 25, tzinfo=UTC)
        budget = Limit(name="the budget", over=ALL, max_cost_usd=Decimal(1), renews_at=renews_at)
        await repository.add(sample_job(clock, estimated_cost_usd=Decimal("0.80")), limits=[budget])
        with pytest.raises(BudgetExceeded) as refused:
            await repository.add(sample_job(clock, estimated_cost_usd=Decimal("0.30")), limits=[budget])
        assert str(refused.value) == (
            "Nothing was ordered. Over a limit: the budget: $0.80 of $1.00 are used, $0.20 is left, "
            "$0.30 more does not fit. Nothing was charged. "
            "There is more from 2026-11-25 00:00 UTC on; until then, raise the budget, or ask for a cheaper clip."
        )

    async def test_a_limit_is_kept_to_the_last_digit(self, repository: JobRepository, clock: VirtualClock) -> None:
        limit = Limit(name="budget", over=ALL, max_cost_usd=Decimal("0.4"))  # in binary, 0.1 + 0.2 + 0.1 is more
        for amount in ("0.1", "0.2", "0.1"):
            await repository.add(sample_job(clock, estimated_cost_usd=Decimal(amount)), limits=[limit])
        with pytest.raises(BudgetExceeded):
            await repository.add(sample_job(clock, estimated_cost_usd=Decimal("0.000001")), limits=[limit])
        await repository.add(sample_job(clock, estimated_cost_usd=Decimal(0)), limits=[limit])

    async def test_a_limit_is_kept_where_a_binary_sum_is_less_than_the_exact_one(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        limit = Limit(name="budget", over=ALL, max_cost_usd=Decimal("0.3"))  # in binary, 0.3 is less than 0.3 - 1E-17
        await repository.add(sample_job(clock, estimated_cost_usd=Decimal("0.3")), limits=[limit])
        with pytest.raises(BudgetExceeded):
            await repository.add(sample_job(clock, estimated_cost_usd=Decimal("1E-17")), limits=[limit])

    async def test_options_for_the_provider_have_no_price_that_fits_a_budget(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        asked = {"acme": {"n": 100}, "other": {}}
        price = {"estimated_cost_usd": Decimal("0.10")}
        wish = VideoRequest(prompt="a fox", options=asked)
        budget = Limit(name="budget", over=ALL, max_cost_usd=Decimal(99))
        with pytest.raises(
            BudgetExceeded, match=r"options for acme, of which .* cost is not known, does not fit"
        ) as no:
            await repository.add(sample_job(clock, request=wish, **price), limits=[budget])
        assert "Leave out the options for acme" in no.value.next_step
        quota = Limit(name="quota", over=ALL, max_jobs=9)
        await repository.add(sample_job(clock, request=wish, **price), limits=[quota])
        await repository.add(sample_job(clock, request=wish, provider="other", **price), limits=[budget])
