from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ContentRejected,
    MalformedResponse,
    MissingCredentials,
    ModelRetired,
    NexiomError,
    ProviderUnavailable,
)
from nexiom_sdk.providers.openai_jobs import STATES
from nexiom_sdk.providers.protocol import HttpOptions, SupportsCallback, SupportsCancel, SupportsHealth
from nexiom_sdk.providers.sora import SoraProvider
from nexiom_sdk.providers.webhooks import STANDARD_WEBHOOKS
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.types import Failed, Operation, Running, Succeeded
from sora_rig import BASE_URL, FIXTURES, FOLDERS, OPERATION, at, body, inline, made, order, recorded, reply

ADAPTER = made()
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"CANARY: thirty-two bytes of key.").decode()
HERE = {"sora/delete_response", "sora/list_response", "openai-compatible/vllm_omni_delete_response"}
ELSEWHERE = ("poll_", "submit_", "error_", "webhook_", "sglang_delete")


def test_no_recorded_body_is_left_out() -> None:
    files = {f"{folder}/{file.stem}" for folder in FOLDERS for file in (FIXTURES / folder).iterdir()}
    assert {name for name in files if not any(part in name for part in ELSEWHERE)} == HERE


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://API.OpenAI.com:8443/v1",
        "https://openai.com./v1",
        "https://eu.api.openai.com/v1",
        "https://studio.openai.azure.com/openai/v1",
    ],
)
def test_a_service_that_is_closed_is_refused_with_the_day(url: str) -> None:
    with pytest.raises(ConfigurationError, match="2026-09-24") as caught:
        SoraProvider({"base_url": url, "api_key": SecretStr("sk-not-a-real-one")})
    assert "OPENAI_BASE_URL" in caught.value.next_step


@pytest.mark.parametrize("url", ["https://notopenai.com/v1", "https://openai.com.gateway.example/v1", BASE_URL])
def test_any_other_host_may_serve_videos(url: str) -> None:
    assert SoraProvider({"base_url": url}).base_url == url


def test_without_an_address_the_error_names_the_variable_and_the_way_without() -> None:
    with pytest.raises(MissingCredentials) as caught:
        SoraProvider({"api_key": SecretStr("sk-not-a-real-one")})
    assert all(word in str(caught.value) for word in ("OPENAI_BASE_URL", 'provider="local"'))


