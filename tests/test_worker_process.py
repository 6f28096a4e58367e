"""`nexiom worker` as a supervisor runs it: stopped by SIGTERM, watched through a file, its log read by machines."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import JsonValue

from cli_rig import Process, Said, nexiom

PROMPT = "CANARY4711 a fox in snow"
SECRET = "sk-CANARY4712"


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A server on loopback that takes every connection and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def _port(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


def _ordered(home: Path, script: str = "hang") -> str:
    """A job that is only written down, and its id."""
    done = nexiom(home, "generate", PROMPT, "--provider", "wired", "--detach", "--json", WIRED_SCRIPT=script)
    assert done.returncode == 0, done.stderr
    job_id: str = json.loads(done.stdout.splitlines()[-1])["id"]
    return job_id


def _queued_again(home: Path, job_id: str) -> None:
    """Put the job back to where nothing was ordered: `--detach` takes the first step."""
    with closing(sqlite3.connect(home / "nexiom.db", isolation_level=None)) as database:
        database.execute(
            "update generation_jobs set phase = 'queued', status = 'pending', provider_job_id = null, "
            "leased_until = null, run_at = created_at where id = ?",
            (job_id,),
        )


def _row(home: Path, job_id: str) -> dict[str, JsonValue]:
    row: dict[str, JsonValue] = json.loads(nexiom(home, "jobs", "show", job_id, "--json").stdout)
    return row


def _ended(process: Process) -> tuple[Said, float]:
    """SIGTERM, and how long the end takes."""
    began = time.monotonic()
    process.signal(signal.SIGTERM)
    said = process.end()
    return said, time.monotonic() - began


def _lines(text: str) -> list[dict[str, JsonValue]]:
    """JSON Lines; fails where a line is anything else."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_worker_whose_provider_hangs_ends_in_time_and_another_one_goes_on_at_once(
    tmp_path: Path, deaf: socket.socket
) -> None:
    job_id = _ordered(tmp_path)
    process = Process(tmp_path, ("worker", "--drain-seconds", "0.5"), {"WIRED_SCRIPT": f"deaf:{_port(deaf)}"})
    held, _ = deaf.accept()  # the look is on its way
    said, seconds = _ended(process)
    held.close()
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[-1].endswith("  worker stopped")
    assert "are cut short" in said.err
    assert seconds < 8
    other = Process(tmp_path, ("worker",), {"WIRED_SCRIPT": f"deaf:{_port(deaf)}"})
    began = time.monotonic()
    taken, _ = deaf.accept()  # long before a lease of 60 s has run out
    assert time.monotonic() - began < 20
    taken.close()
    other.signal(signal.SIGTERM)
    assert other.end().code == 0
    assert _row(tmp_path, job_id)["phase"] == "waiting"


def test_a_paid_call_on_its_way_is_waited_for_and_the_log_says_so(tmp_path: Path) -> None:
    job_id = _ordered(tmp_path)
    _queued_again(tmp_path, job_id)
    process = Process(tmp_path, ("worker", "--drain-seconds", "0", "--json"), {"WIRED_SCRIPT": "slow:6"})
    process.until("chatter")  # the paid call has begun
    said, seconds = _ended(process)
    assert said.code == 0
    kept = [line for line in _lines(said.err) if line.get("action") == "kept_waiting"]
    assert [line["job_id"] for line in kept] == [job_id]
    assert 4 < seconds < 20
    row = _row(tmp_path, job_id)
    assert (row["phase"], row["provider_job_id"]) == ("waiting", f"order-{job_id}.0")


def test_its_health_file_is_young_while_it_works_and_gone_after_a_clean_end(tmp_path: Path) -> None:
    file = tmp_path / "health"
    process = Process(tmp_path, ("worker", "--health-file", str(file)), {"WIRED_SCRIPT": "hang"})
    process.until("worker started")
    first = _written_after(file, 0)
    second = _written_after(file, first)
    assert second > first
    assert json.loads(file.read_text("utf-8"))["pid"] == process.process.pid
    process.signal(signal.SIGSTOP)  # frozen: the file grows old
    time.sleep(0.3)
    frozen = file.stat().st_mtime_ns
    time.sleep(2.5)
    assert file.stat().st_mtime_ns == frozen
    process.signal(signal.SIGCONT)
    _written_after(file, frozen)
    said, _ = _ended(process)
    assert said.code == 0
    assert not file.exists()


def test_a_killed_worker_leaves_its_health_file_to_grow_old(tmp_path: Path) -> None:
    file = tmp_path / "health"
    process = Process(tmp_path, ("worker", "--health-file", str(file)), {"WIRED_SCRIPT": "hang"})
    _written_after(file, 0)
    process.signal(signal.SIGKILL)
    process.end()
    assert file.exists()


def test_while_the_database_is_away_there_is_no_young_file_and_the_log_says_when_it_goes_and_comes(
    tmp_path: Path,
) -> None:
    home, file = tmp_path / "home", tmp_path / "health"
    (home / "nexiom.db").mkdir(parents=True)
    process = Process(home, ("worker", "--health-file", str(file), "--json"), {"WIRED_SCRIPT": "hang"})
    process.until("no jobs can be read")
    assert not file.exists()
    (home / "nexiom.db").rmdir()
    process.until("jobs can be read again")
    _written_after(file, 0)
    said, _ = _ended(process)
    assert said.code == 0
    assert [line["action"] for line in _lines(said.err)] == ["no_rows", "rows_again"]


def test_with_json_the_log_is_json_too_and_tells_no_secret(tmp_path: Path) -> None:
    job_id = _ordered(tmp_path)
    _queued_again(tmp_path, job_id)
    done = nexiom(tmp_path, "worker", "--once", "--json", WIRED_SCRIPT="burst", WIRED_SECRET=SECRET, NEXIOM_LOG="debug")
    assert done.returncode == 0, done.stderr
    log = _lines(done.stderr.decode())
    assert all({"at", "level", "logger", "message"} <= line.keys() for line in log)
    assert {"worker_ticked", "job_moved", "provider_called"} <= {line.get("action") for line in log}
    moved = next(line for line in log if line.get("action") == "job_moved")
    assert moved["job_id"] == job_id
    failed = next(line for line in log if line.get("action") == "burst")
    error = failed["error"]
    assert isinstance(error, dict)
    assert error["class"] == "ValueError"
    assert str(error["where"]).startswith("wired.Wired._burst:")
    assert b"CANARY" not in done.stdout + done.stderr
    assert _lines(done.stdout.decode())[0]["event"] == "worker_started"


def test_without_json_the_log_is_for_people(tmp_path: Path) -> None:
    job_id = _ordered(tmp_path)
    _queued_again(tmp_path, job_id)
    done = nexiom(tmp_path, "worker", "--once", WIRED_SCRIPT="hang")
    assert b"WARNING chatter that nobody asked for\n" in done.stderr


def _written_after(file: Path, moment: int) -> int:
    """When the file was written, once that is later than this."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if file.exists() and (written := file.stat().st_mtime_ns) > moment:
            return written
        time.sleep(0.05)
    raise AssertionError("the file was not written")
