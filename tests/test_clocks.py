"""Machines whose clocks are minutes apart share one table: in rows there is only the rows' own time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nexiom_sdk import GenerationJob, JobStatus, Settings, Studio, VideoRequest
from nexiom_sdk.backends.memory import MemoryRepository, MemoryStore
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.clock import Clock
from nexiom_sdk.desk import Desk
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.testing import FakeProvider, VirtualClock
from postgres_rig import DatabaseClock, virtual_database
from rig import PlainRows, factory_of, policy_over

Machine = Callable[..., Studio]
APART = [-600.0, 600.0]


class Wrong:
    """A machine's clock that is some time off the rows'."""

    def __init__(self, right: VirtualClock, off_seconds: float) -> None:
        self._right, self._off = right, timedelta(seconds=off_seconds)
        self.monotonic, self.sleep = right.monotonic, right.sleep

    def now(self) -> datetime:
        """The moment, as this machine has it."""
        return self._right.now() + self._off


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def clock(store: str) -> Iterator[VirtualClock]:
    clock = DatabaseClock() if store == "postgres" else VirtualClock()
    yield clock
    if isinstance(clock, DatabaseClock):
        clock.close()


@pytest.fixture
async def rows(store: str, clock: VirtualClock, tmp_path: Path) -> AsyncIterator[JobRepository]:
    repository: JobRepository
    match store:
        case "memory":
            repository = MemoryRepository(clock=clock)
        case "sqlite":
            repository = SqliteRepository(tmp_path / "jobs.db", clock=clock)
        case _:
            repository = PostgresRepository(virtual_database())
    yield repository
    await repository.aclose()


@pytest.fixture
def machine(rows: JobRepository, tmp_path: Path) -> Machine:
    videos = MemoryStore()

    def make(fake: FakeProvider, clock: Clock, *, rows: JobRepository = rows) -> Studio:
        registry = ProviderRegistry(entry_points=[])
        registry.register("acme", factory_of(fake))
        policy, settings = policy_over("acme/fake-1"), Settings(home=tmp_path / str(id(clock)))
        return Studio(settings=settings, repository=rows, store=videos, registry=registry, policy=policy, clock=clock)

    return make


async def _step(studio: Studio, job: GenerationJob, clock: VirtualClock) -> GenerationJob:
    row = await studio.repository.get(job.id)
    assert row is not None
    due = max(row.run_at, row.leased_until or row.run_at)
    clock.advance(max((due - clock.now()).total_seconds(), 0.0) + 0.001)
    return await studio.advance(job.id)


@pytest.mark.parametrize("off", APART)
@pytest.mark.parametrize("who", ["the one that ordered", "the one that looks"])
@pytest.mark.parametrize("plain", [False, True], ids=["", "rows that cannot be asked the time"])
async def test_an_order_whose_answer_was_lost_and_that_shows_late_is_paid_once(
    plain: bool, who: str, off: float, machine: Machine, rows: JobRepository, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="lookup", lookup_lag=2).lose_answer().succeed()
    wrong = Wrong(clock, off)
    used = PlainRows(rows) if plain else rows  # type: ignore[arg-type]
    ordering = machine(fake, wrong if who == "the one that ordered" else clock, rows=used)
    looking = machine(fake, clock if who == "the one that ordered" else wrong, rows=used)
    job = await ordering.submit(VideoRequest(prompt="a fox"))
    if plain and job.phase is Phase.QUEUED:  # the row got its machine's time, and is due when that has come
        job = await _step(ordering, job, clock)
    assert (job.phase, fake.accepted) == (Phase.SUBMITTING, [job.order_key])
    assert job.submit_started_at is not None
    assert abs((job.submit_started_at - clock.now()).total_seconds()) < 1
    for _ in range(20):
        job = await _step(looking, job, clock)
        if job.final:
            break
    assert (job.status, fake.accepted) == (JobStatus.COMPLETED, [job.order_key])


@pytest.mark.parametrize("off", [*APART, -7200.0, 7200.0])
async def test_a_wrong_clock_looks_at_the_right_pace_and_gives_up_on_nothing(
    off: float, machine: Machine, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock).running(4).succeed()
    studio = machine(fake, Wrong(clock, off))
    job = await studio.submit(VideoRequest(prompt="a fox"))
    begun = clock.now()
    while job.phase is Phase.WAITING:
        assert job.status is JobStatus.PROCESSING
        assert 1 <= (job.run_at - clock.now()).total_seconds() <= 40
        job = await _step(studio, job, clock)
    assert job.status is JobStatus.COMPLETED
    assert fake.calls.count("poll") == 5
    assert (clock.now() - begun).total_seconds() < 120
    timing = job.provider_metadata["timing"]
    assert isinstance(timing, dict)
    took = timing["took_seconds"]
    assert isinstance(took, float)
    assert 0 < took < 120


@pytest.mark.parametrize("off", APART)
async def test_what_a_wrong_clock_orders_a_right_one_looks_at_in_time(
    off: float, machine: Machine, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock).running(2).succeed()
    wrong, right = machine(fake, Wrong(clock, off)), machine(fake, clock)
    written = await wrong.submit(VideoRequest(prompt="a fox"), defer=True)
    assert abs((written.created_at - clock.now()).total_seconds()) < 1
    clock.advance(0.001)
    job = await right.advance(written.id)
    assert job.phase is Phase.WAITING, "it is due at once"
    for studio in (wrong, right, wrong, right):
        if not job.final:
            assert 1 <= (job.run_at - clock.now()).total_seconds() <= 40
            job = await _step(studio, job, clock)
    assert job.status is JobStatus.COMPLETED


@pytest.mark.parametrize("off", APART)
async def test_a_worker_with_a_wrong_clock_orders_and_ends_jobs(
    off: float, machine: Machine, clock: VirtualClock
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").running(1).succeed()
    right, wrong = machine(fake, clock), machine(fake, Wrong(clock, off))
    job = await right.submit(VideoRequest(prompt="a fox"), defer=True)
    for _ in range(4):
        clock.advance(0.001)
        await wrong.worker().run(once=True)
        job = await right.get(job.id)
        if job.final:
            break
        assert 1 <= (job.run_at - clock.now()).total_seconds() <= 40
        clock.advance((job.run_at - clock.now()).total_seconds())
    assert (job.status, fake.accepted) == (JobStatus.COMPLETED, [job.order_key])


class Slow(MemoryRepository):
    """Rows that tell the time after a while, in which this machine's clock may be set."""

    def __init__(self, right: VirtualClock, own: Wrong, *, off_seconds: float = 0.0) -> None:
        super().__init__(clock=right)
        self._right, self._own, self._off, self.asked = right, own, timedelta(seconds=off_seconds), 0

    async def now(self) -> datetime:
        """The time in the middle of the call."""
        self.asked += 1
        self._right.advance(2)
        shown = self._right.now()
        self._right.advance(3)
        self._own._off += self._off
        return shown


