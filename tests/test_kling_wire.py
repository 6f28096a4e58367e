from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from kling_rig import KEY, REFERENCE, at, order
from nexiom_sdk import JobStatus
from nexiom_sdk.errors import (
    AuthenticationFailed,
    MalformedResponse,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    SubmissionUncertain,
)
from nexiom_sdk.phases import Phase
from nexiom_sdk.providers.kling import KlingProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.testing import (
    Answer,
    Cut,
    Drop,
    Fault,
    Garbage,
    LoopbackServer,
    Received,
    Reset,
    Script,
    VirtualClock,
    sample_video,
)
from nexiom_sdk.testing.wires.kling import KlingWire, OlderKlingWire
from nexiom_sdk.types import Failed, Operation, Running, Succeeded
from wire_rig import bench

MODELS = ["kling-3.0", "kling-v3"]
LOST: Mapping[str, Answer | Fault] = {
    "dropped": Drop(),
    "reset": Reset(),
    "cut": Cut(Answer.json({"code": 0, "data": {"id": "x"}}), -4),
    "garbage": Garbage(b"?\r\n\r\n"),
    "server error": Answer.json({"code": 5000, "message": "Server internal error"}, 500),
    "maintenance": Answer.json({"code": 5001, "message": "Server temporarily unavailable"}, 503),
    "backlog": Answer.json({"code": 5002, "message": "Server internal timeout"}, 504),
    "backlog in a success": Answer.json({"code": 5002, "message": "Server internal timeout"}),
    "no id": Answer.json({"code": 0, "data": {}}),
    **{str(status): Answer(status) for status in (500, 502, 503, 504)},
}
NOBODY = Answer.json({"code": 0, "message": "SUCCEED", "data": []})
NOT_THERE = Answer.json({"code": 1203, "message": "The requested resource does not exist"}, 404)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("how", LOST)
async def test_an_order_whose_answer_is_lost_goes_out_once(how: str, model: str) -> None:
    async with LoopbackServer(Script(LOST[how])) as server:
        made = KlingProvider({**KEY, "base_url": server.origin})
        with pytest.raises(SubmissionUncertain) as caught:
            await made.submit(order(model=model))
        await made.aclose()
        assert (len(server.received), caught.value.charged) == (1, "unknown")


@pytest.mark.parametrize(
    ("model", "keys"), [("kling-3.0", KlingWire), ("kling-v3", KlingWire), ("kling-v3", OlderKlingWire)]
)
async def test_an_order_a_look_and_the_file_over_the_wire_with_the_key(model: str, keys: type[KlingWire]) -> None:
    wire = keys()
    async with LoopbackServer(wire) as server:
        made = KlingProvider(wire.config(server.origin))
        taken = await made.submit(order(model=model, media=(at("first_frame", "a.png"),)))
        assert isinstance(taken, Operation)
        assert [await made.poll(taken) for _ in range(2)] == [Running(queued=True), Running()]
        done = await made.poll(taken)
        assert isinstance(done, Succeeded)
        assert b"".join([chunk async for chunk in made.fetch(done.assets[0])]) == sample_video()
        await made.aclose()
    assert (len(wire.orders), wire.polls) == (1, 3)
    assert "authorization" not in server.received[-1].headers


async def test_many_orders_are_looked_at_in_one_call() -> None:
    wire = KlingWire(looks=0)
    async with LoopbackServer(wire) as server:
        made = KlingProvider(wire.config(server.origin))
        taken = [await made.submit(replace(order(), idempotency_key=f"j{number}.0")) for number in range(3)]
        older = await made.submit(replace(order(model="kling-v3"), idempotency_key="j9.0"))
        orders = [one for one in (*taken, older) if isinstance(one, Operation)]
        said = await made.poll_many([*orders, Operation(id="123", state={"api": "new"})])
        assert await made.poll_many([orders[-1]]) == {}
        await made.aclose()
    assert said.keys() == {one.id for one in orders[:3]}
    assert all(isinstance(outcome, Succeeded) for outcome in said.values())
    assert wire.polls == 1


@pytest.mark.parametrize("model", MODELS)
async def test_an_order_is_found_by_our_reference_with_one_call_where_it_was_sent_from_here(model: str) -> None:
    wire = KlingWire()
    async with LoopbackServer(wire) as server:
        made = KlingProvider(wire.config(server.origin))
        wire.lost.append(Drop())
        with pytest.raises(SubmissionUncertain):
            await made.submit(order(model=model))
        before = len(server.received)
        found = await made.find(REFERENCE)
        assert found is not None
        assert isinstance(await made.poll(found), Running)
        assert len(server.received) == before + 2
        await made.aclose()
    assert len(wire.orders) == 1


