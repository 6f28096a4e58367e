"""Luma's adapter without a network: recorded bodies as replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue, SecretStr

from nexiom_sdk.providers.luma import LumaProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "luma"
ORDER_ID = "d290f1ee-6c54-4b01-90e6-d701748f0851"
CLOCK = VirtualClock()
BOTH = {"api_key": "luma-api-CANARY", "dream_machine_api_key": "luma-CANARY"}


def adapter(**config: str) -> LumaProvider:
    values = {name: SecretStr(value) for name, value in (config or BOTH).items()}
    return LumaProvider(values, http=HttpOptions(clock=CLOCK))


def fixture(name: str) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return value


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(provider="Luma", status=status, headers=headers or {}, body=data, received_at=CLOCK.now())


def recorded(name: str) -> Reply:
    """A recorded body with the status and headers that it came with."""
    came = fixture("index")[f"{name}.json"]
    assert isinstance(came, dict)
    status, headers = came.get("status", 200), came.get("headers", {})
    assert isinstance(status, int)
    assert isinstance(headers, dict)
    return reply(fixture(name), status, {key: str(value) for key, value in headers.items()})


def at(role: MediaRole, name: str, media_type: str = "") -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type=media_type, url=f"https://inputs.example.com/{name}")


def order(callback_url: str | None = None, **spec: object) -> Submission:
    made = VideoSpec(**{"model": "ray-3.2", "prompt": "a fox in snow", **spec})  # type: ignore[arg-type]
    return Submission(spec=made, idempotency_key="j1.0", callback_url=callback_url)
