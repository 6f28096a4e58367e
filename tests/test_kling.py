from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from kling_rig import (
    CLOCK,
    FIXTURES,
    KEY,
    OLDER_ID,
    ORDER_ID,
    PAIR,
    REFERENCE,
    adapter,
    at,
    entries,
    fixture,
    order,
    recorded,
    reply,
)
from nexiom_sdk.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ContentRejected,
    InvalidInput,
    MalformedResponse,
    MissingCredentials,
    ModelRetired,
    NexiomError,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.providers.kling import KlingProvider
from nexiom_sdk.providers.protocol import (
    HttpOptions,
    SupportsBatchPoll,
    SupportsCallback,
    SupportsCancel,
    SupportsHealth,
    SupportsLookup,
)
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.types import Failed, Operation, Running, Succeeded

TEXT = "/v1/videos/text2video"
NEW = Operation(id=ORDER_ID, state={"api": "new"})
OLDER = Operation(id=OLDER_ID, state={"api": "legacy", "path": TEXT})
REFUSALS: Mapping[str, type[ProviderError] | None] = {
    "error_200_business": InvalidInput,
    "error_400_1200": InvalidInput,
    "error_400_1201": InvalidInput,
    "error_400_1300_policy": ContentRejected,
    "error_400_1301_moderated": ContentRejected,
    "error_401_1001_empty": AuthenticationFailed,
    "error_401_1002_bad_key": AuthenticationFailed,
    "error_401_1003_not_yet_valid": AuthenticationFailed,
    "error_401_1004_expired": AuthenticationFailed,
    "error_403_1103": AuthenticationFailed,
    "error_404_1202_method": InvalidInput,
    "error_404_1203_model": ModelRetired,
    "error_429_1101_arrears": QuotaExhausted,
    "error_429_1102_pack_empty": QuotaExhausted,
    "error_429_1302_rate": RateLimited,
    "error_429_1303_concurrency": RateLimited,
    "error_429_1304_ip": AuthenticationFailed,
    "error_500_5000": None,
    "error_503_5001": None,
    "error_504_5002": None,
}
OTHER_CODES: Mapping[int, type[ProviderError]] = {1000: AuthenticationFailed, 1100: AuthenticationFailed}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_error_is_a_refusal_only_where_it_is_documented_as_one(name: str) -> None:
    came, kind = recorded(name), REFUSALS[name]
    error = adapter().read_error(came)
    assert type(error) is (kind or type(None))
    if error is not None:
        said = fixture(name)
        assert (error.status, error.charged, error.request_id) == (came.status, "no", said["request_id"])
        assert error.provider_code == str(said["code"])
        assert error.retryable is entries()[name]["retryable"]


def test_every_recorded_body_is_read_by_some_test() -> None:
    files = {file.stem for file in FIXTURES.glob("*.json")} - {"index"}
    orders = {name for name in files if "_submit_request_" in name}
    tasks = {name for name in files if "_poll_" in name or "_callback_" in name}
    others = {"new_submit_response", "legacy_submit_response", "webhook_signature_vector"}
    unused = {"new_list_request", "new_list_response"}  # orders are looked for by our own ids, not listed
    assert files == {*REFUSALS, *orders, *tasks, *others, *unused}


@pytest.mark.parametrize("code", OTHER_CODES)
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_the_number_decides_whatever_the_status(code: int, status: int) -> None:
    error = adapter().read_error(reply({"code": code, "message": "no"}, status))
    assert type(error) is OTHER_CODES[code]
    assert type(adapter().read_error(reply(fixture("error_429_1102_pack_empty"), status))) is QuotaExhausted


@pytest.mark.parametrize("status", [200, 400, 404, 500, 503])
@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", {"message": "no"}, {"code": 1999}, {"code": 5000}])
def test_what_is_no_documented_number_does_not_say_that_nothing_was_taken(status: int, body: object) -> None:
    assert adapter().read_error(reply(body, status)) is None


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationFailed), (403, AuthenticationFailed), (429, RateLimited)]
)
def test_a_closed_door_is_a_refusal_whoever_closes_it(status: int, kind: type[ProviderError]) -> None:
    assert type(adapter().read_error(reply(b"<html>", status))) is kind


