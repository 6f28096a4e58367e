"""Money is spent here: what is sent, how often, and what the row says when an answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import pytest

from nexiom_sdk import GenerationJob, JobStatus, VideoRequest
from nexiom_sdk.errors import (
    FAILURE_CODES,
    AuthenticationFailed,
    ConfigurationError,
    ContentRejected,
    InvalidInput,
    JobConflict,
    MissingCredentials,
    ModelRetired,
    NexiomError,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    StorageUnavailable,
    SubmissionUncertain,
    UnsafeUrl,
    UnsupportedFeature,
)
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import CancellableFakeProvider, FakeProvider, VirtualClock, fake_card
from nexiom_sdk.trouble import next_step_of
from nexiom_sdk.types import Operation, Submission, SubmissionRecovery, Succeeded
from rig import Pausing, Rig, policy_over

RigOf = Callable[..., Rig]
RECOVERIES: tuple[SubmissionRecovery, ...] = ("key", "lookup", "none")


async def test_a_job_is_ordered_once_and_ends_with_a_video(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").queued(1).running(2, progress=True).succeed()
    rig = rig_of(fake)
    job = await rig.steps(await rig.submitted())
    assert job.status is JobStatus.COMPLETED
    assert fake.accepted == [f"{job.id}.0"]
    assert job.provider_job_id


async def test_the_intent_is_committed_before_the_call_goes_out(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    seen: list[Phase] = []
    submit = fake.submit

    async def spy(submission: object) -> object:
        row = await rig.repository.get(job.id)
        assert row is not None
        seen.append(row.phase)
        assert row.submit_started_at is not None
        return await submit(submission)  # type: ignore[arg-type]

    fake.submit = spy  # type: ignore[assignment, method-assign]
    job = await rig.submitted()
    await rig.step(job)
    assert seen == [Phase.SUBMITTING]


@pytest.mark.parametrize("recovery", RECOVERIES)
async def test_a_job_found_between_intent_and_answer_never_pays_twice(
    recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).lose_answer().succeed()
    rig = rig_of(fake)
    job = await rig.steps(await rig.submitted())
    assert len(fake.accepted) == 1
    if recovery == "none":
        assert (job.phase, job.status, job.error_code) == (Phase.UNKNOWN, JobStatus.FAILED, "submission_uncertain")
        assert f"nexiom jobs resolve {job.id}" in str(job.error_message)
    else:
        assert job.status is JobStatus.COMPLETED


@pytest.mark.parametrize("recovery", RECOVERIES)
async def test_a_worker_that_died_before_its_call_went_out_loses_nothing(
    recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).succeed()
    rig = rig_of(fake)
    job = await rig.steps(await rig.left_in_submitting(await rig.submitted()))
    if recovery == "none":
        assert (job.phase, fake.accepted) == (Phase.UNKNOWN, [])
    else:
        assert (job.status, fake.accepted) == (JobStatus.COMPLETED, [f"{job.id}.0"])


async def test_an_order_that_cannot_be_found_is_sent_again_only_after_the_settle_time(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="lookup").succeed()
    rig = rig_of(fake)
    job = await rig.left_in_submitting(await rig.submitted())
    intended_at = clock.now()
    while not fake.accepted:
        job = await rig.step(job)
    assert (clock.now() - intended_at).total_seconds() >= 2 * (60 + 60)
    assert fake.accepted == [f"{job.id}.0"]
    assert fake.calls.count("find") >= 2


@pytest.mark.parametrize("code", sorted(FAILURE_CODES))
async def test_every_failure_on_submit_is_sorted_into_refused_or_uncertain(
    code: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    kind = FAILURE_CODES[code]
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").refuse(kind("said so"))
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    if kind.default_charged == "no":
        again = getattr(kind, "retryable", False)
        assert job.phase is (Phase.QUEUED if again else Phase.DONE)
        assert again or job.error_code == code
    elif code == "generation_failed":
        assert (job.phase, job.error_code) == (Phase.DONE, code)
    else:
        assert (job.phase, job.error_code) == (Phase.UNKNOWN, "submission_uncertain")
    assert fake.calls.count("submit") == 1


async def test_a_foreign_exception_on_submit_counts_as_uncertain(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").explode("submit")
    job = await (rig := rig_of(fake)).step(await rig.submitted())
    assert job.error_code == "submission_uncertain"
    assert "ValueError" in job.failure().message
    assert "ValueError" not in str(job.error_message)


async def test_what_never_left_is_sent_again_later(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").drop_before_sending().succeed()
    rig = rig_of(fake)
    first = await rig.step(await rig.submitted())
    assert (first.phase, first.status, first.submit_started_at) == (Phase.QUEUED, JobStatus.PENDING, None)
    job = await rig.steps(first)
    assert (job.status, len(fake.accepted)) == (JobStatus.COMPLETED, 1)


async def test_a_busy_provider_is_asked_again_when_it_said(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).refuse(RateLimited("slow down", retry_after_seconds=300)).succeed()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    assert (job.run_at - clock.now()).total_seconds() == pytest.approx(300, abs=1)


@pytest.mark.parametrize(
    ("error", "goes_elsewhere"),
    [
        (QuotaExhausted("no credit"), True),
        (ContentRejected("violence"), False),
        (InvalidInput("bad size"), False),
        (SubmissionUncertain("lost"), False),
    ],
)
async def test_only_an_uncharged_refusal_goes_to_another_provider(
    error: ProviderError, goes_elsewhere: bool, rig_of: RigOf, clock: VirtualClock
) -> None:
    first = FakeProvider("acme", clock=clock, submission_recovery="none").refuse(error)
    second = FakeProvider("bolt", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(first, second)
    job = await rig.steps(await rig.submitted())
    assert (job.status is JobStatus.COMPLETED) is goes_elsewhere
    assert second.accepted == ([f"{job.id}.1"] if goes_elsewhere else [])
    if goes_elsewhere:
        assert (job.provider, job.order_no) == ("bolt", 1)
        attempts = job.provider_metadata["attempts"]
        assert isinstance(attempts, list)
        assert [one["error_code"] for one in attempts if isinstance(one, dict)] == ["quota_exhausted"]


@pytest.mark.parametrize(
    ("error", "another_model"), [(QuotaExhausted("no credit"), False), (ModelRetired("gone"), True)]
)
async def test_another_model_of_the_same_provider_is_asked_only_where_the_model_is_the_reason(
    error: ProviderError, another_model: bool, rig_of: RigOf, clock: VirtualClock
) -> None:
    cards = (fake_card(), fake_card(model="fake-2"))
    fake = FakeProvider("acme", clock=clock, models=cards).refuse(error).succeed()
    rig = rig_of(fake)
    job = await rig.steps(await rig.submitted(provider="acme"))
    assert (job.status is JobStatus.COMPLETED) is another_model
    assert [one.spec.model for one in fake.submissions] == ["fake-1", "fake-2"][: 1 + another_model]


async def test_at_most_two_other_providers_are_asked(rig_of: RigOf, clock: VirtualClock) -> None:
    fakes = [FakeProvider(name, clock=clock).refuse(QuotaExhausted("no credit")) for name in ("aa", "bb", "cc", "dd")]
    rig = rig_of(*fakes)
    job = await rig.steps(await rig.submitted())
    assert (job.status, job.error_code) == (JobStatus.FAILED, "quota_exhausted")
    assert [len(fake.calls) for fake in fakes] == [1, 1, 1, 0]


async def test_a_provider_that_stays_down_keeps_the_job_queued_until_its_deadline(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock)
    for _ in range(200):
        fake.refuse(ProviderUnavailable("down"))
    rig = rig_of(fake, job_deadline_seconds=600)
    job = await rig.submitted()
    job = await rig.steps(job, most=200)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "provider_unavailable")
    assert 600 <= (clock.now() - job.created_at).total_seconds() < 700


async def test_a_bad_key_shows_at_once(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).refuse(AuthenticationFailed("key refused")))
    job = await rig.studio.submit((await rig.submitted()).request)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "authentication_failed")


async def test_a_frozen_worker_that_wakes_up_records_its_late_id(rig_of: RigOf, clock: VirtualClock) -> None:
    """The first worker's answer comes after its lease ran out and another worker claimed the job."""
    fake = FakeProvider("acme", clock=clock, submission_recovery="lookup", lookup_lag=99).succeed()
    rig = rig_of(fake)
    job = await rig.submitted()
    submit = fake.submit

    async def frozen(submission: object) -> object:
        answer = await submit(submission)  # type: ignore[arg-type]
        row = await rig.repository.get(job.id)
        assert row is not None
        await rig.repository.extend(job.id, fence=row.fence, seconds=0)
        rig.later(seconds=1)
        [stolen] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
        assert stolen.fence == row.fence + 1
        return answer

    fake.submit = frozen  # type: ignore[assignment, method-assign]
    row = await rig.step(job)
    assert row.phase is Phase.WAITING
    assert row.provider_job_id is not None
    assert (await rig.steps(row)).status is JobStatus.COMPLETED
    assert len(fake.accepted) == 1


