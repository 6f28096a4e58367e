from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luma_rig import BOTH, CLOCK, FIXTURES, ORDER_ID, adapter, fixture, order, reply
from nexiom_sdk.errors import (
    AuthenticationFailed,
    InvalidInput,
    MalformedResponse,
    MissingCredentials,
    ModelRetired,
    NexiomError,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    SubmissionUncertain,
)
from nexiom_sdk.providers import SupportsCallback, SupportsCancel
from nexiom_sdk.providers.luma import LumaProvider
from nexiom_sdk.providers.wire import Call
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, Garbage, LoopbackServer, Received, Reset, Script, sample_video
from nexiom_sdk.testing.wires.luma import LumaWire
from nexiom_sdk.types import Asset, Cancelled, DeliveredMedia, Failed, Operation, Poll, Running, Succeeded

AGENTS = Operation(id=ORDER_ID, state={"api": "agents"})
LINK = "https://storage.example.com/generations/d290f1ee/output.mp4?X-Amz-"
SOON = CLOCK.now() + timedelta(hours=1)
OLDER_VIDEO = "https://storage.cdn-luma.com/dream_machine/5d1b2c60-0f5b-4f3e-9d07-bb0a3c1f77d4/0c4e2f1a_result.mp4"
POLLS: Mapping[str, Poll] = {
    "agents_poll_queued": Running(queued=True),
    "agents_poll_running": Running(),
    "agents_poll_succeeded": Succeeded(
        assets=(Asset(url=f"{LINK}Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature=00", expires_at=SOON),)
    ),
    "agents_poll_succeeded_hdr_exr": Succeeded(
        assets=(Asset(url=f"{LINK}Expires=3600", expires_at=SOON),),
        warnings=("Luma also made exr, which is not fetched",),
    ),
    "agents_poll_failed": Failed(code="generation_failed", message="Generation failed"),
    "agents_poll_moderated": Failed(
        code="content_rejected", message="Generation output was flagged by our content moderation system."
    ),
    "agents_poll_budget_exhausted": Failed(
        code="quota_exhausted", message="Insufficient credits to complete this generation."
    ),
    "agents_poll_corrupt_input": Failed(code="invalid_input", message="Input media could not be decoded"),
    "dm_poll_queued": Running(queued=True),
    "dm_poll_running": Running(),
    "dm_poll_succeeded": Succeeded(assets=(Asset(url=OLDER_VIDEO),)),
    "dm_poll_failed": Failed(code="generation_failed", message="Job failed"),
    "dm_poll_moderated": Failed(code="content_rejected", message="Advanced prompt moderation failed"),
    "dm_poll_moderated_frame": Failed(code="content_rejected", message="Frame moderation failed"),
    "dm_poll_input_unreadable": Failed(code="invalid_input", message="Failed to read user input frames"),
}
REFUSALS: Mapping[str, tuple[int, type[ProviderError] | None]] = {
    "agents_error_400": (400, ModelRetired),
    "agents_error_400_prompt": (400, InvalidInput),
    "agents_error_401": (401, AuthenticationFailed),
    "agents_error_402": (402, QuotaExhausted),
    "agents_error_403": (403, AuthenticationFailed),
    "agents_error_404": (404, None),
    "agents_error_413": (413, InvalidInput),
    "agents_error_422": (422, InvalidInput),
    "agents_error_429": (429, RateLimited),
    "agents_error_429_concurrency": (429, RateLimited),
    "agents_error_502": (502, None),
    "agents_error_503": (503, None),
    "dm_error_400": (400, InvalidInput),
    "dm_error_400_credits": (400, QuotaExhausted),
    "dm_error_400_prompt": (400, InvalidInput),
    "dm_error_401": (401, AuthenticationFailed),
    "dm_error_404": (404, None),
    "dm_error_429": (429, RateLimited),
}


