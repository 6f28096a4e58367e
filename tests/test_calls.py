from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import assert_type

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexiom_sdk.errors import FAILURE_CODES, NexiomError, PluginError, ProviderBusy, ProviderUnavailable, RateLimited
from nexiom_sdk.events import Event, ProviderCalled
from nexiom_sdk.providers.calls import Door, Verb, call, fetch
from nexiom_sdk.testing import CancellableFakeProvider, FakeProvider, VirtualClock
from nexiom_sdk.types import Asset, Operation, Poll, Submission, Succeeded, VideoSpec

RETRIED: tuple[Verb, ...] = ("poll", "find")
NEVER_RETRIED: tuple[Verb, ...] = ("submit", "cancel")
CANARY = "CANARY-4711"
ASSET = Asset(url=f"https://cdn.example/{CANARY}")


class Counting:
    """Raises the errors in turn, then answers."""

    def __init__(self, *errors: BaseException) -> None:
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


def _told(events: list[Event]) -> list[tuple[str, str, int]]:
    return [(one.operation, one.outcome, one.attempt) for one in events if isinstance(one, ProviderCalled)]


async def _settled() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def _finish(work: Awaitable[str], clock: VirtualClock) -> tuple[str | NexiomError, list[float]]:
    """The end of the work, and the pauses it took on the way."""
    task, pauses = asyncio.ensure_future(work), list[float]()
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
    operation: Verb, error: Exception, door: Door, clock: VirtualClock
) -> None:
    send = Counting(error)
    end, pauses = await _finish(call(door, "acme", operation, send), clock)
    assert isinstance(end, NexiomError)
    assert (send.calls, pauses) == (1, [])


@pytest.mark.parametrize("operation", RETRIED)
@pytest.mark.parametrize(
    ("kind", "expected"), [(ProviderUnavailable, [0.5, 1.0]), (RateLimited, [1.0, 2.0])], ids=["down", "busy"]
)
async def test_a_look_is_tried_three_times_with_growing_pauses(
    operation: Verb, kind: type[NexiomError], expected: list[float], door: Door, clock: VirtualClock
) -> None:
    send = Counting(*[kind("no") for _ in range(9)])
    end, pauses = await _finish(call(door, "acme", operation, send), clock)
    assert isinstance(end, kind)
    assert (send.calls, pauses) == (3, expected)


@given(st.floats(0.01, 1))
@settings(max_examples=20, deadline=None)
def test_a_pause_is_any_part_of_the_longest_one(luck: float) -> None:
    async def scene() -> list[float]:
        clock = VirtualClock()
        door = Door(clock=clock, sink=lambda _: None, random=lambda: luck)
        send = Counting(ProviderUnavailable("down"), ProviderUnavailable("down"))
        return (await _finish(call(door, "acme", "poll", send), clock))[1]

    assert asyncio.run(scene()) == pytest.approx([0.5 * luck, 1.0 * luck])


async def test_a_look_that_recovers_gives_its_answer(door: Door, clock: VirtualClock) -> None:
    assert await _finish(call(door, "acme", "poll", Counting(RateLimited("busy"))), clock) == ("answer", [1.0])


@pytest.mark.parametrize("asked", [0.25, 7.5, 8.0])
async def test_a_short_wait_that_the_provider_asks_for_is_kept_exactly(
    asked: float, door: Door, clock: VirtualClock
) -> None:
    send = Counting(RateLimited("busy", retry_after_seconds=asked))
    assert await _finish(call(door, "acme", "poll", send), clock) == ("answer", [asked])


@pytest.mark.parametrize("asked", [0.0, -3.0])
async def test_no_wait_at_all_is_no_wish_and_the_pause_is_ours(asked: float, door: Door, clock: VirtualClock) -> None:
    send = Counting(RateLimited("busy", retry_after_seconds=asked))
    assert await _finish(call(door, "acme", "poll", send), clock) == ("answer", [1.0])


