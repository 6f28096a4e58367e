"""Rows that others wrote: an app that inserts a wish into the table instead of calling the library.

Nothing of such a row was checked, so it must be readable whatever it says: what is wrong with it is put where the
engine finds it, which then fails the job in words that its user understands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pydantic import ValidationError

from nexiom_sdk.backends import rows
from nexiom_sdk.errors import InvalidInput, StorageUnavailable
from nexiom_sdk.jobs import UNFIT, GenerationJob, Phase
from nexiom_sdk.types import VideoRequest
from nexiom_sdk.wording import validation_sentences


def job_of(row: Mapping[str, object]) -> GenerationJob:
    """The job in a row, `request` completed with the prompt of its column where it has none.

    A queued row that was never chosen for and whose request makes no sense has the reason in `provider_metadata`, under
    `unfit`.

    Raises:
        StorageUnavailable: The row was changed by hand into something that is no job.
    """
    asked, metadata = _object(row["request"]), _object(row["provider_metadata"]) or {}
    row = row if asked is None else {**row, "request": {"prompt": row["prompt"], **asked}}
    try:
        return rows.job_of(row)
    except StorageUnavailable:
        trouble = metadata.get(UNFIT) or _trouble(row["request"])
        ours = "choice" in metadata or (row["phase"] != Phase.QUEUED and UNFIT not in metadata)
        if ours or trouble is None:
            raise
        words_only = VideoRequest.model_construct(prompt=str(row["prompt"]))
        return rows.job_of({**row, "request": words_only, "provider_metadata": {**metadata, UNFIT: trouble}})


def _object(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def _trouble(asked: object) -> str | None:
    """What is wrong with a request; None if nothing is."""
    if _object(asked) is None:
        return "The column request holds no JSON object."
    try:
        VideoRequest.model_validate(asked)
    except InvalidInput as error:
        return error.message
    except ValidationError as error:
        return validation_sentences(error)
    return None