@pytest.mark.parametrize("name", POLLS)
def test_a_recorded_generation_means_what_the_documentation_says(name: str) -> None:
    assert adapter().read_poll(AGENTS, reply(fixture(name))) == POLLS[name]


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_error_is_a_refusal_only_where_it_is_documented_as_one(name: str) -> None:
    status, kind = REFUSALS[name]
    error = adapter().read_error(reply(fixture(name), status))
    assert type(error) is (kind or type(None))
    if error is not None:
        assert (error.status, error.charged) == (status, "no")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Contains blacklisted words", "content_rejected"),
        ("Prompt not allowed", "content_rejected"),
        ("Image contains IP", "content_rejected"),
        ("Prompt processing failed", "generation_failed"),
        ("Error dispatching job", "generation_failed"),
        (None, "generation_failed"),
    ],
)
def test_a_failure_without_a_code_is_known_by_its_words(text: str | None, code: str) -> None:
    outcome = adapter().read_poll(AGENTS, reply({"id": "x", "state": "failed", "failure_reason": text}))
    assert isinstance(outcome, Failed)
    assert (outcome.code, bool(outcome.message), outcome.charged) == (code, True, None)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("output_not_found", "generation_failed"),
        ("rate_limited", "rate_limited"),
        ("image_too_large", "invalid_input"),
        ("unsupported_format", "invalid_input"),
        ("invalid_request", "invalid_input"),
        ("never_heard_of", "generation_failed"),
    ],
)
def test_a_failure_code_has_its_meaning(code: str, expected: str) -> None:
    outcome = adapter().read_poll(AGENTS, reply({"id": "x", "state": "failed", "failure_code": code}))
    assert isinstance(outcome, Failed)
    assert outcome.code == expected


def test_a_success_without_a_file_has_no_assets() -> None:
    assert adapter().read_poll(AGENTS, reply({"id": "x", "state": "completed", "output": []})) == Succeeded(assets=())


def test_an_order_is_remembered_with_its_api() -> None:
    taken = adapter().read_submit(order(), reply(fixture("agents_submit_response"), 201))
    assert taken == Operation(id=ORDER_ID, state={"api": "agents"})
    older = order(model="ray-2", callback_url="https://hooks.example/luma")
    taken = adapter().read_submit(older, reply(fixture("dm_submit_response"), 201))
    assert taken == Operation(id=ORDER_ID, state={"api": "dream_machine", "callback": True})


def test_every_recorded_body_is_used() -> None:
    names = {file.stem for file in FIXTURES.glob("*.json")}
    files = {"agents_file_create_request", "agents_file_create_response", "agents_file_ready_response"}  # not used
    others = {"index", "dm_credits_response", "dm_callback_completed", "agents_submit_response", "dm_submit_response"}
    assert {name for name in names if not name.endswith("_request")} - files == {*POLLS, *REFUSALS, *others}


def test_each_api_is_looked_at_where_the_order_is() -> None:
    made = adapter()
    agents, older = (made.poll_call(Operation(id="a/b", state={"api": api})) for api in ("agents", "dream_machine"))
    assert agents.path == "https://agents.lumalabs.ai/v1/generations/a%2Fb"
    assert older.path == "https://api.lumalabs.ai/dream-machine/v1/generations/a%2Fb"


async def test_an_order_that_a_person_found_is_looked_for_at_both_apis() -> None:
    def answer(received: Received) -> Answer:
        if received.path.startswith("/dream-machine/v1/generations/known"):
            return Answer.json({"id": "known", "state": "dreaming"})
        return Answer.json({"detail": "Generation not found"}, 404)

    async with LoopbackServer(answer) as server:
        made = LumaProvider(
            {**BOTH, "base_url": f"{server.origin}/v1", "dream_machine_base_url": f"{server.origin}/dream-machine/v1"}
        )
        assert await made.poll(Operation(id="known")) == Running()
        assert isinstance(await made.poll(Operation(id="unknown")), Failed)
        await made.aclose()
    keys = [one.headers["authorization"] for one in server.received]
    assert keys == ["Bearer luma-api-CANARY", "Bearer luma-CANARY"] * 2


def test_one_key_is_enough_and_offers_the_models_of_its_api() -> None:
    assert [card.model for card in adapter(api_key="k-123456").models] == ["ray-3.2"]
    assert [card.model for card in adapter(dream_machine_api_key="k-123456").models] == ["ray-2", "ray-flash-2"]
    assert [card.model for card in adapter().models] == ["ray-3.2", "ray-2", "ray-flash-2"]
    with pytest.raises(MissingCredentials, match="LUMAAI_API_KEY"):
        adapter(api_key="k-123456").submit_call(order(model="ray-2"))


