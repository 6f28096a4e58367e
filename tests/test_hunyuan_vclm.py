from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hunyuan_hosted_rig import CLOCK, FIXTURES, JOB_ID, fixture, order, recorded, reply, vclm
from nexiom_sdk.errors import (
    FAILURE_CODES,
    AuthenticationFailed,
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
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Running, Succeeded

JOB = Operation(id=JOB_ID)
ORDER = order("hunyuan-vclm")
REQUEST_ID = "4d45812d-a1fe-43a5-ba77-063cc3998ec3"
REFUSALS: Mapping[str, type[ProviderError] | None] = {
    "vclm_error_arrears": QuotaExhausted,
    "vclm_error_auth": AuthenticationFailed,
    "vclm_error_concurrency": RateLimited,
    "vclm_error_invalid_parameter": InvalidInput,
    "vclm_error_job_not_found": None,
    "vclm_error_moderation": ContentRejected,
    "vclm_error_rate_limit": RateLimited,
}
# The families of the sheet, and the codes of the official package.
CODES: Mapping[str, type[ProviderError] | None] = {
    "AuthFailure": AuthenticationFailed,
    "AuthFailure.SignatureExpire": AuthenticationFailed,
    "UnauthorizedOperation": AuthenticationFailed,
    "InvalidParameter": InvalidInput,
    "InvalidParameter.InvalidParameter": InvalidInput,
    "InvalidParameterValue.UrlIllegal": InvalidInput,
    "MissingParameter": InvalidInput,
    "FailedOperation.ImageDownloadError": InvalidInput,
    "FailedOperation.ModerationFailed": ContentRejected,
    "FailedOperation.ModerationResponseError": ContentRejected,
    "RequestLimitExceeded": RateLimited,
    "RequestLimitExceeded.JobNumExceed": RateLimited,
    "ResourceInsufficient": ProviderUnavailable,
    "ResourcesSoldOut.ChargeStatusException": QuotaExhausted,
    "ResourceUnavailable.NotExist": ModelRetired,
    "ResourceUnavailable.IsOpening": ModelRetired,
    "InternalError": None,
    "FailedOperation.RequestTimeout": None,
    "FailedOperation.ServerError": None,
    "FailedOperation.InnerError": None,
    "NeverHeardOf": None,
}
VIDEO = "https://vcg.cos.tencentcos.cn/hunyuan_to_video/fa80b846-b933-4981-afad-8a39b46ef2ca.mp4"
POLLS: Mapping[str, Poll] = {
    "vclm_poll_wait": Running(queued=True),
    "vclm_poll_run": Running(),
    "vclm_poll_done": Succeeded(assets=(Asset(url=VIDEO, expires_at=CLOCK.now() + timedelta(hours=24)),)),
    "vclm_poll_fail": Failed(code="generation_failed", message="FailedOperation.InnerError: 服务内部错误，请重试。"),
    "vclm_poll_moderated": Failed(
        code="content_rejected", message="FailedOperation.ModerationFailed: 内容审核不通过。"
    ),
}


def refusing(code: str) -> dict[str, object]:
    return {"Response": {"Error": {"Code": code, "Message": "no"}, "RequestId": REQUEST_ID}}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_error_in_a_reply_of_success_is_a_refusal_where_it_is_documented_as_one(name: str) -> None:
    error = vclm().read_error(recorded(name))
    assert type(error) is (REFUSALS[name] or type(None))
    with pytest.raises(REFUSALS[name] or MalformedResponse) as caught:
        vclm().read_submit(ORDER, recorded(name))
    if error is not None:
        assert (error.status, error.charged, error.request_id) == (200, "no", REQUEST_ID)
        assert error.provider_code == json.loads(recorded(name).body)["Response"]["Error"]["Code"]
        assert type(caught.value) is REFUSALS[name]


@pytest.mark.parametrize("code", CODES)
def test_a_code_means_what_its_family_means(code: str) -> None:
    assert type(vclm().read_error(reply(refusing(code)))) is (CODES[code] or type(None))
    assert vclm().read_error(reply(refusing(code), 500)) is None


@pytest.mark.parametrize("code", [code for code, kind in CODES.items() if kind is None])
def test_tencents_own_trouble_leaves_an_order_uncertain_and_a_look_for_later(code: str) -> None:
    with pytest.raises(MalformedResponse):
        vclm().read_submit(ORDER, reply(refusing(code)))
    with pytest.raises(ProviderUnavailable) as caught:
        vclm().read_poll(JOB, reply(refusing(code)))
    assert (caught.value.provider_code, caught.value.retryable) == (code, True)


def test_a_clock_that_is_wrong_is_said_to_be() -> None:
    error = vclm().read_error(reply(refusing("AuthFailure.SignatureExpire")))
    assert isinstance(error, AuthenticationFailed)
    assert "clock" in error.next_step
    other = vclm().read_error(recorded("vclm_error_auth"))
    assert other is not None
    assert "clock" not in other.next_step


@pytest.mark.parametrize("name", POLLS)
def test_a_recorded_job_means_what_the_documentation_says(name: str) -> None:
    assert vclm().read_poll(JOB, recorded(name)) == POLLS[name]


def test_every_recorded_body_is_read() -> None:
    names = {file.stem for file in FIXTURES.glob("vclm_*.json") if "_request" not in file.stem}
    assert names == {*REFUSALS, *POLLS, "vclm_submit_response", "vclm_tc3_signing_example"}


def test_the_job_of_an_order_is_its_id() -> None:
    assert vclm().read_submit(ORDER, recorded("vclm_submit_response")) == JOB
    call = vclm().poll_call(JOB)
    assert (call.json, call.headers["X-TC-Action"]) == (fixture("vclm_describe_request"), "DescribeHunyuanToVideoJob")


def test_an_id_that_comes_as_a_number_keeps_each_digit() -> None:
    taken = vclm().read_submit(ORDER, reply(b'{"Response": {"JobId": 1387262242604040193}}'))
    assert taken == Operation(id="1387262242604040193")


def test_an_order_that_has_an_id_was_taken_whatever_else_it_says() -> None:
    body = {"Response": {**refusing("InternalError")["Response"], "JobId": JOB_ID}}  # type: ignore[dict-item]
    assert vclm().read_submit(ORDER, reply(body)) == JOB


@pytest.mark.parametrize("body", [b"", b"<html>", {}, {"Response": {}}, {"Response": {"JobId": ""}}, {"JobId": "1"}])
def test_an_order_without_an_id_cannot_be_read(body: object) -> None:
    with pytest.raises(MalformedResponse):
        vclm().read_submit(ORDER, reply(body))


@pytest.mark.parametrize("code", ["FailedOperation.JobNotFound", "FailedOperation.JobNotExist"])
def test_a_job_that_is_not_known_any_more_has_failed_unless_it_is_very_young(code: str) -> None:
    gone = reply(refusing(code))
    assert isinstance(vclm().read_poll(JOB, gone), Failed)
    young = replace(JOB, state={"submitted_at": (CLOCK.now() - timedelta(seconds=59)).isoformat()})
    with pytest.raises(ProviderUnavailable):
        vclm().read_poll(young, gone)


@pytest.mark.parametrize("status", [200, 404, 500, 502])
@pytest.mark.parametrize("body", [b"", b"<html>", {}, {"Response": {}}, {"Response": []}])
def test_a_look_that_is_not_answered_by_tencent_says_nothing(status: int, body: object) -> None:
    with pytest.raises(ProviderUnavailable):
        vclm().read_poll(JOB, reply(body, status))


@pytest.mark.parametrize("name", [name for name, kind in REFUSALS.items() if kind])
def test_a_look_that_is_refused_is_raised(name: str) -> None:
    with pytest.raises(REFUSALS[name] or AssertionError):
        vclm().read_poll(JOB, recorded(name))


@pytest.mark.parametrize("body", [b"<html>", refusing("NeverHeardOf")])
@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationFailed), (403, AuthenticationFailed), (429, RateLimited)]
)
def test_a_closed_door_is_a_refusal_whoever_closes_it(status: int, kind: type[ProviderError], body: object) -> None:
    assert type(vclm().read_error(reply(body, status))) is kind


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503])
def test_a_strangers_refusal_does_not_say_that_nothing_was_taken(status: int) -> None:
    assert vclm().read_error(reply(b"<html>", status)) is None


