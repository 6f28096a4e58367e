from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from nexiom_sdk.errors import AuthenticationFailed, ConfigurationError, NexiomError, ProviderUnavailable
from nexiom_sdk.providers.auth import Unsigned
from nexiom_sdk.providers.veo_tokens import Grant, Token, Tokens
from nexiom_sdk.testing import VirtualClock

REQUEST = Unsigned(method="GET", url="https://aiplatform.googleapis.com/v1")


class Source:
    """Gives numbered tokens that live this long."""

    def __init__(self, clock: VirtualClock, lives: timedelta | None = timedelta(hours=1)) -> None:
        self.clock, self.lives, self.asked = clock, lives, 0

    def __call__(self) -> Token:
        self.asked += 1
        token = f"token-{self.asked}"
        return token if self.lives is None else (token, self.clock.now() + self.lives)


def made(
    source: Callable[[], Grant | Token | Awaitable[Token]], clock: VirtualClock | None = None, longest: float = 5.0
) -> Tokens:
    return Tokens(source, clock=clock or VirtualClock(), longest_seconds=longest)


async def token_of(tokens: Tokens) -> str:
    return (await tokens.sign(REQUEST))["Authorization"].removeprefix("Bearer ")


async def test_a_token_serves_until_less_than_five_minutes_of_it_remain() -> None:
    clock = VirtualClock()
    tokens = made(Source(clock), clock)
    assert [await token_of(tokens) for _ in range(3)] == ["token-1"] * 3
    clock.advance(55 * 60)
    assert await token_of(tokens) == "token-1"
    clock.advance(1)
    assert await token_of(tokens) == "token-2"


async def test_a_token_without_an_end_serves_for_one_call() -> None:
    tokens = made(Source(VirtualClock(), lives=None))
    assert [await token_of(tokens) for _ in range(2)] == ["token-1", "token-2"]


async def test_a_token_that_was_refused_is_not_used_again() -> None:
    clock = VirtualClock()
    tokens = made(Source(clock), clock)
    assert await token_of(tokens) == "token-1"
    tokens.forget()
    assert await token_of(tokens) == "token-2"


async def test_calls_that_come_together_share_one_fetch() -> None:
    clock = VirtualClock()
    source = Source(clock)
    tokens = made(source, clock)
    assert {*await asyncio.gather(*(token_of(tokens) for _ in range(8)))} == {"token-1"}
    assert source.asked == 1


async def test_a_slow_fetch_blocks_its_thread_and_not_the_loop() -> None:
    begun, may_end, threads = threading.Event(), threading.Event(), list[int]()

    def slow() -> str:
        threads.append(threading.get_ident())
        begun.set()
        assert may_end.wait(5)
        return "token"

    fetching = asyncio.create_task(token_of(made(slow)))
    turns = 0
    until = time.monotonic() + 5
    while not begun.is_set() and time.monotonic() < until:
        await asyncio.sleep(0.001)
    for _ in range(20):
        await asyncio.sleep(0.001)
        turns += 1
    assert (turns, fetching.done()) == (20, False)
    may_end.set()
    assert await fetching == "token"
    assert threads != [threading.get_ident()]


async def test_a_fetch_that_takes_too_long_is_given_up_and_may_be_tried_again() -> None:
    may_end = threading.Event()

    def slow() -> str:
        may_end.wait(5)
        return "token"

    with pytest.raises(ProviderUnavailable, match="in time") as caught:
        await token_of(made(slow, longest=0.01))
    may_end.set()
    assert (caught.value.charged, caught.value.retryable) == ("no", True)


async def test_a_coroutine_function_may_give_the_token() -> None:
    async def given() -> tuple[str, datetime]:
        await asyncio.sleep(0)
        return "token", datetime(2030, 1, 1)  # noqa: DTZ001 - as Google's own library gives it

    assert await token_of(made(given)) == "token"


async def test_a_project_for_the_quota_goes_with_the_token() -> None:
    headers = await made(lambda: Grant(token=SecretStr("t"), quota_project="other")).sign(REQUEST)
    assert headers == {"Authorization": "Bearer t", "x-goog-user-project": "other"}
    assert "x-goog-user-project" not in await made(lambda: "t").sign(REQUEST)


@pytest.mark.parametrize(
    "said",
    ["", " ", "CANARY\nX", "CANARÝ", None, 7, ("CANARY",), ("CANARY", "tomorrow"), ("CANARY", 1, 2)],
    ids=repr,
)
async def test_what_is_no_token_is_refused_and_not_shown(said: object) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        await token_of(made(lambda: said))  # type: ignore[arg-type,return-value]
    _shows_nothing(caught.value)


async def test_a_failure_of_a_strangers_function_is_one_of_ours_and_quotes_nothing() -> None:
    def broken() -> str:
        raise RuntimeError("CANARY")

    with pytest.raises(AuthenticationFailed, match="RuntimeError") as caught:
        await token_of(made(broken))
    assert caught.value.charged == "no"
    _shows_nothing(caught.value)


async def test_an_error_of_ours_passes_as_it_is() -> None:
    error = ConfigurationError("no credentials", charged="no")

    def broken() -> str:
        raise error

    with pytest.raises(ConfigurationError) as caught:
        await token_of(made(broken))
    assert caught.value is error


async def test_neither_a_token_nor_its_keeper_shows_it() -> None:
    tokens = made(lambda: ("CANARY", datetime(2030, 1, 1, tzinfo=UTC)))
    await token_of(tokens)
    assert "CANARY" not in repr(tokens) + repr(vars(tokens))


def _shows_nothing(error: NexiomError) -> None:
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in shown.stack if not frame.filename.endswith("test_veo_tokens.py")]
    assert "CANARY" not in str(error) + repr([frame.locals for frame in ours])
    assert error.__cause__ is None
    assert error.__context__ is None
