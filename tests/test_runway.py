from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidInput,
    MissingCredentials,
    ModelRetired,
    NexiomError,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.providers.protocol import SupportsCallback, SupportsCancel, SupportsHealth
from nexiom_sdk.providers.runway import RunwayProvider
from nexiom_sdk.types import Operation
from runway_rig import FIXTURES, INDEX, KEY, OPERATION, at, body, order, picture, recorded, reply

ORDER = order("gen4.5", duration_seconds=5.0, resolution="720p")
ADAPTER = RunwayProvider({"api_key": SecretStr(KEY)})
ERRORS: dict[str, type[ProviderError] | None] = {
    "error_400.json": InvalidInput,
    "error_400_duration.json": InvalidInput,
    "error_400_bad_version.json": InvalidInput,
    "error_400_insufficient_credits.json": QuotaExhausted,
    "error_401.json": AuthenticationFailed,
    "error_401_wrong_host.json": AuthenticationFailed,
    "error_429.json": RateLimited,
    "error_404_task_deleted.json": None,
    "error_503.json": None,
}
HERE = {
    "index.json",
    "organization_response.json",
    "submit_response.json",
    "submit_response_legacy.json",
    "upload_create_request.json",
    "upload_create_response.json",
}


def test_no_recorded_reply_is_left_out() -> None:
    elsewhere = {file.name for glob in ("submit_*_request.json", "poll_*.json") for file in FIXTURES.glob(glob)}
    assert {file.name for file in FIXTURES.iterdir()} == elsewhere | set(ERRORS) | HERE


@pytest.mark.parametrize("name", ["submit_response.json", "submit_response_legacy.json"])
def test_an_order_that_is_taken_has_an_id(name: str) -> None:
    assert ADAPTER.read_submit(ORDER, recorded(name)) == OPERATION


@pytest.mark.parametrize("name", ERRORS)
def test_each_recorded_error_is_a_refusal_or_says_nothing_certain(name: str) -> None:
    error, kind = ADAPTER.read_error(recorded(name)), ERRORS[name]
    assert (None if error is None else type(error)) == kind
    if error is not None:
        assert (error.charged, error.status) == ("no", INDEX[name]["status"])


@pytest.mark.parametrize(
    ("said", "status", "kind"),
    [
        ({"error": "Payment required"}, 402, QuotaExhausted),
        ({"error": "Method not allowed"}, 405, InvalidInput),
        ({"error": "no", "issues": [{"path": ["model"], "message": "x"}]}, 400, ModelRetired),
        ({"error": "no", "issues": "strange", "details": 7}, 400, InvalidInput),
        (b"slow down", 429, RateLimited),
        (b"<html>Bad Request</html>", 400, None),
        ({"error": {"message": "somebody else's"}}, 401, None),
        ({"error": "no"}, 403, None),
        ({"error": "no"}, 500, None),
        ({"error": "no"}, 409, None),
    ],
)
def test_only_what_is_documented_is_a_refusal(said: object, status: int, kind: type[ProviderError] | None) -> None:
    error = ADAPTER.read_error(reply(said, status))
    assert (None if error is None else type(error)) == kind


def test_a_refusal_names_every_problem_and_how_long_to_wait() -> None:
    error = ADAPTER.read_error(recorded("error_400_duration.json"))
    assert error is not None
    assert "Validation of body failed duration: Too big: expected number to be <=10" in error.message
    host = ADAPTER.read_error(recorded("error_401_wrong_host.json"))
    assert host is not None
    assert "available at api.dev.runwayml.com instead" in host.message
    busy = ADAPTER.read_error(recorded("error_429.json"))
    assert busy is not None
    assert busy.retry_after_seconds == 30.0


def test_a_picture_travels_inside_the_order_until_it_is_too_large_for_that() -> None:
    steps = ADAPTER.uploads(order("gen4.5", picture(100, 44)).spec)
    with pytest.raises(StopIteration) as done:
        next(steps)
    assert done.value.value.aspect_ratio == "21:9"
    steps = ADAPTER.uploads(order("gen4.5", picture(100, 100, 4_000_000)).spec)
    assert next(steps).json == body("upload_create_request.json")
    upload = steps.send(recorded("upload_create_response.json"))
    assert (upload.path, upload.signed) == ("https://runway-uploads-prod.s3.amazonaws.com/", False)
    assert upload.form == body("upload_create_response.json")["fields"]
    with pytest.raises(StopIteration) as done:
        steps.send(reply(b"", 204))
    assert done.value.value.media[0].url == "runway://eyJ0eXBlIjoiZXBoZW1lcmFsIn0.fixture"


def test_it_offers_what_runway_offers_and_no_more() -> None:
    assert isinstance(ADAPTER, SupportsCancel)
    assert isinstance(ADAPTER, SupportsHealth)
    assert not isinstance(ADAPTER, SupportsCallback)
    assert ADAPTER.submission_recovery == "none"


def test_a_missing_key_names_its_variable_where_to_get_one_and_the_way_without() -> None:
    with pytest.raises(MissingCredentials) as caught:
        RunwayProvider({})
    said = str(caught.value)
    assert all(word in said for word in ("RUNWAYML_API_SECRET", "https://dev.runwayml.com", 'provider="local"'))


@pytest.mark.parametrize("lines", ["no header", "X-A: b\nX-C", ": x", "X-A: caf\xe9"])
def test_a_header_that_is_none_is_an_error_of_the_set_up(lines: str) -> None:
    with pytest.raises(ConfigurationError, match="RUNWAYML_CUSTOM_HEADERS"):
        RunwayProvider({"api_key": SecretStr(KEY), "custom_headers": lines})


def test_an_id_stays_one_segment_of_the_path_and_warnings_go_with_the_order() -> None:
    assert ADAPTER.poll_call(Operation(id="../organization")).path == "/v1/tasks/..%2Forganization"
    taken = ADAPTER.read_submit(order("gen4.5", at("a.png")), recorded("submit_response.json"))
    assert isinstance(taken, Operation)
    assert "16:9" in taken.warnings[0]


@settings(deadline=None)
@given(
    status=st.sampled_from([200, 204, 400, 401, 402, 404, 405, 429, 500, 503]),
    said=st.binary(max_size=100)
    | st.dictionaries(
        st.sampled_from(["id", "status", "error", "issues", "details"]),
        st.none() | st.text(max_size=5) | st.integers() | st.lists(st.none() | st.text(max_size=3), max_size=2),
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_reply_whatever_makes_reading_raise_anything_foreign(status: int, said: bytes) -> None:
    strange = reply(said, status)
    for read in (
        lambda: ADAPTER.read_submit(ORDER, strange),
        lambda: ADAPTER.read_poll(OPERATION, strange),
        lambda: ADAPTER.read_error(strange),
    ):
        with suppress(NexiomError):
            read()
