"""What a command says, whoever listens; and how it says it to scripts: JSON Lines, and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

import typer
from pydantic import JsonValue

from nexiom_sdk.cli.exits import READER_GONE, Problem
from nexiom_sdk.cli.listing import Listing
from nexiom_sdk.cli.words import failure, is_preview
from nexiom_sdk.errors import StorageError
from nexiom_sdk.jobs import GenerationJob, VideoResult
from nexiom_sdk.trouble import next_step_of
from nexiom_sdk.types import Choice, Rejection

_INTERNAL = {"request", "provider_metadata", "run_at", "leased_until", "fence", "order_no", "attempts", "client_key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asides:
    """What a choice does not say of itself.

    Args:
        rules: Why there is a rule, by its id.
        lacking: What providers need that are not set up, by their names.
        reasons: Why those cannot be used, as the choice may have it.
    """

    rules: Mapping[str, str] = field(default_factory=dict[str, str])
    lacking: Mapping[str, str] = field(default_factory=dict[str, str])
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])

    def gathers(self, one: Rejection) -> bool:
        """Whether nothing is said of a model but that its provider is not set up."""
        reason = self.reasons.get(one.provider, "")
        return bool(reason) and len(one.reasons) == 1 and reason.startswith(one.reasons[0])


class Output(Protocol):
    """Where a command speaks. `Terminal` is for people, `JsonLines` for scripts."""

    def notice(self, text: str) -> None:
        """Something worth knowing before the result."""
        ...

    def ordered(self, job: GenerationJob) -> None:
        """The job exists now."""
        ...

    def following(self) -> AbstractContextManager[None]:
        """Surrounds the calls of `job` while a job is followed."""
        ...

    def settle(self) -> None:
        """Leave the terminal as it was found: the process may end at any moment now."""
        ...

    def job(self, job: GenerationJob, *, remaining_seconds: float | None) -> None:
        """The job changed."""
        ...

    def result(self, result: VideoResult, *, file: Path | None) -> None:
        """The video is there."""
        ...

    def choice(self, choice: Choice, asides: Asides) -> None:
        """Which model would be used, and why."""
        ...

    def jobs(self, jobs: Sequence[GenerationJob]) -> None:
        """A list of jobs."""
        ...

    def listing(self, listing: Listing) -> None:
        """A list of other things."""
        ...

    def row(self, job: GenerationJob) -> None:
        """Everything about one job."""
        ...

    def outcome(self, job: GenerationJob, text: str, *, command: str | None) -> None:
        """What a verb did to a job, and the command that goes on from there."""
        ...

    def event(self, name: str, text: str, fields: Mapping[str, JsonValue]) -> None:
        """Something a worker did."""
        ...

    def answer(self, name: str, text: str, fields: Mapping[str, JsonValue]) -> None:
        """The result of a command that is about no job; scripts get the fields as well."""
        ...

    def problem(self, problem: Problem) -> None:
        """The command ends without what was asked for."""
        ...


def write_line(text: str) -> None:
    """A line on standard output, at once; the command ends without a word when nobody reads it any more.

    Raises:
        StorageError: The disk behind it is full, or gone.
    """
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
        raise typer.Exit(READER_GONE) from None
    except OSError as error:
        silence(sys.stdout)
        msg = f"Standard output cannot be written: {error.strerror}."
        raise StorageError(msg, next_step="Jobs and videos are kept: `nexiom jobs list` shows them.") from error


def silence(stream: TextIO) -> None:
    """Send whatever is still written to a stream nowhere: its other end has gone."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a file behind it needs no silencing
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def json_line(fields: Mapping[str, JsonValue]) -> str:
    r"""One line of JSON in readable UTF-8, in which nothing can move a cursor or turn the direction of text.

    Example:
        >>> print(json_line({"prompt": "été 🌊\x1b[31m\u202e"}))
        {"prompt": "été 🌊\u001b[31m\u202e"}
    """
    text = json.dumps(fields, ensure_ascii=False)
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


class JsonLines:
    """One JSON object per line on standard output; nothing on standard error."""

    def __init__(self) -> None:
        self._notices: list[str] = []
        self._told: dict[str, JsonValue] = {}

    def notice(self, text: str) -> None:
        """Kept for the warnings of the result: a line of its own would be one kind more to read."""
        self._notices.append(text)

    def ordered(self, job: GenerationJob) -> None:
        """The first look at the job says the same."""

    def following(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def settle(self) -> None:
        """Lines need no settling."""

    def job(self, job: GenerationJob, *, remaining_seconds: float | None) -> None:
        fields = _public(job)
        news = {name: value for name, value in fields.items() if name != "updated_at"}
        if news != self._told:  # a look that found nothing new is no change
            self._told = news
            remaining = None if remaining_seconds is None else round(max(remaining_seconds, 0.0), 1)
            self._write("job", fields | {"remaining_seconds": remaining})

    def result(self, result: VideoResult, *, file: Path | None) -> None:
        job = result.job
        fields = result.model_dump(mode="json", exclude={"job", "choice"})
        named: dict[str, JsonValue] = {"job_id": job.id, "provider": job.provider, "model": job.model}
        where = None if file is None else str(file)
        warnings: list[JsonValue] = [*self._notices, *result.warnings]
        self._write("result", named | fields | {"file": where, "preview": is_preview(job), "warnings": warnings})

    def choice(self, choice: Choice, asides: Asides) -> None:  # noqa: ARG002 - for people
        self._write("choice", choice.model_dump(mode="json"))

    def jobs(self, jobs: Sequence[GenerationJob]) -> None:
        for job in jobs:
            self._write("job", _public(job))

    def listing(self, listing: Listing) -> None:
        for row in listing.rows:
            self._write(listing.name, row.fields)

    def row(self, job: GenerationJob) -> None:
        warnings: list[JsonValue] = [*job.warnings]
        self._write("job", job.model_dump(mode="json") | _trouble(job) | {"warnings": warnings})

    def outcome(self, job: GenerationJob, text: str, *, command: str | None) -> None:
        self._write("job", _public(job) | {"message": text, "next_step": command})

    def event(self, name: str, text: str, fields: Mapping[str, JsonValue]) -> None:
        self._write(name, {"message": text, **fields} if text else fields)

    def answer(self, name: str, text: str, fields: Mapping[str, JsonValue]) -> None:
        self._write(name, fields if "sql" in fields else {"message": text, **fields})

    def problem(self, problem: Problem) -> None:
        fields: dict[str, JsonValue] = asdict(problem)
        fields.pop("money")  # `charged` says it
        self._write("error", fields)

    def _write(self, event: str, fields: Mapping[str, JsonValue]) -> None:
        write_line(json_line({"event": event, **fields}))


def _public(job: GenerationJob) -> dict[str, JsonValue]:
    more: dict[str, JsonValue] = {"preview": is_preview(job), "warnings": list(job.warnings)}
    return job.model_dump(mode="json", exclude=_INTERNAL) | _trouble(job) | more


def _trouble(job: GenerationJob) -> dict[str, JsonValue]:
    trouble = job.provider_metadata.get("trouble")
    return {"trouble": trouble, "trouble_next_step": next_step_of(job) or None, "failure": failure(job) or None}
