"""Moves jobs: one step of one job at a time, under a lease. `wait`, the worker and web hooks are all drivers of it.

The steps themselves are in `ordering` (queued, submitting), `following` (waiting) and `saving`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from nexiom_sdk import defects
from nexiom_sdk.answered import Answered
from nexiom_sdk.desk import Desk, Overtaken
from nexiom_sdk.errors import (
    Charged,
    ConfigurationError,
    JobNotFound,
    NexiomError,
    PluginError,
    StorageError,
    StorageUnavailable,
)
from nexiom_sdk.following import Following
from nexiom_sdk.intake import Intake
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.kept_answers import KeptAnswers
from nexiom_sdk.lease import Lease
from nexiom_sdk.ordering import Ordering
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.looks import Looks
from nexiom_sdk.recovery import Recovery, Unrecorded, telling_of_money
from nexiom_sdk.refusals import Refusals
from nexiom_sdk.results import Results
from nexiom_sdk.saving import Saving
from nexiom_sdk.spool import Spool
from nexiom_sdk.trouble import next_step_of, trouble_of
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)

RECOVER_EVERY_SECONDS = 300.0
RECOVER_AGAIN_SECONDS = 5.0
RELEASE_SECONDS = 2.0  # a lease that cannot be given back soon runs out by itself


class Engine:
    """The only mover of jobs.

    Args:
        desk: Repository, store, providers, clock and the figures that steps need.
        spool: Where videos rest on their way to the store.
        intake: Takes in rows that others wrote.
    """

    def __init__(self, desk: Desk, *, spool: Spool, intake: Intake) -> None:
        self._desk = desk
        results = Results(spool=spool, store=desk.store, door=desk.door, sink=desk.sink)
        self._saving = Saving(desk=desk, results=results)
        kept = KeptAnswers(folder=spool.folder / "answers")
        self._recovery = Recovery(desk=desk, kept=kept, saving=self._saving)
        self._ordering = Ordering(
            desk=desk,
            refusals=Refusals(desk=desk),
            answered=Answered(desk=desk, saving=self._saving, recovery=self._recovery),
            saving=self._saving,
            intake=intake,
        )
        self._following = Following(desk=desk, saving=self._saving, looks=Looks(door=desk.door))
        self._recover_at = float("-inf")

    async def check_order(self, job: GenerationJob, provider_job_id: str) -> None:
        """Look whether the provider has the order that a person names; nothing is written.

        Raises:
            InvalidInput: It knows no such order.
            ProviderUnavailable: It cannot be looked at now.
            ConfigurationError: The provider cannot be used here.
        """
        await self._following.check(job, provider_job_id)

    async def recover(self) -> None:
        """Put right what was left on this machine when a database or a process went away; it spends nothing.

        Answers that no row could take are recorded, files of orders that are over are removed. Whoever drives jobs
        calls this again and again, also from several tasks: it does something every five minutes, and at once when
        there is an answer to record, and it never raises what the rows or the disk say.
        """
        clock = self._desk.clock
        if clock.monotonic() < self._recover_at:
            return
        claimed = self._recover_at = clock.monotonic() + RECOVER_AGAIN_SECONDS
        pause = RECOVER_EVERY_SECONDS
        try:
            if not await self._recovery.all():
                pause = RECOVER_AGAIN_SECONDS
        except (NexiomError, OSError) as error:
            pause = RECOVER_AGAIN_SECONDS
            _log.warning("what was left here cannot be put right now: %s", error, extra={"action": "not_recovered"})
        if self._recover_at == claimed:  # else there is a new answer meanwhile
            self._recover_at = clock.monotonic() + pause

    async def advance(self, job_id: str, *, watched: bool = False) -> GenerationJob:
        """Take one step if the job is due and free; else give it as it is.

        Args:
            job_id: The job.
            watched: A person waits for it: look more often.

        Raises:
            JobNotFound: There is no such job.
            StorageError: The rows cannot be read or written.
        """
        claiming = asyncio.ensure_future(self._desk.claim(limit=1, job_id=job_id))
        try:
            claimed = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            for job in await claiming:
                await self._release(job)
            raise
        if claimed:
            await self.step(claimed[0], watched=watched)
        return await self.recalled(await self.row(job_id))

    async def recalled(self, job: GenerationJob) -> GenerationJob:
        """An uncertain job with the answer to its order, if that rests on this machine; any other as it is.

        Raises:
            StorageUnavailable: The rows cannot be read or written.
        """
        if job.phase is not Phase.UNKNOWN:
            return job
        try:
            return await self._recovery.recalled(job) or job
        except Overtaken:
            return await self.row(job.id)
        except StorageUnavailable:
            raise
        except StorageError as error:
            extra = {"action": "not_recovered", "job_id": job.id}
            _log.warning("job %s: the answer that rests here stays: %s", job.id, error.message, extra=extra)
            return job

    def now(self) -> datetime:
        """The present moment by the rows' clock, as far as it was seen."""
        return self._desk.now()

    async def claim(self, *, limit: int) -> Sequence[GenerationJob]:
        """Lease due jobs for steps.

        Args:
            limit: At most this many.

        Raises:
            StorageError: The rows cannot be read or written.
        """
        return await self._desk.claim(limit=limit)

    async def step(self, job: GenerationJob, *, watched: bool = False) -> GenerationJob:
        """Take one step of a job that was just claimed.

        Args:
            job: The row as `JobRepository.claim` gave it.
            watched: A person waits for it.
        """
        try:
            async with self._held(job) as lease:
                return await self._step(job, lease, watched=watched)
        except Overtaken:
            extra = {"action": "overtaken", "job_id": job.id}
            _log.warning("job %s: another worker took over", job.id, extra=extra)
            self._recover_at = float("-inf")  # what came of this step may rest here
            return await self.recalled(await self.row(job.id))
        except NexiomError as error:
            if isinstance(error, StorageError):
                error.charged = error.charged or _charged(job)
            raise
        except Exception as error:  # an adapter's cards and values are foreign data: what they break is told as theirs
            where = defects.place_of(error)
            msg = f"A step of job {job.id} at {job.provider} met a defect: {type(error).__name__}{where}."
            hint = defects.next_step(job.provider or "")
            raise PluginError(msg, job_id=job.id, next_step=hint, charged=_charged(job)) from error
        except asyncio.CancelledError:
            await self._release(job)
            raise

    def shown(self, job: GenerationJob) -> GenerationJob:
        """The job as its first step left it, for whoever ordered it: what is not set up here shows at once.

        Raises:
            ConfigurationError: Nothing was sent, because a setting or a key is missing; the job waits.
        """
        missing = next_step_of(job) if job.phase is Phase.QUEUED and job.timing.not_set_up_since else ""
        if not missing:
            return job
        goes_on = f"Job {job.id} waits for that and goes on by itself; `nexiom jobs cancel {job.id}` ends it."
        msg = trouble_of(job)
        raise ConfigurationError(msg, next_step=f"{missing} {goes_on}", job_id=job.id, charged="no")

    async def _step(self, job: GenerationJob, lease: Lease, *, watched: bool) -> GenerationJob:
        try:
            match job.phase:
                case Phase.QUEUED:
                    return await self._ordering.submit(job, lease, watched=watched)
                case Phase.SUBMITTING:
                    return await self._ordering.settle(job, lease, watched=watched)
                case Phase.WAITING:
                    return await self._following.look(await self._recovery.informed(job), watched=watched)
                case Phase.SAVING:
                    return await self._saving.save(job)
                case Phase.UNKNOWN | Phase.DONE:
                    return job
        except Unrecorded as answer:
            self._recover_at = float("-inf")
            with telling_of_money(job, "yes"):
                await self._recovery.insist(answer)
                return await self.row(job.id)

    async def row(self, job_id: str) -> GenerationJob:
        """The row as it is.

        Raises:
            JobNotFound: There is no such job, or the row is no video.
        """
        job = await self._desk.repository.get(job_id)
        if job is None:
            msg = f"There is no job '{job_id}'."
            raise JobNotFound(msg, job_id=job_id)
        if job.type != "video":
            msg = f"The row '{job_id}' is of the type '{printable(job.type, 40)}': only videos are this library's jobs."
            raise JobNotFound(msg, job_id=job_id)
        return job

    async def _release(self, job: GenerationJob) -> None:
        """Whoever goes on need not wait for the lease to run out."""
        releasing = asyncio.ensure_future(self._desk.repository.extend(job.id, fence=job.fence, seconds=0.0))
        releasing.add_done_callback(lambda done: done.cancelled() or done.exception())  # a failure is none of ours
        await asyncio.wait({releasing}, timeout=RELEASE_SECONDS)
        releasing.cancel()  # a database that is down must not keep a worker from ending

    @contextlib.asynccontextmanager
    async def _held(self, job: GenerationJob) -> AsyncGenerator[Lease, None]:
        """Keep the lease while the step runs, however long its call takes.

        A look, or a file on its way, is cut short when somebody else has the job: a slow store must not get the video
        of an order that is over by then. An order is not: what it cost has to be recorded.
        """
        desk, step = self._desk, asyncio.current_task()
        lease = Lease(job, repository=desk.repository, clock=desk.clock, seconds=desk.lease_seconds)
        cut_short = step.cancel if step is not None and job.phase in {Phase.WAITING, Phase.SAVING} else _nothing
        keeping = asyncio.create_task(lease.keep(on_loss=cut_short))
        try:
            yield lease
        except asyncio.CancelledError:
            if step is None or not lease.lost or step.uncancel():  # it was stopped for another reason, too
                raise
            raise Overtaken from None
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


def _charged(job: GenerationJob) -> Charged | None:
    """Whether the present order of a job was charged, as far as its row tells before a step."""
    if job.provider_job_id is not None or job.phase is Phase.SAVING:
        return "yes"
    return "unknown" if job.phase is Phase.SUBMITTING else None


def _nothing() -> None:
    """An order goes on."""
