"""Results and stores that break: Runway's server with results as a test says, and an internet that is this machine.

Names are resolved by a stub and every dial ends on loopback: what would have gone to a private address arrives at one
listener, `inside`, which has to count none.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import trustme

from network_rig import Loopback
from nexiom_sdk import GenerationJob, VideoResult
from nexiom_sdk.errors import NexiomError
from nexiom_sdk.providers.guard import is_public
from nexiom_sdk.testing import Answer, Fault, LoopbackServer, Received, sample_video
from nexiom_sdk.testing.provider_wire import Ending
from nexiom_sdk.testing.wires.runway import RunwayWire
from wire_rig import Bench, bench

CANARY = "CANARY"  # part of every signed address; no user may ever see it
VIDEO = Answer.file(sample_video(), etag='"v1"')


class ResultWire(RunwayWire):
    """Runway, whose finished task names fresh addresses at each look.

    Args:
        files: What the fetches of results are answered with, in order; the last one serves all further ones.
        addresses: The addresses that a look at a finished task gives, from its id and how many such looks there were.

    Attributes:
        told: How many looks found the task finished.
        fetched: The fetches of results.
        meanwhile: Called at each fetch, while nothing of it has arrived.
    """

    def __init__(
        self,
        *files: Answer | Fault,
        addresses: Callable[[str, int], Sequence[str] | None] | None = None,
    ) -> None:
        super().__init__(looks=1)
        self.files = list(files or (VIDEO,))
        self._addresses = addresses or self._usual
        self.told = 0
        self.fetched: list[Received] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self, received: Received) -> Answer | Fault:
        if self.verb(received) != "content":
            return super().__call__(received)
        self.fetched.append(received)
        self.meanwhile()
        return self.files.pop(0) if len(self.files) > 1 else self.files[0]

    def gone_by_now(self) -> None:
        """From now on nothing is served any more: neither the file, nor what the task says."""
        self.files = [Answer(410)]
        self.break_next("poll", *[Answer.json({"error": "Could not find Task"}, 404)] * 50)

    def ended(self, order_id: str, ending: Ending) -> Answer:
        self.told += 1
        task = {"id": order_id, "createdAt": "2026-11-20T14:03:27.418Z", "status": "SUCCEEDED", "cost": {"credits": 60}}
        named = self._addresses(order_id, self.told)
        return Answer.json(task if named is None else {**task, "output": list(named)})

    def _usual(self, order_id: str, look: int) -> Sequence[str]:
        return [f"{self.origin}/results/{order_id}.mp4?look={look}&_jwt={CANARY}"]


@dataclass(kw_only=True)
class Seen:
    """What the user has in the end.

    Args:
        job: The row.
        result: The video, if there is one.
        error: What was raised, if there is none.
        videos: The videos in `outputs`.
        paid: How many orders the provider took.
    """

    job: GenerationJob
    result: VideoResult | None
    error: NexiomError | None
    videos: list[str]
    paid: int


async def seen(at: Bench, **fields: object) -> Seen:
    """Order a video, wait for the end, and look at all that a user can see; nothing is ever half there."""
    result, error = None, None
    try:
        result = await at.studio.generate(at.request(**fields))
    except NexiomError as raised:
        error = raised
    [job] = await at.studio.jobs()
    assert CANARY not in f"{job.model_dump_json(exclude={'request'})} {error} {at.events}"
    if error is not None:
        # Another process, and whoever reads the row, are told the same.
        assert (type(job.failure()), str(job.failure())) == (type(error), str(error))
    return Seen(job=job, result=result, error=error, videos=stored(at), paid=len(at.wire.orders))


def stored(at: Bench) -> list[str]:
    """The videos in `outputs`; nothing but whole ones and their pictures may be there."""
    there = sorted(one for one in (at.home / "outputs").rglob("*") if one.is_file())
    assert {one.suffix for one in there} <= {".mp4", ".jpg"}
    videos = [one for one in there if one.suffix == ".mp4"]
    assert all(one.read_bytes() == sample_video() for one in videos)
    return [one.relative_to(at.home / "outputs").as_posix() for one in videos]


def spooled(at: Bench) -> list[Path]:
    """The files that wait on this machine."""
    return sorted(one for one in (at.home / "spool").rglob("*") if one.is_file())


async def step(at: Bench, job: GenerationJob) -> GenerationJob:
    """One step, at the moment the job is due."""
    at.clock.advance(max((job.run_at - at.clock.now()).total_seconds(), 0.0) + 0.001)
    return await at.studio.advance(job.id)


async def until_saving(at: Bench) -> GenerationJob:
    """An order whose first attempt to save is over."""
    job = await at.studio.submit(at.request())
    for _ in range(10):
        if job.phase == "saving":
            return job
        job = await step(at, job)
    raise AssertionError(job.phase)


@asynccontextmanager
async def runway(home: Path, wire: ResultWire | None = None) -> AsyncIterator[Bench]:
    """Runway behind a studio."""
    async with bench("runway", home, wire or ResultWire()) as at:
        yield at


@dataclass(kw_only=True)
class Internet(Loopback):
    """Names, addresses and who answers at them; all of it is on loopback.

    Args:
        inside: What listens at every private address.
        authority: Who signs certificates; everybody trusts it.
        names: The answers for a name, each time the next ones.
        ports: The loopback port of what listens at a public address.

    Attributes:
        dialled: The addresses that were dialled, besides those of servers that the operator named.
    """

    inside: LoopbackServer
    authority: trustme.CA
    names: dict[str, list[list[str]]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    dialled: list[str] = field(default_factory=list)

    def has(self, name: str, *answers: list[str], server: LoopbackServer | None = None) -> None:
        """A name leads to these addresses; at the public ones is this server."""
        self.names[name] = list(answers)
        for address in (one for answer in answers for one in answer if server and is_public(one)):
            self.ports[address] = port_of(server) if server else 0

    def certificate(self, name: str, **terms: object) -> ssl.SSLContext:
        """What a server of this name shows."""
        return served_by(self.authority, name, **terms)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """As a machine does, without asking anybody."""
        if host in self.names:
            answers = self.names[host]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            try:
                return [socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))]  # every spelling that some system knows
            except OSError:
                raise OSError(8, "nodename nor servname provided") from None

    def port_for(self, host: str, port: int) -> int:
        if host == "127.0.0.1" and port not in {80, 443}:  # a server that the operator named
            return port
        self.dialled.append(host)
        return self.ports[host] if is_public(host) else port_of(self.inside)


@asynccontextmanager
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    """Every client of the library is in this internet."""
    authority = trustme.CA()
    contexts = httpx.create_ssl_context

    def trusting(**terms: object) -> ssl.SSLContext:
        context = contexts(**terms)  # type: ignore[arg-type]
        authority.configure_trust(context)
        return context

    async with LoopbackServer(lambda _: VIDEO, tls=served_by(authority, "cdn.example")) as inside:
        net = Internet(inside=inside, authority=authority)
        monkeypatch.setattr("nexiom_sdk.providers.http.httpx.create_ssl_context", trusting)
        monkeypatch.setattr("nexiom_sdk.providers.http.system_resolver", net.resolve)
        monkeypatch.setattr("nexiom_sdk.providers.exchange.httpcore.AnyIOBackend", lambda: net)
        yield net
        assert inside.connections == 0


def served_by(authority: trustme.CA, name: str, **terms: object) -> ssl.SSLContext:
    """A certificate for this name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **terms).configure_cert(context)  # type: ignore[arg-type]
    return context


def self_signed() -> ssl.SSLContext:
    """A certificate that only its owner signed."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.cert_pem.tempfile() as certificate, authority.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    return context


def port_of(server: LoopbackServer) -> int:
    return int(server.origin.rpartition(":")[2])
