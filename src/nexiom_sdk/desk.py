"""What every step of a job needs: the row under its fence, the providers, the clock, and who is told.

Steps decide; the desk commits. A commit that finds the fence moved drops the step by raising `Overtaken`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from nexiom_sdk import moves, schedule
from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import BudgetExceeded, ConfigurationError, IllegalTransition, NexiomError, ProviderError
from nexiom_sdk.events import JobMoved, ModelChosen, Sink
from nexiom_sdk.inputs import Delivered, OpenUrl, deliver
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.models import ModelCard
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import JobStatus, may_move
from nexiom_sdk.providers.calls import Door
from nexiom_sdk.providers.protocol import SupportsCallback, VideoProvider
from nexiom_sdk.redaction import redact
from nexiom_sdk.repositories import JobRepository, SupportsClock, SupportsIntake
from nexiom_sdk.selection import spec_for
from nexiom_sdk.spending import Limit
from nexiom_sdk.storage import ObjectStore
from nexiom_sdk.timing import seconds_since
from nexiom_sdk.types import Candidate, Choice, Submission, VideoRequest
from nexiom_sdk.user_words import words_for
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)

_HISTORY_ROWS = 50
_HISTORY_KEPT_SECONDS = 60.0
_CLOCK_KEPT_SECONDS = 600.0


class Overtaken(Exception):
    """The fence moved: somebody else owns the job now. The engine drops the step; nobody outside sees this."""


class Rechoose(Protocol):
    """Selects once more for a job, without providers that are failing; it raises only what a set-up lacks."""

    def __call__(self, job: GenerationJob, *, addresses: bool) -> Choice: ...


def _nobody_else(job: GenerationJob, *, addresses: bool) -> Choice:  # noqa: ARG001 - the shape of a `Rechoose`
    return Choice()


@dataclass(kw_only=True)
class Desk:
    """Shared by all steps.

    Args:
        repository: Where rows live.
        store: Where bytes live.
        provider: Gives the provider of a name; raises `ConfigurationError` where it cannot.
        door: The way to providers.
        open_url: Gives the bytes behind a reference's address, guarded.
        clock: Time.
        sink: Who is told.
        lease_seconds: How long a step is owned; it is lengthened while a step runs.
        deadline_seconds: Time for a provider to finish; None: no end.
        url_ttl_seconds: Validity of signed result addresses.
        callback_url: Address under which this service receives callbacks, without the provider's name.
        fallback_on: Failure codes after which another model may be asked, if nothing was charged.
        rechoose: Selects that other model, by what is known at that moment.
        limits: The bounds that hold for a job at this moment.
        cards: Gives a provider's cards, with what the user knows better.
        luck: Random numbers from 0 to 1, for jitter.
    """

    repository: JobRepository
    store: ObjectStore
    provider: Callable[[str], VideoProvider]
    door: Door
    open_url: OpenUrl
    clock: Clock
    sink: Sink
    lease_seconds: float = 60.0
    deadline_seconds: float | None = 3600.0
    url_ttl_seconds: float = 604_800.0
    callback_url: str | None = field(default=None, repr=False)
    fallback_on: Collection[str] = ()
    rechoose: Rechoose = _nobody_else
    limits: Callable[[GenerationJob], Sequence[Limit]] = lambda job: ()  # noqa: ARG005
    cards: Callable[[VideoProvider], Sequence[ModelCard]] = lambda provider: provider.models
    luck: Callable[[], float] = random.random
    _history: dict[str, tuple[float, tuple[float, ...]]] = field(default_factory=dict, init=False)
    _ahead: timedelta = field(default=timedelta(0), init=False)
    _clock_seen_at: float = field(default=float("-inf"), init=False)

    def now(self) -> datetime:
        """The present moment by the rows' clock, as far as it was seen: of all that is written into rows.

        Machines whose clocks differ share rows. Whether an order has settled, is over its time or is due must not
        depend on which of them looks.
        """
        return self.clock.now() + self._ahead

    def after(self, seconds: float) -> datetime:
        """The moment `seconds` from now."""
        return self.now() + timedelta(seconds=seconds)

    async def claim(self, *, limit: int, job_id: str | None = None) -> Sequence[GenerationJob]:
        """Lease due jobs, as `JobRepository.claim` does; their leases tell what the rows' clock shows."""
        asked_at = self.clock.now()
        jobs = await self.repository.claim(limit=limit, lease_seconds=self.lease_seconds, job_id=job_id)
        until = jobs[0].leased_until if jobs else None
        if until is not None:
            self._set(utc(until) - timedelta(seconds=self.lease_seconds), asked_at)
        return jobs

    async def see_clock(self) -> None:
        """Ask what the rows' clock shows, if no claim told it lately: before rows are written without a claim.

        Raises:
            StorageError: The rows are out of reach.
        """
        seen_for = self.clock.monotonic() - self._clock_seen_at
        if seen_for > _CLOCK_KEPT_SECONDS and isinstance(self.repository, SupportsClock):
            asked_at = self.clock.now()
            self._set(utc(await self.repository.now()), asked_at)

    def _set(self, shown: datetime, asked_at: datetime) -> None:
        """The rows' clock showed this some time between the question and now: what fits that already, stays."""
        least, most = shown - self.clock.now(), shown - asked_at
        if least <= most:  # else our own clock was set meanwhile
            self._ahead = min(max(self._ahead, least), most)
            self._clock_seen_at = self.clock.monotonic()

    async def commit(
        self, before: GenerationJob, after: GenerationJob, *, limits: Sequence[Limit] = ()
    ) -> GenerationJob:
        """Write a step, if it is one that the state machine has, the fence still stands, and every limit holds.

        Raises:
            Overtaken: The fence moved.
            IllegalTransition: There is no such step.
            BudgetExceeded: A limit would be broken, or cannot be checked again in these rows.
        """
        if not may_move(before.phase, after.phase):
            msg = f"Job {before.id} cannot go from {before.phase} to {after.phase}."
            raise IllegalTransition(msg, job_id=before.id)
        if not await self._written(after, before.fence, limits):
            raise Overtaken
        moved = JobMoved(
            job_id=after.id,
            before=before.phase,
            phase=after.phase,
            status=after.status,
            error_code=after.error_code,
        )
        self.sink(moved)
        _say_to_operators(after)
        return after.as_read()

    async def later(self, job: GenerationJob, error: NexiomError) -> GenerationJob:
        """This step did not work out; try the same step again, later each time, as slowly as its provider wants it."""
        pause = max(self.backoff(job, error), self.floor_of(job))
        return await self.commit(job, moves.delayed(job, error, run_at=self.after(pause)))

    async def end(self, job: GenerationJob, error: NexiomError) -> GenerationJob:
        """The job ends without a video."""
        return await self.commit(job, moves.failed(job, error, now=self.now()))

    def backoff(self, job: GenerationJob, error: NexiomError) -> float:
        """Seconds until the failed step is tried again."""
        hint = error.retry_after_seconds if isinstance(error, ProviderError) else None
        return schedule.backoff(job.attempts + 1, hint_seconds=hint, luck=self.luck())

    def provider_of(self, job: GenerationJob) -> VideoProvider:
        """The provider of the present order.

        Raises:
            ConfigurationError: It cannot be used here.
        """
        return self.provider(job.provider or "")

    def card_of(self, provider: VideoProvider, model: str) -> ModelCard:
        """The card of a model; an empty one for a model that is no longer listed."""
        return next((card for card in self.cards(provider) if card.model == model), ModelCard(model=model))

    def floor_of(self, job: GenerationJob) -> float:
        """Shortest gap between two looks that the job's model allows, in seconds; 0 where its provider is not here."""
        try:
            return self.card_of(self.provider_of(job), job.model or "").min_poll_seconds
        except ConfigurationError:
            return 0.0

    async def delivered(self, request: VideoRequest, candidate: Candidate) -> Delivered:
        """The references of an order, as a model takes them.

        Raises:
            NexiomError: It does not take them, or they cannot be had; nothing was sent.
        """
        card = self.card_of(self.provider(candidate.provider), candidate.model)
        return await deliver(request, card=card, terms=candidate, store=self.store, open_url=self.open_url)

    async def submission(self, job: GenerationJob, provider: VideoProvider) -> Submission:
        """What is sent for the present order; made anew it is the same again.

        Raises:
            NexiomError: It cannot be made; nothing was sent.
        """
        candidate = moves.candidate_of(job)
        if candidate is None:
            msg = f"Job {job.id} names no model that was chosen for it."
            raise IllegalTransition(msg, job_id=job.id)
        handed = await self.delivered(job.request, candidate)
        calls_back = self.callback_url is not None and isinstance(provider, SupportsCallback)
        return Submission(
            spec=spec_for(job.request, candidate, handed.media),
            idempotency_key=job.order_key,
            callback_url=f"{self.callback_url}/{candidate.provider}" if calls_back else None,
        )

    async def pace(self, job: GenerationJob, provider: VideoProvider, *, watched: bool) -> schedule.Pace:
        """What the job's schedule depends on, with the history of jobs like it; without where that cannot be read."""
        card = self.card_of(provider, job.model or "")
        key = moves.schedule_key_of(job)
        read_at, history = self._history.get(key, (float("-inf"), ()))
        if self.clock.monotonic() - read_at > _HISTORY_KEPT_SECONDS:
            try:
                history = tuple(await self.repository.durations(key, _HISTORY_ROWS))
            except Exception as error:  # noqa: BLE001 - it only makes looks better timed: no answer is lost for it
                history = ()
                _log.warning("no history of %s: %s", key, type(error).__name__, extra={"action": "no_history"})
            self._history[key] = (self.clock.monotonic(), history)
        return schedule.Pace(
            history_seconds=history,
            typical_seconds=card.typical_seconds,
            floor_seconds=card.min_poll_seconds,
            watched=watched,
            callback=job.operation is not None and job.operation.state.get("callback") is True,
        )

    def past(self, moment: datetime | None, seconds: float | None) -> bool:
        """Whether a moment is at least `seconds` ago; never, where either is unknown."""
        since = seconds_since(moment, self.now())
        return seconds is not None and since is not None and since >= seconds

    def overdue(self, job: GenerationJob) -> bool:
        """Whether the job has waited for a provider that takes it for as long as it may."""
        limit = self.deadline_seconds
        now = self.now()
        return limit is not None and (now - moves.waiting_since(job, now)).total_seconds() >= limit

    async def _written(self, job: GenerationJob, fence: int, limits: Sequence[Limit]) -> bool:
        if not limits:
            return await self.repository.save(job, fence=fence)
        if not isinstance(self.repository, SupportsIntake):
            raise BudgetExceeded("The budgets cannot be checked again in these rows, so nobody else is asked.")
        return await self.repository.admit(job, fence=fence, limits=limits)


def model_chosen(job: GenerationJob, candidate: Candidate) -> ModelChosen:
    """The event for a model that was chosen for a job."""
    return ModelChosen(
        job_id=job.id,
        provider=candidate.provider,
        model=candidate.model,
        estimated_cost_usd=candidate.estimated_cost_usd,
        policy_version=job.choice.policy_version if job.choice else "",
    )


def _say_to_operators(job: GenerationJob) -> None:
    """Log why a job failed where its `error_message` does not say it: that is for its user, this for somebody else."""
    if job.status is JobStatus.FAILED and not words_for(failure := job.failure()).own:
        told = printable(redact(str(failure), (job.prompt,)))  # a provider may quote what it was sent
        _log.warning("job %s failed: %s", job.id, told, extra={"action": "job_failed", "job_id": job.id})
