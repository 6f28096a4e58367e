"""A store that is full, refuses, breaks or is slow, as the user sees it: row F39 of the fault catalogue.

The video is made and paid by then, so it stays on this machine until the store takes it, however long that is: nothing
is asked of the provider again, whose address has long expired.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from kill_provider import provider_server
from kill_rig import Child, world
from media_faults_rig import ResultWire, runway, spooled, step, stored, until_saving
from nexiom_sdk import GenerationJob, JobStatus
from nexiom_sdk.errors import ResultExpired, StorageUnavailable, WaitTimeout
from nexiom_sdk.phases import Phase
from nexiom_sdk.storage import ObjectInfo
from nexiom_sdk.testing import Answer, sample_video
from wire_rig import Bench

HOUR = 3600.0


class Outage:
    """Lets every write into `outputs` meet something first, until it is over.

    Args:
        at: Whose store it is.
        meet: What a write meets.
    """

    def __init__(self, at: Bench, meet: Callable[[], None]) -> None:
        self._meet: Callable[[], None] | None = meet
        store = at.studio.store
        self._put, self._put_file = store.put, store.put_file  # type: ignore[attr-defined]  # files are files here
        store.put = self.put  # type: ignore[method-assign]
        store.put_file = self.put_file  # type: ignore[attr-defined]

    def over(self) -> None:
        self._meet = None

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        self._write(key)
        return await self._put(key, chunks, media_type=media_type)

    async def put_file(self, key: str, file: Path, /, *, media_type: str) -> ObjectInfo:
        self._write(key)
        done: ObjectInfo = await self._put_file(key, file, media_type=media_type)
        return done

    def _write(self, key: str) -> None:
        if key.startswith("outputs/") and self._meet is not None:
            self._meet()


def _says(words: str) -> Callable[[], None]:
    def refuse() -> None:
        raise StorageUnavailable(words)

    return refuse


def _in_the_way(at: Bench, _: pytest.MonkeyPatch) -> Callable[[], None]:
    (at.home / "outputs").write_text("a file where the folder should be")
    return (at.home / "outputs").unlink


def _full_disk(_: Bench, patch: pytest.MonkeyPatch) -> Callable[[], None]:
    def elsewhere(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    patch.setattr("nexiom_sdk.backends.partial_file.os.link", elsewhere)
    patch.setattr("nexiom_sdk.backends.partial_file.shutil.copyfileobj", full)
    return patch.undo


def _answers(words: str) -> Callable[[Bench, pytest.MonkeyPatch], Callable[[], None]]:
    return lambda at, _: Outage(at, _says(words)).over


# How the store breaks; what gives it back. And what the row says meanwhile.
TROUBLES: Mapping[str, tuple[Callable[[Bench, pytest.MonkeyPatch], Callable[[], None]], str]] = {
    "a file is in the way": (_in_the_way, "a file stands where a folder is needed"),
    "the disk is full": (_full_disk, "the disk is full"),
    "no room": (_answers("The store has no room left: 507."), "The store has no room left: 507."),
    "403": (_answers("The store refuses the key: 403."), "The store refuses the key: 403."),
    "500": (_answers("The store is down: 500."), "The store is down: 500."),
}


def is_safe(at: Bench, job: GenerationJob, words: str) -> None:
    """The job goes on, its row says why it waits, and the whole video is on this machine."""
    assert (job.status, job.phase, job.error_code, job.error_message) == (
        JobStatus.PROCESSING,
        Phase.SAVING,
        None,
        None,
    )
    assert words in str(job.provider_metadata["trouble"])
    assert [one.read_bytes() for one in spooled(at)] == [sample_video()]


@pytest.mark.parametrize("how", TROUBLES)
async def test_f39_a_video_waits_for_its_store_as_long_as_it_takes_and_is_neither_fetched_nor_paid_again(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, words = TROUBLES[how]
    wire = ResultWire()
    async with runway(tmp_path, wire) as at:
        over = begin(at, monkeypatch)
        job = await until_saving(at)
        wire.gone_by_now()
        for hours in (0.0, 0.1, 1.0, 23.0, 30.0, 24.0 * 9):
            at.clock.advance(hours * HOUR)
            job = await step(at, job)
            is_safe(at, job, words)
            assert (job.run_at - at.clock.now()).total_seconds() < 70, "it is tried about once a minute"
        over()
        job = await step(at, job)
        assert (job.status, job.error_code, job.provider_metadata.get("trouble")) == (JobStatus.COMPLETED, None, None)
        assert (stored(at), spooled(at)) == ([job.result_path], [])
        assert (await at.studio.result(job)).sha256
    assert (wire.told, len(wire.fetched), len(wire.orders)) == (1, 1, 1)
    assert str(job.cost_usd) == "0.60", "what the provider said, once"


async def test_f39_whoever_waits_for_the_video_is_told_that_the_job_goes_on(tmp_path: Path) -> None:
    async with runway(tmp_path) as at:
        outage = Outage(at, _says("The store is down: 500."))
        job = await until_saving(at)
        is_safe(at, job, "The store is down: 500.")
        with pytest.raises(WaitTimeout) as caught:
            await at.studio.wait(job.id, timeout_seconds=0.05)
        assert "The job goes on" in caught.value.next_step
        outage.over()
        result = await at.studio.wait(job.id)
        assert (stored(at), len(at.wire.orders)) == ([result.path], 1)


async def test_f39_the_row_says_meanwhile_that_the_video_is_safe_and_where(tmp_path: Path) -> None:
    async with runway(tmp_path) as at:
        Outage(at, _says("The store is down: 500."))
        trouble = str((await until_saving(at)).provider_metadata["trouble"])
        assert "safe" in trouble
        assert str(at.studio.settings.spool) in trouble


async def test_f39_a_slow_store_keeps_its_step_and_nobody_stores_twice(tmp_path: Path) -> None:
    wire = ResultWire()
    async with runway(tmp_path, wire) as at:
        store = at.studio.store
        put_file, writes = store.put_file, 0  # type: ignore[attr-defined]

        async def slowly(key: str, file: Path, /, *, media_type: str) -> ObjectInfo:
            nonlocal writes
            writes += 1
            for _ in range(60):
                at.clock.advance(10)
                assert stored(at) == []
                await at.studio.advance(job.id)  # somebody else's worker, while the lease is kept
            done: ObjectInfo = await put_file(key, file, media_type=media_type)
            return done

        store.put_file = slowly  # type: ignore[attr-defined]
        job = await at.studio.submit(at.request())
        result = await at.studio.wait(job.id)
        assert (stored(at), writes, spooled(at)) == ([result.path], 1, [])
    assert (wire.told, len(wire.fetched), len(wire.orders)) == (1, 1, 1)


async def test_f39_a_store_that_breaks_in_the_middle_of_a_write_shows_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = ResultWire()
    async with runway(tmp_path, wire) as at:

        def elsewhere(*_: object) -> None:
            raise OSError(errno.EXDEV, "another file system")

        def broken(source: object, target: object, _: int) -> None:
            target.write(source.read(9000))  # type: ignore[attr-defined]
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as disk:
            disk.setattr("nexiom_sdk.backends.partial_file.os.link", elsewhere)
            disk.setattr("nexiom_sdk.backends.partial_file.shutil.copyfileobj", broken)
            job = await until_saving(at)
            is_safe(at, job, "Input/output error")
            assert stored(at) == []
            assert [one async for one in at.studio.store.list("outputs/")] == []
        job = await step(at, job)
        assert (job.status, stored(at)) == (JobStatus.COMPLETED, [job.result_path])
        assert list((at.home / ".partial").iterdir()) == []
    assert (len(wire.fetched), len(wire.orders)) == (1, 1)


async def test_f39_a_picture_that_the_store_refuses_costs_only_the_picture(tmp_path: Path) -> None:
    async with runway(tmp_path) as at:
        put = at.studio.store.put

        async def no_pictures(key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
            if key.endswith(".jpg"):
                raise StorageUnavailable("The store takes no pictures.")
            return await put(key, chunks, media_type=media_type)

        at.studio.store.put = no_pictures  # type: ignore[method-assign]
        result = await at.studio.generate(at.request())
        assert (result.poster_path, stored(at)) == (None, [result.path])


async def test_f39_a_new_process_finds_the_video_and_asks_nobody(tmp_path: Path) -> None:
    wire = ResultWire()
    async with runway(tmp_path, wire) as at:
        Outage(at, _says("The store is down: 500."))
        job = await until_saving(at)
        is_safe(at, job, "The store is down: 500.")
    silent = ResultWire(Answer(410))
    async with runway(tmp_path, silent) as later:
        later.clock.advance(48 * HOUR)
        job = await later.studio.get(job.id)
        job = await step(later, job)
        assert (job.status, stored(later), spooled(later)) == (JobStatus.COMPLETED, [job.result_path], [])
        assert later.server.received == []
    assert (len(wire.fetched), len(wire.orders), silent.orders) == (1, 1, [])


def test_f39_a_process_that_was_killed_while_the_store_was_down_loses_nothing(tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("a file where the folder should be")
    with contextlib.ExitStack() as until_killed:
        provider = until_killed.enter_context(provider_server("none"))
        with world(tmp_path, provider, "sqlite") as outside:
            first = outside.child()
            job_id = _waits_for_the_store(first)
            first.sends(signal.SIGKILL)
            assert first.ends() == -signal.SIGKILL
            until_killed.close()  # the provider is gone, and so are its addresses
            (tmp_path / "outputs").unlink()
            second = outside.child(job_id=job_id, later=True)
            assert second.ends() == 0, second.log()
            job = outside.row(job_id)
            assert job.status is JobStatus.COMPLETED
            assert [one.read_bytes() for one in outside.videos] == [sample_video()]
    assert (provider.paid, len(provider.fetched)) == ([f"{job_id}.0"], 1)
    assert list((tmp_path / "spool").iterdir()) == []


def _waits_for_the_store(child: Child) -> str:
    """The job, once its second row in saving is written: the first says that the provider is done."""
    for _ in range(3000):
        saving = [words[0] for words in child.said("save") if words[1] == "saving"]
        if len(saving) > 1:
            return saving[0]
        time.sleep(0.01)
    raise AssertionError(child.log())


async def test_f39_a_spool_that_was_lost_as_well_is_filled_again_from_a_fresh_address(tmp_path: Path) -> None:
    wire = ResultWire()
    async with runway(tmp_path, wire) as at:
        outage = Outage(at, _says("The store is down: 500."))
        job = await until_saving(at)
        shutil.rmtree(at.home / "spool")
        outage.over()
        job = await step(at, job)
        assert (job.status, stored(at)) == (JobStatus.COMPLETED, [job.result_path])
    assert [one.query["look"] for one in wire.fetched] == [("1",), ("2",)]
    assert len(wire.orders) == 1


async def test_f39_a_spool_that_was_lost_when_the_address_has_expired_too_is_told_with_the_money(
    tmp_path: Path,
) -> None:
    wire = ResultWire()
    async with runway(tmp_path, wire) as at:
        Outage(at, _says("The store is down: 500."))
        job = await until_saving(at)
        shutil.rmtree(at.home / "spool")
        wire.gone_by_now()
        for _ in range(3):
            job = job if job.final else await step(at, job)
        error = job.failure()
    assert (type(error), error.charged, len(wire.orders)) == (ResultExpired, "yes", 1)
    assert f"nexiom jobs resubmit {job.id}" in error.next_step


async def test_f39_a_long_outage_takes_no_look_from_a_lost_spool(tmp_path: Path) -> None:
    wire = ResultWire()
    async with runway(tmp_path, wire) as at:
        outage = Outage(at, _says("The store is down: 500."))
        job = await until_saving(at)
        for _ in range(5):
            job = await step(at, job)
        shutil.rmtree(at.home / "spool")
        outage.over()
        wire.files = [Answer(403), wire.files[0]]  # the first fresh address does not work, the second one does
        for _ in range(3):
            job = job if job.final else await step(at, job)
        assert (job.status, job.error_code) == (JobStatus.COMPLETED, None)
