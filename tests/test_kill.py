"""SIGKILL at every boundary of a job's life; a second process finishes it, and nobody ever pays twice."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from nexiom_sdk import GenerationJob, JobStatus
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.jobs import Phase
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import SubmissionRecovery

CHILD = Path(__file__).parent / "kill" / "child.py"
POINTS = (
    "claimed", "intent", "in flight", "answered", "recorded", "polled", "saving", "fetching", "stored", "saved",
)  # fmt: skip


class Provider(http.server.ThreadingHTTPServer):
    """The provider's server: what it accepted is what was paid."""

    def __init__(self, recovery: SubmissionRecovery, *, kill_in_flight: bool) -> None:
        self.recovery, self.kill_in_flight = recovery, kill_in_flight
        self.paid: list[str] = []
        self.fetched = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A child that was killed breaks its connection; that is the point."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        key, provider = query["key"][0], self.server
        with provider.lock:
            if provider.recovery != "key" or key not in provider.paid:
                provider.paid.append(key)
        if provider.kill_in_flight:
            provider.kill_in_flight = False
            os.kill(int(query["pid"][0]), signal.SIGKILL)
            return
        self._answer({"id": f"order-{key}"})

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if path.path == "/find":
            key = parse_qs(path.query)["key"][0]
            self._answer({"id": f"order-{key}" if key in self.server.paid else None})
        elif path.path.startswith("/video/"):
            self.server.fetched += 1
            self.send_response(200)
            self.end_headers()
            self.wfile.write(sample_video())
        else:
            self._answer({"status": "done"})

    def _answer(self, body: object) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def provider_server(recovery: SubmissionRecovery, *, kill_in_flight: bool) -> Iterator[Provider]:
    server = Provider(recovery, kill_in_flight=kill_in_flight)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _child(home: Path, port: int, recovery: str, verb: str, point: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHILD), str(home), str(port), recovery, verb, point]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("recovery", ["key", "lookup", "none"])
@pytest.mark.parametrize("point", POINTS)
def test_a_job_killed_anywhere_is_finished_by_another_process_and_paid_once(
    point: str, recovery: SubmissionRecovery, tmp_path: Path
) -> None:
    with provider_server(recovery, kill_in_flight=point == "in flight") as provider:
        port = int(provider.server_address[1])
        first = _child(tmp_path, port, recovery, "submit", point)
        assert first.returncode == -signal.SIGKILL, first.stderr
        job_id = first.stdout.strip()
        second = _child(tmp_path, port, recovery, job_id)
        assert second.returncode == 0, second.stderr
        paid, fetched = list(provider.paid), provider.fetched
    job = _row(tmp_path, job_id)
    assert len(paid) == len(set(paid)) <= 1
    uncertain = recovery == "none" and point in {"intent", "in flight", "answered"}
    if uncertain:
        assert (job.phase, job.error_code) == (Phase.UNKNOWN, "submission_uncertain")
        assert f"nexiom jobs resolve {job_id}" in str(job.error_message)
        assert len(paid) == (0 if point == "intent" else 1)
    else:
        assert (job.status, len(paid)) == (JobStatus.COMPLETED, 1)
        assert (tmp_path / "outputs" / str(job.result_path)).read_bytes() == sample_video()
        videos = list((tmp_path / "outputs").rglob("*.mp4"))
        assert len(videos) == 1
        assert fetched == (2 if point == "fetching" else 1)


def _row(home: Path, job_id: str) -> GenerationJob:
    async def read() -> GenerationJob:
        repository = SqliteRepository(home / "nexiom.db")
        try:
            job = await repository.get(job_id)
        finally:
            await repository.aclose()
        assert job is not None
        return job

    return asyncio.run(read())
