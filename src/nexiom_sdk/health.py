"""A file that is young while a worker can do its work, for probes that must not start a Python of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from pathlib import Path

from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.events import Event, WorkerTicked

_log = logging.getLogger(__name__)

LEAST_GAP_SECONDS = 1.0


class HealthFile:
    """A sink that writes a file anew after a worker's looks at the table, at most once a second, and at no other time.

    So the file grows old when the process hangs, dies or is frozen, when its event loop is blocked, and when the
    database is down: who finds it too old restarts the worker. It is written by a thread, in one piece. A disk that is
    full is logged and stops nobody. Each worker needs a file of its own.

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
        self._due = 0.0
        self._writing: asyncio.Future[None] | None = None
        self._broken = False

    def __call__(self, event: Event) -> None:
        """Note a look at the table; other events are none of its business."""
        if not isinstance(event, WorkerTicked):
            return
        self._claimed += event.claimed
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
                "oldest_due_seconds": event.oldest_due_seconds,
            }
        )
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._write, line + "\n")

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
