from __future__ import annotations

import pytest
from pydantic import SecretStr

from acme import KEY, ORDER, TAKEN, Acme, acme
from nexiom_sdk.errors import ConfigurationError, InvalidInput, NexiomError, ProviderUnavailable, SubmissionUncertain
from nexiom_sdk.providers import HttpOptions
from nexiom_sdk.testing import Answer, LoopbackServer, Script, VirtualClock
from nexiom_sdk.types import Failed, Operation


async def test_an_order_that_is_not_known_is_lost_unless_it_is_very_young(clock: VirtualClock) -> None:
    script = Script(TAKEN, then=Answer.json({"error": "no such video"}, 404))
    async with acme(script, options=HttpOptions(clock=clock)) as (adapter, _):
        operation = await adapter.submit(ORDER)
        assert isinstance(operation, Operation)
        clock.advance(59)
        with pytest.raises(ProviderUnavailable):
            await adapter.poll(operation)
        clock.advance(2)
        assert await adapter.poll(operation) == Failed(
            code="generation_failed", message="Acme knows no order a1.", lost=True
        )
        assert isinstance(await adapter.poll(Operation(id="never heard of")), Failed)


@pytest.mark.parametrize("page", [Answer(404), Answer(404, body=b"404 page not found"), Answer(404, body=b"<html>")])
async def test_a_proxy_that_does_not_find_the_api_says_nothing_of_the_order(page: Answer) -> None:
    async with acme(Script(then=page)) as (adapter, _):
        with pytest.raises(ProviderUnavailable):
            await adapter.poll(Operation(id="a1"))


async def test_an_order_that_was_taken_at_another_address_is_not_lost(clock: VirtualClock) -> None:
    options = HttpOptions(clock=clock)
    async with acme(Script(TAKEN), options=options) as (adapter, _):
        operation = await adapter.submit(ORDER)
    clock.advance(100)
    gone = Answer.json({"error": "no such video"}, 404)
    async with acme(Script(then=gone), options=options) as (adapter, _):
        assert isinstance(operation, Operation)
        with pytest.raises(ConfigurationError, match="another address"):
            await adapter.poll(operation)
    assert "127.0.0.1" not in str(operation.state)


async def test_what_a_provider_says_is_shown_without_secrets_and_control_characters() -> None:
    said = f"no {KEY} https://cdn.example/v?sig=CANARY \x1b[31m"
    failed = Answer.json({"id": "a1", "status": "failed", "error": said})
    async with acme(Script(failed, Answer.json({"error": said}, 400), Answer.json({"error": said}, 500))) as (
        adapter,
        _,
    ):
        outcome = await adapter.poll(Operation(id="a1"))
        assert isinstance(outcome, Failed)
        assert outcome.message == "no *** https://cdn.example/v?*** \ufffd[31m"
        for kind in (InvalidInput, SubmissionUncertain):
            with pytest.raises(kind) as caught:
                await adapter.submit(ORDER)
            assert "CANARY" not in str(caught.value)


async def test_a_young_order_counts_from_the_moment_of_its_answer(clock: VirtualClock) -> None:
    async with acme(Script(TAKEN), options=HttpOptions(clock=clock)) as (adapter, _):
        before = clock.now()
        operation = await adapter.submit(ORDER)
    assert isinstance(operation, Operation)
    assert operation.state["submitted_at"] == before.isoformat()


QUOTED = {"body": f"<html>{KEY}</html>", "at the cut": "<" + "x" * 190 + KEY + "</html>"}


@pytest.mark.parametrize("where", QUOTED)
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("status", [200, 400, 401, 418, 500])
async def test_no_error_shows_a_key_that_a_server_repeats(where: str, plain: bool, status: int) -> None:
    answer = Answer(status, headers={"x-request-id": KEY}, body=QUOTED[where].encode())
    async with LoopbackServer(lambda _: answer) as server:
        adapter = Acme({"api_key": KEY if plain else SecretStr(KEY), "base_url": server.origin})
        for going_wrong in (adapter.submit(ORDER), adapter.poll(Operation(id="a1"))):
            with pytest.raises(NexiomError) as caught:
                await going_wrong
            shown = f"{caught.value} {vars(caught.value)}"
            assert KEY[:12] not in shown
        await adapter.aclose()
