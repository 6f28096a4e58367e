"""Every provider with its server on loopback, behind a studio on SQLite, real files and a clock that turns itself."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydantic import SecretStr

from nexiom_sdk import GenerationJob, Settings, Studio, VideoRequest
from nexiom_sdk.events import Event
from nexiom_sdk.testing import LoopbackServer, VirtualClock
from nexiom_sdk.testing.provider_wire import ProviderWire
from nexiom_sdk.testing.wires.hunyuan_hosted import TokenHubWire, VclmWire
from nexiom_sdk.testing.wires.hunyuan_own import ComfyWire, VllmHunyuanWire
from nexiom_sdk.testing.wires.kling import KlingWire, OlderKlingWire
from nexiom_sdk.testing.wires.luma import LumaWire
from nexiom_sdk.testing.wires.openrouter import OpenRouterWire
from nexiom_sdk.testing.wires.runway import RunwayWire
from nexiom_sdk.testing.wires.seedance import SeedanceWire
from nexiom_sdk.testing.wires.sora import SoraWire
from nexiom_sdk.testing.wires.veo import VeoWire
from nexiom_sdk.testing.wires.veo_omni import OmniVertexWire, OmniWire


@dataclass(frozen=True, kw_only=True)
class Row:
    """One API of a provider: its server, and a model that it has."""

    wire: type[ProviderWire]
    model: str


ROWS: dict[str, Row] = {
    "openrouter": Row(wire=OpenRouterWire, model="google/veo-3.1-fast"),
    "sora": Row(wire=SoraWire, model="@served"),
    "runway": Row(wire=RunwayWire, model="veo3.1"),
    "luma": Row(wire=LumaWire, model="ray-3.2"),
    "hunyuan on tokenhub": Row(wire=TokenHubWire, model="hy-video-v1.5"),
    "hunyuan on vclm": Row(wire=VclmWire, model="hunyuan-vclm"),
    "hunyuan on vllm-omni": Row(wire=VllmHunyuanWire, model="HunyuanVideo-1.5"),
    "hunyuan on comfyui": Row(wire=ComfyWire, model="HunyuanVideo-1.5"),
    "kling": Row(wire=KlingWire, model="kling-3.0"),
    "kling legacy": Row(wire=OlderKlingWire, model="kling-v3"),
    "seedance": Row(wire=SeedanceWire, model="dreamina-seedance-2-0-mini-260615"),
    "veo on vertex": Row(wire=VeoWire, model="veo-3.1-generate-001"),
    "veo omni on vertex": Row(wire=OmniVertexWire, model="gemini-omni-1.1-flash"),
    "veo omni": Row(wire=OmniWire, model="gemini-omni-1.1-flash"),
}
INPUT = "u1/fox.png"


@dataclass(kw_only=True)
class Bench:
    """A studio, the server that it talks to, and what it told."""

    studio: Studio
    row: str
    wire: ProviderWire
    server: LoopbackServer
    events: list[Event]
    clock: VirtualClock
    home: Path

    def request(self, **fields: object) -> VideoRequest:
        """An order at this API."""
        asked = {"prompt": "a fox in snow", "provider": self.wire.name, "model": ROWS[self.row].model}
        return VideoRequest(**{**asked, **fields})  # type: ignore[arg-type]

    async def ended(self, job: GenerationJob) -> GenerationJob:
        """The job, driven until nothing more happens by itself."""
        async for row in self.studio.watch(job.id):
            job = row
        return await self.studio.get(job.id)


@asynccontextmanager
async def bench(
    row: str,
    home: Path,
    wire: ProviderWire | None = None,
    keys: Mapping[str, SecretStr] | None = None,
    **settings: object,
) -> AsyncIterator[Bench]:
    """The API of this row, ready to be ordered from, with one picture in the bucket `inputs`."""
    wire = wire or ROWS[row].wire()
    if isinstance(wire, VclmWire) and keys:  # it verifies signatures, so it has to know what they are made with
        wire.secret_key = keys["secret_key"].get_secret_value()
    clock = VirtualClock(auto=True)
    events: list[Event] = []
    async with LoopbackServer(wire) as server:
        config = {key: SecretStr(value) for key, value in wire.config(server.origin).items()}
        made = Settings(home=home, provider_config={wire.name: {**config, **(keys or {})}}, **settings)  # type: ignore[arg-type]
        async with Studio(settings=made, sinks=[events.append], clock=clock) as studio:
            await studio.store.put(f"inputs/{INPUT}", _picture(), media_type="image/png")
            yield Bench(studio=studio, row=row, wire=wire, server=server, events=events, clock=clock, home=home)


async def _picture() -> AsyncIterator[bytes]:
    out = io.BytesIO()
    Image.new("RGB", (1280, 720), "orange").save(out, "PNG")
    yield out.getvalue()
