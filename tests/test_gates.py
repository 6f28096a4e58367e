"""The gate of a provider: places in turn, none lost, and nobody waits long for a provider that hangs."""

from __future__ import annotations

import asyncio

import pytest

from nexiom_sdk.errors import ProviderBusy
from nexiom_sdk.providers.gates import Gate
from nexiom_sdk.testing import VirtualClock


def _gate(clock: VirtualClock, places: int = 1) -> Gate:
    return Gate(provider="acme", clock=clock, places=places)


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_are_given_in_the_order_in_which_they_were_asked_for(clock: VirtualClock) -> None:
    gate, order = _gate(clock), list[int]()

    async def once(number: int) -> None:
        with await gate.enter():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(once(number) for number in range(9)))
    assert (order, gate.places) == (list(range(9)), 1)


async def test_whoever_gets_no_place_in_time_goes_and_says_that_nothing_was_sent(clock: VirtualClock) -> None:
    gate = _gate(clock)
    held = await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await _settled()
    clock.advance(9.9)
    await _settled()
    assert not waiting.done()
    clock.advance(0.2)
    with pytest.raises(ProviderBusy, match="acme is busy: no place came free within 10 s") as caught:
        await waiting
    assert caught.value.charged is None
    held.close()
    assert gate.places == 1


async def test_at_a_gate_that_has_not_moved_newcomers_go_at_once(clock: VirtualClock) -> None:
    gate = _gate(clock)
    await gate.enter()
    clock.advance(10)
    with pytest.raises(ProviderBusy):
        await gate.enter()
    assert clock.until_next() is None


async def test_a_gate_that_was_empty_for_long_is_not_taken_for_one_that_hangs(clock: VirtualClock) -> None:
    gate = _gate(clock)
    clock.advance(3600)
    held = await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await _settled()
    held.close()
    with await waiting:
        assert gate.places == 0
    assert gate.places == 1


@pytest.mark.parametrize("handed_over", [False, True])
async def test_a_place_is_not_lost_when_whoever_waits_for_it_is_cancelled(
    handed_over: bool, clock: VirtualClock
) -> None:
    gate = _gate(clock)
    held = await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await _settled()
    if handed_over:
        held.close()  # the place is on its way to the one that is cancelled now
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.close()
    assert gate.places == 1
    assert clock.until_next() is None


async def test_a_place_is_not_lost_when_whoever_has_it_is_cancelled_before_its_start(clock: VirtualClock) -> None:
    gate = Gate(provider="acme", clock=clock, places=1, spacing_seconds=5)
    (await gate.enter()).close()
    spaced = asyncio.create_task(gate.enter())
    await _settled()
    spaced.cancel()
    with pytest.raises(asyncio.CancelledError):
        await spaced
    assert gate.places == 1
