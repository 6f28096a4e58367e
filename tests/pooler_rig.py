"""A real PgBouncer in transaction mode before the PostgreSQL of `postgres_rig`; one for each process that asks for it.

Four connections to each database, as many as a small plan of a hosted pooler gives. It listens on a Unix socket only.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from postgres_rig import server_url

_FOUND = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
NEEDS_POOLER = pytest.mark.skipif(_FOUND is None, reason="PgBouncer is not installed here (apt install pgbouncer)")
SERVER_CONNECTIONS = 4
_PORT = 6432  # only the name of the socket

_CONFIG = """
[databases]
* = host={host} port={port} user={user} {password}

[pgbouncer]
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
auth_type = any
listen_port = {own_port}
unix_socket_dir = {folder}
logfile = {folder}/log
"""


def pooled(url: str) -> str:
    """The same database, through the pooler."""
    return make_conninfo(url, host=_folder(), hostaddr=None, port=_PORT, password=None)


@cache
def _folder() -> str:
    """The folder of the socket of a pooler that runs."""
    assert _FOUND is not None
    # Short, because the path of a socket must be; and open to the user that it runs as, for it refuses to be root.
    folder = Path(tempfile.mkdtemp(prefix="nexiom-pgb-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = conninfo_to_dict(server_url())
    runs_as = _owner_of(str(server.get("host") or "")) if os.geteuid() == 0 else None
    if runs_as is not None:
        shutil.chown(folder, runs_as)
    password = f"password={server['password']}" if server.get("password") else ""
    config = folder / "pgbouncer.ini"
    config.write_text(
        _CONFIG.format(
            host=server.get("host") or "/tmp",
            port=server.get("port") or 5432,
            user=server.get("user") or "postgres",
            password=password,
            connections=SERVER_CONNECTIONS,
            own_port=_PORT,
            folder=folder,
        )
    )
    process = subprocess.Popen(
        [_FOUND, "-q", str(config)],
        user=runs_as,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(_stop, process)
    _wait_until_it_answers(process, folder)
    return str(folder)


def _wait_until_it_answers(process: subprocess.Popen[bytes], folder: Path) -> None:
    url = make_conninfo(server_url(), host=str(folder), port=_PORT, password=None, connect_timeout=10)
    for _ in range(200):
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, prepare_threshold=None):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    log = folder / "log"
    raise AssertionError(f"PgBouncer does not answer: {log.read_text() if log.exists() else process.returncode}")


def _owner_of(host: str) -> str:
    """Who may open the server's socket; anybody may dial an address."""
    owner = Path(host).owner() if host.startswith("/") else "root"
    return "nobody" if owner == "root" else owner


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(timeout=10)
