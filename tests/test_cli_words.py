from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue
from rich.console import Console

from nexiom_sdk import GenerationJob, JobStatus, VideoRequest
from nexiom_sdk.cli import words
from nexiom_sdk.cli.live import LiveLine
from nexiom_sdk.cli.output import JsonLines
from nexiom_sdk.cli.tables import row_text, troubles
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.jobs import VideoResult
from nexiom_sdk.phases import Phase
from nexiom_sdk.types import VideoProbe

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


def test_jobs_that_wait_for_the_same_are_named_once() -> None:
    down = job_at(Phase.SAVING).with_metadata(trouble="The store is down.", trouble_next_step="Mend it.")
    jobs = [down, job_at(), down.evolve(id="j2"), down.evolve(id="j3").with_metadata(trouble="The store is full.")]
    console = Console(width=80, file=io.StringIO(), force_terminal=False)
    with console.capture() as seen:
        console.print(*troubles(jobs), sep="\n")
    lines = [line.strip() for line in seen.get().splitlines() if line.strip()]
    assert lines == ["j1 and 1 more", "The store is down. Mend it.", "j3", "The store is full. Mend it."]


def finished(*warnings: str, provenance: bool) -> VideoResult:
    job = job_at(Phase.DONE).with_metadata(warnings=list(warnings) or None)
    probe = VideoProbe(
        container="mp4", width=1280, height=720, duration_seconds=5.041667, has_audio=True, provenance=provenance
    )
    return VideoResult(job=job, url="x", path="x", sha256="0", size_bytes=900, probe=probe, warnings=job.warnings)


def test_a_c2pa_record_is_named_where_there_is_one() -> None:
    assert words.summary(finished(provenance=True)).startswith("1280x720 · 5.04 s · sound · C2PA record · 900 bytes")
    assert words.summary(finished(provenance=False)).startswith("1280x720 · 5.04 s · sound · 900 bytes")


def test_warnings_of_a_job_are_shown_as_lines_and_safely() -> None:
    job = finished("asked for 8 s, the video has 5.04 s", "all \x1b[31mred", provenance=False).job
    shown = row_text(job).plain
    assert "\nWarnings\nasked for 8 s, the video has 5.04 s\nall \ufffd[31mred\n" in shown
    assert shown.count("asked for 8 s") == 1
    assert "Warnings" not in row_text(job.with_metadata(warnings=None)).plain
    video: dict[str, JsonValue] = {"path": "x", "remarks": ["asked for 8 s, the video has 5.04 s"]}
    shown = row_text(job.with_metadata(results=[video])).plain
    assert (shown.count("asked for 8 s"), '"path": "x"' in shown) == (1, True)


def test_scripts_get_the_warnings_of_a_job_as_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLines().row(finished("the picture is black throughout", provenance=False).job)
    assert json.loads(capsys.readouterr().out)["warnings"] == ["the picture is black throughout"]
