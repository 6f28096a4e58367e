"""Ordering from another provider what the first one cannot take: selected, priced, and held to the budgets anew."""

from __future__ import annotations

from collections.abc import Iterator

from nexiom_sdk import fallback, moves
from nexiom_sdk.desk import Desk, model_chosen
from nexiom_sdk.errors import BudgetExceeded, ModelRetired, NexiomError, StorageUnavailable, code_of
from nexiom_sdk.inputs import has_addresses
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.types import Choice


async def elsewhere(desk: Desk, job: GenerationJob, error: NexiomError) -> GenerationJob | None:
    """The job, ordered from another model; None where that is not allowed, or there is none.

    Then the message of the error also says of each other provider why it does not have the job.

    Args:
        desk: What every step needs.
        job: The job.
        error: Why its present order was not taken, or ended without a video.

    Raises:
        Overtaken: The fence moved.
        StorageError: The row cannot be written.
    """
    if error.charged != "no" or code_of(error) not in desk.fallback_on or job.choice is None:
        return None
    refused: dict[str, str] = {}
    try:
        choice = desk.rechoose(job, addresses=await has_addresses(desk.store, job.request))
    except NexiomError as trouble:
        if trouble.message not in error.message:  # it may be the same that is wrong with its own provider
            error.message = fallback.in_words(job, error.message, {"others": trouble.message})
        return None
    for way in _ways(desk, job, choice, error):
        candidate = way.candidate
        try:
            candidate = candidate.warned((await desk.delivered(job.request, candidate)).told)
        except NexiomError as trouble:
            if not _passes(trouble):  # the job's references are not what this model takes
                refused.setdefault(candidate.provider, trouble.message)
                continue
        moved = moves.reordered(
            job,
            candidate,
            error,
            now=desk.now(),
            run_at=way.run_at,
            attempts=way.submits,
            waits_for=fallback.in_words(job, error.message) if way.submits else None,
        )
        try:
            job = await desk.commit(job, moved, limits=desk.limits(moved))
        except BudgetExceeded as trouble:  # a less expensive one may fit
            refused[candidate.provider] = trouble.message
            continue
        desk.sink(model_chosen(job, candidate))
        return job
    error.message = fallback.in_words(job, error.message, fallback.reasons(job, choice, refused))
    return None


def _passes(trouble: NexiomError) -> bool:
    """Whether it may be over soon: a reference that cannot be read now is read again when it is ordered."""
    return isinstance(trouble, StorageUnavailable) or trouble.retryable


def _ways(desk: Desk, job: GenerationJob, choice: Choice, error: NexiomError) -> Iterator[fallback.Way]:
    return fallback.ways(
        job,
        choice,
        model_alone=isinstance(error, ModelRetired),  # a bad key or an outage is that of all its models
        final=not error.retryable,
        late=desk.overdue(job),
        now=desk.now(),
    )
