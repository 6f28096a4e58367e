"""Object stores on loopback: moto's S3 server, Azure's own emulator from npm, and a wire that a test can cut.

The fixtures at the end are for every file that imports them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import re
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

import httpx
import pytest

from nexiom_sdk.backends.object_store import CloudStore
from nexiom_sdk.backends.object_store_upload import PART_BYTES
from nexiom_sdk.backends.urls import store_of
from nexiom_sdk.testing.clock import VirtualClock
from npm_rig import free_port, installed, wait_for

LARGE = b"0123456789abcdef" * (PART_BYTES // 16 * 5 // 2)  # two parts and a half
ACCESS_KEY = "AKIACANARYCANARY0001"
SECRET_KEY = "canary/Secret+of+S3/0123456789abcdefghij"
AZURE_ACCOUNT = "devstoreaccount1"  # the emulator's own, which everybody knows
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_AZURITE = {"azurite": "3.37.0"}
_MOTO = """
import sys
import uuid
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A server that speaks S3, seen from outside of the library."""

    origin: str

    def make_bucket(self, name: str) -> None:
        httpx.put(f"{self.origin}/{name}", trust_env=False).raise_for_status()

    def forget(self) -> None:
        """No bucket any more, whatever its name."""
        httpx.post(f"{self.origin}/moto-api/reset", trust_env=False).raise_for_status()

    def keys(self, bucket: str) -> list[str]:
        listed = httpx.get(f"{self.origin}/{bucket}?list-type=2", trust_env=False).raise_for_status().text
        return [unquote(key) for key in re.findall("<Key>(.*?)</Key>", listed)]

    def unfinished(self, bucket: str) -> list[str]:
        """Uploads in parts that nobody completed or aborted."""
        listed = httpx.get(f"{self.origin}/{bucket}?uploads", trust_env=False).raise_for_status().text
        return re.findall("<Key>(.*?)</Key>", listed)

    def put(self, bucket: str, key: str, data: bytes = b"fox") -> None:
        httpx.put(f"{self.origin}/{bucket}/{key}", content=data, trust_env=False).raise_for_status()


@contextlib.contextmanager
def moto() -> Iterator[S3Server]:
    """moto's server in a process of its own: its log knows keys, and its memory is not ours."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _MOTO], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield S3Server(origin=f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()


@contextlib.contextmanager
def azurite() -> Iterator[str]:
    """The endpoint of Azure's emulator; skips where it cannot be installed."""
    program, port = installed(_AZURITE, "azurite/dist/src/blob/main.js"), free_port()
    where = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence"]
    command = ["node", str(program), *where, "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
        finally:
            process.kill()


def make_container(endpoint: str, name: str) -> None:
    """A container, made as Azure wants it signed: obstore makes none."""
    when, version = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"), "2021-08-06"
    signed = "PUT" + "\n" * 12 + f"x-ms-date:{when}\nx-ms-version:{version}\n"
    signed += f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(AZURE_KEY), signed.encode(), hashlib.sha256)).decode()
    headers = {"x-ms-date": when, "x-ms-version": version, "Authorization": f"SharedKey {AZURE_ACCOUNT}:{signature}"}
    httpx.put(f"{endpoint}/{name}?restype=container", headers=headers, trust_env=False).raise_for_status()


class Wire:
    """A TCP connection to a server that breaks when so many bytes went up.

    Attributes:
        bytes_left: How many more go up; None: any number.
        most_breaks: After so many it is mended; None: it stays broken.
    """

    def __init__(self) -> None:
        self.port = 0
        self.bytes_left: int | None = None
        self.most_breaks: int | None = None
        self.breaks = 0

    async def up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self.bytes_left is not None:
                self.bytes_left -= len(data)
                if self.bytes_left <= 0:
                    self.breaks += 1
                    if self.breaks == self.most_breaks:
                        self.bytes_left = None
                    return
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def wire_to(origin: str) -> AsyncIterator[Wire]:
    """A wire to the server of an origin."""
    wire, tasks = Wire(), set[asyncio.Task[None]]()

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = await asyncio.open_connection("127.0.0.1", int(origin.rpartition(":")[2]))
        both = [asyncio.ensure_future(wire.up(reader, server[1])), asyncio.ensure_future(_down(server[0], writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            server[1].transport.abort()
            writer.transport.abort()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(joined(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as listening:
        wire.port = listening.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with moto() as server:
        yield server


@pytest.fixture(scope="module")
def azure() -> Iterator[str]:
    with azurite() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of all three, so that nobody asks a machine of the cloud for some; and no proxy in between."""
    for name in os.environ:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "ya29.canary-of-google-0123456789")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)


@pytest.fixture
def bucket(s3: S3Server) -> str:
    name = f"films{uuid.uuid4().hex}"  # Google's client escapes a hyphen, and moto does not read that
    s3.make_bucket(name)
    return name


@pytest.fixture
def store(s3: S3Server, bucket: str) -> CloudStore:
    return opened(f"s3://{bucket}/nexiom/here?endpoint={s3.origin}")


def opened(url: str) -> CloudStore:
    store = store_of(url, clock=VirtualClock())
    assert isinstance(store, CloudStore)
    return store


async def listed(store: CloudStore) -> list[str]:
    return [info.key async for info in store.list()]
