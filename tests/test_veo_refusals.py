from __future__ import annotations

import json
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
from nexiom_sdk.providers.veo_refusals import moderated, refusal_in
from veo_rig import FIXTURES, fixture, omni, recorded, reply, veo

REFUSALS: Mapping[str, tuple[int, type[ProviderError] | None]] = {
    "error_400": (400, InvalidInput),
    "error_400_safety": (400, ContentRejected),
    "error_401": (401, AuthenticationFailed),
    "error_403": (403, AuthenticationFailed),
    "error_404": (404, ModelRetired),
    "error_429": (429, RateLimited),
    "error_503": (503, None),
    "gemini_error_404_retired": (404, ModelRetired),
    "omni_error_400": (400, InvalidInput),
    "omni_error_401": (401, AuthenticationFailed),
    "omni_error_402": (402, QuotaExhausted),
    "omni_error_404_model": (404, ModelRetired),
    "omni_error_429": (429, RateLimited),
    "omni_error_429_quota": (429, QuotaExhausted),
}


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("listed", [False, True])
def test_a_recorded_error_is_a_refusal_only_where_it_is_documented_as_one(name: str, *, listed: bool) -> None:
    status, kind = REFUSALS[name]
    body: object = [fixture(name)] if listed else fixture(name)
    for api in (veo(), omni()):
        error = api.read_error(reply(body, status))
        assert type(error) is (kind or type(None))
        if error is not None:
            assert (error.status, error.charged) == (status, "no")
            told = fixture(name)["error"]
            assert isinstance(told, dict)
            assert error.provider_code == (told["code"] if isinstance(told["code"], str) else told["status"])
            assert str(told["message"])[:40] in error.message


def test_every_recorded_error_is_read() -> None:
    assert {file.stem for file in FIXTURES.glob("*error_[0-9]*.json")} == {*REFUSALS}


def test_a_wait_may_be_told_inside_of_the_body() -> None:
    waits = [
        veo().read_error(recorded("error_429", 429)),
        veo().read_error(reply(fixture("error_429"), 429, {"retry-after": "7"})),
        omni().read_error(recorded("omni_error_429", 429)),
        veo().read_error(reply(b"<html>", 429, {"retry-after": "9"})),
    ]
    assert [wait.retry_after_seconds for wait in waits if wait] == [31, 7, None, 9]


@pytest.mark.parametrize("delay", ["soon", "-3s", "99999s", 7, None])
def test_a_strange_wait_is_none_or_a_sane_one(delay: object) -> None:
    body = {"error": {"code": 429, "message": "x", "details": [{"retryDelay": delay}, None, 3]}}
    error = veo().read_error(reply(body, 429))
    assert error is not None
    assert error.retry_after_seconds in {None, 0, 3600}


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b"[[]]", b'{"error": "no"}', {"message": "no"}, {"error": {}}])
@pytest.mark.parametrize("status", [400, 402, 404, 413, 416, 500, 503])
def test_a_refusal_that_is_not_in_googles_words_does_not_say_that_nothing_was_taken(status: int, body: object) -> None:
    assert refusal_in(reply(body, status)) is None


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationFailed), (403, AuthenticationFailed), (429, RateLimited)]
)
def test_a_closed_door_is_a_refusal_whoever_closes_it(status: int, kind: type[ProviderError]) -> None:
    assert type(veo().read_error(reply(b"<html>", status))) is kind


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"code": 400, "status": "FAILED_PRECONDITION", "message": "billing"}, QuotaExhausted),
        (400, {"code": "failed_precondition", "message": "location"}, AuthenticationFailed),
        (400, {"code": "parameter_unknown", "message": "x"}, InvalidInput),
        (416, {"code": "out_of_range", "message": "x"}, InvalidInput),
        (403, {"code": "permission_denied", "message": "x"}, AuthenticationFailed),
        (404, {"code": "not_found", "message": "Interaction v1 was not found."}, InvalidInput),
        (404, {"code": 404, "status": "NOT_FOUND", "message": "File x was not found."}, None),
        (404, {"code": 404, "message": "No such object: bucket/model.mp4"}, None),
        (409, {"code": 409, "status": "ABORTED", "message": "x"}, None),
        (500, {"code": 500, "status": "INTERNAL", "message": "violates the usage guidelines"}, None),
        (504, {"code": 504, "status": "DEADLINE_EXCEEDED", "message": "x"}, None),
    ],
)
def test_other_codes_have_their_class(status: int, error: object, kind: type[ProviderError] | None) -> None:
    assert type(veo().read_error(reply({"error": error}, status))) is (kind or type(None))


def test_a_key_that_is_not_valid_is_no_fault_of_the_request() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    body = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "x", "details": details}}
    assert type(omni().read_error(reply(body, 400))) is AuthenticationFailed


def test_moderation_is_known_by_its_words() -> None:
    assert moderated("It violates Vertex AI's Usage Guidelines.")
    assert moderated("Support codes: 29310472")
    assert not moderated("Unsupported output video duration")


def test_a_secret_that_google_repeats_is_not_told() -> None:
    body = json.dumps({"error": {"code": "authentication", "message": "AIza-CANARY"}}).encode()
    error = omni().read_error(reply(body, 401))
    assert error is not None
    assert "CANARY" not in f"{error} {vars(error)}"
