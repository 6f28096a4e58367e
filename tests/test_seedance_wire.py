from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    SubmissionUncertain,
    UnsupportedFeature,
)
from nexiom_sdk.providers.seedance import SeedanceProvider
from nexiom_sdk.providers.wire import Call
from nexiom_sdk.testing import Answer, Cut, Drop, Fault, Garbage, LoopbackServer, Received, Reset, sample_video
from nexiom_sdk.testing.provider_wire import Ending, Refusal
from nexiom_sdk.testing.wires.seedance import SeedanceWire
from nexiom_sdk.types import Cancelled, DeliveredMedia, Failed, Operation, Running, Succeeded
from seedance_rig import FLAGSHIP, KEY, OPERATION, TASK, at, fixture, order

Server = Callable[[Received], Answer | Fault]


@asynccontextmanager
async def seedance(wire: Server) -> AsyncIterator[tuple[SeedanceProvider, LoopbackServer]]:
    """An adapter and the server that it talks to."""
    async with LoopbackServer(wire) as server:
        config = wire.config(server.origin) if isinstance(wire, SeedanceWire) else {"base_url": server.origin}
        adapter = SeedanceProvider({**config, "api_key": KEY})
        yield adapter, server
        await adapter.aclose()


async def test_an_order_is_taken_looked_at_and_fetched_and_the_key_goes_to_the_api_only() -> None:
    wire = SeedanceWire()
    async with seedance(wire) as (adapter, server):
        operation = await adapter.submit(order(at("first_frame"), duration_seconds=5))
        assert isinstance(operation, Operation)
        looks = [await adapter.poll(operation) for _ in range(3)]
        assert looks[:2] == [Running(queued=True), Running()]
        assert isinstance(looks[2], Succeeded)
        assert str(looks[2].cost_usd) == "0.7623"
        assert b"".join([chunk async for chunk in adapter.fetch(looks[2].assets[0])]) == sample_video()
        *calls, download = server.received
    tasks = "/api/v3/contents/generations/tasks"
    assert [(one.method, one.path) for one in calls] == [("POST", tasks), *[("GET", f"{tasks}/{operation.id}")] * 3]
    assert {one.headers["authorization"] for one in calls} == {f"Bearer {KEY}"}
    assert "authorization" not in download.headers
    assert len(wire.orders) == 1


LOST: Mapping[str, Answer | Fault] = {
    "dropped": Drop(),
    "cut": Cut(Answer.json({"id": TASK}), -4),
    "reset": Reset(),
    "garbage": Garbage(b"no HTTP\r\n\r\n"),
    "a web page": Answer(body=b"<html>"),
    "no id": Answer.json({"id": ""}),
    "400 of a proxy": Answer(400, body=b"<html>"),
    "404 of a proxy": Answer(404, body=b"<html>"),
    "500 in its words": Answer.json(fixture("error_500"), 500),
    **{str(status): Answer(status) for status in (408, 409, 500, 502, 503, 504)},
}


@pytest.mark.parametrize("how", LOST)
async def test_an_order_whose_answer_was_lost_was_sent_once_and_is_uncertain(how: str) -> None:
    wire = SeedanceWire()
    wire.break_next("submit", LOST[how])
    async with seedance(wire) as (adapter, server):
        with pytest.raises(SubmissionUncertain) as caught:
            await adapter.submit(order())
        assert (len(server.received), caught.value.charged) == (1, "unknown")


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ("moderated", ContentRejected),
        ("no_credit", QuotaExhausted),
        ("bad_key", AuthenticationFailed),
        ("busy", RateLimited),
    ],
)
async def test_a_refused_order_costs_nothing(refusal: Refusal, kind: type[ProviderError]) -> None:
    async with seedance(SeedanceWire(refusal=refusal)) as (adapter, _):
        with pytest.raises(kind) as caught:
            await adapter.submit(order())
        assert caught.value.charged == "no"


async def test_what_will_be_refused_is_not_sent() -> None:
    film = DeliveredMedia(role="reference_video", media_type="video/mp4", data=sample_video())
    async with seedance(SeedanceWire()) as (adapter, server):
        with pytest.raises(UnsupportedFeature):
            await adapter.submit(order(film, model=FLAGSHIP))
        assert server.connections == 0


@pytest.mark.parametrize(("ending", "code"), [("failed", "generation_failed"), ("moderated", "content_rejected")])
async def test_an_order_that_fails_says_why_and_costs_nothing(ending: Ending, code: str) -> None:
    async with seedance(SeedanceWire(looks=0, ending=ending)) as (adapter, _):
        outcome = await adapter.poll(OPERATION)
        assert isinstance(outcome, Failed)
        assert (outcome.code, outcome.charged) == (code, "no")


