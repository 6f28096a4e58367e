"""SIGKILL at every boundary of a job's life; a second process finishes it, and nobody ever pays twice.

Three stores, of which procrastinate is PostgreSQL with its worker as the process that dies, times ten points, times
three recoveries.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from kill_provider import provider_server
from kill_rig import Store, world
from nexiom_sdk import JobStatus
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import SubmissionRecovery

POINTS = (
    "claimed", "intent", "in flight", "answered", "recorded", "polled", "saving", "fetching", "stored", "saved",
)  # fmt: skip
UNCERTAIN: Mapping[str, int] = {"intent": 0, "in flight": 1, "answered": 1}  # with recovery none: what was paid


@pytest.mark.parametrize("store", ["sqlite", "postgres", "procrastinate"])
@pytest.mark.parametrize("recovery", ["key", "lookup", "none"])
@pytest.mark.parametrize("point", POINTS)
def test_a_job_killed_anywhere_is_finished_by_another_process_and_paid_once(
    point: str, recovery: SubmissionRecovery, store: Store, tmp_path: Path
) -> None:
    strike = signal.SIGKILL if point == "in flight" else None
    with provider_server(recovery, strike=strike) as provider, world(tmp_path, provider, store) as outside:
        first = outside.child(point=point)
        assert first.ends() == -signal.SIGKILL, first.log()
        [[job_id]] = first.said("job")
        outside.time_goes_on()
        second = outside.child(job_id=job_id, later=True)
        assert second.ends() == 0, second.log()
        job, videos = outside.row(job_id), outside.videos
    if recovery == "none" and point in UNCERTAIN:
        assert (job.phase, job.status, job.error_code) == (Phase.UNKNOWN, JobStatus.FAILED, "submission_uncertain")
        assert f"nexiom jobs resolve {job_id}" in str(job.error_message)
        assert f"nexiom jobs resubmit {job_id}" in str(job.error_message)
        assert (len(provider.paid), len(provider.fetched), videos) == (UNCERTAIN[point], 0, [])
    else:
        assert (job.phase, job.status, job.error_code) == (Phase.DONE, JobStatus.COMPLETED, None)
        assert provider.paid == [f"{job_id}.0"]
        assert videos == [tmp_path / "outputs" / str(job.result_path)]
        assert videos[0].read_bytes() == sample_video()
        assert len(provider.fetched) == (2 if point == "fetching" else 1)
    if store == "procrastinate":
        assert second.said("overdue") == [["0" if point == "saved" else "1"]]