def job(**fields: object) -> dict[str, object]:
    return {"Response": {"ErrorCode": "", "ErrorMessage": "", "ResultVideoUrl": "", **fields}}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("FailedOperation.ModerationAudioFailed", "content_rejected"),
        ("FailedOperation.ImageDecodeFailed", "invalid_input"),
        ("NeverHeardOf", "generation_failed"),
        ("", "generation_failed"),
        (None, "generation_failed"),
        (7, "generation_failed"),
    ],
)
def test_a_failure_code_has_its_meaning(code: object, expected: str) -> None:
    outcome = vclm().read_poll(JOB, reply(job(Status="FAIL", ErrorCode=code)))
    assert isinstance(outcome, Failed)
    assert (outcome.code, bool(outcome.message), outcome.charged) == (expected, True, None)
    assert outcome.code in FAILURE_CODES


@pytest.mark.parametrize("url", ["", None, 7])
def test_a_success_without_a_file_has_no_assets(url: object) -> None:
    assert vclm().read_poll(JOB, reply(job(Status="DONE", ResultVideoUrl=url))) == Succeeded(assets=())


@given(st.text(max_size=30).filter(lambda word: word not in {"WAIT", "DONE", "FAIL"}))
def test_a_status_that_is_not_known_is_running(word: str) -> None:
    assert vclm().read_poll(JOB, reply(job(Status=word))) == Running()


