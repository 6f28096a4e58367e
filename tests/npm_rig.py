"""Servers for tests: programs of npm, installed once, a port for them, and the wait until they answer."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

_START_SECONDS = 60


def installed(packages: Mapping[str, str], program: str) -> Path:
    """A program, installed once for all runs on this machine; skips where that cannot be done.

    Args:
        packages: Their versions by name; the first one has the program.
        program: Its path below `node_modules`.
    """
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        pytest.skip("node and npm are not installed here")
    name, version = next(iter(packages.items()))
    folder = Path(tempfile.gettempdir()) / f"nexiom-{re.sub('[^a-z]+', '-', name).strip('-')}-{version}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:  # one process installs, the others wait for it
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        if not done.exists():
            (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": packages}))
            install = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
            result = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False, timeout=500)
            if result.returncode:
                pytest.skip(f"npm cannot install {name} here: {result.stderr.strip()[-200:]}")
            done.touch()
    return folder / "node_modules" / program


def free_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    """Wait until somebody takes connections at a port.

    Raises:
        OSError: Nobody did within a minute.
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