def test_an_order_is_remembered_with_its_api() -> None:
    hook = "https://hooks.example/kling"
    taken = adapter().read_submit(order(), recorded("new_submit_response"))
    assert taken == NEW
    taken = adapter().read_submit(order(callback_url=hook), recorded("new_submit_response"))
    assert taken == replace(NEW, state={"api": "new", "callback": True})
    taken = adapter().read_submit(order(model="kling-v3"), reply(fixture("legacy_submit_response")))
    assert taken == OLDER
    frames = order(model="kling-v3", media=(at("first_frame", "a.png"),))
    taken = adapter().read_submit(frames, reply(fixture("legacy_submit_response")))
    assert isinstance(taken, Operation)
    assert taken.state["path"] == "/v1/videos/image2video"


def test_a_changed_video_warns_of_what_it_cannot_be_told() -> None:
    source = order(model="kling-3.0-omni", media=(at("source_video", "a.mp4"),), duration_seconds=5)
    taken = adapter().read_submit(source, recorded("new_submit_response"))
    assert isinstance(taken, Operation)
    assert taken.warnings == ("the length of a changed video cannot be chosen",)


def test_an_id_means_that_the_order_was_taken_whatever_else_is_said() -> None:
    said = {"code": 1303, "message": "?", "data": {"id": "9", "status": 7, "create_time": "soon"}}
    taken = adapter().read_submit(order(), reply(said))
    assert taken == Operation(id="9", state={"api": "new"})


@pytest.mark.parametrize("body", [b"", b"<html>", {"code": 0}, {"code": 0, "data": []}, {"code": 5001}, {"code": 77}])
def test_a_reply_of_success_that_says_nothing_leaves_the_order_uncertain(body: object) -> None:
    with pytest.raises(MalformedResponse):
        adapter().read_submit(order(), reply(body))


def test_a_refusal_inside_of_a_success_is_one() -> None:
    with pytest.raises(InvalidInput):
        adapter().read_submit(order(), recorded("error_200_business"))


def test_each_api_is_looked_at_where_the_order_is() -> None:
    made = adapter()
    new, older = made.poll_call(NEW), made.poll_call(replace(OLDER, id="a/b"))
    assert (new.method, new.path, new.query) == ("GET", "/tasks", {"task_ids": ORDER_ID})
    assert (older.path, older.query) == (f"{TEXT}/a%2Fb", {})


def test_a_path_that_nobody_orders_at_is_not_looked_at() -> None:
    strange = Operation(id="7", state={"api": "legacy", "path": "https://elsewhere.example"})
    assert adapter().poll_call(strange).path == "/tasks"
    assert adapter(**PAIR).poll_call(strange).path == f"{TEXT}/7"


@pytest.mark.parametrize(
    "name", [name for name in entries() if name.startswith("new_poll") and "not_found" not in name]
)
def test_an_order_is_found_in_the_list_by_its_id(name: str) -> None:
    outcome = adapter().read_poll(NEW, recorded(name))
    assert isinstance(outcome, Running | Succeeded | Failed)
    with pytest.raises(MalformedResponse, match="other orders"):
        adapter().read_poll(replace(NEW, id="1"), recorded(name))


@pytest.mark.parametrize("name", [name for name in entries() if name.startswith("legacy_poll")])
def test_an_order_of_the_older_api_is_read(name: str) -> None:
    assert isinstance(adapter().read_poll(OLDER, recorded(name)), Running | Succeeded | Failed)


def test_an_empty_list_means_that_the_order_is_lost_unless_it_is_young() -> None:
    outcome = adapter().read_poll(NEW, recorded("new_poll_not_found"))
    assert isinstance(outcome, Failed)
    assert outcome.charged is None
    for seconds, young in ((59, True), (61, False)):
        stamp = (CLOCK.now() - timedelta(seconds=seconds)).isoformat()
        operation = replace(NEW, state={"api": "new", "submitted_at": stamp})
        if young:
            with pytest.raises(ProviderUnavailable):
                adapter().read_poll(operation, recorded("new_poll_not_found"))
        else:
            assert isinstance(adapter().read_poll(operation, recorded("new_poll_not_found")), Failed)


