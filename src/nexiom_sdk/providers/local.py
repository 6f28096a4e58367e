"""`local`: a real MP4 made on this machine from the prompt or a picture. Free, offline, and never AI."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from pydantic import SecretStr

from nexiom_sdk import media_extra
from nexiom_sdk.models import ModelCard, Price
from nexiom_sdk.preview.render import render
from nexiom_sdk.providers.protocol import PROTOCOL_VERSION
from nexiom_sdk.types import (
    ASPECT_RATIOS,
    RESOLUTIONS,
    Asset,
    Failed,
    Operation,
    Poll,
    Submission,
    SubmissionRecovery,
    Succeeded,
)

_CHUNK_BYTES = 1024 * 1024

CARD = ModelCard(
    model="preview",
    duration_range_seconds=(1, 60),
    resolutions=RESOLUTIONS,
    aspect_ratios=ASPECT_RATIOS,
    media={"first_frame": 1, "reference_image": 1},
    media_exclusions=(("first_frame", "reference_image"),),
    delivery=frozenset({"bytes"}),
    audio="optional",
    prices=(Price(usd=Decimal(0)),),
    priced_on="free: made on this machine",
    typical_seconds=3.0,
    verified_on="2026-11-24: our own renderer",
)


class LocalProvider:
    """Previews: the prompt as a title card, or a picture with a slow pan and zoom. It needs the extra `media`.

    The same order makes the same preview again at no cost, so a lost answer is settled by ordering anew.

    Args:
        config: Nothing is configured here.
        http: Taken because every adapter takes it; nothing is sent.

    Raises:
        ConfigurationError: The extra is not installed.

    Example:
        >>> LocalProvider({}).models[0].model
        'preview'
    """

    config_env: ClassVar[Mapping[str, str]] = {}

    protocol_version: int = PROTOCOL_VERSION
    name = "local"
    models: Sequence[ModelCard] = (CARD,)
    submission_recovery: SubmissionRecovery = "key"

    def __init__(self, config: Mapping[str, str | SecretStr], *, http: object | None = None) -> None:
        del config, http
        if not media_extra.installed():
            raise media_extra.missing()

    async def submit(self, submission: Submission, /) -> Succeeded:
        """Render at once, in a thread; if the task is cancelled, the thread stops at the next frame."""
        cancelled = threading.Event()
        try:
            made = await asyncio.to_thread(render, submission.spec, cancelled=cancelled)
        finally:
            cancelled.set()
        return Succeeded(
            assets=(Asset(data=made.data, media_type="video/mp4"),),
            cost_usd=Decimal(0),
            detail={"preview": True, "note": "rendered on this machine, not AI-generated"},
            warnings=made.warnings,
        )

    async def poll(self, operation: Operation, /) -> Poll:
        """There is nothing to look at: every order is finished when it is taken."""
        message = f"local finishes at once; it has no running order {operation.id}."
        return Failed(code="invalid_input", message=message, charged="no", lost=True)

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        """The bytes of the preview, in chunks."""
        data = memoryview(asset.data or b"")
        for start in range(0, len(data), _CHUNK_BYTES):
            yield bytes(data[start : start + _CHUNK_BYTES])

    async def aclose(self) -> None:
        """There is nothing to release."""
