"""Two and twenty real processes over one job and over many: every job is paid once and completed once."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from kill_provider import provider_server
from kill_rig import Child, Store, World, world
from nexiom_sdk import JobStatus
from nexiom_sdk.testing import sample_video

JOBS = 40

pytestmark = [
    pytest.mark.parametrize("store", ["sqlite", "postgres"]),
    pytest.mark.parametrize("workers", [2, 20]),
]


def completed(children: list[Child]) -> Counter[str]:
    """How many times each job's end was written, by all of them together."""
    said = [words for child in children for words in child.said("save")]
    return Counter(job_id for job_id, phase, saved in said if (phase, saved) == ("done", "True"))


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def all_completed(outside: World, job_ids: list[str]) -> bool:
    return all(job.status is JobStatus.COMPLETED for job in outside.rows(job_ids))


def test_over_one_job_only_one_pays(store: Store, workers: int, tmp_path: Path) -> None:
    with provider_server("none") as provider, world(tmp_path, provider, store) as outside:
        [job_id] = outside.submit(1)
        children = [outside.child(job_id=job_id) for _ in range(workers)]
        assert [child.ends() for child in children] == [0] * workers, [child.log() for child in children]
        [job], [video] = outside.rows([job_id]), outside.videos
        assert video.read_bytes() == sample_video()
    assert job.status is JobStatus.COMPLETED
    assert (provider.paid, len(provider.fetched)) == ([f"{job_id}.0"], 1)
    assert completed(children) == {job_id: 1}


def test_over_many_jobs_each_is_paid_and_completed_once(store: Store, workers: int, tmp_path: Path) -> None:
    with provider_server("none") as provider, world(tmp_path, provider, store) as outside:
        children = [outside.child(until_told=True) for _ in range(workers)]
        wait_until(lambda: all(child.said("ready") for child in children))
        job_ids = outside.submit(JOBS)
        wait_until(lambda: all_completed(outside, job_ids))
        ended = [child.sends(signal.SIGTERM).ends() for child in children]
        assert ended == [0] * workers, [child.log() for child in children]
        assert len(outside.videos) == JOBS
    assert sorted(provider.paid) == sorted(f"{job_id}.0" for job_id in job_ids)
    assert len(provider.fetched) == JOBS
    assert completed(children) == dict.fromkeys(job_ids, 1)
