"""The part of the repository contract about figures: what jobs cost, and how long they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import CLAIMABLE, JobStatus, Phase
from nexiom_sdk.repositories import JobRepository, SupportsSpend
from nexiom_sdk.spending import MOST_COST_USD, Limit, Usage, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_rows import few_examples
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.testing.sample_orders import UNREADABLE, any_order, any_query

ALL = UsageQuery()


class SumContract:
    """Usage, durations."""

    @pytest.mark.parametrize(
        ("fields", "counted"),
        [
            ({}, "0"),
            ({"estimated_cost_usd": Decimal("0.40")}, "0.40"),
            ({"estimated_cost_usd": Decimal("0.40"), "cost_usd": Decimal("0.35")}, "0.35"),
            ({"estimated_cost_usd": Decimal("0.40"), "cost_usd": Decimal(0)}, "0"),
            ({"cost_usd": Decimal("0.35")}, "0.35"),
            ({"estimated_cost_usd": Decimal("0.40"), "status": JobStatus.FAILED}, "0.40"),
        ],
    )
    async def test_a_job_counts_what_it_cost_or_may_cost(
        self, repository: JobRepository, clock: VirtualClock, fields: Mapping[str, object], counted: str
    ) -> None:
        await repository.add(sample_job(clock, **fields))
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
        assert await repository.usage(UsageQuery(active=True)) == Usage(jobs=len(CLAIMABLE), active=len(CLAIMABLE))

    async def test_a_wish_that_nobody_took_in_and_a_row_that_is_no_video_do_not_count(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        price = Decimal("0.40")
        await repository.add(sample_job(clock, provider_metadata={}))
        await repository.add(sample_job(clock, type="poster", estimated_cost_usd=price))
        assert await repository.usage(ALL) == Usage()
        await repository.add(sample_job(clock, provider_metadata={}, estimated_cost_usd=price))
        assert await repository.usage(ALL) == Usage(cost_usd=price, jobs=1, active=1)

    @pytest.mark.parametrize(
        ("query", "jobs"),
        [
            (UsageQuery(user_id="u1"), 1),
            (UsageQuery(of_nobody=True), 3),
            (UsageQuery(provider="acme"), 3),
            (UsageQuery(quality_tier="cinematic"), 2),
            (UsageQuery(quality_tier="cinematic", provider="acme"), 1),
            (UsageQuery(quality_tier="standard"), 1),
            (UsageQuery(role="admin"), 2),
            (UsageQuery(role="admin", quality_tier="standard"), 1),
            (UsageQuery(user_id="nobody"), 0),
        ],
    )
    async def test_a_sum_is_over_the_rows_that_fit_every_wish(
        self, repository: JobRepository, clock: VirtualClock, query: UsageQuery, jobs: int
    ) -> None:
        of_admin: dict[str, object] = {"choice": {}, "role": "admin"}
        counts_elsewhere = {"budget_tier": "standard"}
        await repository.add(sample_job(clock, user_id="u1"))
        await repository.add(sample_job(clock, quality_tier="cinematic"))
        await repository.add(sample_job(clock, quality_tier="cinematic", provider="other", provider_metadata=of_admin))
        await repository.add(
            sample_job(clock, quality_tier="cinematic", provider_metadata={**of_admin, **counts_elsewhere})
        )
        assert (await repository.usage(query)).jobs == jobs

    async def test_a_sum_of_a_time_has_the_jobs_from_its_begin_to_before_its_end(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        await repository.add(sample_job(clock))
        clock.advance(60)
        since, moment = clock.now(), timedelta(microseconds=1)
        await repository.add(sample_job(clock))
        assert (await repository.usage(UsageQuery(since=since))).jobs == 1
        assert (await repository.usage(UsageQuery(since=since + moment))).jobs == 0
        assert (await repository.usage(UsageQuery(until=since))).jobs == 1
        assert (await repository.usage(UsageQuery(until=since + moment))).jobs == 2
        assert (await repository.usage(UsageQuery(since=since.replace(tzinfo=None), until=since + moment))).jobs == 1

    async def test_a_job_from_a_clock_that_is_ahead_counts(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        tomorrow = clock.now() + timedelta(days=1)
        await repository.add(sample_job(clock, created_at=tomorrow, estimated_cost_usd=Decimal("0.40")))
        today = UsageQuery(since=clock.now())
        assert (await repository.usage(today)).cost_usd == Decimal("0.40")
        with pytest.raises(BudgetExceeded):
            await repository.add(sample_job(clock), limits=[Limit(name="quota", over=today, max_jobs=1)])

    async def test_a_later_order_counts_when_it_was_made_and_what_was_before_it_when_the_row_was(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        created, ordered = clock.now(), clock.now() + timedelta(days=2)
        metadata = {"choice": {}, "earlier_cost_usd": "0.40", "timing": {"ordered_at": ordered.isoformat()}}
        later = {"order_no": 1, "estimated_cost_usd": Decimal("0.50"), "provider_metadata": metadata}
        await repository.add(sample_job(clock, **later))
        day, moment = timedelta(days=1), timedelta(microseconds=1)
        for since, until, cost, jobs in (
            (None, None, "0.90", 1),
            (created, None, "0.90", 1),
            (created + moment, None, "0.50", 1),
            (ordered, None, "0.50", 1),
            (ordered + moment, None, "0", 0),
            (None, ordered + moment, "0.90", 1),
            (None, ordered, "0.40", 0),
            (created, created + day, "0.40", 0),
            (created + day, ordered, "0", 0),
            (created + day, ordered + day, "0.50", 1),
            (None, created, "0", 0),
        ):
            usage = await repository.usage(UsageQuery(since=since, until=until))
            assert (usage.cost_usd, usage.jobs) == (Decimal(cost), jobs), (since, until)

    @pytest.mark.parametrize("derived", [{}, {"role": "admin"}, {"user_id": "u1"}], ids=["all", "role", "user"])
    async def test_earlier_orders_count_when_the_last_one_was_made_even_where_the_present_one_does_not(
        self, repository: JobRepository, clock: VirtualClock, derived: Mapping[str, str]
    ) -> None:
        again, moment = clock.now() + timedelta(days=2), timedelta(microseconds=1)
        metadata: Mapping[str, object] = {
            "choice": {},
            "role": "admin",
            "earlier_cost_usd": "0.40",
            "earlier_at": again.isoformat(),
        }
        price = {"order_no": 2, "estimated_cost_usd": Decimal("0.50")}
        await repository.add(sample_job(clock, user_id="u1", provider_metadata=metadata, **price))
        for since, until, cost, jobs in (
            (None, None, "0.90", 1),
            (clock.now(), None, "0.90", 1),
            (clock.now() + moment, None, "0.40", 0),
            (again, None, "0.40", 0),
            (again + moment, None, "0", 0),
            (None, again, "0.50", 1),
            (None, again + moment, "0.90", 1),
        ):
            query = UsageQuery(since=since, until=until, **derived)  # type: ignore[arg-type]
            usage = await repository.usage(query)
            assert (usage.cost_usd, usage.jobs) == (Decimal(cost), jobs), (since, until)

    @pytest.mark.parametrize("stored", UNREADABLE, ids=lambda stored: repr(stored)[:20])
    async def test_an_earlier_amount_that_nobody_can_read_closes_budgets(
        self, repository: JobRepository, clock: VirtualClock, stored: JsonValue
    ) -> None:
        metadata: Mapping[str, object] = {"choice": {}, "earlier_cost_usd": stored}
        price = {"estimated_cost_usd": Decimal("0.50")}
        held = await repository.add(sample_job(clock, order_no=1, provider_metadata=metadata, **price))
        assert held.earlier_cost_usd == MOST_COST_USD
        assert (await repository.usage(ALL)).cost_usd == MOST_COST_USD + Decimal("0.50")
        budget = Limit(name="budget", over=ALL, max_cost_usd=Decimal(1000))
        with pytest.raises(BudgetExceeded):
            await repository.add(sample_job(clock, **price), limits=[budget])
        if isinstance(repository, SupportsSpend):
            [told] = await repository.spend(ALL, by=())
            assert (told.cost_usd, told.unpriced) == (Decimal("0.50"), 1)

    @pytest.mark.parametrize("name", ["cost_usd", "estimated_cost_usd"])
    async def test_a_negative_amount_makes_no_room_in_a_budget(
        self, repository: JobRepository, clock: VirtualClock, name: str
    ) -> None:
        await repository.add(sample_job(clock, **{name: Decimal(-100)}))
        assert (await repository.usage(ALL)).cost_usd == MOST_COST_USD
        budget = Limit(name="budget", over=ALL, max_cost_usd=Decimal(1000))
        with pytest.raises(BudgetExceeded):
            await repository.add(sample_job(clock, estimated_cost_usd=Decimal("0.50")), limits=[budget])
        if isinstance(repository, SupportsSpend):
            [told] = await repository.spend(ALL, by=())
            assert (told.cost_usd, told.unpriced) == (Decimal(0), 1)

    async def test_a_row_counts_to_its_own_tier_where_that_of_its_budget_is_none(
        self, repository: JobRepository, clock: VirtualClock
    ) -> None:
        metadata: Mapping[str, object] = {"choice": {}, "budget_tier": "no tier"}
        held = await repository.add(sample_job(clock, quality_tier="standard", provider_metadata=metadata))
        assert held.budget_tier == "standard"
        assert (await repository.usage(UsageQuery(quality_tier="standard"))).jobs == 1

    @pytest.mark.parametrize("stamp", [None, "2026"])
    async def test_an_order_that_does_not_say_when_it_was_made_counts_when_its_row_was(
        self, repository: JobRepository, clock: VirtualClock, stamp: str | None
    ) -> None:
        metadata = {"choice": {}, "earlier_cost_usd": None, "earlier_at": stamp, "timing": {"ordered_at": stamp}}
        price = {"order_no": 1, "estimated_cost_usd": Decimal("0.50")}
        await repository.add(sample_job(clock, provider_metadata=metadata, **price))
        assert (await repository.usage(UsageQuery(since=clock.now()))).cost_usd == Decimal("0.50")

    @few_examples
    @given(orders=st.lists(any_order(), max_size=8), query=any_query)
    async def test_sums_are_those_of_the_plain_definition(
        self,
        repository: JobRepository,
        plain_rows: MemoryRepository,
        orders: Sequence[GenerationJob],
        query: UsageQuery,
    ) -> None:
        for order in orders:
            await plain_rows.add(await repository.add(order))
        assert await repository.usage(query) == await plain_rows.usage(query)

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
