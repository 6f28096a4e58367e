"""Which rows are due, without walking through all of them: for rows that live in this process."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import CLAIMABLE

_Entry: TypeAlias = tuple[datetime, int, str]  # a moment, the place of the row in the table, its id

_SLACK = 64  # stale entries that are not worth a rebuild


class DueRows:
    """The rows that may be claimed, by the moment from which they may.

    It is told of every write with `put`. Each claimable row has one entry that counts, and any number of stale ones,
    which are dropped when they come up. What an entry says is checked against its row before it is believed, so a clock
    that is set back does no harm.
    """

    def __init__(self) -> None:
        self._later: list[_Entry] = []  # a heap by the moment the row becomes free and due
        self._ready: list[_Entry] = []  # a heap by `run_at`: that moment was reached
        self._current: dict[str, _Entry] = {}

    def put(self, job: GenerationJob, place: int) -> None:
        """Note a row as it is now written."""
        if job.type != "video" or job.phase not in CLAIMABLE:
            self._current.pop(job.id, None)
            return
        entry = (job.due_at, place, job.id)
        self._current[job.id] = entry
        heapq.heappush(self._later, entry)
        if len(self._later) + len(self._ready) > 2 * len(self._current) + _SLACK:
            self._later, self._ready = list(self._current.values()), []
            heapq.heapify(self._later)

    def drop(self, job_id: str) -> None:
        """The row is gone."""
        self._current.pop(job_id, None)

    def take(self, rows: Mapping[str, GenerationJob], *, now: datetime, limit: int) -> list[GenerationJob]:
        """Due rows, oldest `run_at` first; they are out until they are `put` again.

        Args:
            rows: The table.
            now: The moment.
            limit: At most so many.
        """
        while self._later and self._later[0][0] <= now:
            entry = heapq.heappop(self._later)
            _, place, job_id = entry
            if self._current.get(job_id) is entry:
                self._current[job_id] = ready = (rows[job_id].run_at, place, job_id)
                heapq.heappush(self._ready, ready)
        found: list[GenerationJob] = []
        early: list[_Entry] = []
        while self._ready and len(found) < limit:
            entry = heapq.heappop(self._ready)
            _, place, job_id = entry
            if self._current.get(job_id) is not entry:
                continue
            if is_due(rows[job_id], now):
                found.append(rows[job_id])
            else:
                early.append(entry)
        for _, place, job_id in early:
            self.put(rows[job_id], place)
        return found


def is_due(job: GenerationJob, now: datetime) -> bool:
    """Whether a row may be claimed: a video in a claimable phase, its moment reached, nobody's lease on it."""
    free = job.leased_until is None or job.leased_until < now
    return job.type == "video" and job.phase in CLAIMABLE and job.run_at <= now and free
