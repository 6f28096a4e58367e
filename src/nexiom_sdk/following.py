"""The steps while a provider works: look, note progress, cancel, and give up in time but never for good too early."""

from __future__ import annotations

from dataclasses import dataclass

from nexiom_sdk import moves, schedule
from nexiom_sdk.desk import Desk
from nexiom_sdk.elsewhere import elsewhere
from nexiom_sdk.errors import (
    FAILURE_CODES,
    Charged,
    ConfigurationError,
    GenerationFailed,
    IllegalTransition,
    InvalidInput,
    JobCancelled,
    MalformedResponse,
    NexiomError,
    ProviderBusy,
    ResultInvalid,
    UnsupportedFeature,
)
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus
from nexiom_sdk.providers.calls import call
from nexiom_sdk.providers.looks import Looks
from nexiom_sdk.providers.protocol import SupportsCancel, VideoProvider
from nexiom_sdk.saving import TRIES_FOR_A_USABLE_RESULT, WAIT_FOR_ANOTHER_MACHINE_SECONDS, Saving
from nexiom_sdk.timing import seconds_since
from nexiom_sdk.types import Cancelled, Failed, Operation, Running, Succeeded
from nexiom_sdk.wording import printable

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Steps of jobs that are waiting.

    Args:
        desk: What every step needs.
        saving: The steps that follow when the provider is done.
        looks: How orders are looked at.
    """

    desk: Desk
    saving: Saving
    looks: Looks

    async def look(self, job: GenerationJob, *, watched: bool) -> GenerationJob:
        """Ask the provider once and note what it says."""
        desk = self.desk
        try:
            provider, operation = desk.provider_of(job), _operation_of(job)
            if job.cancel_requested_at is not None and "cancel" not in job.provider_metadata:
                return await self._cancel(job, provider, operation)
            outcome = await self.looks.look(provider, operation)
        except NexiomError as error:
            return await self._not_seen(job, error)
        match outcome:
            case Running():
                return await self._running(job, provider, outcome, watched=watched)
            case Succeeded():
                return await self._succeeded(job, outcome)
            case Failed():
                return await self._failed(job, outcome)
            case Cancelled():
                return await self._stopped(moves.billed(job, outcome), outcome.reason, outcome.charged or "unknown")

    async def check(self, job: GenerationJob, provider_job_id: str) -> None:
        """Look whether the provider has an order of this id that still may bring a video; nothing is written.

        An order that has ended without one may be another one's, as mistyped ids are: a job must not end by it.

        Raises:
            InvalidInput: It knows no such order, or that one has ended without a video.
            NexiomError: It cannot be looked at now.
        """
        shown = printable(provider_job_id, 80)
        try:
            seen = await self.looks.look(self.desk.provider_of(job), Operation(id=provider_job_id))
        except InvalidInput as error:
            raise _no_such_order(job, error.message) from error
        except NexiomError as error:
            if getattr(error, "status", None) == _NOT_FOUND:
                raise _no_such_order(job, error.message) from error
            error.message = f"Order {shown} cannot be looked at now, so nothing was changed: {error.message}"
            error.next_step = f"Try it again later. {error.next_step}"
            error.charged, error.job_id = None, job.id  # of the look there is nothing to say, of the order too little
            raise
        match seen:
            case Failed() if seen.lost:
                raise _no_such_order(job, printable(seen.message) or f"{job.provider} knows no order {shown}.")
            case Failed():
                raise _no_video(job, f"Order {shown} failed at {job.provider}", seen.message)
            case Cancelled():
                raise _no_video(job, f"Order {shown} was stopped at {job.provider}", seen.reason)
            case Running() | Succeeded():
                return

    async def _running(
        self, job: GenerationJob, provider: VideoProvider, running: Running, *, watched: bool
    ) -> GenerationJob:
        desk, now = self.desk, self.desk.now()
        if self._over(job):
            return await self._overdue(job, moves.looked(job, running, now=now, run_at=now))
        gap = schedule.next_look(
            await desk.pace(job, provider, watched=watched),
            since_submit_seconds=(now - moves.taken_at(job)).total_seconds(),
            since_running_seconds=None if running.queued else seconds_since(job.timing.running_since, now) or 0.0,
            queued=running.queued,
            hint_seconds=running.poll_after_seconds,
            left_seconds=self._left(job),
            luck=desk.luck(),
        )
        return await desk.commit(job, moves.looked(job, running, now=now, run_at=desk.after(gap)))

    async def _succeeded(self, job: GenerationJob, outcome: Succeeded) -> GenerationJob:
        if outcome.assets:
            return await self.saving.begin(job, outcome)
        job = moves.unusable(moves.billed(job, outcome))
        msg = f"{job.provider} reports success without a file."
        error = MalformedResponse(msg, charged="yes", next_step=ResultInvalid.default_next_step)
        give_up = moves.times_unusable(job) >= TRIES_FOR_A_USABLE_RESULT  # looks that broke saw nothing
        return await (self.desk.end(job, error) if give_up else self.desk.later(job, error))

    async def _failed(self, job: GenerationJob, outcome: Failed) -> GenerationJob:
        kind = FAILURE_CODES.get(outcome.code, GenerationFailed)
        error = kind(printable(outcome.message) or f"{job.provider} could not make the video.", job_id=job.id)
        # Once an order was taken, only the provider's own word that it is free makes it free.
        error.charged = outcome.charged or ("unknown" if error.charged == "no" else error.charged)
        job = moves.billed(job, outcome)
        if job.provider_metadata.get("cancel") == "requested":  # some providers forget an order that they stop
            return await self._stopped(job, outcome.message, error.charged)
        return await elsewhere(self.desk, job, error) or await self.desk.end(job, error)

    async def _stopped(self, job: GenerationJob, reason: str, charged: Charged | None) -> GenerationJob:
        desk = self.desk
        error = JobCancelled(f"{job.provider} stopped the order. {printable(reason)}".strip(), charged=charged)
        return await desk.commit(job, moves.cancelled(job, error, state="confirmed", now=desk.now()))

    async def _cancel(self, job: GenerationJob, provider: VideoProvider, operation: Operation) -> GenerationJob:
        desk = self.desk
        state, trouble = "requested", None
        try:
            await self._stop(provider, operation)
        except UnsupportedFeature:
            error = JobCancelled(
                f"{provider.name} cannot stop an order: it goes on there, and its cost is open.", charged="unknown"
            )
            return await desk.commit(job, moves.cancelled(job, error, state="not possible", now=desk.now()))
        except ProviderBusy:
            raise  # it was not asked
        except NexiomError as error:
            state, trouble = "not possible", error.message
        return await desk.commit(job, moves.cancel_asked(job, state=state, trouble=trouble, now=desk.now()))

    async def _stop(self, provider: VideoProvider, operation: Operation) -> None:
        if not isinstance(provider, SupportsCancel):
            raise UnsupportedFeature(f"{provider.name} cannot stop an order.")
        await call(self.desk.door, provider.name, "cancel", lambda: provider.cancel(operation))

    async def _not_seen(self, job: GenerationJob, error: NexiomError) -> GenerationJob:
        """A look that did not work says nothing about the job: it never ends one that is still within its time."""
        if not self._over(job):
            return await self.desk.later(job, error)
        return await self._overdue(job, job, asked=not isinstance(error, ProviderBusy | ConfigurationError))

    def _left(self, job: GenerationJob) -> float | None:
        """Seconds that the provider still has; None where it has all the time there is."""
        desk = self.desk
        limit = desk.deadline_seconds
        return None if limit is None else limit - (desk.now() - moves.taken_at(job)).total_seconds()

    def _over(self, job: GenerationJob) -> bool:
        left = self._left(job)
        return left is not None and left <= 0

    async def _overdue(self, job: GenerationJob, seen: GenerationJob, *, asked: bool = True) -> GenerationJob:
        """Failed for its user first, however late it is noticed; the last look comes a day after that.

        Where this machine cannot ask, for want of a key, others get as long for that as they get for a file.
        """
        desk, window = self.desk, schedule.LATE_WINDOW_SECONDS if asked else WAIT_FOR_ANOTHER_MACHINE_SECONDS
        if job.status is JobStatus.FAILED and desk.past(job.timing.timed_out_at, window):
            return await desk.commit(job, moves.given_up(job, now=desk.now()))
        limit = desk.deadline_seconds or 0.0
        return await desk.commit(job, moves.timed_out(seen, after_seconds=limit, now=desk.now()))


def _no_such_order(job: GenerationJob, said: str) -> InvalidInput:
    hint = (
        "Check the id at the provider, whole and as it is written there, and resolve the job again; "
        f"if the order is not there, `nexiom jobs resubmit {job.id}`."
    )
    return InvalidInput(
        f"There is no such order: {said} Nothing was changed.", next_step=hint, charged=None, job_id=job.id
    )


def _no_video(job: GenerationJob, what: str, said: str) -> InvalidInput:
    because = f" ({printable(said).rstrip('.')})" if said else ""
    hint = (
        "Check the id at the provider: a mistyped one may be that of another order. If it is this job's, "
        f"`nexiom jobs resubmit {job.id}` orders the video again."
    )
    return InvalidInput(f"{what}{because}. Nothing was changed.", next_step=hint, charged=None, job_id=job.id)


def _operation_of(job: GenerationJob) -> Operation:
    operation = job.operation
    if operation is None:  # the row's own rules forbid it, but rows can be edited by hand
        msg = f"Job {job.id} waits for an order without an id."
        raise IllegalTransition(msg, job_id=job.id)
    return operation
