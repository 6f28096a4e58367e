"""What a process leaves on this machine when the database or the process itself goes away, and how it is put right.

An answer that no row could take is kept, and recorded as soon as that is possible: by the step that got it, by the next
step of the job on this machine, or by `Recovery.all`, which also clears what is left in the spool. A video that was the
answer itself waits in the spool, and is recorded in the same ways.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from functools import partial

from nexiom_sdk import moves, schedule
from nexiom_sdk.defects import place_of
from nexiom_sdk.desk import Desk, Overtaken
from nexiom_sdk.errors import Charged, NexiomError, PluginError, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.kept_answers import KeptAnswer, KeptAnswers
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.providers.calls import call
from nexiom_sdk.providers.protocol import SupportsCancel
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.saving import Saving
from nexiom_sdk.types import Succeeded

_log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 5.0


class Unrecorded(Exception):
    """The provider answered and the row could not be written. The engine goes on with it; nobody outside sees this.

    Args:
        record: Writes the row; may be tried again and again. What gives False did not write all of it yet.
        trouble: Why it could not be written.
    """

    def __init__(self, record: Callable[[], Awaitable[object]], trouble: StorageUnavailable) -> None:
        super().__init__()
        self.record: Callable[[], Awaitable[object]] = record
        self.trouble: StorageUnavailable = trouble


@contextlib.contextmanager
def telling_of_money(job: GenerationJob, charged: Charged) -> Generator[None]:
    """What goes wrong with the row of an order that went out says so: whoever made the order has to hear of the money.

    Args:
        job: Whose order it is.
        charged: Whether it was.
    """
    try:
        yield
    except (Overtaken, Unrecorded):
        raise
    except NexiomError as error:
        error.charged = error.charged or charged
        if not isinstance(error, StorageUnavailable):  # one that names a job would be no outage
            error.job_id = error.job_id or job.id
        raise
    except Exception as error:  # a repository may be anybody's code
        msg = f"Job {job.id} was ordered, and a defect met its answer: {type(error).__name__}{place_of(error)}."
        hint = "The answer is kept here and recorded by itself once that works: do not order again. Report the place."
        raise PluginError(msg, job_id=job.id, next_step=hint, charged=charged) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Puts right what was left.

    Args:
        desk: What every step needs.
        kept: Answers that no row could take yet.
        saving: Knows the spool, where files are on their way.
    """

    desk: Desk
    kept: KeptAnswers
    saving: Saving
    _failed: set[str] = field(default_factory=set[str], init=False, repr=False)  # jobs whose rows were out of reach

    async def keep(self, answer: KeptAnswer) -> None:
        """Put an answer where it outlives this process; what cannot be kept is told to a person."""
        try:
            await self.kept.keep(answer)
        except OSError as error:
            _log.error(
                "job %s: %s took order %s, and neither the database nor %s takes that: %s",
                answer.job_id,
                answer.provider,
                answer.provider_job_id,
                self.kept.folder,
                error.strerror or error,
                extra={"action": "answer_not_kept"},
            )

    async def insist(self, unrecorded: Unrecorded) -> None:
        """Try again to write the row for as long as a lease; after that it is up to others.

        Raises:
            StorageError: It could not be written, and the order is paid. The answer stays kept.
        """
        desk = self.desk
        trouble: StorageUnavailable | None = unrecorded.trouble
        until = desk.clock.monotonic() + desk.lease_seconds
        attempt = 0
        while desk.clock.monotonic() < until:
            attempt += 1
            await desk.clock.sleep(min(schedule.backoff(attempt, luck=desk.luck()), LONGEST_PAUSE_SECONDS))
            try:
                if await unrecorded.record() is not False:
                    return
                trouble = None  # the row has the id, and somebody else has the row
            except StorageUnavailable as error:
                trouble = error
        if trouble is not None:
            raise trouble

    async def recalled(self, job: GenerationJob) -> GenerationJob | None:
        """The job with the answer to its present order that rests on this machine; None where none does.

        Raises:
            StorageError: The row cannot be read or written; the answer stays.
            Overtaken: Somebody else has the job; the answer stays.
        """
        answer = await self.kept.of(job)
        if answer is not None:
            await self.record(answer)
            return await self.desk.repository.get(job.id)
        if not await self.saving.results.spool.files(job):
            return None
        was = job.phase
        if was is Phase.QUEUED:
            job = await self.desk.commit(job, moves.intended(job, None, now=self.desk.now()))
        job = await self.saving.finish(job, Succeeded(assets=()))
        # Nobody can claim an uncertain job: what brings it back moves the fence, which only the row tells.
        return await self.desk.repository.get(job.id) if was is Phase.UNKNOWN else job

    async def informed(self, job: GenerationJob) -> GenerationJob:
        """A waiting job with what its adapter needs to look at the order, where only this machine has that yet."""
        if "operation" in job.provider_metadata:
            return job
        answer = await self.kept.of(job)
        if answer is None or answer.provider_job_id != job.provider_job_id:
            return job
        told = moves.answered(job, answer.operation, now=self.desk.now(), run_at=job.run_at)
        return told.evolve(status=job.status, attempts=job.attempts, leased_until=job.leased_until)

    async def record(self, answer: KeptAnswer) -> bool:
        """Give a late answer to its row, whoever has the job by now, and stop keeping it.

        Gives False where it stays kept, because the row lacks its state and somebody has the job right now.

        Raises:
            StorageError: The row cannot be read or written; the answer stays kept.
        """
        if await self.desk.repository.get(answer.job_id) is None:
            return True  # it is in another database
        if not await self.desk.repository.adopt_late_id(
            answer.job_id, answer.order_no, answer.provider, answer.provider_job_id
        ):
            await self._stop_second_order(answer)
        elif answer.state and not await self._with_state(answer):
            return False
        await self.kept.drop(answer)
        return True

    async def all(self) -> bool:
        """Record every answer that rests on this machine, and clear what is left of jobs that are over.

        One that cannot be recorded holds up no other: a row that somebody locks looks like rows that are out of reach
        until a second one fails like it, and next time those two come last. Gives False where something rests that may
        soon be put right.

        Raises:
            StorageUnavailable: The rows are out of reach.
            OSError: The spool is.
        """
        spool = self.saving.results.spool
        work: list[tuple[str, Callable[[], Awaitable[bool]]]] = [
            *((answer.job_id, partial(self.record, answer)) for answer in await self.kept.all()),
            *((job_id, partial(self._cleared, job_id, order_no)) for job_id, order_no in await spool.orders()),
        ]
        work.sort(key=lambda one: one[0] in self._failed)
        self._failed.clear()
        right = [await self._tried(job_id, put_right) for job_id, put_right in work]
        await spool.sweep()
        return all(right)

    async def _tried(self, job_id: str, put_right: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await put_right()
        except Exception as error:
            soon = isinstance(error, StorageUnavailable) and error.job_id is None  # a new try costs nothing
            if soon:
                self._failed.add(job_id)
            if soon and len(self._failed) > 1:
                raise  # of the rows, not of this one
            why = error.message if isinstance(error, NexiomError) else type(error).__name__
            told = "job %s: what rests here of it cannot be put right now, and stays: %s"
            _log.warning(told, job_id, why, extra={"action": "not_recovered", "job_id": job_id})
            return not soon

    async def _cleared(self, job_id: str, order_no: int) -> bool:
        """Files of an order that is over are dropped; those of one that nobody knew to be taken are its answer.

        A video that was paid for is not dropped before its job has one, even if the job was ordered again meanwhile.
        """
        job = await self.desk.repository.get(job_id)
        if job is None:
            return True
        earlier, place = job.order_no > order_no, self.saving.results.spool.in_words
        if job.phase is Phase.UNKNOWN:
            await self.recalled(job)
        elif earlier and job.status is not JobStatus.COMPLETED:
            told = "job %s: a video of its order %d, which was paid for, stays in %s: the job was ordered again since"
            _log.warning(told, job_id, order_no, place, extra={"action": "earlier_video", "job_id": job_id})
        elif job.phase is Phase.DONE:
            if earlier:
                told = "job %s: a video of its order %d is removed from %s: the job has one of order %d"
                extra = {"action": "earlier_video", "job_id": job_id}
                _log.warning(told, job_id, order_no, place, job.order_no, extra=extra)
            await self.saving.results.spool.drop_order(job_id, order_no)
        return job.phase is not Phase.SUBMITTING  # whoever has it may give it up as uncertain at any moment

    async def _with_state(self, answer: KeptAnswer) -> bool:
        """Add what the adapter needs to look at the order; False while the row lacks it and somebody has the job."""
        desk = self.desk
        for job in await desk.claim(limit=1, job_id=answer.job_id):
            lacks_state = job.phase is Phase.WAITING and "operation" not in job.provider_metadata
            try:
                if job.provider_job_id == answer.provider_job_id and lacks_state:
                    with contextlib.suppress(Overtaken):
                        await desk.commit(job, moves.answered(job, answer.operation, now=desk.now(), run_at=desk.now()))
            finally:  # whatever came of it, nobody need wait for this lease to run out
                with contextlib.suppress(StorageUnavailable):
                    await desk.repository.extend(job.id, fence=job.fence, seconds=0.0)
        row = await desk.repository.get(answer.job_id)
        return row is None or row.phase is not Phase.WAITING or "operation" in row.provider_metadata

    async def _stop_second_order(self, answer: KeptAnswer) -> None:
        _log.error(
            "job %s: %s also took order %s, which no row holds; it may be charged",
            answer.job_id,
            answer.provider,
            answer.provider_job_id,
            extra={"action": "second_order"},
        )
        query = JobQuery(provider=answer.provider, provider_job_id=answer.provider_job_id, limit=1)
        if await self.desk.repository.list(query):
            return  # another job has it: it is not ours to stop
        with contextlib.suppress(NexiomError):
            provider = self.desk.provider(answer.provider)
            if isinstance(provider, SupportsCancel):
                await call(self.desk.door, provider.name, "cancel", lambda: provider.cancel(answer.operation))
