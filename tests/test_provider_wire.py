"""What adapters make of an order that ends without a video, at each API of each provider, without a studio."""

from __future__ import annotations

import pytest

from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import LoopbackServer
from nexiom_sdk.testing.provider_wire import Ending
from nexiom_sdk.testing.wires.luma import LumaWire
from nexiom_sdk.types import Failed, Operation, Submission, VideoSpec
from wire_rig import ROWS, Row

APIS: dict[str, Row] = {**ROWS, "luma older": Row(wire=LumaWire, model="ray-2")}
CODES: dict[Ending, str] = {"failed": "generation_failed", "moderated": "content_rejected"}
UNMODERATED = {"hunyuan on vllm-omni", "hunyuan on comfyui"}  # a server of one's own does not moderate
CELLS = [(api, ending) for api in APIS for ending in CODES if ending == "failed" or api not in UNMODERATED]


@pytest.mark.parametrize(("api", "ending"), CELLS)
async def test_an_order_that_ends_without_a_video_says_why(api: str, ending: Ending) -> None:
    wire = APIS[api].wire(looks=0, ending=ending)
    async with LoopbackServer(wire) as server:
        made = ProviderRegistry().create(wire.name, wire.config(server.origin))
        spec = VideoSpec(model=APIS[api].model, prompt="a fox in snow")
        taken = await made.submit(Submission(spec=spec, idempotency_key="j1.0"))
        assert isinstance(taken, Operation)
        outcome = await made.poll(taken)
        await made.aclose()
    assert isinstance(outcome, Failed)
    assert (outcome.code, len(wire.orders)) == (CODES[ending], 1)
