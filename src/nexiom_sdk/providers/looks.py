"""Looks at orders: those of one provider that are due together share a call, where the provider shows many at once.

The first look opens a round; the round waits a moment for others, and whoever comes while its call is on the way goes
into the next. So the busier a worker is, the more orders one call covers, and a lone job waits for that moment only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

from nexiom_sdk.errors import NexiomError, ProviderBusy, ProviderError, ProviderUnavailable, RateLimited
from nexiom_sdk.providers.calls import Door, call
from nexiom_sdk.providers.protocol import SupportsBatchPoll, VideoProvider
from nexiom_sdk.types import Operation, Poll

_log = logging.getLogger(__name__)

GATHER_SECONDS = 0.05  # the steps of one claim come to their looks within a few milliseconds of each other


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """The looks of one engine. It belongs to one event loop.

    Args:
        door: The way to providers.
        gather_seconds: How long a round waits for others before its call.
    """

    door: Door
    gather_seconds: float = GATHER_SECONDS
    _known: dict[str, tuple[VideoProvider, _Rounds | None]] = field(init=False, repr=False, default_factory=dict)

    async def look(self, provider: VideoProvider, operation: Operation) -> Poll:
        """What the provider says of an order: with others in one call where that can be, else alone.

        Raises:
            NexiomError: The look did not work, which says nothing about the order.
        """
        rounds = self._rounds_of(provider)
        if rounds is not None and (said := await rounds.join(operation)) is not None:
            return said
        return await call(self.door, provider.name, "poll", lambda: provider.poll(operation), answers=get_args(Poll))

    def _rounds_of(self, provider: VideoProvider) -> _Rounds | None:
        # Asked once for each provider: what a protocol asks of a class takes longer than the rest of a look here.
        known, rounds = self._known.get(provider.name, (None, None))
        if known is not provider:
            rounds = _Rounds(self, provider.name, provider) if isinstance(provider, SupportsBatchPoll) else None
            self._known[provider.name] = (provider, rounds)
        return rounds


@dataclass(slots=True, eq=False)
class _Rounds:
    """The shared calls to one provider, one after the other."""

    looks: Looks
    name: str
    provider: SupportsBatchPoll
    waiting: deque[_Waiting] = field(default_factory=deque["_Waiting"])
    serving: asyncio.Task[None] | None = None
    calling: bool = False
    next_start: float = 0.0

    async def join(self, operation: Operation) -> Poll | None:
        """Wait for the next round that has a place, and for what it says of the order."""
        look = _Waiting(operation, asyncio.get_running_loop().create_future())
        self.waiting.append(look)
        if self.serving is None:
            self.serving = asyncio.create_task(self._serve(), name=f"nexiom looks at {self.name}")
        patience = asyncio.create_task(self._give_up(look), name=f"nexiom waits to look at {self.name}")
        try:
            return await look.answer
        finally:
            patience.cancel()

    async def _give_up(self, look: _Waiting) -> None:
        """A call that hangs holds those whom it is about, and nobody else."""
        door = self.looks.door
        while look in self.waiting:
            await door.clock.sleep(door.patience_seconds)
            if not self.calling or look not in self.waiting:
                continue
            self.waiting.remove(look)
            msg = f"{self.name} is busy: its last call did not end within {door.patience_seconds:g} s."
            look.settle(ProviderBusy(msg, provider=self.name))

    async def _serve(self) -> None:
        clock = self.looks.door.clock
        try:
            while self.waiting:
                await clock.sleep(max(self.looks.gather_seconds, self.next_start - clock.monotonic()))
                self.next_start = clock.monotonic() + getattr(self.provider, "batch_spacing_seconds", 0.0)
                places = min(len(self.waiting), max(int(self.provider.batch_size), 1))
                batch = [self.waiting.popleft() for _ in range(places)]
                self.calling = True
                await self._round([one for one in batch if not one.answer.done()])
                self.calling = False
        except Exception as error:  # noqa: BLE001 - an adapter's attributes are foreign data: each look is told alone
            _log.warning("%s cannot be looked at in batches: %s", self.name, type(error).__name__)
        finally:
            self.serving, self.calling = None, False
            while self.waiting:
                self.waiting.popleft().settle(None)

    async def _round(self, batch: Sequence[_Waiting]) -> None:
        said: Mapping[str, Poll] = {}
        try:
            if len(batch) > 1:
                orders = [one.operation for one in batch]
                ask = partial(self.provider.poll_many, orders)
                said = await call(self.looks.door, self.name, "poll", ask, answers=(Mapping,))
        except NexiomError as error:
            if isinstance(error, RateLimited | ProviderUnavailable) and not _answered(error):
                for one in batch:
                    one.settle(error)
                return
            # One order may have spoilt the answer for the others: each one is looked at alone.
        for one in batch:
            found = said.get(one.operation.id)
            one.settle(found if isinstance(found, get_args(Poll)) else None)


def _answered(error: ProviderError) -> bool:
    """Whether it is an answer about these orders: a fault of the server may be about one of them."""
    return not isinstance(error, RateLimited) and error.status is not None


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A look that waits for its round; None as its answer: the order has to be looked at alone."""

    operation: Operation
    answer: asyncio.Future[Poll | None]

    def settle(self, said: Poll | NexiomError | None) -> None:
        """Give the answer to the step that waits for it, unless that has gone meanwhile."""
        if self.answer.done():
            return
        if isinstance(said, NexiomError):
            self.answer.set_exception(said)
        else:
            self.answer.set_result(said)
