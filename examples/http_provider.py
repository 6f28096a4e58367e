"""An adapter over HTTP: four small methods, and a server on loopback that stands for the provider.

Run it with `python examples/http_provider.py`. The base class sends, reads, guards, downloads and sorts errors; the
adapter only describes calls and reads replies. `docs/providers.md` explains each part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar
from uuid import uuid4

from pydantic import SecretStr

from nexiom_sdk import ModelCard, Settings, Studio
from nexiom_sdk.errors import InvalidInput, ProviderError, RateLimited
from nexiom_sdk.models import Price
from nexiom_sdk.providers import (
    Asset,
    Body,
    Call,
    HttpProvider,
    Operation,
    ProviderRegistry,
    Reply,
    Running,
    Submission,
    Succeeded,
)
from nexiom_sdk.testing import Answer, LoopbackServer, Received, sample_video

CARD = ModelCard(
    model="reel-1",
    durations_seconds=(2, 4),
    audio="always",
    prices=(Price(usd=Decimal("0.05")),),
    priced_on="2026-11-25: invented",
    typical_seconds=1,
    min_poll_seconds=0.2,
)


class _Job(Body):
    id: str
    file: str | None = None


class Reel(HttpProvider):
    """Orders with one POST and looks with one GET."""

    name = "reel"
    title = "Reel"
    config_env: ClassVar[Mapping[str, str]] = {"api_key": "REEL_API_KEY", "base_url": "REEL_BASE_URL"}
    default_base_url = "https://api.reel.example/v1"
    keys_at = "https://reel.example/keys"
    models = (CARD,)

    def submit_call(self, submission: Submission, /) -> Call:
        """The order."""
        spec = submission.spec
        return Call("POST", "/videos", json={"prompt": spec.prompt, "seconds": spec.duration_seconds})

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation:
        """Its id."""
        return Operation(id=reply.read(_Job).id)

    def poll_call(self, operation: Operation, /) -> Call:
        """A look at it."""
        return Call("GET", f"/videos/{operation.id}")

    def read_poll(self, operation: Operation, reply: Reply, /) -> Running | Succeeded:
        """Whether there is a file yet."""
        file = reply.read(_Job).file
        return Succeeded(assets=(Asset(url=file),)) if file else Running()

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """What its documentation calls a refusal; everything else leaves an order uncertain."""
        kinds: Mapping[int, type[ProviderError]] = {400: InvalidInput, 429: RateLimited}
        kind = kinds.get(reply.status)
        return self.error(kind, reply) if kind else None


def answer(received: Received) -> Answer:
    """What the provider's server does: take the order, and have the file ready at the first look."""
    if received.path.endswith(".mp4"):
        return Answer.file(sample_video(), etag='"v1"')
    if received.method == "POST":
        return Answer.json({"id": f"reel-{uuid4().hex}"})
    order_id = received.path.rpartition("/")[2]
    return Answer.json({"id": order_id, "file": f"http://{received.headers['host']}/{order_id}.mp4"})


async def main() -> None:
    """Make a video with the adapter, and show what went over the wire."""
    registry = ProviderRegistry()
    registry.register("reel", Reel)
    async with LoopbackServer(answer) as server:
        config = {"api_key": SecretStr("not-a-real-key"), "base_url": SecretStr(f"{server.origin}/v1")}
        settings = Settings.from_env(provider_config={"reel": config})
        async with Studio(settings=settings, registry=registry) as studio:
            result = await studio.generate("a fox in snow", provider="reel", duration_seconds=2)
    for received in server.received:
        key = "with" if "authorization" in received.headers else "without"
        print(f"{received.method} {received.path} {key} the key")
    print(f"stored: {result.url}")


if __name__ == "__main__":
    asyncio.run(main())
