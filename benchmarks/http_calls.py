"""An order, a look and a file of 64 KiB: through the HTTP base, and the same three calls with bare httpx.

Then the same through a whole `Studio` with SQLite and a local store, as processor time: row before the paid call,
lease, fence, check of the file, hash, atomic store. The extra `media`, which decodes the end of each file and makes a
still picture, is left out.
Both sides talk to one server in a process of its own, which answers from prepared bytes. They take turns; what is
printed is the median of the ratios of the rounds.

    python benchmarks/http_calls.py [--orders 128] [--rounds 9] [--folder /dev/shm]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import struct
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import httpx
from pydantic import JsonValue, SecretStr

from nexiom_sdk import ModelCard, Settings, Studio, VideoRequest
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.providers import (
    Asset,
    Body,
    Call,
    HttpOptions,
    HttpProvider,
    Operation,
    ProviderRegistry,
    Reply,
    Running,
    Submission,
    Succeeded,
)
from nexiom_sdk.providers.calls import Door, call, fetch
from nexiom_sdk.testing import VirtualClock, sample_video
from nexiom_sdk.types import VideoSpec

_VIDEO = sample_video()
_PADDING_BYTES = 64 * 1024 - len(_VIDEO)
FILE = _VIDEO + struct.pack(">I4s", _PADDING_BYTES, b"free") + bytes(_PADDING_BYTES - 8)
AT_ONCE = 64
ORDER: dict[str, JsonValue] = {"model": "bench-1", "prompt": "a fox in snow", "duration": 8, "resolution": "720p"}
Work = Callable[[], Awaitable[None]]


class _Job(Body):
    id: str
    status: str
    file: str


class Bench(HttpProvider):
    """As small as an adapter can be."""

    name = "bench"
    title = "Bench"
    config_env: ClassVar[Mapping[str, str]] = {"api_key": "BENCH_API_KEY", "base_url": "BENCH_BASE_URL"}
    models = (ModelCard(model="bench-1", typical_seconds=1, min_poll_seconds=0.1),)

    def submit_call(self, submission: Submission, /) -> Call:
        return Call("POST", "/videos", json={**ORDER, "prompt": submission.spec.prompt})

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:  # noqa: ARG002
        return Operation(id=reply.read(_Job).id)

    def poll_call(self, operation: Operation, /) -> Call:
        return Call("GET", f"/videos/{operation.id}")

    def read_poll(self, operation: Operation, reply: Reply, /) -> Running | Succeeded:  # noqa: ARG002
        job = reply.read(_Job)
        return Succeeded(assets=(Asset(url=job.file, needs_auth=True),)) if job.status == "done" else Running()


class Library:
    """Through the adapter and the door, as the engine does."""

    def __init__(self, origin: str) -> None:
        config: Mapping[str, str | SecretStr] = {"base_url": origin, "api_key": SecretStr("not-a-real-key")}
        self._adapter = Bench(config, http=HttpOptions(max_video_bytes=2**20))
        self._door = Door(clock=SystemClock(), sink=lambda _: None)
        self._order = Submission(spec=VideoSpec(model="bench-1", prompt="a fox in snow"), idempotency_key="j.0")

    async def __call__(self) -> None:
        adapter, door = self._adapter, self._door
        taken = await call(door, adapter.name, "submit", lambda: adapter.submit(self._order))
        assert isinstance(taken, Operation)
        done = await call(door, adapter.name, "poll", lambda: adapter.poll(taken))
        assert isinstance(done, Succeeded)
        assert sum([len(chunk) async for chunk in fetch(door, adapter, done.assets[0])]) == len(FILE)

    async def aclose(self) -> None:
        await self._adapter.aclose()


class Bare:
    """By hand, with one client."""

    def __init__(self, origin: str, connections: int = 16) -> None:
        headers = {"Authorization": "Bearer not-a-real-key"}
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx.AsyncClient(base_url=origin, headers=headers, limits=limits, timeout=30, trust_env=False)

    async def __call__(self) -> None:
        job = (await self._client.post("/videos", json=ORDER)).raise_for_status().json()
        done = (await self._client.get(f"/videos/{job['id']}")).raise_for_status().json()
        async with self._client.stream("GET", done["file"]) as file:
            assert sum([len(chunk) async for chunk in file.aiter_bytes()]) == len(FILE)

    async def aclose(self) -> None:
        await self._client.aclose()


class Whole:
    """Through the studio, from the request to the row that is done."""

    def __init__(self, origin: str, home: Path) -> None:
        registry = ProviderRegistry(entry_points=[])
        registry.register("bench", Bench)
        config = {"base_url": SecretStr(origin), "api_key": SecretStr("not-a-real-key")}
        self._clock = VirtualClock()
        self._studio = Studio(
            settings=Settings(home=home, provider_config={"bench": config}),
            registry=registry,
            clock=self._clock,
            sinks=(),
        )

    async def __call__(self) -> None:
        job = await self._studio.submit(VideoRequest(prompt="a fox in snow", provider="bench"))
        self._clock.advance((job.run_at - self._clock.now()).total_seconds())
        job = await self._studio.advance(job.id)
        assert job.status == "completed", job.error_message

    async def aclose(self) -> None:
        await self._studio.aclose()


async def _in_turn(work: Work, orders: int) -> float:
    begun = time.perf_counter()
    for _ in range(orders):
        await work()
    return (time.perf_counter() - begun) / orders


async def _processor(work: Work, orders: int) -> float:
    begun = time.process_time()
    for _ in range(orders):
        await work()
    return (time.process_time() - begun) / orders


async def _at_once(work: Work, orders: int) -> float:
    begun = time.perf_counter()
    for _ in range(max(orders // AT_ONCE, 1)):
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return (time.perf_counter() - begun) / (max(orders // AT_ONCE, 1) * AT_ONCE)


async def _compare(
    measure: Callable[[Work, int], Awaitable[float]], ours: Work, theirs: list[Bare], orders: int, rounds: int
) -> tuple[float, float, float]:
    """Median seconds an order of both sides, and the median ratio of ours to the better of theirs."""
    seconds: list[tuple[float, float]] = []
    for number in range(rounds + 1):
        mine = await measure(ours, orders)
        bare = min([await measure(one, orders) for one in theirs])
        if number:  # the first round warms up
            seconds.append((mine, bare))
    return (
        statistics.median(mine for mine, _ in seconds),
        statistics.median(bare for _, bare in seconds),
        statistics.median(mine / bare for mine, bare in seconds),
    )


async def _main(origin: str, home: Path, orders: int, rounds: int) -> None:
    ours, whole, theirs = (
        Library(origin),
        Whole(origin, home),
        [Bare(origin, connections) for connections in (8, 16, AT_ONCE)],
    )
    mine, bare, ratio = await _compare(_in_turn, ours, theirs[1:2], orders, rounds)
    print(f"one after the other: {mine * 1e3:.2f} ms an order, bare httpx {bare * 1e3:.2f} ms: {ratio:.2f} x (<= 1.25)")
    mine, bare, ratio = await _compare(_at_once, ours, theirs, orders, rounds)
    calls, by_hand = 3 / mine, 3 / bare
    print(f"{AT_ONCE} at once: {calls:,.0f} calls/s, bare httpx at its best {by_hand:,.0f}: {1 / ratio:.2f} x (>= 1.0)")
    mine, bare, ratio = await _compare(_processor, whole, theirs[1:2], orders, rounds)
    print(f"a whole studio: {mine * 1e3:.2f} ms CPU an order, bare httpx {bare * 1e3:.2f} ms: {ratio:.2f} x (<= 2.0)")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    await asyncio.gather(ours.aclose(), whole.aclose(), *(one.aclose() for one in theirs))


class _Server(asyncio.Protocol):
    """Answers whole requests from prepared bytes."""

    answers: ClassVar[dict[bytes, bytes]] = {}
    taken: ClassVar[int] = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._pending = transport, b""

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while True:
            head, end, rest = self._pending.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if not end or len(rest) < length:
                return
            self._pending = rest[length:]
            _Server.taken += head.startswith(b"POST")
            self._transport.write(self.answers[head[:8]].replace(b"job-0000000", b"job-%07d" % self.taken))


def _serve(tell: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        job = {"id": "job-0000000", "status": "done", "file": f"{origin}/file"}
        _Server.answers = {
            b"POST /vi": _answer(json.dumps({**job, "status": "queued"}).encode(), "application/json"),
            b"GET /vid": _answer(json.dumps(job).encode(), "application/json"),
            b"GET /fil": _answer(FILE, "video/mp4"),
        }
        tell.send(origin)
        await server.serve_forever()

    asyncio.run(run())


def _answer(body: bytes, media_type: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, default=None, help="where rows and videos go")
    asked = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(there,), daemon=True)
    server.start()
    try:
        with (
            patch("nexiom_sdk.media.can_play", return_value=False),
            tempfile.TemporaryDirectory(dir=asked.folder) as folder,
        ):
            asyncio.run(_main(here.recv(), Path(folder), asked.orders, asked.rounds))
    finally:
        server.kill()
