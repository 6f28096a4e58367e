"""The part of the repository contract about where the money went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobRepository, SupportsSpend
from nexiom_sdk.spending import MOST_COST_USD, Dimension, Spend, UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_rows import few_examples
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.testing.sample_orders import any_dimensions, any_order, any_query

ALL = UsageQuery()
COMPLETED = {"status": JobStatus.COMPLETED, "phase": Phase.DONE, "result_url": "file:///v.mp4"}
FAILED = {"status": JobStatus.FAILED, "phase": Phase.DONE}


class SpendContract:
    """Spend; skipped for a repository that has no such method."""

    @pytest.fixture
    def ledger(self, repository: JobRepository) -> SupportsSpend:
        """The repository, as one that says where the money went."""
        if not isinstance(repository, SupportsSpend):
            pytest.skip("it does not say where the money went")
        return repository

    async def test_money_is_told_as_reported_estimated_and_unknown(
        self, repository: JobRepository, ledger: SupportsSpend, clock: VirtualClock
    ) -> None:
        assert await ledger.spend(ALL, by=()) == []
        prices = {"estimated_cost_usd": Decimal("0.40")}
        await repository.add(sample_job(clock, **prices, **COMPLETED, cost_usd=Decimal("0.37")))
        await repository.add(sample_job(clock, **prices, **COMPLETED))
        await repository.add(sample_job(clock, **prices, **FAILED, cost_usd=Decimal(0)))
        await repository.add(sample_job(clock, **prices, **FAILED))
        await repository.add(sample_job(clock, **prices))
        await repository.add(sample_job(clock))
        await repository.add(sample_job(clock, **prices, type="poster"))
        await repository.add(sample_job(clock, provider_metadata={}))
        [total] = await ledger.spend(ALL, by=())
        assert total == Spend(
            values={},
            jobs=6,
            completed=2,
            failed=2,
            reported_usd=Decimal("0.37"),
            estimated_usd=Decimal("1.20"),
            unpriced=1,
        )
        assert total.cost_usd == (await repository.usage(ALL)).cost_usd

    @pytest.mark.parametrize(
        ("by", "jobs"),
        [
            (("day",), {("2026-11-24",): 3, ("2026-12-01",): 1}),
            (("month",), {("2026-11",): 3, ("2026-12",): 1}),
            (("provider",), {(None,): 1, ("acme",): 3}),
            (("model",), {("a1",): 4}),
            (("tier",), {(None,): 1, ("cinematic",): 1, ("standard",): 2}),
            (("user",), {(None,): 1, ("",): 1, ("u1",): 2}),
            (("role",), {(None,): 3, ("admin",): 1}),
            (("user", "month"), {(None, "2026-11"): 1, ("", "2026-11"): 1, ("u1", "2026-11"): 1, ("u1", "2026-12"): 1}),
            (("month", "provider"), {("2026-11", None): 1, ("2026-11", "acme"): 2, ("2026-12", "acme"): 1}),
        ],
    )
    async def test_money_is_told_by_what_orders_have_in_common_in_order(
        self,
        repository: JobRepository,
        ledger: SupportsSpend,
        clock: VirtualClock,
        by: Sequence[Dimension],
        jobs: dict[tuple[str | None, ...], int],
    ) -> None:
        tiers: dict[str, object] = {
            "quality_tier": "cinematic",
            "provider_metadata": {"choice": {}, "budget_tier": "standard"},
        }
        await repository.add(sample_job(clock, user_id="u1", quality_tier="cinematic"))
        await repository.add(sample_job(clock, user_id="", **tiers))
        await repository.add(sample_job(clock, provider=None, provider_metadata={"choice": {}, "role": "admin"}))
        await repository.add(
            sample_job(clock, user_id="u1", created_at=clock.now() + timedelta(days=7), quality_tier="standard")
        )
        found = await ledger.spend(ALL, by=by)
        assert [(tuple(one.values[name] for name in by), one.jobs) for one in found] == list(jobs.items())
        assert all(tuple(one.values) == tuple(by) for one in found)

    async def test_a_later_order_is_told_on_its_day_and_what_was_before_it_on_the_day_of_the_row(
        self, repository: JobRepository, ledger: SupportsSpend, clock: VirtualClock
    ) -> None:
        ordered = clock.now() + timedelta(days=1)
        metadata = {"choice": {}, "earlier_cost_usd": "0.40", "timing": {"ordered_at": ordered.isoformat()}}
        price = {"estimated_cost_usd": Decimal("0.50")}
        await repository.add(sample_job(clock, order_no=1, provider_metadata=metadata, **price))
        first = Spend(values={"day": "2026-11-24"}, estimated_usd=Decimal("0.40"))
        second = Spend(values={"day": "2026-11-25"}, jobs=1, estimated_usd=Decimal("0.50"))
        assert await ledger.spend(ALL, by=["day"]) == [first, second]
        assert await ledger.spend(UsageQuery(since=ordered), by=["day"]) == [second]
        assert await ledger.spend(UsageQuery(until=ordered), by=["day"]) == [first]
        [both] = await ledger.spend(ALL, by=["provider"])
        assert (both.jobs, both.estimated_usd) == (1, Decimal("0.90"))

    async def test_earlier_orders_are_told_when_the_last_one_was_made_with_those_of_unknown_price(
        self, repository: JobRepository, ledger: SupportsSpend, clock: VirtualClock
    ) -> None:
        again, now = (clock.now() + timedelta(days=days) for days in (1, 2))
        metadata = {
            "choice": {},
            "earlier_cost_usd": "0.40",
            "earlier_unpriced": 2,
            "earlier_at": again.isoformat(),
            "timing": {"ordered_at": now.isoformat()},
        }
        price = {"estimated_cost_usd": Decimal("0.50")}
        await repository.add(sample_job(clock, order_no=3, provider_metadata=metadata, **price))
        first = Spend(values={"day": "2026-11-25"}, estimated_usd=Decimal("0.40"), unpriced=2)
        second = Spend(values={"day": "2026-11-26"}, jobs=1, estimated_usd=Decimal("0.50"))
        assert await ledger.spend(ALL, by=["day"]) == [first, second]
        assert await ledger.spend(UsageQuery(since=again), by=["day"]) == [first, second]
        assert await ledger.spend(UsageQuery(since=again, until=now), by=["day"]) == [first]
        assert await ledger.spend(UsageQuery(since=now), by=["day"]) == [second]
        assert await ledger.spend(UsageQuery(until=again), by=["day"]) == []

    @few_examples
    @given(orders=st.lists(any_order(), max_size=8), query=any_query, by=any_dimensions)
    async def test_money_is_told_as_in_the_plain_definition(
        self,
        repository: JobRepository,
        ledger: SupportsSpend,
        plain_rows: MemoryRepository,
        orders: Sequence[GenerationJob],
        query: UsageQuery,
        by: Sequence[Dimension],
    ) -> None:
        for order in orders:
            await plain_rows.add(await repository.add(order))
        told = await ledger.spend(query, by=by)
        assert told == await plain_rows.spend(query, by=by)
        usage = await repository.usage(query)
        unreadable, rest = divmod(usage.cost_usd - sum(one.cost_usd for one in told), MOST_COST_USD)
        assert rest == 0
        assert 0 <= unreadable <= sum(one.unpriced for one in told)
        assert sum(one.jobs for one in told) == usage.jobs
