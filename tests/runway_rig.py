"""What the tests of the runway adapter share: recorded bodies, specs in a few words, the adapter before a server."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from PIL import Image
from pydantic import JsonValue, SecretStr

from nexiom_sdk.providers.runway import RunwayProvider
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import Answer, Fault, LoopbackServer, Received, VirtualClock
from nexiom_sdk.testing.wires.runway import RunwayWire
from nexiom_sdk.types import DeliveredMedia, MediaRole, Operation, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "runway"
INDEX: Mapping[str, Mapping[str, object]] = json.loads((FIXTURES / "index.json").read_text("utf-8"))
KEY = "key_CANARY4711"
TASK = "7f3c1d52-9b0e-4c67-8a41-5e2d90b7c6aa"
OPERATION = Operation(id=TASK)


def body(name: str) -> dict[str, JsonValue]:
    """A recorded body."""
    read: dict[str, JsonValue] = json.loads((FIXTURES / name).read_text("utf-8"))
    return read


def reply(said: object, status: int = 200) -> Reply:
    """A reply with this body: bytes as they are, anything else as JSON."""
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Reply(provider="Runway", status=status, headers={}, body=data, received_at=VirtualClock().now())


def recorded(name: str) -> Reply:
    """A recorded reply."""
    facts = INDEX[name]
    status, headers = facts["status"], facts.get("headers", {})
    assert isinstance(status, int)
    assert isinstance(headers, dict)
    return replace(reply(body(name), status), headers=headers)


def at(name: str, role: MediaRole = "first_frame") -> DeliveredMedia:
    """A reference at an address."""
    return DeliveredMedia(role=role, media_type="", url=f"https://inputs.example.com/{name}")


def picture(width: int, height: int, more: int = 0) -> DeliveredMedia:
    """A first frame as bytes, made longer by some that no decoder looks at."""
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    data = out.getvalue()[:-12] + bytes(more) + out.getvalue()[-12:]
    return DeliveredMedia(role="first_frame", media_type="image/png", data=data)


def spec(model: str, prompt: str = "a fox in snow", *media: DeliveredMedia, **fields: object) -> VideoSpec:
    """A spec with these references."""
    return VideoSpec(model=model, prompt=prompt, media=media, **fields)  # type: ignore[arg-type]


def order(model: str, *media: DeliveredMedia, **fields: object) -> Submission:
    """An order with these references."""
    return Submission(spec=spec(model, "a fox in snow", *media, **fields), idempotency_key="j1.0")


@asynccontextmanager
async def runway(
    answer: Callable[[Received], Answer | Fault], **config: str
) -> AsyncIterator[tuple[RunwayProvider, LoopbackServer]]:
    """The adapter before a server with these answers."""
    async with LoopbackServer(answer) as server:
        if isinstance(answer, RunwayWire):
            answer.config(server.origin)
        adapter = RunwayProvider({"api_key": SecretStr(KEY), "base_url": server.origin, **config})
        try:
            yield adapter, server
        finally:
            await adapter.aclose()