@pytest.mark.parametrize(("model", "calls"), [("kling-3.0", 1), ("kling-v3", 2), ("kling-v3-omni", 4)])
async def test_another_process_finds_it_at_whichever_api_took_it(model: str, calls: int) -> None:
    wire = KlingWire()
    async with LoopbackServer(wire) as server:
        one, other = (KlingProvider(wire.config(server.origin)) for _ in range(2))
        taken = await one.submit(order(model=model))
        assert isinstance(taken, Operation)
        found = await other.find(REFERENCE)
        assert found is not None
        assert (found.id, found.state) == (taken.id, {name: taken.state[name] for name in found.state})
        assert len(server.received) == 1 + calls
        assert await other.find("never-sent.0") is None
        assert len(server.received) == 1 + calls + 4
        for made in (one, other):
            await made.aclose()


async def test_with_a_pair_orders_are_looked_for_at_the_older_api_alone() -> None:
    wire = OlderKlingWire()
    async with LoopbackServer(wire) as server:
        made = KlingProvider(wire.config(server.origin))
        assert await made.find(REFERENCE) is None
        await made.aclose()
        assert [one.path.rpartition("/")[0] for one in server.received] == [
            "/v1/videos/text2video",
            "/v1/videos/image2video",
            "/v1/videos/omni-video",
        ]


UNSURE: Mapping[str, tuple[list[Answer | Fault], type[ProviderError]]] = {
    "no answer": ([Drop()], ProviderUnavailable),
    "a server error": ([Answer(502)], ProviderUnavailable),
    "a web page": ([Answer(body=b"<html>")], MalformedResponse),
    "nothing": ([Answer.json({"code": 0})], MalformedResponse),
    "no list": ([Answer.json({"code": 0, "data": None})], MalformedResponse),
    "somebody else's order": ([Answer.json({"code": 0, "data": [{"id": "1", "external_id": "x"}]})], MalformedResponse),
    "an order without an id": ([Answer.json({"code": 0, "data": [{"external_id": REFERENCE}]})], MalformedResponse),
    "busy": ([Answer.json({"code": 1302, "message": "slow"}, 429)], RateLimited),
    "no such path": ([NOT_THERE], ProviderError),
    "a number that is not known": ([Answer.json({"code": 77})], ProviderUnavailable),
    "the older api is unsure": ([NOBODY, Answer(404)], ProviderUnavailable),
    "the older api is silent": ([NOBODY, NOT_THERE, Drop()], ProviderUnavailable),
    "the older api says something else": (
        [NOBODY, NOT_THERE, NOT_THERE, Answer.json({"code": 1201}, 400)],
        ProviderError,
    ),
    "the older api shows nothing": ([NOBODY, Answer.json({"code": 0, "data": None})], MalformedResponse),
}


@pytest.mark.parametrize("how", UNSURE)
async def test_a_search_that_is_not_sure_never_says_that_there_is_no_order(how: str) -> None:
    answers, kind = UNSURE[how]
    async with LoopbackServer(Script(*answers)) as server:
        made = KlingProvider({**KEY, "base_url": server.origin})
        with pytest.raises(kind):
            await made.find(REFERENCE)
        await made.aclose()
        assert len(server.received) == len(answers)


async def test_an_order_without_our_reference_in_the_list_is_the_one_that_was_asked_for() -> None:
    async with LoopbackServer(Script(Answer.json({"code": 0, "data": [{"id": "1"}]}))) as server:
        made = KlingProvider({**KEY, "base_url": server.origin})
        assert await made.find(REFERENCE) == Operation(id="1", state={"api": "new"})
        await made.aclose()
        assert server.received[0].query == {"external_task_ids": (REFERENCE,)}


async def test_an_order_that_a_person_found_is_looked_for_at_both_apis() -> None:
    wire = KlingWire(looks=0)
    async with LoopbackServer(wire) as server:
        made = KlingProvider(wire.config(server.origin))
        for model in MODELS:
            taken = await made.submit(replace(order(model=model), idempotency_key=model))
            assert isinstance(taken, Operation)
            assert isinstance(await made.poll(Operation(id=taken.id)), Succeeded)
        assert isinstance(await made.poll(Operation(id="7")), Failed)
        await made.aclose()


