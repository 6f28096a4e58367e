"""Debian's PostgreSQL 15, started for a test: the oldest version that the SQL is for."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

BINARIES = Path("/usr/lib/postgresql/15/bin")
_USER = "postgres"
_PATIENCE_SECONDS = 60


def why_not() -> str | None:
    """Why it cannot be started here; None where it can."""
    if not (BINARIES / "postgres").exists():
        return "Debian's PostgreSQL 15 is not installed here"
    if os.geteuid() == 0:  # which it refuses to run as
        import pwd

        with contextlib.suppress(KeyError):
            pwd.getpwnam(_USER)
            return None
        return f"there is no user {_USER} to run it as"
    return None


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a fresh server for its superuser; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="nexiom-pg15-"))
    user = _USER if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    make = [str(BINARIES / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    serve = [
        str(BINARIES / "postgres"),
        "-D",
        str(data),
        "-k",
        str(folder),
        "-c",
        "listen_addresses=",
        "-c",
        "fsync=off",
    ]
    try:
        subprocess.run(make, user=user, cwd=folder, stdout=subprocess.DEVNULL, check=True)
        with subprocess.Popen(serve, user=user, cwd=folder, stderr=subprocess.DEVNULL) as process:
            try:
                url = f"postgresql://postgres@/postgres?host={folder}"
                _wait_until_it_answers(url)
                yield url
            finally:
                process.terminate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
