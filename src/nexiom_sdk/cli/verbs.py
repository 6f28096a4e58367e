"""What each command does with a studio; how it is said is the output's business."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import os
import statistics
from contextlib import aclosing
from pathlib import Path

from nexiom_sdk import moves
from nexiom_sdk.cli.asking import Asked
from nexiom_sdk.cli.session import Session
from nexiom_sdk.cli.words import finish, local_file, stopped, unsent, whole_trouble
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import (
    InvalidInput,
    MissingCredentials,
    NexiomError,
    StorageError,
    UnsafeUrl,
    WaitTimeout,
)
from nexiom_sdk.jobs import GenerationJob, VideoResult
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.storage import output_key

UNCERTAIN = "uncertain"  # as lists call a failed job of which nobody can tell whether it was ordered

_HISTORY_ROWS = 50


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """How a job is followed to its end.

    Args:
        output: Where the finished video is copied to; None: it stays in the store only.
        timeout_seconds: How long to wait; None: as long as it takes.

    Raises:
        InvalidInput: The time is not a number.
    """

    output: Path | None = None
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.timeout_seconds is not None and not math.isfinite(self.timeout_seconds):
            raise InvalidInput("The timeout is not a number of seconds.")

    @property
    def again(self) -> tuple[str, ...]:
        """The options that ask `nexiom jobs watch` for the same result."""
        return () if self.output is None else ("--output", str(self.output))


async def generate(
    session: Session, asked: Asked, following: Following, *, client_key: str | None, detach: bool, defer: bool
) -> None:
    """Order a video and follow it to its end, only order it, or only write it down; without any key, a preview."""
    _say_what_is_lost(session, following)
    job = await _submit(session, asked, client_key=client_key)
    session.job_id, session.resume = job.id, following.again
    if detach or defer:
        session.output.ordered(job)
    if defer:
        text = "The job is written down; a worker orders it."
        session.output.outcome(job, text, command=session.watch_command(job.id))
    elif detach:
        _say_outcome(session, await session.studio.advance(job.id), "The order is on its way.")
    else:
        await _follow(session, job, following)


async def list_jobs(session: Session, *, user_id: str | None, status: str | None, limit: int) -> None:
    """Say which jobs there are, newest first; `status` is one of `JobStatus`, or uncertain."""
    uncertain = status == UNCERTAIN
    query = JobQuery(
        user_id=user_id,
        status=None if status is None or uncertain else JobStatus(status),
        phases=(Phase.UNKNOWN,) if uncertain else (),
        limit=limit,
    )
    jobs = await session.studio.repository.list(query)
    if uncertain:  # videos from before this library, which never ordered them, are the oldest: no page hides ours
        jobs = [job for job in jobs if job.ever_claimed]
        if not jobs:
            session.output.notice("No job is uncertain: none waits for a person.")
            return
    session.output.jobs(jobs)


async def show(session: Session, job_id: str) -> None:
    """Say everything about one job."""
    session.output.row(await session.studio.get(job_id))


async def watch(session: Session, job_id: str, following: Following) -> None:
    """Follow a job to its end, and drive it if nobody else does."""
    session.job_id, session.resume = job_id, following.again
    _say_what_is_lost(session, following)
    await _follow(session, await session.studio.get(job_id), following)


async def cancel(session: Session, job_id: str) -> None:
    """Stop a job."""
    session.job_id = job_id
    job = await session.studio.cancel(job_id)
    command = None if job.final else session.watch_command(job_id)
    session.output.outcome(job, stopped(job), command=command)


async def resolve(session: Session, job_id: str, *, provider_job_id: str) -> None:
    """Go on with an order that a person found at the provider."""
    session.job_id = job_id
    job = await session.studio.resolve(job_id, provider_job_id=provider_job_id)
    _say_outcome(session, job, "The job goes on with that order.")


async def resubmit(session: Session, job_id: str) -> None:
    """Order the same again."""
    session.job_id = job_id
    _say_outcome(session, await session.studio.resubmit(job_id), "The job is ordered again.")


async def _submit(session: Session, asked: Asked, *, client_key: str | None) -> GenerationJob:
    request, whose = asked.request, dataclasses.asdict(asked.customer)
    try:
        return await session.studio.submit(request, client_key=client_key, defer=True, **whose)
    except MissingCredentials as error:
        if request.provider is not None or request.model is not None:
            raise
        session.output.notice(f"This is a preview made on this machine, not AI. {error.message}")
        here = request.evolve(provider="local")
        return await session.studio.submit(here, client_key=client_key, defer=True, **whose)
    except UnsafeUrl as error:  # no provider was asked: the request names an address that nobody may open
        raise InvalidInput(error.message, next_step=error.next_step) from error


def _say_what_is_lost(session: Session, following: Following) -> None:
    if (session.studio.settings.store_url or "").startswith("memory:") and following.output is None:
        session.output.notice(
            "The store is the memory of this process: the video is lost when the command ends. Add --output FILE, or "
            "set NEXIOM_STORE_URL to a place that stays."
        )


def _say_outcome(session: Session, job: GenerationJob, text: str) -> None:
    if job.status is JobStatus.FAILED:
        raise job.failure()
    if job.status is JobStatus.COMPLETED:
        text = "The video is done."
    elif job.phase is Phase.QUEUED:
        text = unsent(job)
    elif job.phase is Phase.SAVING:
        text = f"The video is made, and not stored yet. {whole_trouble(job)}".rstrip()
    session.output.outcome(job, text, command=session.watch_command(job.id))


async def _follow(session: Session, job: GenerationJob, following: Following) -> None:
    session.output.ordered(job)
    try:
        async with asyncio.timeout(following.timeout_seconds):
            await _watch_to_the_end(session, job.id)
    except TimeoutError as error:
        with contextlib.suppress(NexiomError):  # as it was before, if the rows cannot be read
            job = await session.studio.get(job.id)
        msg = f"The job is still running after {following.timeout_seconds:g} s; it stays alive. {whole_trouble(job)}"
        raise WaitTimeout(msg.rstrip(), job_id=job.id, next_step=session.watch_command(job.id)) from error
    result = await session.studio.result(await session.studio.get(job.id))
    file = local_file(result.url)
    if following.output is not None:
        file = await _copied(session, result, following.output)
    session.output.result(result, file=file)


async def _copied(session: Session, result: VideoResult, wanted: Path) -> Path:
    """The finished video in a second place: whole, or not at all."""
    is_folder = await asyncio.to_thread(os.path.isdir, wanted)  # False for names that cannot be; writing says why
    file = wanted / f"{result.job.id}{Path(result.path).suffix}" if is_folder else wanted
    part = file.with_name(f".{result.job.id}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as copy:
                async for chunk in session.studio.store.open(output_key(result.path)):
                    await asyncio.to_thread(copy.write, chunk)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        msg = f"The video is made, but it cannot be written to '{file}': {error.strerror or error}."
        kept = f"It is kept at {local_file(result.url) or output_key(result.path)}"  # an address may be signed
        raise StorageError(msg, job_id=result.job.id, next_step=kept) from error
    return file.absolute()


async def _watch_to_the_end(session: Session, job_id: str) -> None:
    clock, known, typical = SystemClock(), "", None
    with session.output.following():
        async with aclosing(session.studio.watch(job_id)) as changes:
            async for job in changes:
                if (key := moves.schedule_key_of(job)) != known:
                    known, history = key, await session.studio.repository.durations(key, _HISTORY_ROWS)
                    typical = statistics.median(history) if history else None
                now = clock.now()
                done_at = finish(job, now, typical_seconds=typical)
                session.output.job(job, remaining_seconds=None if done_at is None else (done_at - now).total_seconds())
