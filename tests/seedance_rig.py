"""Seedance's adapter without a network: recorded bodies as replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue, SecretStr

from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.seedance import SeedanceProvider
from nexiom_sdk.providers.seedance_cards import CARDS
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.types import DeliveredMedia, MediaRole, Operation, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "seedance"
KEY = "ark-CANARY-0123456789"
TASK = "cgt-20261122203512-k7x9p"
CLOCK = VirtualClock()
FLAGSHIP, STANDARD, FAST, MINI, OLDER, OLD, OLD_FAST = (card.model for card in CARDS)
OPERATION = Operation(id=TASK, state={"priced_as": STANDARD, "with_video": False})


def adapter(**config: str) -> SeedanceProvider:
    values = {"api_key": SecretStr(KEY), **{name: SecretStr(value) for name, value in config.items()}}
    return SeedanceProvider(values, http=HttpOptions(clock=CLOCK))


def fixture(name: str) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return value


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(provider="Seedance", status=status, headers=headers or {}, body=data, received_at=CLOCK.now())


def listed() -> Mapping[str, dict[str, JsonValue]]:
    """The recorded bodies: method, path and status of each."""
    files = fixture("index")["files"]
    assert isinstance(files, list)
    return {str(one["file"]).removesuffix(".json"): one for one in files if isinstance(one, dict)}


def recorded(name: str) -> Reply:
    """A recorded body with the status that it came with."""
    status = listed()[name].get("status", 200)
    assert isinstance(status, int)
    return reply(fixture(name), status)


def at(role: MediaRole, name: str = "a.png", media_type: str = "") -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type=media_type, url=f"https://inputs.example.com/ref/{name}")


def order(*media: DeliveredMedia, callback_url: str | None = None, **spec: object) -> Submission:
    made = VideoSpec(**{"model": STANDARD, "prompt": "a fox in snow", "media": media, **spec})  # type: ignore[arg-type]
    return Submission(spec=made, idempotency_key="j1.0", callback_url=callback_url)


def body(submission: Submission, **config: str) -> dict[str, JsonValue]:
    """The body that goes out."""
    sent = adapter(**config).submit_call(submission).json
    assert isinstance(sent, dict)
    return sent
