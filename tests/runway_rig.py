"""What the tests of the runway adapter share: recorded bodies, and specs in a few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from nexiom_sdk.types import DeliveredMedia, MediaRole, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "runway"
INDEX: Mapping[str, Mapping[str, object]] = json.loads((FIXTURES / "index.json").read_text("utf-8"))


def body(name: str) -> dict[str, JsonValue]:
    """A recorded body."""
    read: dict[str, JsonValue] = json.loads((FIXTURES / name).read_text("utf-8"))
    return read


def at(name: str, role: MediaRole = "first_frame") -> DeliveredMedia:
    """A reference at an address."""
    return DeliveredMedia(role=role, media_type="", url=f"https://inputs.example.com/{name}")


def spec(model: str, prompt: str = "a fox in snow", *media: DeliveredMedia, **fields: object) -> VideoSpec:
    """A spec with these references."""
    return VideoSpec(model=model, prompt=prompt, media=media, **fields)  # type: ignore[arg-type]
