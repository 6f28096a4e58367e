"""The indexes of rows in memory, against the plain definition: a walk through all rows."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, multiple, rule

from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.backends.sums import groups_of, usage_of
from nexiom_sdk.errors import StorageError
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import CLAIMABLE, JobStatus, Phase
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.sample_jobs import sample_job

T = TypeVar("T")

SETTINGS = ("acme|a1", "acme|a2")
names = st.sampled_from(["acme", "other", "", None])
orders = st.sampled_from(["o1", "o2", "o3", None])
offsets = st.sampled_from([-60, -30, 0, 30, 60])  # few values, so that moments meet


class MovedClock(VirtualClock):
    """A clock that can be set back, as that of a machine can."""

    behind = 0.0

    def now(self) -> datetime:
        return super().now() - timedelta(seconds=self.behind)


def done(coroutine: Coroutine[None, None, T]) -> T:
    """What a method of the repository gives: it never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("a method of the memory repository gave way")


class RowsInMemory(RuleBasedStateMachine):
    """Anything that may be written, in any order; after each step every index says what a walk says."""

    jobs: Bundle[str] = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.clock = MovedClock()
        self.repository = MemoryRepository(clock=self.clock)

    @property
    def rows(self) -> list[GenerationJob]:
        return list(self.repository._jobs.values())

    @property
    def videos(self) -> list[GenerationJob]:
        return [row for row in self.rows if row.type == "video"]

    @rule(
        target=jobs,
        kind=st.sampled_from(["video", "video", "poster"]),
        created=offsets,
        run=offsets,
        user=st.sampled_from([None, "", "u1"]),
        key=st.sampled_from([None, "k1", "k2"]),
    )
    def add(self, kind: str, created: int, run: int, user: str | None, key: str | None) -> str:
        now = self.clock.now()
        new = sample_job(
            self.clock,
            type=kind,
            created_at=now + timedelta(seconds=created),
            run_at=now + timedelta(seconds=run),
            user_id=user,
            client_key=key,
        )
        same = [
            row
            for row in self.videos
            if kind == "video" and key is not None and (row.user_id or "", row.client_key) == (user or "", key)
        ]
        added = done(self.repository.add(new))
        assert added.id == (same[0].id if same else new.id)
        return added.id

    @rule(limit=st.integers(-1, 9))
    def claim(self, limit: int) -> None:
        expected = self._due()[: max(limit, 0)]
        claimed = done(self.repository.claim(limit=limit, lease_seconds=60))
        assert [job.id for job in claimed] == [job.id for job in expected]

    @rule(job=jobs)
    def claim_one(self, job: str) -> None:
        expected = [one.id for one in self._due() if one.id == job]
        assert [one.id for one in done(self.repository.claim(limit=1, lease_seconds=60, job_id=job))] == expected

    @rule(
        job=jobs,
        phase=st.sampled_from(Phase),
        status=st.sampled_from(JobStatus),
        run=offsets,
        keeps_lease=st.booleans(),
        provider=names,
        order=orders,
        timing=st.none() | st.tuples(st.sampled_from(SETTINGS), st.sampled_from([1.5, 2, None])),
    )
    def save(
        self,
        job: str,
        phase: Phase,
        status: JobStatus,
        run: int,
        keeps_lease: bool,
        provider: str | None,
        order: str | None,
        timing: tuple[str, float | None] | None,
    ) -> None:
        row = done(self.repository.get(job))
        if row is None:
            return
        new = row.evolve(
            phase=phase,
            status=status,
            result_url="file:///v.mp4",
            run_at=self.clock.now() + timedelta(seconds=run),
            leased_until=row.leased_until if keeps_lease else None,
            provider=provider,
            provider_job_id=order,
        ).with_metadata(timing={"key": timing[0], "took_seconds": timing[1]} if timing else None)
        taken = any(
            one.id != job and (one.provider, one.provider_job_id) == (provider, order)
            for one in self.videos
            if None not in {provider, order}
        )
        refused = row.type == "video" and (taken or (phase is Phase.WAITING and order is None))
        try:
            assert done(self.repository.save(new, fence=row.fence)) is (row.type == "video")
        except StorageError:
            assert refused
        else:
            assert not refused

    @rule(job=jobs, again=st.booleans(), ordered=offsets)
    def admit(self, job: str, again: bool, ordered: int) -> None:
        row = done(self.repository.get(job))
        if row is not None:
            stamp = (self.clock.now() + timedelta(seconds=ordered)).isoformat()
            order = row.evolve(order_no=row.order_no + again).with_metadata(timing={"ordered_at": stamp})
            assert done(self.repository.admit(order, fence=row.fence)) is (row.type == "video")

    @rule(since=offsets)
    def sums_are_what_a_walk_gives(self, since: int) -> None:
        moment = self.clock.now() + timedelta(seconds=since)
        for query in (UsageQuery(), UsageQuery(since=moment), UsageQuery(active=True), UsageQuery(user_id="u1")):
            walked = usage_of(group for job in self.rows for group in groups_of(job, query))
            assert done(self.repository.usage(query)) == walked

    @rule(job=jobs, after=offsets)
    def wake(self, job: str, after: int) -> None:
        done(self.repository.wake(job, after_seconds=after))

    @rule(job=jobs, seconds=st.sampled_from([0, 30, 60]))
    def extend(self, job: str, seconds: int) -> None:
        row = done(self.repository.get(job))
        if row is not None:
            done(self.repository.extend(job, fence=row.fence, seconds=seconds))

    @rule(job=jobs, provider=st.sampled_from(["acme", "other"]), order=st.sampled_from(["o1", "o2", "o3"]))
    def adopt(self, job: str, provider: str, order: str) -> None:
        row = done(self.repository.get(job))
        if row is not None:
            done(self.repository.adopt_late_id(job, row.order_no, provider, order))

    @rule(target=jobs, job=consumes(jobs))
    def forget(self, job: str) -> str | MultipleResults[str]:
        row = done(self.repository.get(job))
        self.repository.forget(job)
        left = done(self.repository.get(job))
        assert (left is None) == (row is None or row.phase is Phase.DONE)
        return multiple() if left is None else left.id

    @rule(seconds=st.sampled_from([30, 60]), limit=st.integers(0, 4))
    def time_passes(self, seconds: int, limit: int) -> None:
        self.clock.advance(seconds)
        self.claim(limit)

    @rule(limit=st.integers(1, 4))
    def the_clock_is_set_back(self, limit: int) -> None:
        self.clock.behind += 30
        self.claim(limit)

    @rule()
    def lists_are_what_a_walk_gives(self) -> None:
        walked = self._newest_first()
        assert ids(done(self.repository.list(JobQuery()))) == ids(walked[:50])
        before = self.clock.now()  # some rows were made at this very moment
        earlier = [job for job in walked if job.created_at < before]
        assert ids(done(self.repository.list(JobQuery(before=before, limit=3)))) == ids(earlier[:3])
        for order in ("o1", "o2", "o3"):
            held = [job for job in walked if job.provider_job_id == order]
            assert ids(done(self.repository.list(JobQuery(provider_job_id=order)))) == ids(held)
            acme = [job for job in held if job.provider == "acme"]
            assert ids(done(self.repository.list(JobQuery(provider="acme", provider_job_id=order)))) == ids(acme)
            assert len(acme) <= 1

    @rule()
    def durations_are_what_a_walk_gives(self) -> None:
        walked = self._newest_first()
        for key in SETTINGS:
            timings = [job.provider_metadata.get("timing") for job in walked if job.status == JobStatus.COMPLETED]
            took = [one["took_seconds"] for one in timings if isinstance(one, dict) and one.get("key") == key]
            known = [one for one in took if one is not None]
            assert list(done(self.repository.durations(key, 50))) == known[:50]
            for limit in (2, 0, -1):
                assert list(done(self.repository.durations(key, limit))) == known[: max(limit, 0)]

    def _newest_first(self) -> list[GenerationJob]:
        last_added_first = self.videos[::-1]
        return sorted(last_added_first, key=lambda job: job.created_at, reverse=True)

    def _due(self) -> list[GenerationJob]:
        now = self.clock.now()
        due = [
            job
            for job in self.videos
            if job.phase in CLAIMABLE and job.run_at <= now and (job.leased_until is None or job.leased_until < now)
        ]
        return sorted(due, key=lambda job: job.run_at)


