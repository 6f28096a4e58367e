from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hunyuan_hosted_rig import FIXTURES, TASK_ID, fixture, order, recorded, reply, tokenhub
from nexiom_sdk.errors import (
    FAILURE_CODES,
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    MalformedResponse,
    MissingCredentials,
    NexiomError,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Running, Succeeded

TASK = Operation(id=TASK_ID)
REQUEST_ID = "7f0c2a1e-4b7d-4a53-9f0e-2c6f3b9d1a55"
REFUSALS: Mapping[str, type[ProviderError] | None] = {
    "tokenhub_error_400": InvalidInput,
    "tokenhub_error_401": AuthenticationFailed,
    "tokenhub_error_402": QuotaExhausted,
    "tokenhub_error_403": AuthenticationFailed,
    "tokenhub_error_429": RateLimited,
    "tokenhub_error_451": ContentRejected,
    "tokenhub_error_502": None,
}
LINK = (
    f"https://hunyuan-video-1258344703.cos.ap-guangzhou.myqcloud.com/result/{TASK_ID}.mp4"
    "?q-sign-algorithm=sha1&q-sign-time=1795348990%3B1795435390&q-signature=fake"
)
POLLS: Mapping[str, Poll] = {
    "tokenhub_poll_queued": Running(queued=True),
    "tokenhub_poll_running": Running(),
    "tokenhub_poll_succeeded": Succeeded(assets=(Asset(url=LINK),), detail={"duration": 5, "video_count": 1}),
    "tokenhub_poll_succeeded_without_url": Failed(
        code="generation_failed", message="TokenHub reports success, and no video."
    ),
    "tokenhub_poll_failed": Failed(
        code="generation_failed", message="FailedOperation.InnerError: service internal error, please retry"
    ),
    "tokenhub_poll_moderated": Failed(
        code="content_rejected", message="FailedOperation.ModerationFailed: content moderation did not pass"
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_error_is_a_refusal_only_where_it_is_documented_as_one(name: str) -> None:
    came, kind = recorded(name), REFUSALS[name]
    error = tokenhub().read_error(came)
    assert type(error) is (kind or type(None))
    if error is not None:
        code = json.loads(came.body)["error"]["code"]
        assert (error.status, error.charged) == (came.status, "no")
        assert (error.provider_code, error.request_id) == (code, REQUEST_ID)


@pytest.mark.parametrize("name", POLLS)
def test_a_recorded_task_means_what_the_documentation_says(name: str) -> None:
    assert tokenhub().read_poll(TASK, recorded(name)) == POLLS[name]


def test_every_recorded_body_is_read() -> None:
    names = {file.stem for file in FIXTURES.glob("tokenhub_*.json") if "_request" not in file.stem}
    assert names == {*REFUSALS, *POLLS, "tokenhub_submit_response"}


def test_the_task_of_an_order_is_its_id() -> None:
    assert tokenhub().read_submit(order(), recorded("tokenhub_submit_response")) == TASK
    assert tokenhub().poll_call(Operation(id="a/b")).path == "/wand/hunyuan-video/tasks/a%2Fb"
    assert tokenhub().poll_call(TASK).path == f"/wand/hunyuan-video/tasks/{TASK_ID}"


@pytest.mark.parametrize("digits", ["9007199254740993", TASK_ID, "1462318859043946497", "9" * 30])
def test_an_id_that_comes_as_a_number_keeps_each_digit(digits: str) -> None:
    taken = tokenhub().read_submit(order(), reply(f'{{"task_id": {digits}}}'.encode()))
    assert taken == Operation(id=digits)


@pytest.mark.parametrize("body", [{}, {"task_id": ""}, {"task_id": None}, {"task_id": 1.5e18}, {"task_id": True}, []])
def test_an_order_without_an_id_cannot_be_read(body: object) -> None:
    with pytest.raises(MalformedResponse):
        tokenhub().read_submit(order(), reply(body))


@pytest.mark.parametrize("name", [name for name in REFUSALS if not name.endswith("402")])
def test_an_error_inside_a_reply_of_success_means_the_same(name: str) -> None:
    error = tokenhub().read_error(reply(fixture(name)))
    assert type(error) is (REFUSALS[name] or type(None))
    with pytest.raises(REFUSALS[name] or MalformedResponse):
        tokenhub().read_submit(order(), reply(fixture(name)))


@pytest.mark.parametrize("code", ["401007", "401008", "403004", 403004])
def test_what_is_used_up_is_known_by_its_code_where_there_is_no_status(code: object) -> None:
    body = {"error": {"type": "permission_error", "code": code, "message": "used up"}}
    assert type(tokenhub().read_error(reply(body))) is QuotaExhausted
    assert type(tokenhub().read_error(reply(body, 403))) is QuotaExhausted
    assert tokenhub().read_error(reply(body, 502)) is None


@pytest.mark.parametrize(("status", "kind"), [(402, QuotaExhausted), (403, AuthenticationFailed)])
def test_two_statuses_share_a_type_and_the_status_decides(status: int, kind: type[ProviderError]) -> None:
    body = {"error": {"type": "permission_error", "code": "409999", "message": "never heard of"}}
    assert type(tokenhub().read_error(reply(body, status))) is kind


def test_an_order_that_has_an_id_was_taken_whatever_else_it_says() -> None:
    body = {**fixture("tokenhub_submit_response"), **fixture("tokenhub_error_451")}
    assert tokenhub().read_submit(order(), reply(body)) == TASK


@pytest.mark.parametrize("status", [400, 402, 404, 451, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", {"message": "no"}, {"error": "no"}])
def test_a_refusal_that_is_not_in_tokenhubs_words_does_not_say_that_nothing_was_taken(
    status: int, body: object
) -> None:
    assert tokenhub().read_error(reply(body, status)) is None


@pytest.mark.parametrize("status", [200, 400, 402, 404, 451, 500])
@pytest.mark.parametrize("kind", ["upstream_error", "never_heard_of"])
def test_trouble_behind_tokenhub_does_not_say_that_nothing_was_taken(status: int, kind: str) -> None:
    assert tokenhub().read_error(reply({"error": {"type": kind, "code": "500", "message": "x"}}, status)) is None


@pytest.mark.parametrize("body", [b"<html>", {"error": {"type": "upstream_error"}}])
@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationFailed), (403, AuthenticationFailed), (429, RateLimited)]
)
def test_a_closed_door_is_a_refusal_whoever_closes_it(status: int, kind: type[ProviderError], body: object) -> None:
    assert type(tokenhub().read_error(reply(body, status))) is kind


def test_a_busy_tokenhub_may_say_how_long_to_wait() -> None:
    error = tokenhub().read_error(reply(fixture("tokenhub_error_429"), 429, {"retry-after": "7"}))
    assert error is not None
    assert error.retry_after_seconds == 7


def test_a_request_has_the_id_of_its_header_before_that_of_its_body() -> None:
    error = tokenhub().read_error(reply(fixture("tokenhub_error_400"), 400, {"x-request-id": "r-1"}))
    assert error is not None
    assert error.request_id == "r-1"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "451001", "message": "hit by the Content Filter"}, "content_rejected"),
        ({"code": "content_filter_error"}, "content_rejected"),
        ({"code": "FailedOperation.ModerationAudioFailed"}, "content_rejected"),
        ({"code": 500, "message": "no"}, "generation_failed"),
        ({}, "generation_failed"),
        (None, "generation_failed"),
        ("moderation", "generation_failed"),
    ],
)
def test_a_failure_is_known_by_its_words(error: object, code: str) -> None:
    outcome = tokenhub().read_poll(TASK, reply({"task_id": TASK_ID, "status": "failed", "error": error}))
    assert isinstance(outcome, Failed)
    assert (outcome.code, bool(outcome.message), outcome.charged) == (code, True, None)
    assert outcome.code in FAILURE_CODES


