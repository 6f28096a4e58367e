from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.events import Event, JobMoved, WorkerDraining, WorkerTicked
from nexiom_sdk.health import HealthFile
from nexiom_sdk.testing import VirtualClock

MOVED = JobMoved(job_id="j", before="queued", phase="submitting", status="processing", error_code=None)


async def _told(health: HealthFile, *events: Event) -> None:
    for event in events:
        health(event)
        if health._writing is not None:
            await health._writing


async def test_the_file_is_one_line_that_says_what_the_worker_did(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "health"
    health = HealthFile(file, clock=clock)
    await _told(health, WorkerTicked(claimed=3, running=3))
    clock.advance(1)
    await _told(health, WorkerTicked(claimed=2, running=4, oldest_due_seconds=1.5))
    [line] = file.read_text("utf-8").splitlines()
    assert json.loads(line) == {
        "at": "2026-11-24T12:00:01+00:00",
        "pid": os.getpid(),
        "running": 4,
        "claimed_total": 5,
        "steps_total": 1,
        "oldest_due_seconds": 1.5,
        "draining": False,
    }
    assert [one.name for one in tmp_path.iterdir()] == ["health"]


async def test_it_is_written_at_most_once_a_second_and_counts_all_the_same(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "health"
    health = HealthFile(file, clock=clock)
    for _ in range(10):
        await _told(health, WorkerTicked(claimed=1, running=0))
        clock.advance(0.125)
    assert json.loads(file.read_text("utf-8"))["claimed_total"] == 9


async def test_only_a_look_at_the_table_makes_it_young(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "health"
    await _told(HealthFile(file, clock=clock), MOVED)
    assert not file.exists()


async def test_a_worker_that_ends_says_so_at_once_and_keeps_the_file_young(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "health"
    health = HealthFile(file, clock=clock)
    await _told(health, WorkerTicked(claimed=3, running=3, oldest_due_seconds=1.5), WorkerDraining(running=2))
    said = json.loads(file.read_text("utf-8"))
    assert (said["draining"], said["running"], said["steps_total"]) == (True, 2, 1)
    assert said["oldest_due_seconds"] == 1.5
    clock.advance(10)
    await _told(health, WorkerDraining(running=1))
    assert json.loads(file.read_text("utf-8"))["at"] == "2026-11-24T12:00:10+00:00"


@pytest.mark.parametrize("name", ["gone/health", "file/health"])
async def test_a_file_that_cannot_be_written_is_refused_when_that_is_asked(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the place of a folder")
    with pytest.raises(ConfigurationError, match=r"health file .* cannot be written"):
        await HealthFile(tmp_path / name).check()
    await HealthFile(tmp_path / "health").check()
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


async def test_it_is_never_seen_half_written(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "health"
    health = HealthFile(file, clock=clock)
    await _told(health, WorkerTicked(claimed=0, running=0))
    held = file.open(encoding="utf-8")  # a reader that is slow keeps what it opened
    clock.advance(1)
    await _told(health, WorkerTicked(claimed=7, running=0))
    with held:
        assert json.loads(held.read())["claimed_total"] == 0
    assert json.loads(file.read_text("utf-8"))["claimed_total"] == 7


async def test_a_disk_that_does_not_take_it_is_told_once_and_stops_nobody(
    tmp_path: Path, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "gone" / "health"
    health = HealthFile(file, clock=clock)
    for _ in range(3):
        await _told(health, WorkerTicked(claimed=0, running=0))
        clock.advance(1)
    assert [record.__dict__["action"] for record in caplog.records] == ["no_health_file"]
    file.parent.mkdir()
    await _told(health, WorkerTicked(claimed=0, running=0))
    assert file.exists()


async def test_the_event_loop_does_not_wait_for_the_disk(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "health"
    os.mkfifo(tmp_path / ".health.part")  # a write to it waits for a reader that never comes
    health = HealthFile(file, clock=clock)
    health(WorkerTicked(claimed=0, running=0))
    hanging = health._writing
    async with asyncio.timeout(5):
        for _ in range(3):
            clock.advance(2)
            health(WorkerTicked(claimed=0, running=0))
            await asyncio.sleep(0)
    still = health._writing
    reader = os.open(tmp_path / ".health.part", os.O_RDONLY | os.O_NONBLOCK)  # lets the write end
    await health.remove()
    os.close(reader)
    assert still is hanging  # threads do not queue up behind a disk that hangs


async def test_a_clean_end_takes_it_away_and_may_come_twice(tmp_path: Path, clock: VirtualClock) -> None:
    file = tmp_path / "health"
    health = HealthFile(file, clock=clock)
    health(WorkerTicked(claimed=0, running=0))
    await health.remove()
    await health.remove()
    assert list(tmp_path.iterdir()) == []
