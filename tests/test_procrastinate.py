"""Jobs driven by procrastinate's own worker, over a real PostgreSQL: tasks come twice, late or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from procrastinate import App
from procrastinate.app import WorkerOptions
from procrastinate.exceptions import AlreadyEnqueued

from nexiom_sdk import GenerationJob, Settings, Studio, VideoRequest
from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.procrastinate import ProcrastinateDriver, app_for
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import JobNotFound, ProviderUnavailable, StorageUnavailable
from nexiom_sdk.kept_answers import KeptAnswer, KeptAnswers
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider
from nexiom_sdk.testing.fake_provider import fake_card
from nexiom_sdk.testing.sample_jobs import sample_job
from pooler_rig import NEEDS_POOLER, pooled
from postgres_rig import SCHEMA, repository
from procrastinate_rig import engine_database, tasks_of
from rig import factory_of, policy_over

__all__ = ["repository"]  # a fixture

CLOCK = SystemClock()
REQUEST = VideoRequest(prompt="a fox in snow")
QUICK = WorkerOptions(fetch_job_polling_interval=0.02, install_signal_handlers=False)


@pytest.fixture
def url() -> Iterator[str]:
    with engine_database() as url:
        yield url


@pytest.fixture
async def app(url: str) -> AsyncIterator[App]:
    async with app_for(url).open_async() as app:
        yield app


@pytest.fixture
def fake() -> FakeProvider:
    cards = [fake_card(typical_seconds=0.01, min_poll_seconds=0.01)]
    return FakeProvider("acme", models=cards, submission_recovery="none")  # an order sent twice is paid twice


@pytest.fixture
def studio_of(tmp_path: Path, fake: FakeProvider) -> Callable[[PostgresRepository], Studio]:
    def make(repository: PostgresRepository) -> Studio:
        registry = ProviderRegistry(entry_points=[])
        registry.register(fake.name, factory_of(fake))
        return Studio(
            settings=Settings(home=tmp_path),
            repository=repository,
            store=MemoryStore(),
            registry=registry,
            policy=policy_over("acme/fake-1"),
        )

    return make


@contextlib.asynccontextmanager
async def worker(app: App) -> AsyncIterator[None]:
    working = asyncio.create_task(app.run_worker_async(**QUICK))
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def ended(repository: PostgresRepository, job: GenerationJob) -> GenerationJob:
    async with asyncio.timeout(20):
        while not (row := await found(repository, job)).final:
            await asyncio.sleep(0.02)
    return row


async def found(repository: PostgresRepository, job: GenerationJob) -> GenerationJob:
    row = await repository.get(job.id)
    assert row is not None
    return row


def driver_of(app: App, repository: PostgresRepository, *answers: GenerationJob | Exception) -> ProcrastinateDriver:
    """A driver whose steps give these answers in turn, and then the last one again: a slow machine takes more steps."""
    left = list(answers)

    async def advance(job_id: str) -> GenerationJob:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ProcrastinateDriver(app, repository=repository, advance=advance)


async def run_what_is_due(app: App) -> None:
    await app.run_worker_async(wait=False, install_signal_handlers=False)


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_a_job_goes_from_submit_to_completed_through_its_worker(
    app: App, repository: PostgresRepository, fake: FakeProvider, studio_of: Callable[[PostgresRepository], Studio]
) -> None:
    fake.succeed()
    studio = studio_of(repository)
    driver = ProcrastinateDriver(app, repository=repository, advance=studio.advance)
    job = await studio.submit(REQUEST, defer=True)
    await driver.enqueue(job)
    async with worker(app):
        job = await ended(repository, job)
    assert (job.status, len(fake.accepted)) == (JobStatus.COMPLETED, 1)
    assert not await tasks_of(app), "tasks that ended are deleted, and a job that ended needs none"


async def test_an_answer_that_no_row_could_take_is_recorded_where_this_worker_takes_any_step(
    app: App, repository: PostgresRepository, fake: FakeProvider, studio_of: Callable[[PostgresRepository], Studio]
) -> None:
    """The order was paid, the database was away, the process died: its answer is a file on this machine."""
    fake.hang()
    studio = studio_of(repository)
    driver = ProcrastinateDriver(app, repository=repository, advance=studio.advance)
    paid = await repository.add(
        sample_job(
            CLOCK, phase=Phase.UNKNOWN, status=JobStatus.FAILED, provider="acme", fence=1, run_at=in_seconds(600)
        )
    )
    kept = KeptAnswers(folder=studio.settings.spool / "answers")
    await kept.keep(KeptAnswer(job_id=paid.id, order_no=0, provider="acme", provider_job_id="paid-1", state={}))
    await driver.enqueue(await studio.submit(REQUEST, defer=True))
    async with asyncio.timeout(20), worker(app):
        while (row := await found(repository, paid)).provider_job_id is None or await kept.all():
            await asyncio.sleep(0.02)
    await studio.aclose()
    assert (row.phase, row.provider_job_id) == (Phase.WAITING, "paid-1")


@NEEDS_POOLER
async def test_behind_a_pooler_a_job_is_finished_by_what_app_for_gives(
    url: str, fake: FakeProvider, studio_of: Callable[[PostgresRepository], Studio]
) -> None:
    fake.succeed()
    repository = PostgresRepository(pooled(url))
    studio = studio_of(repository)
    async with app_for(pooled(url)).open_async() as app:
        driver = ProcrastinateDriver(app, repository=repository, advance=studio.advance)
        jobs = [await studio.submit(REQUEST, defer=True) for _ in range(5)]
        async with worker(app), worker(app):
            for job in jobs:
                await driver.enqueue(job)
            assert [(await ended(repository, job)).status for job in jobs] == [JobStatus.COMPLETED] * 5
    assert len(fake.accepted) == 5
    await repository.aclose()


async def test_twice_enqueued_is_once(app: App, repository: PostgresRepository) -> None:
    job = sample_job(CLOCK, run_at=in_seconds(60))
    driver = driver_of(app, repository)
    await asyncio.gather(*(driver.enqueue(job) for _ in range(5)))
    [task] = await tasks_of(app)
    assert (task.scheduled_at, task.task_kwargs, task.lock) == (job.run_at, {"job_id": job.id}, None)


async def test_a_job_that_ended_gets_no_task(app: App, repository: PostgresRepository) -> None:
    driver = driver_of(app, repository)
    for fields in ({"phase": Phase.DONE}, {"phase": Phase.UNKNOWN}, {"type": "poster"}):
        await driver.enqueue(sample_job(CLOCK, **fields))
    assert not await tasks_of(app)


async def test_a_task_that_waits_for_later_is_brought_forward_when_the_job_is_woken(
    app: App, repository: PostgresRepository
) -> None:
    job = sample_job(CLOCK, run_at=in_seconds(600))
    driver = driver_of(app, repository)
    await driver.enqueue(job)
    woken = job.evolve(run_at=in_seconds(-1))
    await asyncio.gather(*(driver.enqueue(woken) for _ in range(3)))
    await driver.enqueue(job)  # and a later one does not push it back
    [task] = await tasks_of(app)
    assert task.scheduled_at == woken.run_at


async def test_the_sweep_enqueues_what_is_overdue_and_free_whoever_wrote_it(
    app: App, repository: PostgresRepository
) -> None:
    driver = driver_of(app, repository)
    late = [await repository.add(sample_job(CLOCK, run_at=in_seconds(-seconds))) for seconds in (120, 61)]
    for fields in ({"run_at": in_seconds(-5)}, {"run_at": in_seconds(-120), "leased_until": in_seconds(60)}):
        await repository.add(sample_job(CLOCK, **fields))
    assert await driver.sweep() == 2
    assert await driver.sweep() == 2
    assert [task.task_kwargs["job_id"] for task in await tasks_of(app)] == [job.id for job in late]


async def test_one_sweep_waits_at_a_time_however_long_no_worker_takes_it(app: App, url: str) -> None:
    driver_of(app, PostgresRepository(url))
    sweep = app.tasks["nexiom.sweep"]
    await sweep.defer_async(timestamp=0)
    with pytest.raises(AlreadyEnqueued):
        await sweep.defer_async(timestamp=60)


async def test_a_row_that_cannot_be_read_does_not_keep_the_others_from_being_swept(
    app: App, repository: PostgresRepository, url: str
) -> None:
    broken, good = [await repository.add(sample_job(CLOCK, run_at=in_seconds(-120))) for _ in range(2)]
    with psycopg.connect(url) as direct:
        direct.execute("update generation_jobs set provider_metadata = '7' where id = %s", (broken.id,))
    driver = driver_of(app, repository)
    assert await driver.sweep() == 1
    assert [task.task_kwargs["job_id"] for task in await tasks_of(app)] == [good.id]


async def test_a_worker_sweeps_by_itself_and_a_task_that_died_does_not_block(
    app: App, repository: PostgresRepository, fake: FakeProvider, studio_of: Callable[[PostgresRepository], Studio]
) -> None:
    """The row is due, its only task is `doing` for ever, because its worker was killed."""
    fake.succeed()
    studio = studio_of(repository)
    driver = ProcrastinateDriver(app, repository=repository, advance=studio.advance)
    job = await studio.submit(REQUEST, defer=True)
    await driver.enqueue(job)
    dead = await app.job_manager.register_worker()
    taken = await app.job_manager.fetch_job(queues=None, worker_id=dead)
    assert taken is not None
    await repository.save(job.evolve(run_at=in_seconds(-120)), fence=0)
    async with worker(app):
        assert (await ended(repository, job)).status is JobStatus.COMPLETED
    assert len(fake.accepted) == 1
    assert [task.id for task in await tasks_of(app, "doing")] == [taken.id]


async def test_a_job_that_somebody_else_holds_is_looked_at_when_the_lease_ends(
    app: App, repository: PostgresRepository
) -> None:
    held = sample_job(CLOCK, leased_until=in_seconds(40))
    driver = driver_of(app, repository, held)
    await driver.enqueue(sample_job(CLOCK).evolve(id=held.id))
    await run_what_is_due(app)
    [task] = await tasks_of(app)
    assert task.scheduled_at == held.leased_until


async def test_a_job_past_its_deadline_is_looked_at_until_it_is_final(app: App, repository: PostgresRepository) -> None:
    late = sample_job(
        CLOCK,
        phase=Phase.WAITING,
        provider_job_id="v1",
        status=JobStatus.FAILED,
        error_code="timed_out",
        run_at=in_seconds(600),
    )
    driver = driver_of(app, repository, late)
    await driver.enqueue(late.evolve(run_at=in_seconds(-1)))
    await run_what_is_due(app)
    [task] = await tasks_of(app)
    assert task.scheduled_at == late.run_at


async def test_a_step_that_did_not_move_the_job_is_not_repeated_at_once(
    app: App, repository: PostgresRepository
) -> None:
    """As where clocks disagree about whether the job is due."""
    job = sample_job(CLOCK, run_at=in_seconds(-5))
    driver = driver_of(app, repository, job)
    await driver.enqueue(job)
    await run_what_is_due(app)
    [task] = await tasks_of(app)
    assert task.scheduled_at is not None
    assert task.scheduled_at > in_seconds(-0.1)


@pytest.mark.parametrize("error", [StorageUnavailable("The database is down."), ProviderUnavailable("down")])
async def test_trouble_of_ours_means_later_not_never(
    app: App, repository: PostgresRepository, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    job = sample_job(CLOCK)
    driver = driver_of(app, repository, error)
    await driver.enqueue(job)
    before = in_seconds(30)
    await run_what_is_due(app)
    [task] = await tasks_of(app)
    assert task.scheduled_at is not None
    assert before < task.scheduled_at < in_seconds(31)
    assert job.id in caplog.text


async def test_the_task_of_a_job_that_is_gone_ends(app: App, repository: PostgresRepository) -> None:
    driver = driver_of(app, repository, JobNotFound("There is no such job."))
    await driver.enqueue(sample_job(CLOCK))
    await run_what_is_due(app)
    assert not await tasks_of(app)


async def test_a_defect_in_a_step_is_left_to_the_sweep(app: App, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    driver = driver_of(app, repository, ZeroDivisionError())
    await driver.enqueue(job)
    await run_what_is_due(app)
    assert not await tasks_of(app)
    await repository.save(job.evolve(run_at=in_seconds(-120)), fence=0)
    assert await driver.sweep() == 1
    assert len(await tasks_of(app)) == 1


async def test_an_app_that_is_not_open_is_an_error_of_ours_that_says_that_nothing_is_lost(
    url: str, repository: PostgresRepository
) -> None:
    driver = driver_of(app_for(url), repository)
    with pytest.raises(StorageUnavailable, match="not lost") as error:
        await driver.enqueue(sample_job(CLOCK))
    assert url not in repr(error.value)


async def test_a_sweep_without_a_database_is_a_warning_and_the_worker_goes_on(
    app: App, repository: PostgresRepository, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    driver = driver_of(app, repository)
    with psycopg.connect(url, autocommit=True) as direct:
        direct.execute("alter table generation_jobs rename to away")
    with caplog.at_level(logging.WARNING, "nexiom_sdk"):
        await driver._sweep_on_time(0)
    assert "next try in a minute" in caplog.text


def test_what_app_for_sets_a_worker_may_override(url: str) -> None:
    app = app_for(url, concurrency=3)
    settings = app._worker(listen_notify=True)
    assert (settings.concurrency, settings.delete_jobs.value, settings.listen_notify) == (3, "always", True)
    assert not app._worker().listen_notify


ORDER = """
import asyncio, video_jobs

async def order():
    async with video_jobs.studio, video_jobs.app.open_async():
        print((await video_jobs.order("a fox")).id)

asyncio.run(order())
"""


async def test_the_module_and_the_commands_of_the_engines_page_work(
    repository: PostgresRepository, url: str, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "engines.md").read_text("utf-8")
    [module] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [commands] = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    (tmp_path / "video_jobs.py").write_text(module)
    with psycopg.connect(url, autocommit=True) as direct:
        direct.execute(f"drop schema public cascade; create schema public; {SCHEMA}".encode())
    environment = {**os.environ, "NEXIOM_DATABASE_URL": url, "NEXIOM_HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}

    async def run(*arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=environment,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate()
        assert process.returncode == 0, complained.decode()
        return said.decode().strip()

    make_tables, start_worker = (["-m", *line.split()] for line in commands.splitlines())
    await run(*make_tables)
    job_id = await run("-c", ORDER)
    await run(*start_worker, "--one-shot")
    job = await repository.get(job_id)
    assert job is not None
    assert job.status is JobStatus.COMPLETED
