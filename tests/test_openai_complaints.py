from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    ModelRetired,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.providers.openai_complaints import complaint_in, refusal
from sora_rig import FIXTURES, FOLDERS, body, recorded, reply

RECORDED: dict[str, type[ProviderError] | None] = {
    "sora/error_400": InvalidInput,
    "sora/error_400_moderation": ContentRejected,
    "sora/error_401": AuthenticationFailed,
    "sora/error_404": ModelRetired,
    "sora/error_404_video": None,
    "sora/error_429": RateLimited,
    "sora/error_429_quota": QuotaExhausted,
    "sora/error_500": None,
    "openai-compatible/sglang_error_400": InvalidInput,
    "openai-compatible/trtllm_error_422_unknown_field": InvalidInput,
    "openai-compatible/vllm_omni_error_404": None,
}
DOCUMENTED_CODES: dict[str, type[ProviderError]] = {
    "invalid_value": InvalidInput,
    "moderation_blocked": ContentRejected,
    "content_policy_violation": ContentRejected,
    "invalid_api_key": AuthenticationFailed,
    "model_not_found": ModelRetired,
    "rate_limit_exceeded": RateLimited,
    "insufficient_quota": QuotaExhausted,
}
DOCUMENTED_STATUSES: dict[int, type[ProviderError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    422: InvalidInput,
    429: RateLimited,
}


def test_no_recorded_error_is_left_out() -> None:
    files = {f"{folder}/{file.stem}" for folder in FOLDERS for file in (FIXTURES / folder).glob("*error_*.json")}
    assert files == set(RECORDED)


@pytest.mark.parametrize("name", RECORDED)
def test_each_recorded_error_is_a_refusal_or_says_nothing_certain(name: str) -> None:
    assert refusal(recorded(name)) == RECORDED[name]


def test_an_order_that_is_not_known_is_no_refusal_in_either_form() -> None:
    assert refusal(reply(body("openai-compatible/vllm_omni_error_404")["alternative_body"], 404)) is None


@pytest.mark.parametrize("code", DOCUMENTED_CODES)
@pytest.mark.parametrize("key", ["code", "type"])
def test_each_documented_code_has_its_meaning_whatever_the_status(code: str, key: str) -> None:
    refused = reply({"error": {"message": "no", key: code}}, 418)
    assert (refusal(refused), complaint_in(refused).name) == (DOCUMENTED_CODES[code], code)


@pytest.mark.parametrize("status", DOCUMENTED_STATUSES)
@pytest.mark.parametrize("said", [b"", b"<html>", {"error": "no"}, {"detail": "no"}, {"message": "no", "code": 7}, []])
def test_each_documented_status_is_a_refusal_from_whomever_it_comes(status: int, said: object) -> None:
    refused = reply(said, status)
    assert refusal(refused) == DOCUMENTED_STATUSES[status]
    assert complaint_in(refused).message in {None, "", "no"}


@pytest.mark.parametrize("status", [301, 402, 404, 405, 408, 409, 410, 413, 500, 502, 503, 504])
@pytest.mark.parametrize("said", [b"", b"<html>", {"error": {"message": "no", "code": None}}, {"detail": "no"}])
def test_no_other_status_says_certainly_that_nothing_was_taken(status: int, said: object) -> None:
    assert refusal(reply(said, status)) is None


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        ({"error": {"message": "Model mismatch: this server serves 'wan'", "code": 400}}, 400, ModelRetired),
        ({"error": {"message": "Blocked by guardrail", "code": None}}, 500, ContentRejected),
        ({"error": {"message": "rate limited", "code": "rate_limit_exceeded"}}, 503, None),
        ({"error": {"message": "the moderation service is down"}}, 503, None),
        ({"error": "Unauthorized"}, 401, AuthenticationFailed),
    ],
)
def test_what_servers_say_in_words_is_understood(said: object, status: int, kind: type[ProviderError] | None) -> None:
    assert refusal(reply(said, status)) == kind


def test_a_list_of_issues_becomes_a_sentence() -> None:
    assert complaint_in(recorded("openai-compatible/trtllm_error_422_unknown_field")).message == (
        "body.n: Extra inputs are not permitted"
    )


def test_a_code_may_be_a_number() -> None:
    said = complaint_in(reply({"error": {"code": 404, "message": "x", "type": "BadRequestError"}}, 400))
    assert (said.name, said.message, said.meaning) == ("404", "x", None)


@given(
    status=st.integers(300, 599),
    said=st.binary(max_size=80)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "detail", "message", "code", "type", "loc", "msg"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_body_whatever_makes_reading_raise(status: int, said: bytes) -> None:
    found = refusal(reply(said, status))
    assert found is None or issubclass(found, ProviderError)


@pytest.mark.parametrize("status", [408, 409, 502, 503, 504])
def test_words_make_no_refusal_of_a_status_that_leaves_the_order_open(status: int) -> None:
    for text in ("guardrail says no", "content policy", "model mismatch"):
        assert refusal(reply({"error": {"message": text}}, status)) is None
