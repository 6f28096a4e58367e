"""Results between the provider and the store, on real files."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest
from PIL import Image

from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.disk import LEFTOVER_SECONDS
from nexiom_sdk.errors import ResultInvalid, StorageUnavailable
from nexiom_sdk.events import AssetStored, Event
from nexiom_sdk.hashed_files import BATCH_BYTES
from nexiom_sdk.providers.calls import Door
from nexiom_sdk.results import Results
from nexiom_sdk.spool import Spool
from nexiom_sdk.storage import ObjectInfo, ObjectStore
from nexiom_sdk.testing import FakeProvider, VirtualClock, sample_video
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.testing.store_contract import content
from nexiom_sdk.types import Asset

HERE = Asset(data=sample_video())
THERE = Asset(url="https://cdn.example/clip.mp4")
MOST_BYTES = 64 * 1024**2
HASH = hashlib.sha256(sample_video()).hexdigest()


class Rig:
    def __init__(self, folder: Path, store: ObjectStore) -> None:
        self.folder = folder / "spool"
        self.store = store
        self.events: list[Event] = []
        self.job = sample_job(VirtualClock())
        self.provider = FakeProvider("acme")
        door = Door(clock=VirtualClock(), sink=self.events.append)
        self.spool = Spool(self.folder, most_bytes=MOST_BYTES)
        self.results = Results(spool=self.spool, store=store, door=door, sink=self.events.append)

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
    files = await rig.results.fetch(rig.job, rig.provider, [HERE, THERE, Asset(data=longer)])
    stored = await rig.results.store_all(rig.job, files)
    expected = [sample_video(), sample_video(), longer]
    assert [one.path for one in stored] == [f"_/{rig.job.id}/{index}.mp4" for index in range(3)]
    assert [one.size_bytes for one in stored] == [len(data) for data in expected]
    assert [one.sha256 for one in stored] == [hashlib.sha256(data).hexdigest() for data in expected]
    assert [await content(rig.store, f"outputs/{one.path}") for one in stored] == expected
    assert [one.sha256 for one in rig.events if isinstance(one, AssetStored)] == [one.sha256 for one in stored]


async def test_files_wait_until_they_are_dropped_and_are_then_the_same(rig: Rig) -> None:
    fetched = await rig.results.fetch(rig.job, rig.provider, [THERE])
    first = await rig.results.store_all(rig.job, fetched)
    assert await rig.spool.files(rig.job) == fetched
    assert await rig.results.store_all(rig.job, await rig.spool.files(rig.job)) == first
    await rig.spool.drop(rig.job)
    assert await rig.spool.files(rig.job) == ()
    assert await content(rig.store, (await rig.videos())[0]) == sample_video()


async def test_a_store_on_the_same_disk_gets_the_file_itself(on_disk: Rig, tmp_path: Path) -> None:
    [file] = await on_disk.results.fetch(on_disk.job, on_disk.provider, [THERE])
    await on_disk.results.store_all(on_disk.job, [file])
    assert file.samefile(tmp_path / (await on_disk.videos())[0])


async def test_half_a_file_is_dropped_and_reaches_no_store(rig: Rig) -> None:
    files = await rig.results.fetch(rig.job, rig.provider, [HERE, Asset(data=sample_video()[:9000])])
    with pytest.raises(ResultInvalid):
        await rig.results.store_all(rig.job, files[1:])
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
    fetching = asyncio.ensure_future(on_disk.results.fetch(on_disk.job, provider, [HERE, THERE]))
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

    monkeypatch.setattr("nexiom_sdk.hashed_files.HashedFile._write", full)
    provider = Endless()
    with pytest.raises(StorageUnavailable, match="cannot be written to the spool"):
        await on_disk.results.fetch(on_disk.job, provider, [THERE])
    assert provider.closed
    assert list(on_disk.folder.iterdir()) == []


async def test_two_holders_of_one_order_do_not_touch_each_others_files(on_disk: Rig) -> None:
    stuck = Stuck()
    fetching = asyncio.ensure_future(on_disk.results.fetch(on_disk.job, stuck, [THERE]))
    await stuck.half_way.wait()
    later = on_disk.job.evolve(fence=on_disk.job.fence + 1)
    [file] = await on_disk.results.fetch(later, on_disk.provider, [THERE])
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert (file.read_bytes(), file.suffix) == (sample_video(), f".{HASH}")


async def test_what_a_dead_process_left_half_fetched_is_swept_and_what_waits_is_not(on_disk: Rig) -> None:
    waiting = await on_disk.results.fetch(on_disk.job, on_disk.provider, [THERE])
    dead = on_disk.folder / "j9.0.1.part"
    dead.mkdir()
    (dead / "000").write_bytes(b"half")
    for folder in (dead, waiting[0].parent):
        then = folder.stat().st_mtime - 2 * LEFTOVER_SECONDS
        os.utime(folder, (then, then))
    await on_disk.results.fetch(sample_job(VirtualClock()), on_disk.provider, [THERE])
    assert not dead.exists()
    assert await on_disk.spool.files(on_disk.job) == waiting


class Slow(MemoryStore):
    """A store that takes what comes only when it is told to; it notes what was put."""

    def __init__(self, *, failing: bool = False) -> None:
        super().__init__()
        self.go, self.begun, self.failing, self.outcome = asyncio.Event(), asyncio.Event(), failing, ""

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        if not media_type.startswith("video/"):
            return await super().put(key, chunks, media_type=media_type)
        self.begun.set()
        if self.failing:
            raise StorageUnavailable("The store is down.")
        await self.go.wait()
        try:
            info = await super().put(key, chunks, media_type=media_type)
        except BaseException as error:
            self.outcome = type(error).__name__
            raise
        self.outcome = "stored"
        return info


@pytest.fixture
def slow(tmp_path: Path) -> Rig:
    return Rig(tmp_path, Slow())


class InTwoParts(FakeProvider):
    """Sends a file, or only its first half, and waits in the middle."""

    def __init__(self, *, whole: bool = True) -> None:
        super().__init__("acme")
        self.half_way, self.go_on, self.whole = asyncio.Event(), asyncio.Event(), whole
        self.data = sample_video() + b"\0\x30\0\0free" + bytes(0x300000 - 8)

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        yield self.data[: 2 * BATCH_BYTES]
        self.half_way.set()
        await self.go_on.wait()
        if self.whole:
            yield self.data[2 * BATCH_BYTES :]


async def test_the_store_takes_a_file_while_it_is_coming(slow: Rig) -> None:
    provider, store = InTwoParts(), slow.store
    assert isinstance(store, Slow)
    bringing = asyncio.ensure_future(slow.results.bring(slow.job, provider, [THERE]))
    await store.begun.wait()
    assert not provider.go_on.is_set()
    provider.go_on.set()
    store.go.set()
    [video] = await bringing
    assert await content(store, f"outputs/{video.path}") == provider.data
    assert video.sha256 == hashlib.sha256(provider.data).hexdigest()
    assert [file.read_bytes() for file in await slow.spool.files(slow.job)] == [provider.data]


async def test_a_slow_store_does_not_slow_the_provider(slow: Rig) -> None:
    provider, store = InTwoParts(), slow.store
    assert isinstance(store, Slow)
    provider.go_on.set()
    bringing = asyncio.ensure_future(slow.results.bring(slow.job, provider, [THERE]))
    while not await slow.spool.files(slow.job):
        await asyncio.sleep(0)
    assert not store.outcome  # the file is safe before the store has taken a byte
    store.go.set()
    assert len(await bringing) == 1


async def test_half_a_file_never_ends_in_the_store(slow: Rig) -> None:
    provider, store = InTwoParts(whole=False), slow.store
    assert isinstance(store, Slow)
    store.go.set()
    provider.go_on.set()
    with pytest.raises(ResultInvalid):
        await slow.results.bring(slow.job, provider, [THERE])
    assert store.outcome in {"ResultInvalid", "CancelledError"}
    assert await slow.videos() == []
    assert list(slow.folder.iterdir()) == []


async def test_a_store_that_fails_meanwhile_leaves_the_whole_order_in_the_spool(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Slow(failing=True))
    with pytest.raises(StorageUnavailable, match="The store is down"):
        await rig.results.bring(rig.job, rig.provider, [THERE, HERE])
    assert [file.read_bytes() for file in await rig.spool.files(rig.job)] == [sample_video()] * 2


async def test_a_store_that_has_less_than_it_got_does_not_have_the_video(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def less(key: str, *_: object, media_type: str) -> ObjectInfo:
        return ObjectInfo(key=key, size_bytes=10, media_type=media_type)

    for verb in ("put", "put_file"):
        monkeypatch.setattr(rig.store, verb, less, raising=False)
    with pytest.raises(StorageUnavailable, match="10 of the"):
        await rig.results.bring(rig.job, rig.provider, [THERE])
    assert len(await rig.spool.files(rig.job)) == 1


async def test_a_cancel_while_it_is_stored_leaves_it_in_the_spool_and_no_task_behind(slow: Rig) -> None:
    bringing = asyncio.ensure_future(slow.results.bring(slow.job, slow.provider, [THERE]))
    while not await slow.spool.files(slow.job):
        await asyncio.sleep(0)
    bringing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bringing
    assert len(await slow.spool.files(slow.job)) == 1
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("nexiom store")] == []


async def test_results_in_either_container_have_its_name(rig: Rig) -> None:
    videos = await rig.results.bring(rig.job, rig.provider, [HERE, Asset(data=webm())])
    assert [video.path.rpartition(".")[2] for video in videos] == ["mp4", "webm"]
    assert [info.media_type async for info in rig.store.list("outputs/") if info.key.endswith(".webm")] == [
        "video/webm"
    ]


async def test_a_signed_record_of_how_it_was_made_is_stored_byte_for_byte_and_told(rig: Rig) -> None:
    signed = (Path(__file__).parent / "data" / "signed.mp4").read_bytes()
    [video, plain] = await rig.results.bring(rig.job, rig.provider, [Asset(data=signed), HERE])
    assert [one.probe.provenance for one in (video, plain)] == [True, False]
    assert await content(rig.store, f"outputs/{video.path}") == signed


def webm() -> bytes:
    """Four frames of orange."""
    made = io.BytesIO()
    with av.open(made, "w", format="webm") as out:
        picture = out.add_stream("libvpx-vp9", rate=4)
        assert isinstance(picture, av.VideoStream)
        picture.width, picture.height, picture.pix_fmt = 64, 36, "yuv420p"
        for _ in range(4):
            orange = Image.new("RGB", (64, 36), "orange")
            out.mux(picture.encode(av.VideoFrame.from_image(orange)))  # type: ignore[no-untyped-call]  # av 18
        out.mux(picture.encode())
    return made.getvalue()
