"""OpenRouter's adapter without a network: recorded bodies as replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue, SecretStr

from nexiom_sdk.providers.openrouter import OpenRouterProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.types import Operation, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "openrouter"
KEY = "sk-or-v1-CANARY"
ORDER_ID = "gen-vid-1795348800-k3JmQ8vR2xTzW5nBpL7d"
ORDERED = Operation(id=ORDER_ID)
CLOCK = VirtualClock()


def adapter(**config: str) -> OpenRouterProvider:
    values = {name: SecretStr(value) for name, value in {"api_key": KEY, **config}.items()}
    return OpenRouterProvider(values, http=HttpOptions(clock=CLOCK))


def fixture(name: str) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return value


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(provider="OpenRouter", status=status, headers=headers or {}, body=data, received_at=CLOCK.now())


def order(callback_url: str | None = None, **spec: object) -> Submission:
    made = VideoSpec(**{"model": "google/veo-3.1-fast", "prompt": "a fox in snow", **spec})  # type: ignore[arg-type]
    return Submission(spec=made, idempotency_key="j1.0", callback_url=callback_url)
