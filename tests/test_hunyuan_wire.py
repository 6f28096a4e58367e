from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from hunyuan_hosted_rig import CLOCK, FRAME, KEY, PAIR, order
from nexiom_sdk.errors import AuthenticationFailed, NexiomError, ProviderUnavailable, RateLimited, SubmissionUncertain
from nexiom_sdk.providers import HttpOptions, HttpProvider, SupportsHealth
from nexiom_sdk.providers.hunyuan_tokenhub import TokenHubHunyuan
from nexiom_sdk.providers.hunyuan_vclm import VclmHunyuan
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, Garbage, LoopbackServer, Received, Reset, Script, sample_video
from nexiom_sdk.testing.provider_wire import ProviderWire
from nexiom_sdk.testing.wires.hunyuan_hosted import TokenHubWire, VclmWire
from nexiom_sdk.types import Operation, Running, Succeeded

APIS: Mapping[str, tuple[type[ProviderWire], type[HttpProvider]]] = {
    "hy-video-v1.5": (TokenHubWire, TokenHubHunyuan),
    "hunyuan-vclm": (VclmWire, VclmHunyuan),
}
LOST: Mapping[str, Answer | Fault] = {
    "dropped": Drop(),
    "reset": Reset(),
    "cut": Cut(Answer.json({"task_id": "1", "Response": {"JobId": "1"}}), -4),
    "garbage": Garbage(b"?\r\n\r\n"),
    **{str(status): Answer(status) for status in (500, 502, 503, 504)},
    "trouble": Answer.json({"Response": {"Error": {"Code": "InternalError"}}, "error": {"type": "upstream_error"}}),
}


def addresses(origin: str) -> dict[str, str]:
    return {**KEY, **PAIR, "base_url": f"{origin}/v1", "vclm_base_url": origin}


@pytest.mark.parametrize("model", APIS)
@pytest.mark.parametrize("how", LOST)
async def test_an_order_whose_answer_is_lost_goes_out_once(how: str, model: str) -> None:
    async with LoopbackServer(Script(LOST[how])) as server:
        made = APIS[model][1](addresses(server.origin))
        with pytest.raises(SubmissionUncertain) as caught:
            await made.submit(order(model))
        await made.aclose()
        assert (len(server.received), caught.value.charged) == (1, "unknown")


@pytest.mark.parametrize("model", APIS)
async def test_an_order_that_is_refused_goes_out_once_and_costs_nothing(model: str) -> None:
    wire = APIS[model][0](refusal="busy")
    async with LoopbackServer(wire) as server:
        made = APIS[model][1](wire.config(server.origin))
        with pytest.raises(RateLimited) as caught:
            await made.submit(order(model))
        await made.aclose()
        assert (len(server.received), caught.value.charged) == (1, "no")


@pytest.mark.parametrize("model", APIS)
async def test_an_order_looks_and_the_file_over_the_wire_and_the_file_without_any_secret(model: str) -> None:
    wire = APIS[model][0]()
    async with LoopbackServer(wire) as server:
        made = APIS[model][1](wire.config(server.origin))
        taken = await made.submit(order(model, media=(FRAME,)))
        assert isinstance(taken, Operation)
        assert [await made.poll(taken) for _ in range(2)] == [Running(queued=True), Running()]
        done = await made.poll(taken)
        assert isinstance(done, Succeeded)
        assert b"".join([chunk async for chunk in made.fetch(done.assets[0])]) == sample_video()
        await made.aclose()
    assert len(wire.orders) == 1
    last = server.received[-1].headers
    assert [name for name in last if name == "authorization" or name.startswith("x-tc")] == []


