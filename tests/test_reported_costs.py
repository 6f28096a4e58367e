"""What each provider says an order cost, by its own words: the body, the cost in USD, and its own units.

Luma, Veo at Vertex AI, Hunyuan at `vclm` and servers of one's own tell no cost. What Runway says before the end is an
estimate and no bill.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

import hunyuan_hosted_rig
import hunyuan_own_rig
import kling_rig
import luma_rig
import openrouter_rig
import runway_rig
import seedance_rig
import sora_rig
import veo_rig
from nexiom_sdk.errors import Charged
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.bills import Exact, amount
from nexiom_sdk.providers.kling_older_orders import OLDER_PATHS
from nexiom_sdk.providers.kling_places import TASKS, state_of
from nexiom_sdk.providers.local import LocalProvider
from nexiom_sdk.providers.openai_jobs import taken
from nexiom_sdk.providers.runway import RunwayProvider
from nexiom_sdk.providers.sora import SoraProvider
from nexiom_sdk.providers.wire import Call, Reply
from nexiom_sdk.types import Cancelled, Failed, Operation, Poll, Submission, Succeeded, VideoSpec

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True, kw_only=True)
class Api:
    """How the replies of one API are read."""

    folder: str
    adapter: Callable[[], HttpProvider]
    operation: Operation
    begin: str = ""  # of the names of its recorded bodies

    def look(self, body: bytes) -> Poll | Call:
        """What a body says of the order."""
        made = self.adapter()
        reply = Reply(provider=made.title, status=200, headers={}, body=body, received_at=made.options.clock.now())
        outcome = made.read_poll(self.operation, reply)
        return outcome if isinstance(outcome, Call) else made.said(outcome)

    def recorded(self, name: str) -> Poll | Call:
        """What a recorded body says of the order."""
        return self.look((FIXTURES / self.folder / f"{self.begin}{name}.json").read_bytes())


APIS: Mapping[str, Api] = {
    "openrouter": Api(folder="openrouter", adapter=openrouter_rig.adapter, operation=openrouter_rig.ORDERED),
    "runway": Api(
        folder="runway", adapter=lambda: RunwayProvider({"api_key": "not-a-key"}), operation=runway_rig.OPERATION
    ),
    "kling": Api(
        folder="kling",
        adapter=kling_rig.adapter,
        operation=Operation(id=kling_rig.ORDER_ID, state=state_of(TASKS)),
        begin="new_",
    ),
    "kling legacy": Api(
        folder="kling",
        adapter=kling_rig.adapter,
        operation=Operation(id=kling_rig.OLDER_ID, state=state_of(OLDER_PATHS[0])),
        begin="legacy_",
    ),
    "seedance": Api(folder="seedance", adapter=seedance_rig.adapter, operation=seedance_rig.OPERATION),
    "luma": Api(folder="luma", adapter=luma_rig.adapter, operation=Operation(id=luma_rig.ORDER_ID)),
    "tokenhub": Api(
        folder="hunyuan",
        adapter=hunyuan_hosted_rig.tokenhub,
        operation=Operation(id=hunyuan_hosted_rig.TASK_ID),
        begin="tokenhub_",
    ),
    "vclm": Api(
        folder="hunyuan",
        adapter=hunyuan_hosted_rig.vclm,
        operation=Operation(id=hunyuan_hosted_rig.JOB_ID),
        begin="vclm_",
    ),
    "vllm-omni": Api(folder="hunyuan", adapter=hunyuan_own_rig.vllm, operation=hunyuan_own_rig.OPERATION),
    "comfyui": Api(
        folder="hunyuan", adapter=hunyuan_own_rig.comfy, operation=hunyuan_own_rig.OPERATION, begin="comfyui_"
    ),
    "sora": Api(
        folder="sora",
        adapter=lambda: SoraProvider({"base_url": sora_rig.BASE_URL}),
        operation=sora_rig.OPERATION,
    ),
    "/v1/videos": Api(
        folder="openai-compatible",
        adapter=lambda: SoraProvider({"base_url": sora_rig.BASE_URL}),
        operation=sora_rig.OPERATION,
    ),
    "veo": Api(folder="veo", adapter=veo_rig.veo, operation=Operation(id=veo_rig.OPERATION), begin="vertex_"),
    "omni": Api(folder="veo", adapter=veo_rig.omni, operation=Operation(id=veo_rig.INTERACTION)),
    "omni on vertex": Api(
        folder="veo", adapter=lambda: veo_rig.omni(**veo_rig.VERTEX), operation=Operation(id=veo_rig.INTERACTION)
    ),
}


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What is understood of a body."""

    api: str
    body: str
    usd: str | None = None
    units: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    charged: Charged | None = None  # of an order without a video


