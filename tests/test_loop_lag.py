"""A worker never blocks its event loop: over SQLite and a folder, hundreds of jobs, results of several MiB.

Its first job is not counted: modules are loaded when they are first needed, which takes a tenth of a second, once.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from loop_lag import Lag, measured
from nexiom_sdk import Settings, Studio, VideoRequest
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing import FakeProvider, fake_card, sample_video
from nexiom_sdk.types import Asset
from rig import policy_over

MIB = 1024 * 1024
LONGEST_CPU_SECONDS = 0.1  # work, which no other load on the machine lengthens
LONGEST_WALL_SECONDS = 1.0  # generous: the machine may be busy with something else
_FILLING = (4 * MIB).to_bytes(4, "big") + b"free" + bytes(4 * MIB - 8)  # a box that players skip
VIDEO = sample_video() + _FILLING


class _Large(FakeProvider):
    """Its videos have a little more than 4 MiB."""

    def __init__(self, look: Callable[[], object] = lambda: None) -> None:
        cards = (fake_card(typical_seconds=0.001, min_poll_seconds=0.001),)
        super().__init__("acme", models=cards, submission_recovery="none")
        self._look = look

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        self._look()
        for start in range(0, len(VIDEO), MIB // 4):
            yield VIDEO[start : start + MIB // 4]


async def _worked(home: Path, fake: FakeProvider, jobs: int) -> Lag:
    fake.running(1).succeed()
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", lambda config, /, *, http=None: fake)
    async with Studio(settings=Settings(home=home), registry=registry, policy=policy_over("acme/fake-1")) as studio:
        for _ in range(jobs):
            await studio.submit(VideoRequest(prompt="a fox in snow"), defer=True)
        worker = studio.worker()
        with measured() as lag:
            working = asyncio.create_task(worker.run())
            async with asyncio.timeout(100):
                while (await studio.repository.usage(UsageQuery())).active:
                    await asyncio.sleep(0.2)
            worker.stop()
            await working
    return lag


async def test_a_worker_never_blocks_its_event_loop(tmp_path: Path) -> None:
    await _worked(tmp_path / "first", _Large(), jobs=1)
    fake = _Large()
    lag = await _worked(tmp_path, fake, jobs=200)
    assert len(fake.accepted) == 200
    videos = list((tmp_path / "outputs").rglob("*.mp4"))
    assert len(videos) == 200
    assert {video.stat().st_size for video in videos} == {len(VIDEO)}
    assert lag.cpu_seconds < LONGEST_CPU_SECONDS, lag
    assert lag.wall_seconds < LONGEST_WALL_SECONDS, lag


def _sleep() -> None:
    time.sleep(1.5 * LONGEST_WALL_SECONDS)


def _hash() -> None:
    digest, chunk = hashlib.sha256(), bytes(8 * MIB)
    for _ in range(64):
        digest.update(chunk)


@pytest.mark.parametrize(("block", "worked"), [(_sleep, False), (_hash, True)], ids=["a sleep", "a hash"])
async def test_the_measure_sees(block: Callable[[], None], worked: bool, tmp_path: Path) -> None:
    lag = await _worked(tmp_path, _Large(block), jobs=2)
    if worked:
        assert lag.cpu_seconds > LONGEST_CPU_SECONDS
    else:
        assert lag.wall_seconds > LONGEST_WALL_SECONDS
