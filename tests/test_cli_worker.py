"""What `nexiom worker` looks at before it works, and how it ends where nobody hears it any more."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cli_rig import Command, Process, command, environment, nexiom

__all__ = ["command"]  # a fixture

HANG = ("generate", "a fox", "--provider", "wired")
DETACHED = (*HANG, "--detach")


@pytest.mark.parametrize("name", ["home", "spool", "health"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_claimed(name: str, command: Command) -> None:
    assert command(*DETACHED, script="hang").code == 0
    spool = command.home / "spool"
    more: tuple[str, ...] = ()
    if name == "home":
        more = ("--home", str(command.home / "nexiom.db"))
    if name == "spool":
        spool.write_text("a file in the place of a folder")
    health = ("--health-file", str(command.home / "gone" / "health")) if name == "health" else ()
    said = command(*more, "worker", "--once", "--json", *health, script="done")
    assert (said.code, said.err) == (3, "")
    [error] = said.lines
    assert "cannot be written" in str(error["message"])
    assert not [one for one in command.home.iterdir() if one.name.startswith(".check-")]
    [job] = command("jobs", "list", "--json").lines
    assert (job["phase"], job["progress"]) == ("waiting", None)


def test_what_is_odd_about_the_settings_is_in_the_first_object(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexiom_sdk.cli.working.STORE_PATIENCE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes connections and answers none
        address = f"s3://films?endpoint=http://127.0.0.1:{server.getsockname()[1]}&region=eu-west-1"
        for name, value in (("NEXIOM_STORE_URL", address), ("NEXIOM_LEASE_SECOND", "90")):
            monkeypatch.setenv(name, value)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "not-a-real-key")
        said = command("worker", "--once", "--json")
    first = said.lines[0]
    assert (said.code, first["event"]) == (0, "worker_started")
    doubt = "The store did not let itself be looked at."
    assert first["warnings"] == [
        "NEXIOM_LEASE_SECOND is not a setting, and nothing reads it. Did you mean NEXIOM_LEASE_SECONDS?",
        f"{doubt} While it cannot be used, videos wait on this machine: no answer within 0.5 s.",
    ]


def test_a_variable_that_is_nearly_a_setting_is_told_and_one_that_is_not_is_let_be(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXIOM_DATABSE_URL", "postgresql://user:CANARY@host/jobs")
    monkeypatch.setenv("NEXIOM_TEST_DATABASE_URL", "x")
    monkeypatch.setenv("NEXIOM_OF_SOMEBODY_ELSE", "x")
    said = command("jobs", "list")
    assert said.err.splitlines()[0] == (
        "NEXIOM_DATABSE_URL is not a setting, and nothing reads it. Did you mean NEXIOM_DATABASE_URL?"
    )
    assert "SOMEBODY" not in said.err + said.out
    assert "TEST_DATABASE" not in said.err + said.out
    assert "CANARY" not in said.err + said.out


def test_nothing_odd_is_no_warning(command: Command) -> None:
    assert command("worker", "--once", "--json").lines[0]["warnings"] == []


def test_on_a_terminal_lines_have_the_time_and_in_a_file_the_day_too(command: Command) -> None:
    said = command("worker", "--once")
    assert all(re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  worker st", line) for line in said.err.splitlines())


def test_a_worker_whose_reader_goes_away_ends_without_a_word(tmp_path: Path) -> None:
    for _ in range(2):
        assert nexiom(tmp_path, *DETACHED, WIRED_SCRIPT="hang").returncode == 0
    worker = subprocess.Popen(
        [sys.executable, "-m", "nexiom_sdk", "worker", "--json"],
        env=environment(tmp_path, WIRED_SCRIPT="hang"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert worker.stdout is not None
    assert worker.stderr is not None
    assert json.loads(worker.stdout.readline())["event"] == "worker_started"
    worker.stdout.close()
    assert nexiom(tmp_path, *DETACHED, WIRED_SCRIPT="hang").returncode == 0
    errors = worker.stderr.read()
    assert worker.wait(timeout=60) == 141
    worker.stderr.close()
    assert b"sink" not in errors
    assert not [line for line in errors.splitlines() if b"chatter" not in line]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_worker_whose_log_disk_is_full_says_so_and_leaves_its_jobs(tmp_path: Path) -> None:
    assert nexiom(tmp_path, *DETACHED, "--json", WIRED_SCRIPT="hang").returncode == 0
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nexiom_sdk", "worker", "--once", "--json"],
            env=environment(tmp_path, WIRED_SCRIPT="done"),
            stdout=full,
            check=False,
        )
    assert done.returncode == 5


def test_a_second_signal_is_told_and_leaves_at_once(tmp_path: Path) -> None:
    assert nexiom(tmp_path, *HANG, "--defer", WIRED_SCRIPT="stuck").returncode == 0
    process = Process(tmp_path, ("worker", "--json"), {"WIRED_SCRIPT": "stuck", "NEXIOM_LOG": "info"})
    process.until("chatter")  # the paid call has begun
    process.signal(signal.SIGTERM)
    process.until("1 steps to end")
    process.signal(signal.SIGTERM)
    said = process.end()
    assert said.code == 130
    events = [json.loads(line) for line in said.out.splitlines()]
    assert {"event": "worker_draining", "running": 1}.items() <= events[-2].items()
    assert events[-2]["message"] == "1 step ends first; up to 10 s for that"
    assert events[-1]["event"] == "error"
    assert events[-1]["message"].startswith("Left at once")
