from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from nexiom_sdk.errors import (
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
    SubmissionUncertain,
)
from nexiom_sdk.providers import SupportsCallback, SupportsCancel
from nexiom_sdk.providers.openrouter import OpenRouterProvider
from nexiom_sdk.providers.protocol import HttpOptions, SupportsCatalogue
from nexiom_sdk.providers.wire import Call
from nexiom_sdk.testing import (
    Answer,
    Cut,
    Drop,
    Fault,
    Garbage,
    LoopbackServer,
    Reset,
    Script,
    VirtualClock,
    sample_video,
)
from nexiom_sdk.testing.wires.openrouter import OpenRouterWire
from nexiom_sdk.types import Asset, Cancelled, Failed, Operation, Poll, Running, Succeeded
from openrouter_rig import FIXTURES, KEY, ORDER_ID, ORDERED, adapter, fixture, order, reply

CONTENT = f"https://openrouter.ai/api/v1/videos/{ORDER_ID}/content?index=0"
POLLS: Mapping[str, Poll] = {
    "poll_pending": Running(queued=True),
    "poll_in_progress": Running(),
    "poll_completed": Succeeded(
        assets=(Asset(url=CONTENT, needs_auth=True),),
        cost_usd=Decimal("0.64"),
        detail={"cost": "0.64", "is_byok": False},
    ),
    "poll_completed_without_stored_copy": Succeeded(
        assets=(Asset(url=CONTENT, needs_auth=True),), detail={"is_byok": True}
    ),
    "poll_failed": Failed(code="generation_failed", message="Provider returned an error while generating the video"),
    "poll_moderated": Failed(code="content_rejected", message="Content policy violation"),
    "poll_expired": Failed(code="generation_failed", message="Job exceeded maximum time to live"),
    "poll_cancelled": Cancelled(reason="Job was cancelled"),
}
REFUSALS: Mapping[str, type[ProviderError] | None] = {
    "error_400": InvalidInput,
    "error_401": AuthenticationFailed,
    "error_402": QuotaExhausted,
    "error_402_in_flight_budget": RateLimited,
    "error_403_moderation": ContentRejected,
    "error_404_model": ModelRetired,
    "error_404_job": None,
    "error_413": InvalidInput,
    "error_429": RateLimited,
    "error_500": None,
    "error_503": ProviderUnavailable,
    "content_error_409": None,
    "content_error_410": None,
    "content_error_502": None,
}


@pytest.mark.parametrize("name", POLLS)
def test_a_recorded_job_means_what_the_documentation_says(name: str) -> None:
    assert adapter().read_poll(ORDERED, reply(fixture(name))) == POLLS[name]


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_error_is_a_refusal_only_where_it_is_documented_as_one(name: str) -> None:
    body = fixture(name)
    code = body["error"]["code"]  # type: ignore[index,call-overload]  # as recorded
    assert isinstance(code, int)
    error = adapter().read_error(reply(body, code, {"retry-after": "7"}))
    assert type(error) is (REFUSALS[name] or type(None))
    if error is not None:
        assert (error.status, error.charged, error.retry_after_seconds) == (code, "no", 7.0)


@pytest.mark.parametrize("name", ["submit_response", "submit_response_relative_polling_url"])
def test_a_recorded_answer_to_an_order_gives_its_id_and_no_address(name: str) -> None:
    assert adapter().read_submit(order(), reply(fixture(name), 202)) == Operation(id=ORDER_ID)


def test_every_recorded_body_is_used() -> None:
    elsewhere = {
        "models",
        "webhook_completed",
        "webhook_failed",
        "submit_response",
        "submit_response_relative_polling_url",
    }
    requests = {file.stem for file in FIXTURES.glob("submit_request_*.json")}
    assert {file.stem for file in FIXTURES.glob("*.json")} == {*POLLS, *REFUSALS, *elsewhere, *requests}


def test_a_moderated_order_says_why() -> None:
    error = adapter().read_error(reply(fixture("error_403_moderation"), 403))
    assert error is not None
    assert "violence" in error.message


def test_a_proxys_503_is_no_word_of_openrouter() -> None:
    for body in (b"", b"<html>", {"error": "upstream"}, {"error": {"message": "no code"}}):
        assert adapter().read_error(reply(body, 503)) is None