async def test_whether_kling_can_be_used_is_known_without_an_order() -> None:
    clock = VirtualClock()
    now = int(clock.now().timestamp() * 1000)
    for wire in (KlingWire(), OlderKlingWire()):
        async with LoopbackServer(wire) as server:
            made = KlingProvider(wire.config(server.origin), http=HttpOptions(clock=clock))
            await made.check()
            await made.aclose()
            [asked] = server.received
            assert (asked.method, asked.path) == ("GET", "/account/costs")
            assert asked.query == {"start_time": (str(now - 86_400_000),), "end_time": (str(now),)}
        assert wire.orders == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer.json({"code": 1002, "message": "api key not found"}, 401), AuthenticationFailed),
        (Answer.json({"code": 1002, "message": "api key not found"}), AuthenticationFailed),
        (Answer.json({"code": 5001}), ProviderUnavailable),
        (Answer(503), ProviderUnavailable),
        (Answer(body=b"<html>"), MalformedResponse),
    ],
    ids=repr,
)
async def test_an_account_that_cannot_be_used_says_so(answer: Answer, kind: type[ProviderError]) -> None:
    async with LoopbackServer(Script(answer)) as server:
        made = KlingProvider({**KEY, "base_url": server.origin})
        with pytest.raises(kind):
            await made.check()
        await made.aclose()


async def test_the_key_goes_to_kling_and_a_pair_never_travels() -> None:
    for wire, prefix in ((KlingWire(), "Bearer api-key-kling-"), (OlderKlingWire(), "Bearer eyJ")):
        async with LoopbackServer(wire) as server:
            config = wire.config(server.origin)
            made = KlingProvider(config)
            await made.submit(order(model="kling-v3"))
            await made.aclose()
            [sent] = server.received
            assert sent.headers["authorization"].startswith(prefix)
            if "secret_key" in config:
                assert config["secret_key"].encode() not in repr(sent.headers).encode() + sent.body


@pytest.mark.parametrize("hours", [-3, 3])
async def test_an_order_goes_on_by_klings_time_where_this_machines_clock_is_wrong(hours: int, tmp_path: Path) -> None:
    wire = OlderKlingWire()
    async with bench("kling legacy", tmp_path, wire) as at_bench:
        wire.now = lambda: at_bench.clock.now() + timedelta(hours=hours)
        job = await at_bench.studio.submit(at_bench.request())
        assert (job.phase, job.status) == (Phase.QUEUED, JobStatus.PENDING)
        assert (await at_bench.ended(job)).status == JobStatus.COMPLETED
        posts = [one for one in at_bench.server.received if one.method == "POST"]
    assert (len(wire.orders), len(posts)) == (1, 2)


async def test_a_look_goes_on_by_klings_time_at_once(tmp_path: Path) -> None:
    wire = OlderKlingWire(looks=1)
    async with bench("kling legacy", tmp_path, wire) as at_bench:
        job = await at_bench.studio.submit(at_bench.request())
        wire.now = lambda: at_bench.clock.now() + timedelta(hours=3)
        assert (await at_bench.ended(job)).status == JobStatus.COMPLETED
        outcomes = [getattr(one, "outcome", None) for one in at_bench.events]
    assert outcomes.count("provider_unavailable") == 1


async def test_a_token_that_was_refused_is_not_sent_again() -> None:
    clock = VirtualClock()
    wire = OlderKlingWire(now=lambda: clock.now() + timedelta(hours=1))
    async with LoopbackServer(wire) as server:
        config = {key: SecretStr(value) for key, value in wire.config(server.origin).items()}
        made = KlingProvider(config, http=HttpOptions(clock=clock))
        with pytest.raises(ProviderUnavailable, match="3600 s behind") as caught:
            await made.submit(order(model="kling-v3"))
        assert (len(server.received), caught.value.charged) == (1, "no"), "the adapter itself tries nothing again"
        assert isinstance(await made.submit(order(model="kling-v3")), Operation)
        await made.aclose()
    assert len(wire.orders) == 1


def test_the_server_for_tests_refuses_what_kling_refuses() -> None:
    def asked(method: str, target: str, body: bytes = b"{}", key: str = "Bearer k") -> Answer:
        answer = KlingWire()(Received(method=method, target=target, headers={"authorization": key}, body=body))
        assert isinstance(answer, Answer)
        return answer

    assert asked("POST", "/text-to-video/kling-3.0").status == 400, "an order without an id of ours"
    assert asked("POST", "/v1/videos/lip-sync").status == 404
    assert asked("GET", "/account/costs").status == 404
    assert asked("GET", "/tasks?task_ids=1", key="").status == 401
    assert asked("GET", "/tasks?task_ids=1").status == 200
    assert b'"data": []' in asked("GET", "/tasks?task_ids=1").body
