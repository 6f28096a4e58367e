from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from nexiom_sdk.errors import AuthenticationFailed, ConfigurationError
from nexiom_sdk.providers.webhooks import OPENROUTER, STANDARD_WEBHOOKS, CallbackSignature

FIXTURES = Path(__file__).parent / "fixtures" / "openrouter"
SIGNED_AT = datetime.fromtimestamp(1795348930, UTC)
KEY = b"CANARY: thirty-two bytes of key."
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = b'{"id": "v1"}'


def _passes(
    scheme: CallbackSignature, headers: Mapping[str, str], body: bytes, secret: str, now: datetime = SIGNED_AT
) -> bool:
    try:
        scheme.verify(headers, body, SecretStr(secret), provider="acme", now=now)
    except AuthenticationFailed:
        return False
    return True


def _standard(body: bytes = BODY, secret: str = SECRET, at: datetime = SIGNED_AT) -> dict[str, str]:
    """Headers as the published library makes them."""
    signature = Webhook(secret).sign("msg_1", at, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def _openrouter(name: str) -> tuple[dict[str, str], bytes, str]:
    sample = json.loads((FIXTURES / f"webhook_{name}.json").read_text("utf-8"))
    return sample["headers"], sample["raw_body"].encode(), sample["secret"]


@given(body=st.text(), key=st.binary(min_size=1, max_size=64))
def test_what_the_published_library_signs_passes(body: str, key: bytes) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    assert _passes(STANDARD_WEBHOOKS, _standard(body.encode(), secret), body.encode(), secret)


@given(signature=st.text(max_size=80), stamp=st.text(max_size=12), message=st.text(max_size=20))
def test_nothing_passes_that_the_published_library_refuses(signature: str, stamp: str, message: str) -> None:
    now = datetime.now(UTC)
    headers = {"webhook-id": message, "webhook-timestamp": stamp, "webhook-signature": signature}
    with pytest.raises((WebhookVerificationError, ValueError)):
        Webhook(SECRET).verify(BODY, headers)
    assert not _passes(STANDARD_WEBHOOKS, headers, BODY, SECRET, now)


@pytest.mark.parametrize("name", ["completed", "failed"])
def test_the_samples_that_openrouter_signed_pass(name: str) -> None:
    headers, body, secret = _openrouter(name)
    assert _passes(OPENROUTER, headers, body, secret)
    assert _passes(OPENROUTER, {key.upper(): value for key, value in headers.items()}, body, secret)


@pytest.mark.parametrize("away", [-301, -300, 0, 300, 301])
@pytest.mark.parametrize("scheme", [STANDARD_WEBHOOKS, OPENROUTER], ids=["standard", "openrouter"])
def test_a_signature_is_good_for_five_minutes_either_way(scheme: CallbackSignature, away: int) -> None:
    headers, body, secret = _openrouter("failed") if scheme is OPENROUTER else (_standard(), BODY, SECRET)
    assert _passes(scheme, headers, body, secret, SIGNED_AT + timedelta(seconds=away)) == (abs(away) <= 300)


@pytest.mark.parametrize("scheme", [STANDARD_WEBHOOKS, OPENROUTER], ids=["standard", "openrouter"])
def test_whatever_is_changed_breaks_the_signature(scheme: CallbackSignature) -> None:
    headers, body, secret = _openrouter("failed") if scheme is OPENROUTER else (_standard(), BODY, SECRET)
    other = "whsec_" + base64.b64encode(b"another key").decode()
    assert _passes(scheme, headers, body, secret)
    assert not _passes(scheme, headers, body + b" ", secret)
    assert not _passes(scheme, headers, body.replace(b'"', b"'", 1), secret)
    assert not _passes(scheme, headers, body, other)
    for name in (scheme.header, *(one for one in scheme.signed if one in headers)):
        kept = {key: value for key, value in headers.items() if key.lower() != name}
        assert len(kept) == len(headers) - 1
        assert not _passes(scheme, kept, body, secret), name
        assert not _passes(scheme, {**kept, name: "x"}, body, secret), name


def test_the_time_is_signed_too() -> None:
    headers, body, secret = _openrouter("completed")
    later = headers["X-OpenRouter-Signature"].replace("t=1795348930", "t=1795349000")
    assert not _passes(OPENROUTER, {"X-OpenRouter-Signature": later}, body, secret)
    assert not _passes(STANDARD_WEBHOOKS, {**_standard(), "webhook-timestamp": "1795349000"}, BODY, SECRET)


@pytest.mark.parametrize("stamp", ["-1", "1e9", "soon", "9" * 5000, "\u0661\u0662", " 1795348930", "1795348930.0"])
def test_a_time_that_is_none_is_refused_even_when_it_is_signed(stamp: str) -> None:
    when = {"webhook-id": "m", "webhook-timestamp": stamp}
    signature = STANDARD_WEBHOOKS.of(BODY, SecretStr(SECRET), when)
    assert not _passes(STANDARD_WEBHOOKS, {**when, "webhook-signature": f"v1,{signature}"}, BODY, SECRET)


def test_while_a_secret_is_changed_one_good_signature_of_several_is_enough() -> None:
    headers = _standard()
    good = headers["webhook-signature"]
    for several in (f"v1,AAAA {good}", f"{good} v1,AAAA", f"v1a,AAAA  {good} v2,BBBB"):
        assert _passes(STANDARD_WEBHOOKS, {**headers, "webhook-signature": several}, BODY, SECRET)
    for none in ("v1,", "v1,AAAA v1,BBBB", good.replace("v1,", "v2,"), good.removeprefix("v1,"), " "):
        assert not _passes(STANDARD_WEBHOOKS, {**headers, "webhook-signature": none}, BODY, SECRET)


@pytest.mark.parametrize("odd", ["v1,\xe9\xe9", "v1,\ud800", "v1,\0", "v1," + "A" * 100_000])
def test_odd_signatures_are_refused_and_break_nothing(odd: str) -> None:
    assert not _passes(STANDARD_WEBHOOKS, {**_standard(), "webhook-signature": odd}, BODY, SECRET)
    assert not _passes(OPENROUTER, {"X-OpenRouter-Signature": f"t=1795348930,{odd.replace(',', '=')}"}, BODY, SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_\xe9", "whsec_AAA", "whsec_AAAA!"])
def test_a_secret_that_is_no_key_opens_nothing(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="empty or damaged"):
        _passes(STANDARD_WEBHOOKS, _standard(), BODY, secret)
    with pytest.raises(ConfigurationError, match="empty or damaged"):
        _passes(OPENROUTER, _openrouter("failed")[0], BODY, "")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "carries no signature"),
        ({**_standard(), "webhook-id": ""}, "carries no signature"),
        ({**_standard(), "webhook-id": "other"}, "was signed with another secret, or changed on its way"),
        (_standard(at=SIGNED_AT - timedelta(hours=1)), "was signed more than 300 s before or after this moment"),
    ],
)
def test_a_refusal_says_why_and_what_to_check_without_any_secret(headers: Mapping[str, str], said: str) -> None:
    with pytest.raises(AuthenticationFailed, match=said) as caught:
        STANDARD_WEBHOOKS.verify(headers, BODY, SecretStr(SECRET), provider="acme", now=SIGNED_AT)
    assert (caught.value.provider, caught.value.charged) == ("acme", None)
    assert "signing secret" in caught.value.next_step
    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(trace.format())
    assert SECRET not in shown
    assert repr(KEY) not in shown
