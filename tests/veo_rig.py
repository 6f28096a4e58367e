"""Google's adapters without a network: recorded bodies as replies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.veo import VeoProvider
from nexiom_sdk.providers.veo_omni import VeoOmni
from nexiom_sdk.providers.veo_vertex import VeoVertex
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.types import DeliveredMedia, MediaRole, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "veo"
CLOCK = VirtualClock()
BOAT = "A paper boat crossing a rain puddle, macro lens"
RESOURCE = "projects/demo-project/locations/us-central1/publishers/google/models/veo-3.1-generate-001"
OPERATION = f"{RESOURCE}/operations/4f0c2d1e-7b7a-4a52-9a39-0d5c9b5c1e10"
INTERACTION = "v1_ChdpbnRlcmFjdGlvbi0wMDAwMDAwMQ"
PNG = b"\x89PNG\r\n\x1a\n"
VERTEX = {"project": "demo-project", "access_token": "ya29.CANARY"}
GEMINI = {"api_key": "AIza-CANARY"}


def provider(**config: str) -> VeoProvider:
    return VeoProvider(config, http=HttpOptions(clock=CLOCK))


def veo(**config: str) -> VeoVertex:
    made = provider(**VERTEX, **config).apis["veo"]
    assert isinstance(made, VeoVertex)
    return made


def omni(**config: str) -> VeoOmni:
    """Gemini Omni at the Gemini API, or at Vertex AI where there is a project."""
    made = provider(**(config if "project" in config else {**GEMINI, **config})).apis["omni"]
    assert isinstance(made, VeoOmni)
    return made


def fixture(name: str) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return value


def reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(provider="Google", status=status, headers=headers or {}, body=data, received_at=CLOCK.now())


def recorded(name: str, status: int = 200) -> Reply:
    return reply(fixture(name), status)


def inline(role: MediaRole, media_type: str = "image/png", data: bytes = PNG) -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type=media_type, data=data)


def stored(role: MediaRole, name: str) -> DeliveredMedia:
    return DeliveredMedia(role=role, media_type="", url=f"gs://demo-bucket/{name}")


def order(model: str = "veo-3.1-generate-001", **spec: object) -> Submission:
    made = VideoSpec(**{"model": model, "prompt": BOAT, **spec})  # type: ignore[arg-type]
    return Submission(spec=made, idempotency_key="j1.0")
