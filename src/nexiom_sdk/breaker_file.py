"""What the processes of one machine found out about providers that fail: a small file that all of them read.

It is a courtesy. Without it, or with one that cannot be read, each process finds out by itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nexiom_sdk.clock import Clock
from nexiom_sdk.events import BreakerMoved, Event
from nexiom_sdk.providers.breaker import LONGEST_OPENING_SECONDS

_log = logging.getLogger(__name__)

LARGEST_BYTES = 64 * 1024
_NOTHING: Mapping[str, BreakerMoved] = MappingProxyType({})


class _Entry(BaseModel):
    """One provider as it is written down."""

    model_config = ConfigDict(frozen=True)

    provider: Annotated[str, Field(max_length=60)]
    state: Literal["closed", "open", "probing"]
    reason: Annotated[str, Field(max_length=200)]
    at: AwareDatetime
    until: AwareDatetime | None
    openings: Annotated[int, Field(ge=0, le=1000)]


_ENTRIES = TypeAdapter(list[_Entry])


class BreakerFile:
    """A sink that writes down when a breaker moves, and gives what other processes wrote.

    The file is written by a thread, in one piece, and only when a breaker moves. It is read again only when it has
    changed. One that is broken, or an entry that no breaker of ours could have made, is passed over.

    Args:
        path: The file; its folder is made when it is first written.
        clock: Time.

    Example:
        >>> from nexiom_sdk.clock import SystemClock
        >>> len(BreakerFile(Path("no such folder") / "breakers.json", clock=SystemClock()).heard())
        0
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path.absolute()
        self._clock = clock
        self._mark: tuple[int, int, int] | None = None
        self._read: Mapping[str, BreakerMoved] = _NOTHING
        self._news: dict[str, BreakerMoved] = {}
        self._writing: asyncio.Future[None] | None = None
        self._complained: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Note a breaker that moved; other events are none of its business."""
        if isinstance(event, BreakerMoved):
            self._news[event.provider] = event
            if self._writing is None or self._writing.done():
                self._writing = asyncio.ensure_future(self._write_all())

    def heard(self) -> Mapping[str, BreakerMoved]:
        """The last move of each breaker that any process wrote, as far as it can matter now."""
        try:
            found = self._path.stat()
        except OSError:
            return _NOTHING
        mark = (found.st_mtime_ns, found.st_ino, found.st_size)
        if mark != self._mark:
            self._mark, self._read = mark, self._load()
        return self._read

    async def settle(self) -> None:
        """Wait until what was noted is written."""
        if self._writing is not None:
            await self._writing

    async def _write_all(self) -> None:
        while self._news:
            news, self._news = self._news, {}
            await asyncio.to_thread(self._write, news)

    def _write(self, news: Mapping[str, BreakerMoved]) -> None:
        """Put the news in place of what they are newer than."""
        known = dict(self._load())
        for name, moved in news.items():
            if name not in known or known[name].at <= moved.at:
                known[name] = moved
        text = json.dumps([asdict(moved) for moved in known.values()], default=datetime.isoformat, indent=1)
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}-{id(self):x}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text + "\n", "utf-8")
            part.replace(self._path)
            self._complained.discard("written")
        except OSError as error:
            self._complain("written", error.strerror or str(error))

    def _load(self) -> Mapping[str, BreakerMoved]:
        try:
            with self._path.open("rb") as file:
                text = file.read(LARGEST_BYTES + 1)
            entries = _ENTRIES.validate_json(text) if len(text) <= LARGEST_BYTES else None
        except (FileNotFoundError, NotADirectoryError):
            return _NOTHING
        except (OSError, ValidationError, RecursionError) as error:
            self._complain("read", getattr(error, "strerror", None) or "it is not what this library writes")
            return _NOTHING
        if entries is None:
            self._complain("read", f"it has more than {LARGEST_BYTES:,} bytes")
            return _NOTHING
        self._complained.discard("read")
        return {one.provider: BreakerMoved(**dict(one)) for one in entries if self._can_matter(one)}

    def _can_matter(self, entry: _Entry) -> bool:
        """Whether it is young, and not of a clock that went wrong: nobody is held back longer than a breaker holds."""
        longest, now = timedelta(seconds=LONGEST_OPENING_SECONDS), self._clock.now()
        return abs(now - entry.at) <= 2 * longest and (entry.until is None or entry.until - now <= longest)

    def _complain(self, what: str, why: str) -> None:
        """Once, not at every call to a provider."""
        if what not in self._complained:
            self._complained.add(what)
            _log.warning("%s cannot be %s: %s", self._path, what, why, extra={"action": "no_breaker_file"})
