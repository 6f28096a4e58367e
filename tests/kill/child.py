"""One process of the crash tests: works on jobs, and is killed or frozen at the point it was told.

`kill_rig` forks it from a process that has imported all this. The provider is a server in the test's process, so what
was ordered is counted outside.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av  # noqa: F401 - what a studio imports when it is needed is there before the fork
from PIL import Image
from pydantic import SecretStr

import nexiom_sdk.backends.sqlite
import nexiom_sdk.backends.urls
import nexiom_sdk.choosing
import nexiom_sdk.desk
import nexiom_sdk.engine
import nexiom_sdk.governance
import nexiom_sdk.worker  # noqa: F401
from nexiom_sdk import GenerationJob, JobStatus, ModelCard, Policy, Settings, Studio, VideoRequest
from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.backends.postgres import PostgresRepository  # noqa: F401
from nexiom_sdk.backends.postgres_pool import PostgresPool  # noqa: F401
from nexiom_sdk.backends.procrastinate import ProcrastinateDriver, app_for
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import NexiomError, ProviderUnavailable, SubmissionUncertain
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.storage import ObjectInfo
from nexiom_sdk.types import Asset, Operation, Poll, Submission, SubmissionRecovery, Succeeded

Image.preinit()

POLICY = Policy.model_validate(
    {
        "version": "1",
        "as_of": "2026-11-24",
        "tiers": {"standard": {"intent": "t", "candidates": [{"target": "wire/w1", "weight": 1}]}},
    }
)
LATER_MINUTES = 10  # longer than any lease and the time that an order may need to show


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What a process does.

    Args:
        home: Folder of videos, and of the rows where they are in SQLite.
        port: The provider's.
        recovery: What the provider offers for a lost answer.
        database_url: The PostgreSQL with the rows; None: SQLite.
        engine: Let procrastinate's worker take the steps.
        job_id: The job to finish; None: make one first.
        until_told: Work on all jobs until SIGTERM.
        lease_seconds: How long a step is owned.
        point: Where something happens to this process; empty: nowhere.
        by: The signal that comes there.
        later: Live ten minutes on: whoever starts after a crash need not wait for the lease.
        log: File for what it says.
    """

    home: Path
    port: int
    recovery: SubmissionRecovery
    database_url: str | None = None
    engine: bool = False
    job_id: str | None = None
    until_told: bool = False
    lease_seconds: float = 60.0
    point: str = ""
    by: signal.Signals = signal.SIGKILL
    later: bool = False
    log: Path = Path(os.devnull)


class Fate:
    """What happens to this process, once, and where."""

    def __init__(self, role: Role) -> None:
        self._point, self._by = role.point, role.by

    def reach(self, point: str) -> None:
        """Be killed or frozen, as by the machine, if this is the point."""
        if self._point and point == self._point:
            self._point = ""
            os.kill(os.getpid(), self._by)


class Wire:
    """A provider over real sockets to the test's process."""

    protocol_version = 1
    name = "wire"
    models: Sequence[ModelCard] = (ModelCard(model="w1", typical_seconds=0.01, min_poll_seconds=0.01),)

    def __init__(self, port: int, recovery: SubmissionRecovery, fate: Fate) -> None:
        self.submission_recovery = recovery
        self._base = f"http://127.0.0.1:{port}"
        self._fate = fate

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        self._fate.reach("sending")
        answer = await self._call("POST", f"/orders?key={submission.idempotency_key}&pid={os.getpid()}")
        self._fate.reach("answered")
        return Operation(id=str(answer["id"]))

    async def find(self, client_reference: str, /) -> Operation | None:
        answer = await self._call("GET", f"/find?key={client_reference}")
        return Operation(id=str(answer["id"])) if answer.get("id") else None

    async def poll(self, operation: Operation, /) -> Poll:
        await self._call("GET", f"/orders/{operation.id}")
        self._fate.reach("polled")
        return Succeeded(assets=(Asset(url=f"{self._base}/video/{operation.id}"),))

    async def cancel(self, operation: Operation, /) -> None:
        await self._call("DELETE", f"/orders/{operation.id}")

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        with urllib.request.urlopen(str(asset.url)) as reply:
            yield reply.read(1000)
            self._fate.reach("fetching")
            yield reply.read()

    async def aclose(self) -> None:
        pass

    async def _call(self, method: str, path: str) -> dict[str, object]:
        def send() -> dict[str, object]:
            request = urllib.request.Request(self._base + path, method=method)
            with urllib.request.urlopen(request) as reply:
                return dict(json.load(reply))

        try:
            return await asyncio.to_thread(send)
        except urllib.error.URLError as error:
            kind = ProviderUnavailable if isinstance(error.reason, ConnectionRefusedError) else SubmissionUncertain
            raise kind("no answer") from error


