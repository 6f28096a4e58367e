"""What a job row looks like after each thing that can happen to it: pure, and the only place that changes rows.

The engine decides what happened and commits; this module knows which columns that touches. Every function takes the
row as it was and returns it as it shall be, with the lease released unless it says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from pydantic import JsonValue, ValidationError

from nexiom_sdk import schedule
from nexiom_sdk.attempts import again_at, with_attempt
from nexiom_sdk.errors import (
    IllegalTransition,
    JobCancelled,
    NexiomError,
    SubmissionUncertain,
    TimedOut,
    code_of,
)
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.spending import amount_of, counted
from nexiom_sdk.timing import Timing
from nexiom_sdk.trouble import NO_TROUBLE, noted
from nexiom_sdk.types import (
    Cancelled,
    Candidate,
    Choice,
    Failed,
    Operation,
    Running,
    Succeeded,
    VideoRequest,
    VideoSpec,
)
from nexiom_sdk.user_words import told_to_user
from nexiom_sdk.wording import printable, usd

MOST_PROGRESS_WHILE_RUNNING = 0.99
_LONGEST_REASON = 200


def created(
    job_id: str,
    request: VideoRequest,
    choice: Choice,
    *,
    user_id: str | None,
    client_key: str | None,
    now: datetime,
    role: str | None = None,
) -> GenerationJob:
    """A new row for a request and the model chosen for it; nothing was sent."""
    job = GenerationJob(
        id=job_id,
        prompt=request.prompt,
        request=request,
        user_id=user_id,
        client_key=client_key,
        run_at=now,
        created_at=now,
        updated_at=now,
    )
    return admitted(job, request, choice, role=role, now=now)


def held(job: GenerationJob, *, until: datetime) -> GenerationJob:
    """A new row that whoever inserts it also takes the first step of: it is as if it was claimed at once."""
    return job.evolve(leased_until=until, fence=job.fence + 1)


def admitted(
    job: GenerationJob, request: VideoRequest, choice: Choice, *, now: datetime, role: str | None = None
) -> GenerationJob:
    """The wish was checked and a model was chosen for it; nothing was sent."""
    chosen = job.evolve(
        reference_media_path=request.reference_media_path or _first_input(request),
        quality_tier=choice.tier or request.quality_tier,
        request=request,
    ).with_metadata(choice=choice.model_dump(mode="json"), role=role, timing=Timing(ordered_at=now).stored())
    return _ordered(chosen, choice.ranked[0]) if choice.ranked else chosen


def intended(job: GenerationJob, spec: VideoSpec | None, *, now: datetime) -> GenerationJob:
    """The paid call goes out next, or went out already where nothing is sent; the lease is kept."""
    job = job.evolve(phase=Phase.SUBMITTING, status=JobStatus.PROCESSING, submit_started_at=now)
    if spec is None:
        return job
    sent = spec.model_dump(mode="json", exclude={"prompt", "negative_prompt", "media"}, exclude_none=True)
    media: list[JsonValue] = [{"role": one.role, "media_type": one.media_type} for one in spec.media]
    return job.with_metadata(request={**sent, "media": media} if media else sent)


def unsent(job: GenerationJob, *, run_at: datetime, attempts: int) -> GenerationJob:
    """The call certainly never left, or was refused for now: the same order is sent again at `run_at`."""
    return job.evolve(
        phase=Phase.QUEUED,
        status=JobStatus.PENDING,
        submit_started_at=None,
        run_at=run_at,
        attempts=attempts,
        leased_until=None,
    )


def delayed(job: GenerationJob, error: NexiomError, *, run_at: datetime) -> GenerationJob:
    """This step did not work out; the same step is tried again at `run_at`."""
    return noted(job.evolve(run_at=run_at, attempts=job.attempts + 1, leased_until=None), error)


def put_off(job: GenerationJob, error: NexiomError, *, run_at: datetime) -> GenerationJob:
    """This step was not even begun, so it counts as no attempt; it is taken at `run_at`."""
    return noted(job.evolve(run_at=run_at, leased_until=None), error)


def not_set_up(job: GenerationJob, error: NexiomError, *, now: datetime, run_at: datetime) -> GenerationJob:
    """This machine lacks what the order needs: nothing was sent, which counts as no attempt. Others may have it."""
    timing = replace(job.timing, not_set_up_since=job.timing.not_set_up_since or now)
    waiting = unsent(job, run_at=run_at, attempts=job.attempts).with_metadata(timing=timing.stored())
    return noted(waiting, error)


def answered(job: GenerationJob, operation: Operation, *, now: datetime, run_at: datetime) -> GenerationJob:
    """The provider took the order."""
    return job.evolve(
        phase=Phase.WAITING,
        status=JobStatus.PROCESSING,
        provider_job_id=operation.id,
        run_at=run_at,
        attempts=0,
        leased_until=None,
        error_code=None,
        error_message=None,
    ).with_metadata(
        operation=dict(operation.state),
        warnings=_more_warnings(job, operation.warnings),
        timing=replace(job.timing, submit_answered_at=now).stored(),
        **NO_TROUBLE,
        failure=None,
    )


def looked(job: GenerationJob, running: Running, *, now: datetime, run_at: datetime) -> GenerationJob:
    """The provider is still at it. Progress never goes back and is not whole before the video is stored."""
    timing = replace(
        job.timing,
        submit_answered_at=taken_at(job),  # an adopted order has no such stamp yet
        running_since=None if running.queued else job.timing.running_since or now,
        last_running_at=now,
    )
    progress = job.progress
    if running.progress is not None and not math.isnan(running.progress):
        progress = max(job.progress or 0.0, min(max(running.progress, 0.0), MOST_PROGRESS_WHILE_RUNNING))
    return job.evolve(progress=progress, run_at=run_at, attempts=0, leased_until=None).with_metadata(
        timing=timing.stored(), **NO_TROUBLE
    )


def spooled(job: GenerationJob, place: str | None) -> GenerationJob:
    """Where the file of the video rests until it is stored; None: nowhere yet. The lease is kept."""
    return job.with_metadata(spooled=place)


def unusable(job: GenerationJob) -> GenerationJob:
    """The provider is done, and what it gave was of no use: no file, half a file, a link that is expired. Counted."""
    return job.with_metadata(unusable=times_unusable(job) + 1)


def times_unusable(job: GenerationJob) -> int:
    """How many times what the provider gave for the present order was of no use."""
    stored = job.provider_metadata.get("unusable")
    return stored if isinstance(stored, int) else 0


def finished(job: GenerationJob, outcome: Succeeded, *, now: datetime) -> GenerationJob:
    """The provider has the video; the lease is kept, because saving follows at once."""
    return (
        billed(job, outcome)
        .evolve(
            phase=Phase.SAVING,
            status=JobStatus.PROCESSING,
            run_at=now,
            attempts=0,
            error_code=None,
            error_message=None,
        )
        .with_metadata(
            timing=_taught(job, now).stored(),
            warnings=_more_warnings(job, outcome.warnings),
            unusable=None,
            **NO_TROUBLE,
            failure=None,
        )
    )


def billed(job: GenerationJob, outcome: Succeeded | Failed | Cancelled) -> GenerationJob:
    """What the provider says that the order cost is noted, whether there is a video or not."""
    said = amount_of(outcome.cost_usd)
    return job.evolve(cost_usd=job.cost_usd if said is None else said).with_metadata(
        provider_units=dict(outcome.detail) or job.provider_metadata.get("provider_units")
    )


def completed(
    job: GenerationJob,
    results: Sequence[JsonValue],
    *,
    path: str,
    url: str,
    url_until: datetime,
    warnings: Sequence[str] = (),
    now: datetime,
) -> GenerationJob:
    """The checked video is in the store, under an address that is valid until `url_until`, or longer."""
    return job.evolve(
        phase=Phase.DONE,
        status=JobStatus.COMPLETED,
        result_path=path,
        result_url=url,
        progress=1.0,
        run_at=now,
        attempts=0,
        leased_until=None,
        error_code=None,
        error_message=None,
    ).with_metadata(
        results=list(results),
        result_url_until=url_until.isoformat(),
        warnings=_more_warnings(job, warnings),
        spooled=None,
        unusable=None,
        **NO_TROUBLE,
        failure=None,
    )


def failed(job: GenerationJob, error: NexiomError, *, now: datetime) -> GenerationJob:
    """The job ends without a video."""
    return _failure(job.evolve(phase=Phase.DONE, run_at=now), error)


def unknown(job: GenerationJob, error: SubmissionUncertain, *, now: datetime) -> GenerationJob:
    """Nobody can tell whether the order was taken: a person has to decide."""
    return _failure(job.evolve(phase=Phase.UNKNOWN, run_at=now), error)


def timed_out(job: GenerationJob, *, after_seconds: float, now: datetime) -> GenerationJob:
    """The provider is over its time; the job failed for its user, and is still looked at now and then."""
    minutes = round(after_seconds / 60)
    error = TimedOut(f"{job.provider} did not finish within {minutes} min; it may still charge for the clip.")
    late = job.with_metadata(timing=replace(job.timing, timed_out_at=job.timing.timed_out_at or now).stored())
    return _failure(late.evolve(run_at=now + timedelta(seconds=schedule.LATE_SECONDS)), error)


def given_up(job: GenerationJob, *, now: datetime) -> GenerationJob:
    """Nobody looks at it any more; it stays failed as it is.

    Raises:
        IllegalTransition: It did not fail: a job that is done has a video or says why it has none.
    """
    if job.status is not JobStatus.FAILED:
        msg = f"Job {job.id} is {job.status}: it cannot be given up before it failed."
        raise IllegalTransition(msg, job_id=job.id)
    return job.evolve(phase=Phase.DONE, run_at=now, leased_until=None)


def cancel_asked(job: GenerationJob, *, state: str, trouble: str | None, now: datetime) -> GenerationJob:
    """The provider was asked to stop the order; `state` is requested or not possible. The next look tells."""
    going_on = job.evolve(run_at=now, leased_until=None)
    return going_on.with_metadata(cancel=state, **{**NO_TROUBLE, "trouble": trouble})


def cancelled(job: GenerationJob, error: JobCancelled, *, state: str, now: datetime) -> GenerationJob:
    """The job ends because its user wished so; `state` is confirmed, not possible, or not sent."""
    return failed(job, error, now=now).with_metadata(cancel=state)


def reordered(
    job: GenerationJob,
    candidate: Candidate,
    error: NexiomError,
    *,
    now: datetime,
    run_at: datetime | None = None,
    attempts: int = 0,
    waits_for: str | None = None,
) -> GenerationJob:
    """A new order at another model, after one that was not taken, or not charged.

    The choice stays as it was made; the terms and the price of this order are kept beside it. `waits_for` says why it
    is not sent at once.
    """
    if error.charged == "no":
        job = job.evolve(cost_usd=job.cost_usd or Decimal(0))  # so that sums do not take its estimate for money spent
    new = _next_order(job, error.code, error.message, now=now, again=again_at(error, now=now))
    prices = dict.fromkeys((usd(job.estimated_cost_usd), usd(candidate.estimated_cost_usd)))
    moved = (
        f"{job.provider} could not take it ({printable(error.message, _LONGEST_REASON).rstrip('.')}): "
        f"ordered from {candidate.target} instead (estimate {' -> '.join(prices)})"
    )
    timing = new.timing
    if job.phase is not Phase.WAITING:  # nobody took it so far: its time to be taken goes on
        timing = replace(timing, waiting_since=waiting_since(job, now))
    return _ordered(new.evolve(run_at=run_at or now, attempts=attempts), candidate, moved=moved).with_metadata(
        candidate=candidate.model_dump(mode="json"), timing=timing.stored(), trouble=waits_for
    )


def resubmitted(job: GenerationJob, candidate: Candidate | None = None, *, now: datetime) -> GenerationJob:
    """A new order of the same, on purpose, after a failed one: with the terms and the price of now."""
    told = None if job.error_code is None else str(job.failure())
    new = _next_order(job, job.error_code, told, now=now)
    return (
        new
        if candidate is None
        else _ordered(new, candidate).with_metadata(candidate=candidate.model_dump(mode="json"))
    )


def waiting_since(job: GenerationJob, now: datetime) -> datetime:
    """Since when the job waits for a provider that takes it, over all its orders that none took."""
    return job.timing.waiting_since or job.timing.ordered_at or now


def taken_at(job: GenerationJob) -> datetime:
    """When the provider took the order; of one that was adopted later, when it was sent."""
    sent_at = None if job.submit_started_at is None else utc(job.submit_started_at)
    return job.timing.submit_answered_at or sent_at or job.ordered_at


def schedule_key_of(job: GenerationJob) -> str:
    """The setting within which this job's time is comparable."""
    one = candidate_of(job)
    return schedule.schedule_key(one) if one else ""


