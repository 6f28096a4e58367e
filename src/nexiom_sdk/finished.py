"""What users get of a finished job: its video as the row remembers it, under addresses that are valid now."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta

from pydantic import ValidationError

from nexiom_sdk.errors import IllegalTransition, NexiomError, StorageError
from nexiom_sdk.jobs import GenerationJob, VideoResult
from nexiom_sdk.moments import utc
from nexiom_sdk.phases import JobStatus
from nexiom_sdk.results import StoredVideo
from nexiom_sdk.storage import MOST_URL_SECONDS, ObjectStore, output_key

_KEPT_PART = 0.75  # of its validity: after that an address is signed anew when the row is read


def videos_of(job: GenerationJob) -> tuple[StoredVideo, ...]:
    """The files of a job in `outputs`, the first one being its result; none where it has no video."""
    stored = job.provider_metadata.get("results")
    try:
        return tuple(map(StoredVideo.model_validate, stored)) if isinstance(stored, list) else ()
    except (ValidationError, NexiomError):  # somebody changed the row by hand
        return ()


async def result_of(job: GenerationJob, store: ObjectStore, *, ttl_seconds: float) -> VideoResult:
    """The finished video of a row, its addresses signed anew.

    Args:
        job: The row.
        store: Where bytes live.
        ttl_seconds: Validity of signed addresses.

    Raises:
        ProviderError: The job failed; the class says why.
        IllegalTransition: The job has not ended.
        StorageUnavailable: The store cannot be asked for addresses.
    """
    if job.status is JobStatus.FAILED:
        raise job.failure()
    videos = videos_of(job)
    if job.status is not JobStatus.COMPLETED or not videos:
        msg = f"Job {job.id} is {job.status}: it has no video yet."
        raise IllegalTransition(msg, job_id=job.id)

    async def address(path: str) -> str:
        return await store.url(output_key(path), ttl_seconds=ttl_seconds) or output_key(path)

    video = videos[0]
    return VideoResult(
        job=job,
        url=await address(video.path),
        path=video.path,
        poster_url=None if video.poster_path is None else await address(video.poster_path),
        poster_path=video.poster_path,
        sha256=video.sha256,
        size_bytes=video.size_bytes,
        probe=video.probe,
        cost_usd=job.estimated_cost_usd if job.cost_usd is None else job.cost_usd,
        choice=job.choice,
        warnings=job.warnings,
    )


async def with_living_url(
    job: GenerationJob, store: ObjectStore, *, ttl_seconds: float, now: datetime
) -> GenerationJob:
    """The row; `result_url` is signed anew where its validity is near its end. The stored row stays as it is.

    Args:
        job: The row.
        store: Where bytes live.
        ttl_seconds: Validity of signed addresses.
        now: The present moment.
    """
    left = min(ttl_seconds, MOST_URL_SECONDS) * (1 - _KEPT_PART)
    if job.result_path is None or now < _until(job) - timedelta(seconds=left):
        return job
    with contextlib.suppress(StorageError):  # a row can be read while the store is down
        url = await store.url(output_key(job.result_path), ttl_seconds=ttl_seconds)
        return job.evolve(result_url=url or job.result_url).as_read()
    return job


def _until(job: GenerationJob) -> datetime:
    try:
        return utc(datetime.fromisoformat(str(job.provider_metadata.get("result_url_until"))))
    except ValueError:
        return job.updated_at
