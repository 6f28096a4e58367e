"""Tencent's adapters of Hunyuan without a network: recorded bodies as replies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue, SecretStr

from nexiom_sdk.providers.hunyuan_tokenhub import TokenHubHunyuan
from nexiom_sdk.providers.hunyuan_vclm import VclmHunyuan
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.types import DeliveredMedia, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "hunyuan"
CLOCK = VirtualClock()
KEY = {"tokenhub_api_key": "tokenhub-CANARY"}
PAIR = {"secret_id": "AKID-CANARY-id", "secret_key": "vclm-CANARY-key"}
TASK_ID, JOB_ID = "1462318859043946496", "1387262242604040192"
FRAME = DeliveredMedia(role="first_frame", media_type="", url="https://cdn.example.com/inputs/first.png")


def tokenhub(**config: str) -> TokenHubHunyuan:
    return TokenHubHunyuan(_secret(KEY | config), http=HttpOptions(clock=CLOCK))


def vclm(**config: str) -> VclmHunyuan:
    return VclmHunyuan(_secret(PAIR | config), http=HttpOptions(clock=CLOCK))


def _secret(config: Mapping[str, str]) -> dict[str, str | SecretStr]:
    return {name: SecretStr(value) for name, value in config.items()}


def fixture(name: str) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return value


def recorded(name: str) -> Reply:
    """A recorded body; TokenHub's errors have their status in their name."""
    status = re.fullmatch(r"tokenhub_error_(\d{3})", name)
    return reply(fixture(name), int(status[1]) if status else 200)


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(provider="Hunyuan", status=status, headers=headers or {}, body=data, received_at=CLOCK.now())


def order(model: str = "hy-video-v1.5", **spec: object) -> Submission:
    made = VideoSpec(**{"model": model, "prompt": "a fox in snow", **spec})  # type: ignore[arg-type]
    return Submission(spec=made, idempotency_key="j1.0")
