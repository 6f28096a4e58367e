"""Objects in `outputs` that no row names: what an order left that ended otherwise than it began.

A repeated save overwrites the same objects, so there are few: a second file of an order that was given up, a `.webm`
where the repeat brought an `.mp4`, a picture whose row was never written. Only objects named as ours are, in the folder
of a job that is over and whose row names others, are orphans; all else in the bucket belongs to somebody.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime

from nexiom_sdk.finished import videos_of
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.storage import OUTPUTS, ObjectInfo, ObjectStore, output_key, result_folder

ORPHAN_SECONDS = 24 * 3600.0

_OURS = re.compile(rf"{OUTPUTS}/[^/]+/([^/]+)/\d+\.(?:mp4|webm|jpg)")


async def left_by(job: GenerationJob, store: ObjectStore) -> AsyncIterator[ObjectInfo]:
    """The orphans of one job.

    Args:
        job: Its row, as it is now.
        store: Where bytes live.
    """
    folder = output_key(result_folder(job.user_id, job.id))
    async for found in store.list(f"{folder}/"):
        if _is_orphan(found, job):
            yield found


async def orphans(store: ObjectStore, repository: JobRepository, *, before: datetime) -> AsyncIterator[ObjectInfo]:
    """The orphans of all jobs.

    Args:
        store: Where bytes live; the whole bucket is listed.
        repository: Where rows live.
        before: Only objects that were put before this moment; where the store does not know when, none.
    """
    job: GenerationJob | None = None
    job_id = ""
    async for found in store.list(f"{OUTPUTS}/"):
        ours = _OURS.fullmatch(found.key)
        if ours is None or not _older(found, before):
            continue
        if ours[1] != job_id:  # the objects of a job follow each other
            job_id = ours[1]
            job = await repository.get(job_id)
        if job is not None and _is_orphan(found, job):
            yield found


async def removed(orphan: ObjectInfo, store: ObjectStore, repository: JobRepository, *, before: datetime) -> bool:
    """Remove an orphan if it still is one: a failed job may have been ordered again since the bucket was listed.

    Args:
        orphan: One that `orphans` gave.
        store: Where bytes live.
        repository: Where rows live.
        before: As it was given to `orphans`.
    """
    ours, there = _OURS.fullmatch(orphan.key), await store.stat(orphan.key)
    job = await repository.get(ours[1]) if ours else None
    if job is None or there is None or not _older(there, before) or not _is_orphan(there, job):
        return False
    await store.delete(orphan.key)
    return True


def _older(found: ObjectInfo, before: datetime) -> bool:
    return found.modified_at is not None and found.modified_at < before


def _is_orphan(found: ObjectInfo, job: GenerationJob) -> bool:
    named = {one for video in videos_of(job) for one in (video.path, video.poster_path) if one is not None}
    ours = job.type == "video" and job.ever_claimed
    over = ours and job.phase is Phase.DONE and (bool(named) or job.status is JobStatus.FAILED)
    folder = output_key(result_folder(job.user_id, job.id))
    in_its_folder = found.key.rpartition("/")[0] == folder and _OURS.fullmatch(found.key) is not None
    return over and in_its_folder and found.key not in map(output_key, named)
