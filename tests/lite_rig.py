"""Supabase's own small server from npm (`@supabase/lite`), over a real PostgreSQL: REST, sign-up, storage on loopback.

It is young, so its version is pinned. With its first request it opens every table to all roles, which hosted Supabase
does not do to a table that is there; the migration is applied once more after that, and closes it. It gives objects
away in pieces that Node 20 cannot send, so it is helped there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from nexiom_sdk.backends import postgres_upgrade
from nexiom_sdk.cli.app import run
from npm_rig import free_port, installed, wait_for
from schema_rig import as_url, roles_database
from supabase_steps import Project

_PACKAGES = {"@supabase/lite": "0.10.0", "postgres": "3.4.9"}
_START_SECONDS = 60
_PIECES_THAT_CAN_BE_SENT = """
import { open } from "node:fs/promises";
const file = await open(process.execPath);
const kind = Object.getPrototypeOf(file);
await file.close();
const plain = kind.readableWebStream;
kind.readableWebStream = function () { return plain.call(this, { type: "bytes", autoClose: true }); };
"""
_CONFIG = """
[api]
port = {port}
[db]
driver = "postgres"
url = "{database}"
[auth]
enabled = true
site_url = "http://127.0.0.1:{port}"
jwt_secret = "only-on-loopback-0123456789-0123456789"
jwt_expiry = 3600
enable_signup = true
publishable_key = "sb_publishable_loopback"
secret_key = "sb_secret_loopback"
[auth.email]
enable_confirmations = false
[storage]
enabled = true
file_size_limit = "{largest_file}"
"""


@contextlib.contextmanager
def lite(folder: Path, *, largest_file: str = "80MiB") -> Iterator[Project]:
    """A project as a user sets one up: the migration is written into its folder, applied by Supabase's tool, served."""
    program = installed(_PACKAGES, "@supabase/lite/dist/cli/index.js")
    with roles_database() as conninfo, _bridge(conninfo) as database:
        port = free_port()
        (folder / "supabase").mkdir()
        (folder / "supabase" / "config.toml").write_text(
            _CONFIG.format(port=port, database=database, largest_file=largest_file)
        )
        assert run(["migrate", "--supabase", "--output", str(folder / "supabase" / "migrations")]) == 0
        env = {**os.environ, "EXPERIMENTAL_STORAGE": "1", "LITE_TELEMETRY": "0", "DO_NOT_TRACK": "1"}
        applied = ["node", str(program), "migration", "up"]
        subprocess.run(applied, cwd=folder, env=env, capture_output=True, check=True, timeout=_START_SECONDS)
        (folder / "pieces.mjs").write_text(_PIECES_THAT_CAN_BE_SENT)
        serve = ["node", "--import", str(folder / "pieces.mjs"), str(program), "start", "--no-admin"]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(serve, cwd=folder, env=env, stdin=quiet, stdout=quiet, stderr=quiet) as process:
            try:
                url = f"http://127.0.0.1:{port}"
                wait_for(port)
                httpx.get(f"{url}/rest/v1/generation_jobs", headers={"apikey": "sb_publishable_loopback"}, timeout=30)
                asyncio.run(postgres_upgrade.apply(SecretStr(conninfo)))
                yield Project(
                    url=url,
                    publishable_key="sb_publishable_loopback",
                    secret_key="sb_secret_loopback",
                    database_url=as_url(conninfo),
                )
            finally:
                process.kill()


@contextlib.contextmanager
def _bridge(conninfo: str) -> Iterator[str]:
    """The address of a database over TCP, which the server needs; what comes from pip has a Unix socket only."""
    parts = conninfo_to_dict(conninfo)
    host, path = str(parts["host"]), f"{parts['host']}/.s.PGSQL.{parts.get('port') or 5432}"
    if not host.startswith("/"):
        yield as_url(conninfo)
        return
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    loop = asyncio.new_event_loop()
    serving = loop.create_task(_forward(listening, path))
    thread = threading.Thread(target=_run_to_the_end, args=(loop, serving))
    thread.start()
    try:
        yield f"postgresql://{parts['user']}@127.0.0.1:{port}/{parts['dbname']}"
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join()
        loop.close()


def _run_to_the_end(loop: asyncio.AbstractEventLoop, serving: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(serving)


async def _forward(listening: socket.socket, path: str) -> None:
    async def both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server = await asyncio.open_unix_connection(path)
        await asyncio.gather(_copy(reader, to_server[1]), _copy(to_server[0], writer))

    tasks = set[asyncio.Task[None]]()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(both_ways(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async with await asyncio.start_server(accepted, sock=listening):
        try:
            await asyncio.Event().wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        try:
            while part := await reader.read(65_536):
                writer.write(part)
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()
