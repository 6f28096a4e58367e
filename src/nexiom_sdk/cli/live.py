"""The line that a terminal shows while a job is followed: it ticks by itself, between the changes of the job."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len
from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from nexiom_sdk.cli import words
from nexiom_sdk.clock import Clock
from nexiom_sdk.jobs import GenerationJob

_BAR_WIDTH = 20
_GAP = 2
_DROPPED_FIRST = ("bar", "price", "target", "left")


class LiveLine:
    """What the job does, how far it is, since when, how much longer, and for how much.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spinner = Spinner("dots", style="cyan")
        self._job: GenerationJob | None = None
        self._finish: datetime | None = None

    def show(self, job: GenerationJob, *, finish: datetime | None) -> None:
        """Tell this job from now on, and when it will probably be done."""
        self._job, self._finish = job, finish

    def render(self, width: int) -> RenderableType:
        """The line as it is now, with what there is room for."""
        if self._job is None:
            return self._spinner
        texts = _texts(self._job, self._finish, self._clock.now())
        widths = {name: cell_len(text.plain) + _GAP for name, text in texts.items()}
        if self._job.progress is not None:
            widths["bar"] = _BAR_WIDTH + _GAP
        for name in _DROPPED_FIRST:
            if sum(widths.values()) + 1 + _GAP > width:
                widths.pop(name, None)
        grid = Table.grid(padding=(0, _GAP, 0, 0))
        cells: list[RenderableType] = [self._spinner]
        for name in ("target", "doing", "bar", "progress", "elapsed", "left", "price"):
            if name == "bar" and name in widths:
                bar = ProgressBar(total=1.0, completed=self._job.progress or 0.0, width=_BAR_WIDTH)
                bar.complete_style = bar.finished_style = "cyan"
                cells.append(bar)
            elif name in widths:
                cells.append(texts[name])
        for _ in cells:
            grid.add_column(no_wrap=True, overflow="ellipsis")
        grid.add_row(*cells)
        return grid


def _texts(job: GenerationJob, finish: datetime | None, now: datetime) -> dict[str, Text]:
    doing = words.doing(job)
    parts = {
        "target": Text(words.target(job), style="cyan"),
        "doing": Text(f"{doing}: trying again", style="yellow") if words.trouble(job) else Text(doing),
        "progress": Text(words.progress(job)),
        "elapsed": Text(words.lasting(words.elapsed_seconds(job, now))),
        "left": Text(words.remaining(None if finish is None else (finish - now).total_seconds()), style="green"),
        "price": Text(words.price(job), style="dim"),
    }
    return {name: text for name, text in parts.items() if text.plain}