def test_only_the_older_api_says_with_a_number_that_it_knows_no_such_order() -> None:
    gone = recorded("error_404_1203_model")
    assert isinstance(adapter().look_refused(OLDER, gone), Failed)
    assert isinstance(adapter().read_poll(OLDER, replace(gone, status=200)), Failed)
    with pytest.raises(ModelRetired):
        adapter().look_refused(NEW, gone)


@pytest.mark.parametrize("operation", [NEW, OLDER], ids=["new", "older"])
@pytest.mark.parametrize("status", [200, 400, 404, 410, 500, 503])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", {}, {"code": 5000}, {"code": 0, "data": None}, {"data": []}, {"code": 77}]
)
def test_a_look_that_cannot_be_read_ends_no_job(operation: Operation, status: int, body: object) -> None:
    came = reply(body, status)
    with pytest.raises((MalformedResponse, ProviderUnavailable)) as caught:
        adapter().read_poll(operation, came) if came.ok else adapter().look_refused(operation, came)
    assert caught.value.retryable


def test_a_list_with_an_entry_that_cannot_be_read_loses_nobody() -> None:
    with pytest.raises(MalformedResponse):
        adapter().read_poll(NEW, reply({"code": 0, "data": [{"id": 7}]}))
    done = fixture("new_poll_two_tasks")["data"]
    assert isinstance(done, list)
    outcome = adapter().read_poll(NEW, reply({"code": 0, "data": [7, None, {"id": ""}, *done]}))
    assert isinstance(outcome, Succeeded)


def test_many_orders_are_looked_at_in_one_list() -> None:
    second, made = replace(NEW, id="901930004609634394"), adapter()
    asked = [NEW, OLDER, second, Operation(id="7"), replace(NEW, id="8,9")]
    call = made.batch_call(asked)
    assert call is not None
    assert (call.path, call.query) == ("/tasks", {"task_ids": f"{ORDER_ID},{second.id}"})
    said = made.read_batch(asked, recorded("new_poll_two_tasks"))
    assert isinstance(said[ORDER_ID], Succeeded)
    assert said == {ORDER_ID: said[ORDER_ID], second.id: Running()}
    assert made.read_batch([second], recorded("new_poll_two_tasks")) == {second.id: Running()}
    assert made.read_batch(asked, recorded("new_poll_not_found")) == {}
    assert made.batch_call([OLDER]) is None
    assert made.batch_size == 50


def test_a_list_that_is_refused_says_so_for_all() -> None:
    with pytest.raises(InvalidInput):
        adapter().read_batch([NEW], recorded("error_200_business"))
    with pytest.raises(ProviderUnavailable):
        adapter().read_batch([NEW], reply({"code": 5001}))
    with pytest.raises(MalformedResponse):
        adapter().read_batch([NEW], reply({"code": 0, "data": {}}))


def test_a_pair_opens_the_older_api_alone() -> None:
    made = adapter(**PAIR)
    assert {card.model for card in made.models} >= {"kling-v3", "kling-v2-6", "kling-video-o1", "kling-v1"}
    assert all(card.model.startswith("kling-v") for card in made.models)
    refused: list[Callable[[], object]] = [
        lambda: made.submit_call(order()),
        lambda: made.poll_call(NEW),
        lambda: made.batch_call([NEW]),
    ]
    for describe in refused:
        with pytest.raises(MissingCredentials, match="KLINGAI_API_KEY"):
            describe()
    assert "kling-3.0" in {card.model for card in adapter(**KEY, **PAIR).models}, "the key wins"


def test_names_that_only_an_operator_knows_are_offered_where_the_keys_reach() -> None:
    names = {"models": "kling-4.0, fast=kling-v2-6"}
    assert [card.model for card in adapter(**KEY, **names).models][-2:] == ["kling-4.0", "fast"]
    offered = [card.model for card in adapter(**PAIR, **names).models]
    assert ("fast" in offered, "kling-4.0" in offered) == (True, False)


@pytest.mark.parametrize("missing", ["access_key", "secret_key"])
def test_half_a_pair_names_the_other_half(missing: str) -> None:
    half = {name: SecretStr(value) for name, value in PAIR.items() if name != missing}
    with pytest.raises(MissingCredentials, match=KlingProvider.config_env[missing]):
        KlingProvider(half)