def units(**said: JsonValue) -> Mapping[str, JsonValue]:
    return said


SIX_UNITS = units(units="6", units_at_list_price_usd="0.84")
TOKENS = units(total_input_tokens=12, total_output_tokens=46336, total_tokens=46348, output_video_tokens=46336)
FREE = units(credits=0)

# The bodies are recorded ones: tests/fixtures/<folder of the API>/<begin of the API><body>.json
MADE = (
    Bill(api="openrouter", body="poll_completed", usd="0.64", units=units(cost="0.64", is_byok=False)),
    Bill(api="openrouter", body="poll_completed_without_stored_copy", units=units(is_byok=True)),
    Bill(api="runway", body="poll_succeeded", usd="0.60", units=units(credits=60)),
    Bill(api="kling", body="poll_succeeded", units=SIX_UNITS),
    Bill(api="kling", body="poll_two_tasks", units=SIX_UNITS),
    Bill(api="kling", body="poll_succeeded_cash_watermark", usd="0.84", units=units(cash_USD="0.84")),
    Bill(api="kling legacy", body="poll_succeeded", units=SIX_UNITS),
    Bill(
        api="seedance",
        body="poll_succeeded",
        usd="0.7623",
        units=units(completion_tokens=108900, total_tokens=108900, duration=5, seed=78674),
    ),
    Bill(
        api="seedance",
        body="poll_succeeded_last_frame",
        usd="0.60984",  # made offline, at half the price
        units=units(completion_tokens=174240, total_tokens=174240, duration=8, seed=1234),
    ),
    Bill(api="omni", body="omni_poll_succeeded_inline", units=TOKENS),
    Bill(api="omni on vertex", body="omni_poll_succeeded_gcs", units=TOKENS),
    Bill(api="veo", body="poll_succeeded_gcs"),
    Bill(api="veo", body="poll_succeeded_bytes"),
    Bill(api="luma", body="agents_poll_succeeded"),
    Bill(api="luma", body="dm_poll_succeeded"),
    Bill(api="tokenhub", body="poll_succeeded", units=units(duration=5, video_count=1)),
    Bill(api="vclm", body="poll_done"),
    Bill(api="comfyui", body="history_success"),
    Bill(
        api="vllm-omni",
        body="vllm_omni_video_completed",
        units=units(
            model="hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-720p_t2v",
            seconds="4",
            size="1280x720",
            inference_time_s="297.4",
        ),
    ),
    Bill(api="sora", body="poll_succeeded", units=units(model="sora-2", seconds="8", size="1280x720")),
    Bill(
        api="/v1/videos",
        body="litellm_poll_succeeded",
        units=units(model="veo-3.1-generate-001", seconds="8", size="1280x720", duration_seconds="8.0"),
    ),
)
NOT_MADE = (
    Bill(api="runway", body="poll_failed", usd="0", units=FREE, charged="no"),
    Bill(api="runway", body="poll_failed_asset", usd="0", units=FREE, charged="no"),
    Bill(api="runway", body="poll_failed_bad_output", usd="0", units=FREE, charged="no"),
    Bill(api="runway", body="poll_failed_no_code", usd="0", units=FREE, charged="no"),
    Bill(api="runway", body="poll_failed_third_party", usd="0", units=FREE, charged="no"),
    Bill(api="runway", body="poll_moderated", usd="0.60", units=units(credits=60), charged="yes"),
    Bill(api="runway", body="poll_moderated_output", usd="0", units=FREE, charged="no"),
    Bill(api="runway", body="poll_moderated_preprocessing", usd="0", units=FREE, charged="no"),
    Bill(api="runway", body="poll_cancelled", usd="0", units=FREE, charged="no"),
    Bill(api="seedance", body="poll_failed", charged="no"),
    Bill(api="seedance", body="poll_moderated", charged="no"),
    Bill(api="seedance", body="poll_expired", charged="no"),
    Bill(api="seedance", body="poll_cancelled", charged="no"),
    *(Bill(api="openrouter", body=f"poll_{how}") for how in ("failed", "moderated", "expired", "cancelled")),
    *(Bill(api=api, body=f"poll_{how}") for api in ("kling", "kling legacy") for how in ("failed", "moderated")),
    *(Bill(api="luma", body=f"agents_poll_{how}") for how in ("failed", "moderated")),
    *(Bill(api="luma", body=f"dm_poll_{how}") for how in ("failed", "moderated")),
    *(Bill(api="veo", body=f"poll_{how}") for how in ("failed", "moderated", "cancelled")),
    *(Bill(api="omni", body=f"omni_poll_{how}") for how in ("failed", "moderated", "incomplete")),
    *(Bill(api="tokenhub", body=f"poll_{how}") for how in ("failed", "moderated")),
    *(Bill(api="vclm", body=f"poll_{how}") for how in ("fail", "moderated")),
    *(Bill(api="sora", body=f"poll_{how}") for how in ("failed", "moderated")),
    Bill(api="comfyui", body="history_error"),
    Bill(api="comfyui", body="history_interrupted"),
)


