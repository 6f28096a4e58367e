"""Time as a parameter: the one place that asks the machine what time it is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the library needs of time. `nexiom_sdk.testing.VirtualClock` is one that tests turn by hand."""

    def now(self) -> datetime:
        """Wall clock, in UTC: for stamps in rows."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: for measuring."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Let other work go on for this long."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic()

    async def sleep(self, seconds: float, /) -> None:
        """Sleep in the event loop."""
        await asyncio.sleep(seconds)
