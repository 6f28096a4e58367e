"""Ordering the same again on purpose: only what failed, only if nobody else has it, and only within the budgets."""

from __future__ import annotations

import contextlib

from nexiom_sdk import moves
from nexiom_sdk.desk import Desk
from nexiom_sdk.errors import (
    IllegalTransition,
    JobConflict,
    NexiomError,
    NoCandidate,
    StorageError,
    UnsupportedFeature,
)
from nexiom_sdk.inputs import has_addresses
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.repositories import SupportsIntake
from nexiom_sdk.types import WHOLE_TIER, Candidate


async def order_again(desk: Desk, job: GenerationJob) -> None:
    """Make the row a new order; the next step sends it.

    Args:
        desk: What every step needs.
        job: The row as it was just read.

    Raises:
        IllegalTransition: The job did not fail, was cancelled, or is a video from before this library.
        NoCandidate: Its model is no longer offered, too dear, failing, or not for this user any more.
        BudgetExceeded: It does not fit into a budget any more; nothing was ordered.
        InvalidInput: A picture that has to be fitted cannot be any more.
        UnsupportedFeature: There are budgets, and the repository cannot hold an order to them.
        JobConflict: Somebody changed it at the same moment.
    """
    if job.final and not job.ever_claimed:
        raise never_ordered(job)
    if job.status is not JobStatus.FAILED:
        msg = f"Job {job.id} is {job.status}: only a failed or uncertain job can be ordered again."
        raise IllegalTransition(msg, job_id=job.id)
    if job.cancel_requested_at is not None:
        msg = f"Job {job.id} was cancelled: the wish stays with it, and a new order would be cancelled too."
        raise IllegalTransition(msg, job_id=job.id, next_step="Submit the request again as a new job.")
    held = await _held(desk, job) if job.phase is Phase.WAITING else job
    try:
        written = await _written(desk, held)
    except NexiomError:
        if held is not job:
            with contextlib.suppress(StorageError):
                await desk.repository.extend(job.id, fence=held.fence, seconds=0.0)
        raise
    if not written:
        msg = f"Job {job.id} was changed at the same moment."
        raise JobConflict(msg, job_id=job.id)


def never_ordered(job: GenerationJob) -> IllegalTransition:
    """The error for a video that was in the table before this library, and of which no step was ever taken here."""
    msg = f"Video {job.id} was in the table before this library, which never ordered it: it stays as it is."
    new = "If the video is still wanted, submit the same request as a new job."
    hint = "Its video is where its `result_url` says." if job.status is JobStatus.COMPLETED else new
    return IllegalTransition(msg, job_id=job.id, next_step=hint)


async def _judged(desk: Desk, job: GenerationJob) -> Candidate | None:
    """The same model with the terms and the price of now; None for a job that no model was chosen for yet.

    Raises:
        NoCandidate: It is no longer offered, too dear, failing, or not for this user any more.
    """
    if job.choice is None:
        return None
    target = f"{job.provider}/{job.model}"
    choice = desk.rechoose(job, addresses=await has_addresses(desk.store, job.request))
    for one in choice.ranked:
        if one.target == target:
            return one
    about = (one for one in choice.rejected if one.target == target or one.provider == WHOLE_TIER)  # it, or its tier
    reasons = "; ".join(reason for one in about for reason in one.reasons)
    why = reasons or "the policy does not name it for such a request any more"
    msg = f"Job {job.id} cannot be ordered again from {target}: {why}. Nothing was ordered."
    hint = "Submit the request as a new job: then a model is chosen for it anew."
    raise NoCandidate(msg, choice=choice, next_step=hint, job_id=job.id)


async def _written(desk: Desk, job: GenerationJob) -> bool:
    """Write a new order of the same, held to the budgets of now; False if somebody else changed the row."""
    await desk.see_clock()
    candidate = await _judged(desk, job)
    if candidate is not None and any(media.fit for media in job.request.references):
        candidate = candidate.warned((await desk.delivered(job.request, candidate)).told)
    again = moves.resubmitted(job, candidate, now=desk.now())
    limits = desk.limits(again)
    if not limits:
        return await desk.repository.save(again, fence=job.fence)
    if not isinstance(desk.repository, SupportsIntake):
        msg = "This repository cannot hold a second order of a job to the budgets: it has no method `admit`."
        hint = "Submit the request again as a new job; that one is held to them."
        raise UnsupportedFeature(msg, next_step=hint, job_id=job.id)
    return await desk.repository.admit(again, fence=job.fence, limits=limits)


async def _held(desk: Desk, job: GenerationJob) -> GenerationJob:
    """A job that is over its time, held by us: a worker may be collecting its late video at this moment."""
    await desk.repository.wake(job.id)
    held = await desk.claim(limit=1, job_id=job.id)
    if not held or held[0].status is not JobStatus.FAILED:
        msg = f"A worker is looking after job {job.id} at this moment."
        raise JobConflict(msg, job_id=job.id)
    return held[0]
