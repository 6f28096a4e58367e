"""A worker is frozen past its lease, another one goes on, and then the first one wakes: its writes change nothing.

As when a laptop sleeps or a virtual machine is moved: SIGSTOP to a real process, SIGCONT after the other has done.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from kill_provider import order_id, provider_server
from kill_rig import Child, Store, World, world
from nexiom_sdk import JobStatus
from nexiom_sdk.phases import Phase
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import SubmissionRecovery

SHORT_LEASE_SECONDS = 1.0  # the machine's own time is what a worker looks at before it orders

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells from /proc whether a process stands still"),
    pytest.mark.parametrize("store", ["sqlite", "postgres"]),
]


def taken_over(outside: World, frozen: Child) -> tuple[str, Child]:
    """The job, and the worker that went on with it to its end."""
    frozen.stands_still()
    [[job_id]] = frozen.said("job")
    outside.time_goes_on()
    other = outside.child(job_id=job_id, later=True, lease_seconds=SHORT_LEASE_SECONDS)
    assert other.ends() == 0, other.log()
    return job_id, other


def woken(frozen: Child) -> list[str]:
    """What its writes did after it woke."""
    before = len(frozen.log())
    assert frozen.sends(signal.SIGCONT).ends() == 0, frozen.log()
    return [line for line in frozen.log()[before:].splitlines() if line.startswith(("save", "extend", "adopt"))]


@pytest.mark.parametrize("recovery", ["key", "lookup", "none"])
def test_frozen_between_claim_and_intent_it_orders_nothing(
    store: Store, recovery: SubmissionRecovery, tmp_path: Path
) -> None:
    with provider_server(recovery) as provider, world(tmp_path, provider, store) as outside:
        frozen = outside.child(point="claimed", by=signal.SIGSTOP)
        job_id, _ = taken_over(outside, frozen)
        after = outside.row(job_id)
        assert woken(frozen) == [f"extend {job_id} False"]
        assert outside.row(job_id) == after
    assert after.status is JobStatus.COMPLETED
    assert (provider.paid, len(provider.fetched)) == ([f"{job_id}.0"], 1)


@pytest.mark.parametrize(("recovery", "paid"), [("key", 1), ("lookup", 1), ("none", 0)])
def test_frozen_between_intent_and_order_past_its_lease_it_orders_nothing(
    store: Store, recovery: SubmissionRecovery, paid: int, tmp_path: Path
) -> None:
    with provider_server(recovery) as provider, world(tmp_path, provider, store) as outside:
        frozen = outside.child(point="intent", by=signal.SIGSTOP, lease_seconds=SHORT_LEASE_SECONDS)
        frozen.stands_still()
        since = time.monotonic()
        job_id, _ = taken_over(outside, frozen)
        after = outside.row(job_id)
        time.sleep(max(SHORT_LEASE_SECONDS - (time.monotonic() - since), 0.0))
        assert not any(line.endswith("True") for line in woken(frozen))
        assert outside.row(job_id) == after
    assert len(provider.paid) == paid
    assert (after.phase is Phase.UNKNOWN) == (paid == 0)


@pytest.mark.parametrize("recovery", ["key", "lookup"])
def test_frozen_when_the_order_has_arrived_its_answer_changes_nothing_where_it_was_found(
    store: Store, recovery: SubmissionRecovery, tmp_path: Path
) -> None:
    with (
        provider_server(recovery, strike=signal.SIGSTOP) as provider,
        world(tmp_path, provider, store) as outside,
    ):
        frozen = outside.child()
        job_id, _ = taken_over(outside, frozen)
        after = outside.row(job_id)
        assert after.status is JobStatus.COMPLETED
        late = woken(frozen)
        assert f"save {job_id} waiting False" in late
        assert f"adopt {order_id(f'{job_id}.0', 1)} True" in late, "the row already holds it"
        assert outside.row(job_id) == after
    assert (provider.paid, provider.cancelled, len(provider.fetched)) == ([f"{job_id}.0"], [], 1)
    assert "also took order" not in frozen.log()


def test_frozen_when_the_order_has_arrived_its_late_id_brings_an_uncertain_job_back(
    store: Store, tmp_path: Path
) -> None:
    with provider_server("none", strike=signal.SIGSTOP) as provider, world(tmp_path, provider, store) as outside:
        frozen = outside.child()
        job_id, other = taken_over(outside, frozen)
        assert outside.row(job_id).phase is Phase.UNKNOWN
        assert other.said("error") == [["submission_uncertain"]]
        late = woken(frozen)
        assert f"save {job_id} waiting False" in late
        assert f"adopt {order_id(f'{job_id}.0', 1)} True" in late
        job, [video] = outside.row(job_id), outside.videos
        assert video.read_bytes() == sample_video()
    assert (job.status, job.error_code, job.provider_job_id) == (
        JobStatus.COMPLETED,
        None,
        order_id(f"{job_id}.0", 1),
    )
    assert (provider.paid, len(provider.fetched)) == ([f"{job_id}.0"], 1)


@pytest.mark.parametrize("recovery", ["key", "none"])
def test_frozen_in_the_last_moment_before_the_order_leaves_it_still_pays_once(
    store: Store, recovery: SubmissionRecovery, tmp_path: Path
) -> None:
    with provider_server(recovery) as provider, world(tmp_path, provider, store) as outside:
        frozen = outside.child(point="sending", by=signal.SIGSTOP)
        job_id, _ = taken_over(outside, frozen)
        assert provider.paid == ([] if recovery == "none" else [f"{job_id}.0"])
        late = woken(frozen)
        assert f"save {job_id} waiting False" in late
        assert f"adopt {order_id(f'{job_id}.0', 1)} True" in late
        job = outside.row(job_id)
    assert (job.status, provider.paid) == (JobStatus.COMPLETED, [f"{job_id}.0"])


def test_the_one_hole_with_lookup_is_reported_as_a_second_order_and_cancelled(store: Store, tmp_path: Path) -> None:
    """It is in docs/jobs.md: frozen in the last moment, for longer than an order may need to show."""
    with provider_server("lookup") as provider, world(tmp_path, provider, store) as outside:
        frozen = outside.child(point="sending", by=signal.SIGSTOP)
        job_id, _ = taken_over(outside, frozen)
        after = outside.row(job_id)
        second = order_id(f"{job_id}.0", 2)
        late = woken(frozen)
        assert f"adopt {second} False" in late
        assert outside.row(job_id) == after
    assert (after.status, after.provider_job_id) == (JobStatus.COMPLETED, order_id(f"{job_id}.0", 1))
    assert (len(provider.paid), provider.cancelled) == (2, [second])
    assert f"wire also took order {second}" in frozen.log()
