from __future__ import annotations

import itertools

import pytest

from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.outage import Outage
from nexiom_sdk.testing import VirtualClock

AWAY = StorageUnavailable("The database is away.")


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_an_outage_of_a_day_is_told_in_few_lines_at_growing_intervals(
    clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    outage = Outage(clock)
    told: list[float] = []
    for _ in range(24 * 60):
        before = len(caplog.records)
        outage.failed(AWAY, pause_seconds=60)
        told.extend([clock.monotonic()] * (len(caplog.records) - before))
        clock.advance(60)
    outage.over()
    assert told[:6] == [0, 60, 120, 240, 480, 960]
    assert max(later - earlier for earlier, later in itertools.pairwise(told)) <= 3660
    assert len(told) < 35
    assert "The database is away." in _lines(caplog)[0]
    assert "next try in 60 s" in _lines(caplog)[0]
    assert "for 60 s now, 2 tries failed" in _lines(caplog)[1]
    assert _lines(caplog)[-1] == "jobs can be read again, after 86400 s"


def test_a_database_that_is_there_is_not_spoken_of(clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(clock)
    outage.over()
    outage.over()
    assert caplog.records == []


def test_the_next_outage_is_told_from_its_beginning(clock: VirtualClock, caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(clock)
    outage.failed(AWAY, pause_seconds=2)
    clock.advance(5)
    outage.over()
    caplog.clear()
    clock.advance(100)
    outage.failed(AWAY, pause_seconds=2)
    clock.advance(7)
    outage.over()
    assert [record.__dict__["action"] for record in caplog.records] == ["no_rows", "rows_again"]
    assert _lines(caplog)[-1] == "jobs can be read again, after 7 s"
