"""A file that is young while a worker does its work, for probes that must not start a Python of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from pathlib import Path

from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.disk import check_folder
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.events import Event, WorkerDraining, WorkerTicked

_log = logging.getLogger(__name__)

LEAST_GAP_SECONDS = 1.0


class HealthFile:
    """A sink that writes a file anew after a worker's looks at the table, at most once a second.

    So the file grows old when the process hangs, dies or is frozen, when its event loop is blocked, and when the
    database is down: who finds it too old restarts the worker. A worker that was told to end looks no more; while its
    steps run it writes the file all the same, and says in it that it is draining. It is written by a thread, in one
    piece. A disk that is full is logged and stops nobody. Each worker needs a file of its own.

    Args:
        path: The file. Its folder has to exist.
        clock: Time; None: the machine's.

    Example:
        ```python
        health = HealthFile(Path("/run/nexiom/health"))
        async with Studio(settings=Settings.from_env(), sinks=(logging_sink, health)) as studio:
            await studio.worker().run()
        await health.remove()
        ```
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self._path = path.absolute()
        self._clock = clock or SystemClock()
        self._claimed = 0
        self._oldest_due_seconds = 0.0
        self._draining = False
        self._due = 0.0
        self._writing: asyncio.Future[None] | None = None
        self._broken = False

    def __call__(self, event: Event) -> None:
        """Note a look at the table, or that the worker is draining; other events are none of its business."""
        if isinstance(event, WorkerTicked):
            self._claimed += event.claimed
            self._oldest_due_seconds = event.oldest_due_seconds
        elif isinstance(event, WorkerDraining):
            self._draining = True
            self._due = 0.0  # it is said at once
        else:
            return
        now = self._clock.monotonic()
        if now < self._due or (self._writing is not None and not self._writing.done()):
            return
        self._due = now + LEAST_GAP_SECONDS
        line = json.dumps(
            {
                "at": self._clock.now().isoformat(),
                "pid": os.getpid(),
                "running": event.running,
                "claimed_total": self._claimed,
                "steps_total": self._claimed - event.running,
                "oldest_due_seconds": self._oldest_due_seconds,
                "draining": self._draining,
            }
        )
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._write, line + "\n")

    async def check(self) -> None:
        """See whether the file can be written, before anything depends on it; a worker that runs only logs that.

        Raises:
            ConfigurationError: Its folder is missing, or takes no files.
        """
        try:
            await asyncio.to_thread(check_folder, self._path.parent)
        except OSError as error:
            msg = f"The health file {self._path} cannot be written: {error.strerror or error}."
            raise ConfigurationError(msg, next_step="Name a file in a folder that is there and takes files.") from error

    async def remove(self) -> None:
        """Take the file away: this worker has ended on purpose."""
        if self._writing is not None:
            await self._writing
        await asyncio.to_thread(self._unlink)

    def _write(self, line: str) -> None:
        part = self._path.with_name(f".{self._path.name}.part")
        try:
            part.write_text(line, "utf-8")
            part.replace(self._path)
            self._broken = False
        except OSError as error:
            if not self._broken:  # once, not every second
                text = "the health file %s cannot be written: %s"
                _log.warning(text, self._path, error.strerror or error, extra={"action": "no_health_file"})
            self._broken = True

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