@pytest.mark.parametrize(
    ("code", "kind"), [(402, QuotaExhausted), (429, RateLimited), (400, InvalidInput), (500, MalformedResponse)]
)
def test_an_error_inside_of_a_success_is_an_error(code: int, kind: type[NexiomError]) -> None:
    wrapped = reply({"error": {"code": code, "message": "no"}})
    for read in (
        lambda: adapter().read_submit(order(), wrapped),
        lambda: adapter().read_poll(ORDERED, wrapped),
    ):
        with pytest.raises(kind):
            read()


@pytest.mark.parametrize("status", ["dead", "expired", "failed"])
@pytest.mark.parametrize(
    "said", ["was flagged", "sensitive words", "SAFETY filters", "usage policy", "moderated", "out of memory", None]
)
def test_every_way_to_fail_is_a_failure_and_moderation_is_known_by_its_words(status: str, said: str | None) -> None:
    outcome = adapter().read_poll(ORDERED, reply({"id": "x", "status": status, "error": said}))
    assert isinstance(outcome, Failed)
    moderated = said is not None and said != "out of memory"
    assert outcome.code == ("content_rejected" if moderated else "generation_failed")
    assert outcome.message


def test_a_word_that_nobody_heard_of_is_running_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert adapter().read_poll(ORDERED, reply({"id": "x", "status": "polishing"})) == Running()
    told = [one for one in caplog.records if getattr(one, "action", "") == "unknown_status"]
    assert len(told) <= 1


def test_several_outputs_are_all_fetched_from_the_api() -> None:
    body = {"id": "x", "status": "completed", "unsigned_urls": ["https://evil.example/0", "https://evil.example/1"]}
    outcome = adapter().read_poll(ORDERED, reply(body))
    assert isinstance(outcome, Succeeded)
    assert [asset.url for asset in outcome.assets] == [CONTENT, CONTENT.replace("=0", "=1")]


def test_a_signed_address_is_taken_only_where_there_is_no_other_and_never_with_the_key() -> None:
    body = {"id": "x", "status": "completed", "urls": ["https://cdn.example/v.mp4?sig=1"], "expires_at": 1795435200}
    outcome = adapter().read_poll(ORDERED, reply(body))
    assert isinstance(outcome, Succeeded)
    expires_at = datetime.fromtimestamp(1795435200, UTC)
    assert outcome.assets == (Asset(url="https://cdn.example/v.mp4?sig=1", expires_at=expires_at),)


def test_an_id_cannot_leave_its_path() -> None:
    assert adapter().poll_call(Operation(id="../models?x")) == Call("GET", "/videos/..%2Fmodels%3Fx")


def test_a_callback_address_is_registered_and_noted() -> None:
    call = adapter().submit_call(order(callback_url="https://hooks.example/openrouter"))
    assert isinstance(call.json, dict)
    assert call.json["callback_url"] == "https://hooks.example/openrouter"
    taken = adapter().read_submit(order(callback_url="https://hooks.example/openrouter"), reply({"id": "x"}, 202))
    assert taken == Operation(id="x", state={"callback": True})


@pytest.mark.parametrize("name", ["webhook_completed", "webhook_failed"])
def test_a_signed_callback_gives_its_job_and_a_forged_one_nothing(name: str) -> None:
    sample = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    clock = VirtualClock(datetime.fromtimestamp(1795348930, UTC))  # the moment of the recorded signatures
    ours = OpenRouterProvider(
        {"api_key": SecretStr(KEY), "webhook_secret": SecretStr(sample["secret"])}, http=HttpOptions(clock=clock)
    )
    body = sample["raw_body"].encode()
    assert ours.read_callback(sample["headers"], body) == (ORDER_ID, None)
    for headers, data in ((sample["headers"], body + b" "), ({}, body)):
        with pytest.raises(AuthenticationFailed):
            ours.read_callback(headers, data)
    assert adapter().read_callback({}, body) == (ORDER_ID, None)


def test_what_is_no_callback_cannot_be_read() -> None:
    for body in (b"", b"[]", b'{"data": {}}', b'{"data": {"id": ""}}'):
        with pytest.raises(MalformedResponse):
            adapter().read_callback({}, body)


def test_a_missing_key_names_its_variable_where_to_get_one_and_the_preview() -> None:
    with pytest.raises(MissingCredentials) as caught:
        OpenRouterProvider({})
    for word in ("OPENROUTER_API_KEY", "https://openrouter.ai/settings/keys", "local"):
        assert word in str(caught.value)


