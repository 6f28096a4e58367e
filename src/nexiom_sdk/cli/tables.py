"""Choices, lists of jobs and single jobs as people read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from rich import box
from rich.table import Table
from rich.text import Text

from nexiom_sdk.cli import words
from nexiom_sdk.jobs import GenerationJob, JobStatus
from nexiom_sdk.types import Candidate, Choice
from nexiom_sdk.wording import printable, seconds, usd

_STYLES = {
    JobStatus.PENDING: "yellow",
    JobStatus.PROCESSING: "cyan",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
}
_LONGEST_PROMPT = 200
_STAYS_PLAIN = {"prompt", "error_message", "request", "provider_metadata"}


def choice_table(choice: Choice) -> Table:
    """The models that fit, best first, then the others, each with its reason."""
    table = _table("", "model", "makes", "price", "why")
    for index, one in enumerate(choice.ranked):
        label, style = ("chosen", "bold green") if index == 0 else ("spare", "")
        why = Text(one.why)
        for warning in one.warnings:
            why.append(f"{'' if not why else chr(10)}warning: {warning}", style="yellow")
        table.add_row(Text(label, style), Text(one.target, style), _terms(one), usd(one.estimated_cost_usd), why)
    for rejected in choice.rejected:
        reasons = Text("\n".join(printable(reason) for reason in rejected.reasons))
        table.add_row(Text("dropped", "dim"), Text(rejected.target, "dim"), "", "", reasons)
    return table


def jobs_table(jobs: Sequence[GenerationJob], *, now: datetime) -> Table:
    """One line per job."""
    table = _table("job", "status", "model", "price", "age")
    table.add_column("prompt", no_wrap=True, overflow="ellipsis", ratio=1)
    for job in jobs:
        age = words.lasting(max((now - job.created_at).total_seconds(), 0.0))
        status = Text(_status(job), _STYLES[job.status])
        prompt = printable(job.prompt, _LONGEST_PROMPT)
        table.add_row(Text(job.id), status, Text(words.target(job)), words.price(job), age, Text(prompt))
    return table


def plain_jobs(jobs: Sequence[GenerationJob]) -> str:
    """One line per job, its fields separated by tabs."""
    return "\n".join(
        "\t".join(
            (
                job.id,
                _status(job),
                words.target(job),
                words.price(job),
                job.created_at.isoformat(timespec="seconds"),
                printable(job.prompt, _LONGEST_PROMPT),
            )
        )
        for job in jobs
    )


def row_text(job: GenerationJob) -> Text:
    """Every column of a job, and the choice explained."""
    lines = Text()
    for name, value in job.model_dump(mode="json").items():
        match value:
            case None:
                shown = Text("-", "dim")
            case dict():
                shown = Text(printable(json.dumps(value, ensure_ascii=False), 10_000))
            case _:
                shown = Text(printable(str(value)))
        lines.append_text(Text.assemble((f"{name:22}", "bold"), shown, "\n"))
    if job.choice is not None:
        lines.append(f"\n{job.choice.explain()}")
    return lines


def _table(*headers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for header in headers:
        table.add_column(header, no_wrap=header != "why", justify="right" if header == "price" else "left")
    return table


def _terms(one: Candidate) -> str:
    sound = "" if one.audio is None else ("sound" if one.audio else "silent")
    length = "" if one.duration_seconds is None else seconds(one.duration_seconds)
    return " · ".join(filter(None, (length, one.resolution, one.aspect_ratio, sound)))


def _status(job: GenerationJob) -> str:
    return words.doing(job) if job.final else job.status.value
