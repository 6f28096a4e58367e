"""Every example runs as its docstring says, offline and in seconds, and prints what it did."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from procrastinate_rig import engine_database

EXAMPLES = Path(__file__).parents[1] / "examples"
PRINTED = {
    "generate": r"640x360, 2 s: file:///.*\.mp4",
    "generate_sync": r"stored: file:///.*\.mp4\nrefused \(no_candidate, charged: no\)",
    "watch_progress": r"processing \(waiting, 75%\)[\s\S]*completed \(done, 100%\)\nstored: ",
    "http_provider": r"POST /v1/videos with the key\n(GET .*\n)+stored: file:///",
    "comfyui_workflow": r"prompt 'a fox in snow', seed 7\nsaved as film/832x480_[0-9a-f-]{36}\nstored: file:///",
    "own_provider": r"reel-\w+ cost \$0\.10: file:///",
    "models": r"runway/wan3: not_set_up\n[\s\S]*sora/sora-2 is no longer offered since 2026-09-24\n"
    r"openrouter/acme/new-video-1: \$0\.07 a second, 2026-11-26: cards\.json\n"
    r"a preview would cost \$0\.02\nstored: file:///",
    "worker": r"3 jobs are pending\n(completed: .*\n){3}",
    "app_rows": r"completed: _/.*\.mp4\nfailed: No model fits this request",
    "procrastinate_jobs": r"3 jobs are pending\n(completed: .*\n){3}",
    "object_store": r"stored: outputs/_/.*\.mp4, (\d{4,}) bytes, \1 read back",
    "fallback": r"breaker of acme: open \(5 of the last 5 calls\)\norders sent to acme: 5\nacme: failing\nbolt: ready\n"
    r"acme could not take it .* \(estimate \$0\.42 -> \$0\.50\)\n.*\nstored: file:///.* at once: bolt",
    "budgets": r"'GenerationJob', 10\), \('BudgetExceeded', 10[\s\S]*\$2\.00 of \$2\.00 are used[\s\S]*"
    r"tier ultra_realistic is for[\s\S]*u0: 5 jobs, \$[\d.]+ reported, \$[\d.]+ estimated",
    "references": r"handed in with its place\nrefused: .*fit=True[\s\S]*cropped from 3:2 to 16:9 .* to 1280x720\n"
    r"kept without a place\nsent 1280x720 without a place\nstored: file:///",
    "recover": r"failed \(unknown\): [\s\S]*stored: .*, orders paid: 1",
}


def test_every_example_is_run() -> None:
    assert {file.stem for file in EXAMPLES.glob("*.py")} == PRINTED.keys()


@pytest.fixture
def database(name: str) -> Iterator[dict[str, str]]:
    """The variable that names a PostgreSQL, for the examples that need one."""
    if name not in {"app_rows", "procrastinate_jobs"}:
        yield {}
        return
    with engine_database() as url:
        yield {"NEXIOM_DATABASE_URL": url}


@pytest.mark.parametrize("name", PRINTED)
def test_the_example_runs_and_prints_what_it_did(name: str, tmp_path: Path, database: dict[str, str]) -> None:
    file = EXAMPLES / f"{name}.py"
    assert f"`python examples/{name}.py`" in file.read_text("utf-8")
    environment = {"PATH": os.environ["PATH"], "NEXIOM_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), **database}
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    command = [sys.executable, "-W", "error", str(file)]
    ran = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(PRINTED[name], ran.stdout), ran.stdout
    assert not ran.stderr
    elsewhere = name == "object_store"
    assert elsewhere or list((tmp_path / "home" / "outputs").rglob("*.mp4")), "the video is not where NEXIOM_HOME says"
