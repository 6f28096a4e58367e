from __future__ import annotations

from collections.abc import Mapping

import pytest

from luma_rig import BOTH, at, order
from nexiom_sdk.errors import AuthenticationFailed, ProviderUnavailable, SubmissionUncertain
from nexiom_sdk.providers.luma import LumaProvider
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, Garbage, LoopbackServer, Received, Reset, Script, sample_video
from nexiom_sdk.testing.wires.luma import LumaWire
from nexiom_sdk.types import Failed, Operation, Running, Succeeded

LOST: Mapping[str, Answer | Fault] = {
    "dropped": Drop(),
    "reset": Reset(),
    "cut": Cut(Answer.json({"id": "x"}, 201), -4),
    "garbage": Garbage(b"?\r\n\r\n"),
    **{str(status): Answer(status) for status in (500, 502, 503, 504)},
}


@pytest.mark.parametrize("model", ["ray-3.2", "ray-flash-2"])
@pytest.mark.parametrize("how", LOST)
async def test_an_order_whose_answer_is_lost_goes_out_once(how: str, model: str) -> None:
    async with LoopbackServer(Script(LOST[how])) as server:
        urls = {"base_url": f"{server.origin}/v1", "dream_machine_base_url": f"{server.origin}/dream-machine/v1"}
        made = LumaProvider({**BOTH, **urls})
        with pytest.raises(SubmissionUncertain) as caught:
            await made.submit(order(model=model))
        await made.aclose()
        assert (len(server.received), caught.value.charged) == (1, "unknown")


@pytest.mark.parametrize("model", ["ray-3.2", "ray-2"])
async def test_an_order_a_look_and_the_file_over_the_wire_with_the_key_of_its_api(model: str) -> None:
    wire = LumaWire()
    async with LoopbackServer(wire) as server:
        made = LumaProvider(wire.config(server.origin))
        taken = await made.submit(order(model=model, media=(at("first_frame", "a.png"),)))
        assert isinstance(taken, Operation)
        assert [await made.poll(taken) for _ in range(2)] == [Running(queued=True), Running()]
        done = await made.poll(taken)
        assert isinstance(done, Succeeded)
        assert b"".join([chunk async for chunk in made.fetch(done.assets[0])]) == sample_video()
        await made.aclose()
    assert len(wire.orders) == 1
    assert "authorization" not in server.received[-1].headers


async def test_each_key_goes_to_its_own_server_and_nowhere_else() -> None:
    wires = LumaWire(looks=0), LumaWire(looks=0)
    async with LoopbackServer(wires[0]) as agents, LoopbackServer(wires[1]) as older:
        here, there = wires[0].config(agents.origin), wires[1].config(older.origin)
        made = LumaProvider({**here, "dream_machine_base_url": there["dream_machine_base_url"]})
        for model in ("ray-3.2", "ray-2"):
            taken = await made.submit(order(model=model))
            assert isinstance(taken, Operation)
            assert isinstance(await made.poll(taken), Succeeded)
        await made.aclose()
    for server, key in ((agents, "api_key"), (older, "dream_machine_api_key")):
        assert {one.headers["authorization"] for one in server.received} == {f"Bearer {here[key]}"}


async def test_whether_luma_can_be_used_is_known_without_an_order() -> None:
    wire = LumaWire()
    async with LoopbackServer(wire) as server:
        config = wire.config(server.origin)
        made = LumaProvider(config)
        await made.check()
        assert [one.path for one in server.received] == [
            "/v1/generations/00000000-0000-0000-0000-000000000000",
            "/dream-machine/v1/credits",
        ]
        await made.aclose()
        for key in ("api_key", "dream_machine_api_key"):
            swapped = LumaProvider({**config, key: config[{"api_key": "dream_machine_api_key"}.get(key, "api_key")]})
            with pytest.raises(AuthenticationFailed):
                await swapped.check()
            await swapped.aclose()
    assert wire.orders == []


@pytest.mark.parametrize("answer", [Answer(404), Answer.json({"detail": "Not Found"}, 404), Answer(503)], ids=repr)
async def test_an_address_where_there_is_no_luma_cannot_be_used(answer: Answer) -> None:
    async with LoopbackServer(Script(answer)) as server:
        made = LumaProvider({"api_key": "k-123456", "base_url": f"{server.origin}/v1"})
        with pytest.raises(ProviderUnavailable):
            await made.check()
        await made.aclose()


async def test_an_order_that_a_person_found_is_looked_for_at_both_apis() -> None:
    def answer(received: Received) -> Answer:
        if received.path.startswith("/dream-machine/v1/generations/known"):
            return Answer.json({"id": "known", "state": "dreaming"})
        return Answer.json({"detail": "Generation not found"}, 404)

    async with LoopbackServer(answer) as server:
        made = LumaProvider(
            {**BOTH, "base_url": f"{server.origin}/v1", "dream_machine_base_url": f"{server.origin}/dream-machine/v1"}
        )
        assert await made.poll(Operation(id="known")) == Running()
        assert isinstance(await made.poll(Operation(id="unknown")), Failed)
        await made.aclose()
    keys = [one.headers["authorization"] for one in server.received]
    assert keys == ["Bearer luma-api-CANARY", "Bearer luma-CANARY"] * 2
