"""What happens to a job whose provider cannot take it: another one does, at a price that is known, or the job waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nexiom_sdk import GenerationJob, JobStatus, Media, ModelCard, VideoRequest, moves
from nexiom_sdk.attempts import attempts_of
from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.cards import MediaLimits
from nexiom_sdk.errors import (
    AuthenticationFailed,
    Charged,
    ContentRejected,
    InvalidInput,
    ModelRetired,
    NexiomError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.events import BreakerMoved, ModelChosen
from nexiom_sdk.fallback import ways
from nexiom_sdk.models import Price
from nexiom_sdk.phases import Phase
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.testing import FakeProvider, VirtualClock, fake_card
from nexiom_sdk.types import Candidate, Choice, Failed, Operation, Poll, Submission, SubmissionRecovery, Succeeded
from rig import Rig, policy_over
from test_studio import PIXEL_PNG

RigOf = Callable[..., Rig]
NAMES = ("acme", "bolt", "cinder")
PRICES = {"acme": "0.105", "bolt": "0.125", "cinder": "0.15", "dune": "0.20"}


def card(provider: str, **changes: object) -> ModelCard:
    prices = (Price(usd=Decimal(PRICES[provider])),)
    return fake_card(model=f"{provider[0]}1", prices=prices, **changes)


class Switchable(FakeProvider):
    """A provider that is down until it is switched on; it makes videos then."""

    def __init__(self, name: str, clock: VirtualClock, *, up: bool = False, endless: bool = False) -> None:
        super().__init__(name, models=(card(name),), clock=clock, submission_recovery="none")
        _ = self.hang() if endless else self.succeed()
        self.up = up
        self.error: Callable[[], NexiomError] = lambda: ProviderUnavailable(f"{name} could not be reached.")

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        if not self.up:
            self.calls.append("submit")
            raise self.error()
        return await super().submit(submission)

    @property
    def submits(self) -> int:
        return self.calls.count("submit")


def fakes(clock: VirtualClock, *names: str, up: Sequence[str] = (), endless: bool = False) -> list[Switchable]:
    return [Switchable(name, clock, up=name in up, endless=endless) for name in names]


def trouble(job: GenerationJob) -> str:
    return str(job.provider_metadata.get("trouble"))


async def all_taken(rig: Rig, jobs: Sequence[GenerationJob]) -> bool:
    return all([(await rig.studio.get(job.id)).phase is Phase.WAITING for job in jobs])


async def until(rig: Rig, job: GenerationJob, *, provider: str) -> GenerationJob:
    for _ in range(40):
        if job.provider == provider:
            return job
        job = await rig.step(job)
    raise AssertionError(trouble(job))


# F05 and F41: one provider is down.


async def test_a_storm_of_failures_opens_the_breaker_and_orders_stop(rig_of: RigOf, clock: VirtualClock) -> None:
    [acme] = fakes(clock, "acme")
    rig = rig_of(acme)
    jobs = [await rig.submitted() for _ in range(20)]
    for job in jobs:
        row = await rig.step(job)
        assert (row.phase, row.status) == (Phase.QUEUED, JobStatus.PENDING)
    assert acme.submits == 5
    held = await rig.studio.submit(VideoRequest(prompt="one more"))
    assert "acme is failing (5 of the last 5 calls): no order is sent to it before 12:00:30 UTC." in trouble(held)
    assert next(one.state for one in rig.events if isinstance(one, BreakerMoved)) == "open"


async def test_an_order_that_is_held_back_is_no_attempt_and_goes_out_when_the_provider_is_back(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    [acme] = fakes(clock, "acme")
    rig = rig_of(acme)
    for _ in range(5):
        await rig.step(await rig.submitted())
    assert acme.submits == 5
    held = await rig.step(await rig.submitted())
    assert (held.phase, held.attempts, held.submit_started_at) == (Phase.QUEUED, 0, None)
    acme.up = True
    assert (await rig.steps(held)).status is JobStatus.COMPLETED
    assert acme.accepted == [f"{held.id}.0"]


async def test_within_ten_seconds_after_the_breaker_opens_every_job_is_ordered_from_the_next_provider() -> None:
    with TemporaryDirectory() as home:
        clock = VirtualClock(auto=True)
        acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"], endless=True)
        rig = Rig(Path(home), clock, (acme, bolt), {})
        jobs = [await rig.submitted() for _ in range(12)]
        worker = rig.studio.worker()
        working = asyncio.create_task(worker.run())
        while not await all_taken(rig, jobs):
            await clock.sleep(5)
            assert clock.monotonic() < 600
        worker.stop()
        await working
    opened = next(one.at for one in rig.events if isinstance(one, BreakerMoved))
    for job in jobs:
        row = await rig.studio.get(job.id)
        [attempt] = attempts_of(row)
        assert (row.status, row.provider, attempt.provider) == (JobStatus.PROCESSING, "bolt", "acme")
        assert attempt.ended_at is not None
        assert (attempt.ended_at - opened).total_seconds() <= 10
    assert acme.submits <= 12, "each was sent there once at most, and not three times"
    assert sorted(bolt.accepted) == sorted(f"{job.id}.1" for job in jobs)


async def test_the_warning_says_who_made_it_instead_and_what_that_costs(rig_of: RigOf, clock: VirtualClock) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    rig = rig_of(acme, bolt)
    job = await rig.submitted()
    chosen = job.choice
    job = await rig.steps(job)
    assert (job.status, job.provider, job.model) == (JobStatus.COMPLETED, "bolt", "b1")
    assert job.warnings[:1] == (
        "acme could not take it (acme could not be reached): ordered from bolt/b1 instead (estimate $0.42 -> $0.50)",
    )
    [attempt] = attempts_of(job)
    assert (attempt.provider, attempt.model, attempt.error_code) == ("acme", "a1", "provider_unavailable")
    assert (attempt.estimated_cost_usd, attempt.cost_usd) == (Decimal("0.42"), Decimal(0))
    assert job.estimated_cost_usd == Decimal("0.50")
    assert job.earlier_cost_usd == 0, "an order that was certainly not charged counts nothing"
    assert job.choice == chosen, "why the first model was chosen stays as it was"
    assert [one.provider for one in rig.events if isinstance(one, ModelChosen)] == ["acme", "bolt"]


# Everything is selected, priced and checked anew at that moment.


async def test_the_price_of_that_moment_counts_and_not_the_one_of_the_first_choice(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    rig = rig_of(acme, bolt)
    job = await rig.submitted()
    bolt.models = (card("bolt").evolve(prices=(Price(usd=Decimal("0.15")),)),)
    job = await rig.steps(job)
    assert job.estimated_cost_usd == Decimal("0.60")
    assert "(estimate $0.42 -> $0.60)" in job.warnings[0]
    assert job.choice is not None
    assert [one.estimated_cost_usd for one in job.choice.ranked] == [Decimal("0.42"), Decimal("0.50")]
    candidate = moves.candidate_of(job)
    assert candidate is not None
    assert candidate.estimated_cost_usd == Decimal("0.60")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prices": (Price(usd=Decimal("0.20")),)}, "bolt: costs $0.80, more than the $0.55 it may cost"),
        ({"prices": ()}, "bolt: its price is not known, and $0.55 is the most it may cost"),
        ({"lifecycle": "retired"}, "bolt: is no longer offered"),
        ({"durations_seconds": (8,)}, "bolt: 4 s is not offered"),
        ({"model": "b2"}, "bolt: There is no model 'b1'"),
    ],
    ids=["dearer than its cap", "price unknown", "retired", "length gone", "model gone"],
)
async def test_a_model_that_does_not_fit_any_more_is_not_used_and_the_job_says_why(
    changes: dict[str, object], reason: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    rig = rig_of(acme, bolt)
    job = await rig.submitted(max_cost_usd=Decimal("0.55"), duration_seconds=4.0)
    bolt.models = (card("bolt").evolve(**changes),)
    for _ in range(6):
        job = await rig.step(job)
    assert reason in trouble(job)
    assert (job.provider, job.phase, bolt.submits) == ("acme", Phase.QUEUED, 0)
    acme.up = True
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


async def test_a_second_provider_that_was_too_dear_from_the_beginning_is_not_used(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    rig = rig_of(acme, bolt, job_deadline_seconds=300)
    job = await rig.steps(await rig.submitted(max_cost_usd=Decimal("0.45")))
    assert (job.status, job.error_code, bolt.submits) == (JobStatus.FAILED, "provider_unavailable", 0)


async def test_a_reference_that_the_next_model_does_not_take_leads_to_the_one_after_it(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt, cinder = fakes(clock, *NAMES, up=["bolt", "cinder"])
    rig = rig_of(acme, bolt, cinder)
    request = VideoRequest(prompt="a fox", media=(Media.from_bytes(PIXEL_PNG),))
    job = await rig.studio.submit(request, defer=True)
    bolt.models = (card("bolt", media_limits={"image": MediaLimits(min_side_pixels=300)}),)
    job = await rig.steps(job)
    assert (job.status, job.provider, bolt.submits) == (JobStatus.COMPLETED, "cinder", 0)
    assert len(cinder.submissions[0].spec.media) == 1


async def test_a_provider_whose_key_has_gone_is_passed_over(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, bolt, cinder = fakes(clock, *NAMES, up=["bolt", "cinder"])
    rig = rig_of(acme, bolt, cinder)
    job = await rig.submitted()
    provider = rig.studio._chooser.provider

    def without_bolt(name: str) -> object:
        if name == "bolt":
            from nexiom_sdk.errors import MissingCredentials

            raise MissingCredentials("bolt needs a key.")
        return provider(name)

    monkeypatch.setattr(rig.studio._chooser, "provider", without_bolt)
    assert (await rig.steps(job)).provider == "cinder"


# Budgets.


class WithoutAdmit:
    """Rows of somebody who does not check limits again."""

    def __init__(self, inner: MemoryRepository) -> None:
        for name in ("add", "get", "list", "claim", "save", "extend", "wake", "adopt_late_id", "usage", "durations"):
            setattr(self, name, getattr(inner, name))

    async def aclose(self) -> None:
        """Nothing is held."""


def over(rig: Rig, repository: JobRepository) -> Rig:
    """The rig on other rows."""
    rig.repository = rig.studio._given_repository = repository  # type: ignore[assignment]
    return rig


@pytest.mark.parametrize(("budget", "moves_on"), [("0.92", True), ("0.91", False)])
async def test_a_budget_holds_when_the_next_provider_is_dearer(
    budget: str, moves_on: bool, rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    rig = rig_of(acme, bolt, budget_usd_per_day=Decimal(budget))
    await rig.submitted(provider="acme")  # $0.42 are taken
    job = await rig.submitted()
    for _ in range(4):
        job = await rig.step(job)
    if moves_on:
        assert (job.provider, len(bolt.accepted)) == ("bolt", 1)
        return
    assert (job.provider, job.phase, bolt.submits) == ("acme", Phase.QUEUED, 0)
    assert "bolt: Nothing was ordered. Over a limit: the budget of $0.91 a day" in trouble(job)
    assert "$0.42 of $0.91 are used, $0.49 is left, $0.50 more does not fit" in trouble(job)
    acme.up = True
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


async def test_a_provider_that_does_not_fit_the_budget_does_not_keep_a_less_expensive_one_from_it(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, cinder, bolt = fakes(clock, "acme", "cinder", "bolt", up=["cinder", "bolt"])
    acme.error = lambda: QuotaExhausted("no credit")
    rig = rig_of(acme, cinder, bolt, budget_usd_per_day=Decimal("0.55"))
    job = await rig.steps(await rig.submitted())
    assert (job.provider, len(cinder.accepted), len(bolt.accepted)) == ("bolt", 0, 1)


async def test_where_budgets_cannot_be_checked_again_nobody_else_is_asked(rig_of: RigOf, clock: VirtualClock) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    rig = rig_of(acme, bolt, budget_usd_per_day=Decimal(100))
    over(rig, WithoutAdmit(MemoryRepository(clock=clock)))  # type: ignore[arg-type]
    job = await rig.submitted()
    for _ in range(4):
        job = await rig.step(job)
    assert (job.provider, job.phase, bolt.submits) == ("acme", Phase.QUEUED, 0)
    assert "bolt: The budgets cannot be checked again in these rows" in trouble(job)


# What is never ordered elsewhere.


@pytest.mark.parametrize("recovery", ["key", "lookup", "none"])
@pytest.mark.parametrize(
    "then",
    [
        lambda: ProviderUnavailable("no route"), lambda: QuotaExhausted("empty", status=402),
        lambda: AuthenticationFailed("key", status=401), lambda: RateLimited("busy", status=429),
    ],
    ids=["down", "quota", "key", "busy"],
)  # fmt: skip
async def test_an_order_that_may_have_been_taken_is_ordered_from_nobody_else(
    then: Callable[[], NexiomError], recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock
) -> None:
    """The answer was lost, and every further call is refused: that says nothing of the first one."""
    acme = FakeProvider("acme", models=(card("acme"),), clock=clock, submission_recovery=recovery)
    acme.lose_answer().succeed().explode("find")
    [bolt] = fakes(clock, "bolt", up=["bolt"])
    rig = rig_of(acme, bolt, job_deadline_seconds=900)
    job = await rig.step(await rig.submitted())
    assert len(acme.accepted) == 1

    async def refused(submission: Submission, /) -> Operation | Succeeded:
        raise then()

    acme.submit = refused  # type: ignore[method-assign]
    for _ in range(60):
        if job.final:
            break
        assert job.phase in {Phase.SUBMITTING, Phase.UNKNOWN}
        job = await rig.step(job)
    assert bolt.submits == 0
    assert (job.provider, job.order_no) == ("acme", 0)
    assert (job.phase, job.error_code) == (Phase.UNKNOWN, "submission_uncertain")


async def test_an_order_whose_answer_was_lost_stays_where_it_was_sent_while_its_provider_is_failing(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme = FakeProvider("acme", models=(card("acme"),), clock=clock).lose_answer().succeed()
    [bolt] = fakes(clock, "bolt", up=["bolt"])
    rig = rig_of(acme, bolt)
    job = await rig.step(await rig.submitted())
    for _ in range(5):
        rig.studio._door.breakers.ended("acme", ProviderUnavailable("down"))
    job = await rig.step(job)
    assert (job.phase, job.attempts) == (Phase.SUBMITTING, 1)
    assert "acme is failing" in trouble(job)
    job = await rig.steps(job)
    assert (job.status, len(acme.accepted), bolt.submits) == (JobStatus.COMPLETED, 1, 0)


@pytest.mark.parametrize("error", [ContentRejected("violence", status=400), InvalidInput("bad size", status=400)])
async def test_what_was_refused_for_its_content_is_shown_to_nobody_else(
    error: NexiomError, rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    acme.error = lambda: error
    rig = rig_of(acme, bolt)
    job = await rig.steps(await rig.submitted())
    assert (job.status, job.error_code) == (JobStatus.FAILED, error.code)
    assert (bolt.calls, attempts_of(job)) == ([], ())


@pytest.mark.parametrize(
    ("charged", "code", "goes_elsewhere"),
    [
        ("no", "provider_unavailable", True), ("no", "generation_failed", False),
        (None, "provider_unavailable", False), ("unknown", "provider_unavailable", False),
        ("yes", "provider_unavailable", False), ("no", "content_rejected", False),
    ],
)  # fmt: skip
async def test_an_order_that_was_taken_goes_elsewhere_only_if_it_certainly_was_free(
    charged: Charged | None, code: str, goes_elsewhere: bool, rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["acme", "bolt"])
    rig = rig_of(acme, bolt)
    job = await rig.step(await rig.submitted())
    assert job.phase is Phase.WAITING

    async def failed(operation: Operation, /) -> Poll:
        return Failed(code=code, message="it broke", charged=charged)

    acme.poll = failed  # type: ignore[method-assign]
    job = await rig.steps(job)
    assert (job.status is JobStatus.COMPLETED, bolt.submits) == (goes_elsewhere, int(goes_elsewhere))
    if goes_elsewhere:
        [attempt] = attempts_of(job)
        assert (attempt.provider_job_id, attempt.cost_usd) == (f"order-{job.id}.0", Decimal(0))


async def test_a_tier_is_never_lowered(rig_of: RigOf, clock: VirtualClock) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    rig = rig_of(acme, bolt, job_deadline_seconds=300)
    high, low = (policy_over(one).tiers["standard"] for one in ("acme/a1", "bolt/b1"))
    tiers = {"ultra_realistic": high, "standard": low}
    rig.studio._given_policy = policy_over("acme/a1").evolve(tiers=tiers, default_tier="ultra_realistic")
    job = await rig.submitted()
    rig.studio.__dict__.pop("policy")
    rig.studio._given_policy = rig.studio._given_policy.evolve(default_tier="standard")
    job = await rig.steps(job)
    assert (job.status, job.quality_tier, bolt.submits) == (JobStatus.FAILED, "ultra_realistic", 0)


# F42: every provider is down.


async def test_with_everybody_down_a_job_waits_until_its_deadline_and_then_says_of_each_why(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    all_three = fakes(clock, *NAMES)
    rig = rig_of(*all_three, job_deadline_seconds=1800)
    job = await rig.submitted()
    begun, waited = clock.now(), 0.0
    while not job.final:
        job = await rig.step(job)
        waited = (clock.now() - begun).total_seconds()
        assert job.final is (waited >= 1800), "queued, not failed, until the deadline"
        if waited > 15 and not job.final:
            assert all(f"{name}: " in trouble(job) for name in NAMES), trouble(job)
    assert waited < 1800 + 120
    assert (job.status, job.error_code, job.cost_usd) == (JobStatus.FAILED, "provider_unavailable", Decimal(0))
    for name in NAMES:
        assert f"{name}: " in job.failure().message
    assert "Nothing was charged" in str(job.error_message)
    assert len(attempts_of(job)) <= 3, "asking them in turn does not fill the row"
    assert all(one.submits <= 1800 / 60 + 3 for one in all_three), "nor does it storm them"
    assert job.warnings == tuple(dict.fromkeys(job.warnings))
    assert len(job.warnings) <= 1


@pytest.mark.parametrize("back", NAMES)
async def test_whoever_comes_back_first_makes_it(back: str, rig_of: RigOf, clock: VirtualClock) -> None:
    all_three = fakes(clock, *NAMES)
    rig = rig_of(*all_three)
    job = await rig.submitted()
    begun = clock.now()
    while (clock.now() - begun).total_seconds() < 700:
        job = await rig.step(job)
        assert job.phase is Phase.QUEUED
    [one] = [fake for fake in all_three if fake.name == back]
    one.up, since = True, clock.now()
    while job.phase is Phase.QUEUED:
        job = await rig.step(job)
        assert (clock.now() - since).total_seconds() < 420, trouble(job)
    job = await rig.steps(job)
    assert (job.status, job.provider) == (JobStatus.COMPLETED, back)
    assert sum(len(fake.accepted) for fake in all_three) == 1


async def test_many_jobs_wait_out_an_outage_of_everybody_and_each_is_made_once() -> None:
    with TemporaryDirectory() as home:
        clock = VirtualClock(auto=True)
        all_three = fakes(clock, *NAMES, endless=True)
        rig = Rig(Path(home), clock, all_three, {"job_deadline_seconds": 7200})
        jobs = [await rig.submitted(prompt=f"fox {number}") for number in range(30)]
        worker = rig.studio.worker()
        working = asyncio.create_task(worker.run())
        await clock.sleep(1200)
        assert {(await rig.studio.get(job.id)).phase for job in jobs} <= {Phase.QUEUED, Phase.SUBMITTING}
        asked = sum(fake.submits for fake in all_three)
        assert asked < 120, f"{asked} orders into an outage"
        all_three[1].up = True
        since = clock.monotonic()
        while not await all_taken(rig, jobs):
            await clock.sleep(5)
            assert clock.monotonic() - since < 900
        worker.stop()
        await working
    assert len(all_three[1].accepted) == 30
    assert not all_three[0].accepted
    assert not all_three[2].accepted


async def test_an_order_is_taken_while_everybody_is_failing_and_says_that_it_waits(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt")
    rig = rig_of(acme, bolt)
    for name in ("acme", "bolt"):
        for _ in range(5):
            rig.studio._door.breakers.ended(name, ProviderUnavailable("down"))
    choice = rig.studio.estimate(VideoRequest(prompt="a fox"))
    assert choice.chosen is not None
    assert choice.chosen.warnings == ("acme and bolt are failing now; the order waits for acme",)
    job = await rig.studio.submit(VideoRequest(prompt="a fox"))
    assert (job.phase, job.provider, acme.submits, bolt.submits) == (Phase.QUEUED, "acme", 0, 0)
    assert "acme: is failing (5 of the last 5 calls)" in trouble(job)
    assert "; bolt: is failing (5 of the last 5 calls)" in trouble(job)
    named = rig.studio.estimate(VideoRequest(prompt="a fox", provider="bolt"))
    assert named.chosen is not None
    assert named.chosen.warnings == ("bolt is failing now; the order waits for it",)
    bolt.up = True
    job = await rig.steps(job)
    assert (job.status, job.provider) == (JobStatus.COMPLETED, "bolt")
    assert not [one for one in job.warnings if "the order waits" in one], "what was said of acme is over"


async def test_a_provider_that_is_failing_is_not_chosen_while_another_one_is_not(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["acme", "bolt"])
    rig = rig_of(acme, bolt)
    for _ in range(5):
        rig.studio._door.breakers.ended("acme", ProviderUnavailable("down"))
    choice = rig.studio.estimate(VideoRequest(prompt="a fox"))
    assert choice.provider == "bolt"
    assert choice.chosen is not None
    assert choice.chosen.warnings == ()
    [dropped] = choice.rejected
    assert (dropped.provider, dropped.reasons[0].startswith("is failing (5 of the last 5 calls)")) == ("acme", True)
    rig.later(seconds=31)
    assert rig.studio.estimate(VideoRequest(prompt="a fox")).provider == "acme", "somebody has to try it again"


async def test_no_credit_at_the_second_provider_leads_back_to_the_first_which_was_only_down(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt")
    bolt.error = lambda: QuotaExhausted("no credit", status=402)
    rig = rig_of(acme, bolt)
    job = await until(rig, await rig.submitted(), provider="bolt")
    job = await rig.step(job)
    assert (job.provider, job.phase) == ("acme", Phase.QUEUED)
    assert (job.run_at - clock.now()).total_seconds() == pytest.approx(60, abs=2)
    acme.up = True
    job = await rig.steps(job)
    assert (job.status, acme.accepted, bolt.submits) == (JobStatus.COMPLETED, [f"{job.id}.2"], 1)


async def test_at_most_two_others_are_asked_even_if_everybody_is_down(rig_of: RigOf, clock: VirtualClock) -> None:
    four = fakes(clock, *NAMES, "dune", up=["dune"])
    rig = rig_of(*four, job_deadline_seconds=900)
    job = await rig.steps(await rig.submitted(), most=200)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "provider_unavailable")
    assert four[3].calls == []
    assert "dune: is not asked: 2 others were" in job.failure().message


async def test_a_provider_that_is_down_for_long_by_its_own_word_is_not_waited_for(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = fakes(clock, "acme", "bolt", up=["bolt"])
    acme.error = lambda: ProviderUnavailable("maintenance", status=503, retry_after_seconds=600)
    rig = rig_of(acme, bolt)
    job = await rig.step(await rig.submitted())
    assert (job.provider, acme.submits) == ("bolt", 1)


# The way that is taken, as a function of what is known.

START = datetime.fromisoformat("2026-11-24T12:00:00+00:00")


def _candidates(*targets: str) -> Choice:
    pairs = (one.split("/") for one in targets)
    return Choice(ranked=tuple(Candidate(provider=one, model=model) for one, model in pairs))


def _job(*attempts: tuple[str, NexiomError], at: str = "acme/a1") -> GenerationJob:
    """A job that was ordered in vain from these, a minute each, and is now at `at`."""
    places = [*(target for target, _ in attempts), at]
    job = moves.created("j", VideoRequest(prompt="x"), _candidates(places[0]), user_id=None, client_key=None, now=START)
    for minute, (target, (_, error)) in enumerate(zip(places[1:], attempts, strict=True)):
        [candidate] = _candidates(target).ranked
        job = moves.reordered(job, candidate, error, now=START + timedelta(minutes=minute))
    return job


DOWN, EMPTY, GONE = ProviderUnavailable("down"), QuotaExhausted("empty"), ModelRetired("gone")


@pytest.mark.parametrize(
    ("job", "error", "ranked", "expected"),
    [
        (_job(), DOWN, ("acme/a1", "bolt/b1"), [("bolt/b1", 0)]),
        (_job(), DOWN, ("acme/a1", "acme/a2", "bolt/b1"), [("bolt/b1", 0)]),
        (_job(), GONE, ("acme/a1", "acme/a2", "bolt/b1"), [("acme/a2", 0), ("bolt/b1", 0)]),
        (_job(("acme/a1", GONE), at="acme/a2"), GONE, ("acme/a3", "bolt/b1"), [("acme/a3", 0), ("bolt/b1", 0)]),
        (_job(("acme/a1", GONE), at="acme/a2"), DOWN, ("acme/a3", "bolt/b1"), [("bolt/b1", 0)]),
        (_job(("acme/a1", EMPTY), at="bolt/b1"), EMPTY, ("acme/a1", "acme/a2", "cinder/c1"), [("cinder/c1", 0)]),
        (_job(("acme/a1", EMPTY), ("bolt/b1", EMPTY), at="cinder/c1"), EMPTY, ("acme/a1", "dune/d1"), []),
        (_job(("acme/a1", DOWN), at="bolt/b1"), DOWN, ("acme/a1", "bolt/b1"), [("acme/a1", 60)]),
        (_job(("acme/a1", DOWN), at="bolt/b1"), EMPTY, ("acme/a1", "bolt/b1"), [("acme/a1", 60)]),
        (
            _job(("acme/a1", RateLimited("slow", retry_after_seconds=600)), at="bolt/b1"),
            DOWN, ("acme/a1", "bolt/b1"), [],
        ),
        (
            _job(("acme/a1", RateLimited("slow", retry_after_seconds=600)), at="bolt/b1"),
            EMPTY, ("acme/a1", "bolt/b1"), [("acme/a1", 600)],
        ),
        (
            _job(("acme/a1", DOWN), ("bolt/b1", DOWN), at="cinder/c1"),
            DOWN, ("acme/a1", "bolt/b1", "dune/d1"), [("acme/a1", 60)],
        ),
    ],
)  # fmt: skip
def test_the_next_place(
    job: GenerationJob, error: NexiomError, ranked: Sequence[str], expected: list[tuple[str, float]]
) -> None:
    final = not getattr(error, "retryable", False)
    found = ways(
        job, _candidates(*ranked), model_alone=error is GONE, final=final, late=False, now=START + timedelta(seconds=0)
    )
    assert [(one.candidate.target, (one.run_at - START).total_seconds()) for one in found] == expected


def test_a_job_that_has_waited_long_enough_asks_nobody_a_second_time() -> None:
    job = _job(("acme/a1", DOWN), at="bolt/b1")
    choice = _candidates("acme/a1", "bolt/b1", "cinder/c1")
    found = ways(job, choice, model_alone=False, final=False, late=True, now=START)
    assert [one.candidate.target for one in found] == ["cinder/c1"]
