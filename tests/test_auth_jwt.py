from __future__ import annotations

import json
import warnings
from datetime import datetime, timedelta
from email.utils import format_datetime

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from nexiom_sdk.providers.auth import Unsigned
from nexiom_sdk.providers.auth_jwt import JwtHs256
from nexiom_sdk.testing import VirtualClock

REQUEST = Unsigned(method="GET", url="https://api.example/tasks")
KEY = "not-a-real-key-but-a-long-one-0123456789"


def pair(clock: VirtualClock, issuer: str = "ak-7", key: str = KEY) -> JwtHs256:
    return JwtHs256(issuer=SecretStr(issuer), key=SecretStr(key), clock=clock)


async def token_of(made: JwtHs256) -> str:
    [(name, value)] = (await made.sign(REQUEST)).items()
    scheme, _, token = value.partition(" ")
    assert (name, scheme) == ("Authorization", "Bearer")
    return token


def claims_of(token: str) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return found


KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


@given(issuer=KEYS, key=KEYS, after_seconds=st.integers(0, 10**9))
async def test_a_token_is_the_one_that_pyjwt_makes(issuer: str, key: str, after_seconds: int) -> None:
    clock = VirtualClock()
    clock.advance(after_seconds)
    now = int(clock.now().timestamp())
    claims: dict[str, object] = {"iss": issuer, "exp": now + 1800, "nbf": now - 5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of short keys
        theirs = jwt.encode(claims, key, algorithm="HS256")
        token = await token_of(pair(clock, issuer, key))
        options = {"verify_exp": False, "verify_nbf": False}
        assert jwt.decode(token, key, algorithms=["HS256"], options=options) == claims  # type: ignore[arg-type]
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert token == theirs
    assert "=" not in token


async def test_a_token_is_kept_until_a_minute_before_its_end() -> None:
    clock = VirtualClock()
    made = pair(clock)
    first = await token_of(made)
    clock.advance(1739)
    assert await token_of(made) == first
    clock.advance(1)
    second = await token_of(made)
    assert second != first
    assert claims_of(second)["nbf"] == int(clock.now().timestamp()) - 5


@pytest.mark.parametrize("seconds", [-86400, -90, 90, 86400])
async def test_the_servers_time_is_learnt_from_the_date_of_a_reply(seconds: int) -> None:
    clock = VirtualClock()
    made = pair(clock)
    before = claims_of(await token_of(made))
    told = format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True)
    assert made.learn(told) == pytest.approx(seconds, abs=1)
    after = claims_of(await token_of(made))
    now = int((clock.now() + timedelta(seconds=seconds)).timestamp())
    assert abs(int(str(after["exp"])) - 1800 - now) <= 1
    assert after != before
    assert made.learn(told) is None, "the same again teaches nothing"


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Wed, 99 Nov 2026 12:00:00 GMT",
        "0",
        "\x00",
    ],
)
async def test_a_date_that_is_none_teaches_nothing_and_drops_the_token(date: str) -> None:
    clock = VirtualClock()
    made = pair(clock)
    before = await token_of(made)
    clock.advance(10)
    assert made.learn(date) is None
    after = await token_of(made)
    assert after != before
    assert claims_of(after)["exp"] == int(clock.now().timestamp()) + 1800


class SetBack(VirtualClock):
    """A clock that somebody sets back."""

    back = timedelta()

    def now(self) -> datetime:
        return super().now() - self.back


async def test_a_clock_that_was_set_back_makes_a_new_token() -> None:
    clock = SetBack()
    made = pair(clock)
    first = await token_of(made)
    clock.back = timedelta(hours=1)
    assert claims_of(await token_of(made))["exp"] == int(str(claims_of(first)["exp"])) - 3600


@given(date=st.text(max_size=40))
def test_no_date_whatever_raises_anything(date: str) -> None:
    pair(VirtualClock()).learn(date)


async def test_neither_half_of_the_pair_nor_the_token_shows() -> None:
    made = pair(VirtualClock(), "CANARY-a", "CANARY-b" * 8)
    token = await token_of(made)
    assert "CANARY" not in repr(made) + repr(vars(made)) + json.dumps(str(made))
    assert token not in repr(vars(made))
