"""Why the last step of a job did not work out, as its row tells it to whoever runs the workers. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from nexiom_sdk.errors import AuthenticationFailed, ConfigurationError, NexiomError, QuotaExhausted, StorageError
from nexiom_sdk.jobs import GenerationJob

NO_TROUBLE: Mapping[str, JsonValue] = {"trouble": None, "trouble_next_step": None}
# What waits for somebody; the next steps of others are about a job that has ended, or that nothing has to be done.
_FOR_SOMEBODY_TO_MEND = (AuthenticationFailed, ConfigurationError, QuotaExhausted, StorageError)


def noted(job: GenerationJob, error: NexiomError, message: str | None = None) -> GenerationJob:
    """The row says why its step did not work out, and what would mend that, if somebody has to.

    Args:
        job: The row.
        error: What happened.
        message: The same in other words.
    """
    step = error.next_step.replace("JOB", job.id) if isinstance(error, _FOR_SOMEBODY_TO_MEND) else None
    return job.with_metadata(trouble=message or error.message, trouble_next_step=step)


def trouble_of(job: GenerationJob) -> str:
    """Why the last step did not work out; empty where it did."""
    return _text(job, "trouble")


def next_step_of(job: GenerationJob) -> str:
    """What would mend that; empty where nobody has to do anything."""
    return _text(job, "trouble_next_step")


def _text(job: GenerationJob, name: str) -> str:
    stored = job.provider_metadata.get(name)
    return stored if isinstance(stored, str) else ""
