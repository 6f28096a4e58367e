"""The gate of a provider: so many calls at once, so far apart, and nobody waits long for one that hangs."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import ProviderBusy


@dataclass(slots=True, kw_only=True, eq=False)
class Gate:
    """The places of one provider, in the order in which they are asked for. It belongs to one event loop.

    Args:
        provider: Whose gate it is.
        clock: Time.
        places: Most calls at once.
        spacing_seconds: Least time between the starts of two calls.
        patience_seconds: Longest time in which no place comes free, before whoever waits is sent away. At a gate that
            has not moved for so long, newcomers go at once: a provider that hangs holds only the calls it has.

    Example:
        >>> from nexiom_sdk.clock import SystemClock
        >>> async def scene(gate: Gate) -> None:
        ...     with await gate.enter():
        ...         print("one call at a time")
        >>> asyncio.run(scene(Gate(provider="acme", clock=SystemClock(), places=1)))
        one call at a time
    """

    provider: str
    clock: Clock
    places: int
    spacing_seconds: float = 0.0
    patience_seconds: float = 10.0
    _waiting: deque[asyncio.Future[bool]] = field(init=False, repr=False, default_factory=deque["asyncio.Future[bool]"])
    _moved_at: float = field(init=False, repr=False, default=float("-inf"))
    _next_start: float = field(init=False, repr=False, default=float("-inf"))

    async def enter(self) -> ExitStack:
        """Take a place; closing what is given frees it.

        Raises:
            ProviderBusy: None came free in time; nothing was sent.
        """
        if self.places > 0:
            self.places -= 1
        elif not await self._handed_over():
            msg = f"{self.provider} is busy: no place came free within {self.patience_seconds:g} s."
            raise ProviderBusy(msg, provider=self.provider)
        with ExitStack() as place:
            place.callback(self._leave)
            self._moved_at = now = self.clock.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + self.spacing_seconds
            if start > now:
                await self.clock.sleep(start - now)
            return place.pop_all()

    async def _handed_over(self) -> bool:
        """Wait for whoever leaves next; False when nobody left in time."""
        left_seconds = self._moved_at + self.patience_seconds - self.clock.monotonic()
        if left_seconds <= 0:
            return False
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        patience = asyncio.create_task(self.clock.sleep(left_seconds), name=f"nexiom waits for {self.provider}")
        patience.add_done_callback(lambda _: None if place.done() else place.set_result(False))
        self._waiting.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():
                self._leave()
            raise
        finally:
            patience.cancel()

    def _leave(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(True)
                return
        self.places += 1
