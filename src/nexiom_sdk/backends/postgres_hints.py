"""Hearing of rows that may be due: a connection that listens, made when somebody first waits."""

from __future__ import annotations

import asyncio
import contextlib

from nexiom_sdk.backends.postgres_pool import PostgresPool
from nexiom_sdk.errors import NexiomError

LISTEN_AGAIN_SECONDS = 30.0


class Hints:
    """Waits for notifications on one channel; nothing depends on their arrival.

    Args:
        pool: Where to listen.
        channel: What to listen to.
    """

    def __init__(self, pool: PostgresPool, channel: str) -> None:
        self._pool = pool
        self._channel = channel
        self._heard = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def next(self) -> None:
        """Return at the next hint, or one that came since the last; for ever where none can come."""
        if self._listening is None or self._listening.get_loop() is not asyncio.get_running_loop():
            self._heard = asyncio.Event()  # it belongs to an event loop, as the task does
            self._listening = asyncio.create_task(self._listen(), name="nexiom listens")
        await self._heard.wait()
        self._heard.clear()

    async def aclose(self) -> None:
        """Stop listening."""
        listening = self._listening
        if listening is not None and listening.get_loop() is asyncio.get_running_loop():
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        while not self._pool.closed:
            with contextlib.suppress(NexiomError):  # only a hint: whoever waits looks at the table all the same
                await self._pool.listen(self._channel, self._heard.set)
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)
