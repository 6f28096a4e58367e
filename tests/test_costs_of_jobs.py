"""From the body that a provider answers to the row, the result and the sums: every wire, behind a studio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import JsonValue

from nexiom_sdk import JobStatus
from nexiom_sdk.errors import Charged, NexiomError
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing import Answer
from nexiom_sdk.testing.provider_wire import Ending
from nexiom_sdk.testing.wires.openrouter import OpenRouterWire
from wire_rig import ROWS, bench


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a clip is estimated to cost, what the wire says that it did, and in which units."""

    estimate: str | None
    usd: str | None
    units: Mapping[str, JsonValue] | None


TOKENS = {"total_input_tokens": 12, "total_output_tokens": 46336, "total_tokens": 46348, "output_video_tokens": 46336}
UNITS = {"units": "6", "units_at_list_price_usd": "0.84"}
COSTS: Mapping[str, Cost] = {
    "openrouter": Cost(estimate="0.48", usd="0.64", units={"cost": "0.64", "is_byok": False}),
    "sora": Cost(estimate=None, usd=None, units={"model": "sora-2", "seconds": "8", "size": "1280x720"}),
    "runway": Cost(estimate="1.20", usd="0.60", units={"credits": 60}),
    "luma": Cost(estimate="0.30", usd=None, units=None),
    "hunyuan on tokenhub": Cost(estimate=None, usd=None, units={"duration": 5, "video_count": 1}),
    "hunyuan on vclm": Cost(estimate=None, usd=None, units=None),
    "hunyuan on vllm-omni": Cost(
        estimate=None,
        usd=None,
        units={"model": "HunyuanVideo-1.5", "seconds": "5", "size": "1280x720", "inference_time_s": "297.4"},
    ),
    "hunyuan on comfyui": Cost(estimate=None, usd=None, units=None),
    "kling": Cost(estimate="0.42", usd=None, units=UNITS),
    "kling legacy": Cost(estimate="0.42", usd=None, units=UNITS),
    "seedance": Cost(
        estimate="0.38",
        usd="0.38115",
        units={"completion_tokens": 108900, "total_tokens": 108900, "duration": 5, "seed": 78674},
    ),
    "veo on vertex": Cost(estimate=None, usd=None, units=None),
    "veo omni on vertex": Cost(estimate="0.50", usd=None, units=TOKENS),
    "veo omni": Cost(estimate="0.50", usd=None, units=TOKENS),
}


