"""Time that tests turn by hand, so that a job of an hour takes milliseconds."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Sized
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 11, 24, 12, tzinfo=UTC)
_IDLE_ROUNDS = 10  # an answer that is on its way through a loopback socket arrives within one or two
_MOST_ROUNDS = 1000  # a task that waits by spinning is never idle: time goes on all the same


class VirtualClock:
    """A clock that stands still until `advance` moves it, or that jumps to the next sleeper by itself.

    It belongs to one event loop and knows nothing of real threads: what runs in them takes no virtual time, and a
    clock with `auto` does not wait for them. Time-outs of asyncio itself stay real.

    Args:
        start: The first moment; None: noon of a fixed day.
        auto: Jump to the next sleeper as soon as every task of the loop waits. One such clock in a loop.

    Example:
        >>> clock = VirtualClock()
        >>> clock.advance(90)
        >>> clock.now().time().isoformat(), clock.monotonic()
        ('12:01:30', 90.0)
    """

    def __init__(self, start: datetime | None = None, *, auto: bool = False) -> None:
        self._start = start or _START
        self._auto = auto
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._watching = False

    def now(self) -> datetime:
        """The virtual moment."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds since the first moment."""
        return self._elapsed

    async def sleep(self, seconds: float, /) -> None:
        """Sleep until the clock has been advanced far enough."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), woken))
        if self._auto and not self._watching:
            self._watching = True
            loop.call_soon(self._watch, loop)
        await woken

    def advance(self, seconds: float) -> None:
        """Let time pass and wake, in order of their time, those who are due.

        They run when the caller next awaits something, and find the clock where this call left it.

        Args:
            seconds: How much; never back.
        """
        end = self._elapsed + max(seconds, 0.0)
        while self._sleepers and self._sleepers[0][0] <= end:
            _, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
        self._elapsed = end

    def until_next(self) -> float | None:
        """Seconds until the next sleeper wakes; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled meanwhile
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] - self._elapsed if self._sleepers else None

    def _watch(self, loop: asyncio.AbstractEventLoop, idle: int = 0, rounds: int = 0) -> None:
        """Come back in each round of the loop; jump once nothing else has been ready for some of them."""
        pause = self.until_next()
        if pause is None:
            self._watching = False
            return
        # The loops of asyncio show what is ready; with another kind the number of rounds has to do.
        others: Sized = getattr(loop, "_ready", ())
        idle = 0 if others else idle + 1
        if idle == _IDLE_ROUNDS or rounds == _MOST_ROUNDS:
            self.advance(pause)
            idle = rounds = 0
        loop.call_soon(self._watch, loop, idle, rounds + 1)
