"""Later orders and the budgets, days that begin meanwhile, and where the money went; on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from nexiom_sdk import GenerationJob, Policy, VideoRequest, moves
from nexiom_sdk.errors import (
    BudgetExceeded,
    InvalidInput,
    NoCandidate,
    QuotaExhausted,
    ResultInvalid,
    SubmissionUncertain,
    UnsupportedFeature,
)
from nexiom_sdk.models import Price
from nexiom_sdk.phases import Phase
from nexiom_sdk.spending import Limit, UsageQuery
from nexiom_sdk.testing import FakeProvider, VirtualClock, fake_card
from nexiom_sdk.types import Candidate
from rig import Rig, policy_over

RigOf = Callable[..., Rig]
FOX = VideoRequest(prompt="a fox", duration_seconds=4)  # $0.40 at the fake provider
ALL = UsageQuery()


async def uncertain(rig: Rig) -> GenerationJob:
    """A job whose order may have been taken, and paid."""
    job = await rig.studio.submit(FOX)
    assert job.phase is Phase.UNKNOWN
    return job


@pytest.fixture
def fake(clock: VirtualClock) -> FakeProvider:
    """The first order's answer is lost; the others run for ever."""
    return FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer().hang().hang()


async def test_a_second_order_is_held_to_the_budget_with_what_the_first_may_have_cost(
    rig_of: RigOf, fake: FakeProvider
) -> None:
    rig = rig_of(fake, budget_usd_per_day=Decimal("0.79"))
    lost = await uncertain(rig)
    with pytest.raises(BudgetExceeded, match=r"Nothing was ordered.*\$0.00 of \$0.79 are used.*\$0.80 more") as refused:
        await rig.studio.resubmit(lost.id)
    assert "There is more" not in refused.value.next_step  # it would not fit into a new day either
    assert await rig.studio.get(lost.id) == lost
    assert len(fake.accepted) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lifecycle": "retired"}, "is no longer offered"),
        ({"prices": (Price(usd=Decimal(10)),)}, r"costs \$40.00, more than the \$1.00"),
        ({"durations_seconds": (8,)}, "4 s is not offered"),
    ],
)
async def test_a_model_that_is_another_one_by_now_is_not_ordered_again_unseen(
    change: Mapping[str, object], words: str, rig_of: RigOf, fake: FakeProvider
) -> None:
    rig = rig_of(fake)
    lost = await rig.studio.submit(FOX.evolve(max_cost_usd=Decimal(1)))
    fake.models = tuple(card.evolve(**change) for card in fake.models)
    with pytest.raises(NoCandidate, match=words) as refused:
        await rig.studio.resubmit(lost.id)
    assert "Nothing was ordered" in refused.value.message
    assert (await rig.studio.get(lost.id), len(fake.accepted)) == (lost, 1)