async def _asked(tmp_path: Path, own: Wrong, rows: Slow, *, before: float = 0.0) -> Desk:
    policy, settings = policy_over("acme/fake-1"), Settings(home=tmp_path)
    studio = Studio(settings=settings, repository=rows, store=MemoryStore(), policy=policy, clock=own)
    desk = studio._desk
    desk._ahead = timedelta(seconds=before)
    await desk.see_clock()
    return desk


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.0), (1.5, 1.5), (-2.5, -2.5), (600.0, 2.0), (-600.0, -3.0)])
async def test_an_answer_that_took_its_time_moves_the_clock_no_further_than_it_must(
    before: float, after: float, tmp_path: Path
) -> None:
    right = VirtualClock()
    own = Wrong(right, 0.0)
    desk = await _asked(tmp_path, own, Slow(right, own), before=before)
    assert (desk.now() - right.now()).total_seconds() == pytest.approx(after)


async def test_an_answer_during_which_our_own_clock_was_set_back_says_nothing(tmp_path: Path) -> None:
    right = VirtualClock()
    own = Wrong(right, 0.0)
    rows = Slow(right, own, off_seconds=-600.0)
    desk = await _asked(tmp_path, own, rows)
    assert desk.now() == own.now()
    rows._off = timedelta(0)
    await desk.see_clock()
    assert (rows.asked, abs((desk.now() - right.now()).total_seconds()) <= 3) == (2, True)
