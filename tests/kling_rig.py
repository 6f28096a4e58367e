"""Kling's adapter without a network: recorded bodies as replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue, SecretStr

from nexiom_sdk.providers.kling import KlingProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "kling"
ORDER_ID = "901930004609634393"
OLDER_ID = "867283741759111202"
REFERENCE = "nexiom-7f3c2a10"
CLOCK = VirtualClock()
KEY = {"api_key": "api-key-kling-CANARY"}
PAIR = {"access_key": "ak-CANARY", "secret_key": "sk-CANARY"}


def adapter(**config: str) -> KlingProvider:
    values = {name: SecretStr(value) for name, value in (config or KEY).items()}
    return KlingProvider(values, http=HttpOptions(clock=CLOCK))


def fixture(name: str) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return value


def entries() -> Mapping[str, Mapping[str, object]]:
    """What the index says of each recorded body, by its name."""
    listed = fixture("index")["files"]
    assert isinstance(listed, list)
    return {str(one["file"]).removesuffix(".json"): one for one in listed if isinstance(one, dict)}


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(provider="Kling", status=status, headers=headers or {}, body=data, received_at=CLOCK.now())


def recorded(name: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A recorded body with the status that it came with."""
    status = entries()[name]["status"]
    assert isinstance(status, int)
    return reply(fixture(name), status, headers)


def at(role: MediaRole, name: str) -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type="", url=f"https://inputs.example.com/ref/{name}")


def order(callback_url: str | None = None, **spec: object) -> Submission:
    made = VideoSpec(**{"model": "kling-3.0", "prompt": "a fox in snow", **spec})  # type: ignore[arg-type]
    return Submission(spec=made, idempotency_key=REFERENCE, callback_url=callback_url)
