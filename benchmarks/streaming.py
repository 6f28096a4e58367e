"""A result of 256 MiB on its way into the store, against bare httpx that streams into a file with SHA-256 and fsync.

The library checks the video and makes its still picture as well. Both sides read from one server on
loopback and take turns, each time in a fresh process that has handled a short video before the clock starts. Extra
memory is the peak over the resident size at that moment; Linux tells it.

    python benchmarks/streaming.py [--mib 64 256] [--rounds 7] [--folder /dev/shm]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import multiprocessing
import os
import re
import statistics
import struct
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.providers.calls import Door
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.runway import RunwayProvider
from nexiom_sdk.results import Results
from nexiom_sdk.spool import Spool
from nexiom_sdk.testing.fake_provider import sample_video
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.types import Asset

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

MIB = 1024 * 1024
TARGET_RATIO, TARGET_MIB = 0.9, 16
_PIECE = bytes(256 * 1024)


async def bare(url: str, folder: Path) -> None:
    """What a careful program does by hand."""
    digest = hashlib.sha256()
    async with httpx.AsyncClient() as client, client.stream("GET", url) as reply:
        with (folder / "bare.mp4").open("wb") as file:
            async for chunk in reply.aiter_bytes():
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())


async def library(url: str, folder: Path) -> None:
    """What the engine does with a finished order: fetch, check, store, and a still picture beside it."""
    door = Door(clock=SystemClock(), sink=lambda _: None)
    spool = Spool(folder / "spool", most_bytes=8 * 1024 * MIB)
    results = Results(spool=spool, store=LocalFiles(folder), door=door, sink=lambda _: None)
    provider = RunwayProvider({"api_key": "key_of_nobody", "base_url": url}, http=HttpOptions())
    job = sample_job(SystemClock())
    assert len(await results.bring(job, provider, [Asset(url=url)])) == 1
    await spool.drop(job)
    await provider.aclose()


SIDES: dict[str, Callable[[str, Path], Awaitable[None]]] = {"library": library, "bare": bare}


def measured(side: str, port: int, mib: int, folder: Path) -> tuple[float, float]:
    """MiB a second and extra MiB of memory of one side, for one video; in a fresh process."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        for size in ("short", "long"):
            (Path(fresh) / size).mkdir()
        asyncio.run(_run(side, port, 1, Path(fresh) / "short"))
        os.sync()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _resident_mib("VmRSS")
        began = time.monotonic()
        asyncio.run(_run(side, port, mib, Path(fresh) / "long"))
        seconds = time.monotonic() - began
        return mib / seconds, _resident_mib("VmHWM") - before


async def _run(side: str, port: int, mib: int, folder: Path) -> None:
    await SIDES[side](f"http://127.0.0.1:{port}/{mib}", folder)


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


def serve(port: Connection, stop: Event) -> None:
    """The server's process: tell the port, and serve until told to stop."""

    async def until_stopped() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1") as server:
            port.send(server.sockets[0].getsockname()[1])
            await asyncio.to_thread(stop.wait)

    asyncio.run(until_stopped())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mib", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    chosen = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    stop = context.Event()
    server = context.Process(target=serve, args=(theirs, stop))
    server.start()
    port = ours.recv()

    def fresh(side: str, mib: int) -> tuple[float, float]:
        with ProcessPoolExecutor(1, mp_context=context) as process:
            return process.submit(measured, side, port, mib, chosen.folder).result()

    with contextlib.ExitStack() as stack:
        stack.callback(server.join)
        stack.callback(stop.set)
        print(
            f"{'MiB':>5} {'library MiB/s':>14} {'bare MiB/s':>11} {'ratio':>6} {'library extra':>14} {'bare extra':>11}"
        )
        for mib in chosen.mib:
            rounds = [[fresh(side, mib) for side in SIDES] for _ in range(chosen.rounds)]
            ratio = statistics.median(ours[0] / bare[0] for ours, bare in rounds)
            speeds = [statistics.median(one[side][0] for one in rounds) for side in (0, 1)]
            extra = [max(one[side][1] for one in rounds) for side in (0, 1)]
            print(f"{mib:5} {speeds[0]:14.0f} {speeds[1]:11.0f} {ratio:6.2f} {extra[0]:10.1f} MiB {extra[1]:7.1f} MiB")
    print(f"target: ratio at least {TARGET_RATIO}, extra at most {TARGET_MIB} MiB at any size")


if __name__ == "__main__":
    main()
