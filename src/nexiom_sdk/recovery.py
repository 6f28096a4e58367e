"""What a process leaves on this machine when the database or the process itself goes away, and how it is put right.

An answer that no row could take is kept, and recorded as soon as that is possible: by the step that got it, by the next
step of the job on this machine, or by `Recovery.all`, which also clears what is left in the spool.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nexiom_sdk import moves, schedule
from nexiom_sdk.desk import Desk, Overtaken
from nexiom_sdk.errors import NexiomError, StorageUnavailable
from nexiom_sdk.kept_answers import KeptAnswer, KeptAnswers
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.calls import call
from nexiom_sdk.providers.protocol import SupportsCancel
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spool import Spool

_log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS = 5.0


class Unrecorded(Exception):
    """The provider answered and the row could not be written. The engine goes on with it; nobody outside sees this.

    Args:
        record: Writes the row; may be tried again and again.
        trouble: Why it could not be written.
    """

    def __init__(self, record: Callable[[], Awaitable[object]], trouble: StorageUnavailable) -> None:
        super().__init__()
        self.record: Callable[[], Awaitable[object]] = record
        self.trouble: StorageUnavailable = trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Puts right what was left.

    Args:
        desk: What every step needs.
        kept: Answers that no row could take yet.
        spool: Files on their way.
    """

    desk: Desk
    kept: KeptAnswers
    spool: Spool

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
            StorageUnavailable: It could not be written. The answer stays kept.
        """
        desk, trouble = self.desk, unrecorded.trouble
        until = desk.clock.monotonic() + desk.lease_seconds
        attempt = 0
        while desk.clock.monotonic() < until:
            attempt += 1
            await desk.clock.sleep(min(schedule.backoff(attempt, luck=desk.luck()), LONGEST_PAUSE_SECONDS))
            try:
                await unrecorded.record()
            except StorageUnavailable as error:
                trouble = error
            else:
                return
        raise trouble

    async def record(self, answer: KeptAnswer) -> None:
        """Give a late answer to its row, whoever has the job by now, and stop keeping it.

        Raises:
            StorageError: The row cannot be read or written; the answer stays kept.
        """
        if await self.desk.repository.get(answer.job_id) is None:
            return  # it is in another database
        if not await self.desk.repository.adopt_late_id(
            answer.job_id, answer.order_no, answer.provider, answer.provider_job_id
        ):
            await self._stop_second_order(answer)
        elif answer.state and not await self._with_state(answer):
            return  # somebody has the job right now
        await self.kept.drop(answer)

    async def all(self) -> None:
        """Record every answer that is kept on this machine, and clear what is left of jobs that are over.

        Raises:
            StorageError: The rows cannot be read or written.
        """
        for answer in await self.kept.all():
            await self.record(answer)
        for job_id, order_no in await self.spool.orders():
            job = await self.desk.repository.get(job_id)
            if job is not None and (job.phase is Phase.DONE or job.order_no > order_no):
                await self.spool.drop_order(job_id, order_no)
            elif job is not None and job.phase is Phase.UNKNOWN:
                _log.error(
                    "job %s: its order was answered with the video itself, which is kept in %s",
                    job_id,
                    self.spool.folder,
                    extra={"action": "answer_kept"},
                )
        await self.spool.sweep()

    async def _with_state(self, answer: KeptAnswer) -> bool:
        """Add what the adapter needs to look at the order; False while the row lacks it and somebody has the job."""
        desk = self.desk
        for job in await desk.repository.claim(limit=1, lease_seconds=desk.lease_seconds, job_id=answer.job_id):
            lacks_state = job.phase is Phase.WAITING and "operation" not in job.provider_metadata
            if job.provider_job_id == answer.provider_job_id and lacks_state:
                with contextlib.suppress(Overtaken):
                    await desk.commit(job, moves.answered(job, answer.operation, now=desk.now(), run_at=desk.now()))
            else:
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