async def test_many_orders_are_looked_at_in_one_call() -> None:
    wire = SeedanceWire()
    async with seedance(wire) as (adapter, server):
        orders = [await adapter.submit(order()) for _ in range(3)]
        known = [one for one in orders if isinstance(one, Operation)]
        found = [await adapter.poll_many(known) for _ in range(3)]
        assert [set(map(type, one.values())) for one in found] == [{Running}, {Running}, {Succeeded}]
        assert all(one.keys() == {operation.id for operation in known} for one in found)
        [*_, last] = server.received
        assert last.query == {"page_size": ("3",), "filter.task_ids": tuple(operation.id for operation in known)}
        assert len(server.received) == 3 + 3


async def test_a_list_that_cannot_be_had_is_an_error_for_all() -> None:
    busy = Answer.json(fixture("error_429_rpm"), 429)
    async with seedance(lambda _: busy) as (adapter, server):
        with pytest.raises(RateLimited):
            await adapter.poll_many([OPERATION])
        assert len(server.received) == 1


async def test_a_task_that_waits_is_stopped_and_says_so_at_the_next_look() -> None:
    wire = SeedanceWire()
    async with seedance(wire) as (adapter, server):
        await adapter.cancel(OPERATION)
        assert [one.method for one in server.received] == ["GET", "DELETE"]
        assert len({one.path for one in server.received}) == 1
        assert await adapter.poll(OPERATION) == Cancelled(charged="no")


@pytest.mark.parametrize(
    ("look", "said"),
    [
        (Answer.json({"id": TASK, "status": "running"}), "running and cannot be stopped now"),
        (Answer.json({"id": TASK, "status": "succeeded"}), "would only be erased"),
        (Answer.json({"id": TASK, "status": "failed"}), "would only be erased"),
        (Answer.json({"id": TASK, "status": "expired"}), "would only be erased"),
        (Answer.json({"id": TASK, "status": "polishing"}), "polishing"),
        (Answer.json({"id": TASK}), "erased"),
        (Answer(500), "500"),
        (Answer(body=b"<html>"), "web page"),
        (Answer.json(fixture("error_404_task"), 404), "404"),
    ],
)
async def test_a_task_that_does_not_wait_is_never_deleted(look: Answer, said: str) -> None:
    wire = SeedanceWire()
    wire.break_next("poll", look)
    async with seedance(wire) as (adapter, server):
        with pytest.raises(ProviderError, match=said) as caught:
            await adapter.cancel(OPERATION)
        assert [one.method for one in server.received] == ["GET"]
        assert not isinstance(caught.value, UnsupportedFeature)
        if look.status == 200:
            assert caught.value.charged == "unknown"
    assert wire.erased == set()


async def test_a_task_that_was_stopped_before_is_left_alone() -> None:
    wire = SeedanceWire()
    wire.break_next("poll", Answer.json(fixture("poll_cancelled")))
    async with seedance(wire) as (adapter, server):
        await adapter.cancel(OPERATION)
        assert [one.method for one in server.received] == ["GET"]


async def test_a_task_that_begins_at_the_last_moment_is_not_stopped_and_may_cost() -> None:
    wire = SeedanceWire()
    refused = Answer.json({"error": {"code": "InvalidParameter", "message": "The task is running."}}, 400)
    wire.break_next("cancel", refused)
    async with seedance(wire) as (adapter, _):
        with pytest.raises(ProviderError, match="The task is running") as caught:
            await adapter.cancel(OPERATION)
        assert caught.value.charged == "unknown"
    assert wire.cancelled == set()


async def test_the_server_for_tests_erases_what_has_ended_as_the_original_does() -> None:
    wire = SeedanceWire(looks=2)
    async with seedance(wire) as (adapter, _):
        delete = f"/contents/generations/tasks/{TASK}"
        for _ in range(2):
            await adapter.poll(OPERATION)
        with pytest.raises(ProviderError, match="running"):
            await adapter.send(Call("DELETE", delete))
        assert isinstance(await adapter.poll(OPERATION), Succeeded)
        await adapter.send(Call("DELETE", delete))
        assert isinstance(await adapter.poll(OPERATION), Failed)
    assert (wire.erased, wire.cancelled) == ({TASK}, set())


async def test_whether_seedance_can_be_used_is_known_without_an_order() -> None:
    wire = SeedanceWire()
    async with seedance(wire) as (adapter, server):
        await adapter.check()
        [asked] = server.received
        assert (asked.method, asked.path) == ("GET", "/api/v3/contents/generations/tasks")
        assert asked.query == {"page_size": ("1",)}
        assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert wire.orders == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer.json(fixture("error_401"), 401), AuthenticationFailed),
        (Answer.json(fixture("error_403_overdue"), 403), QuotaExhausted),
        (Answer(503), ProviderUnavailable),
        (Answer(404), ProviderError),
    ],
)
async def test_what_keeps_seedance_from_being_used_is_told(answer: Answer, kind: type[ProviderError]) -> None:
    async with seedance(lambda _: answer) as (adapter, _):
        with pytest.raises(kind):
            await adapter.check()
