"""Objects in `outputs` that no row names."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nexiom_sdk import GenerationJob, JobStatus
from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.orphans import orphans, removed
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.testing.store_contract import pieces
from rig import Rig

RigOf = Callable[..., Rig]


@pytest.fixture
def rig(rig_of: RigOf, clock: VirtualClock) -> Rig:
    return rig_of(FakeProvider("acme", clock=clock).succeed(), store=MemoryStore(clock=clock))


async def keys(rig: Rig) -> list[str]:
    return [one.key async for one in rig.store.list("outputs/")]


async def put(rig: Rig, *paths: str) -> None:
    for path in paths:
        await rig.store.put(f"outputs/{path}", pieces(b"left"), media_type="video/mp4")


async def test_what_the_row_of_a_job_that_is_over_does_not_name_is_an_orphan_after_a_day(rig: Rig) -> None:
    job = await rig.steps(await rig.submitted())
    kept = await keys(rig)
    await put(rig, f"_/{job.id}/0.webm", f"_/{job.id}/1.mp4", f"_/{job.id}/1.jpg")
    assert await rig.studio.sweep(delete=True) == []
    rig.later(hours=25)
    assert [one.key for one in await rig.studio.sweep()] == [
        f"outputs/_/{job.id}/{name}" for name in ("0.webm", "1.jpg", "1.mp4")
    ]
    assert len(await keys(rig)) == len(kept) + 3
    await rig.studio.sweep(delete=True)
    assert await keys(rig) == kept
    assert (await rig.studio.result(await rig.studio.get(job.id))).path == f"_/{job.id}/0.mp4"


async def test_what_belongs_to_others_is_never_an_orphan(rig: Rig) -> None:
    job, running = await rig.steps(await rig.submitted()), await rig.submitted()
    await put(
        rig,
        f"_/{running.id}/0.mp4",
        "_/a-job-of-another-database/0.mp4",
        f"u1/{job.id}/0.mp4",
        f"_/{job.id}/notes.txt",
        f"_/{job.id}/0.mp4.bak",
        f"_/{job.id}/more/0.mp4",
        "holiday.mp4",
    )
    rig.later(days=40)
    assert await rig.studio.sweep() == []


@pytest.mark.parametrize("others", [{"type": "image"}, {"fence": 0}], ids=["an image", "a video from before"])
async def test_what_a_row_that_is_none_of_ours_does_not_name_is_no_orphan(rig: Rig, others: dict[str, object]) -> None:
    job = sample_job(rig.clock, status=JobStatus.FAILED, phase=Phase.DONE, **{"fence": 1, **others})
    await rig.repository.add(job)
    await put(rig, f"_/{job.id}/0.jpg")
    rig.later(days=40)
    assert await rig.studio.sweep() == []


async def test_a_completed_row_without_a_list_of_its_files_loses_none(rig: Rig) -> None:
    job = await rig.steps(await rig.submitted())
    rig.repository._rows[job.id] = job.with_metadata(results=None)
    rig.later(days=40)
    assert await rig.studio.sweep() == []


async def test_a_failed_job_that_may_still_succeed_keeps_what_it_has(rig: Rig) -> None:
    job = await rig.steps(await rig.submitted())
    rig.repository._rows[job.id] = job.evolve(
        status=JobStatus.FAILED, phase=Phase.WAITING, result_path=None
    ).with_metadata(results=None)
    rig.later(days=40)
    assert await rig.studio.sweep() == []
    rig.repository._rows[job.id] = rig.repository._rows[job.id].evolve(phase=Phase.DONE)
    assert len(await rig.studio.sweep()) == len(await keys(rig)) > 0


async def test_what_a_new_order_may_have_put_since_is_left_alone(rig: Rig) -> None:
    job = await rig.steps(await rig.submitted())
    failed = job.evolve(status=JobStatus.FAILED, result_path=None).with_metadata(results=None)
    rig.repository._rows[job.id] = failed
    rig.later(hours=25)
    before = rig.clock.now()
    found = [one async for one in orphans(rig.store, rig.repository, before=before)]
    assert len(found) == 2
    rig.repository._rows[job.id] = failed.evolve(status=JobStatus.PROCESSING, phase=Phase.WAITING)
    assert [await removed(one, rig.store, rig.repository, before=before) for one in found] == [False, False]
    rig.repository._rows[job.id] = failed
    rig.later(seconds=1)
    await put(rig, f"_/{job.id}/0.mp4")
    assert [await removed(one, rig.store, rig.repository, before=before) for one in found] == [True, False]
    assert await keys(rig) == [f"outputs/_/{job.id}/0.mp4"]


async def test_a_row_that_somebody_broke_stops_no_sweep_and_loses_nothing(rig: Rig) -> None:
    broken, job = await rig.steps(await rig.submitted()), await rig.submitted()
    rig.repository._rows[broken.id] = broken.with_metadata(results=[{"path": 5}])
    job = await rig.steps(job) if job.status is not JobStatus.COMPLETED else job
    rig.later(hours=25)
    assert await rig.studio.sweep() == []


async def test_an_order_that_comes_on_a_second_try_leaves_nothing_of_the_first(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once(monkeypatch, rig)
    job = await rig.step(await rig.step(await rig.submitted()))
    assert job.phase is Phase.SAVING
    await put(rig, f"_/{job.id}/0.webm")
    job = await rig.steps(job)
    assert f"outputs/_/{job.id}/0.webm" not in await keys(rig)
    assert f"outputs/{job.result_path}" in await keys(rig)


async def test_what_a_worker_stored_and_died_before_it_was_written_down_is_removed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, job = rig.repository.save, await rig.step(await rig.submitted())

    async def dies(job: GenerationJob, /, *, fence: int) -> bool:
        if job.phase is Phase.DONE:
            raise StorageUnavailable("The process was killed.")
        return await save(job, fence=fence)

    with monkeypatch.context() as patch, pytest.raises(StorageUnavailable):
        patch.setattr(rig.repository, "save", dies)
        await rig.step(job)
    await put(rig, f"_/{job.id}/1.mp4", f"_/{job.id}/1.jpg")
    job = await rig.steps(job)
    assert await keys(rig) == [f"outputs/_/{job.id}/0.jpg", f"outputs/_/{job.id}/0.mp4"]


async def test_a_video_is_done_even_if_nothing_can_be_swept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(_key: str, /) -> None:
        raise StorageUnavailable("The store is down.")

    fail_once(monkeypatch, rig)
    job = await rig.step(await rig.step(await rig.submitted()))
    await put(rig, f"_/{job.id}/0.webm")
    monkeypatch.setattr(rig.store, "delete", down)
    assert (await rig.steps(job)).status is JobStatus.COMPLETED


def fail_once(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    """The next address that the store is asked for cannot be had: the job comes again."""
    url, asked = rig.store.url, False

    async def down_once(key: str, /, *, ttl_seconds: float) -> str | None:
        nonlocal asked
        if not asked:
            asked = True
            raise StorageUnavailable("The store is down.")
        return await url(key, ttl_seconds=ttl_seconds)

    monkeypatch.setattr(rig.store, "url", down_once)
