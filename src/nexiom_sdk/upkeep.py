"""What has to be put right on this machine now and then, beside the work and never in its way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

ROUND_SECONDS = 60.0  # one that takes longer waits for something that is stuck, such as a locked row
LET_GO_SECONDS = 2.0  # a database that hangs must not keep a process from ending


class Upkeep:
    """Runs rounds of `Engine.recover` in the background, one at a time: nobody waits for one, and none lasts long.

    Args:
        recover: One round; it knows itself whether there is anything to do.
    """

    def __init__(self, recover: Callable[[], Awaitable[None]]) -> None:
        self._recover = recover
        self._round: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin a round, unless one is running."""
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._one(), name="nexiom upkeep")

    async def end(self, *, patience_seconds: float = 0.0) -> None:
        """Let a round that runs come to its end for so long, then cut it short: the next one begins anew."""
        if self._round is None:
            return
        await asyncio.wait({self._round}, timeout=patience_seconds)
        self._round.cancel()
        await asyncio.wait({self._round}, timeout=LET_GO_SECONDS)

    async def _one(self) -> None:
        extra = {"action": "not_recovered"}
        try:
            async with asyncio.timeout(ROUND_SECONDS):
                await self._recover()
        except TimeoutError:
            _log.warning(
                "what was left here is not put right after %.0f s; it goes on later", ROUND_SECONDS, extra=extra
            )
        except Exception:  # noqa: BLE001 - a defect in it must not stop those who work
            _log.exception("what was left here cannot be put right", extra=extra)