def test_a_plain_address_is_for_this_machine_or_a_network_that_is_trusted() -> None:
    with pytest.raises(ConfigurationError) as caught:
        SoraProvider({"base_url": "http://gpu.lan:8000/v1"})
    assert "NEXIOM_SORA_PLAIN_HTTP=1" in caught.value.next_step
    assert SoraProvider({"base_url": "http://gpu.lan:8000/v1/", "plain_http": "1"}).base_url == "http://gpu.lan:8000/v1"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"request_format": "jsn"},
            "NEXIOM_SORA_REQUEST_FORMAT cannot be used. There is no request format 'jsn'. Known: ",
        ),
        ({"image_mode": "uplaod"}, "Did you mean 'upload'?"),
        ({"image_mode": "string"}, "NEXIOM_SORA_IMAGE_MODE=string is for orders in JSON."),
        *(({"timeout_seconds": text}, "NEXIOM_SORA_TIMEOUT_SECONDS") for text in ("soon", "0", "-1", "nan", "inf")),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_variable(config: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        made(**config)
    assert said in caught.value.message


def test_it_is_configured_as_its_server_wants_it() -> None:
    adapter = made(request_format="json", image_mode="string", timeout_seconds="900", models="wan, ltx-2 ,")
    call = adapter.submit_call(order(inline(), duration_seconds=5.0))
    assert isinstance(call.json, dict)
    assert (call.json["model"], call.json["seconds"], call.timeout_seconds) == ("wan", 5, 900.0)
    assert str(call.json["input_reference"]).startswith("data:image/png;base64,")
    assert [card.model for card in adapter.models][:3] == ["@served", "wan", "ltx-2"]
    assert adapter.options.max_json_bytes > HttpOptions().max_json_bytes == ADAPTER.options.max_json_bytes


@pytest.mark.parametrize(
    ("config", "model", "sent"),
    [
        ({}, "@served", None),
        ({"models": "wan,ltx-2"}, "@served", "wan"),
        ({"models": "wan,ltx-2"}, "ltx-2", "ltx-2"),
        ({}, "hunyuan-1.5", "hunyuan-1.5"),
        ({"models": "sora-2"}, "sora-2", "sora-2"),
    ],
)
def test_the_model_is_the_one_named_or_the_one_served(config: dict[str, str], model: str, sent: str | None) -> None:
    form = made(**config).submit_call(order(model=model)).form
    assert form is not None
    assert form.get("model") == sent


def test_it_offers_callbacks_and_health_and_cancels_only_where_the_server_is_said_to() -> None:
    assert isinstance(ADAPTER, SupportsCallback)
    assert isinstance(ADAPTER, SupportsHealth)
    assert not isinstance(ADAPTER, SupportsCancel)
    assert isinstance(made(cancels="1"), SupportsCancel)
    assert isinstance(made(cancels="1"), SoraProvider)
    assert not isinstance(made(cancels="0"), SupportsCancel)
    assert ADAPTER.submission_recovery == "none"


def test_a_look_reads_refusals_too_and_keeps_the_id_as_it_is() -> None:
    call = ADAPTER.poll_call(Operation(id="video_a/b"))
    assert (call.method, call.path, call.any_status) == ("GET", f"{BASE_URL}/videos/video_a%2Fb", True)
    found = ADAPTER.read_poll(OPERATION, recorded("openai-compatible/vllm_omni_poll_failed"))
    assert found == Failed(code="generation_failed", message="EngineGenerateError: CUDA out of memory")
    done = ADAPTER.read_poll(OPERATION, recorded("sora/poll_succeeded"))
    assert isinstance(done, Succeeded)
    assert done.assets[0].url == f"{BASE_URL}/videos/{OPERATION.id}/content"


@pytest.mark.parametrize("name", ["sora/error_404_video", "openai-compatible/vllm_omni_error_404"])
def test_a_job_that_is_not_known_is_lost_unless_it_is_very_young(name: str) -> None:
    gone = recorded(name)
    old = {"submitted_at": (gone.received_at - timedelta(seconds=61)).isoformat()}
    assert isinstance(ADAPTER.read_poll(replace(OPERATION, state=old), gone), Failed)
    young = {"submitted_at": (gone.received_at - timedelta(seconds=59)).isoformat()}
    with pytest.raises(ProviderUnavailable):
        ADAPTER.read_poll(replace(OPERATION, state=young), gone)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationFailed), (503, ProviderUnavailable), (409, ProviderUnavailable)]
)
def test_a_look_that_is_refused_says_nothing_about_the_job(status: int, kind: type[NexiomError]) -> None:
    with pytest.raises(kind):
        ADAPTER.read_poll(OPERATION, reply({"error": {"message": "no"}}, status))


def test_a_refusal_has_the_servers_words_and_code_and_a_next_step_that_helps() -> None:
    moderated = ADAPTER.read_error(recorded("sora/error_400_moderation"))
    assert isinstance(moderated, ContentRejected)
    assert (moderated.provider_code, moderated.charged, moderated.status) == ("moderation_blocked", "no", 400)
    assert moderated.message == "sora answered 400: Your request was blocked by our moderation system."
    missing = ADAPTER.read_error(recorded("sora/error_404"))
    assert isinstance(missing, ModelRetired)
    assert "NEXIOM_SORA_MODELS" in missing.next_step
    assert ADAPTER.read_error(recorded("sora/error_500")) is None


def test_a_refusal_says_how_long_to_wait() -> None:
    busy = ADAPTER.read_error(replace(recorded("sora/error_429"), headers={"retry-after-ms": "2500"}))
    assert busy is not None
    assert busy.retry_after_seconds == 2.5


def test_what_was_left_to_the_server_is_said_with_the_order() -> None:
    adapter = made(image_mode="object")
    taken = adapter.read_submit(
        order(at("https://x.example/a.png"), resolution="720p"), recorded("sora/submit_response")
    )
    assert "720p was not sent" in taken.warnings[0]
    assert adapter.read_submit(order(resolution="720p"), recorded("sora/submit_response")) == OPERATION