def test_a_status_that_is_not_known_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    for word in ("COOK", "COOK", "RUN"):
        vclm().read_poll(JOB, reply(job(Status=word)))
    assert [record.getMessage() for record in caplog.records] == [
        "Tencent Cloud reports a status that is not known here: COOK"
    ]


@pytest.mark.parametrize(
    ("given", "named"), [("secret_id", "TENCENTCLOUD_SECRET_KEY"), ("secret_key", "TENCENTCLOUD_SECRET_ID")]
)
def test_half_of_a_pair_is_not_enough(given: str, named: str) -> None:
    with pytest.raises(MissingCredentials, match=f"{named} is not set"):
        vclm(**{key: "" for key in ("secret_id", "secret_key") if key != given})


def test_another_region_may_be_asked() -> None:
    assert vclm(region="ap-shanghai").poll_call(JOB).headers["X-TC-Region"] == "ap-shanghai"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["JobId", "Status", "Error", "Code", "Message", "ErrorCode", "ResultVideoUrl", "RequestId"])
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)
JOBS = st.fixed_dictionaries(
    {"Status": st.sampled_from(["DONE", "FAIL", "WAIT", "?"])},
    optional=dict.fromkeys(("JobId", "Error", "ErrorCode", "ErrorMessage", "ResultVideoUrl"), ANY_JSON),
)
ENVELOPES = (ANY_JSON | JOBS).map(lambda inner: {"Response": inner})
ANY_BODY = st.binary(max_size=100) | (ANY_JSON | ENVELOPES).map(lambda value: json.dumps(value).encode())


@given(body=ANY_BODY, status=st.integers(200, 599))
def test_no_reply_whatever_raises_anything_foreign(body: bytes, status: int) -> None:
    made, any_reply = vclm(), reply(body, status)
    for read in (
        lambda: made.read_submit(ORDER, any_reply),
        lambda: made.read_poll(JOB, any_reply),
        lambda: made.read_error(any_reply),
    ):
        with suppress(NexiomError):
            read()
