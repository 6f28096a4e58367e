from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexiom_sdk.clock import Clock
from nexiom_sdk.testing import VirtualClock

AN_HOUR_SECONDS = 3600.0


async def _settled() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_it_is_a_clock_that_starts_where_it_is_told() -> None:
    start = datetime(2030, 1, 2, tzinfo=UTC)
    clock: Clock = VirtualClock(start)
    assert (clock.now(), clock.monotonic()) == (start, 0.0)


def test_both_faces_of_the_clock_move_together() -> None:
    clock = VirtualClock()
    before = clock.now()
    clock.advance(12.5)
    assert (clock.now() - before, clock.monotonic()) == (timedelta(seconds=12.5), 12.5)


def test_time_never_goes_back() -> None:
    clock = VirtualClock()
    clock.advance(5)
    clock.advance(-3)
    assert clock.monotonic() == 5


async def test_it_stands_still_by_itself() -> None:
    clock = VirtualClock()
    sleeping = asyncio.ensure_future(clock.sleep(1))
    for _ in range(2000):
        await asyncio.sleep(0)
    assert not sleeping.done()
    assert clock.monotonic() == 0
    sleeping.cancel()


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_sleepers_wake_in_the_order_of_their_time_and_of_their_coming(pauses: list[float]) -> None:
    async def scene() -> list[int]:
        clock, woken = VirtualClock(), list[int]()

        async def sleep(number: int) -> None:
            await clock.sleep(pauses[number])
            woken.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(len(pauses)):
                group.create_task(sleep(number))
            await _settled()
            clock.advance(100)
        return woken

    assert asyncio.run(scene()) == sorted(range(len(pauses)), key=pauses.__getitem__)


async def test_only_those_who_are_due_wake() -> None:
    clock = VirtualClock()
    short, long = asyncio.ensure_future(clock.sleep(2)), asyncio.ensure_future(clock.sleep(2.5))
    await _settled()
    clock.advance(2)
    await _settled()
    assert (short.done(), long.done(), clock.until_next()) == (True, False, 0.5)
    clock.advance(0.5)
    await long


@pytest.mark.parametrize("seconds", [0, -1])
async def test_a_sleep_of_nothing_only_gives_way(seconds: float) -> None:
    clock = VirtualClock()
    await clock.sleep(seconds)
    assert clock.monotonic() == 0


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = VirtualClock()
    sleeping = asyncio.ensure_future(clock.sleep(1))
    await _settled()
    sleeping.cancel()
    await _settled()
    assert clock.until_next() is None
    clock.advance(2)


async def test_an_hour_of_looks_passes_by_itself() -> None:
    clock = VirtualClock(auto=True)
    looks = 0
    while clock.monotonic() < AN_HOUR_SECONDS:
        await clock.sleep(10)
        looks += 1
    assert looks == 360


async def test_time_goes_on_soon_after_everything_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, rounds, watch = VirtualClock(auto=True), list[int](), VirtualClock._watch

    def counted(self: VirtualClock, *state: object) -> None:
        rounds.append(1)
        watch(self, *state)  # type: ignore[arg-type]

    monkeypatch.setattr(VirtualClock, "_watch", counted)
    await clock.sleep(3600)
    assert len(rounds) < 50, "an hour must not cost more than some rounds of the loop"


async def test_time_stops_at_every_sleeper() -> None:
    clock = VirtualClock(auto=True)

    async def stops(every: float) -> list[float]:
        moments: list[float] = []
        for _ in range(3):
            await clock.sleep(every)
            moments.append(clock.monotonic())
        return moments

    assert list(await asyncio.gather(stops(1), stops(1.5))) == [[1, 2, 3], [1.5, 3, 4.5]]


async def test_time_waits_for_a_task_that_is_busy() -> None:
    clock = VirtualClock(auto=True)
    seen: list[float] = []

    async def busy() -> None:
        for _ in range(200):
            await asyncio.sleep(0)
            seen.append(clock.monotonic())

    await asyncio.gather(busy(), clock.sleep(5))
    assert set(seen) == {0.0}
    assert clock.monotonic() == 5


async def test_time_waits_for_an_answer_over_loopback() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        await writer.drain()
        writer.close()

    clock = VirtualClock(auto=True)
    async with await asyncio.start_server(echo, "127.0.0.1") as server:
        heartbeat = asyncio.ensure_future(clock.sleep(60))
        await _settled()
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"ping")
        answer = await reader.readexactly(4)
        asked_at = clock.monotonic()
        writer.close()
        await writer.wait_closed()
        await heartbeat
    assert (answer, asked_at) == (b"ping", 0.0)


async def test_a_task_that_waits_by_spinning_does_not_stop_time() -> None:
    clock = VirtualClock(auto=True)
    sleeping = asyncio.ensure_future(clock.sleep(5))
    async with asyncio.timeout(20):
        while not sleeping.done():
            await asyncio.sleep(0)
    assert clock.monotonic() == 5


async def test_time_rests_when_nobody_sleeps_and_goes_on_later() -> None:
    clock = VirtualClock(auto=True)
    await clock.sleep(1)
    await _settled()
    assert clock.monotonic() == 1
    await clock.sleep(1)
    assert clock.monotonic() == 2


def test_a_second_loop_may_use_the_clock_after_the_first() -> None:
    clock = VirtualClock(auto=True)

    async def gives_up(sleep: Awaitable[None]) -> None:
        asyncio.ensure_future(sleep)  # noqa: RUF006 - the loop ends before it does
        await asyncio.sleep(0)

    asyncio.run(gives_up(clock.sleep(30)))
    asyncio.run(clock.sleep(3))
    assert clock.monotonic() == 3


def test_the_test_kit_does_not_import_pytest() -> None:
    code = "import sys, nexiom_sdk.testing; print('pytest' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