def dollars(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize("bill", MADE, ids=lambda bill: f"{bill.api}: {bill.body}")
def test_a_video_costs_what_the_provider_says(bill: Bill) -> None:
    outcome = APIS[bill.api].recorded(bill.body)
    assert isinstance(outcome, Succeeded)
    assert (outcome.cost_usd, outcome.detail) == (dollars(bill.usd), bill.units)


@pytest.mark.parametrize("bill", NOT_MADE, ids=lambda bill: f"{bill.api}: {bill.body}")
def test_an_order_without_a_video_costs_what_the_provider_says(bill: Bill) -> None:
    outcome = APIS[bill.api].recorded(bill.body)
    assert isinstance(outcome, Failed | Cancelled)
    assert (outcome.cost_usd, outcome.detail, outcome.charged) == (dollars(bill.usd), bill.units, bill.charged)


def test_no_recorded_look_that_speaks_of_money_is_left_out() -> None:
    words = ('"cost"', '"usage"', '"billing"', '"final_unit_deduction"', '"credits"')
    speaking = {
        f"{folder}/{file.stem}"
        for folder in {api.folder for api in APIS.values()}
        for file in (FIXTURES / folder).glob("*.json")
        if any(word in file.read_text("utf-8") for word in words)
    }
    looks = {name for name in speaking if "/poll_" in name or "_poll_" in name or "list_response" in name}
    read = {f"{APIS[one.api].folder}/{APIS[one.api].begin}{one.body}" for one in (*MADE, *NOT_MADE)}
    only_estimates = {f"runway/poll_{state}" for state in ("queued", "throttled", "running", "running_unstarted")}
    read_below = {"veo/omni_poll_succeeded_uri", "seedance/list_response", "kling/new_list_response"}
    assert looks <= read | only_estimates | read_below


async def test_a_preview_is_free() -> None:
    spec = VideoSpec(model="preview", prompt="a fox", duration_seconds=1, resolution="360p", aspect_ratio="16:9")
    made = await LocalProvider({}).submit(Submission(spec=spec, idempotency_key="j1.0"))
    assert made.cost_usd == Decimal(0)


def test_the_tokens_of_a_clip_that_lies_in_a_file_are_kept_until_the_file_is_ready() -> None:
    made, order = veo_rig.omni(), Operation(id=veo_rig.INTERACTION)
    bodies = ("omni_poll_succeeded_uri", "file_get_active", "file_get_active")
    call, done, again = (made.read_poll(order, veo_rig.recorded(name)) for name in bodies)
    assert isinstance(call, Call)
    assert isinstance(done, Succeeded)
    assert isinstance(again, Succeeded)
    assert (done.detail, again.detail) == (TOKENS, {})


def test_a_list_of_tasks_tells_the_cost_of_each() -> None:
    seedance, kling = seedance_rig.adapter(), kling_rig.adapter()
    [one] = seedance.read_batch([seedance_rig.OPERATION], seedance_rig.recorded("list_response")).values()
    assert isinstance(one, Succeeded)
    assert one.cost_usd == Decimal("0.7623")
    two = kling.read_batch([APIS["kling"].operation], kling_rig.recorded("new_poll_two_tasks"))
    assert [made.detail for made in two.values() if isinstance(made, Succeeded)] == [SIX_UNITS]


def test_a_server_that_answers_when_it_is_done_tells_what_it_used() -> None:
    body = {"status": "completed", "url": "https://a.example/v.mp4", "usage": {"duration_seconds": 8.5}}
    done = taken(sora_rig.reply(body))
    assert isinstance(done, Succeeded)
    assert done.detail == {"duration_seconds": "8.5"}


# What follows is made up: finished orders, with the name of the figure that is the bill, which stands where BILL is.
BILL, URL = "@bill", "https://a.example/v.mp4"
BILLED: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "openrouter": ("cost", {"status": "completed", "usage": {"cost": BILL, "is_byok": False}}),
    "runway": ("credits", {"status": "SUCCEEDED", "output": [URL], "cost": {"credits": BILL}}),
    "kling": (
        "unread",
        {
            "status": "succeeded",
            "outputs": [{"url": URL}],
            "billing": [{"charge_type": "cash", "amount": BILL, "currency": "USD"}],
        },
    ),
    "kling legacy": (
        "unread",
        {"task_status": "succeed", "task_result": {"videos": [{"url": URL}]}, "final_unit_deduction": BILL},
    ),
    "seedance": (
        "completion_tokens",
        {
            "status": "succeeded",
            "content": {"video_url": URL},
            "usage": {"completion_tokens": BILL},
            "resolution": "720p",
        },
    ),
    "omni": (
        "total_output_tokens",
        {
            "status": "completed",
            "steps": [{"type": "model_output", "content": [{"type": "video", "data": "AAAA"}]}],
            "usage": {"total_output_tokens": BILL},
        },
    ),
    "tokenhub": ("duration", {"status": "succeeded", "videos": [{"url": URL}], "usage": {"duration": BILL}}),
    "/v1/videos": ("duration_seconds", {"status": "completed", "usage": {"duration_seconds": BILL}}),
}


