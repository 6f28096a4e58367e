"""One process of the kill tests: works on a job, and dies by SIGKILL at the point it was told.

Run as `child.py HOME PORT RECOVERY VERB [POINT]`. VERB is `submit` (make a job, then work on it; prints its id) or the
id of a job to finish. The provider is a server in the parent process, so what was ordered is counted outside.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from nexiom_sdk import GenerationJob, ModelCard, Policy, Settings, Studio, VideoRequest
from nexiom_sdk.backends.local_files import LocalFiles
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import NexiomError, ProviderUnavailable, SubmissionUncertain
from nexiom_sdk.jobs import Phase
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.storage import ObjectInfo
from nexiom_sdk.types import Asset, Operation, Poll, Running, Submission, SubmissionRecovery, Succeeded

POLICY = {
    "version": "1",
    "as_of": "2026-11-24",
    "tiers": {"standard": {"intent": "t", "candidates": [{"target": "wire/w1", "weight": 1}]}},
}


def die_at(point: str) -> None:
    """Be killed, as by the machine, if this is the point."""
    if POINT and point == POINT:
        os.kill(os.getpid(), signal.SIGKILL)


class Wire:
    """A provider over real sockets to the parent process."""

    protocol_version = 1
    name = "wire"
    models: Sequence[ModelCard] = (ModelCard(model="w1", typical_seconds=0.01, min_poll_seconds=0.01),)

    def __init__(self, port: int, recovery: SubmissionRecovery) -> None:
        self.submission_recovery = recovery
        self._base = f"http://127.0.0.1:{port}"

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        answer = await self._call("POST", f"/orders?key={submission.idempotency_key}&pid={os.getpid()}")
        die_at("answered")
        return Operation(id=str(answer["id"]))

    async def find(self, client_reference: str, /) -> Operation | None:
        answer = await self._call("GET", f"/find?key={client_reference}")
        return Operation(id=str(answer["id"])) if answer.get("id") else None

    async def poll(self, operation: Operation, /) -> Poll:
        answer = await self._call("GET", f"/orders/{operation.id}")
        if answer["status"] == "running":
            return Running(progress=0.5)
        die_at("polled")
        return Succeeded(assets=(Asset(url=f"{self._base}/video/{operation.id}"),))

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        with urllib.request.urlopen(str(asset.url)) as reply:
            yield reply.read(1000)
            die_at("fetching")
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
    """The machine's clock ten minutes on: whoever starts after a crash need not wait for the lease."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=10)


def instrument(studio: Studio) -> None:
    """Die at the points between our own steps."""
    repository, store = studio.repository, studio.store
    assert isinstance(store, LocalFiles)
    claim, save, put_file = repository.claim, repository.save, store.put_file

    async def dying_claim(*, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        claimed = await claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)
        die_at("claimed")
        return claimed

    async def dying_save(job: GenerationJob, /, *, fence: int) -> bool:
        saved = await save(job, fence=fence)
        points = {Phase.SUBMITTING: "intent", Phase.WAITING: "recorded", Phase.SAVING: "saving", Phase.DONE: "saved"}
        die_at(points.get(job.phase, ""))
        return saved

    async def dying_put_file(key: str, file: Path, /, *, media_type: str) -> ObjectInfo:
        stored = await put_file(key, file, media_type=media_type)
        die_at("stored")
        return stored

    repository.claim = dying_claim  # type: ignore[method-assign]
    repository.save = dying_save  # type: ignore[method-assign]
    store.put_file = dying_put_file  # type: ignore[method-assign]


async def main(home: Path, port: int, recovery: SubmissionRecovery, verb: str) -> None:
    """Submit or finish."""
    registry = ProviderRegistry(entry_points=[])

    def make(config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> Wire:
        return Wire(port, recovery)

    registry.register("wire", make)
    async with Studio(
        settings=Settings(home=home),
        registry=registry,
        policy=Policy.model_validate(POLICY),
        clock=SystemClock() if verb == "submit" else Later(),
    ) as studio:
        instrument(studio)
        if verb == "submit":
            job = await studio.submit(VideoRequest(prompt="a fox"), defer=True)
            print(job.id, flush=True)
            verb = job.id
        try:
            await studio.wait(verb)
        except NexiomError as error:
            print(error.code)


POINT = sys.argv[5] if len(sys.argv) > 5 else ""
if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))  # type: ignore[arg-type]