def _signed(said: bytes, secret: str = SECRET, at_time: datetime = NOW) -> dict[str, str]:
    signature = Webhook(secret).sign("evt_1", at_time, said.decode())
    return {"webhook-id": "evt_1", "webhook-timestamp": str(int(at_time.timestamp())), "webhook-signature": signature}


def _listening(secret: str | None = SECRET) -> SoraProvider:
    config: dict[str, str | SecretStr] = {"base_url": BASE_URL}
    options = HttpOptions(clock=VirtualClock(NOW))
    return SoraProvider({**config, **({"webhook_secret": SecretStr(secret)} if secret else {})}, http=options)


@pytest.mark.parametrize("name", ["sora/webhook_completed", "sora/webhook_failed"])
def test_a_signed_callback_names_its_job_and_no_more(name: str) -> None:
    said = json.dumps(body(name)).encode()
    assert _listening().read_callback(_signed(said), said) == (OPERATION.id, None)


def test_a_secret_that_is_no_base64_signs_as_it_is() -> None:
    said = json.dumps(body("sora/webhook_completed")).encode()
    plain = "CANARY secret of a gateway"
    headers = _signed(said, "whsec_" + base64.b64encode(plain.encode()).decode())
    assert _listening(plain).read_callback(headers, said) == (OPERATION.id, None)


@pytest.mark.parametrize(
    "headers", [{}, _signed(b"{}"), _signed(b'{"data": {"id": "7"}}', at_time=NOW - timedelta(seconds=301))]
)
def test_a_callback_that_is_not_signed_rightly_and_now_is_refused(headers: Mapping[str, str]) -> None:
    with pytest.raises(AuthenticationFailed):
        _listening().read_callback(headers, b'{"data": {"id": "7"}}')


def test_without_a_secret_no_callback_is_believed() -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        _listening(None).read_callback(_signed(b"{}"), b"{}")
    assert (caught.value.charged, "OPENAI_WEBHOOK_SECRET" in caught.value.next_step) == (None, True)


@pytest.mark.parametrize(
    "said", [b"{}", b"[]", b"\xff", b'{"data": {"id": 7}}', b'{"data": null}', b'{"data": {"id": ""}}']
)
def test_a_callback_about_nothing_cannot_be_read(said: bytes) -> None:
    headers = _signed(b"")  # the published library signs text only
    headers["webhook-signature"] = "v1," + STANDARD_WEBHOOKS.of(said, SecretStr(SECRET), headers)
    with pytest.raises(MalformedResponse):
        _listening().read_callback(headers, said)


_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_tree = st.recursive(
    _leaf,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["id", "status", "object", "error", "url", "urls", "data", "b64_json", "progress", "expires_at"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(
    status=st.sampled_from([200, 202, 204, 301, 400, 401, 404, 409, 422, 429, 500, 503]),
    said=st.binary(max_size=60) | _tree.map(lambda value: json.dumps(value).encode()),
    headers=st.dictionaries(
        st.sampled_from(["openai-poll-after-ms", "retry-after", "x-request-id", "webhook-signature"]),
        st.text(max_size=9),
    ),
)
def test_no_reply_whatever_makes_reading_raise_anything_foreign(
    status: int, said: bytes, headers: dict[str, str]
) -> None:
    strange = reply(said, status, headers)
    for read in (
        lambda: ADAPTER.read_submit(order(), strange),
        lambda: ADAPTER.read_poll(OPERATION, strange),
        lambda: ADAPTER.read_error(strange),
        lambda: _listening().read_callback(headers, said),
    ):
        with suppress(NexiomError):
            read()


@given(word=st.text(min_size=1, max_size=12).filter(lambda word: word.lower() not in {"completed", "failed", "error"}))
def test_an_unknown_status_is_a_job_that_goes_on(word: str) -> None:
    look = ADAPTER.read_poll(OPERATION, reply({"id": "7", "status": word}))
    assert word.lower() in STATES or look == Running()
