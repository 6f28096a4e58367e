from __future__ import annotations

import asyncio
import gc
import inspect
import json
import threading
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path

import pytest

from nexiom_sdk import JobStatus, Settings, Studio, SyncStudio, VideoRequest
from nexiom_sdk.errors import JobNotFound, NexiomError
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import CallbackFakeProvider, FakeProvider, fake_card
from rig import Pausing, policy_over

QUICK = (fake_card(typical_seconds=0.001, min_poll_seconds=0.001),)


def studio_at(home: Path, fake: FakeProvider) -> SyncStudio:
    registry = ProviderRegistry(entry_points=[])
    registry.register(fake.name, lambda config, *, http=None: fake)
    policy = policy_over(f"{fake.name}/fake-1")
    return SyncStudio(settings=Settings(home=home), registry=registry, policy=policy, sinks=())


def test_it_has_every_verb_of_studio_with_the_same_arguments() -> None:
    ours = dict(inspect.getmembers(SyncStudio, inspect.isfunction))
    for name, verb in inspect.getmembers(Studio, inspect.isfunction):
        if name.startswith("_") or name in {"aclose", "worker"}:
            continue
        assert list(inspect.signature(ours[name]).parameters) == list(inspect.signature(verb).parameters), name
    assert list(inspect.signature(SyncStudio).parameters) == list(inspect.signature(Studio).parameters)


def test_generate_blocks_until_the_video_is_stored(tmp_path: Path) -> None:
    with studio_at(tmp_path, FakeProvider("acme", models=QUICK).succeed()) as studio:
        result = studio.generate("a fox", duration_seconds=4)
        assert result.job.status is JobStatus.COMPLETED
        assert Path(tmp_path / "outputs" / result.path).is_file()


def test_watching_is_a_plain_iterator(tmp_path: Path) -> None:
    with studio_at(tmp_path, FakeProvider("acme", models=QUICK).succeed()) as studio:
        job = studio.submit(VideoRequest(prompt="a fox"), defer=True)
        assert [row.status for row in studio.watch(job.id)][-1] is JobStatus.COMPLETED


def test_closing_over_a_watch_whose_step_still_runs_is_quiet_and_gives_the_job_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    fake = Pausing("acme", submission_recovery="key").pauses_at("submit").succeed()
    with studio_at(tmp_path, fake) as studio:
        job = studio.submit(VideoRequest(prompt="a fox"), defer=True)
        changes = studio.watch(job.id)
        next(changes)
        studio._run(_true(fake.reached))
    with pytest.raises(NexiomError, match="is closed"):
        next(changes)
    with studio_at(tmp_path, fake) as later:
        row = later.get(job.id)
    del changes, studio
    gc.collect()
    assert (row.phase, row.error_code) == (Phase.SUBMITTING, None)
    assert row.leased_until is None or row.leased_until <= row.updated_at + timedelta(seconds=30)
    assert [one.message for one in caplog.records] == []
    assert capfd.readouterr().err == ""


async def _true(event: asyncio.Event) -> None:
    await event.wait()


def test_errors_come_out_as_they_are(tmp_path: Path) -> None:
    with studio_at(tmp_path, FakeProvider("acme")) as studio, pytest.raises(JobNotFound):
        studio.get("no-such")


def test_a_callback_is_taken_without_await(tmp_path: Path) -> None:
    with studio_at(tmp_path, CallbackFakeProvider("acme").hang()) as studio:
        job = studio.submit(VideoRequest(prompt="a fox"))
        woken = studio.handle_webhook("acme", {}, json.dumps({"id": job.provider_job_id}).encode())
        assert woken is not None
        assert woken.id == job.id
        assert woken.run_at < job.run_at
        assert studio.handle_webhook("acme", {}, b'{"id": "order-of-nobody"}') is None


async def test_it_works_inside_a_running_loop(tmp_path: Path) -> None:
    with studio_at(tmp_path, FakeProvider("acme").hang()) as studio:
        assert studio.submit(VideoRequest(prompt="a fox")).status is JobStatus.PROCESSING


def test_it_refuses_to_block_its_own_loop(tmp_path: Path) -> None:
    with studio_at(tmp_path, FakeProvider("acme").hang()) as studio:

        async def inside() -> None:
            studio.get("x")

        with pytest.raises(NexiomError, match="its own event loop"):
            studio._run(inside())


def test_a_closed_studio_says_so_and_its_thread_is_gone(tmp_path: Path) -> None:
    before = threading.active_count()
    studio = studio_at(tmp_path, FakeProvider("acme").hang())
    studio.submit(VideoRequest(prompt="a fox"))
    studio.close()
    studio.close()
    assert threading.active_count() == before
    with pytest.raises(NexiomError, match="closed"):
        studio.get("x")


def test_an_interrupted_verb_leaves_the_job_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with studio_at(tmp_path, FakeProvider("acme").hang()) as studio:
        job = studio.submit(VideoRequest(prompt="a fox"))
        submit = asyncio.run_coroutine_threadsafe

        def interrupted(*args: object) -> object:
            future: Future[object] = submit(*args)  # type: ignore[arg-type]
            monkeypatch.setattr(future, "result", _ctrl_c)
            return future

        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
            with pytest.raises(KeyboardInterrupt):
                studio.wait(job.id)
        assert studio.get(job.id).status is JobStatus.PROCESSING


def _ctrl_c() -> None:
    raise KeyboardInterrupt