async def test_an_order_made_again_counts_to_its_own_tier_though_its_model_is_in_another(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    light, heavy = fake_card(model="light"), fake_card(model="heavy")
    fake = FakeProvider("acme", models=(light, heavy), clock=clock, submission_recovery="none").lose_answer()
    rig = rig_of(fake.lose_answer())
    policy = policy_over("acme/light").model_dump(mode="json")
    policy["tiers"]["ultra_realistic"]["candidates"] = [{"target": "acme/heavy", "weight": 1}]
    light_too = {"id": "r", "when": {"tiers": ["ultra_realistic"]}, "add": [{"target": "acme/light", "weight": 9}]}
    policy["rules"] = [light_too]
    policy["governance"] = {"budgets": [{"per": "day", "tier": "ultra_realistic", "max_usd": "0.90"}]}
    rig.studio._given_policy = Policy.model_validate(policy)
    lost = await rig.studio.submit(FOX.evolve(quality_tier="ultra_realistic"))
    assert (lost.model, lost.budget_tier) == ("light", "ultra_realistic")
    again = await rig.studio.resubmit(lost.id)
    assert (again.model, again.budget_tier) == ("light", "ultra_realistic")
    with pytest.raises(BudgetExceeded, match=r"\$1.20 more does not fit"):
        await rig.studio.resubmit(lost.id)
    assert (await rig.repository.usage(UsageQuery(quality_tier="ultra_realistic"))).cost_usd == Decimal("0.80")


async def test_an_order_that_cost_nothing_moves_no_money_to_its_day(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer().hang()
    rig = rig_of(fake.refuse(QuotaExhausted("no credit")).hang())
    lost = await uncertain(rig)
    clock.advance(86_400)
    refused = await rig.studio.resubmit(lost.id)
    assert (refused.error_code, refused.earlier_cost_usd) == ("quota_exhausted", Decimal("0.40"))
    clock.advance(86_400)
    again = await rig.studio.resubmit(lost.id)
    assert again.phase is Phase.WAITING
    today = UsageQuery(since=clock.now().replace(hour=0, minute=0, second=0, microsecond=0))
    assert (await rig.repository.usage(today)).cost_usd == Decimal("0.40")


async def test_an_order_made_again_counts_with_the_price_of_now(rig_of: RigOf, fake: FakeProvider) -> None:
    rig = rig_of(fake)
    lost = await uncertain(rig)
    fake.models = tuple(card.evolve(prices=(Price(usd=Decimal("0.15")),)) for card in fake.models)
    again = await rig.studio.resubmit(lost.id)
    assert (again.estimated_cost_usd, again.earlier_cost_usd) == (Decimal("0.60"), Decimal("0.40"))
    assert again.choice == lost.choice


async def test_a_second_order_that_fits_counts_with_the_first_one(rig_of: RigOf, fake: FakeProvider) -> None:
    rig = rig_of(fake, budget_usd_per_day=Decimal("1.19"))
    lost = await uncertain(rig)
    again = await rig.studio.resubmit(lost.id)
    assert (again.phase, again.order_key, again.earlier_cost_usd) == (Phase.WAITING, f"{lost.id}.1", Decimal("0.40"))
    assert (await rig.repository.usage(ALL)).cost_usd == Decimal("0.80")
    with pytest.raises(BudgetExceeded, match=r"\$0.80 of \$1.19 are used, \$0.39 is left, \$0.40 more does not fit"):
        await rig.studio.submit(FOX)


async def test_a_second_order_after_midnight_is_not_free(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none")
    rig = rig_of(fake.lose_answer().hang().lose_answer().hang().hang(), budget_usd_per_day=Decimal("0.80"))
    lost = [await uncertain(rig) for _ in range(2)]
    rig.later(days=1)
    await rig.studio.resubmit(lost[0].id)
    await rig.studio.submit(FOX)
    with pytest.raises(BudgetExceeded, match=r"\$0.80 of \$0.80 are used.*from 2026-11-26 00:00 UTC on"):
        await rig.studio.submit(FOX)
    with pytest.raises(BudgetExceeded):
        await rig.studio.resubmit(lost[1].id)


@pytest.mark.parametrize(("budget", "passed"), [("1.00", 1), ("1.20", 2), ("2.00", 4)])
async def test_a_day_is_not_passed_by_ordering_a_job_of_yesterday_again_and_again(
    rig_of: RigOf, clock: VirtualClock, budget: str, passed: int
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none")
    rig = rig_of(fake.lose_answer(), budget_usd_per_day=Decimal(budget))
    lost = await uncertain(rig)
    rig.later(days=1)
    outcomes: list[str] = []
    for _ in range(8):
        fake.lose_answer()
        try:
            outcomes.append((await rig.studio.resubmit(lost.id)).phase)
        except BudgetExceeded:
            outcomes.append("refused")
    assert outcomes == [Phase.UNKNOWN] * passed + ["refused"] * (8 - passed)
    assert len(fake.accepted) == 1 + passed  # what the first one cost counts today too: somewhat more than was spent
    again = await rig.studio.get(lost.id)
    assert again.earlier_cost_usd == Decimal("0.40") * passed
    since = clock.now() - timedelta(hours=1)
    counted = (await rig.repository.usage(UsageQuery(since=since))).cost_usd
    assert Decimal("0.40") * passed <= counted <= Decimal(budget)


async def test_options_for_the_provider_do_not_fit_a_budget(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock)
    wish = FOX.evolve(options={"acme": {"n": 100}})
    with pytest.raises(BudgetExceeded, match="what its options cost is not known") as refused:
        await rig_of(fake, budget_usd_per_day=Decimal(100)).studio.submit(wish)
    assert "Leave out the options for acme" in refused.value.next_step
    assert fake.accepted == []


async def test_an_earlier_order_that_nobody_knows_the_price_of_is_not_forgotten(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none", models=(fake_card(prices=()),))
    rig = rig_of(fake.lose_answer().lose_answer())
    lost = await uncertain(rig)
    assert (await rig.studio.resubmit(lost.id)).earlier_unpriced == 1
    fake.refuse(InvalidInput("bad"))
    refused = await rig.studio.resubmit(lost.id)
    assert (refused.earlier_unpriced, refused.cost_usd) == (2, Decimal(0))
    assert [(one.cost_usd, one.unpriced) for one in await rig.studio.costs()] == [(Decimal(0), 2)]
    fake.hang()
    assert (await rig.studio.resubmit(lost.id)).earlier_unpriced == 2  # the last one was certainly not charged


async def test_what_was_certainly_not_charged_is_ordered_again_for_one_price(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock).refuse(QuotaExhausted("no credit")).hang()
    rig = rig_of(fake, budget_usd_per_day=Decimal("0.40"))
    failed = await rig.studio.submit(FOX)
    again = await rig.studio.resubmit(failed.id)
    assert (again.phase, again.earlier_cost_usd) == (Phase.WAITING, Decimal(0))
    assert (await rig.repository.usage(ALL)).cost_usd == Decimal("0.40")


async def test_a_late_job_that_may_not_be_ordered_again_is_free_at_once_for_whoever_collects_it(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang(), budget_usd_per_day=Decimal("0.50"), job_deadline_seconds=60)
    job = await rig.studio.submit(FOX)
    rig.later(minutes=2)
    late = await rig.step(job)
    assert (late.phase, late.error_code) == (Phase.WAITING, "timed_out")
    with pytest.raises(BudgetExceeded):
        await rig.studio.resubmit(job.id)
    rig.later(seconds=0.001)
    assert [one.id for one in await rig.repository.claim(limit=1, lease_seconds=60)] == [job.id]


async def test_without_budgets_any_repository_can_order_again_and_with_them_it_says_why_not(
    rig_of: RigOf, fake: FakeProvider, clock: VirtualClock
) -> None:
    rig = rig_of(fake, plain=True)
    lost = await uncertain(rig)
    assert (await rig.studio.resubmit(lost.id)).phase is Phase.WAITING
    other = FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer().hang()
    bounded = rig_of(other, plain=True, budget_usd_per_day=Decimal(100))
    lost = await uncertain(bounded)
    with pytest.raises(UnsupportedFeature, match="to the budgets: it has no method `admit`") as refused:
        await bounded.studio.resubmit(lost.id)
    assert refused.value.charged == "no"
    assert await bounded.studio.get(lost.id) == lost


def test_a_failover_after_a_refusal_that_cost_nothing_leaves_no_cost_behind() -> None:
    job = GenerationJob(
        id="j1", prompt="a fox", request=FOX, run_at=NOON, created_at=NOON, updated_at=NOON,
        phase=Phase.SUBMITTING, provider="acme", estimated_cost_usd=Decimal("0.40"),
    )  # fmt: skip
    candidate = Candidate(provider="bolt", model="b1", estimated_cost_usd=Decimal("0.60"))
    refused = moves.reordered(job, candidate, QuotaExhausted("no credit"), now=NOON)
    assert (refused.earlier_cost_usd, refused.counted_cost_usd) == (Decimal(0), Decimal("0.60"))
    open_cost = moves.reordered(job, candidate, SubmissionUncertain("lost"), now=NOON)
    assert open_cost.earlier_cost_usd == Decimal("0.40")
    third = moves.reordered(open_cost.evolve(phase=Phase.SUBMITTING), candidate, ResultInvalid("black"), now=NOON)
    assert third.earlier_cost_usd == Decimal("1.00")


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class HurriedClock(VirtualClock):
    """A clock that goes on a little whenever it is asked."""

    def now(self) -> datetime:
        self.advance(0.01)
        return super().now()


async def test_a_job_at_midnight_is_held_to_the_budget_of_the_day_that_it_counts_to(
    rig_of: RigOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HurriedClock()
    rig = rig_of(FakeProvider("acme"), time=clock, budget_usd_per_day=Decimal(100))
    seen: list[tuple[GenerationJob, Limit]] = []
    add = rig.repository.add

    async def watched(job: GenerationJob, /, *, limits: Sequence[Limit] = ()) -> GenerationJob:
        seen.extend((job, limit) for limit in limits)
        return await add(job, limits=limits)

    monkeypatch.setattr(rig.repository, "add", watched)
    for looks in range(1, 20):  # midnight falls before each of the looks at the clock that a submit takes
        midnight = datetime(2026, 11, 25, tzinfo=UTC) + timedelta(days=looks)
        clock.advance((midnight - clock.now()).total_seconds() - 0.01 * looks - 0.005)
        await rig.studio.submit(FOX, defer=True)
    for job, limit in seen:
        assert limit.over.since is not None
        assert limit.renews_at is not None
        assert limit.over.since <= job.created_at < limit.renews_at


# Costs.


async def test_costs_are_told_by_day_and_by_whatever_is_asked_for(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock, cost_usd=Decimal("0.37")).succeed().hang().hang())
    await rig.steps(await rig.studio.submit(FOX, user_id="u1"))
    rig.later(days=1)
    for user in ("u1", "u2"):
        await rig.studio.submit(FOX.evolve(quality_tier="cinematic"), user_id=user)
    days = [(one.values, one.jobs, one.reported_usd, one.estimated_usd) for one in await rig.studio.costs()]
    assert days == [
        ({"day": "2026-11-24"}, 1, Decimal("0.37"), 0),
        ({"day": "2026-11-25"}, 2, 0, Decimal("0.80")),
    ]
    for by, values in (
        ("user", [{"user": "u1"}, {"user": "u2"}]),
        (("tier", "provider"), [{"tier": tier, "provider": "acme"} for tier in ("cinematic", "standard")]),
        (("role", "role"), [{"role": "user"}]),
        ((), [{}]),
    ):
        assert [one.values for one in await rig.studio.costs(by)] == values  # type: ignore[arg-type]
    since, until = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1)
    [cut] = await rig.studio.costs(
        (), since=since, until=until, user_id="u2", provider="acme", quality_tier="cinematic"
    )
    assert (cut.jobs, cut.cost_usd) == (1, Decimal("0.40"))
    assert await rig.studio.costs(until=datetime(2026, 11, 1, tzinfo=UTC)) == []


async def test_costs_by_what_there_is_not_names_the_nearest(rig_of: RigOf, fake: FakeProvider) -> None:
    rig = rig_of(fake)
    with pytest.raises(InvalidInput, match=r"no dimension 'provder'.*Did you mean 'provider'"):
        await rig.studio.costs(("day", "provder"))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"no tier 'cinematc'.*Did you mean 'cinematic'"):
        await rig.studio.costs(quality_tier="cinematc")  # type: ignore[arg-type]


async def test_a_repository_that_cannot_tell_says_so(rig_of: RigOf, fake: FakeProvider) -> None:
    with pytest.raises(UnsupportedFeature, match="cannot say where the money went"):
        await rig_of(fake, plain=True).studio.costs()
