"""An order, a look and a file of 64 KiB through each adapter, and the very same calls with bare httpx.

Each adapter is first run before its loopback server of `nexiom_sdk.testing.wires`, and what both said is written down.
A server in a process of its own gives those answers from prepared bytes, in turns to the adapter and to httpx, which
sends the requests that the adapter sent, byte for byte, and reads JSON as JSON. What is printed is the median of the
ratios of the rounds.

    python benchmarks/adapters.py [--orders 64] [--rounds 9] [ROW ...]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import statistics
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
from pydantic import SecretStr

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from nexiom_sdk.clock import SystemClock
from nexiom_sdk.providers import HttpOptions, Operation, ProviderRegistry, Submission, Succeeded, VideoProvider
from nexiom_sdk.providers.calls import Door, call, fetch
from nexiom_sdk.testing import Answer, Fault, LoopbackServer, Received, sample_video
from nexiom_sdk.testing.provider_wire import ProviderWire
from nexiom_sdk.types import VideoSpec
from wire_rig import ROWS, Row

_VIDEO = sample_video()
_PADDING_BYTES = 64 * 1024 - len(_VIDEO)
FILE = _VIDEO + struct.pack(">I4s", _PADDING_BYTES, b"free") + bytes(_PADDING_BYTES - 8)
ORIGIN = b"@origin@"
TARGET = 1.25
Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of an adapter and its answer; where the server's own address stood, there is `ORIGIN`."""

    method: str
    target: str
    headers: Mapping[str, str]
    sent: bytes
    media_type: str
    status: int
    body: bytes


class Tape:
    """A server's answers, written down as they are given."""

    def __init__(self, wire: ProviderWire) -> None:
        self.wire = wire
        self.exchanges: list[Exchange] = []

    def __call__(self, received: Received) -> Answer | Fault:
        answer = self.wire(received)
        assert isinstance(answer, Answer), "a benchmark meets no faults"
        origin = self.wire.origin.encode()
        exchange = Exchange(
            method=received.method,
            target=received.target,
            headers={name: value for name, value in received.headers.items() if name not in {"host", "content-length"}},
            sent=received.body.replace(origin, ORIGIN),
            media_type=answer.headers.get("content-type", ""),
            status=answer.status,
            body=answer.body.replace(origin, ORIGIN),
        )
        self.exchanges.append(exchange)
        return answer


def _adapter(row: Row, origin: str) -> VideoProvider:
    config: Mapping[str, str | SecretStr] = {key: SecretStr(value) for key, value in row.wire().config(origin).items()}
    return ProviderRegistry().create(row.wire.name, config, http=HttpOptions(max_video_bytes=2**20))


class Library:
    """Through the adapter and the door, as the engine does."""

    def __init__(self, row: Row, adapter: VideoProvider) -> None:
        self._adapter = adapter
        self._door = Door(clock=SystemClock(), sink=lambda _: None)
        self._order = Submission(spec=VideoSpec(model=row.model, prompt="a fox in snow"), idempotency_key="j.0")

    async def __call__(self) -> None:
        adapter, door = self._adapter, self._door
        taken = await call(door, adapter.name, "submit", lambda: adapter.submit(self._order))
        assert isinstance(taken, Operation)
        done = await call(door, adapter.name, "poll", lambda: adapter.poll(taken))
        assert isinstance(done, Succeeded), done
        assert sum([len(chunk) async for chunk in fetch(door, adapter, done.assets[0])]) == len(FILE)


class Bare:
    """The same requests by hand, with one client."""

    def __init__(self, origin: str, exchanges: list[Exchange]) -> None:
        self._client = httpx.AsyncClient(base_url=origin, timeout=30, trust_env=False)
        self._exchanges = [(one, one.sent.replace(ORIGIN, origin.encode())) for one in exchanges]

    async def __call__(self) -> None:
        for one, body in self._exchanges:
            request = self._client.build_request(one.method, one.target, headers=one.headers, content=body or None)
            reply = await self._client.send(request, stream=True)
            if one.media_type.startswith("application/json"):
                await reply.aread()
                reply.json()
            else:
                assert sum([len(chunk) async for chunk in reply.aiter_bytes()]) == len(FILE)
            await reply.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()


async def _recorded(row: Row) -> list[Exchange]:
    """What an adapter and its server say to each other for one order."""
    wire = row.wire(looks=0, video=FILE)
    if hasattr(wire, "file_looks"):  # a file that is ready at once, as everywhere else
        wire.file_looks = 0
    tape = Tape(wire)
    async with LoopbackServer(tape) as server:
        tape.wire.config(server.origin)
        adapter = _adapter(row, server.origin)
        await Library(row, adapter)()
        await adapter.aclose()
    return tape.exchanges


async def _seconds(work: Work, orders: int) -> float:
    begun = time.perf_counter()
    for _ in range(orders):
        await work()
    return (time.perf_counter() - begun) / orders


async def _compare(row: Row, origin: str, exchanges: list[Exchange], orders: int, rounds: int) -> tuple[float, ...]:
    adapter, bare = _adapter(row, origin), Bare(origin, exchanges)
    ours = Library(row, adapter)
    seconds = [(await _seconds(ours, orders), await _seconds(bare, orders)) for _ in range(rounds + 1)][1:]
    await asyncio.gather(adapter.aclose(), bare.aclose())
    return (
        statistics.median(mine for mine, _ in seconds),
        statistics.median(theirs for _, theirs in seconds),
        statistics.median(mine / theirs for mine, theirs in seconds),
    )


async def _main(there: Connection, rows: list[str], orders: int, rounds: int) -> None:
    tapes = {name: await _recorded(ROWS[name]) for name in rows}
    for name, exchanges in tapes.items():
        there.send(exchanges)
        origin: str = there.recv()
        mine, bare, ratio = await _compare(ROWS[name], origin, exchanges, orders, rounds)
        verdict = "" if ratio <= TARGET else "  MISSED"
        print(
            f"{name:<24}{len(exchanges)} calls  {mine * 1e3:6.2f} ms an order, bare httpx {bare * 1e3:6.2f} ms: "
            f"{ratio:.2f} x (<= {TARGET}){verdict}",
            flush=True,
        )


class _Server(asyncio.Protocol):
    """Answers whole requests from prepared bytes, by their first line; equal ones in their turn."""

    def __init__(self, answers: Mapping[bytes, Iterator[bytes]]) -> None:
        self._answers, self._pending = answers, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while True:
            head, end, rest = self._pending.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if not end or len(rest) < length:
                return
            self._pending = rest[length:]
            self._transport.write(next(self._answers[head.partition(b" HTTP/1.1\r\n")[0]]))


def _serve(here: Connection) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        while True:
            exchanges: list[Exchange] = await asyncio.to_thread(here.recv)
            answers: dict[bytes, Iterator[bytes]] = {}
            server = await loop.create_server(lambda: _Server(answers), "127.0.0.1", 0)  # noqa: B023 - its own one
            origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for line in {f"{one.method} {one.target}" for one in exchanges}:
                same = [_answer(one, origin) for one in exchanges if f"{one.method} {one.target}" == line]
                answers[line.encode()] = itertools.cycle(same)
            here.send(origin)

    asyncio.run(run())


def _answer(one: Exchange, origin: str) -> bytes:
    body = one.body.replace(ORIGIN, origin.encode())
    head = f"HTTP/1.1 {one.status} OK\r\ncontent-type: {one.media_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    asked = parser.parse_args()
    near, far = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(far,), daemon=True)
    process.start()
    try:
        asyncio.run(_main(near, asked.rows or list(ROWS), asked.orders, asked.rounds))
    finally:
        process.kill()
