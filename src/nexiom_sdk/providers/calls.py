"""The one door through which the engine and the tools reach a provider.

It holds a gate for each provider, retries looks and fetches but never an order, and tells of every call.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from typing import Literal, TypeAlias, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import NexiomError, PluginError, ProviderError, RateLimited
from nexiom_sdk.events import ProviderCalled, Sink
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.types import Asset

T = TypeVar("T")

Call: TypeAlias = Literal["submit", "poll", "find", "cancel", "fetch"]

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.5
FIRST_PAUSE_WHEN_BUSY_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 8.0
_RETRIED: frozenset[Call] = frozenset({"poll", "find", "fetch"})


class Door:
    """The gates to all providers of one studio.

    Args:
        clock: Time.
        sink: Who is told of each call.
        concurrency: Most calls at once to one provider.
        spacing_seconds: Least time between the starts of two calls to one provider.
        random: Numbers from 0 to 1, for jitter.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        sink: Sink,
        concurrency: int = 8,
        spacing_seconds: float = 0.0,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.clock = clock
        self.sink = sink
        self.random = random
        self._concurrency = concurrency
        self._spacing_seconds = spacing_seconds
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._next_start: dict[str, float] = {}

    @contextlib.asynccontextmanager
    async def gate(self, provider: str) -> AsyncGenerator[None, None]:
        """Hold one of the provider's places while a call runs."""
        async with self._gates.setdefault(provider, asyncio.Semaphore(self._concurrency)):
            now = self.clock.monotonic()
            start = max(now, self._next_start.get(provider, now))
            self._next_start[provider] = start + self._spacing_seconds
            if start > now:
                await self.clock.sleep(start - now)
            yield


async def call(
    door: Door, provider: str, operation: Call, send: Callable[[], Awaitable[T]], *, answers: tuple[type, ...] = ()
) -> T:
    """Make one call to a provider.

    Args:
        door: The gates.
        provider: Name of the provider.
        operation: What is called. Only poll, find and fetch are ever sent again.
        send: Makes the call.
        answers: What it may answer; anything else is a defect of the adapter.

    Raises:
        NexiomError: What the adapter raised.
        PluginError: The adapter raised something that it should not.
    """

    async def checked() -> T:
        answer = await send()
        if answers and not isinstance(answer, answers):
            raise TypeError(type(answer).__name__)
        return answer

    return await _retried(door, operation, lambda attempt: _once(door, provider, operation, attempt, checked))


async def fetch(door: Door, provider: VideoProvider, asset: Asset) -> AsyncIterator[bytes]:
    """The bytes of a result; begun anew when it fails before the first one, never after.

    Raises:
        NexiomError: What the adapter raised.
        PluginError: The adapter raised something that it should not.
    """
    chunks, chunk = await call(door, provider.name, "fetch", lambda: _begun(provider.fetch(asset)))
    while chunk is not None:
        yield chunk
        with _ours(provider.name, "fetch"):
            chunk = await anext(chunks, None)


async def _begun(chunks: AsyncIterator[bytes]) -> tuple[AsyncIterator[bytes], bytes | None]:
    return chunks, await anext(chunks, None)


async def _once(door: Door, provider: str, operation: Call, attempt: int, send: Callable[[], Awaitable[T]]) -> T:
    outcome, started = "cancelled", door.clock.monotonic()
    try:
        async with door.gate(provider):
            started = door.clock.monotonic()
            with _ours(provider, operation):
                answer = await send()
        outcome = "ok"
        return answer
    except NexiomError as error:
        outcome = error.code
        raise
    finally:
        took = door.clock.monotonic() - started
        door.sink(
            ProviderCalled(
                provider=provider, operation=operation, outcome=outcome, attempt=attempt, duration_seconds=took
            )
        )


@contextlib.contextmanager
def _ours(provider: str, operation: Call) -> Generator[None, None, None]:
    try:
        yield
    except NexiomError:
        raise
    except Exception as error:  # an adapter may be anybody's code: whatever it raises becomes an error of ours
        # Its text is left out: nobody knows what a stranger puts into it.
        msg = f"The provider '{provider}' raised {type(error).__name__} in {operation}."
        raise PluginError(msg) from error


async def _retried(door: Door, operation: Call, once: Callable[[int], Awaitable[T]]) -> T:
    if operation not in _RETRIED:
        return await once(1)
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS),
        retry=retry_if_exception(_worth_another_try),
        wait=lambda state: _pause(door, state),
        sleep=door.clock.sleep,
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            return await once(attempt.retry_state.attempt_number)
    raise AssertionError  # tenacity either returns or re-raises


def _worth_another_try(error: BaseException) -> bool:
    """A longer wait than ours is for the job's schedule, not for a sleeping coroutine."""
    if not isinstance(error, ProviderError) or not error.retryable:
        return False
    return (error.retry_after_seconds or 0.0) <= LONGEST_PAUSE_SECONDS


def _pause(door: Door, state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    first = FIRST_PAUSE_WHEN_BUSY_SECONDS if isinstance(error, RateLimited) else FIRST_PAUSE_SECONDS
    ours = min(first * 2 ** (state.attempt_number - 1), LONGEST_PAUSE_SECONDS) * door.random()
    asked = error.retry_after_seconds if isinstance(error, ProviderError) else None
    return ours if asked is None else asked
