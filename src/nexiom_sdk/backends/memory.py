"""Rows in this process: for tests and for trying things out. Nothing outlives the program."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Self

from nexiom_sdk.backends import rows, sums
from nexiom_sdk.backends.due_rows import is_due
from nexiom_sdk.backends.memory_store import MemoryStore, check_url
from nexiom_sdk.backends.row_index import RowIndex
from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import CLAIMABLE, JobStatus, Phase
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import Dimension, Limit, Spend, Usage, UsageQuery

__all__ = ["MemoryRepository", "MemoryStore"]


class MemoryRepository:
    """Rows in a dictionary. No method gives way to other tasks, so each is one transaction.

    Args:
        clock: Time; None: the machine's.

    Example:
        >>> import asyncio
        >>> from nexiom_sdk.jobs import UsageQuery
        >>> asyncio.run(MemoryRepository().usage(UsageQuery())).jobs
        0
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._jobs: dict[str, GenerationJob] = {}
        self._news = asyncio.Event()
        self._index = RowIndex()
        self._closed = False

    @classmethod
    def from_url(cls, url: str, *, clock: Clock) -> Self:
        """An empty repository for the URL `memory://`."""
        check_url(url)
        return cls(clock=clock)

    async def add(self, job: GenerationJob, /, *, limits: Sequence[Limit] = ()) -> GenerationJob:
        if (held := self._index.with_key_of(job)) is not None:
            return rows.same_order(self._rows[held], job)
        self._check(limits, job)
        if job.id in self._rows:
            raise rows.refused(job.id, "there is one with this id")
        rows.json_text(job.id, job.request)  # bytes do not belong into a row
        return self._write(rows.tidy(job))

    async def get(self, job_id: str, /) -> GenerationJob | None:
        return self._rows.get(job_id)

    async def list(self, query: JobQuery, /) -> Sequence[GenerationJob]:
        before, due_before = (None if moment is None else utc(moment) for moment in (query.before, query.due_before))
        now = self._now()
        ids: Iterable[str] = self._index.newest(before)
        if query.provider is not None and query.provider_job_id is not None:
            holder = self._index.with_order(query.provider, query.provider_job_id)
            ids = () if holder is None else (holder,)
        found: Iterable[GenerationJob] = (
            job
            for job in map(self._rows.__getitem__, ids)
            if job.type == "video"
            and query.user_id in {None, job.user_id}
            and query.status in {None, job.status}
            and (not query.phases or job.phase in query.phases)
            and query.provider in {None, job.provider}
            and query.provider_job_id in {None, job.provider_job_id}
            and (before is None or job.created_at < before)
            and (due_before is None or (job.run_at < due_before and is_due(job, now)))
        )
        if due_before is not None:
            found = sorted(found, key=lambda job: job.run_at)
        return list(itertools.islice(found, max(query.limit, 0)))

    async def claim(self, *, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        now = self._now()
        if job_id is None:
            due = self._index.due.take(self._rows, now=now, limit=limit)
        else:
            row = self._video(job_id)
            due = [row] if row is not None and limit > 0 and is_due(row, now) else []
        leased_until = now + timedelta(seconds=lease_seconds)
        return [self._write(job.evolve(leased_until=leased_until, fence=job.fence + 1)) for job in due]

    async def save(self, job: GenerationJob, /, *, fence: int) -> bool:
        row = self._under_fence(job.id, fence)
        if row is None or rows.cancelled_in_time(row, job):
            return False
        self._write(self._stepped(row, job))
        return True

    async def admit(self, job: GenerationJob, /, *, fence: int, limits: Sequence[Limit] = ()) -> bool:
        row = self._under_fence(job.id, fence)
        if row is None:
            return False
        self._check(limits, job)
        rows.json_text(job.id, job.request)
        created_at = self._now() if job.order_no == 0 else row.created_at
        self._write(self._stepped(row, job).evolve(request=job.request, created_at=created_at))
        return True

    async def extend(self, job_id: str, /, *, fence: int, seconds: float) -> bool:
        row = self._under_fence(job_id, fence)
        if row is None or row.leased_until is None:
            return False
        self._write(row.evolve(leased_until=self._now() + timedelta(seconds=seconds)))
        return True

    async def wake(self, job_id: str, /, *, cancel: bool = False, after_seconds: float = 0.0) -> None:
        row = self._video(job_id)
        if row is not None and row.phase in CLAIMABLE:
            now = self._now()
            self._write(
                row.evolve(
                    run_at=now + timedelta(seconds=after_seconds),
                    cancel_requested_at=row.cancel_requested_at or (now if cancel else None),
                )
            )

    async def adopt_late_id(self, job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        row = self._video(job_id)
        if row is None or row.provider_job_id is not None or self._holder(provider, provider_job_id):
            return row is not None and (row.provider, row.provider_job_id) == (provider, provider_job_id)
        adopts = row.phase in {Phase.QUEUED, Phase.SUBMITTING} or (row.phase == Phase.UNKNOWN and row.ever_claimed)
        if row.order_no != order_no or not adopts:
            return False
        now = self._now()
        self._write(
            row.evolve(
                provider=provider,
                provider_job_id=provider_job_id,
                phase=Phase.WAITING,
                status=JobStatus.PROCESSING,
                error_code=None,
                error_message=None,
                run_at=now,
                leased_until=None,
                fence=row.fence + 1,
                updated_at=now,
            )
        )
        return True

    async def usage(self, query: UsageQuery, /) -> Usage:
        return sums.usage_of(self._groups(query))

    async def spend(self, query: UsageQuery, /, *, by: Sequence[Dimension]) -> Sequence[Spend]:
        return sums.spend_of(self._groups(query, by=by), by)

    async def durations(self, key: str, limit: int, /) -> Sequence[float]:
        if self._closed:
            raise rows.closed()
        return self._index.durations(key, limit)

    def forget(self, job_id: str) -> None:
        """Drop the row of a job that is done, so that a long run does not fill the memory; others are kept.

        Args:
            job_id: The job.
        """
        row = self._rows.get(job_id)
        if row is not None and row.phase == Phase.DONE:
            self._index.drop(self._jobs.pop(job_id))

    async def now(self) -> datetime:
        """The present moment of the rows: that of the clock it was made with."""
        return self._now()

    async def hinted(self) -> None:
        """Wait until a row is written that a claim would take; all who wait in one process are told together."""
        await self._news.wait()
        self._news.clear()

    async def aclose(self) -> None:
        self._closed = True

    @property
    def _rows(self) -> dict[str, GenerationJob]:
        if self._closed:
            raise rows.closed()
        return self._jobs

    def _now(self) -> datetime:
        return utc(self._clock.now())

    def _check(self, limits: Sequence[Limit], job: GenerationJob) -> None:
        for limit in limits:
            sums.check_limit(limit, sums.usage_of(self._groups(limit.over, besides=job.id)), job)

    def _groups(
        self, query: UsageQuery, *, by: Sequence[Dimension] = (), besides: str | None = None
    ) -> Iterator[sums.Group]:
        ids = self._index.active if query.active else self._index.since(query.since)
        return (
            group
            for job in map(self._rows.__getitem__, ids)
            if job.id != besides
            for group in sums.groups_of(job, query, by)
        )

    def _stepped(self, row: GenerationJob, job: GenerationJob) -> GenerationJob:
        """The row after a step, under the rules of `JobRepository.save`."""
        new = rows.tidy(job)
        run_at, as_read = new.run_at, utc(job.run_at_read)
        if run_at == as_read:
            run_at = row.run_at
        elif row.run_at != as_read:  # it was woken meanwhile
            run_at = min(row.run_at, run_at)
        return row.evolve(
            **{name: getattr(new, name) for name in rows.SAVED},
            run_at=run_at,
            leased_until=None if job.leased_until is None else row.leased_until,
            fence=row.fence + (row.phase == Phase.UNKNOWN and row.ever_claimed),
            updated_at=self._now(),
        )

    def _video(self, job_id: str) -> GenerationJob | None:
        """The row, if it is one of ours."""
        row = self._rows.get(job_id)
        return row if row is not None and row.type == "video" else None

    def _under_fence(self, job_id: str, fence: int) -> GenerationJob | None:
        row = self._video(job_id)
        return row if row is not None and row.fence == fence else None

    def _holder(self, provider: str | None, provider_job_id: str | None) -> GenerationJob | None:
        """The video job that holds this id of the provider."""
        holder = self._index.with_order(provider, provider_job_id)
        return None if holder is None else self._rows[holder]

    def _write(self, job: GenerationJob) -> GenerationJob:
        """Put the row in place, under the rules that a database has as constraints."""
        before = self._jobs.get(job.id)
        if job.type == "video":
            if job.status == JobStatus.COMPLETED and job.result_url is None:
                raise rows.refused(job.id, "it is completed and has no result_url")
            if job.phase == Phase.WAITING and job.provider_job_id is None:
                raise rows.refused(job.id, "it is waiting and has no provider_job_id")
            if job.duration_seconds is not None and not 0 < job.duration_seconds < math.inf:
                raise rows.refused(job.id, f"a length of {job.duration_seconds:g} s is impossible")
            if self._index.with_order(job.provider, job.provider_job_id) not in {None, job.id}:
                raise rows.refused(job.id, "another job holds this id of the provider")
            if job.phase in CLAIMABLE and job.leased_until is None and job.run_at <= self._now():
                self._news.set()
        self._jobs[job.id] = job.as_read()
        self._index.put(before, job)
        return self._jobs[job.id]
