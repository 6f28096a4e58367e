"""HunyuanVideo on servers of one's own: recorded bodies, orders in a few words, the adapters before a server."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image
from pydantic import JsonValue, SecretStr

from nexiom_sdk.providers.hunyuan_comfyui import ComfyHunyuan
from nexiom_sdk.providers.hunyuan_vllm import VllmHunyuan
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import Answer, Fault, LoopbackServer, Received, VirtualClock
from nexiom_sdk.types import DeliveredMedia, MediaRole, Operation, Submission, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures" / "hunyuan"
CLOCK = VirtualClock()
KEY = "sk-CANARY4711"
HEADER = "X-Proxy-Key: CANARY-of-the-proxy"
PROMPT = "A paper boat drifts down a rainy street"
ORDER_ID = "5b0f7f8e-6a1d-4d55-9a7e-0b6a0f2c9e11"
OPERATION = Operation(id=ORDER_ID)
T2V, I2V = "http://localhost:8091/v1", "http://localhost:8092/v1"
COMFY = "http://localhost:8188"


def body(name: str) -> dict[str, JsonValue]:
    """A recorded body."""
    read: dict[str, JsonValue] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    return read


def reply(said: object, status: int = 200) -> Reply:
    """A reply with this body: bytes as they are, anything else as JSON."""
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Reply(provider="Hunyuan", status=status, headers={}, body=data, received_at=CLOCK.now())


def recorded(name: str) -> Reply:
    """A recorded reply; its status is in its name, where it is none of success."""
    found = re.search(r"_(\d{3})$", name)
    return reply(body(name), int(found[1]) if found else 200)


def picture(width: int = 640, height: int = 360, role: MediaRole = "first_frame") -> DeliveredMedia:
    """A picture as bytes."""
    out = io.BytesIO()
    Image.new("RGB", (width, height)).save(out, "PNG")
    return DeliveredMedia(role=role, media_type="image/png", data=out.getvalue())


def order(*media: DeliveredMedia, key: str = "j1.0", **fields: object) -> Submission:
    """An order with these pictures."""
    said = {"model": "HunyuanVideo-1.5", "prompt": PROMPT, "media": media, **fields}
    return Submission(spec=VideoSpec(**said), idempotency_key=key)  # type: ignore[arg-type]


def vllm(**config: str) -> VllmHunyuan:
    """The adapter for vLLM-Omni, with two servers unless said otherwise."""
    return VllmHunyuan(config or {"t2v_base_url": T2V, "i2v_base_url": I2V}, http=HttpOptions(clock=CLOCK))


def comfy(**config: str) -> ComfyHunyuan:
    """The adapter for ComfyUI."""
    return ComfyHunyuan({"comfyui_base_url": COMFY, **config}, http=HttpOptions(clock=CLOCK))


@asynccontextmanager
async def comfy_at(
    answer: Callable[[Received], Answer | Fault], **config: str
) -> AsyncIterator[tuple[ComfyHunyuan, LoopbackServer]]:
    """The adapter before a ComfyUI with these answers."""
    async with LoopbackServer(answer) as server:
        getattr(answer, "config", str)(server.origin)
        said: dict[str, str | SecretStr] = {
            "comfyui_base_url": server.origin,
            "comfyui_headers": SecretStr(HEADER),
            **config,
        }
        adapter = ComfyHunyuan(said)
        try:
            yield adapter, server
        finally:
            await adapter.aclose()
