"""What follows where an order was certainly not taken and not charged: the same again, another provider, or the end."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from nexiom_sdk import moves
from nexiom_sdk.desk import Desk
from nexiom_sdk.elsewhere import elsewhere
from nexiom_sdk.errors import (
    AuthenticationFailed,
    InvalidInput,
    MissingCredentials,
    NexiomError,
    PluginError,
    ProviderUnavailable,
    UnknownProvider,
)
from nexiom_sdk.fallback import SUBMITS_BEFORE_FALLBACK, in_words
from nexiom_sdk.hints import sane_hint
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import Phase
from nexiom_sdk.trouble import noted, trouble_of

_log = logging.getLogger(__name__)

PAUSE_WHILE_NOT_SET_UP_SECONDS = 30.0
LONGEST_WAIT_FOR_A_SET_UP_SECONDS = 24 * 3600.0  # where jobs have no deadline: a wait without an end hides a mistake
LONGEST_WAIT_FOR_A_NAME_SECONDS = 600.0  # a provider that is installed nowhere here is more often a slip of the pen
LONGEST_WAIT_BEFORE_FALLBACK_SECONDS = 10.0
LEAST_PAUSE_WHILE_HELD_SECONDS = 1.0
LONGEST_PAUSE_WHILE_HELD_SECONDS = 60.0  # another provider may be back sooner than this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Steps of jobs whose order nobody has.

    Args:
        desk: What every step needs.
    """

    desk: Desk

    async def refused(self, job: GenerationJob, error: NexiomError) -> GenerationJob:
        """Sent and not taken, or not even that: send it again later, ask elsewhere, or give up."""
        desk = self.desk
        again = error.retryable and not desk.overdue(job)
        if again and job.attempts + 1 < SUBMITS_BEFORE_FALLBACK and not _asks_for_patience(error):
            return await self._send_again(job, error, trouble=in_words(job, error.message))
        try_elsewhere = await elsewhere(desk, job, error)
        if try_elsewhere is not None:
            return try_elsewhere
        return await (self._send_again(job, error, trouble=error.message) if again else desk.end(job, error))

    async def unusable(self, job: GenerationJob, error: NexiomError) -> GenerationJob:
        """The provider is not set up here for this order: nothing was sent.

        Another machine may have the key or the plug-in that this one lacks, so the job waits, and does not end before
        it has done so for as long as a provider may take, or a day where that has no end. A name that no machine may
        know is waited for no longer than it takes to set one up. A setting that only its adapter finds wrong is told
        at once.
        """
        desk = self.desk
        longest = LONGEST_WAIT_FOR_A_SET_UP_SECONDS if desk.deadline_seconds is None else desk.deadline_seconds
        if isinstance(error, UnknownProvider):
            longest = min(longest, LONGEST_WAIT_FOR_A_NAME_SECONDS)
        may_wait = job.phase is Phase.QUEUED or isinstance(error, MissingCredentials)
        if may_wait and not desk.past(job.timing.not_set_up_since, longest):
            if trouble_of(job) != error.message:  # not at each try
                extra = {"action": "not_set_up", "job_id": job.id}
                _log.warning("job %s waits for a machine that has what it needs: %s", job.id, error, extra=extra)
            pause = PAUSE_WHILE_NOT_SET_UP_SECONDS * (0.5 + desk.luck())
            return await desk.commit(job, moves.not_set_up(job, error, now=desk.now(), run_at=desk.after(pause)))
        return await self.refused(job, _in_its_own_words(job, error))

    async def held(self, job: GenerationJob, error: ProviderUnavailable) -> GenerationJob:
        """Not sent, because the provider is failing: ask elsewhere, or wait for whoever comes back first."""
        desk = self.desk
        if job.phase is Phase.QUEUED:  # one whose answer was lost stays where it may have been taken
            try_elsewhere = await elsewhere(desk, job, error)
            if try_elsewhere is not None:
                return try_elsewhere
            if desk.overdue(job):
                return await desk.end(job, error)
        asked = max(sane_hint(error.retry_after_seconds), LEAST_PAUSE_WHILE_HELD_SECONDS)
        pause = min(asked, LONGEST_PAUSE_WHILE_HELD_SECONDS) * (1 + desk.luck() / 10)
        return await desk.commit(job, moves.put_off(job, error, run_at=desk.after(pause)))

    async def _send_again(self, job: GenerationJob, error: NexiomError, *, trouble: str) -> GenerationJob:
        desk = self.desk
        waiting = moves.unsent(job, run_at=desk.after(desk.backoff(job, error)), attempts=job.attempts + 1)
        return await desk.commit(job, noted(waiting, error, trouble))


def _in_its_own_words(job: GenerationJob, error: NexiomError) -> NexiomError:
    """What the job fails with, whose user knows nothing of machines: a code that is stored, and no charge."""
    match error:
        case UnknownProvider():
            return InvalidInput(error.message, next_step=error.next_step)
        case PluginError():
            error.charged = "no"
            return error
        case _:
            which = f"{job.provider} cannot" if job.provider else "No provider can"
            return AuthenticationFailed(f"{which} be used here: {error.message}", next_step=error.next_step)


def _asks_for_patience(error: NexiomError) -> bool:
    """Whether a provider that is down asks for a longer wait than somebody else is kept waiting for."""
    asked = error.retry_after_seconds if isinstance(error, ProviderUnavailable) else None
    return sane_hint(asked) > LONGEST_WAIT_BEFORE_FALLBACK_SECONDS
