"""Time that tests turn by hand, so that a job of an hour takes milliseconds."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 11, 24, 12, tzinfo=UTC)


class VirtualClock:
    """A clock that stands still until `advance` moves it, and wakes whoever sleeps meanwhile, in order.

    It belongs to one event loop. It knows nothing of real threads: work in them takes no virtual time.

    Args:
        start: The first moment; None: noon of a fixed day.

    Example:
        >>> clock = VirtualClock()
        >>> clock.advance(90)
        >>> clock.now().time().isoformat(), clock.monotonic()
        ('12:01:30', 90.0)
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or _START
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The virtual moment."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds since the first moment."""
        return self._elapsed

    async def sleep(self, seconds: float, /) -> None:
        """Sleep until somebody advances the clock far enough."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), woken))
        await woken

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: How much; never back.
        """
        end = self._elapsed + max(seconds, 0.0)
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, due)
            if not woken.done():
                woken.set_result(None)
        self._elapsed = end

    def until_next(self) -> float | None:
        """Seconds until the next sleeper wakes; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled meanwhile
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] - self._elapsed if self._sleepers else None