def kling_says(**task: JsonValue) -> bytes:
    """The reply of Kling to a look at this task."""
    return json.dumps({"code": 0, "data": [{"id": kling_rig.ORDER_ID, "outputs": [{"url": URL}], **task}]}).encode()


def billed(api: str, said: str) -> Succeeded:
    """What is read of a finished order with this JSON as its bill."""
    task: object = {"id": APIS[api].operation.id, **BILLED[api][1]}
    if api.startswith("kling"):
        task = {"code": 0, "data": task if "legacy" in api else [task]}
    outcome = APIS[api].look(json.dumps(task).replace(f'"{BILL}"', said).encode())
    assert isinstance(outcome, Succeeded), "the video is lost"
    assert outcome.assets, "the video is lost"
    json.dumps(dict(outcome.detail), allow_nan=False)
    return outcome


EXACT = (
    ("openrouter", "0.64", "0.64"),
    ("openrouter", "0.1000000000000000055", "0.1000000000000000055"),
    ("openrouter", '"0.25"', "0.25"),
    ("openrouter", "0", "0"),
    ("runway", "33", "0.33"),
    ("runway", "29", "0.29"),
    ("runway", "12.5", "0.125"),
    ("runway", "0.1000000000000000055", "0.001000000000000000055"),
    ("runway", "6e1", "0.6"),
    ("runway", "0", "0"),
    ("kling", '"0.84"', "0.84"),
    ("kling", "0.1000000000000000055", "0.1000000000000000055"),
    ("kling", "0", "0"),
    ("kling legacy", '"6"', None),
    ("kling legacy", "0", None),  # a clip of no units: what it costs is still to come
    ("seedance", "108900", "0.7623"),
    ("seedance", "108900.0", "0.7623"),
    ("seedance", "108900.5", None),
    ("seedance", "0", None),  # no clip is made of no tokens
    ("omni", "46336", None),
    ("tokenhub", "5", None),
    ("/v1/videos", "8.0", None),
)