def ids(jobs: Sequence[GenerationJob]) -> list[str]:
    return [job.id for job in jobs]


TestRowsInMemory = RowsInMemory.TestCase
TestRowsInMemory.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)


def test_what_is_stale_does_not_fill_the_memory() -> None:
    clock = VirtualClock()
    repository = MemoryRepository(clock=clock)
    jobs = [done(repository.add(sample_job(clock))) for _ in range(50)]
    for number in range(100):
        for job in jobs:
            done(repository.wake(job.id, after_seconds=3600 - number))
    due = repository._index.due
    assert len(due._later) + len(due._ready) <= 200


def test_a_sum_of_a_time_or_of_running_jobs_walks_through_those_only() -> None:
    clock = VirtualClock()
    repository = MemoryRepository(clock=clock)
    for _ in range(200):
        done(repository.add(sample_job(clock, phase=Phase.DONE)))
    clock.advance(60)
    for _ in range(3):
        done(repository.add(sample_job(clock)))
    for query in (UsageQuery(since=clock.now()), UsageQuery(active=True)):
        seen = CountingRows(repository._jobs)
        repository._jobs = seen
        assert done(repository.usage(query)).jobs == seen.read == 3


def test_claims_cost_about_the_same_with_many_rows_as_with_few() -> None:
    def looked_at(count: int) -> int:
        clock = VirtualClock()
        repository = MemoryRepository(clock=clock)
        for _ in range(count):
            done(repository.add(sample_job(clock, run_at=clock.now() + timedelta(hours=1))))
        for _ in range(10):
            done(repository.add(sample_job(clock)))
        seen = CountingRows(repository._jobs)
        repository._jobs = seen
        assert len(done(repository.claim(limit=10, lease_seconds=60))) == 10
        return seen.read

    assert looked_at(2000) == looked_at(20)


class CountingRows(dict[str, GenerationJob]):
    """Counts the rows that are read."""

    read = 0

    def __getitem__(self, key: str) -> GenerationJob:
        self.read += 1
        return super().__getitem__(key)

    def values(self) -> object:  # type: ignore[override]
        raise AssertionError("a walk through all rows")
