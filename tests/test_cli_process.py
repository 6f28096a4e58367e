"""The command as a process: terminals, pipes and signals, as a shell makes them."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli_rig import Process, environment, nexiom

HANG = ("generate", "a fox", "--provider", "wired")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")


def _on_a_terminal(home: Path, *arguments: str, **variables: str) -> Process:
    shown = {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30", **variables}
    return Process(home, arguments, shown, pty.openpty())


def test_ctrl_c_leaves_the_job_alive_and_prints_the_command_that_resumes_it(tmp_path: Path) -> None:
    process = Process(tmp_path, (*HANG, "--output", "fox.mp4"), {"WIRED_SCRIPT": "hang"})
    process.until("waiting  wired/w1  40 %")
    process.signal(signal.SIGINT)
    said = process.end()
    assert (said.code, said.out) == (130, "")
    last = said.err.splitlines()[-1]
    found = re.fullmatch(r"next: nexiom (jobs watch ([0-9a-f-]{36}) --output fox\.mp4)", last)
    assert found, said.err
    assert "Traceback" not in said.err
    [job] = map(json.loads, nexiom(tmp_path, "jobs", "list", "--json").stdout.splitlines())
    assert (job["id"], job["status"], job["phase"]) == (found[2], "processing", "waiting")


def test_the_command_that_was_printed_finishes_the_job(tmp_path: Path) -> None:
    process = Process(
        tmp_path, ("generate", "a fox", "--provider", "local", "--duration", "20", "--resolution", "360p"), {}
    )
    process.until("submitting  local/preview")
    process.signal(signal.SIGINT)
    said = process.end()
    assert said.code == 130
    words = said.err.splitlines()[-1].removeprefix("next: nexiom ").split()
    done = nexiom(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.decode().strip()).is_file()


def test_a_second_ctrl_c_does_not_wait_for_a_paid_call_that_hangs(tmp_path: Path) -> None:
    process = Process(tmp_path, HANG, {"WIRED_SCRIPT": "stuck"})
    process.until("submitting")
    process.signal(signal.SIGINT)
    process.until("Ctrl-C again leaves at once")
    process.signal(signal.SIGINT)
    said = process.end()
    assert said.code == 130
    [job] = map(json.loads, nexiom(tmp_path, "jobs", "list", "--json").stdout.splitlines())
    assert job["phase"] == "submitting"  # whoever goes on finds that the order may have gone out


def test_sigterm_is_answered_like_ctrl_c(tmp_path: Path) -> None:
    process = Process(tmp_path, HANG, {"WIRED_SCRIPT": "hang"})
    process.until("40 %")
    process.signal(signal.SIGTERM)
    said = process.end()
    assert said.code == 130
    assert "next: nexiom jobs watch" in said.err


def test_ctrl_c_in_json_ends_with_an_object(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "nexiom_sdk", *HANG, "--json"],
        env=environment(tmp_path, WIRED_SCRIPT="hang"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    while b'"progress": 0.4' not in (line := process.stdout.readline()):
        assert line
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"")
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["code"], last["exit_code"]) == ("error", "interrupted", 130)
    assert last["next_step"] == f"nexiom jobs watch {last['job_id']}"


def test_a_terminal_sees_a_live_line_that_goes_away(tmp_path: Path) -> None:
    process = _on_a_terminal(tmp_path, *HANG, WIRED_SCRIPT="hang")
    process.until("40 %")
    assert "making the video" in process.err
    assert "about $0.40" in process.err
    assert COLOUR.search(process.err)
    process.signal(signal.SIGINT)
    said = process.end()
    assert said.code == 130
    assert said.err.count("\x1b[?25l") == said.err.count("\x1b[?25h") == 1  # the cursor is back
    assert re.search(r"nexiom jobs watch [0-9a-f-]{36}$", said.err.splitlines()[-1])


def test_a_terminal_gets_its_cursor_back_even_when_nobody_waits_for_the_end(tmp_path: Path) -> None:
    process = _on_a_terminal(tmp_path, *HANG, WIRED_SCRIPT="stuck")
    process.until("ordering")
    process.signal(signal.SIGINT)
    process.until("Ctrl-C again leaves at once")
    process.signal(signal.SIGINT)
    said = process.end()
    assert said.code == 130
    assert said.err.count("\x1b[?25l") == said.err.count("\x1b[?25h") == 1


def test_no_color_means_no_colour(tmp_path: Path) -> None:
    process = _on_a_terminal(tmp_path, *HANG, WIRED_SCRIPT="hang", NO_COLOR="1")
    process.until("40 %")
    process.signal(signal.SIGINT)
    assert not COLOUR.search(process.end().err)


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path) -> None:
    process = _on_a_terminal(tmp_path, *HANG, WIRED_SCRIPT="hang", TERM="dumb")
    process.until("waiting  wired/w1  40 %")
    process.signal(signal.SIGINT)
    assert "\x1b[?25l" not in process.end().err


def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    for _ in range(3):
        assert nexiom(tmp_path, *HANG, "--detach", WIRED_SCRIPT="done").returncode == 0
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "nexiom_sdk", "jobs", "list", "--json"],
        env=environment(tmp_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["people", "scripts"])
def test_a_full_disk_behind_standard_output_is_said(more: tuple[str, ...], tmp_path: Path) -> None:
    nexiom(tmp_path, *HANG, "--detach", WIRED_SCRIPT="done")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nexiom_sdk", "jobs", "list", *more],
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 5
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_stops_cleanly_when_told(number: int, tmp_path: Path) -> None:
    process = Process(tmp_path, ("worker",), {"WIRED_SCRIPT": "hang"})
    process.until("worker started")
    process.signal(number)
    said = process.end()
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[-1].endswith("  worker stopped")
    assert len(said.err.splitlines()) == 2


def test_a_prompt_survives_a_locale_without_letters(tmp_path: Path) -> None:
    prompt = "Un phare breton au crépuscule, 電影感 🌊"
    done = nexiom(tmp_path, "generate", prompt, "--provider", "wired", WIRED_SCRIPT="done", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    listed = nexiom(tmp_path, "jobs", "list", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert listed.returncode == 0, listed.stderr
    [job] = map(json.loads, nexiom(tmp_path, "jobs", "list", "--json", PYTHONIOENCODING="ascii").stdout.splitlines())
    assert job["prompt"] == prompt


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_is_told_what_keeps_a_job_waiting_and_again_when_the_wait_ends(tmp_path: Path, columns: int) -> None:
    (tmp_path / "outputs").write_text("a file where the store has a folder")
    words = ("generate", "a fox", "--provider", "local", "--duration", "1", "--timeout", "5")
    process = _on_a_terminal(tmp_path, *words, COLUMNS=str(columns))
    said = process.end()
    assert "saving the video: trying again" in said.err
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.err)
    text = "".join(shown.split())  # lines are as long as the terminal is wide
    above, _, after = text.partition("error:Thejobisstillrunningafter5s;itstaysalive.")
    safe = f"Thevideoissafein{tmp_path / 'spool'}on"
    assert (said.code, above.count(safe), after.count(safe)) == (7, 1, 1)
    assert re.search(r"next: nexiom jobs watch [0-9a-f-]{36}\s*$", shown)
