from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from nexiom_sdk.errors import FAILURE_CODES, NexiomError, PluginError, ProviderError, ProviderUnavailable, RateLimited
from nexiom_sdk.events import Event, ProviderCalled
from nexiom_sdk.providers.calls import Call, Door, call, fetch
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.types import Asset

RETRIED: tuple[Call, ...] = ("poll", "find")
NEVER_RETRIED: tuple[Call, ...] = ("submit", "cancel")


class Counting:
    """Raises the errors in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.calls = list(errors), 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def door(clock: VirtualClock, events: list[Event]) -> Door:
    return Door(clock=clock, sink=events.append, random=lambda: 1.0)


async def _finish(work: Awaitable[str], clock: VirtualClock) -> tuple[str | NexiomError, list[float]]:
    """The end of the work, and the pauses it took on the way."""
    task, pauses = asyncio.ensure_future(work), []
    while not task.done():
        await asyncio.sleep(0)
        pause = clock.until_next()
        if pause is not None:
            pauses.append(pause)
            clock.advance(pause)
    error = task.exception()
    assert error is None or isinstance(error, NexiomError)
    return (error or task.result()), pauses


@pytest.mark.parametrize("operation", NEVER_RETRIED)
@pytest.mark.parametrize("error", [*(kind("x") for kind in FAILURE_CODES.values()), ValueError("x")], ids=repr)
async def test_what_costs_money_is_sent_once_whatever_comes_back(
    operation: Call, error: Exception, door: Door, clock: VirtualClock
) -> None:
    send = Counting(error)
    end, pauses = await _finish(call(door, "acme", operation, send), clock)
    assert isinstance(end, NexiomError)
    assert (send.calls, pauses) == (1, [])


@pytest.mark.parametrize("operation", RETRIED)
async def test_a_look_is_tried_three_times_with_growing_pauses(
    operation: Call, door: Door, clock: VirtualClock
) -> None:
    send = Counting(*[ProviderUnavailable("down") for _ in range(9)])
    end, pauses = await _finish(call(door, "acme", operation, send), clock)
    assert isinstance(end, ProviderUnavailable)
    assert (send.calls, pauses) == (3, [0.5, 1.0])


async def test_a_look_that_recovers_gives_its_answer(door: Door, clock: VirtualClock) -> None:
    assert await _finish(call(door, "acme", "poll", Counting(RateLimited("busy"))), clock) == ("answer", [1.0])


async def test_a_short_wait_that_the_provider_asks_for_is_kept_exactly(door: Door, clock: VirtualClock) -> None:
    send = Counting(RateLimited("busy", retry_after_seconds=7.5))
    assert await _finish(call(door, "acme", "poll", send), clock) == ("answer", [7.5])


async def test_a_long_wait_is_left_to_the_schedule(door: Door, clock: VirtualClock) -> None:
    send = Counting(RateLimited("busy", retry_after_seconds=60))
    end, pauses = await _finish(call(door, "acme", "poll", send), clock)
    assert isinstance(end, RateLimited)
    assert (send.calls, pauses) == (1, [])


@pytest.mark.parametrize(
    "code", sorted(code for code, kind in FAILURE_CODES.items() if not getattr(kind, "retryable", 0))
)
async def test_a_final_error_is_not_tried_again(code: str, door: Door, clock: VirtualClock) -> None:
    send = Counting(FAILURE_CODES[code]("x"))
    await _finish(call(door, "acme", "poll", send), clock)
    assert send.calls == 1


async def test_an_exception_of_a_stranger_becomes_ours_without_its_text(door: Door) -> None:
    with pytest.raises(PluginError, match="'acme' raised ValueError in poll") as caught:
        await call(door, "acme", "poll", Counting(ValueError("CANARY")))
    assert "CANARY" not in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_every_attempt_is_told(door: Door, clock: VirtualClock, events: list[Event]) -> None:
    await _finish(call(door, "acme", "poll", Counting(RateLimited("busy"))), clock)
    told = [(one.operation, one.outcome, one.attempt) for one in events if isinstance(one, ProviderCalled)]
    assert told == [("poll", "rate_limited", 1), ("poll", "ok", 2)]


async def test_never_more_calls_at_once_than_the_gate_allows(clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda _: None, concurrency=3)
    running = most = 0

    async def send() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await asyncio.gather(*(call(door, "acme", "poll", send) for _ in range(20)))
    assert most == 3


async def test_one_busy_provider_does_not_hold_up_another(clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda _: None, concurrency=1)
    stuck = asyncio.create_task(call(door, "acme", "poll", asyncio.Event().wait))
    await asyncio.sleep(0)
    assert await call(door, "bolt", "poll", Counting()) == "answer"
    stuck.cancel()


async def test_a_call_cancelled_at_the_gate_leaves_it_usable(clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda _: None, concurrency=1)
    holding = asyncio.Event()
    first = asyncio.create_task(call(door, "acme", "poll", holding.wait))
    second = asyncio.create_task(call(door, "acme", "poll", Counting()))
    await asyncio.sleep(0)
    second.cancel()
    holding.set()
    await first
    assert await call(door, "acme", "poll", Counting()) == "answer"


async def test_starts_are_spaced(clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda _: None, spacing_seconds=2)
    starts: list[float] = []

    async def send() -> str:
        starts.append(clock.monotonic())
        return "answer"

    async def three() -> str:
        await asyncio.gather(*(call(door, "acme", "poll", send) for _ in range(3)))
        return "done"

    await _finish(three(), clock)
    assert starts == [0, 2, 4]


class _Breaking(FakeProvider):
    """Fetches break a few times before the first byte, or after it."""

    def __init__(self, before: int, after: bool) -> None:
        super().__init__("acme")
        self.before, self.after = before, after

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        self.before -= 1
        if self.before >= 0:
            raise ProviderUnavailable("reset")
        yield b"first"
        if self.after:
            raise ProviderUnavailable("reset")
        yield b"second"


async def _joined(door: Door, provider: FakeProvider) -> str:
    return b"".join([chunk async for chunk in fetch(door, provider, Asset(url="https://x.example"))]).decode()


async def test_a_fetch_is_begun_again_before_its_first_byte(door: Door, clock: VirtualClock) -> None:
    assert (await _finish(_joined(door, _Breaking(2, after=False)), clock))[0] == "firstsecond"


async def test_a_fetch_is_never_begun_again_after_its_first_byte(door: Door, clock: VirtualClock) -> None:
    end, pauses = await _finish(_joined(door, _Breaking(0, after=True)), clock)
    assert isinstance(end, ProviderError)
    assert pauses == []