def test_what_openrouter_does_not_offer_is_not_claimed() -> None:
    made = adapter()
    assert not isinstance(made, SupportsCancel)
    assert isinstance(made, SupportsCallback)
    assert isinstance(made, SupportsCatalogue)
    assert made.submission_recovery == "none"


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "status", "error", "code", "message", "metadata", "usage", "cost", "data", "urls",
                         "unsigned_urls", "expires_at", "reasons", "raw"]) | st.text(max_size=5),
        inner,
        max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    body=st.binary(max_size=100) | ANY_JSON.map(lambda value: json.dumps(value).encode()), status=st.integers(200, 599)
)
def test_no_reply_whatever_raises_anything_foreign(body: bytes, status: int) -> None:
    made, any_reply = adapter(), reply(body, status)
    for read in (
        lambda: made.read_submit(order(), any_reply),
        lambda: made.read_poll(ORDERED, any_reply),
        lambda: made.read_error(any_reply),
        lambda: made.read_callback({}, body),
    ):
        with suppress(NexiomError):
            read()


@given(st.text(max_size=30))
def test_any_status_word_is_an_outcome(word: str) -> None:
    outcome = adapter().read_poll(ORDERED, reply({"id": "x", "status": word}))
    assert isinstance(outcome, Running | Succeeded | Failed | Cancelled)


LOST: Mapping[str, Answer | Fault] = {
    "dropped": Drop(),
    "reset": Reset(),
    "cut": Cut(Answer.json({"id": "x"}, 202), -4),
    "garbage": Garbage(b"?\r\n\r\n"),
    **{str(status): Answer(status) for status in (500, 502, 503, 504)},
}


@pytest.mark.parametrize("how", LOST)
async def test_an_order_whose_answer_is_lost_goes_out_once(how: str) -> None:
    async with LoopbackServer(Script(LOST[how])) as server:
        made = OpenRouterProvider({"api_key": KEY, "base_url": f"{server.origin}/api/v1"})
        with pytest.raises(SubmissionUncertain) as caught:
            await made.submit(order())
        await made.aclose()
        assert (len(server.received), caught.value.charged) == (1, "unknown")


async def test_an_order_a_look_and_the_file_over_the_wire() -> None:
    wire = OpenRouterWire(looks=0)
    async with LoopbackServer(wire) as server:
        made = OpenRouterProvider(wire.config(server.origin))
        taken = await made.submit(order())
        assert isinstance(taken, Operation)
        done = await made.poll(taken)
        assert isinstance(done, Succeeded)
        assert b"".join([chunk async for chunk in made.fetch(done.assets[0])]) == sample_video()
        await made.aclose()
    assert len(wire.orders) == 1


async def test_a_signed_address_at_another_server_gets_no_key() -> None:
    async with LoopbackServer(lambda _: Answer.file(sample_video())) as server:
        made = OpenRouterProvider({"api_key": KEY, "base_url": server.origin})
        _ = [chunk async for chunk in made.fetch(Asset(url=f"{server.origin}/stored.mp4?sig=1"))]
        await made.aclose()
    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize("code", [400, 401, 402, 429, 503])
def test_an_order_with_an_id_was_taken_whatever_else_is_said(code: int) -> None:
    said = reply({"id": "gen-0", "status": "pending", "error": {"code": code, "message": "try again"}}, 202)
    assert adapter().read_submit(order(), said) == Operation(id="gen-0")
    assert adapter().read_poll(ORDERED, said) == Running(queued=True)


def test_a_finished_job_is_fetched_although_it_names_no_address() -> None:
    for more in ({}, {"unsigned_urls": None}, {"expires_at": "soon", "usage": {"cost": "much"}}):
        done = adapter().read_poll(ORDERED, reply({"id": "v", "status": "completed", **more}))
        assert isinstance(done, Succeeded)
        assert done.assets == (Asset(url=CONTENT, needs_auth=True),)


def test_a_failed_job_is_failed_whatever_its_reason_looks_like() -> None:
    outcome = adapter().read_poll(ORDERED, reply({"id": "v", "status": "failed", "error": {"message": "no"}}))
    assert isinstance(outcome, Failed)
