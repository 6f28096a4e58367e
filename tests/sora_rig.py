"""What the tests of the format `/v1/videos` share: recorded bodies, short specs, the adapter before a server."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image
from pydantic import JsonValue, SecretStr

from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.sora import SoraProvider
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import Answer, Fault, LoopbackServer, Received, VirtualClock
from nexiom_sdk.types import DeliveredMedia, MediaRole, Operation, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures"
FOLDERS = ("sora", "openai-compatible")
KEY = "sk-CANARY4711"
BASE_URL = "http://localhost:8000/v1"
PROMPT = "A paper boat crossing a rain puddle, macro lens"
OPERATION = Operation(id="video_68e5c0ffee8081909d2f3b1a")
PNG = b"\x89PNG\r\n\x1a\n and what follows"


def body(name: str) -> dict[str, JsonValue]:
    """A recorded body, such as `sora/poll_failed`."""
    read: dict[str, JsonValue] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return read


def reply(said: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with this body: bytes as they are, anything else as JSON."""
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Reply(provider="sora", status=status, headers=headers or {}, body=data, received_at=VirtualClock().now())


def recorded(name: str) -> Reply:
    """A recorded reply; its status is in the body, or in the name of an error."""
    said, in_name = body(name), re.search(r"error_(\d{3})", name)
    status = said.get("_http_status", int(in_name[1]) if in_name else 200)
    assert isinstance(status, int)
    return reply(said.get("body", said), status)


def at(url: str, role: MediaRole = "first_frame") -> DeliveredMedia:
    """A picture at an address."""
    return DeliveredMedia(role=role, media_type="", url=url)


def inline(data: bytes = PNG, role: MediaRole = "first_frame") -> DeliveredMedia:
    """A picture as bytes."""
    return DeliveredMedia(role=role, media_type="image/png", data=data)


def picture(width: int, height: int) -> DeliveredMedia:
    """A first frame of this size."""
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return inline(out.getvalue())


def spec(*media: DeliveredMedia, **fields: object) -> VideoSpec:
    """A spec with these pictures."""
    return VideoSpec(**{"model": "@served", "prompt": PROMPT, "media": media, **fields})  # type: ignore[arg-type]


def order(*media: DeliveredMedia, **fields: object) -> Submission:
    """An order with these pictures."""
    return Submission(spec=spec(*media, **fields), idempotency_key="j1.0")


def made(**config: str) -> SoraProvider:
    """The adapter, configured like this."""
    return SoraProvider({"base_url": BASE_URL, **config})


@asynccontextmanager
async def sora(
    answer: Callable[[Received], Answer | Fault], *, options: HttpOptions | None = None, **config: str
) -> AsyncIterator[tuple[SoraProvider, LoopbackServer]]:
    """The adapter before a server with these answers."""
    async with LoopbackServer(answer) as server:
        settings: dict[str, str | SecretStr] = {"api_key": SecretStr(KEY), "base_url": f"{server.origin}/v1", **config}
        adapter = SoraProvider(settings, http=options)
        try:
            yield adapter, server
        finally:
            await adapter.aclose()
