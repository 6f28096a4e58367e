"""While the provider works: looks, progress, cancelling, deadlines."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest

from nexiom_sdk import JobStatus
from nexiom_sdk.errors import FAILURE_CODES, JobCancelled, MissingCredentials, RateLimited
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import CancellableFakeProvider, FakeProvider, VirtualClock, fake_card
from nexiom_sdk.types import Cancelled, Failed, Operation, Poll
from rig import Rig

RigOf = Callable[..., Rig]


async def test_progress_never_goes_back_and_is_whole_only_at_the_end(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).progress(0.0, 0.8, 0.3, 1.5, float("nan")).succeed()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    shown = [(job := await rig.step(job)).progress for _ in range(5)]
    assert shown == [0.0, 0.8, 0.8, 0.99, 0.99]
    assert (await rig.steps(job)).progress == 1.0


async def test_polls_that_fail_never_end_a_job(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).break_polls(40).succeed()
    rig = rig_of(fake)
    assert (await rig.steps(await rig.submitted())).status is JobStatus.COMPLETED


async def test_a_status_that_goes_back_changes_nothing(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).regress()
    rig = rig_of(fake)
    assert (await rig.steps(await rig.submitted())).status is JobStatus.COMPLETED


@pytest.mark.parametrize("code", sorted(FAILURE_CODES))
async def test_every_failure_that_a_provider_reports_is_kept_with_its_class(
    code: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).running(1).fail(code))
    job = await rig.steps(await rig.submitted())
    assert (job.status, job.error_code) == (JobStatus.FAILED, code)
    with pytest.raises(FAILURE_CODES[code]) as caught:
        await rig.studio.result(job)
    assert caught.value.job_id == job.id
    assert caught.value.charged != "no"


async def test_success_without_a_file_is_looked_at_again_and_then_fails_as_charged(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock).succeed_without_file()
    rig = rig_of(fake)
    job = await rig.steps(await rig.submitted())
    assert job.error_code == "malformed_response"
    assert "probably charged" in str(job.error_message)
    assert fake.calls.count("poll") == 3


async def test_a_hanging_job_times_out_and_is_still_collected_within_a_day(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).running(1, after_seconds=0).succeed(after_seconds=10 * 3600)
    rig = rig_of(fake)
    job = await rig.submitted()
    while (job := await rig.step(job)).status is not JobStatus.FAILED:
        pass
    assert (job.phase, job.error_code) == (Phase.WAITING, "timed_out")
    assert 3600 <= (clock.now() - job.created_at).total_seconds() < 3800
    job = await rig.steps(job, most=100)
    assert (job.status, job.error_code, job.error_message) == (JobStatus.COMPLETED, None, None)


async def test_a_job_that_never_ends_is_given_up_after_a_day(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    job = await rig.steps(await rig.submitted(), most=1000)
    assert (job.phase, job.status, job.error_code) == (Phase.DONE, JobStatus.FAILED, "timed_out")
    assert 25 * 3600 <= (clock.now() - job.created_at).total_seconds() < 26 * 3600


@pytest.mark.parametrize("first_look", ["says running", "fails"])
async def test_a_job_that_nobody_looked_at_for_days_times_out_first_and_is_collected_a_day_from_then(
    first_look: str, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock)
    fake = (fake.break_polls(3) if first_look == "fails" else fake).succeed(after_seconds=60 * 3600)
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    rig.later(hours=50)
    job = await rig.step(job)
    assert (job.phase, job.status, job.error_code) == (Phase.WAITING, JobStatus.FAILED, "timed_out")
    assert (await rig.steps(job, most=100)).status is JobStatus.COMPLETED


async def test_a_row_that_somebody_set_back_to_processing_by_hand_fails_before_it_is_given_up(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    job = await rig.step(await rig.submitted())
    rig.later(hours=2)
    job = await rig.step(job)
    by_hand = job.evolve(status=JobStatus.PROCESSING, error_code=None, error_message=None)
    assert await rig.repository.save(by_hand, fence=job.fence)
    rig.later(hours=30)
    job = await rig.step(job)
    assert (job.phase, job.error_code) == (Phase.WAITING, "timed_out")
    assert (await rig.step(job)).phase is Phase.DONE


async def test_a_machine_without_the_key_does_not_end_the_day_of_late_looks(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed(after_seconds=30 * 3600))
    job = await rig.step(await rig.submitted())
    rig.later(hours=2)
    with monkeypatch.context() as patch:
        patch.setattr(rig.studio._desk, "provider", _no_key)
        for _ in range(3):
            job = await rig.step(job)
            assert (job.phase, job.error_code) == (Phase.WAITING, "timed_out")
            rig.later(hours=20)
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


async def test_where_nobody_gets_the_key_a_job_is_given_up_after_a_week(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    job = await rig.step(await rig.submitted())
    rig.later(hours=2)
    monkeypatch.setattr(rig.studio._desk, "provider", _no_key)
    job = await rig.step(job)
    rig.later(hours=7 * 24)
    assert ((await rig.step(job)).phase, job.error_code) == (Phase.DONE, "timed_out")


def _no_key(name: str) -> NoReturn:
    raise MissingCredentials(f"{name} has no key.")


async def test_an_adopted_order_times_out_though_every_look_fails(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").break_polls(1000)
    rig = rig_of(fake)
    job = await rig.left_in_submitting(await rig.submitted())
    assert await rig.repository.adopt_late_id(job.id, job.order_no, "acme", "op-1")
    rig.later(hours=1)
    job = await rig.step(job)
    assert (job.phase, job.error_code) == (Phase.WAITING, "timed_out")


async def test_a_late_look_notes_that_the_provider_was_still_at_it(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    job = await rig.step(await rig.submitted())
    rig.later(hours=5)
    job = await rig.step(job)
    assert (job.error_code, job.timing.last_running_at) == ("timed_out", clock.now())


async def test_looks_that_fail_keep_to_the_gap_that_the_card_asks_for(rig_of: RigOf, clock: VirtualClock) -> None:
    card = fake_card(typical_seconds=200, min_poll_seconds=30)
    rig = rig_of(FakeProvider("acme", clock=clock, models=(card,)).break_polls(12))
    job = await rig.step(await rig.submitted())
    for _ in range(3):
        job = await rig.step(job)
        assert job.attempts > 0
        assert (job.run_at - clock.now()).total_seconds() >= 30


async def test_a_provider_that_asks_for_no_wait_at_all_is_not_looked_at_at_once(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeProvider("acme", clock=clock)
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())

    async def busy(operation: Operation, /) -> NoReturn:
        raise RateLimited("busy", retry_after_seconds=0)

    monkeypatch.setattr(fake, "poll", busy)
    job = await rig.step(job)
    assert (job.run_at - clock.now()).total_seconds() >= 1.5


async def test_a_silence_ends_when_the_provider_is_over_its_time(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, models=(fake_card(typical_seconds=20_000),)).hang()
    rig = rig_of(fake, job_deadline_seconds=600)
    job = await rig.submitted()
    while (job := await rig.step(job)).status is not JobStatus.FAILED:
        pass
    assert (clock.now() - job.created_at).total_seconds() < 620


async def test_an_own_server_may_have_no_deadline(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).running(1, after_seconds=0).succeed(after_seconds=50 * 3600)
    rig = rig_of(fake, job_deadline_seconds=None)
    job = await rig.steps(await rig.submitted(), most=30_000)
    assert job.status is JobStatus.COMPLETED


async def test_a_cancel_is_confirmed_by_the_provider(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = CancellableFakeProvider("acme", clock=clock).hang()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    requested = await rig.studio.cancel(job.id)
    assert (requested.phase, requested.provider_metadata["cancel"]) == (Phase.WAITING, "requested")
    job = await rig.steps(job)
    assert (job.status, job.error_code, job.provider_metadata["cancel"]) == (JobStatus.FAILED, "cancelled", "confirmed")


class Stopped(CancellableFakeProvider):
    """A provider that answers looks at a stopped order as it is told."""

    seen: Poll = Cancelled()

    async def poll(self, operation: Operation, /) -> Poll:
        looked = await super().poll(operation)
        return self.seen if isinstance(looked, Cancelled) else looked


@pytest.mark.parametrize(
    ("seen", "charged", "cost_usd"),
    [
        (Cancelled(), "unknown", None),
        (Cancelled(charged="no"), "no", 0),
        (Cancelled(charged="yes"), "yes", None),
        (Failed(code="generation_failed", message="acme knows no order 7"), "unknown", None),
        (Failed(code="rate_limited", message="never begun"), "unknown", None),
        (Failed(code="result_expired", message="made and thrown away"), "yes", None),
        (Failed(code="provider_unavailable", message="no longer wanted", charged="no"), "no", 0),
    ],
)
async def test_an_order_that_ends_after_its_cancel_was_accepted_is_cancelled_and_free_only_by_its_providers_word(
    seen: Poll, charged: str, cost_usd: int | None, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake, spare = Stopped("acme", clock=clock).hang(), FakeProvider("spare", clock=clock).succeed()
    fake.seen = seen
    rig = rig_of(fake, spare)
    job = await rig.step(await rig.submitted())
    await rig.studio.cancel(job.id)
    job = await rig.steps(job)
    with pytest.raises(JobCancelled, match=f"acme stopped the order. {getattr(seen, 'message', '')}".strip()) as caught:
        await rig.studio.result(job)
    assert (caught.value.charged, job.cost_usd) == (charged, cost_usd)
    assert (job.error_code, job.provider_metadata["cancel"]) == ("cancelled", "confirmed")
    assert spare.accepted == []


async def test_an_order_that_nobody_cancelled_fails_as_its_provider_says(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = CancellableFakeProvider("acme", clock=clock).running(2).fail("generation_failed").too_late_to_cancel()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    await rig.studio.cancel(job.id)
    assert (await rig.steps(job)).error_code == "generation_failed"


async def test_a_cancel_that_comes_too_late_still_collects_the_paid_clip(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = CancellableFakeProvider("acme", clock=clock).running(2).succeed().too_late_to_cancel()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    assert (await rig.studio.cancel(job.id)).provider_metadata["cancel"] == "not possible"
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


async def test_where_nothing_can_be_cancelled_the_job_says_that_its_cost_is_open(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).hang())
    job = await rig.studio.cancel((await rig.step(await rig.submitted())).id)
    assert (job.status, job.error_code, job.cost_usd) == (JobStatus.FAILED, "cancelled", None)
    assert "its cost is open" in str(job.error_message)


async def test_the_first_look_is_early_and_the_next_one_waits(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, models=(fake_card(typical_seconds=200),)).running(9).succeed()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    assert 9 <= (job.run_at - clock.now()).total_seconds() <= 11
    job = await rig.step(job)
    assert 60 <= (job.run_at - clock.now()).total_seconds() <= 100


async def test_history_of_finished_jobs_teaches_the_schedule(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock, models=(fake_card(typical_seconds=1000),))
    rig = rig_of(fake)

    async def silence() -> float:
        fake.running(1, after_seconds=0).succeed(after_seconds=15)
        early = await rig.step(await rig.step(await rig.submitted()))
        gap = (early.run_at - clock.now()).total_seconds()
        await rig.steps(early)
        return gap

    untaught = await silence()
    for _ in range(4):
        await silence()
    rig.later(minutes=2)
    assert await silence() < 0.8 * untaught


@pytest.mark.parametrize("answer", [None, "done", 7, {"status": "succeeded"}])
async def test_an_adapter_that_answers_nonsense_does_not_end_a_paid_job(
    answer: object, rig_of: RigOf, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    job = await rig.step(await rig.submitted())
    poll = fake.poll

    async def nonsense(operation: object) -> object:
        return answer

    fake.poll = nonsense  # type: ignore[assignment, method-assign]
    job = await rig.step(job)
    assert (job.phase, job.status) == (Phase.WAITING, JobStatus.PROCESSING)
    assert "raised TypeError in poll" in str(job.provider_metadata["trouble"])
    fake.poll = poll  # type: ignore[method-assign]
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


async def test_text_of_a_provider_is_cleaned_and_cut_before_it_is_kept(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).fail("generation_failed", "\x1b[31mred\u202e " + "x" * 100_000)
    rig = rig_of(fake)
    message = str((await rig.steps(await rig.submitted())).error_message)
    assert "\x1b" not in message
    assert "\u202e" not in message
    assert len(message) < 3000