def candidate_of(job: GenerationJob) -> Candidate | None:
    """The model of the present order, with its terms: as they were when it was ordered."""
    # Read at each look: of the whole choice, with all that was dropped, only this one entry is made into a value.
    stored = job.provider_metadata.get("choice")
    ranked = stored.get("ranked") if isinstance(stored, dict) else None
    later = job.provider_metadata.get("candidate")
    for one in (later, *(ranked if isinstance(ranked, list) else ())):
        if isinstance(one, dict) and (one.get("provider"), one.get("model")) == (job.provider, job.model):
            try:
                return Candidate.model_validate(one)
            except ValidationError:  # somebody changed the row by hand: as good as not there
                continue
    return None


def _ordered(job: GenerationJob, candidate: Candidate, *, moved: str | None = None) -> GenerationJob:
    """The job with the terms of a model; what was said of the one before is not true of this one."""
    before = candidate_of(job)
    over = {*(before.warnings if before else ()), str(job.provider_metadata.get("moved"))}
    warnings = dict.fromkeys((*(one for one in job.warnings if one not in over), *candidate.warnings))
    return job.evolve(
        provider=candidate.provider,
        model=candidate.model,
        duration_seconds=candidate.duration_seconds,
        estimated_cost_usd=candidate.estimated_cost_usd,
    ).with_metadata(
        warnings=[*warnings, *([moved] if moved else [])] or None,
        moved=moved,
        budget_tier=None if candidate.tier == job.quality_tier else candidate.tier,
    )