async def test_a_request_is_signed_over_the_bytes_that_are_sent_and_with_the_time_of_the_clock() -> None:
    wire = VclmWire()
    async with LoopbackServer(wire) as server:
        made = VclmHunyuan({**wire.config(server.origin), "security_token": "t-123456"}, http=HttpOptions(clock=CLOCK))
        await made.submit(order("hunyuan-vclm", prompt="一只狗在跳舞 \u2028 'x' \"y\" <&>"))
        await made.aclose()
    [sent] = server.received
    told = [sent.headers[name] for name in ("x-tc-timestamp", "x-tc-token", "content-type")]
    assert told == [str(int(CLOCK.now().timestamp())), "t-123456", "application/json"]
    altered = [
        replace(sent, body=sent.body + b" "),
        replace(sent, headers={**sent.headers, "host": "elsewhere.example"}),
        replace(sent, headers={**sent.headers, "content-type": "application/json; charset=utf-8"}),
        replace(sent, headers={**sent.headers, "x-tc-timestamp": str(int(sent.headers["x-tc-timestamp"]) + 1)}),
        replace(sent, headers={key: value for key, value in sent.headers.items() if key != "authorization"}),
    ]
    assert isinstance(wire(sent), Answer)
    assert len(wire.orders) == 2
    for one in altered:
        wire(one)
    assert len(wire.orders) == 2, "the server takes what is not signed"


async def test_each_request_is_signed_anew() -> None:
    wire, clock = VclmWire(), type(CLOCK)()
    async with LoopbackServer(wire) as server:
        made = VclmHunyuan(wire.config(server.origin), http=HttpOptions(clock=clock))
        await made.check()
        clock.advance(86_400)
        await made.check()
        await made.aclose()
    first, second = (one.headers["authorization"] for one in server.received)
    assert first != second


@pytest.mark.parametrize("model", APIS)
async def test_whether_an_api_can_be_used_is_known_without_an_order(model: str) -> None:
    wire = APIS[model][0]()
    async with LoopbackServer(wire) as server:
        made = APIS[model][1](wire.config(server.origin))
        assert isinstance(made, SupportsHealth)
        await made.check()
        await made.aclose()
        assert len(server.received) == 1
    assert wire.orders == []


async def test_a_secret_that_is_wrong_shows_at_once() -> None:
    wire = VclmWire()
    async with LoopbackServer(wire) as server:
        made = VclmHunyuan({**wire.config(server.origin), "secret_key": "another-one"})
        for call in (made.check(), made.submit(order("hunyuan-vclm"))):
            with pytest.raises(AuthenticationFailed):
                await call
        await made.aclose()
    assert wire.orders == []


REFUSED: list[tuple[Answer, type[NexiomError]]] = [
    (Answer(401), AuthenticationFailed),
    (Answer(429), RateLimited),
    (Answer(404), ProviderUnavailable),
    (Answer(503), ProviderUnavailable),
    (Answer(200, body=b"<html>"), ProviderUnavailable),
    (Answer.json({"error": {"type": "upstream_error"}}, 502), ProviderUnavailable),
    (Answer.json({"Response": {"Error": {"Code": "InternalError"}}}), ProviderUnavailable),
]


@pytest.mark.parametrize("model", APIS)
@pytest.mark.parametrize(("answer", "kind"), REFUSED, ids=repr)
async def test_an_address_where_there_is_nothing_or_trouble_cannot_be_used(
    answer: Answer, kind: type[NexiomError], model: str
) -> None:
    async with LoopbackServer(Script(answer)) as server:
        made = APIS[model][1](addresses(server.origin))
        assert isinstance(made, SupportsHealth)
        with pytest.raises(kind):
            await made.check()
        await made.aclose()


async def test_the_keys_of_one_api_never_reach_the_other() -> None:
    def answer(received: Received) -> Answer:
        return Answer.json({"task_id": "1", "Response": {"JobId": "1"}})

    async with LoopbackServer(answer) as server:
        for model, (_, adapter) in APIS.items():
            made = adapter(addresses(server.origin))
            await made.submit(order(model))
            await made.aclose()
    tokenhub, vclm = (" ".join([*one.headers.values()]) for one in server.received)
    assert "CANARY-id" not in tokenhub
    assert KEY["tokenhub_api_key"] not in vclm
    assert PAIR["secret_key"] not in tokenhub + vclm
