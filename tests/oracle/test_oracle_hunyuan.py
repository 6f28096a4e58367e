"""TokenHub has no official client for videos. `vclm` has one, whose signer is compared too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from tencentcloud.common import abstract_client
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.vclm.v20240523 import errorcodes, models
from tencentcloud.vclm.v20240523.vclm_client import VclmClient

from nexiom_sdk.providers import HttpOptions
from nexiom_sdk.providers.auth import Unsigned
from nexiom_sdk.providers.auth_tc3 import Tc3
from nexiom_sdk.providers.hunyuan_cards import VCLM
from nexiom_sdk.providers.hunyuan_vclm import VclmHunyuan
from nexiom_sdk.providers.wire import Reply
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.testing.wires.hunyuan_hosted import VclmWire
from oracle.capture import Agree, Bench, Case
from oracle.cases import PNG, PNG_BASE64, PROMPT, case, inline, linked, look, offers, order, url_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
JOB = "1387262242604040193"
LOGO = {"LogoUrl": "https://media.example/logo.png"}
PAIR = {"secret_id": "AKID-not-a-real-one", "secret_key": "not-a-real-key", "security_token": "t-123456"}
DIFFERENCES = {
    "header authorization": "each signs the bytes that it sends; they space JSON in another way",
    "header x-tc-requestclient": "it says who the client is",
    "header x-tc-traceid": "an id for the client's own logs",
    "header x-tc-language": "the codes are read, not the words",
}
# Codes that do not say that no job was made; those of other actions are among them.
NO_REFUSALS = {
    "FailedOperation.AudioDecodeFailed",
    "FailedOperation.DriverFailed",
    "FailedOperation.InnerError",
    "FailedOperation.JobNotExist",
    "FailedOperation.JobNotFound",
    "FailedOperation.KeyPointUndetected",
    "FailedOperation.RequestTimeout",
    "FailedOperation.ServerError",
    "FailedOperation.SubmitAsspFailed",
    "FailedOperation.TemplateFirstFrameNotDetectFace",
    "FailedOperation.TemplateNotDetectBody",
    "InternalError",
}


class Official:
    """The official client, which blocks, in a thread."""

    def __init__(self, config: Mapping[str, str], scheme: str, host: str) -> None:
        profile = ClientProfile(httpProfile=HttpProfile(protocol=scheme, endpoint=host))
        pair = Credential(config["secret_id"], config["secret_key"], config.get("security_token"))
        self.client = VclmClient(pair, "ap-guangzhou", profile)

    async def submit(self, **fields: object) -> None:
        request = models.SubmitHunyuanToVideoJobRequest()
        request._deserialize({"Prompt": PROMPT, **fields})
        await asyncio.to_thread(self.client.SubmitHunyuanToVideoJob, request)

    async def describe(self) -> None:
        request = models.DescribeHunyuanToVideoJobRequest()
        request.JobId = JOB
        with suppress(TencentCloudSDKException):  # there is no such job
            await asyncio.to_thread(self.client.DescribeHunyuanToVideoJob, request)


@asynccontextmanager
async def official(config: Mapping[str, str]) -> AsyncGenerator[Official, None]:
    scheme, _, host = config["vclm_base_url"].partition("://")
    yield Official(config, scheme, host)


@pytest.fixture
def _one_moment() -> Iterator[None]:
    with patch.object(abstract_client, "time", SimpleNamespace(time=NOW.timestamp)):
        yield


def adapter(config: Mapping[str, str]) -> VclmHunyuan:
    return VclmHunyuan(config, http=HttpOptions(clock=VirtualClock(NOW)))


BENCH = Bench(wire=VclmWire, adapter=adapter, client=official)
CASES: list[Case[Official]] = [
    case("vclm: text, least", order("hunyuan-vclm"), lambda one: one.submit(), DIFFERENCES),
    case(
        "vclm: text, everything",
        order("hunyuan-vclm", 5, "720p", options={"LogoAdd": 0, "LogoParam": {**LOGO}}),
        lambda one: one.submit(Resolution="720p", LogoAdd=0, LogoParam=LOGO),
        DIFFERENCES,
    ),
    case(
        "vclm: first frame by address",
        order("hunyuan-vclm", 5, "720p", media=linked("first_frame")),
        lambda one: one.submit(Resolution="720p", Image={"Url": url_of("first_frame")}),
        DIFFERENCES,
    ),
    case(
        "vclm: first frame as bytes",
        order("hunyuan-vclm", 5, "720p", media=inline("first_frame", PNG)),
        lambda one: one.submit(Resolution="720p", Image={"Base64": PNG_BASE64}),
        DIFFERENCES,
    ),
    case("vclm: look", look(JOB), lambda one: one.describe(), DIFFERENCES),
]


@pytest.mark.usefixtures("_one_moment")
@pytest.mark.parametrize("one", CASES, ids=str)
async def test_the_adapter_sends_what_the_client_of_vclm_sends(one: Case[Official], agree: Agree) -> None:
    await agree(BENCH, one)


def test_whatever_the_card_offers_is_what_the_official_client_knows() -> None:
    for call in offers(VCLM, adapter(PAIR)):
        request = models.SubmitHunyuanToVideoJobRequest()
        request._deserialize(call.json)  # it warns of keys that it does not know, and a warning fails
        assert json.loads(request.to_json_string(), object_hook=_set) == call.json


def _set(told: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in told.items() if value is not None}


def test_each_code_of_the_official_package_is_a_refusal_or_known_to_be_none() -> None:
    codes = {code for name, code in vars(errorcodes).items() if name.isupper()}
    made = adapter(PAIR)

    def refuses(code: str) -> bool:
        body = json.dumps({"Response": {"Error": {"Code": code, "Message": ""}}}).encode()
        return made.read_error(Reply(provider="", status=200, headers={}, body=body, received_at=NOW)) is not None

    assert {code for code in codes if not refuses(code)} == NO_REFUSALS


HEADER_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    secret_id=HEADER_TEXT,
    secret_key=HEADER_TEXT,
    token=st.none() | HEADER_TEXT,
    at=st.datetimes(datetime(2001, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - in UTC
    body=st.dictionaries(st.text(max_size=9), JSON, max_size=3),
)
def test_the_official_signer_signs_the_same(
    secret_id: str, secret_key: str, token: str | None, at: datetime, body: Mapping[str, object]
) -> None:
    client = VclmClient(Credential(secret_id, secret_key, token), "ap-guangzhou")
    theirs = RequestInternal("vclm.tencentcloudapi.com", "POST", "/", header={})
    with patch.object(abstract_client, "time", SimpleNamespace(time=at.timestamp)):
        client._build_req_with_tc3_signature("SubmitHunyuanToVideoJob", body, theirs)
    ours = Tc3(
        secret_id=SecretStr(secret_id),
        secret_key=SecretStr(secret_key),
        token=SecretStr(token) if token else None,
        service="vclm",
        clock=VirtualClock(at),
    )
    sent = {name: str(theirs.header[name]) for name in ("Content-Type", "Host")}
    request = Unsigned(method="POST", url="https://vclm.tencentcloudapi.com/", headers=sent, body=theirs.data.encode())
    signed = asyncio.run(ours.sign(request))
    assert signed == {name: theirs.header[name] for name in signed}
    assert ("X-TC-Token" in signed) == ("X-TC-Token" in theirs.header)