def _last_paid_at(job: GenerationJob) -> str | None:
    """When the last order was made that may have cost something, the present one included; as text, as below."""
    before = job.provider_metadata.get("earlier_at")
    free = job.counted_cost_usd == 0
    return (before if isinstance(before, str) else None) if free else utc(job.ordered_at).isoformat()


def _next_order(
    job: GenerationJob, code: str | None, message: str | None, *, now: datetime, again: datetime | None = None
) -> GenerationJob:
    cost_usd = job.counted_cost_usd
    earlier_usd = job.earlier_cost_usd + (counted(amount_of(cost_usd)) if cost_usd is not None else 0)
    return job.evolve(
        phase=Phase.QUEUED,
        status=JobStatus.PENDING,
        order_no=job.order_no + 1,
        provider_job_id=None,
        submit_started_at=None,
        progress=None,
        cost_usd=None,
        run_at=now,
        attempts=0,
        leased_until=None,
        error_code=None,
        error_message=None,
    ).with_metadata(
        attempts=with_attempt(job, code, message, now=now, again_at=again),
        earlier_cost_usd=f"{earlier_usd:f}" if earlier_usd else None,
        earlier_unpriced=job.earlier_unpriced + (cost_usd is None) or None,
        earlier_at=_last_paid_at(job),
        operation=None,
        unusable=None,
        provider_units=None,
        spooled=None,
        timing=Timing(ordered_at=now).stored(),
        failure=None,
        **NO_TROUBLE,
        cancel=None,
    )