@pytest.mark.parametrize(("api", "said", "usd"), EXACT)
def test_a_bill_is_read_to_the_digit(api: str, said: str, usd: str | None) -> None:
    assert billed(api, said).cost_usd == dollars(usd)


def test_sums_of_a_bill_are_exact() -> None:
    cash: JsonValue = [{"charge_type": "cash", "amount": one, "currency": "USD"} for one in (0.1, 0.2, "0.0")]
    outcome = APIS["kling"].look(kling_says(status="succeeded", billing=cash))
    assert isinstance(outcome, Succeeded)
    assert outcome.cost_usd == Decimal("0.3")


# What stands there, and what is kept of it; None: nothing.
ABSURD: Mapping[str, JsonValue] = {
    "-1": -1,
    "-0.5": "-0.5",
    "NaN": "NaN",
    "-Infinity": "-Infinity",
    "1e400": "1E+400",
    "1e-400": "1E-400",
    "1e99999999999999999999": "1e99999999999999999999",
    "1e12": "1E+12",
    "123456789012345678901234567890": "123456789012345678901234567890",
    "9" * 5000: "9" * 99 + "\N{HORIZONTAL ELLIPSIS}",
    '"free"': "free",
    '"1e3"': "1e3",
    '"NaN"': "NaN",
    '""': "",
    "true": True,
    "null": None,
    "[1]": None,
    '{"usd": 1}': None,
}


@pytest.mark.parametrize("api", ["openrouter", "runway", "kling", "kling legacy", "seedance", "tokenhub"])
@pytest.mark.parametrize("said", ABSURD, ids=lambda said: said[:24])
def test_an_absurd_bill_costs_no_video_is_no_cost_and_is_kept_as_it_is(api: str, said: str) -> None:
    outcome, kept = billed(api, said), ABSURD[said]
    assert outcome.cost_usd is None
    found = outcome.detail.get(BILLED[api][0])
    if not api.startswith("kling"):
        assert (found, type(found)) == (kept, type(kept))
    elif kept is not None:
        assert str(kept)[:90] in str(found)


def test_dollars_beside_units_are_not_the_whole_cost() -> None:
    cash: JsonValue = [{"charge_type": "cash", "amount": "0.4", "currency": "USD"}]
    for spent, usd in (("3", None), ("0", "0.4")):
        outcome = APIS["kling"].look(kling_says(status="succeeded", billing=cash, final_unit_deduction=spent))
        assert isinstance(outcome, Succeeded)
        assert (outcome.cost_usd, outcome.detail["units"]) == (dollars(usd), spent)


def test_a_bill_that_is_partly_absurd_is_no_cost() -> None:
    cash: JsonValue = [{"charge_type": "cash", "amount": one, "currency": "USD"} for one in ("0.4", -3)]
    outcome = APIS["kling"].look(kling_says(status="succeeded", billing=cash))
    assert isinstance(outcome, Succeeded)
    assert (outcome.cost_usd, outcome.detail) == (None, {"cash_USD": "0.4", "unread": "cash -3 USD"})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals().map(str) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("api", BILLED)
