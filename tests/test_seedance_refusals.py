from __future__ import annotations

from collections.abc import Mapping

import pytest

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    ModelRetired,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from seedance_rig import FIXTURES, KEY, adapter, fixture, recorded, reply

REFUSALS: Mapping[str, type[ProviderError] | None] = {
    "error_400_invalid_parameter": InvalidInput,
    "error_400_missing_parameter": InvalidInput,
    "error_400_moderated_image": ContentRejected,
    "error_400_moderated_text": ContentRejected,
    "error_401": AuthenticationFailed,
    "error_403_access_denied": AuthenticationFailed,
    "error_403_overdue": QuotaExhausted,
    "error_404_model_not_open": ModelRetired,
    "error_404_task": None,
    "error_429_overloaded": RateLimited,
    "error_429_quota": QuotaExhausted,
    "error_429_rpm": RateLimited,
    "error_500": None,
}
CODES: Mapping[tuple[int, str], type[ProviderError] | None] = {
    (400, "InvalidParameter.TaskTypeConstraint"): InvalidInput,
    (400, "InvalidEndpoint.ClosedEndpoint"): ModelRetired,
    (400, "InputVideoSensitiveContentDetected.PolicyViolation"): ContentRejected,
    (400, "InputAudioSensitiveContentDetected"): ContentRejected,
    (400, "SensitiveContentDetected.Violence"): ContentRejected,
    (400, "InvalidImageURL.EmptyURL"): InvalidInput,
    (403, "SomethingDenied"): AuthenticationFailed,
    (404, "InvalidEndpoint.NotFound"): ModelRetired,
    (404, "InvalidEndpointOrModel.NotFound"): ModelRetired,
    (404, "SomethingElse"): None,
    (429, "RateLimitExceeded.EndpointTPMExceeded"): RateLimited,
    (429, "ModelAccountRpmRateLimitExceeded"): RateLimited,
    (429, "ModelAccountTpmRateLimitExceeded"): RateLimited,
    (429, "ModelAccountIpmRateLimitExceeded"): RateLimited,
    (429, "ModelLoadingError"): RateLimited,
    (429, "SetLimitExceeded"): QuotaExhausted,
    (429, "SomethingElse"): RateLimited,
    (409, "InvalidParameter"): None,
    (500, "InternalServiceError"): None,
    (500, "InputTextSensitiveContentDetected"): None,
    (503, "ServerOverloaded"): None,
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_error_is_a_refusal_only_where_it_is_documented_as_one(name: str) -> None:
    came, kind = recorded(name), REFUSALS[name]
    error = adapter().read_error(came)
    assert type(error) is (kind or type(None))
    if error is not None:
        said = fixture(name)["error"]
        assert isinstance(said, dict)
        assert (error.status, error.charged, error.provider_code) == (came.status, "no", said["code"])
        assert str(said["message"]) in error.message


def test_every_recorded_error_is_read() -> None:
    assert {file.stem for file in FIXTURES.glob("error_*.json")} == {*REFUSALS}


@pytest.mark.parametrize(("status", "code"), CODES)
def test_a_code_has_its_meaning(status: int, code: str) -> None:
    error = adapter().read_error(reply({"error": {"code": code}}, status))
    assert type(error) is (CODES[status, code] or type(None))


@pytest.mark.parametrize("status", [400, 404, 409, 422])
@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", {"error": "no"}, {"error": {"message": "no"}}, {"error": {}}])
def test_a_refusal_in_strange_words_does_not_say_that_nothing_was_taken(status: int, body: object) -> None:
    assert adapter().read_error(reply(body, status)) is None


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationFailed), (403, AuthenticationFailed), (429, RateLimited)]
)
@pytest.mark.parametrize("body", [b"<html>", {"error": {}}])
def test_a_closed_door_is_a_refusal_whoever_closes_it(status: int, kind: type[ProviderError], body: object) -> None:
    assert type(adapter().read_error(reply(body, status))) is kind


def test_a_refusal_tells_how_long_to_wait_and_its_id_and_no_secret() -> None:
    headers = {"retry-after": "12", "x-request-id": "02179537971200b3"}
    error = adapter().read_error(
        reply({"error": {"code": f"ServerOverloaded.{KEY}", "message": f"busy {KEY}"}}, 429, headers)
    )
    assert error is not None
    assert (error.retry_after_seconds, error.request_id) == (12, "02179537971200b3")
    assert KEY not in f"{error} {vars(error)}"
