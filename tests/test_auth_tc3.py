from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import SecretStr

from hunyuan_hosted_rig import fixture
from nexiom_sdk.providers.auth import Unsigned
from nexiom_sdk.providers.auth_tc3 import Tc3
from nexiom_sdk.testing import VirtualClock

EXAMPLE = {name: str(value) for name, value in fixture("vclm_tc3_signing_example").items()}
SIGNED_AT = datetime.fromtimestamp(int(EXAMPLE["timestamp"]), UTC)
REQUEST = Unsigned(
    method="POST",
    url=f"https://{EXAMPLE['host']}/",
    headers={"Content-Type": EXAMPLE["content_type"], "Host": EXAMPLE["host"], "X-TC-Action": "Anything"},
    body=EXAMPLE["payload"].encode(),
)


def scheme(at: datetime = SIGNED_AT, token: str = "") -> Tc3:
    return Tc3(
        secret_id=SecretStr(EXAMPLE["secret_id"]),
        secret_key=SecretStr(EXAMPLE["secret_key"]),
        service=EXAMPLE["service"],
        clock=VirtualClock(at),
        token=SecretStr(token) if token else None,
    )


async def test_the_worked_example_is_reproduced_to_the_byte() -> None:
    signed = await scheme().sign(REQUEST)
    assert signed == {"Authorization": EXAMPLE["authorization"], "X-TC-Timestamp": EXAMPLE["timestamp"]}


async def test_temporary_credentials_send_their_token_which_is_not_signed() -> None:
    signed = await scheme(token="t-123456").sign(REQUEST)
    assert signed["X-TC-Token"] == "t-123456"
    assert signed["Authorization"] == EXAMPLE["authorization"]


@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"Prompt": "A paper boat" }'},
        {"body": REQUEST.body + b"\n"},
        {"headers": {**REQUEST.headers, "Host": "vclm.tencentcloudapi.com:8443"}},
        {"headers": {**REQUEST.headers, "Content-Type": "application/json; charset=utf-8"}},
        {"url": f"https://{EXAMPLE['host']}/v2"},
        {"url": f"https://{EXAMPLE['host']}/?a=1"},
        {"method": "PUT"},
    ],
    ids=str,
)
async def test_what_is_signed_cannot_change(changed: dict[str, object]) -> None:
    other = replace(REQUEST, **changed)  # type: ignore[arg-type]  # fields of a request
    assert (await scheme().sign(other))["Authorization"] != EXAMPLE["authorization"]


async def test_headers_that_are_not_signed_may_change() -> None:
    other = replace(REQUEST, headers={**REQUEST.headers, "X-TC-Action": "Another", "Accept": "*/*"})
    assert (await scheme().sign(other))["Authorization"] == EXAMPLE["authorization"]


async def test_the_day_is_that_of_utc_wherever_the_clock_is() -> None:
    there = datetime(2026, 11, 22, 1, 30, tzinfo=timezone(timedelta(hours=8)))
    signed = await scheme(there).sign(REQUEST)
    assert "/2026-11-21/vclm/tc3_request" in signed["Authorization"]
    assert signed == await scheme(there.astimezone(UTC)).sign(REQUEST)


async def test_part_of_a_second_is_cut_off() -> None:
    signed = await scheme(SIGNED_AT + timedelta(milliseconds=999)).sign(REQUEST)
    assert signed["X-TC-Timestamp"] == EXAMPLE["timestamp"]


def test_no_secret_shows_in_a_repr() -> None:
    shown = repr(scheme(token="t-123456"))
    for secret in (EXAMPLE["secret_id"], EXAMPLE["secret_key"], "t-123456"):
        assert secret not in shown
