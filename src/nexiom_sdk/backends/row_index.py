"""Ways to rows that live in this process: by time, by client key, by the provider's id, by setting."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from nexiom_sdk.backends.due_rows import DueRows
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import CLAIMABLE, JobStatus

_Place: TypeAlias = tuple[datetime, int]  # when the row was made, and which one it was


class RowIndex:
    """What a database has indexes for. It is told of every write, and holds ids only.

    Attributes:
        due: The rows that may be claimed.
        active: Ids of the rows in a phase that may be claimed.
    """

    def __init__(self) -> None:
        self.due: DueRows = DueRows()
        self.active: set[str] = set()
        self._ordered_again: set[str] = set()
        self._places: dict[str, _Place] = {}
        self._newest: list[tuple[_Place, str]] = []
        self._by_client_key: dict[tuple[str, str], str] = {}
        self._by_order: dict[tuple[str, str], str] = {}
        self._took: defaultdict[str, list[tuple[_Place, float]]] = defaultdict(list)
        self._rows_made = 0

    def put(self, before: GenerationJob | None, job: GenerationJob) -> None:
        """Note that a row was added, where there was none before, or changed.

        Args:
            before: The row as it was; None: it is new.
            job: The row as it is.
        """
        if before is None:
            self._put_in_place(job, self._rows_made)
            self._rows_made += 1
            if (key := _key_of(job)) is not None:
                self._by_client_key[key] = job.id
        else:
            self._forget_order_and_time(before)
            if job.created_at != before.created_at:
                self._put_in_place(job, self._drop_from_place(job.id)[1])
        if (order := _order_of(job)) is not None:
            self._by_order[order] = job.id
        if (took := took_of(job)) is not None:
            bisect.insort(self._took[took[0]], (self._places[job.id], took[1]))
        self.due.put(job, self._places[job.id][1])
        _note(self.active, job.id, wanted=job.phase in CLAIMABLE)
        _note(self._ordered_again, job.id, wanted=job.order_no > 0)

    def drop(self, job: GenerationJob) -> None:
        """Note that a row is gone."""
        self._forget_order_and_time(job)
        self.due.drop(job.id)
        self.active.discard(job.id)
        self._ordered_again.discard(job.id)
        self._drop_from_place(job.id)
        if (key := _key_of(job)) is not None:
            del self._by_client_key[key]

    def with_key_of(self, job: GenerationJob) -> str | None:
        """The id of the video row that has the client key of this one; None if none has, or if it has no key."""
        key = _key_of(job)
        return None if key is None else self._by_client_key.get(key)

    def with_order(self, provider: str | None, provider_job_id: str | None) -> str | None:
        """The id of the video row that holds this order; None if none does."""
        return None if provider is None or provider_job_id is None else self._by_order.get((provider, provider_job_id))

    def newest(self, before: datetime | None) -> Iterator[str]:
        """Ids of the rows that were made before a moment, newest first."""
        end = len(self._newest) if before is None else bisect.bisect_left(self._newest, ((before, -1), ""))
        return (self._newest[index][1] for index in range(end - 1, -1, -1))

    def since(self, moment: datetime | None) -> Iterator[str]:
        """Ids of the rows that may have an order made at or after a moment; None: of all rows."""
        start = (utc(moment), -1) if moment is not None else None
        begin = 0 if start is None else bisect.bisect_left(self._newest, (start, ""))
        yield from (job_id for _, job_id in self._newest[begin:])
        if start is not None:
            yield from (job_id for job_id in self._ordered_again if self._places[job_id] < start)

    def durations(self, key: str, limit: int) -> list[float]:
        """Seconds that finished jobs with this schedule key took, newest first."""
        known = self._took.get(key, [])
        return [seconds for _, seconds in reversed(known[max(len(known) - max(limit, 0), 0) :])]

    def _put_in_place(self, job: GenerationJob, number: int) -> None:
        self._places[job.id] = place = (job.created_at, number)
        bisect.insort(self._newest, (place, job.id))

    def _drop_from_place(self, job_id: str) -> _Place:
        place = self._places.pop(job_id)
        del self._newest[bisect.bisect_left(self._newest, (place, job_id))]
        return place

    def _forget_order_and_time(self, before: GenerationJob) -> None:
        if (order := _order_of(before)) is not None:
            del self._by_order[order]
        if (took := took_of(before)) is not None:
            known = self._took[took[0]]
            del known[bisect.bisect_left(known, (self._places[before.id], took[1]))]


def _note(ids: set[str], job_id: str, *, wanted: bool) -> None:
    if wanted:
        ids.add(job_id)
    else:
        ids.discard(job_id)


def took_of(job: GenerationJob) -> tuple[str, float] | None:
    """The schedule key of a finished video and the seconds that it took; None where it does not count."""
    if job.type != "video" or job.status != JobStatus.COMPLETED:
        return None
    key, seconds = job.timing.key, job.timing.took_seconds
    return None if key is None or seconds is None else (key, seconds)


def _key_of(job: GenerationJob) -> tuple[str, str] | None:
    """The client key of a video row, with its user; no user counts as one."""
    return None if job.type != "video" or job.client_key is None else (job.user_id or "", job.client_key)


def _order_of(job: GenerationJob) -> tuple[str, str] | None:
    """The order that a video row holds; the same id at two providers is two orders."""
    if job.type != "video" or job.provider is None or job.provider_job_id is None:
        return None
    return job.provider, job.provider_job_id
