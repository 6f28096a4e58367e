from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from nexiom_sdk.errors import (
    ConfigurationError,
    MalformedResponse,
    MissingCredentials,
    NexiomError,
    ProviderUnavailable,
)
from nexiom_sdk.providers.protocol import (
    SupportsBatchPoll,
    SupportsCallback,
    SupportsCancel,
    SupportsHealth,
    SupportsLookup,
)
from nexiom_sdk.providers.seedance import SeedanceProvider
from nexiom_sdk.types import Failed, Operation, Running, Succeeded
from seedance_rig import (
    CLOCK,
    FIXTURES,
    FLAGSHIP,
    OPERATION,
    STANDARD,
    TASK,
    adapter,
    at,
    fixture,
    order,
    recorded,
    reply,
)

OTHER = "cgt-20261122201001-a1b2c"


@pytest.mark.parametrize(
    ("config", "base_url"),
    [
        ({}, "https://ark.ap-southeast.bytepluses.com/api/v3"),
        ({"region": "byteplus"}, "https://ark.ap-southeast.bytepluses.com/api/v3"),
        ({"region": "byteplus-eu"}, "https://ark.eu-west.bytepluses.com/api/v3"),
        ({"region": "Volcengine"}, "https://ark.cn-beijing.volces.com/api/v3"),
        ({"region": "volcengine", "base_url": "https://gate.example/ark/"}, "https://gate.example/ark"),
        ({"region": "mars"}, None),
    ],
)
def test_a_region_has_its_address(config: dict[str, str], base_url: str | None) -> None:
    if base_url is None:
        with pytest.raises(ConfigurationError, match="There is no region of Seedance") as caught:
            adapter(**config)
        assert "NEXIOM_SEEDANCE_REGION" in caught.value.next_step
    else:
        assert adapter(**config).base_url == base_url


def test_a_missing_key_names_its_variable_where_to_get_one_and_the_preview() -> None:
    with pytest.raises(MissingCredentials) as caught:
        SeedanceProvider({})
    for word in ("ARK_API_KEY", "console.byteplus.com", "console.volcengine.com", "local"):
        assert word in str(caught.value)


def test_an_entry_that_names_no_model_is_refused_by_the_name_of_its_variable() -> None:
    with pytest.raises(ConfigurationError, match="NEXIOM_SEEDANCE_MODELS"):
        adapter(models="=ep-1")


def test_what_seedance_does_not_offer_is_not_claimed() -> None:
    made = adapter()
    for offered in (SupportsBatchPoll, SupportsCallback, SupportsCancel, SupportsHealth):
        assert isinstance(made, offered)
    assert not isinstance(made, SupportsLookup)
    assert made.submission_recovery == "none"


def test_no_order_is_marked_with_what_is_meant_for_the_end_users_name() -> None:
    call = adapter().submit_call(order())
    assert "safety_identifier" not in json.dumps(call.json)
    assert "j1.0" not in json.dumps(call.json) + str(call.headers)


def test_an_order_is_remembered_with_what_its_price_depends_on() -> None:
    created = recorded("submit_response")
    taken = adapter().read_submit(order(callback_url="https://hooks.example/ark"), created)
    assert taken == Operation(
        id=TASK, state={"callback": True, "priced_as": STANDARD, "with_video": False, "options": []}
    )
    for media, with_video in ((at("reference_video"), True), (at("reference_image"), False)):
        taken = adapter().read_submit(order(media), created)
        assert taken == Operation(id=TASK, state={"priced_as": STANDARD, "with_video": with_video, "options": []})
    edited = adapter().read_submit(order(at("source_video"), model=FLAGSHIP), created)
    assert edited == Operation(id=TASK, state={"priced_as": FLAGSHIP, "with_video": True, "options": []})
    taken = adapter(region="volcengine").read_submit(order(), created)
    assert taken == Operation(id=TASK, state={}), "the prices there are not known"


@pytest.mark.parametrize("said", [{}, {"id": ""}, {"id": None}, [], {"id": 7}])
def test_a_reply_without_an_id_is_no_acceptance(said: object) -> None:
    with pytest.raises(MalformedResponse):
        adapter().read_submit(order(), reply(said))


def test_a_task_is_looked_at_by_its_id_and_by_nothing_else() -> None:
    call = adapter().poll_call(Operation(id="../a?b"))
    assert (call.method, call.path) == ("GET", "/contents/generations/tasks/..%2Fa%3Fb")


