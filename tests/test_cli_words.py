from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from nexiom_sdk import GenerationJob, JobStatus, VideoRequest
from nexiom_sdk.cli import words
from nexiom_sdk.cli.live import LiveLine
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.jobs import Phase

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def job_at(phase: Phase = Phase.WAITING, *, progress: float | None = None, **ago_seconds: float) -> GenerationJob:
    """A job whose stamps are so many seconds before noon."""
    job = GenerationJob(
        id="j1",
        prompt="x",
        request=VideoRequest(prompt="x"),
        provider="acme",
        model="a1",
        phase=phase,
        status=JobStatus.PROCESSING,
        progress=progress,
        run_at=NOON,
        created_at=NOON - timedelta(seconds=500),
        updated_at=NOON,
    )
    return job.with_metadata(
        timing={name: (NOON - timedelta(seconds=ago)).isoformat() for name, ago in ago_seconds.items()}
    )


@pytest.mark.parametrize(
    ("job", "typical", "left"),
    [
        (job_at(submit_answered_at=20), None, ""),
        (job_at(submit_answered_at=20), 90.0, "70 s left"),
        (job_at(submit_answered_at=120), 90.0, "any moment"),
        (job_at(submit_answered_at=60, running_since=30, progress=0.5), 500.0, "30 s left"),
        (job_at(submit_answered_at=60, running_since=30, progress=0.01), 90.0, "30 s left"),
        (job_at(submit_answered_at=60, running_since=30, progress=1.0), 500.0, "any moment"),
        (job_at(Phase.QUEUED), 90.0, ""),
        (job_at(Phase.SAVING, submit_answered_at=20), 90.0, ""),
    ],
)
def test_time_left_is_told_only_where_something_is_known(job: GenerationJob, typical: float | None, left: str) -> None:
    end = words.finish(job, NOON, typical_seconds=typical)
    assert words.remaining(None if end is None else (end - NOON).total_seconds()) == left


@given(st.floats(-1e6, 1e6))
def test_time_left_is_never_negative(seconds: float) -> None:
    assert "-" not in words.remaining(seconds)
    assert "-" not in words.age(seconds)


def test_time_counts_from_the_present_order() -> None:
    assert words.elapsed_seconds(job_at(ordered_at=40), NOON) == 40
    assert words.elapsed_seconds(job_at(), NOON) == 500
    ended = job_at(Phase.DONE, ordered_at=40)
    assert words.elapsed_seconds(ended, NOON + timedelta(hours=1)) == 40


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_has_words(phase: Phase) -> None:
    assert words.doing(job_at(phase))
    assert words.doing(job_at(phase).evolve(provider="local"))


@pytest.mark.parametrize("width", [32, 44, 60, 80, 120])
def test_the_live_line_drops_what_there_is_no_room_for_and_stays_one_line(width: int) -> None:
    class Stopped(SystemClock):
        def now(self) -> datetime:
            return NOON

    line = LiveLine(Stopped())
    job = job_at(progress=0.4, submit_answered_at=60, running_since=35, ordered_at=60)
    line.show(job.evolve(estimated_cost_usd=Decimal("0.84")), finish=NOON + timedelta(seconds=52))
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    with console.capture() as seen:
        console.print(line.render(width))
    [text] = seen.get().splitlines()
    assert "…" not in text
    assert "making the video" in text
    assert "40 %" in text
    assert ("about $0.84" in text) is (width >= 80)
    assert ("━" in text) is (width >= 120)


@pytest.mark.parametrize(
    ("trouble", "why"),
    [(None, "it was not sent yet."), ("acme is busy.", "acme did not take it yet: acme is busy.")],
)
def test_an_order_that_is_only_written_down_says_why_and_who_sends_it(trouble: str | None, why: str) -> None:
    job = job_at(Phase.QUEUED).with_metadata(trouble=trouble)
    assert words.unsent(job) == f"The order is written down; {why} A worker or `nexiom jobs watch j1` sends it."
