"""Rows that others wrote: an app that inserts a wish into the table instead of calling the library.

Nothing of such a row was checked, so it must be readable whatever it says: what is wrong with it is put where the
engine finds it, which then fails the job in words that its user understands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from pydantic import ValidationError
from pydantic_core import from_json

from nexiom_sdk.backends import rows
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.jobs import UNFIT, GenerationJob
from nexiom_sdk.phases import Phase
from nexiom_sdk.types import VideoRequest
from nexiom_sdk.wording import validation_sentences


def job_of(row: Mapping[str, object]) -> GenerationJob:
    """The job in a row whose JSON is text, `request` completed with the prompt of its column where it has none.

    A queued row that was never chosen for and whose wish makes no sense has the reason in `provider_metadata`, under
    `unfit`.

    Raises:
        StorageUnavailable: The row was changed by hand into something that is no job.
    """
    metadata = _parsed(row["provider_metadata"])
    asked = _parsed(row["request"])
    told = _object(metadata) or {}
    prompt = row["prompt"]
    if (fields := _object(asked)) is not None:
        if prompt is None:  # a table from before may allow that
            prompt = fields.get("prompt")
        asked = {"prompt": prompt, **fields}
    row = {**row, "prompt": prompt, "provider_metadata": metadata, "request": asked}
    ours = "choice" in told or (row["phase"] != Phase.QUEUED and UNFIT not in told)
    trouble = None if ours else told.get(UNFIT) or _trouble(row)
    if trouble is None:
        return rows.job_of(row)
    prompt = prompt if isinstance(prompt, str) else ""
    words_only = VideoRequest.model_construct(prompt=prompt)
    metadata = {**told, UNFIT: trouble}
    readable = {"prompt": prompt, "duration_seconds": None, "request": words_only, "provider_metadata": metadata}
    return rows.job_of({**row, **readable})


def _parsed(text: object) -> object:
    """What the JSON says; None where it is too deep or too large to be anything that we wrote."""
    try:
        return from_json(text) if isinstance(text, str) else text
    except ValueError:
        return None


def _object(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def _trouble(row: Mapping[str, object]) -> str | None:
    """What is wrong with a wish; None if nothing is."""
    seconds = row["duration_seconds"]
    if seconds is not None and not 0 < float(str(seconds)) < math.inf:  # numeric holds what no float does
        return "duration_seconds must be the length of a clip."
    if _object(row["request"]) is None:
        return "The column request holds no JSON object that can be read."
    if row["prompt"] is None:
        return "The prompt is missing: neither the column prompt nor the request has one."
    try:
        VideoRequest.model_validate(row["request"])
    except InvalidInput as error:
        return error.message
    except ValidationError as error:
        return validation_sentences(error)
    return None