def test_many_tasks_are_asked_for_in_one_call_with_a_page_for_all() -> None:
    call = adapter().batch_call([Operation(id="a"), Operation(id="b"), Operation(id="c")])
    assert call is not None
    assert (call.method, call.path) == ("GET", "/contents/generations/tasks")
    assert call.query == {"page_size": "3", "filter.task_ids": ["a", "b", "c"]}
    assert adapter().batch_size <= 500, "the most that a page may have"


def test_a_list_says_of_each_order_what_its_task_says() -> None:
    orders = [OPERATION, Operation(id=OTHER), Operation(id="cgt-gone")]
    found = adapter().read_batch(orders, recorded("list_response"))
    assert found.keys() == {TASK, OTHER}, "one that is missing is left to a look of its own"
    done, failed = found[TASK], found[OTHER]
    assert isinstance(done, Succeeded)
    assert str(done.cost_usd) == "0.7623"
    assert isinstance(failed, Failed)
    assert failed.code == "content_rejected"


def test_a_list_is_read_as_far_as_it_can_be_and_no_further_than_it_was_asked() -> None:
    items = [7, {"id": ""}, {"id": "stranger", "status": "succeeded"}, {"id": "a", "status": "queued"}]
    found = adapter().read_batch([Operation(id="a"), Operation(id="b")], reply({"total": 9, "items": items}))
    assert found == {"a": Running(queued=True)}
    for nothing in ({"total": 0}, {"total": 0, "items": None}):  # each is then looked at alone
        assert adapter().read_batch([Operation(id="a")], reply(nothing)) == {}


def test_a_task_that_is_another_one_says_nothing_of_this_one() -> None:
    with pytest.raises(MalformedResponse, match="another order"):
        adapter().read_poll(Operation(id="mine"), reply({"id": "other", "status": "succeeded"}))


def test_a_task_that_is_not_known_is_lost_unless_it_is_very_young() -> None:
    gone = recorded("error_404_task")
    assert isinstance(adapter().look_refused(OPERATION, gone), Failed)
    young = Operation(id=TASK, state={"submitted_at": CLOCK.now().isoformat()})
    with pytest.raises(ProviderUnavailable):
        adapter().look_refused(young, gone)


@pytest.mark.parametrize("name", ["callback_running", "callback_succeeded"])
def test_an_unsigned_callback_is_a_hint_and_nothing_more(name: str) -> None:
    assert adapter().read_callback({}, json.dumps(fixture(name)).encode()) == (TASK, None)


@pytest.mark.parametrize("nothing", [b"", b"[]", b"{}", b'{"id": ""}', b"\xff"])
def test_a_callback_about_no_task_is_refused(nothing: bytes) -> None:
    with pytest.raises(MalformedResponse):
        adapter().read_callback({}, nothing)


def test_every_recorded_body_is_used() -> None:
    elsewhere = ("error_", "poll_", "submit_request_")
    names = {file.stem for file in FIXTURES.glob("*.json") if not file.stem.startswith(elsewhere)}
    callbacks = {"callback_running", "callback_succeeded"}
    assert names == {"index", "submit_response", "list_response", "delete_response", *callbacks}


def test_no_secret_shows() -> None:
    made = SeedanceProvider({"api_key": SecretStr("ark-CANARY")})
    assert "CANARY" not in f"{made!r} {made.config!r} {made.models!r}"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "status", "content", "video_url", "error", "code", "message", "usage", "items",
                         "completion_tokens", "updated_at"]) | st.text(max_size=5),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip
TASKS = st.fixed_dictionaries(
    {"id": st.just(TASK), "status": st.sampled_from(["succeeded", "failed", "expired", "queued", "cancelled", "?"])},
    optional={
        **dict.fromkeys(("content", "error", "usage", "updated_at", "seed", "duration", "generate_audio"), ANY_JSON),
        "resolution": st.sampled_from(["720p", "4k", 7]),
        "execution_expires_after": ANY_JSON,
    },
)
LISTS = st.fixed_dictionaries({"items": st.lists(TASKS | ANY_JSON, max_size=3)})
ANY_BODY = st.binary(max_size=100) | (ANY_JSON | TASKS | LISTS).map(lambda value: json.dumps(value).encode())


@given(body=ANY_BODY, status=st.integers(200, 599))
def test_no_reply_whatever_raises_anything_foreign(body: bytes, status: int) -> None:
    made, any_reply = adapter(), reply(body, status)
    for read in (
        lambda: made.read_submit(order(), any_reply),
        lambda: made.read_poll(OPERATION, any_reply),
        lambda: made.read_batch([OPERATION], any_reply),
        lambda: made.read_error(any_reply),
        lambda: made.look_refused(OPERATION, any_reply),
        lambda: made.read_callback({}, body),
    ):
        with suppress(NexiomError):
            read()
