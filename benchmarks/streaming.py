"""A result on its way into a store, against bare httpx that streams it to the same place with SHA-256.

The library also guards the download, keeps the file in its spool, plays the video, and makes its still picture.
Three places: a folder (bare: a file with fsync), a server that speaks S3 (bare: obstore), and one that takes uploads
as Supabase Storage does and throws them away (bare: an upload with httpx). Supabase's own small server holds an object
in memory several times, so that 2 GiB are too much for it; `--to lite` takes it all the same. Both sides read from one
server on loopback and take turns, each in a fresh process that has handled a short video before the clock starts. Extra
memory is the peak over the resident size at that moment; Linux tells it.

    python benchmarks/streaming.py [--to folder s3 supabase lite] [--mib 256 2048] [--rounds 5] [--folder /dev/shm]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import multiprocessing
import os
import re
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.backends.object_store import CloudStore
from nexiom_sdk.backends.supabase_storage import SupabaseStorage
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.providers.calls import Door
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.runway import RunwayProvider
from nexiom_sdk.results import Results
from nexiom_sdk.spool import Spool
from nexiom_sdk.storage import BUCKETS, ObjectStore
from nexiom_sdk.testing.fake_provider import sample_video
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.types import Asset

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

MIB = 1024 * 1024
TARGET_RATIO, TARGET_MIB = 0.9, 16
SIDES = ("library", "bare")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BUCKET = "outputs"
_PIECE = bytes(256 * 1024)


@dataclass(frozen=True, slots=True)
class Place:
    """Where results go.

    Args:
        kind: folder, s3, supabase or lite.
        url: Where the server is; none for a folder.
        key: Its key, where it wants one.
    """

    kind: str
    url: str = ""
    key: str = ""

    def store(self, folder: Path) -> ObjectStore:
        """The place as a store of the library."""
        match self.kind:
            case "s3":
                return CloudStore.from_url(_s3_url(self.url), clock=SystemClock())
            case "supabase" | "lite":
                return SupabaseStorage(self.url, SecretStr(self.key))
            case _:
                return LocalFiles(folder)

    async def bare(self, url: str, folder: Path) -> None:
        """What a careful program does by hand."""
        digest = hashlib.sha256()
        async with httpx.AsyncClient() as client, client.stream("GET", url) as reply:

            async def hashed() -> AsyncIterator[bytes]:
                async for chunk in reply.aiter_bytes():
                    digest.update(chunk)
                    yield chunk

            match self.kind:
                case "s3":
                    await _bare_s3(self.url, hashed())
                case "supabase" | "lite":
                    async with httpx.AsyncClient(timeout=600) as other:
                        to = f"{self.url}/storage/v1/object/{BUCKET}/bare.mp4"
                        headers = {"apikey": self.key, "x-upsert": "true", "content-type": "video/mp4"}
                        (await other.post(to, content=hashed(), headers=headers)).raise_for_status()
                case _:
                    with (folder / "bare.mp4").open("wb") as file:
                        async for chunk in hashed():
                            file.write(chunk)
                        file.flush()
                        os.fsync(file.fileno())


def _s3_url(endpoint: str) -> str:
    return f"s3://?region=us-east-1&endpoint={endpoint}&path_style=true"


async def _bare_s3(endpoint: str, chunks: AsyncIterator[bytes]) -> None:
    from obstore import put_async
    from obstore.store import S3Store

    options = {"allow_http": True}
    store = S3Store(BUCKET, endpoint=endpoint, region="us-east-1", client_options=options)  # type: ignore[arg-type]
    await put_async(store, "bare.mp4", chunks, max_concurrency=1)


async def library(url: str, folder: Path, place: Place) -> None:
    """What the engine does with a finished order: fetch, check, store, and a still picture beside it."""
    spool = Spool(folder / "spool", most_bytes=8 * 1024 * MIB)
    door = Door(clock=SystemClock(), sink=lambda _: None)
    store = place.store(folder)
    results = Results(spool=spool, store=store, door=door, sink=lambda _: None)
    provider = RunwayProvider(
        {"api_key": "key_of_nobody", "base_url": url}, http=HttpOptions(max_video_bytes=4096 * MIB)
    )
    job = sample_job(SystemClock()).evolve(id="benchmark")
    assert len(await results.bring(job, provider, [Asset(url=url)])) == 1
    await spool.drop(job)
    await provider.aclose()
    await store.aclose()


def measured(side: str, port: int, mib: int, folder: Path, place: Place) -> tuple[float, float]:
    """MiB a second and extra MiB of memory of one side, for one video; in a fresh process."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        for size in ("short", "long"):
            (Path(fresh) / size).mkdir()
        asyncio.run(_run(side, port, 8, Path(fresh) / "short", place))
        os.sync()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _resident_mib("VmRSS")
        began = time.monotonic()
        asyncio.run(_run(side, port, mib, Path(fresh) / "long", place))
        seconds = time.monotonic() - began
        return mib / seconds, _resident_mib("VmHWM") - before