@pytest.mark.parametrize("row", ROWS)
async def test_what_the_provider_says_is_in_the_row_the_result_and_the_sums(row: str, tmp_path: Path) -> None:
    cost = COSTS[row]
    estimate, usd = (None if text is None else Decimal(text) for text in (cost.estimate, cost.usd))
    async with bench(row, tmp_path) as at:
        result = await at.studio.generate(at.request())
        job = await at.studio.get(result.job.id)
        used = await at.studio.repository.usage(UsageQuery())
    counted = estimate if usd is None else usd
    assert (job.estimated_cost_usd, job.cost_usd) == (estimate, usd)
    assert job.provider_metadata.get("provider_units") == cost.units
    assert (result.cost_usd, job.counted_cost_usd, used.cost_usd) == (counted, counted, counted or 0)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What an order without a video cost, and whether it is charged."""

    charged: Charged
    usd: str | None = None
    counted: str | None = field(default=None)


FREE = Loss(charged="no", usd="0", counted="0")
OPEN = Loss(charged="unknown")
# Where it is not known whether it is charged, the estimate counts.
LOSSES: Mapping[tuple[str, Ending], Loss] = {
    ("openrouter", "failed"): Loss(charged="unknown", counted="0.48"),
    ("openrouter", "moderated"): Loss(charged="unknown", counted="0.48"),
    ("sora", "failed"): OPEN,
    ("sora", "moderated"): OPEN,
    ("runway", "failed"): FREE,
    ("runway", "moderated"): Loss(charged="yes", usd="0.60", counted="0.60"),
    ("luma", "failed"): Loss(charged="unknown", counted="0.30"),
    ("luma", "moderated"): Loss(charged="unknown", counted="0.30"),
    ("hunyuan on tokenhub", "failed"): OPEN,
    ("hunyuan on tokenhub", "moderated"): OPEN,
    ("hunyuan on vclm", "failed"): OPEN,
    ("hunyuan on vclm", "moderated"): OPEN,
    ("hunyuan on vllm-omni", "failed"): OPEN,
    ("hunyuan on comfyui", "failed"): OPEN,
    ("kling", "failed"): Loss(charged="unknown", counted="0.42"),
    ("kling", "moderated"): Loss(charged="unknown", counted="0.42"),
    ("kling legacy", "failed"): Loss(charged="unknown", counted="0.42"),
    ("kling legacy", "moderated"): Loss(charged="unknown", counted="0.42"),
    ("seedance", "failed"): FREE,
    ("seedance", "moderated"): FREE,
    ("veo on vertex", "failed"): OPEN,
    ("veo on vertex", "moderated"): OPEN,
    ("veo omni on vertex", "failed"): Loss(charged="unknown", counted="0.50"),
    ("veo omni on vertex", "moderated"): Loss(charged="unknown", counted="0.50"),
    ("veo omni", "failed"): Loss(charged="unknown", counted="0.50"),
    ("veo omni", "moderated"): Loss(charged="unknown", counted="0.50"),
}


def test_every_wire_is_in_both_tables() -> None:
    assert {*COSTS} == {row for row, _ in LOSSES} == {*ROWS}


@pytest.mark.parametrize(("row", "ending"), LOSSES)
async def test_an_order_without_a_video_counts_what_it_cost(row: str, ending: Ending, tmp_path: Path) -> None:
    loss = LOSSES[row, ending]
    usd, counted = (None if text is None else Decimal(text) for text in (loss.usd, loss.counted))
    async with bench(row, tmp_path) as at:
        at.wire.ending = ending
        with pytest.raises(NexiomError) as caught:
            await at.studio.generate(at.request())
        job = await at.studio.get(caught.value.job_id or "")
        used = await at.studio.repository.usage(UsageQuery())
    assert (caught.value.charged, job.cost_usd, job.counted_cost_usd) == (loss.charged, usd, counted)
    assert used.cost_usd == (counted or 0)


class Billing(OpenRouterWire):
    """OpenRouter with this text where the cost stands."""

    said: str = ""

    def ended(self, order_id: str, ending: Ending) -> Answer:
        answer = super().ended(order_id, ending)
        return Answer(answer.status, headers=answer.headers, body=answer.body.replace(b"0.64", self.said.encode()))


@pytest.mark.parametrize(
    ("said", "usd", "kept"),
    [
        ("0.1000000000000000055", "0.1000000000000000055", "0.1000000000000000055"),
        ("0", "0", 0),
        ("-1", None, -1),
        ("NaN", None, "NaN"),
        ("1e400", None, "1E+400"),
        ("9" * 5000, None, "9" * 99 + "\N{HORIZONTAL ELLIPSIS}"),
        ("5000000", None, 5000000),  # a bill, as far as the adapter knows, and more than any video costs
        ('"free"', None, "free"),
        ("null", None, None),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_an_absurd_cost_loses_no_video_and_the_estimate_counts(
    said: str, usd: str | None, kept: JsonValue, tmp_path: Path
) -> None:
    wire = Billing()
    wire.said = said
    async with bench("openrouter", tmp_path, wire) as at:
        result = await at.studio.generate(at.request())
        job = await at.studio.get(result.job.id)
    units = job.provider_metadata["provider_units"]
    assert isinstance(units, dict)
    assert (job.status, job.cost_usd) == (JobStatus.COMPLETED, None if usd is None else Decimal(usd))
    assert (units.get("cost"), job.counted_cost_usd) == (kept, Decimal(usd or "0.48"))


class LookedAtOnce(OpenRouterWire):
    """OpenRouter that shows a finished job once, and refuses the next looks."""

    def __init__(self, status: int, *, refusals: int = 1000) -> None:
        super().__init__()
        self.status = status
        self.refusals = refusals
        self.shown: int = 0

    def ended(self, order_id: str, ending: Ending) -> Answer:
        self.shown += 1
        refusal = {"error": {"code": self.status, "message": "no"}}
        refused = 1 < self.shown <= 1 + self.refusals
        return Answer.json(refusal, self.status) if refused else super().ended(order_id, ending)


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_video_that_is_made_waits_for_a_key_that_is_mended(status: int, tmp_path: Path) -> None:
    wire = LookedAtOnce(status, refusals=2)
    async with bench("openrouter", tmp_path, wire) as at:
        at.wire.content_misses = 1
        job = await at.ended(await at.studio.submit(at.request()))
    assert wire.shown > 3
    assert (job.status, job.cost_usd) == (JobStatus.COMPLETED, Decimal("0.64"))


@pytest.mark.parametrize("status", [400, 404])
async def test_a_video_that_is_made_and_cannot_be_fetched_any_more_still_costs_what_it_did(
    status: int, tmp_path: Path
) -> None:
    wire = LookedAtOnce(status)
    async with bench("openrouter", tmp_path, wire) as at:
        at.wire.content_misses = 1
        job = await at.ended(await at.studio.submit(at.request()))
    assert wire.shown > 1
    assert (job.status, job.cost_usd, job.counted_cost_usd) == (JobStatus.FAILED, Decimal("0.64"), Decimal("0.64"))
    assert "Nothing was charged" not in (job.error_message or "")