@pytest.mark.parametrize("asked", [8.01, 60, float("nan")])
async def test_a_long_wait_is_left_to_the_schedule(asked: float, door: Door, clock: VirtualClock) -> None:
    send = Counting(RateLimited("busy", retry_after_seconds=asked))
    end, pauses = await _finish(call(door, "acme", "poll", send), clock)
    assert isinstance(end, RateLimited)
    assert (send.calls, pauses) == (1, [])


@pytest.mark.parametrize("code", sorted(FAILURE_CODES))
async def test_a_look_is_tried_again_only_where_the_error_says_so(code: str, door: Door, clock: VirtualClock) -> None:
    send = Counting(*[FAILURE_CODES[code]("x") for _ in range(9)])
    await _finish(call(door, "acme", "poll", send), clock)
    assert send.calls == (3 if getattr(FAILURE_CODES[code], "retryable", False) else 1)


@pytest.mark.parametrize("operation", [*RETRIED, *NEVER_RETRIED])
async def test_an_exception_of_a_stranger_becomes_ours_without_its_text(operation: Verb, door: Door) -> None:
    with pytest.raises(PluginError, match=f"'acme' raised ValueError in {operation}") as caught:
        await call(door, "acme", operation, Counting(ValueError(CANARY)))
    assert CANARY not in str(caught.value)
    assert re.search(r"\(\w+\.py, line \d+\)\. ", str(caught.value))
    assert "authors of the plug-in" in caught.value.next_step
    assert isinstance(caught.value.__cause__, ValueError)


async def test_a_defect_of_a_provider_of_ours_is_reported_to_us(door: Door) -> None:
    with pytest.raises(PluginError) as caught:
        await call(door, "local", "submit", Counting(ValueError(CANARY)))
    assert "authors of nexiom_sdk" in caught.value.next_step


@pytest.mark.parametrize("operation", [*RETRIED, *NEVER_RETRIED])
async def test_an_answer_that_is_none_of_the_expected_is_a_defect_and_asked_for_once(
    operation: Verb, door: Door, events: list[Event]
) -> None:
    send = Counting()
    with pytest.raises(PluginError, match=f"'acme' raised TypeError in {operation}"):
        await call(door, "acme", operation, send, answers=(Operation, Succeeded))
    assert (send.calls, _told(events)) == (1, [(operation, "plugin_error", 1)])
    assert await call(door, "acme", operation, send, answers=(Operation, str)) == "answer"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(3)], ids=repr)
async def test_what_ends_a_task_or_a_program_passes(error: BaseException, door: Door) -> None:
    send = Counting(error)
    with pytest.raises(type(error)) as caught:
        await call(door, "acme", "poll", send)
    assert caught.value is error
    assert send.calls == 1


async def test_every_attempt_is_told(door: Door, clock: VirtualClock, events: list[Event]) -> None:
    async def slow() -> str:
        await clock.sleep(3)
        return "answer"

    await _finish(call(door, "acme", "poll", Counting(RateLimited("busy"))), clock)
    await _finish(call(door, "acme", "submit", slow), clock)
    with pytest.raises(PluginError):
        await call(door, "acme", "cancel", Counting(ValueError()))
    assert _told(events) == [
        ("poll", "rate_limited", 1),
        ("poll", "ok", 2),
        ("submit", "ok", 1),
        ("cancel", "plugin_error", 1),
    ]
    assert [one.duration_seconds for one in events if isinstance(one, ProviderCalled)] == [0, 0, 3, 0]


