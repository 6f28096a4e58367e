"""What follows when a provider took an order: money is spent, so its answer is recorded, or kept until it can be.

A row may be out of reach, somebody else's by now, or unable to hold what the provider said. None of that is a reason to
say that the answer never came: the id counts most, and what no table takes besides is left out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial

from nexiom_sdk import moves, schedule
from nexiom_sdk.desk import Desk, Overtaken
from nexiom_sdk.errors import StorageError, StorageUnavailable, SubmissionUncertain
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.kept_answers import KeptAnswer
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.recovery import Recovery, Unrecorded
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.saving import Saving
from nexiom_sdk.types import Asset, Operation, Succeeded
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Steps of jobs whose order was taken.

    Args:
        desk: What every step needs.
        saving: The steps that follow when a provider answers with the video itself.
        recovery: Answers that came while the row could not be written.
    """

    desk: Desk
    saving: Saving
    recovery: Recovery

    async def known(self, job: GenerationJob) -> GenerationJob | None:
        """The job with an answer that this machine kept when the row could not be written; None where there is none."""
        try:
            known = await self.recovery.recalled(job)
        except StorageUnavailable:
            raise
        except StorageError as error:  # the kept id fits into no row: nobody may order as if it had not come
            if job.phase is Phase.QUEUED:
                job = await self.desk.commit(job, moves.intended(job, None, now=self.desk.now()))
            return await self._unheld(job, f"{job.provider} took the order", error)
        if known is not None and known.phase is Phase.SAVING and known.fence == job.fence:
            return await self.saving.save(known)
        return known

    async def taken(
        self, job: GenerationJob, provider: VideoProvider, operation: Operation, *, watched: bool
    ) -> GenerationJob:
        """The provider named an order: the row gets its id.

        Raises:
            Unrecorded: The rows are out of reach; the answer is kept.
            Overtaken: Somebody else has the job; the row has the id all the same, or it is kept.
        """
        answer = KeptAnswer.to(job, operation)
        try:
            return await self._written(job, provider, answer, operation, watched=watched)
        except Overtaken:
            # The id is money already spent: it is recorded even though somebody else has the job by now.
            await self._recorded(answer)
            raise
        except StorageUnavailable as error:
            await self.recovery.keep(answer)
            raise Unrecorded(partial(self.recovery.record, answer), error) from error
        except Exception:  # a repository may be anybody's code, and the answer cannot be had again
            await self.recovery.keep(answer)
            raise

    async def delivered(
        self, job: GenerationJob, provider: VideoProvider, outcome: Succeeded
    ) -> tuple[GenerationJob, tuple[Asset, ...]]:
        """The provider answered with the video itself: the row, and what is not in the spool yet.

        Raises:
            Unrecorded: The rows are out of reach; the video is in the spool, or saved with the row.
        """
        outcome = await self.saving.spooled(job, provider, outcome)
        try:
            return await self.saving.finish(job, outcome), outcome.assets
        except StorageUnavailable as error:
            raise Unrecorded(partial(self.saving.begin, job, outcome), error) from error
        except StorageError:  # the video counts, not what was said of it
            return await self.saving.finish(job, replace(outcome, detail={}, warnings=())), outcome.assets

    async def _written(
        self, job: GenerationJob, provider: VideoProvider, answer: KeptAnswer, operation: Operation, *, watched: bool
    ) -> GenerationJob:
        desk = self.desk
        pace = await desk.pace(job, provider, watched=watched)
        run_at = desk.after(schedule.next_look(pace, since_submit_seconds=0.0, luck=desk.luck()))
        trouble = StorageError()
        for told in (operation, answer.operation, Operation(id=operation.id)):
            try:
                return await desk.commit(job, moves.answered(job, told, now=desk.now(), run_at=run_at))
            except StorageUnavailable:
                raise
            except StorageError as error:
                trouble = error
        named = f"{provider.name} took the order and named it {printable(operation.id, 80)}"
        if await self._another_has(answer):
            # The answer did come: no row must say that it was lost, and nobody may order again without looking.
            hint = "Look for it at the provider; `nexiom jobs resubmit JOB` orders it again and may cost twice."
            clash = SubmissionUncertain(f"{named}, as another job is named.", next_step=hint)
            return await desk.commit(job, moves.unknown(job, clash, now=desk.now()))
        await self.recovery.keep(answer)
        return await self._unheld(job, named, trouble)

    async def _unheld(self, job: GenerationJob, named: str, trouble: StorageError) -> GenerationJob:
        msg = f"{named}, which no row can hold.\n{trouble.message.rstrip('.')}."
        hint = (
            "Look for the order at the provider; `nexiom jobs resubmit JOB` orders it again and costs twice.\n"
            f"The answer is kept in {printable(str(self.recovery.kept.folder), 300)}."
        )
        error = SubmissionUncertain(msg, next_step=hint, charged="yes")
        return await self.desk.commit(job, moves.unknown(job, error, now=self.desk.now()))

    async def _another_has(self, answer: KeptAnswer) -> bool:
        query = JobQuery(provider=answer.provider, provider_job_id=answer.provider_job_id, limit=1)
        try:
            return any(one.id != answer.job_id for one in await self.desk.repository.list(query))
        except StorageUnavailable:
            raise
        except StorageError:  # an id that cannot even be asked for is in no row
            return False

    async def _recorded(self, answer: KeptAnswer) -> None:
        try:
            await self.recovery.record(answer)
        except StorageUnavailable as error:
            await self.recovery.keep(answer)
            raise Unrecorded(partial(self.recovery.record, answer), error) from error
        except Exception as error:  # noqa: BLE001 - as in `taken`
            await self.recovery.keep(answer)
            _log.error(
                "job %s: %s took order %s, which its row does not take: %s",
                answer.job_id,
                answer.provider,
                printable(answer.provider_job_id, 80),
                type(error).__name__,
                extra={"action": "answer_kept", "job_id": answer.job_id},
            )
