"""An adapter of a provider that does not exist: the smallest one over HTTP, for tests of the base."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

from pydantic import SecretStr

from nexiom_sdk import ModelCard
from nexiom_sdk.errors import ContentRejected, InvalidInput, ProviderError, QuotaExhausted, RateLimited
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Body, Call, Part, Reply
from nexiom_sdk.testing import Answer, Fault, LoopbackServer, Received
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Running, Submission, Succeeded, VideoSpec

KEY = "CANARY-key-4711"
TAKEN = Answer.json({"id": "a1"})
ORDER = Submission(spec=VideoSpec(model="acme-1", prompt="a fox"), idempotency_key="j1.0")
CARD = ModelCard(model="acme-1", durations_seconds=(4, 8), media={"first_frame": 1}, min_poll_seconds=1)
_REFUSED: Mapping[int, type[ProviderError]] = {
    400: InvalidInput,
    402: QuotaExhausted,
    422: ContentRejected,
    429: RateLimited,
}


class _Job(Body):
    id: str
    status: str = "queued"
    file: str | None = None
    details: str | None = None
    error: str = ""


class Acme(HttpProvider):
    """Orders with one POST, looks with one GET; pictures are uploaded first."""

    name = "acme"
    title = "Acme"
    config_env: ClassVar[Mapping[str, str]] = {"api_key": "ACME_API_KEY", "base_url": "ACME_BASE_URL"}
    default_base_url = "https://api.acme.example/v1"
    keys_at = "https://acme.example/keys"
    headers: Mapping[str, str] = {"Acme-Version": "2026-11-25"}
    models: Sequence[ModelCard] = (CARD,)

    def uploads(self, spec: VideoSpec, /) -> Generator[Call, Reply, VideoSpec]:
        names: list[str] = []
        for one in spec.media:
            part = Part(name="file", filename="frame.png", media_type=one.media_type, data=one.data or b"")
            reply = yield Call("POST", "/uploads", form={"purpose": "input"}, files=(part,))
            names.append(reply.read(_Job).id)
        return spec.evolve(options={**spec.options, "frames": names}) if names else spec

    def submit_call(self, submission: Submission, /) -> Call:
        spec = submission.spec
        return Call("POST", "/videos", json={"model": spec.model, "prompt": spec.prompt, **spec.options})

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        job = reply.read(_Job)
        if job.file is not None:
            return Succeeded(assets=(Asset(url=job.file),))
        return Operation(id=job.id)

    def poll_call(self, operation: Operation, /) -> Call:
        return Call("GET", f"/videos/{operation.id}")

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        job = reply.read(_Job)
        if job.details is not None:
            return Call("GET", job.details)
        if job.status == "failed":
            return Failed(code="generation_failed", message=job.error)
        return Succeeded(assets=(Asset(url=job.file, needs_auth=True),)) if job.file else Running()

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        kind = _REFUSED.get(reply.status)
        return None if kind is None else self.error(kind, reply)


@asynccontextmanager
async def acme(
    answer: Callable[[Received], Answer | Fault], *, options: HttpOptions | None = None, kind: type[Acme] = Acme
) -> AsyncIterator[tuple[Acme, LoopbackServer]]:
    """An adapter that talks to a server with these answers."""
    async with LoopbackServer(answer) as server:
        adapter = kind({"api_key": SecretStr(KEY), "base_url": server.origin + "/v1"}, http=options)
        try:
            yield adapter, server
        finally:
            await adapter.aclose()