async def test_a_sink_that_fails_does_not_lose_a_paid_answer(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def full(event: Event) -> None:
        raise OSError("disk full")

    door = Door(clock=clock, sink=full)
    assert await call(door, "acme", "submit", Counting()) == "answer"
    assert "disk full" in caplog.text


async def test_events_have_neither_ids_nor_prompts_nor_addresses(door: Door, events: list[Event]) -> None:
    fake = CancellableFakeProvider("acme").succeed()
    submission = Submission(spec=VideoSpec(model="fake-1", prompt=CANARY), idempotency_key=CANARY)
    order = await call(door, fake.name, "submit", lambda: fake.submit(submission))
    assert isinstance(order, Operation)
    await call(door, fake.name, "poll", lambda: fake.poll(order))
    await call(door, fake.name, "find", lambda: fake.find(CANARY))
    await call(door, fake.name, "cancel", lambda: fake.cancel(order))
    async for _ in fetch(door, fake, ASSET):
        pass
    assert [operation for operation, _, _ in _told(events)] == ["submit", "poll", "find", "cancel", "fetch"]
    assert CANARY not in "".join(str(asdict(event)) for event in events)


async def test_the_type_of_the_answer_is_the_adapters(door: Door) -> None:
    fake = CancellableFakeProvider("acme").succeed()
    submission = Submission(spec=VideoSpec(model="fake-1", prompt="a fox"), idempotency_key="k")
    assert_type(await call(door, fake.name, "submit", lambda: fake.submit(submission)), Operation | Succeeded)
    assert_type(await call(door, fake.name, "poll", lambda: fake.poll(Operation(id="order-k"))), Poll)
    assert_type(await call(door, fake.name, "find", lambda: fake.find("k")), Operation | None)


@pytest.mark.parametrize("operation", ["submit", "poll", "fetch"])
async def test_never_more_calls_at_once_than_the_gate_allows(operation: Verb, clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda _: None, concurrency=3)
    running = most = 0

    async def send() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    class Slow(FakeProvider):
        async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
            await send()
            yield b"first"

    async def once() -> None:
        if operation == "fetch":
            await _read(door, Slow("acme"))
        else:
            await call(door, "acme", operation, send)

    await asyncio.gather(*(once() for _ in range(20)))
    assert most == 3


async def test_one_busy_provider_does_not_hold_up_another(clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda _: None, concurrency=1)
    stuck = asyncio.create_task(call(door, "acme", "poll", asyncio.Event().wait))
    await _settled()
    assert await call(door, "bolt", "poll", Counting()) == "answer"
    stuck.cancel()


async def test_a_pause_between_attempts_holds_no_place(clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda _: None, concurrency=1)
    pausing = asyncio.create_task(call(door, "acme", "poll", Counting(RateLimited("busy"))))
    await _settled()
    assert await call(door, "acme", "submit", Counting()) == "answer"
    assert not pausing.done()
    pausing.cancel()


async def test_a_call_cancelled_at_the_gate_leaves_it_usable_and_was_no_attempt(
    door: Door, events: list[Event]
) -> None:
    narrow = Door(clock=door.clock, sink=door.sink, concurrency=1)
    holding, send = asyncio.Event(), Counting()
    first = asyncio.create_task(call(narrow, "acme", "poll", holding.wait))
    second = asyncio.create_task(call(narrow, "acme", "submit", send))
    await _settled()
    second.cancel()
    holding.set()
    await first
    assert (send.calls, _told(events)) == (0, [("poll", "ok", 1)])
    assert await call(narrow, "acme", "poll", Counting()) == "answer"


async def test_a_call_cancelled_on_its_way_frees_its_place_and_is_told(door: Door, events: list[Event]) -> None:
    narrow = Door(clock=door.clock, sink=door.sink, concurrency=1)
    going = asyncio.create_task(call(narrow, "acme", "submit", asyncio.Event().wait))
    await _settled()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert _told(events) == [("submit", "cancelled", 1)]
    assert await call(narrow, "acme", "poll", Counting()) == "answer"


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

    def __init__(self, before: int, after: Exception | None = None) -> None:
        super().__init__("acme")
        self.before, self.after, self.closed = before, after, 0

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        try:
            self.calls.append("fetch")
            yield b""
            self.before -= 1
            if self.before >= 0:
                raise ProviderUnavailable("reset")
            yield b"first"
            if self.after:
                raise self.after
            yield b"second"
        finally:
            self.closed += 1


async def _read(door: Door, provider: FakeProvider) -> str:
    return b"".join([chunk async for chunk in fetch(door, provider, ASSET)]).decode()


async def test_a_fetch_is_begun_again_before_its_first_byte(
    door: Door, clock: VirtualClock, events: list[Event]
) -> None:
    assert await _finish(_read(door, _Breaking(2)), clock) == ("firstsecond", [0.5, 1.0])
    down = "provider_unavailable"
    assert _told(events) == [("fetch", down, 1), ("fetch", down, 2), ("fetch", "ok", 3)]


async def test_a_fetch_that_never_begins_is_given_up(door: Door, clock: VirtualClock) -> None:
    provider = _Breaking(9)
    end, _ = await _finish(_read(door, provider), clock)
    assert isinstance(end, ProviderUnavailable)
    assert (len(provider.calls), provider.closed) == (3, 3)


@pytest.mark.parametrize(
    ("error", "code"), [(ProviderUnavailable("reset"), "provider_unavailable"), (ValueError(CANARY), "plugin_error")]
)
async def test_a_fetch_is_never_begun_again_after_its_first_byte(
    error: Exception, code: str, door: Door, clock: VirtualClock, events: list[Event]
) -> None:
    provider = _Breaking(0, error)
    end, pauses = await _finish(_read(door, provider), clock)
    assert isinstance(end, NexiomError)
    assert (end.code, pauses, _told(events)) == (code, [], [("fetch", code, 1)])
    assert (len(provider.calls), provider.closed) == (1, 1)
    assert CANARY not in str(end)


async def test_a_download_in_progress_holds_no_place(clock: VirtualClock) -> None:
    door = Door(clock=clock, sink=lambda _: None, concurrency=1)
    async with contextlib.aclosing(fetch(door, _Breaking(0), ASSET)) as chunks:
        assert await anext(chunks) == b"first"
        assert await call(door, "acme", "poll", Counting()) == "answer"


async def test_a_download_that_is_left_is_closed_at_the_provider_and_told(door: Door, events: list[Event]) -> None:
    provider = _Breaking(0)
    async with contextlib.aclosing(fetch(door, provider, ASSET)) as chunks:
        await anext(chunks)
    assert (provider.closed, _told(events)) == (1, [("fetch", "cancelled", 1)])


async def test_an_empty_result_is_no_chunk_at_all(door: Door) -> None:
    class Empty(FakeProvider):
        async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
            yield b""

    assert await _read(door, Empty("acme")) == ""


class _Plain:
    """An iterator that is not a generator: it cannot be closed."""

    def __init__(self) -> None:
        self.left = [b"a", b"b"]

    def __aiter__(self) -> _Plain:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)


@pytest.mark.parametrize(("answer", "expected"), [(_Plain, "ab"), (lambda: [b"a"], PluginError)], ids=["plain", "list"])
async def test_an_adapter_may_fetch_without_a_generator(
    answer: Callable[[], object], expected: object, door: Door, clock: VirtualClock
) -> None:
    provider = FakeProvider("acme")
    provider.fetch = lambda _: answer()  # type: ignore[assignment, method-assign, return-value]
    end, _ = await _finish(_read(door, provider), clock)
    assert end == expected or type(end) is expected


@pytest.mark.parametrize("operation", RETRIED)
async def test_a_call_that_gets_no_place_is_not_tried_again_and_was_no_attempt(
    operation: Verb, door: Door, clock: VirtualClock, events: list[Event]
) -> None:
    narrow = Door(clock=clock, sink=door.sink, concurrency=1)
    held, send = await narrow.enter("acme"), Counting()
    end, pauses = await _finish(call(narrow, "acme", operation, send), clock)
    assert isinstance(end, ProviderBusy)
    assert (send.calls, pauses, _told(events)) == (0, [10.0], [])
    held.close()
    assert await call(narrow, "acme", operation, send) == "answer"
