"""A database that goes away under a step: a real file, locked by another connection."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexiom_sdk import JobStatus, Settings, Studio, VideoRequest
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, fake_card
from nexiom_sdk.types import Asset
from rig import policy_over
from sqlite_rig import opened

QUICK = (fake_card(typical_seconds=0.001, min_poll_seconds=0.001),)


class _Locking(FakeProvider):
    """Its last byte is the moment at which somebody locks the database."""

    def __init__(self, lock: sqlite3.Connection) -> None:
        super().__init__("acme", models=QUICK, submission_recovery="none")
        self._lock = lock
        self.locked = asyncio.Event()

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        async for chunk in super().fetch(asset):
            yield chunk
        self._lock.execute("begin immediate")
        self.locked.set()


async def test_a_video_that_was_fetched_waits_in_the_spool_until_the_database_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nexiom_sdk.backends.sqlite_file.LOCK_WAIT_SECONDS", 0.05)
    monkeypatch.setattr("nexiom_sdk.schedule.LONGEST_BACKOFF_SECONDS", 0.1)
    with opened(tmp_path / "nexiom.db") as lock:
        fake = _Locking(lock)
        fake.succeed()
        registry = ProviderRegistry(entry_points=[])
        registry.register("acme", lambda config, /, *, http=None: fake)
        settings = Settings(home=tmp_path, lease_seconds=1)
        policy = policy_over("acme/fake-1")
        async with Studio(settings=settings, registry=registry, policy=policy) as studio:
            job = await studio.submit(VideoRequest(prompt="a fox in snow"), defer=True)
            working = asyncio.create_task((worker := studio.worker()).run())
            async with asyncio.timeout(30):
                await fake.locked.wait()
                while not {"no_rows", "step_failed"} <= {*_actions(caplog)}:
                    await asyncio.sleep(0.01)
                [video] = (tmp_path / "spool" / f"{job.id}.0").iterdir()
                assert video.stat().st_size > 1000
                lock.execute("rollback")
                while (row := await studio.get(job.id)).status is not JobStatus.COMPLETED:
                    await asyncio.sleep(0.01)
                while "rows_again" not in _actions(caplog):  # the step may reach the rows before the next look does
                    await asyncio.sleep(0.01)
            worker.stop()
            await working
    assert fake.calls.count("fetch") == 1
    assert len(fake.accepted) == 1
    assert (tmp_path / "outputs" / str(row.result_path)).is_file()
    assert list((tmp_path / "spool").iterdir()) == []
    assert [one for one in _actions(caplog) if one != "step_failed"] == ["no_rows", "rows_again"]
    assert "step_failed" in _actions(caplog)


def _actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.__dict__["action"] for one in caplog.records if one.levelno >= logging.WARNING]