def test_missing_keys_name_both_variables_where_to_get_one_and_the_preview() -> None:
    with pytest.raises(MissingCredentials) as caught:
        LumaProvider({})
    for word in ("LUMA_AGENTS_API_KEY", "LUMAAI_API_KEY", "https://platform.lumalabs.ai", "local"):
        assert word in str(caught.value)


def test_an_unsigned_callback_is_a_hint_and_nothing_more() -> None:
    body = json.dumps(fixture("dm_callback_completed")).encode()
    assert adapter().read_callback({}, body) == (ORDER_ID, None)
    for nothing in (b"", b"[]", b"{}", b'{"id": ""}'):
        with pytest.raises(MalformedResponse):
            adapter().read_callback({}, nothing)


def test_what_luma_does_not_offer_is_not_claimed() -> None:
    assert not isinstance(adapter(), SupportsCancel)
    assert isinstance(adapter(), SupportsCallback)
    assert adapter().submission_recovery == "none"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "state", "output", "assets", "video", "url", "type", "failure_code", "failure_reason",
                         "detail"]) | st.text(max_size=5),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip
ANY_BODY = st.binary(max_size=100) | ANY_JSON.map(lambda value: json.dumps(value).encode())


@given(body=ANY_BODY, status=st.integers(200, 599))
def test_no_reply_whatever_raises_anything_foreign(body: bytes, status: int) -> None:
    made, any_reply = adapter(), reply(body, status)
    for read in (
        lambda: made.read_submit(order(), any_reply),
        lambda: made.read_poll(AGENTS, any_reply),
        lambda: made.read_poll(Operation(id="x"), any_reply),
        lambda: made.read_error(any_reply),
        lambda: made.read_callback({}, body),
    ):
        with suppress(NexiomError):
            read()


@given(st.text(max_size=30))
def test_any_state_is_an_outcome(word: str) -> None:
    outcome = adapter().read_poll(AGENTS, reply({"id": "x", "state": word}))
    assert isinstance(outcome, Running | Succeeded | Failed | Cancelled | Call)


LOST: Mapping[str, Answer | Fault] = {
    "dropped": Drop(),
    "reset": Reset(),
    "cut": Cut(Answer.json({"id": "x"}, 201), -4),
    "garbage": Garbage(b"?\r\n\r\n"),
    **{str(status): Answer(status) for status in (500, 502, 503, 504)},
}


@pytest.mark.parametrize("model", ["ray-3.2", "ray-flash-2"])
@pytest.mark.parametrize("how", LOST)
async def test_an_order_whose_answer_is_lost_goes_out_once(how: str, model: str) -> None:
    async with LoopbackServer(Script(LOST[how])) as server:
        urls = {"base_url": f"{server.origin}/v1", "dream_machine_base_url": f"{server.origin}/dream-machine/v1"}
        made = LumaProvider({**BOTH, **urls})
        with pytest.raises(SubmissionUncertain) as caught:
            await made.submit(order(model=model))
        await made.aclose()
        assert (len(server.received), caught.value.charged) == (1, "unknown")


@pytest.mark.parametrize("model", ["ray-3.2", "ray-2"])
async def test_an_order_a_look_and_the_file_over_the_wire_with_the_key_of_its_api(model: str) -> None:
    wire = LumaWire(looks=0)
    frame = DeliveredMedia(role="first_frame", media_type="image/png", url="https://inputs.example.com/a.png")
    async with LoopbackServer(wire) as server:
        made = LumaProvider(wire.config(server.origin))
        taken = await made.submit(order(model=model, media=(frame,)))
        assert isinstance(taken, Operation)
        done = await made.poll(taken)
        assert isinstance(done, Succeeded)
        assert b"".join([chunk async for chunk in made.fetch(done.assets[0])]) == sample_video()
        await made.aclose()
    assert len(wire.orders) == 1
    assert "authorization" not in server.received[-1].headers
