"""The door to providers: every order, look, search, stop and fetch goes through it.

It holds a gate and a breaker for each provider, retries looks and fetches but never an order, and tells of every
attempt.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from nexiom_sdk import defects
from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import NexiomError, PluginError, ProviderBusy, ProviderError, RateLimited
from nexiom_sdk.events import ProviderCalled, Sink, Sinks
from nexiom_sdk.hints import sane_hint
from nexiom_sdk.providers.breakers import Breakers, Heard
from nexiom_sdk.providers.gates import Gate
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.types import Asset

T = TypeVar("T")

Verb: TypeAlias = Literal["submit", "poll", "find", "cancel", "fetch", "check"]

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.5
FIRST_PAUSE_WHEN_BUSY_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 8.0
_RETRIED: frozenset[Verb] = frozenset({"poll", "find", "fetch"})
_TELLING: frozenset[Verb] = frozenset({"submit", "poll", "find"})  # results come from other hosts; stops are rare


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Door:
    """The gates to all providers of one studio. It belongs to one event loop.

    Args:
        clock: Time.
        sink: Who is told of each attempt.
        concurrency: Most calls at once to one provider.
        spacing_seconds: Least time between the starts of two calls to one provider.
        patience_seconds: Longest wait for a place at a provider's gate while none comes free.
        random: Numbers from 0 to 1, for jitter.
        heard: Gives what other processes found out about providers that fail.

    Attributes:
        breakers: Say to which providers no order may go now; whoever orders asks them first.
    """

    clock: Clock
    sink: Sink
    concurrency: int = 8
    spacing_seconds: float = 0.0
    patience_seconds: float = 10.0
    random: Callable[[], float] = random.random
    heard: Heard | None = None
    breakers: Breakers = field(init=False, repr=False)
    _gates: dict[str, Gate] = field(init=False, repr=False, default_factory=dict[str, Gate])

    def __post_init__(self) -> None:
        breakers = Breakers(clock=self.clock, sink=self.sink, heard=self.heard)
        object.__setattr__(self, "breakers", breakers)  # the way into a frozen dataclass

    async def enter(self, provider: str) -> contextlib.ExitStack:
        """Take one of the provider's places; closing what is given frees it.

        Raises:
            ProviderBusy: None came free in time; nothing was sent.
        """
        gate = self._gates.get(provider)
        if gate is None:
            gate = self._gates[provider] = Gate(
                provider=provider,
                clock=self.clock,
                places=self.concurrency,
                spacing_seconds=self.spacing_seconds,
                patience_seconds=self.patience_seconds,
            )
        return await gate.enter()


async def call(
    door: Door, provider: str, operation: Verb, send: Callable[[], Awaitable[T]], *, answers: tuple[type, ...] = ()
) -> T:
    """Take a place at the provider's gate and make one call; looks that fail for now are made again.

    Args:
        door: The gates.
        provider: Name of the provider.
        operation: What is called. Only poll, find and fetch are ever sent again.
        send: Makes the call.
        answers: What it may answer; anything else is a defect of the adapter.

    Raises:
        NexiomError: What the adapter raised.
        PluginError: The adapter raised something that it should not.
        ProviderBusy: No place came free in time; nothing was sent.

    Example:
        >>> import asyncio
        >>> from nexiom_sdk.clock import SystemClock
        >>> from nexiom_sdk.testing import FakeProvider
        >>> door, fake = Door(clock=SystemClock(), sink=lambda event: print(event.outcome)), FakeProvider("acme")
        >>> asyncio.run(call(door, fake.name, "find", lambda: fake.find("no such order")))
        ok
    """

    async def attempt(number: int) -> T:
        with await door.enter(provider):
            return await call_once(door, provider, operation, send, answers=answers, attempt=number)

    return await _retried(door, attempt) if operation in _RETRIED else await attempt(1)


async def call_once(
    door: Door,
    provider: str,
    operation: Verb,
    send: Callable[[], Awaitable[T]],
    *,
    answers: tuple[type, ...] = (),
    attempt: int = 1,
) -> T:
    """Make one call at once, for whoever holds a place at the provider's gate; the arguments are those of `call`.

    Raises:
        NexiomError: What the adapter raised.
        PluginError: The adapter raised something that it should not.
    """
    with _told(door, provider, operation, attempt):
        answer = await send()
        if answers and not isinstance(answer, answers):
            raise TypeError(type(answer).__name__)
        return answer


async def fetch(door: Door, provider: VideoProvider, asset: Asset) -> AsyncGenerator[bytes, None]:
    """The bytes of a result; begun anew when it fails before the first one, never after.

    It holds a place at the gate until its first byte only: a long download must not keep others from looking.

    Raises:
        NexiomError: What the adapter raised.
        PluginError: The adapter raised something that it should not.
    """

    async def begin(number: int) -> tuple[contextlib.AsyncExitStack, AsyncIterator[bytes], bytes]:
        with await door.enter(provider.name):
            async with contextlib.AsyncExitStack() as stack:
                stack.enter_context(_told(door, provider.name, "fetch", number))
                chunks = provider.fetch(asset)
                close: Callable[[], Awaitable[None]] | None = getattr(chunks, "aclose", None)
                if close is not None:
                    stack.push_async_callback(close)
                first = await _next(chunks)
                return stack.pop_all(), chunks, first

    stack, chunks, chunk = await _retried(door, begin)
    async with stack:
        while chunk:
            yield chunk
            chunk = await _next(chunks)


async def _next(chunks: AsyncIterator[bytes]) -> bytes:
    """The next chunk that has bytes; none at the end."""
    async for chunk in chunks:
        if chunk:
            return chunk
    return b""


@contextlib.contextmanager
def _told(door: Door, provider: str, operation: Verb, attempt: int) -> Generator[None, None, None]:
    """Tell how an attempt ended, and make every error one of ours."""
    outcome, started = "cancelled", door.clock.monotonic()
    try:
        yield
        outcome = "ok"
        _noted(door, provider, operation, None)
    except NexiomError as error:
        outcome = error.code
        _noted(door, provider, operation, error)
        raise
    except Exception as error:  # an adapter may be anybody's code: whatever it raises becomes an error of ours
        outcome = PluginError.code
        # Its text is left out: nobody knows what a stranger puts into it.
        msg = f"The provider '{provider}' raised {type(error).__name__} in {operation}{defects.place_of(error)}."
        raise PluginError(msg, next_step=defects.next_step(provider)) from error
    finally:
        # Sinks protects the call from the sink: an order that was paid is not lost because a log is full.
        Sinks((door.sink,))(
            ProviderCalled(
                provider=provider,
                operation=operation,
                outcome=outcome,
                attempt=attempt,
                duration_seconds=door.clock.monotonic() - started,
            )
        )


def _noted(door: Door, provider: str, operation: Verb, error: NexiomError | None) -> None:
    if operation in _TELLING:
        door.breakers.ended(provider, error)


async def _retried(door: Door, attempt: Callable[[int], Awaitable[T]]) -> T:
    retrying = AsyncRetrying(
        stop=stop_after_attempt(ATTEMPTS),
        retry=retry_if_exception(_worth_another_try),
        wait=lambda state: _pause(door, state),
        sleep=door.clock.sleep,
        reraise=True,
    )
    async for one in retrying:
        with one:
            return await attempt(one.retry_state.attempt_number)
    raise AssertionError  # tenacity either returns or re-raises


def _worth_another_try(error: BaseException) -> bool:
    """A longer wait than ours is for the job's schedule, not for a sleeping coroutine."""
    if isinstance(error, ProviderBusy):
        return False
    return isinstance(error, NexiomError) and error.retryable and (_asked(error) or 0.0) <= LONGEST_PAUSE_SECONDS


def _pause(door: Door, state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    first = FIRST_PAUSE_WHEN_BUSY_SECONDS if isinstance(error, RateLimited) else FIRST_PAUSE_SECONDS
    ours = min(first * 2 ** (state.attempt_number - 1), LONGEST_PAUSE_SECONDS) * door.random()
    return sane_hint(_asked(error)) or ours


def _asked(error: BaseException | None) -> float | None:
    """How long the provider asks us to wait."""
    return error.retry_after_seconds if isinstance(error, ProviderError) else None