def _failure(job: GenerationJob, error: NexiomError) -> GenerationJob:
    error.next_step = error.next_step.replace("JOB", job.id)  # so that the command named can be copied
    return job.evolve(
        status=JobStatus.FAILED,
        error_code=code_of(error),
        error_message=told_to_user(error, ordered=job.submit_started_at is not None),
        leased_until=None,
        cost_usd=Decimal(0) if error.charged == "no" and job.cost_usd is None else job.cost_usd,
    ).with_metadata(
        failure={"message": error.message, "charged": error.charged, "next_step": error.next_step}, **NO_TROUBLE
    )


def _taught(job: GenerationJob, now: datetime) -> Timing:
    """The timing of a job that was just found finished, with what the schedule learns from it: how long it took.

    Nothing where that is not known: it was late, nobody looked when it was time to, or it was adopted unseen.
    """
    timing = replace(job.timing, finished_at=now)
    followed = job.phase is Phase.SUBMITTING or timing.submit_answered_at is not None
    in_time = timing.timed_out_at is None and now - job.run_at < timedelta(seconds=schedule.LATE_SECONDS)
    if not (followed and in_time):
        return timing
    submitted = taken_at(job)
    seen_running = timing.last_running_at or submitted
    # We noticed it at `now`; it finished somewhere between the last look and now, so half-way is the fair guess.
    took = (seen_running - submitted + (now - seen_running) / 2).total_seconds()
    return replace(timing, key=schedule_key_of(job), took_seconds=round(took, 3))


def _more_warnings(job: GenerationJob, new: Sequence[str]) -> list[JsonValue] | None:
    return list(dict.fromkeys((*job.warnings, *new))) or None


def _first_input(request: VideoRequest) -> str | None:
    return next((media.input_path for media in request.media if media.input_path), None)
