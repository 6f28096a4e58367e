"""Lists of jobs and single jobs as people read them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import JsonValue
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nexiom_sdk.attempts import Attempt, attempts_of
from nexiom_sdk.cli import words
from nexiom_sdk.cli.layout import below
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.phases import JobStatus
from nexiom_sdk.wording import printable, usd

_STYLES = {
    JobStatus.PENDING: "yellow",
    JobStatus.PROCESSING: "cyan",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
}
_IN_WORDS = frozenset(
    {"choice", "attempts", "candidate", "moved", "warnings", "trouble", "trouble_next_step", "failure"}
)
_LONGEST_PROMPT = 200
_LONGEST_REASON = 200
_ROOM_FOR_MODELS = 110
_NAME_WIDTH = 22


def jobs_table(jobs: Sequence[GenerationJob], *, now: datetime, width: int) -> Table:
    """One line per job, its id whole: it is what the other commands ask for.

    Args:
        jobs: The jobs.
        now: The present moment.
        width: Room in columns; the model and the price are left out where there is little.
    """
    headers = ("job", "status", "age", *(("model", "price") if width >= _ROOM_FOR_MODELS else ()), "prompt")
    table = _table(*headers)
    for job in jobs:
        age = words.age((now - job.created_at).total_seconds())
        model = (words.target(job), words.price(job)) if width >= _ROOM_FOR_MODELS else ()
        prompt = Text(printable(job.prompt, _LONGEST_PROMPT), no_wrap=True, overflow="ellipsis")
        table.add_row(job.id, Text(_status(job), _STYLES[job.status]), age, *model, prompt)
    return table


def troubles(jobs: Sequence[GenerationJob]) -> Iterator[RenderableType]:
    """What keeps jobs of a list from going on, and what would mend it: once for all that wait for the same."""
    told: dict[str, list[str]] = {}
    for job in jobs:
        told.setdefault(words.whole_trouble(job), []).append(job.id)
    for text, (first, *more) in told.items():
        if text:
            yield Text(f"\n{first}{f' and {len(more)} more' if more else ''}", "bold")
            yield below(text, style="yellow", indent=2)


def plain_jobs(jobs: Sequence[GenerationJob]) -> str:
    """One line per job, its fields separated by tabs; the last one is there only for a job in trouble."""
    return "\n".join(
        "\t".join(
            (
                job.id,
                _status(job),
                words.target(job),
                words.price(job),
                job.created_at.isoformat(timespec="seconds"),
                printable(job.prompt, _LONGEST_PROMPT),
                *filter(None, (words.whole_trouble(job),)),
            )
        )
        for job in jobs
    )


def row_text(job: GenerationJob) -> Text:
    """Every column of a job; its trouble, its warnings, its orders and the choice in words instead of data."""
    text = Text()
    for name, value in job.evolve(provider_metadata=_unexplained(job)).model_dump(mode="json").items():
        first, *more = _value_lines(value)
        text.append(f"{name:{_NAME_WIDTH}}", "bold").append(f"{first}\n")
        text.append("".join(f"{'':{_NAME_WIDTH}}{line}\n" for line in more))
    if told := words.trouble(job):
        text.append("\nTrouble\n", "bold").append(f"{told}\n", "yellow")
        if step := words.remedy(job):
            text.append("next: ", "bold").append(f"{step}\n")
    if failed := words.failure(job):
        text.append("\nFailure\n", "bold").append(f"{failed}\n", "red")
    if job.warnings:
        text.append("\nWarnings\n", "bold").append("".join(f"{printable(one)}\n" for one in job.warnings), "yellow")
    if attempts := attempts_of(job):
        text.append("\nOrders\n", "bold").append("".join(f"{line}\n" for line in _orders(job, attempts)))
    if job.choice is not None:
        text.append("\nWhy this model\n", "bold").append(job.choice.explain())
    return text


def _unexplained(job: GenerationJob) -> dict[str, JsonValue]:
    """The metadata without what is told in words."""
    told = _IN_WORDS if words.trouble(job) else _IN_WORDS - {"trouble", "trouble_next_step"}
    left = {name: value for name, value in job.provider_metadata.items() if name not in told}
    videos = left.get("results")
    if isinstance(videos, list):  # their remarks are among the warnings
        left["results"] = [
            {name: value for name, value in one.items() if name != "remarks"} if isinstance(one, dict) else one
            for one in videos
        ]
    return left


def _orders(job: GenerationJob, attempts: Sequence[Attempt]) -> Iterator[str]:
    """A line for each order, the present one last."""
    width = max(len(words.target(job)), *(len(_target(one)) for one in attempts))
    for one in attempts:
        what = f"{one.error_code or 'given up'}{f', {one.times} times' if one.times > 1 else ''}"
        cost = f"cost {usd(one.cost_usd)}" if one.cost_usd is not None else f"estimate {usd(one.estimated_cost_usd)}"
        told = printable(one.error_message or "", _LONGEST_REASON)
        yield f"{one.order_no:>3}  {_target(one):{width}}  {what}, {cost}{f': {told}' if told else ''}"
    yield f"{job.order_no:>3}  {words.target(job):{width}}  {words.doing(job)}, {words.price(job)}"


def _target(one: Attempt) -> str:
    return printable(f"{one.provider}/{one.model}", 60)


def _value_lines(value: JsonValue) -> list[str]:
    match value:
        case None:
            return ["-"]
        case dict():
            return [_indented(line) for line in json.dumps(value, ensure_ascii=False, indent=2).splitlines()]
        case _:
            return [printable(str(value))]


def _indented(line: str) -> str:
    return " " * (len(line) - len(line.lstrip())) + printable(line)


def _table(*headers: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for header in headers:
        table.add_column(header, no_wrap=header != "prompt")  # it gives way where room is short
    return table


def _status(job: GenerationJob) -> str:
    return words.doing(job) if job.final else job.status.value
