"""Jobs driven by procrastinate, an engine of tasks in PostgreSQL: for those who want its queues and its operations.

The row stays the truth. A task is only a reminder to take the next step of one job: tasks may come twice, late or not
at all, and nothing is paid twice and nothing is lost, because steps are taken under the row's lease and the sweep reads
the rows, not the tasks.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ProcrastinateException
from pydantic import SecretStr

from nexiom_sdk.backends.postgres_address import DatabaseAddress
from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.errors import JobNotFound, NexiomError, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobQuery, JobRepository

_log = logging.getLogger(__name__)

QUEUE = "nexiom"
OVERDUE_SECONDS = 60.0  # a job that has been due for so long may have no task
SWEPT_AT_ONCE = 1000
_BREATH_SECONDS = 0.1  # between two looks at one job, should clocks disagree about whether it is due
_AFTER_TROUBLE_SECONDS = 30.0


def app_for(dsn: str | SecretStr, *, concurrency: int = 16) -> App:
    """An `App` whose workers are right behind any pooler; it makes no tables, `procrastinate schema --apply` does.

    No prepared statements, no LISTEN but a look each second, and tasks that ended are deleted, because the history is
    in our rows. Arguments of `App.run_worker_async` and of the command `procrastinate worker` win over these.

    Args:
        dsn: The database, as a URL or a connection string of libpq.
        concurrency: Most steps at once in one worker.

    Raises:
        ConfigurationError: It is no address of a PostgreSQL.
    """
    address, dsn = SecretStr(dsn) if isinstance(dsn, str) else dsn, ""  # tracebacks show local variables
    DatabaseAddress(address)
    return App(
        connector=PsycopgConnector(conninfo=address.get_secret_value(), kwargs={"prepare_threshold": None}),
        worker_defaults={
            "concurrency": concurrency,
            "delete_jobs": "always",
            "fetch_job_polling_interval": 1.0,
            "listen_notify": False,
        },
    )


class ProcrastinateDriver:
    """Drives jobs to their end by tasks of one `App`. Make one in every process that enqueues or works.

    It registers two tasks: `nexiom.advance` takes one step of a job and enqueues the next one, and `nexiom.sweep`
    enqueues each minute what is overdue. Both are in the queue `nexiom`.

    Args:
        app: Whose tasks they are; open it before `enqueue`.
        repository: Where rows live.
        advance: Takes one step of a job, such as `studio.advance`.
        clock: Time; None: the machine's.

    Example:
        ```python
        driver = ProcrastinateDriver(app, repository=studio.repository, advance=studio.advance)
        job = await studio.submit(request, defer=True)
        await driver.enqueue(job)
        ```
    """

    def __init__(
        self,
        app: App,
        *,
        repository: JobRepository,
        advance: Callable[[str], Awaitable[GenerationJob]],
        clock: Clock | None = None,
    ) -> None:
        self._app = app
        self._repository = repository
        self._advance = advance
        self._clock = clock or SystemClock()
        app.task(name="nexiom.advance", queue=QUEUE)(self._take_step)
        sweep = app.task(name="nexiom.sweep", queue=QUEUE, queueing_lock="nexiom:sweep")(self._sweep_on_time)
        app.periodic(cron="* * * * *")(sweep)

    async def enqueue(self, job: GenerationJob, *, not_before: datetime | None = None) -> None:
        """See to it that a task waits for the job, for when the job is due; one that ended needs none.

        Twice is once. A task that waits for later is brought forward: a callback or a cancel made the job due sooner.

        Args:
            job: The job.
            not_before: The task waits until this moment even if the job is due sooner; None: it does not.

        Raises:
            StorageUnavailable: The task cannot be written. The job is not lost: the sweep will find it.
        """
        if job.type == "video" and not job.final:
            await self._enqueue(job.id, max(job.due_at, not_before or job.due_at))

    async def sweep(self) -> int:
        """Enqueue the jobs that are overdue: tasks got lost with their worker, or somebody else wrote the rows.

        Returns:
            How many are overdue; of more than 1000, the oldest.

        Raises:
            StorageError: The rows cannot be read, or the tasks cannot be written.
        """
        before = self._clock.now() - timedelta(seconds=OVERDUE_SECONDS)
        overdue = await self._repository.list(JobQuery(due_before=before, limit=SWEPT_AT_ONCE))
        for job in overdue:
            await self.enqueue(job)
        return len(overdue)

    async def _sweep_on_time(self, timestamp: int) -> None:  # noqa: ARG002 - procrastinate passes it by this name
        try:
            await self.sweep()
        except NexiomError as error:
            _log.warning("no jobs can be swept, next try in a minute: %s", error, extra={"action": "sweep_failed"})

    async def _take_step(self, job_id: str) -> None:
        try:
            job = await self._advance(job_id)
        except JobNotFound:
            _log.warning("job %s is gone, and so is its task", job_id, extra={"action": "job_gone"})
        except NexiomError as error:
            _log.warning("job %s: the step is tried again later: %s", job_id, error, extra={"action": "step_failed"})
            await self._enqueue(job_id, self._in(_AFTER_TROUBLE_SECONDS))
        else:
            await self.enqueue(job, not_before=self._in(_BREATH_SECONDS))

    def _in(self, seconds: float) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)

    async def _enqueue(self, job_id: str, at: datetime) -> None:
        lock = f"nexiom:{job_id}"
        # Never `lock`: that would keep all tasks of a job back behind one whose worker was killed. This one does not,
        # since it concerns tasks that wait and not the one that runs.
        task = self._app.configure_task("nexiom.advance", queue=QUEUE, queueing_lock=lock, schedule_at=at)
        try:
            try:
                await task.defer_async(job_id=job_id)
            except AlreadyEnqueued:
                if await self._took_back(lock, later_than=at):
                    await task.defer_async(job_id=job_id)
        except AlreadyEnqueued:
            return  # somebody else has brought it forward
        except ProcrastinateException as error:
            msg = f"procrastinate could not take the task for job {job_id}: {_said(error)}."
            hint = (
                "The job is not lost: a worker's sweep enqueues it. Open the App; if its tables are missing, run "
                "`procrastinate --app=MODULE.app schema --apply`."
            )
            raise StorageUnavailable(msg, next_step=hint, job_id=job_id) from error

    async def _took_back(self, lock: str, *, later_than: datetime) -> bool:
        """Whether a task that waits for later is no more; one that is about to run stays."""
        manager = self._app.job_manager
        for waiting in await manager.list_jobs_async(queueing_lock=lock, status="todo"):
            if waiting.id is not None and waiting.scheduled_at is not None and waiting.scheduled_at > later_than:
                return await manager.cancel_job_by_id_async(waiting.id, delete_job=True)
        return False


def _said(error: ProcrastinateException) -> str:
    """Its class and that of its cause; the words of a driver may quote values."""
    return " of ".join(type(one).__name__ for one in (error, error.__cause__) if one is not None)