@pytest.mark.parametrize("videos", [None, "x", {}, [None], [{"url": None}], [{"link": "https://a.example/v.mp4"}]])
def test_a_success_whose_files_cannot_be_read_is_not_taken_for_a_failure(videos: object) -> None:
    outcome = tokenhub().read_poll(TASK, reply({"status": "succeeded", "videos": videos}))
    assert outcome == Succeeded(assets=())


def test_a_result_needs_no_key() -> None:
    outcome = tokenhub().read_poll(TASK, recorded("tokenhub_poll_succeeded"))
    assert isinstance(outcome, Succeeded)
    assert (outcome.assets[0].needs_auth, outcome.assets[0].expires_at) == (False, None)


@given(st.text(max_size=30).filter(lambda word: word not in {"queued", "succeeded", "failed"}))
def test_a_status_that_is_not_known_is_running(word: str) -> None:
    assert tokenhub().read_poll(TASK, reply({"task_id": TASK_ID, "status": word})) == Running()


def test_a_status_that_is_not_known_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for word in ("rendering", "rendering", "running"):
        tokenhub().read_poll(TASK, reply({"task_id": TASK_ID, "status": word}))
    assert [record.getMessage() for record in caplog.records] == [
        "TokenHub reports a status that is not known here: rendering"
    ]


def test_an_error_instead_of_a_task_is_raised() -> None:
    with pytest.raises(RateLimited):
        tokenhub().read_poll(TASK, reply(fixture("tokenhub_error_429")))
    with pytest.raises(MalformedResponse):
        tokenhub().read_poll(TASK, reply(fixture("tokenhub_error_502")))


def test_a_missing_key_names_its_variable() -> None:
    with pytest.raises(MissingCredentials, match="TENCENT_TOKENHUB_API_KEY"):
        tokenhub(tokenhub_api_key="")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["task_id", "status", "videos", "url", "error", "code", "type", "message", "usage"])
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
TASKS = st.fixed_dictionaries(
    {"status": st.sampled_from(["succeeded", "failed", "queued", "?"])},
    optional=dict.fromkeys(("task_id", "videos", "error", "usage"), ANY_JSON),
)
ANY_BODY = st.binary(max_size=100) | (ANY_JSON | TASKS).map(lambda value: json.dumps(value).encode())


@given(body=ANY_BODY, status=st.integers(200, 599))
def test_no_reply_whatever_raises_anything_foreign(body: bytes, status: int) -> None:
    made, any_reply = tokenhub(), reply(body, status)
    for read in (
        lambda: made.read_submit(order(), any_reply),
        lambda: made.read_poll(TASK, any_reply),
        lambda: made.read_error(any_reply),
    ):
        with suppress(NexiomError):
            read()