class Later(SystemClock):
    """The machine's clock, some minutes on."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=LATER_MINUTES)


def live(role: Role) -> None:
    """The life of the process."""
    log = os.open(role.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(log, standard)
    asyncio.run(_work(role))


def studio_of(role: Role, fate: Fate) -> Studio:
    """A studio whose only provider is the wire."""
    registry = ProviderRegistry(entry_points=[])

    def make(config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> Wire:
        return Wire(role.port, role.recovery, fate)

    registry.register("wire", make)
    return Studio(
        settings=Settings(home=role.home, database_url=role.database_url, lease_seconds=role.lease_seconds),
        registry=registry,
        policy=POLICY,
        clock=Later() if role.later else SystemClock(),
    )


async def _work(role: Role) -> None:
    fate = Fate(role)
    async with studio_of(role, fate) as studio:
        instrument(studio, fate)
        if role.until_told:
            worker = studio.worker(concurrency=4)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
            print("ready", flush=True)
            await worker.run()
            return
        job_id = role.job_id
        if job_id is None:
            job_id = (await studio.submit(VideoRequest(prompt="a fox"), defer=True)).id
            print("job", job_id, flush=True)
        if role.engine:
            await _be_driven(studio, role, job_id)
            return
        try:
            await studio.wait(job_id)
        except NexiomError as error:
            print("error", error.code, flush=True)


async def _be_driven(studio: Studio, role: Role, job_id: str) -> None:
    """Whoever made the job enqueues it; whoever comes later has only the sweep to find it."""
    async with app_for(str(role.database_url)).open_async() as app:
        clock = Later() if role.later else SystemClock()
        driver = ProcrastinateDriver(app, repository=studio.repository, advance=studio.advance, clock=clock)
        if role.job_id is None:
            await driver.enqueue(await studio.get(job_id))
        else:
            print("overdue", await driver.sweep(), flush=True)
        working = asyncio.create_task(
            app.run_worker_async(install_signal_handlers=False, fetch_job_polling_interval=0.02)
        )
        while not (await studio.get(job_id)).final:
            await asyncio.sleep(0.02)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


def instrument(studio: Studio, fate: Fate) -> None:
    """Reach the points between our own steps, and say what became of each write."""
    repository, store = studio.repository, studio.store
    assert isinstance(store, LocalFiles)
    claim, save, extend, adopt = repository.claim, repository.save, repository.extend, repository.adopt_late_id
    put_file = store.put_file

    async def claiming(*, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        claimed = await claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)
        if claimed:
            fate.reach("claimed")
        return claimed

    async def saving(job: GenerationJob, /, *, fence: int) -> bool:
        saved = await save(job, fence=fence)
        print("save", job.id, job.phase, saved, flush=True)
        points = {Phase.SUBMITTING: "intent", Phase.WAITING: "recorded", Phase.SAVING: "saving"}
        fate.reach("saved" if job.status is JobStatus.COMPLETED else points.get(job.phase, ""))
        return saved

    async def extending(job_id: str, /, *, fence: int, seconds: float) -> bool:
        extended = await extend(job_id, fence=fence, seconds=seconds)
        print("extend", job_id, extended, flush=True)
        return extended

    async def adopting(job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        adopted = await adopt(job_id, order_no, provider, provider_job_id)
        print("adopt", provider_job_id, adopted, flush=True)
        return adopted

    async def putting(key: str, file: Path, /, *, media_type: str) -> ObjectInfo:
        stored = await put_file(key, file, media_type=media_type)
        fate.reach("stored")
        return stored

    repository.claim = claiming  # type: ignore[method-assign]
    repository.save = saving  # type: ignore[method-assign]
    repository.extend = extending  # type: ignore[method-assign]
    repository.adopt_late_id = adopting  # type: ignore[method-assign]
    store.put_file = putting  # type: ignore[method-assign]
