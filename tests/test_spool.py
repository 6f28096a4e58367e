"""Files between the provider and the store, on real files."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.disk import LEFTOVER_SECONDS
from nexiom_sdk.errors import ResultInvalid, StorageUnavailable
from nexiom_sdk.events import AssetStored, Event
from nexiom_sdk.hashed_files import BATCH_BYTES
from nexiom_sdk.providers.calls import Door
from nexiom_sdk.spool import Spool
from nexiom_sdk.storage import ObjectStore
from nexiom_sdk.testing import FakeProvider, VirtualClock, sample_video
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.testing.store_contract import content
from nexiom_sdk.types import Asset

HERE = Asset(data=sample_video())
THERE = Asset(url="https://cdn.example/clip.mp4")
HASH = hashlib.sha256(sample_video()).hexdigest()


class Rig:
    def __init__(self, folder: Path, store: ObjectStore) -> None:
        self.folder = folder / "spool"
        self.store = store
        self.events: list[Event] = []
        self.job = sample_job(VirtualClock())
        self.provider = FakeProvider("acme")
        door = Door(clock=VirtualClock(), sink=self.events.append)
        self.spool = Spool(folder=self.folder, store=store, door=door, sink=self.events.append)

    async def videos(self) -> list[str]:
        return [info.key async for info in self.store.list("outputs/") if info.key.endswith(".mp4")]


@pytest.fixture(params=["file", "memory"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return Rig(tmp_path, LocalFiles(tmp_path) if request.param == "file" else MemoryStore())


@pytest.fixture
def on_disk(tmp_path: Path) -> Rig:
    return Rig(tmp_path, LocalFiles(tmp_path))


async def test_several_files_arrive_in_order_and_are_described_as_they_are(rig: Rig) -> None:
    longer = sample_video() + b"\0\0\0\x0cfreeend."
    files = await rig.spool.fetch(rig.job, rig.provider, [HERE, THERE, Asset(data=longer)])
    stored = await rig.spool.store_all(rig.job, files)
    expected = [sample_video(), sample_video(), longer]
    assert [one.path for one in stored] == [f"_/{rig.job.id}/{index}.mp4" for index in range(3)]
    assert [one.size_bytes for one in stored] == [len(data) for data in expected]
    assert [one.sha256 for one in stored] == [hashlib.sha256(data).hexdigest() for data in expected]
    assert [await content(rig.store, f"outputs/{one.path}") for one in stored] == expected
    assert [one.sha256 for one in rig.events if isinstance(one, AssetStored)] == [one.sha256 for one in stored]


async def test_files_wait_until_they_are_dropped_and_are_then_the_same(rig: Rig) -> None:
    fetched = await rig.spool.fetch(rig.job, rig.provider, [THERE])
    first = await rig.spool.store_all(rig.job, fetched)
    assert await rig.spool.files(rig.job) == fetched
    assert await rig.spool.store_all(rig.job, await rig.spool.files(rig.job)) == first
    await rig.spool.drop(rig.job)
    assert await rig.spool.files(rig.job) == ()
    assert await content(rig.store, (await rig.videos())[0]) == sample_video()


async def test_a_store_on_the_same_disk_gets_the_file_itself(on_disk: Rig, tmp_path: Path) -> None:
    [file] = await on_disk.spool.fetch(on_disk.job, on_disk.provider, [THERE])
    await on_disk.spool.store_all(on_disk.job, [file])
    assert file.samefile(tmp_path / (await on_disk.videos())[0])


async def test_half_a_file_is_dropped_and_reaches_no_store(rig: Rig) -> None:
    files = await rig.spool.fetch(rig.job, rig.provider, [HERE, Asset(data=sample_video()[:9000])])
    with pytest.raises(ResultInvalid):
        await rig.spool.store_all(rig.job, files[1:])
    assert await rig.spool.files(rig.job) == ()
    assert await rig.videos() == []


class Stuck(FakeProvider):
    """Sends the beginning of each file, and then nothing more."""

    def __init__(self) -> None:
        super().__init__("acme")
        self.half_way, self.closed = asyncio.Event(), False

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        try:
            yield bytes(BATCH_BYTES)
            self.half_way.set()
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_nothing_is_there_until_all_of_it_is_and_a_cancel_leaves_nothing(on_disk: Rig) -> None:
    provider = Stuck()
    fetching = asyncio.ensure_future(on_disk.spool.fetch(on_disk.job, provider, [HERE, THERE]))
    await provider.half_way.wait()
    assert await on_disk.spool.files(on_disk.job) == ()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert provider.closed
    assert list(on_disk.folder.iterdir()) == []


async def test_a_full_disk_lets_go_of_the_provider(on_disk: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Stuck):
        async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
            try:
                while True:
                    yield bytes(1024)
            finally:
                self.closed = True

    def full(_file: object, _batch: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nexiom_sdk.hashed_files._HashedFile.write", full)
    provider = Endless()
    with pytest.raises(StorageUnavailable, match="cannot be written to the spool"):
        await on_disk.spool.fetch(on_disk.job, provider, [THERE])
    assert provider.closed
    assert list(on_disk.folder.iterdir()) == []


async def test_two_holders_of_one_order_do_not_touch_each_others_files(on_disk: Rig) -> None:
    stuck = Stuck()
    fetching = asyncio.ensure_future(on_disk.spool.fetch(on_disk.job, stuck, [THERE]))
    await stuck.half_way.wait()
    later = on_disk.job.evolve(fence=on_disk.job.fence + 1)
    [file] = await on_disk.spool.fetch(later, on_disk.provider, [THERE])
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert (file.read_bytes(), file.suffix) == (sample_video(), f".{HASH}")


async def test_what_a_dead_process_left_half_fetched_is_swept_and_what_waits_is_not(on_disk: Rig) -> None:
    waiting = await on_disk.spool.fetch(on_disk.job, on_disk.provider, [THERE])
    dead = on_disk.folder / "j9.0.1.part"
    dead.mkdir()
    (dead / "000").write_bytes(b"half")
    for folder in (dead, waiting[0].parent):
        then = folder.stat().st_mtime - 2 * LEFTOVER_SECONDS
        os.utime(folder, (then, then))
    await on_disk.spool.fetch(sample_job(VirtualClock()), on_disk.provider, [THERE])
    assert not dead.exists()
    assert await on_disk.spool.files(on_disk.job) == waiting
