"""How a command speaks to people: results on standard output, everything else on standard error.

On a terminal a live line tells how a job gets on; anywhere else, one plain line for each change.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

import typer
from pydantic import JsonValue
from rich.console import Console
from rich.live import Live
from rich.text import Text

from nexiom_sdk.cli import words
from nexiom_sdk.cli.choices import choice_view
from nexiom_sdk.cli.exits import INTERRUPTED, READER_GONE, Problem
from nexiom_sdk.cli.listing import Listing
from nexiom_sdk.cli.live import LiveLine
from nexiom_sdk.cli.output import Asides, silence, write_line
from nexiom_sdk.cli.tables import jobs_table, plain_jobs, row_text, troubles
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.jobs import GenerationJob, VideoResult
from nexiom_sdk.types import Choice
from nexiom_sdk.wording import printable

_REFRESHES_PER_SECOND = 8


class Terminal:
    """Standard output and standard error of a command that people use.

    Args:
        quiet: Say only results and problems.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._results = _Console(highlight=False, markup=False, emoji=False)
        self._remarks = _Console(highlight=False, markup=False, emoji=False, stderr=True)
        self._clock = SystemClock()
        self._line = LiveLine(self._clock)
        self._live: Live | None = None
        self._last_line = ""
        self._last_trouble = ""
        self._warned: set[str] = set()

    def notice(self, text: str) -> None:
        self._remark(Text(printable(text), style="yellow"))

    def ordered(self, job: GenerationJob) -> None:
        facts = (f"job {job.id}", words.target(job), words.price(job))
        self._remark(Text(" · ".join(filter(None, facts)), style="dim"))
        self._warn(job.warnings)

    @contextlib.contextmanager
    def following(self) -> Generator[None]:
        if self._quiet or not sys.stderr.isatty() or self._remarks.is_dumb_terminal:
            yield
            return
        console = self._remarks
        self._live = Live(
            get_renderable=lambda: self._line.render(console.width),
            console=console,
            transient=True,
            refresh_per_second=_REFRESHES_PER_SECOND,
        )
        try:
            with self._live:
                yield
        finally:
            self._live = None

    def settle(self) -> None:
        if self._live is not None:
            self._live.stop()

    def job(self, job: GenerationJob, *, remaining_seconds: float | None) -> None:
        now = self._clock.now()
        finish = None if remaining_seconds is None else now + timedelta(seconds=remaining_seconds)
        self._line.show(job, finish=finish)
        if self._live is None:
            self._plain_line(job, now)
        elif (told := words.whole_trouble(job)) != self._last_trouble:  # above the line, which has no room for it
            self._last_trouble = told
            if told:
                self.notice(told)

    def result(self, result: VideoResult, *, file: Path | None) -> None:
        self._warn(result.warnings)
        kind = "preview, not AI" if words.is_preview(result.job) else "video"
        took = words.lasting(words.elapsed_seconds(result.job, self._clock.now()))
        self._remark(Text.assemble((f"{kind} in {took}", "bold green"), " · ", words.summary(result)))
        write_line(str(file or result.url))

    def choice(self, choice: Choice, asides: Asides) -> None:
        if sys.stdout.isatty():
            self._results.print(choice_view(choice, width=self._results.width, asides=asides))
        else:
            write_line(choice.explain())

    def jobs(self, jobs: Sequence[GenerationJob]) -> None:
        if not jobs:
            self._remark(Text('There are no such jobs. nexiom generate "a fox in snow" makes one.'))
        elif sys.stdout.isatty():
            self._results.print(jobs_table(jobs, now=self._clock.now(), width=self._results.width))
            for text in troubles(jobs):
                self._results.print(text)
        else:
            write_line(plain_jobs(jobs))

    def listing(self, listing: Listing) -> None:
        if not listing.rows:
            self._remark(Text(listing.empty))
        elif sys.stdout.isatty():
            self._results.print(listing.view(self._results.width))
        else:
            write_line(listing.plain())
        if listing.footer:
            self._remark(Text(listing.footer))

    def row(self, job: GenerationJob) -> None:
        self._results.print(row_text(job), soft_wrap=True)

    def outcome(self, job: GenerationJob, text: str, *, command: str | None) -> None:  # noqa: ARG002 - for scripts
        self._remark(Text(printable(text)))
        if command is not None:
            write_line(command)

    def event(self, name: str, text: str, fields: Mapping[str, JsonValue]) -> None:  # noqa: ARG002 - for scripts
        if text:
            form = "%H:%M:%S" if self._remarks.is_terminal else "%Y-%m-%d %H:%M:%S"  # local, as in the log between them
            self._remark(Text(f"{self._clock.now().astimezone():{form}}  {text}"))

    def answer(self, name: str, text: str, fields: Mapping[str, JsonValue]) -> None:  # noqa: ARG002 - for scripts
        write_line(text)

    def problem(self, problem: Problem) -> None:
        first, *more = [printable(line) for line in problem.message.splitlines()] or [""]
        label = "" if problem.exit_code == INTERRUPTED else "error: "
        lines = [Text.assemble((label, "bold red"), first), *(Text(f"  {line}") for line in more if line)]
        if problem.money:
            lines.append(Text(problem.money))
        if problem.next_step:
            lines.append(Text.assemble(("next: ", "bold"), printable(problem.next_step)))
        to_copy = problem.next_step.startswith("nexiom ")  # a command is not broken into lines
        for number, line in enumerate(lines, 1):
            whole = to_copy and number == len(lines)
            self._remarks.print(line, soft_wrap=whole or not self._remarks.is_terminal)

    def _remark(self, text: Text) -> None:
        if not self._quiet:
            self._remarks.print(text, soft_wrap=not self._remarks.is_terminal)

    def _warn(self, warnings: Sequence[str]) -> None:
        """Say what was not said before."""
        for warning in warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                self.notice(f"warning: {warning}")

    def _plain_line(self, job: GenerationJob, now: datetime) -> None:
        state = words.doing(job) if job.final else job.phase.value
        what = "  ".join(filter(None, (state, words.target(job), words.progress(job))))
        trouble = words.whole_trouble(job)
        if self._last_line != what + trouble:  # the time alone is no change
            self._last_line = what + trouble
            elapsed = words.lasting(words.elapsed_seconds(job, now))
            self._remark(Text("  ".join(filter(None, (what, elapsed, trouble)))))


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        silence(sys.stderr if self.stderr else sys.stdout)
        raise typer.Exit(READER_GONE)
