"""Any story that can happen to a job keeps its row sound."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from nexiom_sdk import GenerationJob, JobStatus, VideoRequest, moves
from nexiom_sdk.attempts import attempts_of
from nexiom_sdk.errors import (
    FAILURE_CODES,
    ContentRejected,
    IllegalTransition,
    JobCancelled,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    SubmissionUncertain,
)
from nexiom_sdk.phases import Phase, may_move
from nexiom_sdk.types import Asset, Candidate, Choice, Operation, Running, Succeeded, VideoSpec

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
CHOICE = Choice(
    tier="standard",
    ranked=(
        Candidate(provider="acme", model="a1", duration_seconds=4, estimated_cost_usd=Decimal("0.40")),
        Candidate(
            provider="bolt", model="b1", duration_seconds=6, estimated_cost_usd=Decimal("0.60"), warnings=("6 s",)
        ),
    ),
    policy_version="7",
)


def _new() -> GenerationJob:
    request = VideoRequest(prompt="a fox", quality_tier="standard")
    return moves.created("j1", request, CHOICE, user_id="u1", client_key=None, now=START)


UNDER_WAY = (Phase.QUEUED, Phase.SUBMITTING, Phase.WAITING, Phase.SAVING)
STOPPED = JobCancelled("stopped", charged="no")

# Each move, and the phases in which the engine makes it.
MOVES: Mapping[str, tuple[Collection[Phase], Callable[[GenerationJob, datetime], GenerationJob]]] = {
    "intended": (
        (Phase.QUEUED,),
        lambda job, now: moves.intended(job, VideoSpec(model="a1", prompt="a fox"), now=now),
    ),
    "unsent": (
        (Phase.QUEUED, Phase.SUBMITTING),
        lambda job, now: moves.unsent(job, run_at=now, attempts=job.attempts + 1),
    ),
    "delayed": (UNDER_WAY, lambda job, now: moves.delayed(job, RateLimited("busy"), run_at=now)),
    "put_off": (UNDER_WAY, lambda job, now: moves.put_off(job, RateLimited("busy"), run_at=now)),
    "answered": (
        (Phase.SUBMITTING,),
        lambda job, now: moves.answered(job, Operation(id="op", state={"path": "/x"}), now=now, run_at=now),
    ),
    "looked": ((Phase.WAITING,), lambda job, now: moves.looked(job, Running(progress=0.5), now=now, run_at=now)),
    "unusable": ((Phase.WAITING, Phase.SAVING), lambda job, _: moves.unusable(job)),
    "timed_out": ((Phase.WAITING,), lambda job, now: moves.timed_out(job, after_seconds=3600, now=now)),
    "given_up": ((Phase.WAITING,), lambda job, now: moves.given_up(job, now=now)),
    "cancel_asked": (
        (Phase.WAITING,),
        lambda job, now: moves.cancel_asked(job, state="requested", trouble=None, now=now),
    ),
    "finished": (
        (Phase.SUBMITTING, Phase.WAITING),
        lambda job, now: moves.finished(job, Succeeded(assets=(Asset(data=b"x"),)), now=now),
    ),
    "completed": (
        (Phase.SAVING,),
        lambda job, now: moves.completed(job, [{}], path="u1/j1/0.mp4", url="file:///x", url_until=now, now=now),
    ),
    "failed": (UNDER_WAY, lambda job, now: moves.failed(job, ContentRejected("no"), now=now)),
    "cancelled": (
        (Phase.QUEUED, Phase.WAITING),
        lambda job, now: moves.cancelled(job, STOPPED, state="confirmed", now=now),
    ),
    "unknown": ((Phase.SUBMITTING,), lambda job, now: moves.unknown(job, SubmissionUncertain("lost"), now=now)),
    "reordered": (
        (Phase.QUEUED, Phase.SUBMITTING, Phase.WAITING),
        lambda job, now: moves.reordered(job, CHOICE.ranked[1], RateLimited("busy"), now=now),
    ),
    "resubmitted": (
        (Phase.WAITING, Phase.UNKNOWN, Phase.DONE),
        lambda job, now: moves.resubmitted(job, now=now),
    ),
}
STORIES, MOVES_OF_A_STORY = 300, 30


def _next_moves(job: GenerationJob) -> list[str]:
    """What can happen to the job as it is; only what failed is ordered again, or given up."""
    after_failure = job.status is JobStatus.FAILED
    return [
        name
        for name, (phases, _) in MOVES.items()
        if job.phase in phases and (after_failure or name not in {"resubmitted", "given_up"})
    ]


def _moved(job: GenerationJob, name: str, now: datetime) -> GenerationJob:
    after = MOVES[name][1](job, now)
    assert may_move(job.phase, after.phase), (name, job.phase, after.phase)
    assert _sound(after), (name, after)
    return after


@given(st.data())
def test_whatever_happens_status_and_phase_agree(story: st.DataObject) -> None:
    job, now = _new(), START
    for _ in range(story.draw(st.integers(0, MOVES_OF_A_STORY))):
        if not (possible := _next_moves(job)):
            assert job.status is JobStatus.COMPLETED
            break
        now += timedelta(seconds=7)
        job = _moved(job, story.draw(st.sampled_from(possible)), now)


def test_stories_lead_through_every_phase_and_every_move_again_and_again() -> None:
    luck = random.Random(1)
    phases, made = Counter[Phase](), Counter[str]()
    for _ in range(STORIES):
        job, now = _new(), START
        for _ in range(MOVES_OF_A_STORY):
            if not (possible := _next_moves(job)):
                break
            now += timedelta(seconds=7)
            name = luck.choices(possible, [1 / (1 + made[one]) for one in possible])[0]  # what is seldom goes first
            job = _moved(job, name, now)
            phases[job.phase] += 1
            made[name] += 1
    assert min(phases[phase] for phase in Phase) >= 50, phases
    assert min(made[name] for name in MOVES) >= 20, made


def _sound(job: GenerationJob) -> bool:
    match job.phase:
        case Phase.QUEUED:
            fits = job.status is JobStatus.PENDING and job.provider_job_id is None
        case Phase.SUBMITTING:
            fits = job.status is JobStatus.PROCESSING and job.submit_started_at is not None
        case Phase.WAITING:
            fits = job.provider_job_id is not None and job.status in {JobStatus.PROCESSING, JobStatus.FAILED}
        case Phase.SAVING:
            fits = job.status is JobStatus.PROCESSING and job.error_code is None
        case Phase.UNKNOWN:
            fits = job.error_code == "submission_uncertain" and job.status is JobStatus.FAILED
        case Phase.DONE:
            fits = job.status in {JobStatus.COMPLETED, JobStatus.FAILED}
        case _:
            raise AssertionError(job.phase)
    failed = job.status is JobStatus.FAILED
    return (
        fits
        and failed == (job.error_code is not None) == (job.error_message is not None)
        and (job.error_code is None or job.error_code in FAILURE_CODES)
        and (job.status is not JobStatus.COMPLETED or job.result_url is not None)
        and job.order_key == f"j1.{job.order_no}"
    )


def test_a_new_order_takes_the_terms_and_the_price_of_its_model() -> None:
    job = moves.reordered(_new(), CHOICE.ranked[1], RateLimited("busy"), now=START)
    assert (job.provider, job.model, job.duration_seconds, job.estimated_cost_usd) == ("bolt", "b1", 6, Decimal("0.60"))
    assert job.warnings == (
        "6 s",
        "acme could not take it (busy): ordered from bolt/b1 instead (estimate $0.40 -> $0.60)",
    )
    assert job.order_key == "j1.1"


def test_the_time_a_job_took_ends_half_way_between_the_last_look_and_the_notice() -> None:
    job = moves.answered(_new(), Operation(id="op"), now=START, run_at=START)
    job = moves.looked(job, Running(), now=START + timedelta(seconds=60), run_at=START)
    job = moves.finished(job, Succeeded(assets=(Asset(data=b"x"),)), now=START + timedelta(seconds=70))
    assert job.timing.took_seconds == 65


def test_a_job_that_did_not_fail_cannot_be_given_up() -> None:
    job = moves.answered(_new(), Operation(id="op"), now=START, run_at=START)
    with pytest.raises(IllegalTransition, match="before it failed"):
        moves.given_up(job, now=START)


def test_an_order_that_was_adopted_counts_from_when_it_was_sent() -> None:
    sent = moves.intended(_new(), None, now=START + timedelta(minutes=5))
    adopted = sent.evolve(phase=Phase.WAITING, provider_job_id="op")
    assert moves.taken_at(adopted) == START + timedelta(minutes=5)
    looked = moves.looked(adopted, Running(), now=START + timedelta(hours=2), run_at=START)
    assert moves.taken_at(looked) == START + timedelta(minutes=5)
    assert moves.taken_at(adopted.evolve(submit_started_at=None)) == START, "else from when it was ordered"


def test_a_late_success_leaves_nothing_of_the_failure() -> None:
    job = moves.answered(_new(), Operation(id="op"), now=START, run_at=START)
    late = moves.timed_out(job, after_seconds=3600, now=START + timedelta(hours=1))
    done = moves.finished(late, Succeeded(assets=(Asset(data=b"x"),)), now=START + timedelta(hours=2))
    assert (done.status, done.error_code, done.error_message) == (JobStatus.PROCESSING, None, None)
    assert "failure" not in done.provider_metadata


@pytest.mark.parametrize("out_of_sight", ["late", "nobody looked", "adopted"])
def test_a_job_that_was_out_of_sight_teaches_nothing_about_how_long_such_jobs_take(out_of_sight: str) -> None:
    job = moves.answered(_new(), Operation(id="op"), now=START, run_at=START + timedelta(minutes=1))
    at = START + timedelta(minutes=2)
    if out_of_sight == "late":
        at = START + timedelta(hours=11)
        job = moves.timed_out(job, after_seconds=3600, now=at - timedelta(minutes=10))
    elif out_of_sight == "nobody looked":
        at = START + timedelta(hours=11)
    else:
        sent = moves.intended(_new(), None, now=START)
        job = sent.evolve(phase=Phase.WAITING, provider_job_id="op", run_at=at)
    timing = moves.finished(job, Succeeded(assets=(Asset(data=b"x"),)), now=at).timing
    assert (timing.key, timing.took_seconds, timing.finished_at) == (None, None, at)


def test_a_row_remembers_its_failure_across_processes() -> None:
    job = moves.failed(_new(), ContentRejected("violence", charged="yes"), now=START)
    again = GenerationJob.model_validate_json(job.model_dump_json()).failure()
    assert isinstance(again, ContentRejected)
    assert (again.message, again.charged, again.next_step) == ("violence", "yes", ContentRejected.default_next_step)


def test_a_new_order_remembers_of_the_one_before_what_is_for_whoever_runs_the_app() -> None:
    job = moves.failed(_new(), QuotaExhausted("Top up at acme's console."), now=START)
    [before] = attempts_of(moves.resubmitted(job, now=START))
    assert before.error_message == str(job.failure())
    assert "Top up" in str(before.error_message)
    assert "Top up" not in str(job.error_message)


def test_what_was_sent_is_kept_without_the_prompt() -> None:
    spec = VideoSpec(model="a1", prompt="CANARY", negative_prompt="CANARY", duration_seconds=4, options={"motion": 3})
    job = moves.intended(_new(), spec, now=START)
    assert job.provider_metadata["request"] == {"model": "a1", "duration_seconds": 4.0, "options": {"motion": 3}}


def test_what_was_said_of_the_model_before_is_not_said_of_the_next_one() -> None:
    first = moves.reordered(_new(), CHOICE.ranked[1], RateLimited("busy"), now=START)
    again = moves.reordered(first, CHOICE.ranked[0], RateLimited("slow"), now=START)
    assert again.warnings == ("bolt could not take it (slow): ordered from acme/a1 instead (estimate $0.60 -> $0.40)",)


def test_the_terms_of_a_later_order_are_kept_beside_the_choice_which_stays_as_it_was() -> None:
    dearer = CHOICE.ranked[1].evolve(estimated_cost_usd=Decimal("0.90"), resolution="720p")
    job = moves.reordered(_new(), dearer, RateLimited("busy"), now=START)
    job = GenerationJob.model_validate_json(job.model_dump_json())
    assert moves.candidate_of(job) == dearer
    assert job.choice == CHOICE
    assert moves.candidate_of(_new()) == CHOICE.ranked[0]


def test_an_order_that_was_not_charged_counts_nothing_when_the_next_one_is_made_and_another_one_does() -> None:
    free = moves.reordered(_new(), CHOICE.ranked[1], RateLimited("busy"), now=START)
    assert (free.earlier_cost_usd, free.counted_cost_usd) == (Decimal(0), Decimal("0.60"))
    lost = moves.unknown(_new(), SubmissionUncertain("lost"), now=START)
    assert moves.resubmitted(lost, now=START).earlier_cost_usd == Decimal("0.40")


def test_the_time_that_nobody_took_a_job_is_counted_over_all_its_orders() -> None:
    later = START + timedelta(minutes=5)
    job = moves.reordered(_new(), CHOICE.ranked[1], RateLimited("busy"), now=later)
    assert moves.waiting_since(job, later) == START
    taken = moves.answered(job, Operation(id="op"), now=later, run_at=later)
    failed = moves.reordered(taken, CHOICE.ranked[0], RateLimited("busy"), now=later)
    assert moves.waiting_since(failed, later) == later, "it had been taken: the next provider has all its time"
    assert moves.waiting_since(moves.resubmitted(job, now=later), later) == later


def test_orders_that_are_made_in_turn_do_not_fill_the_row() -> None:
    job, down = _new(), ProviderUnavailable("down")
    for turn in range(100):
        job = moves.reordered(job, CHOICE.ranked[(turn + 1) % 2], down, now=START + timedelta(minutes=turn))
    assert job.order_no == 100
    assert [(one.provider, one.times) for one in attempts_of(job)] == [("acme", 50), ("bolt", 50)]
    assert len(job.model_dump_json()) < 6000


def test_an_attempt_that_somebody_made_unreadable_is_passed_over() -> None:
    job = moves.reordered(_new(), CHOICE.ranked[1], ProviderUnavailable("down"), now=START)
    stored = job.provider_metadata["attempts"]
    assert isinstance(stored, list)
    newer = {**stored[0], "a field of a later version": 1}  # type: ignore[dict-item]
    job = job.with_metadata(attempts=[{"times": "many"}, 3, None, newer])
    assert [one.provider for one in attempts_of(job)] == ["acme"]
    assert attempts_of(job.with_metadata(attempts="none")) == ()


@pytest.mark.parametrize("stamp", ["yesterday", 7, None, "2026-11-24T12:00:00"])
def test_a_stamp_that_somebody_wrote_by_hand_stops_no_job(stamp: JsonValue) -> None:
    job = _new().with_metadata(timing={"ordered_at": stamp, "waiting_since": stamp})
    assert moves.waiting_since(job, START).tzinfo is not None


def test_a_choice_that_somebody_broke_by_hand_is_none() -> None:
    several: list[JsonValue] = [{"ranked": 5}, {"sky": "blue"}, 7]
    for broken in several:
        assert _new().with_metadata(choice=broken).choice is None


def test_a_candidate_that_somebody_broke_by_hand_is_none() -> None:
    broken: JsonValue = {"provider": "acme", "model": "a1", "weight": "much"}
    job = _new().evolve(provider="acme", model="a1").with_metadata(candidate=broken, choice={"ranked": [broken]})
    assert moves.candidate_of(job) is None