async def _run(side: str, port: int, mib: int, folder: Path, place: Place) -> None:
    url = f"http://127.0.0.1:{port}/{mib}"
    await (library(url, folder, place) if side == "library" else place.bare(url, folder))


def _resident_mib(field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A short real video with a long box of nothing behind it, as many MiB as the path says."""
    asked = await reader.readuntil(b"\r\n\r\n")
    size = int(asked.split()[1][1:]) * MIB
    video = sample_video()
    left = size - len(video)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode() + video + struct.pack(">I4s", left, b"free"))
    left -= 8
    while left:
        writer.write(_PIECE[:left])
        left -= min(left, len(_PIECE))
        await writer.drain()
    writer.close()


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take uploads as Supabase Storage does, keep how long the last one was, and forget the rest."""
    size = 0
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            path = head.split()[1]
            if "transfer-encoding: chunked" in head:
                size = await _chunked(reader)
            elif length := re.search(r"content-length: (\d+)", head):
                await reader.readexactly(int(length[1]))
            said = {"Key": path, "size": size, "public": True, "id": "1"}
            body = json.dumps(said).encode()
            writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
    writer.close()


async def _chunked(reader: asyncio.StreamReader) -> int:
    size = 0
    while count := int(await reader.readline(), 16):
        size += count
        await reader.readexactly(count + 2)
    await reader.readline()
    return size


def serve(handler: Handler, port: Connection, stop: Event) -> None:
    """A server's process: tell the port, and serve until told to stop."""

    async def until_stopped() -> None:
        async with await asyncio.start_server(handler, "127.0.0.1", limit=MIB) as server:
            port.send(server.sockets[0].getsockname()[1])
            await asyncio.to_thread(stop.wait)

    asyncio.run(until_stopped())


@contextlib.contextmanager
def _in_a_process(handler: Handler) -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    stop = context.Event()
    server = context.Process(target=serve, args=(handler, theirs, stop))
    server.start()
    try:
        yield ours.recv()
    finally:
        stop.set()
        server.join()


@contextlib.contextmanager
def served(kind: str) -> Iterator[Place]:
    """The place, with its server running."""
    with tempfile.TemporaryDirectory() as folder:
        match kind:
            case "s3":
                from object_store_rig import moto

                with moto() as server:
                    for bucket in BUCKETS:
                        server.make_bucket(bucket)
                    yield Place("s3", server.origin)
            case "supabase":
                with _in_a_process(swallow) as port:
                    yield Place("supabase", f"http://127.0.0.1:{port}", "sb_secret_of_nobody")
            case "lite":
                from lite_rig import lite

                with lite(Path(folder), largest_file="3GiB") as project:
                    yield Place("lite", project.url, project.secret_key)
            case _:
                yield Place("folder")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", nargs="+", default=["folder", "s3", "supabase"])
    parser.add_argument("--mib", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    chosen = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
    context = multiprocessing.get_context("spawn")

    def fresh(side: str, port: int, mib: int, place: Place) -> tuple[float, float]:
        with ProcessPoolExecutor(1, mp_context=context) as process:
            return process.submit(measured, side, port, mib, chosen.folder, place).result()

    with contextlib.ExitStack() as stack:
        port = stack.enter_context(_in_a_process(answer))
        print("to          MiB  library MiB/s   bare  ratio  library extra  bare extra")
        for kind in chosen.to:
            place = stack.enter_context(served(kind))
            for mib in chosen.mib:
                rounds = [[fresh(side, port, mib, place) for side in SIDES] for _ in range(chosen.rounds)]
                ratio = statistics.median(ours[0] / bare[0] for ours, bare in rounds)
                speeds = [statistics.median(one[side][0] for one in rounds) for side in (0, 1)]
                extra = [max(one[side][1] for one in rounds) for side in (0, 1)]
                print(
                    f"{kind:9} {mib:5} {speeds[0]:14.0f} {speeds[1]:6.0f} {ratio:6.2f} "
                    f"{extra[0]:10.1f} MiB {extra[1]:7.1f} MiB",
                    flush=True,
                )
    print(f"target: ratio at least {TARGET_RATIO}, extra at most {TARGET_MIB} MiB at any size")


if __name__ == "__main__":
    main()