def test_missing_keys_name_all_variables_where_to_get_one_and_the_preview() -> None:
    with pytest.raises(MissingCredentials) as caught:
        KlingProvider({})
    for word in ("KLINGAI_API_KEY", "KLINGAI_ACCESS_KEY", "KLINGAI_SECRET_KEY", "https://kling.ai", "local"):
        assert word in str(caught.value)


@pytest.mark.parametrize("keys", [KEY, PAIR], ids=["key", "pair"])
@pytest.mark.parametrize(("region", "host"), [("", "singapore"), ("Beijing", "beijing"), (" singapore ", "singapore")])
def test_a_region_has_its_address(region: str, host: str, keys: dict[str, str]) -> None:
    assert adapter(**keys, region=region).base_url == f"https://api-{host}.klingai.com"
    assert adapter(**keys, region=region, base_url="https://proxy.example/k/").base_url == "https://proxy.example/k"


def test_a_region_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'beijing'") as caught:
        adapter(**KEY, region="bejing")
    assert "NEXIOM_KLING_REGION" in str(caught.value)


def test_the_other_names_of_the_variables_and_the_sets_of_keys_are_declared() -> None:
    assert KlingProvider.config_env_also == {
        "KLING_API_KEY": "api_key",
        "KLING_ACCESS_KEY": "access_key",
        "KLING_SECRET_KEY": "secret_key",
    }
    assert KlingProvider.credential_sets == (("api_key",), ("access_key", "secret_key"))
    assert {key for keys in KlingProvider.credential_sets for key in keys} <= KlingProvider.config_env.keys()


@pytest.mark.parametrize("name", ["error_401_1003_not_yet_valid", "error_401_1004_expired"])
@pytest.mark.parametrize(("seconds", "said"), [(7200, "7200 s behind"), (-90, "90 s ahead of")])
def test_a_clock_that_is_wrong_is_no_refusal_of_the_pair(name: str, seconds: int, said: str) -> None:
    date = format_datetime(CLOCK.now().replace(microsecond=0) + timedelta(seconds=seconds), usegmt=True)
    error = adapter(**PAIR).read_error(recorded(name, {"date": date}))
    assert type(error) is ProviderUnavailable
    assert (error.retryable, error.charged, error.provider_code) == (True, "no", str(fixture(name)["code"]))
    assert said in error.message
    assert "clock" in error.next_step
    assert type(adapter().read_error(recorded(name, {"date": date}))) is AuthenticationFailed, "an API key has no time"


def test_without_the_servers_time_a_token_that_is_refused_is_refused() -> None:
    for headers in ({}, {"date": "soon"}):
        assert type(adapter(**PAIR).read_error(recorded("error_401_1004_expired", headers))) is AuthenticationFailed
    date = {"date": format_datetime(CLOCK.now(), usegmt=True)}
    assert type(adapter(**PAIR).read_error(recorded("error_401_1002_bad_key", date))) is AuthenticationFailed


def vector() -> tuple[dict[str, str], bytes, str, datetime]:
    known = {key: str(value) for key, value in fixture("webhook_signature_vector").items()}
    headers = {key.title(): value for key, value in known.items() if key.startswith("webhook-")}
    now = datetime.fromtimestamp(int(known["webhook-timestamp"]), UTC)
    return headers, known["raw_body"].encode(), known["secret_prefix"] + known["secret_body"], now


def listening(now: datetime, **config: str) -> KlingProvider:
    return KlingProvider({**KEY, **config}, http=HttpOptions(clock=VirtualClock(now)))


def test_the_published_callback_is_kling_s_and_a_changed_one_is_not() -> None:
    headers, body, secret, now = vector()
    made = listening(now, webhook_secret=secret)
    assert made.read_callback(headers, body) == ("1234567890", None)
    for sent, said in ((headers, body.replace(b"succeeded", b"failed")), ({}, body)):
        with pytest.raises(AuthenticationFailed):
            made.read_callback(sent, said)
    with pytest.raises(AuthenticationFailed):
        listening(now + timedelta(seconds=301), webhook_secret=secret).read_callback(headers, body)


