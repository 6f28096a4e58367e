"""What `nexiom worker` does around a worker: looks whether it can work at all, and tells what it does."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import typer
from pydantic import JsonValue

from nexiom_sdk.cli.output import Output
from nexiom_sdk.cli.session import Session
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.disk import check_folder
from nexiom_sdk.errors import ConfigurationError, NexiomError, StorageError
from nexiom_sdk.events import Event, JobMoved, WorkerDraining
from nexiom_sdk.health import HealthFile
from nexiom_sdk.phases import CLAIMABLE, Phase
from nexiom_sdk.repositories import JobQuery

STORE_PATIENCE_SECONDS = 5.0
_MOST_COUNTED = 10_000
_NO_SUCH_OBJECT = "outputs/_/no-such-job/0.mp4"


class Teller:
    """A sink that hands what a worker does to an output; its looks at the table are left to the log.

    Where nobody takes what it says any more, the worker is told to end: a command whose reader has gone, or whose disk
    is full, must not go on unheard.

    Args:
        output: Where the command speaks.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self.drain_seconds: float | None = None  # told once: the time runs on
        self.stop: Callable[[], object] = lambda: None
        self.unheard: Exception | None = None

    def __call__(self, event: Event) -> None:
        """Tell it."""
        if event.level < logging.INFO or self.unheard is not None:
            return
        fields = {name: _json(value) for name, value in dataclasses.asdict(event).items()}
        try:
            self._output.event(event.action, self._in_words(event), {"at": SystemClock().now().isoformat(), **fields})
        except (typer.Exit, StorageError) as error:
            self.unheard = error
            self.stop()

    def _in_words(self, event: Event) -> str:
        """What people are told; empty where that is for scripts."""
        match event:
            case JobMoved(phase=Phase.DONE | Phase.UNKNOWN):
                return f"{event.job_id}  {event.status}  {event.error_code or ''}".rstrip()
            case WorkerDraining(running=running):
                steps = "1 step ends" if running == 1 else f"{running} steps end"
                limit, self.drain_seconds = self.drain_seconds, None
                return f"{steps} first" if limit is None else f"{steps} first; up to {limit:g} s for that"
            case _:
                return ""


async def work(
    session: Session, teller: Teller, health: HealthFile | None, *, concurrency: int, drain_seconds: float, once: bool
) -> None:
    """Work through due jobs until told to stop.

    Raises:
        ConfigurationError: A folder that the worker needs cannot be written; nothing was claimed.
        StorageError: With `once`, the rows cannot be read; or standard output is full.
        Exit: Nobody reads standard output any more.
    """
    await _check_folders(session, health)
    worker = session.studio.worker(concurrency=concurrency, drain_seconds=drain_seconds)
    session.stop = teller.stop = worker.stop
    teller.drain_seconds = drain_seconds
    kind = session.studio.settings.database.partition(":")[0]  # the rest of the address may hold a password
    warnings: list[JsonValue] = [*session.warnings, *await _doubts(session, kind)]
    for text in warnings[len(session.warnings) :]:
        session.output.notice(str(text))
    start: dict[str, JsonValue] = {"concurrency": concurrency, "once": once, "database": kind, "warnings": warnings}
    session.output.event("worker_started", f"worker started: up to {concurrency} steps at once, rows in {kind}", start)
    await worker.run(once=once)
    if health is not None:
        await health.remove()
    if teller.unheard is not None:
        raise teller.unheard
    waiting = await _waiting(session) if once else {}
    text = f"worker stopped{_in_words(**waiting)}" if waiting else "worker stopped"
    session.output.event("worker_stopped", text, {"waiting": 0, "until": None} | waiting if once else {})


async def _check_folders(session: Session, health: HealthFile | None) -> None:
    """What is paid for may have to be kept here, and that it cannot must not be found out then."""
    settings = session.studio.settings
    for folder in (settings.home, settings.spool):
        try:
            await asyncio.to_thread(_check, folder)
        except OSError as error:
            msg = f"The folder {folder} cannot be written: {error.strerror or error}. Nothing was claimed."
            hint = "Set NEXIOM_HOME to a folder that can be written, on a disk that outlives the process."
            raise ConfigurationError(msg, next_step=hint) from error
    if health is not None:
        await health.check()


def _check(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    check_folder(folder)


async def _doubts(session: Session, kind: str) -> list[str]:
    """What may be wrong, and stops nobody."""
    doubts: list[str] = []
    if kind.startswith("postgres") and session.studio.settings.keeps_files_here:
        doubts.append("Videos are stored in a folder of this machine; others reach them only if they share it.")
    try:
        async with asyncio.timeout(STORE_PATIENCE_SECONDS):
            async for _ in session.studio.store.list(_NO_SUCH_OBJECT):
                pass
    except (NexiomError, TimeoutError) as error:
        why = error.message if isinstance(error, NexiomError) else f"no answer within {STORE_PATIENCE_SECONDS:g} s."
        text = "The store did not let itself be looked at. While it cannot be used, videos wait on this machine"
        doubts.append(f"{text}: {why}")
    return doubts


async def _waiting(session: Session) -> dict[str, JsonValue]:
    """How many jobs wait for their time, and until when the first of them does; empty where there is none."""
    query = JobQuery(phases=tuple(CLAIMABLE), limit=_MOST_COUNTED)
    jobs = [job for job in await session.studio.repository.list(query) if job.leased_until is None]
    until = min((job.run_at for job in jobs), default=None)
    return {} if until is None else {"waiting": len(jobs), "until": until.isoformat(timespec="seconds")}


def _in_words(*, waiting: JsonValue, until: JsonValue) -> str:
    jobs = "1 job waits" if waiting == 1 else f"{waiting} jobs wait, the first"
    return f"; {jobs} until {until}".replace("T", " ").replace("+00:00", " UTC")


def _json(value: object) -> JsonValue:
    return value if isinstance(value, bool | int | float | str | None) else str(value)
