from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import JsonValue

from nexiom_sdk.errors import NexiomError
from nexiom_sdk.testing import Answer
from nexiom_sdk.testing.provider_wire import Ending
from nexiom_sdk.testing.wires.runway import RunwayWire
from wire_rig import bench

TASKS: dict[str, dict[str, JsonValue]] = {
    "failed": {"status": "FAILED", "failureCode": "SAFETY.INPUT.TEXT", "failure": "no", "cost": {"credits": 30}},
    "stopped": {"status": "CANCELLED", "cost": {"credits": 30}},
    "without a file": {"status": "SUCCEEDED", "output": [], "cost": {"credits": 30}},
}


class Billing(RunwayWire):
    """Runway, with this task as the end of each order."""

    task: dict[str, JsonValue]

    def ended(self, order_id: str, ending: Ending) -> Answer:
        return Answer.json({"id": order_id, "createdAt": "2026-11-20T14:03:27.418Z", **self.task})


@pytest.mark.parametrize("how", TASKS)
async def test_an_order_without_a_video_that_is_charged_keeps_its_cost_and_its_units(how: str, tmp_path: Path) -> None:
    wire = Billing()
    wire.task = TASKS[how]
    async with bench("runway", tmp_path, wire) as at:
        with pytest.raises(NexiomError) as caught:
            await at.studio.generate(at.request())
        job = await at.studio.get(caught.value.job_id or "")
    assert (caught.value.charged, job.cost_usd) == ("yes", Decimal("0.30"))
    assert job.provider_metadata.get("provider_units") == {"credits": 30}