@pytest.mark.parametrize(
    ("name", "order_id"),
    [
        ("new_callback_submitted", ORDER_ID),
        ("new_callback_succeeded", ORDER_ID),
        ("legacy_callback_succeeded", OLDER_ID),
    ],
)
def test_an_unsigned_callback_is_a_hint_and_nothing_more(name: str, order_id: str) -> None:
    assert adapter().read_callback({}, json.dumps(fixture(name)).encode()) == (order_id, None)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": ""}', b'{"id": 7}', b'{"task": "7"}'])
def test_a_callback_about_nothing_is_not_read(body: bytes) -> None:
    with pytest.raises(MalformedResponse):
        adapter().read_callback({}, body)


def test_what_kling_does_not_offer_is_not_claimed() -> None:
    made = adapter()
    assert not isinstance(made, SupportsCancel)
    for offered in (SupportsCallback, SupportsHealth, SupportsLookup, SupportsBatchPoll):
        assert isinstance(made, offered)
    assert made.submission_recovery == "lookup"


@pytest.mark.parametrize("keys", [{**KEY, "webhook_secret": "whsec_CANARY"}, PAIR], ids=["key", "pair"])
def test_no_secret_shows(keys: dict[str, str]) -> None:
    made = adapter(**keys)
    assert "CANARY" not in repr(made) + repr(vars(made))
    said = {"code": 1002, "message": " ".join(keys.values()), "request_id": " ".join(keys.values())}
    error = made.read_error(reply(said, 401))
    assert "CANARY" not in str(error) + repr(vars(error))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["code", "message", "request_id", "data", "id", "task_id", "status", "task_status", "outputs",
                         "url", "type", "billing", "task_info", "task_result", "videos", "update_time"])
        | st.text(max_size=5),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip
TASK = st.fixed_dictionaries(
    {"id": st.text(max_size=5), "status": st.sampled_from(["succeeded", "succeed", "failed", "submitted", "?"])},
    optional=dict.fromkeys(("outputs", "billing", "message", "update_time", "external_id", "task_result"), ANY_JSON),
)
ENVELOPE = st.fixed_dictionaries(
    {"code": st.sampled_from([0, 0, 1003, 1004, 1203, 1303, 5000, 7])},
    optional={"data": TASK | st.lists(TASK, max_size=2) | ANY_JSON, "message": ANY_JSON, "request_id": ANY_JSON},
)
ANY_BODY = st.binary(max_size=100) | (ANY_JSON | ENVELOPE).map(lambda value: json.dumps(value).encode())


@given(body=ANY_BODY, status=st.integers(200, 599), date=st.text(max_size=30))
def test_no_reply_whatever_raises_anything_foreign(body: bytes, status: int, date: str) -> None:
    for made in (adapter(), adapter(**PAIR)):
        for read in readings(made, reply(body, status, {"date": date})):
            with suppress(NexiomError):
                read()


def readings(made: KlingProvider, any_reply: Reply) -> list[Callable[[], object]]:
    return [
        lambda: made.read_submit(order(model="kling-v3"), any_reply),
        lambda: made.read_poll(NEW, any_reply),
        lambda: made.read_poll(OLDER, any_reply),
        lambda: made.look_refused(OLDER, any_reply),
        lambda: made.read_batch([NEW], any_reply),
        lambda: made.read_error(any_reply),
        lambda: made.read_callback({}, any_reply.body),
    ]


def test_what_is_sent_is_remembered_for_a_while_only() -> None:
    made = adapter()
    for number in range(1100):
        made.submit_call(replace(order(), idempotency_key=f"j{number}.0"))
    assert len(made._sent) == 1000
    assert REFERENCE not in made._sent


def test_the_modules_describe_calls_and_do_nothing_else() -> None:
    folder = Path(inspect.getfile(KlingProvider)).parent
    modules = [*folder.glob("kling*.py"), folder / "auth_jwt.py"]
    assert len(modules) > 1
    for module in modules:
        names = re.findall(r"^\s*(?:import|from) (\w+)", module.read_text("utf-8"), re.MULTILINE)
        assert not {*names} & {"asyncio", "httpx", "os", "random", "socket", "subprocess", "time"}, module.name
