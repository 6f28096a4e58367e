"""What is put right beside the work: one round at a time, and nobody waits for one."""

from __future__ import annotations

import asyncio

import pytest

from nexiom_sdk.upkeep import Upkeep


class Rounds:
    """Rounds that last until they are let go."""

    def __init__(self) -> None:
        self.begun = self.ended = self.cut_short = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> None:
        self.begun += 1
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cut_short += 1
            raise
        self.ended += 1


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_round_runs_at_a_time_and_the_next_one_can_begin_when_it_has_ended() -> None:
    upkeep = Upkeep(rounds := Rounds())
    for _ in range(3):
        upkeep.begin()
        await _settled()
    assert (rounds.begun, rounds.ended) == (1, 0)
    rounds.go_on.set()
    await _settled()
    upkeep.begin()
    await _settled()
    assert (rounds.begun, rounds.ended) == (2, 2)


async def test_a_round_that_takes_too_long_is_cut_short_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nexiom_sdk.upkeep.ROUND_SECONDS", 0.01)
    upkeep = Upkeep(rounds := Rounds())
    upkeep.begin()
    await upkeep.end(patience_seconds=5)
    assert rounds.cut_short == 1
    assert [one.__dict__["action"] for one in caplog.records] == ["not_recovered"]


async def test_an_end_with_patience_lets_the_round_end_and_one_without_cuts_it_short() -> None:
    patient, hasty = Upkeep(first := Rounds()), Upkeep(second := Rounds())
    patient.begin()
    hasty.begin()
    await _settled()
    asyncio.get_running_loop().call_later(0.02, first.go_on.set)
    await patient.end(patience_seconds=5)
    await hasty.end()
    assert (first.ended, second.ended, second.cut_short) == (1, 0, 1)


async def test_an_end_does_not_wait_for_a_round_that_cannot_be_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nexiom_sdk.upkeep.LET_GO_SECONDS", 0.01)
    go_on = asyncio.Event()

    async def deaf() -> None:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    upkeep = Upkeep(deaf)
    upkeep.begin()
    await _settled()
    async with asyncio.timeout(5):
        await upkeep.end()
    go_on.set()
    await _settled()


async def test_a_defect_in_a_round_is_told_and_ends_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    upkeep = Upkeep(broken)
    upkeep.begin()
    await upkeep.end(patience_seconds=5)
    assert [one.__dict__["action"] for one in caplog.records] == ["not_recovered"]
    assert caplog.records[0].exc_info


async def test_an_end_before_any_round_is_nothing() -> None:
    await Upkeep(Rounds()).end(patience_seconds=5)