async def test_a_second_order_that_no_row_can_hold_is_cancelled_at_the_provider(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = CancellableFakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    job = await rig.submitted()
    submit = fake.submit

    async def overtaken(submission: object) -> object:
        answer = await submit(submission)  # type: ignore[arg-type]
        assert await rig.repository.adopt_late_id(job.id, 0, "acme", "somebody-elses")
        return answer

    fake.submit = overtaken  # type: ignore[assignment, method-assign]
    row = await rig.step(job)
    assert row.provider_job_id == "somebody-elses"
    assert fake.calls == ["submit", "cancel"]


async def test_cancelling_the_caller_waits_for_an_answer_that_cannot_be_had_again(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = Pausing("acme", clock=clock, submission_recovery="none").pauses_at("submit").succeed()
    rig = rig_of(fake)
    job = await rig.submitted()
    stepping = asyncio.create_task(rig.studio.advance(job.id))
    await fake.reached.wait()
    stepping.cancel()
    await asyncio.sleep(0)
    fake.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await stepping
    row = await rig.studio.get(job.id)
    assert (row.phase, len(fake.accepted)) == (Phase.WAITING, 1)


async def test_a_job_cancelled_before_it_was_sent_costs_nothing(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    job = await rig.studio.cancel((await rig.submitted()).id)
    assert (job.status, job.error_code, job.cost_usd) == (JobStatus.FAILED, "cancelled", Decimal(0))
    assert fake.calls == []
    assert "Nothing was charged" in str(job.error_message)


async def test_a_cancel_while_the_order_waits_for_a_place_costs_nothing(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = Pausing("acme", clock=clock, submission_recovery="none").pauses_at("submit")
    rig = rig_of(fake, provider_concurrency=1)
    first, second = await rig.submitted(), await rig.submitted(prompt="another")
    ordering = asyncio.create_task(rig.studio.advance(first.id))
    await fake.reached.wait()
    waiting = asyncio.create_task(rig.studio.advance(second.id))
    while (await rig.studio.get(second.id)).fence == 0:
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    await rig.repository.wake(second.id, cancel=True)
    fake.goes_on.set()
    await ordering
    job = await waiting
    assert (job.status, job.error_code, job.cost_usd) == (JobStatus.FAILED, "cancelled", Decimal(0))
    assert fake.accepted == [first.order_key]


async def test_an_intent_that_somebody_else_came_before_is_no_cancel(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    job, extend = await rig.submitted(), rig.repository.extend

    async def overtaken(job_id: str, /, *, fence: int, seconds: float) -> bool:
        held = await extend(job_id, fence=fence, seconds=0.0)
        rig.later(seconds=1)
        await rig.repository.wake(job.id, cancel=True)
        assert await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
        return held

    rig.repository.extend = overtaken  # type: ignore[method-assign]
    clock.advance(0.001)
    row = await rig.studio.advance(job.id)
    assert (row.phase, row.fence, fake.accepted) == (Phase.QUEUED, 2, [])


async def test_a_database_too_slow_for_its_lease_is_told_in_the_row_and_orders_nothing(
    rig_of: RigOf, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake, lease_seconds=10)
    save = rig.repository.save

    async def slow(job: GenerationJob, /, *, fence: int) -> bool:
        rig.later(seconds=5.1)
        return await save(job, fence=fence)

    rig.repository.save = slow  # type: ignore[method-assign]
    job = await rig.submitted()
    clock.advance(0.001)
    row = await rig.studio.advance(job.id)
    assert (row.phase, row.attempts, fake.calls) == (Phase.QUEUED, 0, [])
    assert "less than half of the lease of 10 s" in str(row.provider_metadata["trouble"])
    assert "NEXIOM_LEASE_SECONDS" in next_step_of(row)
    assert "NEXIOM_LEASE_SECONDS" in caplog.text
    rig.repository.save = save  # type: ignore[method-assign]
    row = await rig.steps(row)
    assert (row.status, len(fake.accepted)) == (JobStatus.COMPLETED, 1)


@pytest.mark.parametrize("recovery", RECOVERIES)
@pytest.mark.parametrize("away", [True, False], ids=["the rows are out of reach", "the lease is kept"])
async def test_an_order_after_long_uploads_goes_out_only_under_a_lease(
    away: bool, recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock
) -> None:
    class Uploading(FakeProvider):
        async def submit(self, submission: Submission, /) -> Operation | Succeeded:
            for _ in range(30 if len(self.submissions) == 0 else 0):
                rig.later(seconds=10)
                for _ in range(5):
                    await asyncio.sleep(0)
            submission.before_order()
            return await super().submit(submission)

    fake = Uploading("acme", clock=clock, submission_recovery=recovery).succeed()
    rig = rig_of(fake)
    extend, extensions = rig.repository.extend, 0

    async def sometimes(job_id: str, /, *, fence: int, seconds: float) -> bool:
        nonlocal extensions
        extensions += 1
        if away and extensions > 1:
            raise StorageUnavailable("The database is away.")
        return await extend(job_id, fence=fence, seconds=seconds)

    rig.repository.extend = sometimes  # type: ignore[method-assign]
    job = await rig.submitted()
    clock.advance(0.001)
    row = await rig.studio.advance(job.id)
    assert (row.phase, len(fake.accepted)) == ((Phase.QUEUED, 0) if away else (Phase.WAITING, 1))
    if away:
        assert "it was not sent" in str(row.provider_metadata["trouble"])
    assert extensions > 1


async def test_an_order_sent_before_stays_where_it_may_have_been_taken_when_the_lease_is_over(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="key").succeed()
    rig = rig_of(fake)
    job = await rig.left_in_submitting(await rig.submitted())
    extend = rig.repository.extend

    async def slow(job_id: str, /, *, fence: int, seconds: float) -> bool:
        held = await extend(job_id, fence=fence, seconds=seconds)
        clock.advance(31)
        return held

    rig.repository.extend = slow  # type: ignore[method-assign]
    clock.advance(60.002)
    row = await rig.studio.advance(job.id)
    assert (row.phase, fake.calls) == (Phase.SUBMITTING, [])
    rig.repository.extend = extend  # type: ignore[method-assign]
    assert ((await rig.steps(row)).status, fake.accepted) == (JobStatus.COMPLETED, [job.order_key])


async def test_whether_an_order_has_settled_is_asked_before_the_look_that_shows_nothing(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="lookup").succeed()
    rig = rig_of(fake)
    job = await rig.left_in_submitting(await rig.submitted())
    find = fake.find

    async def slow(client_reference: str, /) -> Operation | None:
        found = await find(client_reference)
        if fake.calls.count("find") == 1:
            clock.advance(300)  # what this look saw is older than the settle time
        return found

    fake.find = slow  # type: ignore[method-assign]
    clock.advance(60.002)
    row = await rig.studio.advance(job.id)
    assert (row.phase, fake.calls) == (Phase.SUBMITTING, ["find"])


@pytest.mark.parametrize(("hours", "phase"), [(0.9, Phase.WAITING), (1.1, Phase.UNKNOWN)])
async def test_a_key_is_sent_again_only_within_the_time_of_the_job(
    hours: float, phase: Phase, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="key").hang()
    rig = rig_of(fake, job_deadline_seconds=3600)
    job = await rig.left_in_submitting(await rig.submitted())
    rig.later(hours=hours)
    assert (await rig.step(job)).phase is phase
    assert len(fake.calls) == (phase is Phase.WAITING)


async def test_a_resubmitted_job_carries_a_new_key(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer().succeed().succeed()
    rig = rig_of(fake)
    lost = await rig.step(await rig.submitted())
    assert lost.phase is Phase.UNKNOWN
    await rig.studio.resubmit(lost.id)
    job = await rig.steps(lost)
    assert job.status is JobStatus.COMPLETED
    assert fake.accepted == [f"{job.id}.0", f"{job.id}.1"]


async def test_a_resolved_job_goes_on_with_the_order_that_was_found(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").lose_answer().succeed()
    rig = rig_of(fake)
    lost = await rig.step(await rig.submitted())
    rig.later(days=30)
    found = await fake.find(lost.order_key)
    assert found is not None
    await rig.studio.resolve(lost.id, provider_job_id=found.id)
    job = await rig.steps(lost)
    assert (job.status, job.error_code, len(fake.accepted)) == (JobStatus.COMPLETED, None, 1)


@pytest.mark.parametrize("answer", [None, "order-1", {"id": "order-1"}])
async def test_an_adapter_that_answers_an_order_with_nonsense_is_uncertain(
    answer: object, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none")
    rig = rig_of(fake)

    async def nonsense(submission: object) -> object:
        return answer

    fake.submit = nonsense  # type: ignore[assignment, method-assign]
    job = await rig.step(await rig.submitted())
    assert (job.phase, job.error_code) == (Phase.UNKNOWN, "submission_uncertain")


async def test_a_job_over_its_time_is_not_ordered_again_while_a_worker_collects_it(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").hang()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    while job.status is not JobStatus.FAILED:
        job = await rig.step(job)
    assert job.error_code == "timed_out"
    rig.later(minutes=11)
    [collecting] = await rig.repository.claim(limit=1, lease_seconds=60, job_id=job.id)
    with pytest.raises(JobConflict, match="at this moment"):
        await rig.studio.resubmit(job.id)
    assert await rig.repository.extend(job.id, fence=collecting.fence, seconds=0)
    rig.later(seconds=1)
    again = await rig.studio.resubmit(job.id)
    assert (again.order_no, again.phase) == (1, Phase.WAITING)
    assert fake.accepted == [f"{job.id}.0", f"{job.id}.1"]


async def test_an_order_whose_name_another_job_has_is_uncertain_and_says_its_name(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock).running(9)
    rig = rig_of(fake)
    first = await rig.step(await rig.submitted())
    taken = first.operation
    assert taken is not None

    async def same_name(submission: object) -> object:
        return taken

    fake.submit = same_name  # type: ignore[assignment, method-assign]
    job = await rig.step(await rig.submitted())
    assert (job.phase, job.error_code) == (Phase.UNKNOWN, "submission_uncertain")
    assert taken.id in (job.error_message or "")
    assert "answer was lost" not in (job.error_message or "")


async def test_an_order_that_cannot_be_looked_for_is_left_to_a_person_at_the_deadline(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="lookup").lose_answer().explode("find")
    rig = rig_of(fake, job_deadline_seconds=1800)
    job = await rig.step(await rig.submitted())
    while job.phase is Phase.SUBMITTING:
        assert (rig.clock.now() - job.created_at).total_seconds() < 3600
        job = await rig.step(job)
    assert (job.phase, job.error_code) == (Phase.UNKNOWN, "submission_uncertain")
    assert (rig.clock.now() - job.created_at).total_seconds() >= 1800
    assert fake.accepted == [f"{job.id}.0"]


async def test_an_order_is_not_looked_for_where_its_model_is_not_set_up(rig_of: RigOf, clock: VirtualClock) -> None:
    """Another worker's API or keys took it; who cannot look there must not say that it is not there."""
    fake = FakeProvider("acme", clock=clock, submission_recovery="lookup", lookup_lag=99).lose_answer()
    rig = rig_of(fake, job_deadline_seconds=1800)
    job = await rig.step(await rig.submitted())
    fake.models = (fake_card(model="fake-2"),)
    while job.phase is Phase.SUBMITTING:
        job = await rig.step(job)
    assert (job.phase, job.error_code) == (Phase.UNKNOWN, "submission_uncertain")
    assert (fake.calls.count("find"), len(fake.accepted)) == (0, 1)


async def test_a_refusal_that_asks_for_no_wait_is_not_answered_at_once_and_later_each_time(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock)
    for _ in range(8):
        fake.refuse(RateLimited("busy", retry_after_seconds=0.001))
    rig = rig_of(fake)
    job, gaps = await rig.submitted(), list[float]()
    for _ in range(8):
        job = await rig.step(job)
        gaps.append(round((job.run_at - clock.now()).total_seconds()))
    assert gaps == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("recovery", ["key", "lookup", "none"])
@pytest.mark.parametrize("call", ["submit", "generate"])
async def test_a_key_that_only_the_adapter_misses_shows_at_once_and_its_job_waits_for_it(
    call: str, recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock
) -> None:
    missing = MissingCredentials("acme needs ACME_KEY.", next_step="Set ACME_KEY.")
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).refuse(missing).succeed()
    rig = rig_of(fake)
    order = rig.studio.generate if call == "generate" else rig.studio.submit
    with pytest.raises(ConfigurationError, match="acme needs ACME_KEY") as raised:
        await order(VideoRequest(prompt="a fox"))
    job = await rig.studio.get(raised.value.job_id or "")
    assert (job.phase, raised.value.charged) == (Phase.QUEUED, "no")
    assert raised.value.next_step.startswith("Set ACME_KEY. ")
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


@pytest.mark.parametrize("charged", ["no", None])
@pytest.mark.parametrize("recovery", ["key", "lookup", "none"])
async def test_a_setting_that_an_adapter_finds_wrong_while_it_writes_the_order_was_never_sent(
    recovery: SubmissionRecovery, charged: Literal["no"] | None, rig_of: RigOf, clock: VirtualClock
) -> None:
    wrong = ConfigurationError("ACME_BUCKET is no place.", next_step="Correct ACME_BUCKET.", charged=charged)
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).refuse(wrong)
    job = await rig_of(fake).studio.submit(VideoRequest(prompt="a fox"))
    error = job.failure()
    assert isinstance(error, AuthenticationFailed)
    assert (error.charged, "ACME_BUCKET" in error.message, fake.accepted) == ("no", True, [])


class _RefusesTheRepeat(FakeProvider):
    """Takes an order whose answer is lost, and refuses the same order when it is sent again."""

    def __init__(self, clock: VirtualClock, refusal: NexiomError) -> None:
        super().__init__("acme", clock=clock, submission_recovery="key")
        self.lose_answer()
        self._refusal = refusal

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        if self.accepted:
            raise self._refusal
        return await super().submit(submission)


@pytest.mark.parametrize(
    "refusal",
    [
        InvalidInput("this key belongs to another body"),
        ContentRejected("no"),
        UnsupportedFeature("no"),
        UnsafeUrl("no"),
        NexiomError("no", charged="no"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_repeat_that_is_refused_says_nothing_of_the_order_whose_answer_was_lost(
    refusal: NexiomError, rig_of: RigOf, clock: VirtualClock
) -> None:
    acme, bolt = _RefusesTheRepeat(clock, refusal), FakeProvider("bolt", clock=clock).succeed()
    rig = rig_of(acme, bolt)
    every = ("rate_limited", "unsupported_feature", "unsafe_url", "generation_failed")
    rig.studio._given_policy = policy_over("acme/fake-1", "bolt/fake-1", fallback_on=every)
    job = await rig.steps(await rig.submitted())
    assert (job.phase, job.error_code) == (Phase.UNKNOWN, "submission_uncertain")
    assert (len(acme.accepted), len(bolt.accepted)) == (1, 0)
    assert "Nothing was charged" not in str(job.error_message)
