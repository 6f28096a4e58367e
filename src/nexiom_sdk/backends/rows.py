"""What the backends share about rows: their columns, reading them back, and the rules that hold in every store."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from nexiom_sdk.errors import IdempotencyConflict, JobNotFound, StorageError, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import CLAIMABLE, Phase
from nexiom_sdk.wording import validation_sentences

_log = logging.getLogger(__name__)

COLUMNS = tuple(GenerationJob.model_fields)
TIMES = ("run_at", "leased_until", "submit_started_at", "cancel_requested_at", "created_at", "updated_at")
MONEY = ("estimated_cost_usd", "cost_usd")
# The indexes have it word for word; in another form they would not be used.
CLAIMABLE_SQL = "phase in ({})".format(", ".join(f"'{phase}'" for phase in CLAIMABLE))

_MOST_LEASES_A_CLAIM = 100

_NEVER_SAVED = {"id", "type", "user_id", "client_key", "request", "created_at", "cancel_requested_at", "fence"}
_SAVED_BY_RULE = {"run_at", "leased_until", "updated_at"}
SAVED = tuple(name for name in COLUMNS if name not in _NEVER_SAVED | _SAVED_BY_RULE)


def json_text(job_id: str, value: object) -> str:
    """A value as JSON for a column; NaN and infinities, which JSON does not have, become null.

    Raises:
        StorageError: It cannot be written as JSON.
    """
    try:
        return to_json(value, inf_nan_mode="null").decode()
    except ValueError as error:
        raise refused(job_id, f"it holds a value that is no JSON ({error})") from error


def tidy(job: GenerationJob) -> GenerationJob:
    """The job as every store gives it back: times in UTC, metadata a JSON copy of its own, read just now.

    Raises:
        StorageError: Its metadata cannot be written as JSON.
    """
    times = {name: utc(moment) for name in TIMES if (moment := getattr(job, name)) is not None}
    metadata = from_json(json_text(job.id, job.provider_metadata))
    return job.evolve(**times, provider_metadata=metadata).as_read()


def job_of(row: Mapping[str, object]) -> GenerationJob:
    """The job in a row; texts are taken for times, money and enumerations.

    Raises:
        StorageUnavailable: The row was changed by hand into something that is no job, or it is no video.
    """
    try:
        return GenerationJob.model_validate(row).as_read()
    except ValidationError as error:  # its own words quote the row: they are no cause to show
        if row["type"] != "video":
            msg = f"The row {row['id']} is no video: it is none of this library's jobs."
            raise StorageUnavailable(msg, next_step=JobNotFound.default_next_step, job_id=str(row["id"])) from None
        raise unreadable(str(row["id"]), validation_sentences(error)) from None


def listed(
    found: Iterable[Mapping[str, object]], read: Callable[[Mapping[str, object]], GenerationJob]
) -> list[GenerationJob]:
    """The jobs of rows in their order, without those that cannot be read, such as old ones with another status.

    Args:
        found: The rows.
        read: Reads one.
    """
    jobs, broken = _all_read(found, read)
    if broken:
        more = {"action": "unreadable_row"}
        names = ", ".join(str(error.job_id) for error in broken[:10])
        _log.warning("%d rows are no jobs and were left out: %s", len(broken), names, extra=more)
    return jobs


def readable(
    claimed: Iterable[Mapping[str, object]], read: Callable[[Mapping[str, object]], GenerationJob]
) -> list[GenerationJob]:
    """The jobs of rows just leased, oldest first; one that cannot be read must not hold up the others.

    Args:
        claimed: The rows.
        read: Reads one.

    Raises:
        StorageUnavailable: None of them can be read.
    """
    jobs, broken = _all_read(claimed, read)
    for error in broken:
        _log.error("%s", error, extra={"action": "unreadable_row", "job_id": error.job_id})
    if broken and not jobs:
        raise broken[-1]
    return sorted(jobs, key=lambda job: job.run_at)


def _all_read(
    found: Iterable[Mapping[str, object]], read: Callable[[Mapping[str, object]], GenerationJob]
) -> tuple[list[GenerationJob], list[StorageUnavailable]]:
    jobs: list[GenerationJob] = []
    broken: list[StorageUnavailable] = []
    for row in found:
        try:
            jobs.append(read(row))
        except StorageUnavailable as error:
            broken.append(error)
    return jobs, broken


async def claimed(
    lease: Callable[[int], Awaitable[Iterable[Mapping[str, object]]]],
    read: Callable[[Mapping[str, object]], GenerationJob],
    *,
    limit: int,
) -> list[GenerationJob]:
    """Up to `limit` jobs, oldest first: in place of rows that cannot be read others are leased, however many there are.

    The unreadable ones keep their lease, so the next claims do not meet them before it has run out.

    Args:
        lease: Leases up to so many due rows.
        read: Reads one.
        limit: Most jobs.
    """
    jobs, limit = list[GenerationJob](), max(limit, 0)
    for _ in range(_MOST_LEASES_A_CLAIM):
        wanted = limit - len(jobs)
        leased = list(await lease(wanted))
        with contextlib.suppress(StorageUnavailable):  # none of these can be read, which was logged
            jobs += readable(leased, read)
        if len(leased) < wanted or len(jobs) == limit:
            break
    return sorted(jobs, key=lambda job: job.run_at)


def cancelled_in_time(row: GenerationJob, step: GenerationJob) -> bool:
    """Whether a step would send an order that is cancelled by now, which it does not know: see `JobRepository.save`."""
    sends = (row.phase, step.phase) == (Phase.QUEUED, Phase.SUBMITTING)
    return sends and row.cancel_requested_at is not None and step.cancel_requested_at is None


def unreadable(job_id: str, why: str) -> StorageUnavailable:
    """The error for a row that holds no job."""
    return StorageUnavailable(
        f"The row of job {job_id} cannot be read: {why}",
        next_step="Somebody has changed it by hand: correct the column named; the other jobs are not affected.",
        job_id=job_id,
    )


def refused(job_id: str, why: str) -> StorageError:
    """The error for a job that the table does not take."""
    return StorageError(f"Job {job_id} was not written: {why}.", job_id=job_id)


def closed() -> StorageUnavailable:
    """The error for a call after `aclose`."""
    return StorageUnavailable("This repository is closed.", next_step="Open a new one, or close it later.")


def same_order(held: GenerationJob, job: GenerationJob) -> GenerationJob:
    """The job that already has this client key, if it was for the same request.

    Raises:
        IdempotencyConflict: It was for another one.
    """
    # As JSON, too: a NaN is not itself, and no row holds it.
    if held.request != job.request and _as_json(held) != _as_json(job):
        msg = f"The client_key '{job.client_key}' belongs to job {held.id}, which asked for something else."
        raise IdempotencyConflict(msg, job_id=held.id)
    return held


def _as_json(job: GenerationJob) -> object:
    return from_json(json_text(job.id, job.request))
