"""The steps before a provider has the order: where money is spent, once.

A place at the provider's gate is taken, its breaker is asked, then the intent is committed, then the paid call is made
at once, then its answer is committed. The call is sent again only when it certainly never left, when the provider
documents the answer as a refusal, or when it carries a key that makes both one order. A job found between intent and
answer is settled by what its adapter declares: `key`, `lookup` or `none`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from types import NoneType
from typing import TypeVar

from nexiom_sdk import moves
from nexiom_sdk.answered import Answered
from nexiom_sdk.desk import Desk, Overtaken
from nexiom_sdk.errors import (
    ConfigurationError,
    GenerationFailed,
    JobCancelled,
    NexiomError,
    PluginError,
    ProviderBusy,
    ProviderUnavailable,
    StorageUnavailable,
    SubmissionUncertain,
)
from nexiom_sdk.intake import Intake
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.lease import Lease
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.calls import call, call_once
from nexiom_sdk.providers.protocol import SupportsLookup, VideoProvider
from nexiom_sdk.recovery import telling_of_money
from nexiom_sdk.redaction import redact
from nexiom_sdk.refusals import Refusals
from nexiom_sdk.saving import Saving
from nexiom_sdk.trouble import noted
from nexiom_sdk.types import Operation, Submission, Succeeded

T = TypeVar("T")

_log = logging.getLogger(__name__)

CALL_TIMEOUT_SECONDS = 60.0  # longest that one JSON call may take
PAUSE_WITHOUT_A_PLACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """Steps of jobs that are queued or submitting.

    Args:
        desk: What every step needs.
        refusals: What follows where nothing was ordered.
        answered: What follows where an order was taken.
        saving: The steps that follow when a provider answers with the video itself.
        intake: Takes in rows that others wrote.
    """

    desk: Desk
    refusals: Refusals
    answered: Answered
    saving: Saving
    intake: Intake

    async def submit(self, job: GenerationJob, lease: Lease, *, watched: bool) -> GenerationJob:
        """A queued job: take a place, commit the intent, order, commit the answer."""
        desk = self.desk
        known = await self.answered.known(job)
        if known is not None:
            return known
        if job.cancel_requested_at is not None:
            return await self._cancelled(job)
        try:
            if job.choice is None:
                job = await self.intake.admit(job)
            provider = desk.provider_of(job)
            held = desk.door.breakers.held(provider.name)  # asked before anything is read for it
            prepared = await desk.submission(job, provider) if held is None else held.error()
        except NexiomError as error:
            return await self._not_prepared(job, error)
        if isinstance(prepared, ProviderUnavailable):
            return await self.refusals.held(job, prepared)
        return await self._order(job, lease, provider, prepared, watched=watched)

    async def _cancelled(self, job: GenerationJob) -> GenerationJob:
        error = JobCancelled("The job was cancelled before it was sent.", charged="no")
        return await self.desk.commit(job, moves.cancelled(job, error, state="not sent", now=self.desk.now()))

    async def _not_prepared(self, job: GenerationJob, error: NexiomError) -> GenerationJob:
        """Nothing could be sent."""
        match error:
            case StorageUnavailable():
                return await self.desk.later(job, error)
            case ConfigurationError():
                return await self.refusals.unusable(job, error)
            case _:
                return await self.refusals.refused(job, error)

    async def settle(self, job: GenerationJob, lease: Lease, *, watched: bool) -> GenerationJob:
        """A job found between intent and answer: its worker died, or the answer was lost."""
        desk = self.desk
        known = await self.answered.known(job)
        if known is not None:
            return known
        try:
            provider = desk.provider_of(job)
        except ConfigurationError as error:
            return await desk.later(job, error)
        if provider.submission_recovery == "lookup" and isinstance(provider, SupportsLookup):
            return await self._look_up(job, provider, provider, watched=watched)
        if provider.submission_recovery == "key" and not self._intended_before(job, desk.deadline_seconds):
            try:
                submission = await desk.submission(job, provider)
            except NexiomError as error:
                return await desk.later(job, error)
            return await self._order(job, lease, provider, submission, watched=watched)
        return await self._uncertain(job)

    async def _order(
        self, job: GenerationJob, lease: Lease, provider: VideoProvider, submission: Submission, *, watched: bool
    ) -> GenerationJob:
        desk = self.desk
        try:
            place = await desk.door.enter(provider.name)
        except ProviderBusy as error:
            pause = PAUSE_WITHOUT_A_PLACE_SECONDS * (0.5 + desk.luck())
            return await desk.commit(job, moves.put_off(job, error, run_at=desk.after(pause)))
        ordering = self._order_from(place, job, lease, provider, submission, watched=watched)
        may_be_cut_short = provider.submission_recovery == "key"  # the same call again is the same order
        job, spooled = await (ordering if may_be_cut_short else _to_its_end(ordering))
        if not spooled:
            return job
        with telling_of_money(job, "yes"):
            return await self.saving.save(job)

    async def _order_from(
        self,
        place: contextlib.ExitStack,
        job: GenerationJob,
        lease: Lease,
        provider: VideoProvider,
        submission: Submission,
        *,
        watched: bool,
    ) -> tuple[GenerationJob, bool]:
        """Order from a place at the gate: between the intent and the call, nothing is waited for.

        Gives the job, and whether a video that was the answer itself waits in the spool: storing it may be cut short.
        """
        desk, sent_before = self.desk, job.phase is Phase.SUBMITTING
        with contextlib.ExitStack() as ends:
            ends.enter_context(place)
            if not await lease.renew():
                raise Overtaken
            try:
                ends.enter_context(desk.door.breakers.order(provider.name))
            except ProviderUnavailable as error:
                ends.close()
                return await self.refusals.held(job, error), False
            if not sent_before:
                try:
                    job = await desk.commit(job, moves.intended(job, submission.spec, now=desk.now()))
                except Overtaken:
                    return await self._cancelled_meanwhile(job), False
            # Asked by the adapter once more after its uploads, which may take longer than a lease.
            submission = replace(submission, before_order=partial(_must_be_fresh, lease, desk.lease_seconds))
            try:
                submission.before_order()
                answer: Operation | Succeeded | NexiomError = await call_once(
                    desk.door,
                    provider.name,
                    "submit",
                    lambda: provider.submit(submission),
                    answers=(Operation, Succeeded),
                )
            except NexiomError as error:
                answer = error
                answer.message = redact(
                    answer.message, (submission.callback_url or "",)
                )  # refusals quote what was sent
        told = (answer.charged or "unknown") if isinstance(answer, NexiomError) else "yes"
        with telling_of_money(job, "unknown" if sent_before and told == "no" else told):
            return await self._heard(job, provider, answer, sent_before=sent_before, watched=watched)

    async def _heard(
        self,
        job: GenerationJob,
        provider: VideoProvider,
        answer: Operation | Succeeded | NexiomError,
        *,
        sent_before: bool,
        watched: bool,
    ) -> tuple[GenerationJob, bool]:
        match answer:
            case Operation():
                return await self.answered.taken(job, provider, answer, watched=watched), False
            case Succeeded():
                finished, assets = await self.answered.delivered(job, provider, answer)
                # What is not in the spool cannot be had again: it is stored while nothing cuts that short.
                return (await self.saving.save(finished, assets), False) if assets else (finished, True)
            case StorageUnavailable() if answer.charged == "no":  # see `_must_be_fresh`
                _log.warning("job %s waits: %s", job.id, answer, extra={"action": "lease_too_short", "job_id": job.id})
                return await (self.desk.later(job, answer) if sent_before else self._put_back(job, answer)), False
            case _:
                return await self._not_taken(job, provider, answer, sent_before=sent_before), False

    async def _cancelled_meanwhile(self, job: GenerationJob) -> GenerationJob:
        """The intent was not written: because of a cancel that came while the job waited, or of somebody else."""
        row = await self.desk.repository.get(job.id)
        if row is None or row.fence != job.fence or row.cancel_requested_at is None:
            raise Overtaken
        return await self._cancelled(row)

    async def _put_back(self, job: GenerationJob, error: NexiomError) -> GenerationJob:
        desk = self.desk
        unsent = moves.unsent(job, run_at=desk.after(desk.backoff(job, error)), attempts=job.attempts)
        return await desk.commit(job, noted(unsent, error))

    async def _not_taken(
        self, job: GenerationJob, provider: VideoProvider, error: NexiomError, *, sent_before: bool
    ) -> GenerationJob:
        if isinstance(error, GenerationFailed):
            return await self.desk.end(job, error)
        if sent_before:
            # That this call was not taken says nothing of the one before, which may have been: the same key again, as
            # long as that may help; after a refusal for good, nobody can tell.
            for_good = error.charged == "no" and not (
                error.retryable or error.fallback or isinstance(error, ConfigurationError)
            )
            return await (self._uncertain(job, error) if for_good else self.desk.later(job, error))
        if isinstance(error, ConfigurationError) and not isinstance(error, PluginError):
            return await self.refusals.unusable(job, error)  # found while the order was written, before it was sent
        if error.charged == "no":
            return await self.refusals.refused(job, error)
        if provider.submission_recovery == "none":
            return await self._uncertain(job, error)
        return await self.desk.later(job, error)

    async def _look_up(
        self, job: GenerationJob, provider: VideoProvider, orders: SupportsLookup, *, watched: bool
    ) -> GenerationJob:
        desk = self.desk
        try:
            if not any(card.model == job.model for card in desk.cards(provider)):
                # It may have gone to an API, or by keys, that are not set up here: who cannot look there knows nothing.
                msg = f"Whether {provider.name} took the order cannot be seen here: its model is not set up."
                raise SubmissionUncertain(msg)
            settled = self._intended_before(job, 2 * (desk.lease_seconds + CALL_TIMEOUT_SECONDS))
            found = await call(
                desk.door,
                provider.name,
                "find",
                lambda: orders.find(job.order_key),
                answers=(Operation, NoneType),
            )
        except NexiomError as error:
            # Not to be able to look is no reason to order again, and none to keep a user waiting for ever.
            given_up = self._intended_before(job, desk.deadline_seconds) and not isinstance(error, ProviderBusy)
            return await (self._uncertain(job, error) if given_up else desk.later(job, error))
        if found is not None:
            return await self.answered.taken(job, provider, found, watched=watched)
        if settled:
            # Any call that was on its way had arrived before this look was made: the order was never taken.
            return await desk.commit(job, moves.unsent(job, run_at=desk.now(), attempts=job.attempts))
        return await desk.later(job, SubmissionUncertain(f"{provider.name} does not show the order yet."))

    async def _uncertain(self, job: GenerationJob, cause: NexiomError | None = None) -> GenerationJob:
        if not isinstance(cause, SubmissionUncertain):
            because = f" ({cause.message.rstrip('.')})" if cause else ""
            cause = SubmissionUncertain(f"The order was sent to {job.provider} and its answer was lost{because}.")
        return await self.desk.commit(job, moves.unknown(job, cause, now=self.desk.now()))

    def _intended_before(self, job: GenerationJob, seconds: float | None) -> bool:
        started = job.submit_started_at
        return seconds is not None and started is not None and self.desk.now() >= started + timedelta(seconds=seconds)


def _must_be_fresh(lease: Lease, lease_seconds: float) -> None:
    """The lease may end before the call does: then nothing is sent, so nothing is lost."""
    if not lease.fresh:
        raise StorageUnavailable(
            f"The database is so slow that less than half of the lease of {lease_seconds:g} s was left when the order "
            "was to go out, so it was not sent.",
            next_step="Look at what makes the database slow, or set NEXIOM_LEASE_SECONDS to more.",
            charged="no",
        )


async def _to_its_end(work: Coroutine[None, None, T]) -> T:
    """Finish the work even when the caller is cancelled meanwhile: an answer that cannot be had again is waited for."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("an order ended badly while it was being cancelled", exc_info=error)
        raise
