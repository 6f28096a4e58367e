"""Rows in this process: for tests and for trying things out. Nothing outlives the program."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from nexiom_sdk.backends import rows
from nexiom_sdk.backends.memory_store import MemoryStore, check_url
from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.jobs import (
    CLAIMABLE,
    GenerationJob,
    JobQuery,
    JobStatus,
    Limit,
    Phase,
    Usage,
    UsageQuery,
    utc,
)

__all__ = ["MemoryRepository", "MemoryStore"]

_ADOPTS = (Phase.QUEUED, Phase.SUBMITTING, Phase.UNKNOWN)


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
        self._closed = False

    @classmethod
    def from_url(cls, url: str, *, clock: Clock) -> Self:
        """An empty repository for the URL `memory://`."""
        check_url(url)
        return cls(clock=clock)

    async def add(self, job: GenerationJob, /, *, limits: Sequence[Limit] = ()) -> GenerationJob:
        key = (job.user_id or "", job.client_key)
        for held in self._rows.values() if job.client_key is not None else ():
            if (held.user_id or "", held.client_key) == key:
                return rows.same_order(held, job)
        for limit in limits:
            rows.check_limit(limit, self._usage(limit.over), job)
        if job.id in self._rows:
            raise rows.refused(job.id, "there is one with this id")
        rows.json_text(job.id, job.request)  # bytes do not belong into a row
        return self._write(rows.tidy(job))

    async def get(self, job_id: str, /) -> GenerationJob | None:
        return self._rows.get(job_id)

    async def list(self, query: JobQuery, /) -> Sequence[GenerationJob]:
        found = [
            job
            for job in reversed(self._rows.values())
            if query.user_id in {None, job.user_id}
            and query.status in {None, job.status}
            and (not query.phases or job.phase in query.phases)
            and query.provider in {None, job.provider}
            and (query.provider_job_id is None or (job.type, job.provider_job_id) == ("video", query.provider_job_id))
            and (query.before is None or job.created_at < utc(query.before))
            and (query.due_before is None or (job.run_at < utc(query.due_before) and self._free(job)))
        ]
        if query.due_before is not None:
            found.sort(key=lambda job: job.run_at)
        else:
            found.sort(key=lambda job: job.created_at, reverse=True)
        return found[: max(query.limit, 0)]

    async def claim(self, *, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        now = self._now()
        due = [job for job in self._rows.values() if self._free(job) and job.run_at <= now and job_id in {None, job.id}]
        due = sorted(due, key=lambda job: job.run_at)[: max(limit, 0)]
        leased_until = now + timedelta(seconds=lease_seconds)
        return [self._write(job.evolve(leased_until=leased_until, fence=job.fence + 1)) for job in due]

    async def save(self, job: GenerationJob, /, *, fence: int) -> bool:
        row = self._under_fence(job.id, fence)
        if row is None:
            return False
        new = rows.tidy(job)
        run_at, as_read = new.run_at, utc(job.run_at_read)
        if run_at == as_read:
            run_at = row.run_at
        elif row.run_at != as_read:  # it was woken meanwhile
            run_at = min(row.run_at, run_at)
        self._write(
            row.evolve(
                **{name: getattr(new, name) for name in rows.SAVED},
                run_at=run_at,
                leased_until=None if job.leased_until is None else row.leased_until,
                updated_at=self._now(),
            )
        )
        return True

    async def extend(self, job_id: str, /, *, fence: int, seconds: float) -> bool:
        row = self._under_fence(job_id, fence)
        if row is not None:
            self._write(row.evolve(leased_until=self._now() + timedelta(seconds=seconds)))
        return row is not None

    async def wake(self, job_id: str, /, *, cancel: bool = False, after_seconds: float = 0.0) -> None:
        row = self._rows.get(job_id)
        if row is not None and row.phase in CLAIMABLE:
            now = self._now()
            self._write(
                row.evolve(
                    run_at=now + timedelta(seconds=after_seconds),
                    cancel_requested_at=row.cancel_requested_at or (now if cancel else None),
                )
            )

    async def adopt_late_id(self, job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        row = self._rows.get(job_id)
        if row is None or row.provider_job_id is not None or self._holder(provider, provider_job_id):
            return row is not None and (row.provider, row.provider_job_id) == (provider, provider_job_id)
        if row.order_no != order_no or row.phase not in _ADOPTS:
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
        return self._usage(query)

    async def durations(self, key: str, limit: int, /) -> Sequence[float]:
        timings = [
            job.provider_metadata.get("timing")
            for job in await self.list(JobQuery(status=JobStatus.COMPLETED, limit=len(self._rows)))
        ]
        took = [one.get("took_seconds") for one in timings if isinstance(one, dict) and one.get("key") == key]
        return [float(one) for one in took if isinstance(one, int | float)][: max(limit, 0)]

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

    def _usage(self, query: UsageQuery) -> Usage:
        return rows.add_up(
            (rows.counted_cost(job), 1, job.phase in CLAIMABLE)
            for job in self._rows.values()
            if (query.since is None or job.created_at >= utc(query.since))
            and query.user_id in {None, job.user_id}
            and query.quality_tier in {None, job.quality_tier}
            and query.provider in {None, job.provider}
        )

    def _free(self, job: GenerationJob) -> bool:
        """Whether a claim may take it once it is due."""
        leased = job.leased_until is not None and job.leased_until >= self._now()
        return job.type == "video" and job.phase in CLAIMABLE and not leased

    def _under_fence(self, job_id: str, fence: int) -> GenerationJob | None:
        row = self._rows.get(job_id)
        return row if row is not None and row.fence == fence else None

    def _holder(self, provider: str | None, provider_job_id: str | None) -> GenerationJob | None:
        """The video job that holds this id of the provider."""
        wanted = (provider, provider_job_id)
        held = (job for job in self._rows.values() if job.type == "video" and None not in wanted)
        return next((job for job in held if (job.provider, job.provider_job_id) == wanted), None)

    def _write(self, job: GenerationJob) -> GenerationJob:
        """Put the row in place, under the rules that a database has as constraints."""
        before = self._jobs.get(job.id)
        held_before = before is not None and before.provider_job_id == job.provider_job_id
        if job.type == "video":
            if job.status == JobStatus.COMPLETED and job.result_url is None:
                raise rows.refused(job.id, "it is completed and has no result_url")
            if job.phase == Phase.WAITING and job.provider_job_id is None:
                raise rows.refused(job.id, "it is waiting and has no provider_job_id")
            if job.duration_seconds is not None and not 0 < job.duration_seconds < math.inf:
                raise rows.refused(job.id, f"a length of {job.duration_seconds:g} s is impossible")
            if not held_before and self._holder(job.provider, job.provider_job_id):
                raise rows.refused(job.id, "another job holds this id of the provider")
        if job.phase in CLAIMABLE and job.leased_until is None and job.run_at <= self._now():
            self._news.set()
        self._jobs[job.id] = job.as_read()
        return self._jobs[job.id]
