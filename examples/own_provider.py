"""A provider of your own, registered without packaging it, from a prompt to a stored video.

Run it with `python examples/own_provider.py`. The provider keeps its orders in memory and delivers the sample clip of
the test kit; a real one sends HTTP requests at the marked places. `docs/providers.md` explains each part.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import ClassVar
from uuid import uuid4

from pydantic import SecretStr

from nexiom_sdk import ModelCard, Settings, Studio
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.models import Price
from nexiom_sdk.providers.protocol import PROTOCOL_VERSION, HttpOptions
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import sample_video
from nexiom_sdk.types import Asset, Operation, Poll, Submission, SubmissionRecovery, Succeeded

CARD = ModelCard(
    model="reel-1",
    durations_seconds=(2, 4),
    resolutions=("360p",),
    aspect_ratios=("16:9",),
    audio="always",
    prices=(Price(usd=Decimal("0.05")),),
    priced_on="2026-11-24: invented",
    typical_seconds=1,
    min_poll_seconds=0.2,
)


class Reel:
    """A provider in memory.

    Args:
        config: Its configuration; a real provider reads its key here.
        http: Bounds for network calls.
    """

    config_env: ClassVar[Mapping[str, str]] = {"api_key": "REEL_API_KEY"}
    protocol_version = PROTOCOL_VERSION
    name = "reel"
    models = (CARD,)
    submission_recovery: SubmissionRecovery = "key"

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        del config, http
        self._orders: dict[str, str] = {}

    async def submit(self, submission: Submission, /) -> Operation:
        """Order once; a repeated key is the same order."""
        order_id = self._orders.setdefault(submission.idempotency_key, f"reel-{uuid4().hex}")  # here: the POST
        return Operation(id=order_id)

    async def poll(self, operation: Operation, /) -> Poll:
        """Look at the order."""
        if operation.id not in self._orders.values():  # here: a GET
            msg = f"There is no order {operation.id}."
            raise InvalidInput(msg)
        return Succeeded(assets=(Asset(url=f"https://reel.example/{operation.id}.mp4"),), cost_usd=Decimal("0.10"))

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        """The bytes of the video."""
        del asset  # here: a GET of asset.url, streamed
        yield sample_video()

    async def aclose(self) -> None:
        """Nothing is held."""


async def main() -> None:
    """Register the provider and make a video with it."""
    registry = ProviderRegistry()
    registry.register("reel", Reel)
    async with Studio(settings=Settings.from_env(), registry=registry) as studio:
        result = await studio.generate("a fox in snow", provider="reel", duration_seconds=2)
    print(f"{result.job.provider_job_id} cost ${result.cost_usd}: {result.url}")


if __name__ == "__main__":
    asyncio.run(main())
