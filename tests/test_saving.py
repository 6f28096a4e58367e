"""The way of the video into the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from nexiom_sdk import GenerationJob, JobStatus
from nexiom_sdk.errors import AuthenticationFailed, InvalidInput, ObjectNotFound, ResultExpired, StorageUnavailable
from nexiom_sdk.phases import Phase
from nexiom_sdk.storage import ObjectInfo
from nexiom_sdk.testing import FakeProvider, VirtualClock, sample_video
from nexiom_sdk.types import Asset, SubmissionRecovery
from rig import Rig

RigOf = Callable[..., Rig]


async def test_a_store_that_answers_with_a_web_page_does_not_hide_that_the_video_is_safe(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> ObjectInfo:
        page = "<!doctype html>\n<html>" + "<p>Internal error</p>" * 500
        raise StorageUnavailable(f"The store refused it (500): {page}", next_step="Ask for JOB.")

    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    monkeypatch.setattr(rig.store, "put", refuse)
    job = await rig.step(await rig.step(await rig.submitted()))
    trouble = str(job.provider_metadata["trouble"])
    assert (len(trouble) < 1000, trouble.endswith("and goes into the store by itself.")) == (True, True)
    assert job.provider_metadata["trouble_next_step"] == f"Ask for {job.id}."


async def test_the_log_says_once_for_each_cause_that_a_video_cannot_be_stored(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    steps = iter(["Mend it.", "Mend it.", "Raise the limit.", "Raise the limit."])

    async def refuse(*_: object, **__: object) -> ObjectInfo:
        raise StorageUnavailable("The store is down.", next_step=next(steps))

    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    monkeypatch.setattr(rig.store, "put", refuse)
    job = await rig.step(await rig.submitted())
    for _ in range(4):
        job = await rig.step(job)
    said = [one.getMessage() for one in caplog.records if getattr(one, "action", "") == "not_stored"]
    assert [text.rpartition("by itself. ")[2] for text in said] == ["Mend it.", "Raise the limit."]
    assert all(text.startswith(f"job {job.id} waits: The store is down. ") for text in said)


async def test_the_row_describes_the_stored_video(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    result = await rig.studio.result(await rig.steps(await rig.submitted()))
    assert result.path == f"_/{result.job.id}/0.mp4"
    assert result.sha256 == hashlib.sha256(sample_video()).hexdigest()
    assert (result.probe.width, result.probe.height, result.probe.has_audio) == (320, 180, True)
    stored = b"".join([chunk async for chunk in rig.store.open(f"outputs/{result.path}")])
    assert stored == sample_video()


async def test_a_user_has_a_folder_of_their_own(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    job = await rig.studio.submit((await rig.submitted()).request, user_id="u1")
    assert (await rig.steps(job)).result_path == f"u1/{job.id}/0.mp4"


async def test_a_half_file_is_fetched_again_and_never_stored(rig_of: RigOf, clock: VirtualClock) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).half_file().succeed())
    job = await rig.steps(await rig.submitted())
    assert (job.status, job.error_code) == (JobStatus.FAILED, "result_invalid")
    assert [one.key async for one in rig.store.list("outputs/")] == []
    assert list((rig.studio.settings.spool).iterdir()) == []


async def test_an_expired_result_is_asked_for_again_and_then_given_up(rig_of: RigOf, clock: VirtualClock) -> None:
    fake = FakeProvider("acme", clock=clock).expire_result().succeed()
    rig = rig_of(fake)
    job = await rig.steps(await rig.submitted())
    assert (job.error_code, fake.calls.count("poll")) == ("result_expired", 3)


class _BrokenStore:
    """A store whose first writes fail."""

    def __init__(self, failures: int, rig: Rig) -> None:
        self._failures, self._put = failures, rig.store.put

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        self._failures -= 1
        if self._failures >= 0:
            raise StorageUnavailable("The store is down.")
        return await self._put(key, chunks, media_type=media_type)


async def test_a_store_that_is_down_costs_only_time(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    monkeypatch.setattr(rig.store, "put", _BrokenStore(3, rig).put)
    job = await rig.step(await rig.submitted())
    job = await rig.step(job)
    assert (job.phase, job.status) == (Phase.SAVING, JobStatus.PROCESSING)
    assert str(job.provider_metadata["trouble"]).startswith("The store is down. The video is safe in ")
    assert str(rig.studio.settings.spool) in str(job.provider_metadata["trouble"])
    job = await rig.steps(job)
    assert (job.status, len(fake.accepted), fake.calls.count("fetch")) == (JobStatus.COMPLETED, 1, 1)


@pytest.mark.parametrize("spool_is_lost", [False, True])
@pytest.mark.parametrize("recovery", ["key", "none"])
async def test_a_synchronous_answer_survives_a_store_that_is_down(
    recovery: SubmissionRecovery,
    spool_is_lost: bool,
    rig_of: RigOf,
    clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import shutil

    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).answer_at_once(data=sample_video())
    rig = rig_of(fake)
    monkeypatch.setattr(rig.store, "put", _BrokenStore(1, rig).put)
    job = await rig.step(await rig.submitted())
    assert (job.phase, job.provider_job_id) == (Phase.SAVING, None)
    if spool_is_lost:
        shutil.rmtree(rig.studio.settings.spool)
    job = await rig.steps(job)
    assert len(fake.accepted) == 1
    if spool_is_lost and recovery == "none":
        assert job.error_code == "result_expired"
    else:
        assert job.status is JobStatus.COMPLETED


@pytest.mark.parametrize("recovery", ["key", "none"])
async def test_a_synchronous_answer_survives_a_database_that_is_down_once_the_store_has_it(
    recovery: SubmissionRecovery, rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery=recovery).answer_at_once(data=sample_video())
    rig = rig_of(fake)
    save = rig.repository.save

    async def down(job: GenerationJob, /, *, fence: int) -> bool:
        if job.phase is Phase.DONE:
            raise StorageUnavailable("The database is down.")
        return await save(job, fence=fence)

    monkeypatch.setattr(rig.repository, "save", down)
    job = await rig.submitted()
    with pytest.raises(StorageUnavailable):
        await rig.step(job)
    assert [one.key async for one in rig.store.list("outputs/") if one.key.endswith(".mp4")]
    monkeypatch.setattr(rig.repository, "save", save)
    job = await rig.steps(job)
    assert (job.status, fake.calls.count("submit"), len(fake.accepted)) == (JobStatus.COMPLETED, 1, 1)
    assert list(rig.studio.settings.spool.iterdir()) == []


async def test_a_spool_that_cannot_be_written_keeps_the_job_in_saving(
    rig_of: RigOf, clock: VirtualClock, tmp_path: Path
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    (tmp_path / "spool").write_text("a file where the folder should be")
    job = await rig.step(await rig.submitted())
    job = await rig.step(job)
    assert job.phase is Phase.SAVING
    assert "cannot be written to the spool" in str(job.provider_metadata["trouble"])
    (tmp_path / "spool").unlink()
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


async def test_a_spool_that_is_full_keeps_the_job_in_saving_until_there_is_room(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake, spool_max_bytes=len(sample_video()) + 1)
    monkeypatch.setattr(rig.store, "put", _BrokenStore(2, rig).put)
    waits = await rig.step(await rig.step(await rig.submitted()))
    has_no_room = await rig.step(await rig.step(await rig.submitted()))
    assert [job.phase for job in (waits, has_no_room)] == [Phase.SAVING] * 2
    assert "is full" in str(has_no_room.provider_metadata["trouble"])
    assert ["spooled" in job.provider_metadata for job in (waits, has_no_room)] == [True, False]
    assert [(await rig.steps(job)).status for job in (waits, has_no_room)] == [JobStatus.COMPLETED] * 2
    assert (len(fake.accepted), list(rig.studio.settings.spool.iterdir())) == (2, [])


@pytest.mark.parametrize("within_a_week", [True, False])
async def test_a_file_that_waits_on_another_machine_is_waited_for(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, within_a_week: bool
) -> None:
    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    monkeypatch.setattr(rig.store, "put", _BrokenStore(1, rig).put)
    job = await rig.step(await rig.step(await rig.submitted()))
    assert job.phase is Phase.SAVING
    spool = rig.studio._engine._saving.results.spool
    there, elsewhere = spool.folder, spool.folder.with_name("elsewhere")
    there.rename(elsewhere)
    spool.place = "another:/spool"
    monkeypatch.setattr(fake, "fetch", _expired)
    for _ in range(6):
        job = await rig.step(job)
        rig.later(hours=11)
        assert job.phase is Phase.SAVING  # nobody serves it any more, and it is not lost
    if not within_a_week:
        rig.later(days=7)
        assert (await rig.step(job)).error_code == "result_expired"
        return
    elsewhere.rename(there)
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


WORDS_OF_STORES = [
    InvalidInput("'outputs/x' leads out of the store through a link."),
    ObjectNotFound("There is no such object."),
    AuthenticationFailed("The key is refused."),
    OSError(28, "No space left on device"),
    RuntimeError("a defect"),
]


@pytest.mark.parametrize("verb", ["put", "url"])
@pytest.mark.parametrize("error", WORDS_OF_STORES, ids=lambda error: type(error).__name__)
async def test_whatever_a_store_says_a_video_that_is_paid_waits_for_it(
    error: Exception, verb: str, rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def says(*_: object, **__: object) -> None:
        raise error

    fake = FakeProvider("acme", clock=clock, submission_recovery="none").succeed()
    rig = rig_of(fake)
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, verb, says)
        job = await rig.step(await rig.submitted())
        for _ in range(5):
            job = await rig.step(job)
            assert (job.phase, job.status) == (Phase.SAVING, JobStatus.PROCESSING)
        assert str(rig.studio.settings.spool) in str(job.provider_metadata["trouble"])
    job = await rig.steps(job)
    assert (job.status, len(fake.accepted), fake.calls.count("fetch")) == (JobStatus.COMPLETED, 1, 1)


async def test_a_defect_of_a_plug_in_ends_its_job_after_a_day(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_asset: Asset, /) -> AsyncIterator[bytes]:
        raise RuntimeError
        yield b""

    fake = FakeProvider("acme", clock=clock).succeed()
    rig = rig_of(fake)
    monkeypatch.setattr(fake, "fetch", broken)
    job = await rig.step(await rig.step(await rig.submitted()))
    assert job.phase is Phase.SAVING
    rig.later(hours=24)
    job = await rig.step(job)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "plugin_error")


class _Holding:
    """A store whose puts of videos wait, and note how they ended."""

    def __init__(self, rig: Rig) -> None:
        self.begun, self.cancelled, self._put = asyncio.Event(), 0, rig.store.put

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return await self._put(key, chunks, media_type=media_type)


async def test_a_video_that_was_the_answer_may_be_cut_short_on_its_way_into_the_store(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").answer_at_once(data=sample_video())
    rig = rig_of(fake)
    job, holding = await rig.submitted(), _Holding(rig)
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "put", holding.put)
        step = asyncio.create_task(rig.studio.advance(job.id))
        await holding.begun.wait()
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step
    job = await rig.studio.get(job.id)
    assert (job.phase, holding.cancelled) == (Phase.SAVING, 1)
    assert job.provider_metadata["spooled"] == rig.studio._engine._saving.results.spool.place
    assert ((await rig.steps(job)).status, len(fake.accepted)) == (JobStatus.COMPLETED, 1)


async def test_a_worker_whose_job_was_taken_over_stores_nothing_more(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = rig_of(FakeProvider("acme", clock=clock).succeed())
    job, holding = await rig.step(await rig.submitted()), _Holding(rig)
    monkeypatch.setattr(rig.store, "put", holding.put)
    rig.later(seconds=60)
    step = asyncio.create_task(rig.studio.advance(job.id))
    while not holding.begun.is_set():
        await asyncio.sleep(0.001)
        rig.later(seconds=min(clock.until_next() or 0.0, 1.0))
    await rig.repository.extend(job.id, fence=job.fence + 1, seconds=0.0)
    rig.later(seconds=0.001)
    [_] = await rig.repository.claim(limit=1, lease_seconds=600, job_id=job.id)
    rig.later(seconds=20)
    await asyncio.wait({step}, timeout=5)
    assert (step.result().phase, holding.cancelled) == (Phase.SAVING, 1)


async def test_a_full_spool_takes_what_nobody_gives_twice(
    rig_of: RigOf, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeProvider("acme", clock=clock, submission_recovery="none").answer_at_once(data=sample_video())
    rig = rig_of(fake, spool_max_bytes=1)
    monkeypatch.setattr(rig.store, "put", _BrokenStore(1, rig).put)
    job = await rig.step(await rig.submitted())
    assert job.phase is Phase.SAVING
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


async def _expired(_asset: Asset, /) -> AsyncIterator[bytes]:
    raise ResultExpired("The link is expired.")
    yield b""


async def test_an_order_without_a_trace_of_its_signed_address(rig_of: RigOf, clock: VirtualClock) -> None:
    url = "https://cdn.example/clip.mp4?signature=CANARY-SIGNED"
    fake = FakeProvider("acme", clock=clock, submission_recovery="key").answer_at_once(url=url)
    rig = rig_of(fake)
    job = await rig.steps(await rig.submitted())
    assert job.status is JobStatus.COMPLETED
    assert "CANARY-SIGNED" not in job.model_dump_json()
    assert "CANARY-SIGNED" not in repr(rig.events)
