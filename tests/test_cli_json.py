"""The command for scripts: JSON Lines on standard output, and nothing else anywhere."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cli_rig import Command, command, nexiom
from nexiom_sdk import GenerationJob, VideoRequest
from nexiom_sdk.cli.output import JsonLines, json_line
from nexiom_sdk.media import examined

__all__ = ["command"]  # a fixture

PROMPT = "Un phare breton au crépuscule, 電影感 🌊"


def test_the_real_thing_makes_a_playable_file_of_the_size_and_length_asked(tmp_path: Path) -> None:
    photo = tmp_path / "some-photo.jpg"
    Image.linear_gradient("L").convert("RGB").resize((800, 600)).save(photo)
    words = ("generate", PROMPT, "--tier", "cinematic", "--resolution", "720p", "--duration", "6")
    done = nexiom(tmp_path / "home", *words, "--reference", "some-photo.jpg", "--json", cwd=tmp_path, LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, b"")
    *changes, result = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert {one["event"] for one in changes} == {"job"}
    assert all(one["prompt"] == PROMPT for one in changes)
    assert result["event"] == "result"
    assert result["preview"] is True
    assert "not AI" in result["warnings"][0]
    probe = examined(Path(result["file"])).probe
    assert (probe.width, probe.height) == (1280, 720)
    assert abs(probe.duration_seconds - 6) < 0.05
    assert (result["probe"]["width"], result["probe"]["height"], result["probe"]["duration_seconds"]) == (
        1280,
        720,
        6.0,
    )
    assert Path(result["file"]).stat().st_size == result["size_bytes"]


def test_one_object_per_change_and_a_result_at_the_end(command: Command) -> None:
    said = command("generate", "a fox", "--provider", "wired", "--output", "fox.mp4", "--json", script="done")
    assert (said.code, said.err) == (0, "")
    *changes, result = said.lines
    without_time = [{**one, "updated_at": None} for one in changes]
    assert all(before != after for before, after in pairwise(without_time))
    assert changes[-1]["status"] == "completed"
    assert {"job_id", "path", "url", "file", "sha256", "size_bytes", "probe", "cost_usd", "preview"} <= set(result)
    assert result["job_id"] == changes[0]["id"]
    assert result["file"] == str(Path.cwd() / "fox.mp4")
    assert Decimal(str(result["cost_usd"])) == Decimal("0.40")
    assert isinstance(result["cost_usd"], str)


def test_a_look_that_finds_nothing_new_is_no_change(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    job = GenerationJob(
        id="j1", prompt="x", request=VideoRequest(prompt="x"), run_at=now, created_at=now, updated_at=now
    )
    lines = JsonLines()
    lines.job(job, remaining_seconds=9.0)
    lines.job(job.evolve(updated_at=now + timedelta(seconds=5)), remaining_seconds=4.0)
    lines.job(job.evolve(progress=0.5), remaining_seconds=-1.0)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["progress"], first["remaining_seconds"]) == (None, 9.0)
    assert (second["progress"], second["remaining_seconds"]) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("words", "script", "code", "error"),
    [
        (("generate", "x", "--provider", "wired"), "fail:content_rejected", 1, "content_rejected"),
        (("generate", "x", "--provider", "wired"), "lose", 6, "submission_uncertain"),
        (("generate", "x", "--provider", "wired", "--timeout", "0.1"), "hang", 7, "wait_timeout"),
        (("generate", "x", "--tier", "best"), "done", 2, "invalid_input"),
        (("generate", "x", "--provider", "nobody"), "done", 3, "unknown_provider"),
        (("generate", "x", "--model", "nothing"), "done", 4, "no_candidate"),
        (("generate", "x", "--duration", "abc"), "done", 2, "usage"),
        (("generate", "x", "--colour", "red"), "done", 2, "usage"),
        (("jobs", "show", "nobody"), "done", 2, "job_not_found"),
        (("jobs", "resubmit", "nobody"), "done", 2, "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_every_ending_is_an_object_too(
    words: tuple[str, ...], script: str, code: int, error: str, command: Command
) -> None:
    said = command(*words, "--json", script=script)
    assert (said.code, said.err) == (code, "")
    last = said.lines[-1]
    assert last["event"] == "error"
    assert (last["code"], last["exit_code"]) == (error, code)
    assert last["message"]
    assert last["next_step"]
    assert set(last) == {"event", "code", "message", "charged", "next_step", "job_id", "exit_code"}


@pytest.mark.parametrize("verb", ["list", "show", "cancel"])
def test_jobs_are_objects(verb: str, command: Command) -> None:
    command("generate", "a fox\u202e", "--provider", "wired", "--timeout", "0.1", "--json", script="hang")
    [row] = command("jobs", "list", "--json").lines
    said = command("jobs", verb, *(() if verb == "list" else (str(row["id"]),)), "--json")
    assert (said.code, said.err) == (0, "")
    [shown] = said.lines
    assert shown["event"] == "job"
    assert shown["prompt"] == "a fox\u202e"
    assert "\u202e" not in said.out
    assert ("request" in shown) is (verb == "show")


def test_an_estimate_is_an_object_with_reasons_and_price(command: Command) -> None:
    said = command("estimate", "x", "--provider", "wired", "--json", script="done")
    assert (said.code, said.err) == (0, "")
    [choice] = said.lines
    assert choice["event"] == "choice"
    assert "0.40" in said.out
    nothing = command("estimate", "x", "--provider", "wired", "--duration", "3", "--json")
    assert (nothing.code, nothing.err) == (4, "")
    assert [line["event"] for line in nothing.lines] == ["choice", "error"]


def test_a_worker_tells_in_objects(command: Command) -> None:
    command("generate", "x", "--provider", "wired", "--detach", script="hang")
    said = command("worker", "--once", "--json", script="hang")
    assert (said.code, said.err) == (0, "")
    assert said.lines[0]["event"] == "worker_started"
    assert said.lines[-1]["event"] == "worker_stopped"


def test_a_corrupt_database_is_an_object_too(command: Command) -> None:
    command.home.mkdir()
    (command.home / "nexiom.db").write_bytes(b"no database" * 1000)
    said = command("jobs", "list", "--json")
    assert (said.code, said.err) == (5, "")
    [only] = said.lines
    assert only["event"] == "error"


@settings(max_examples=200)
@given(st.text(), st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), max_size=4))
def test_any_text_becomes_one_line_that_reads_back_and_moves_no_cursor(
    text: str, more: dict[str, bool | int | str | None]
) -> None:
    line = json_line({**more, "text": text})
    assert json.loads(line) == {**more, "text": text}
    assert not any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in line)
    line.encode("utf-8")


def test_letters_stay_letters() -> None:
    assert PROMPT in json_line({"prompt": PROMPT})
