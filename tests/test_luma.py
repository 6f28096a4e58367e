from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luma_rig import FIXTURES, ORDER_ID, adapter, at, fixture, order, recorded, reply
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
)
from nexiom_sdk.providers import SupportsCallback, SupportsCancel, SupportsHealth
from nexiom_sdk.providers.luma import LumaProvider
from nexiom_sdk.types import Operation

AGENTS = Operation(id=ORDER_ID, state={"api": "agents"})
REFUSALS: Mapping[str, type[ProviderError] | None] = {
    "agents_error_400": ModelRetired,
    "agents_error_400_prompt": InvalidInput,
    "agents_error_401": AuthenticationFailed,
    "agents_error_402": QuotaExhausted,
    "agents_error_403": AuthenticationFailed,
    "agents_error_404": None,
    "agents_error_413": InvalidInput,
    "agents_error_422": InvalidInput,
    "agents_error_429": RateLimited,
    "agents_error_429_concurrency": RateLimited,
    "agents_error_502": None,
    "agents_error_503": None,
    "dm_error_400": InvalidInput,
    "dm_error_400_credits": QuotaExhausted,
    "dm_error_400_prompt": InvalidInput,
    "dm_error_401": AuthenticationFailed,
    "dm_error_404": None,
    "dm_error_429": RateLimited,
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_error_is_a_refusal_only_where_it_is_documented_as_one(name: str) -> None:
    came, kind = recorded(name), REFUSALS[name]
    error = adapter().read_error(came)
    assert type(error) is (kind or type(None))
    if error is not None:
        assert (error.status, error.charged) == (came.status, "no")
        assert (error.request_id is not None) == name.startswith("agents")


def test_a_busy_api_says_how_long_to_wait() -> None:
    waits = [adapter().read_error(recorded(f"agents_error_429{kind}")) for kind in ("", "_concurrency")]
    assert [wait.retry_after_seconds for wait in waits if wait] == [12, 60]


@pytest.mark.parametrize("status", [400, 402, 413, 422])
@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", {"message": "no"}])
def test_a_refusal_that_is_not_in_lumas_words_does_not_say_that_nothing_was_taken(status: int, body: object) -> None:
    assert adapter().read_error(reply(body, status)) is None


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationFailed), (403, AuthenticationFailed), (429, RateLimited)]
)
def test_a_closed_door_is_a_refusal_whoever_closes_it(status: int, kind: type[ProviderError]) -> None:
    assert type(adapter().read_error(reply(b"<html>", status))) is kind


def test_a_refusal_in_parts_is_one_too() -> None:
    error = adapter().read_error(reply({"detail": [{"loc": ["body", "prompt"], "msg": "too long"}]}, 422))
    assert type(error) is InvalidInput
    assert "too long" in error.message


def test_an_order_is_remembered_with_its_api() -> None:
    callback = "https://hooks.example/luma"
    taken = adapter().read_submit(order(callback_url=callback), recorded("agents_submit_response"))
    assert taken == Operation(id=ORDER_ID, state={"api": "agents"}), "Agents does not call back"
    older = order(model="ray-2", callback_url=callback)
    taken = adapter().read_submit(older, recorded("dm_submit_response"))
    assert taken == Operation(id=ORDER_ID, state={"api": "dream_machine", "callback": True})


def test_a_change_of_a_video_warns_of_what_it_cannot_be_told() -> None:
    source = at("source_video", "a.mp4")
    for model, left in (("ray-3.2", "length"), ("ray-2", "length and the resolution")):
        made = order(model=model, media=(source,), duration_seconds=5, resolution="720p", options={"mode": "flex_1"})
        taken = adapter().read_submit(made, recorded("agents_submit_response"))
        assert isinstance(taken, Operation)
        assert taken.warnings == (f"the {left} of a changed video cannot be chosen",)


def test_every_recorded_body_is_used() -> None:
    names = {file.stem for file in FIXTURES.glob("*.json")}
    assert {name for name in names if "_error_" in name} == {*REFUSALS}
    elsewhere = {name for name in names if "_poll_" in name or name.endswith("_request")}
    files = {"agents_file_create_response", "agents_file_ready_response"}  # pictures travel in the order
    others = {"index", "dm_credits_response", "dm_callback_completed", "agents_submit_response", "dm_submit_response"}
    assert names - elsewhere == {*REFUSALS, *others, *files}


def test_each_api_is_looked_at_where_the_order_is() -> None:
    made = adapter()
    agents, older = (made.poll_call(Operation(id="a/b", state={"api": api})) for api in ("agents", "dream_machine"))
    assert agents.path == "https://agents.lumalabs.ai/v1/generations/a%2Fb"
    assert older.path == "https://api.lumalabs.ai/dream-machine/v1/generations/a%2Fb"


def test_an_order_at_an_api_without_a_key_is_not_looked_for_at_the_other() -> None:
    with pytest.raises(MissingCredentials, match="LUMAAI_API_KEY"):
        adapter(api_key="k-123456").poll_call(Operation(id="x", state={"api": "dream_machine"}))


def test_one_key_is_enough_and_offers_the_models_of_its_api() -> None:
    assert [card.model for card in adapter(api_key="k-123456").models] == ["ray-3.2"]
    older = ["ray-2", "ray-flash-2", "ray-1-6"]
    assert [card.model for card in adapter(dream_machine_api_key="k-123456").models] == older
    assert [card.model for card in adapter().models] == ["ray-3.2", *older]
    with pytest.raises(MissingCredentials, match="LUMAAI_API_KEY"):
        adapter(api_key="k-123456").submit_call(order(model="ray-2"))


def test_a_model_that_no_card_knows_is_tried_where_there_is_a_key() -> None:
    made = order(model="ray-9", media=(at("first_frame", "a.png"),))
    assert adapter().submit_call(made).path == "https://agents.lumalabs.ai/v1/generations"
    older = adapter(dream_machine_api_key="k-123456").submit_call(made)
    assert older.path == "https://api.lumalabs.ai/dream-machine/v1/generations/video"


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
    assert isinstance(adapter(), SupportsHealth)
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
GENERATION = st.fixed_dictionaries(
    {"id": st.text(max_size=5), "state": st.sampled_from(["completed", "failed", "queued", "?"])},
    optional=dict.fromkeys(("output", "assets", "failure_code", "failure_reason"), ANY_JSON),
)
ANY_BODY = st.binary(max_size=100) | (ANY_JSON | GENERATION).map(lambda value: json.dumps(value).encode())


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