@given(said=_JSON)
def test_whatever_stands_for_a_bill_the_video_is_there_and_the_cost_can_be(api: str, said: JsonValue) -> None:
    cost = billed(api, json.dumps(said)).cost_usd
    assert cost is None or 0 <= cost <= 10**9


@pytest.mark.parametrize(
    ("usage", "usd", "charged"),
    [
        ({"cost": 0, "is_byok": True}, None, None),  # the maker was paid with the user's own key
        ({"cost": 0.05, "is_byok": True}, None, None),  # OpenRouter's share of it
        ({"cost": 0.05, "is_byok": None}, "0.05", "yes"),
        ({"cost": 0, "is_byok": None}, None, None),
        ({"cost": 0, "is_byok": False}, "0", "no"),
        ({"cost": 0.05}, "0.05", "yes"),
        ({}, None, None),
        (7, None, None),
    ],
)
def test_a_zero_of_openrouter_is_free_only_where_no_key_of_the_users_paid(
    usage: JsonValue, usd: str | None, charged: Charged | None
) -> None:
    job = {"id": openrouter_rig.ORDER_ID, "usage": usage}
    for status in ("completed", "failed", "cancelled"):
        outcome = APIS["openrouter"].look(json.dumps({**job, "status": status}).encode())
        assert isinstance(outcome, Succeeded | Failed | Cancelled)
        assert outcome.cost_usd == dollars(usd)
        assert isinstance(outcome, Succeeded) or outcome.charged == charged


@pytest.mark.parametrize(
    ("billing", "units_", "usd", "charged"),
    [
        (None, "0", "0", "no"),
        (None, "6", None, "yes"),
        ([{"charge_type": "cash", "amount": "0.84", "currency": "USD"}], None, "0.84", "yes"),
        ([{"charge_type": "cash", "amount": "6", "currency": "CNY"}], None, None, "yes"),
        ([{"charge_type": "cash", "amount": "0", "currency": "CNY"}], "0", "0", "no"),
        ([{"charge_type": "cash", "amount": "0", "currency": "USD"}], "?", None, None),
        ([], None, None, None),
        (None, None, None, None),
    ],
)
def test_a_failed_task_of_kling_is_charged_where_anything_was_taken(
    billing: JsonValue, units_: JsonValue, usd: str | None, charged: Charged | None
) -> None:
    outcome = APIS["kling"].look(kling_says(status="failed", billing=billing, final_unit_deduction=units_))
    assert isinstance(outcome, Failed)
    assert (outcome.cost_usd, outcome.charged) == (dollars(usd), charged)


@pytest.mark.parametrize(("said", "usd", "charged"), [(30, "0.30", "yes"), (0, "0", "no"), (-1, None, None)])
def test_a_stopped_task_of_runway_costs_what_it_says(said: int, usd: str | None, charged: Charged | None) -> None:
    task = {"id": runway_rig.TASK, "status": "CANCELLED", "cost": {"credits": said}}
    outcome = APIS["runway"].look(json.dumps(task).encode())
    assert outcome == Cancelled(charged=charged, cost_usd=dollars(usd), detail={"credits": said})


def test_a_failed_task_of_seedance_that_counts_tokens_may_be_charged() -> None:
    task = {"id": seedance_rig.TASK, "status": "failed", "usage": {"completion_tokens": 108900}}
    outcome = APIS["seedance"].look(json.dumps(task).encode())
    assert isinstance(outcome, Failed)
    assert (outcome.charged, outcome.cost_usd, outcome.detail) == ("unknown", None, {"completion_tokens": 108900})


def test_nobodys_number_is_written_out_at_length() -> None:
    class Body(Exact):
        cost: object = None

    for text in ("1e-999999999", "0e-999999999", "1e999999999"):
        assert amount(Body.of_json(b'{"cost": %s}' % text.encode()).cost) is None


def test_what_is_deeply_nested_is_no_body() -> None:
    assert Exact.read_or_none(b'{"cost": ' + b"[" * 100_000) is None
