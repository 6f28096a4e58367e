from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from batch_fake import BatchFake
from nexiom_sdk.errors import (
    InvalidInput,
    MalformedResponse,
    NexiomError,
    PluginError,
    ProviderBusy,
    ProviderUnavailable,
)
from nexiom_sdk.events import Event, ProviderCalled
from nexiom_sdk.providers.calls import Door
from nexiom_sdk.providers.looks import Looks
from nexiom_sdk.providers.protocol import SupportsBatchPoll
from nexiom_sdk.testing import FakeProvider, VirtualClock
from nexiom_sdk.types import Operation, Poll, Running, Submission, VideoSpec


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def looks(events: list[Event]) -> Looks:
    return Looks(door=Door(clock=VirtualClock(auto=True), sink=events.append, random=lambda: 1.0))


async def _all(looks: Looks, fake: FakeProvider, orders: Sequence[Operation]) -> list[Poll | BaseException]:
    return await asyncio.gather(*(looks.look(fake, one) for one in orders), return_exceptions=True)


async def test_orders_that_are_due_together_share_calls_of_the_size_that_the_provider_takes(
    looks: Looks, events: list[Event]
) -> None:
    fake = BatchFake()
    orders = await fake.taken(23)
    assert all(isinstance(one, Running) for one in await _all(looks, fake, orders))
    assert [len(batch) for batch in fake.batches] == [10, 10, 3]
    assert sorted(name for batch in fake.batches for name in batch) == sorted(one.id for one in orders)
    assert "alone" not in fake.calls
    assert len([one for one in events if isinstance(one, ProviderCalled) and one.operation == "poll"]) == 3


async def test_each_order_gets_its_own_answer(looks: Looks) -> None:
    fake = BatchFake()
    orders = [*await fake.taken(2)]
    fake.progress(0.7).hang()
    late = await fake.submit(Submission(spec=VideoSpec(model="fake-1", prompt="x"), idempotency_key="late.1"))
    assert isinstance(late, Operation)
    said = await _all(looks, fake, [late, *orders])
    assert [one.progress for one in said if isinstance(one, Running)] == [0.7, None, None]


async def test_a_lone_order_is_looked_at_alone(looks: Looks) -> None:
    fake = BatchFake()
    await _all(looks, fake, await fake.taken(1))
    assert (fake.batches, fake.calls.count("alone")) == ([], 1)


async def test_looks_that_come_while_a_call_is_on_its_way_go_into_the_next_one(looks: Looks) -> None:
    fake = BatchFake()
    fake.takes = asyncio.Event()
    orders = await fake.taken(7)
    early = asyncio.create_task(_all(looks, fake, orders[:2]))
    while not fake.batches:
        await asyncio.sleep(0)
    late = [asyncio.create_task(_all(looks, fake, [one])) for one in orders[2:]]
    await asyncio.sleep(0)
    fake.takes.set()
    await asyncio.gather(early, *late)
    assert [len(batch) for batch in fake.batches] == [2, 5]


async def test_an_order_that_the_reply_leaves_out_is_looked_at_alone(looks: Looks) -> None:
    fake = BatchFake()
    orders = await fake.taken(4)
    fake.hidden = {orders[2].id}
    assert all(isinstance(one, Running) for one in await _all(looks, fake, orders))
    assert fake.calls.count("alone") == 1


@pytest.mark.parametrize("error", [InvalidInput("one of them is strange"), ValueError("a defect")], ids=repr)
async def test_one_order_cannot_spoil_the_look_for_the_others(looks: Looks, error: Exception) -> None:
    fake = BatchFake()
    orders = await fake.taken(3)
    fake.trouble = [error]
    assert all(isinstance(one, Running) for one in await _all(looks, fake, orders))
    assert fake.calls.count("alone") == 3


async def test_an_outage_is_met_once_for_all_of_them_not_once_for_each(looks: Looks) -> None:
    fake = BatchFake()
    orders = await fake.taken(5)
    fake.trouble = [ProviderUnavailable("down")] * 3
    assert [type(one) for one in await _all(looks, fake, orders)] == [ProviderUnavailable] * 5
    assert (len(fake.batches), fake.calls.count("alone")) == (3, 0)


@pytest.mark.parametrize(
    "error", [ProviderUnavailable("500", status=500), MalformedResponse("no list")], ids=lambda error: error.message
)
async def test_a_fault_of_the_server_may_be_about_one_of_them_so_each_is_looked_at_alone(
    looks: Looks, error: Exception
) -> None:
    fake = BatchFake()
    orders = await fake.taken(4)
    fake.trouble = [error] * 3
    assert all(isinstance(one, Running) for one in await _all(looks, fake, orders))
    assert (len(fake.batches), fake.calls.count("alone")) == (3, 4)


@pytest.mark.parametrize("size", ["ten", None, 0, -3])
async def test_a_batch_size_that_is_none_hangs_nobody(looks: Looks, size: object) -> None:
    fake = BatchFake()
    fake.batch_size = size  # type: ignore[assignment]
    async with asyncio.timeout(10):
        assert all(isinstance(one, Running) for one in await _all(looks, fake, await fake.taken(3)))


async def test_rounds_are_as_far_apart_as_the_provider_wants(looks: Looks) -> None:
    fake = BatchFake()
    fake.batch_spacing_seconds = 5.0  # type: ignore[attr-defined]
    await _all(looks, fake, await fake.taken(23))
    assert looks.door.clock.monotonic() >= 10.0
    assert [len(batch) for batch in fake.batches] == [10, 10, 3]


async def test_a_look_that_is_given_up_does_not_stop_the_others(looks: Looks) -> None:
    fake = BatchFake()
    orders = await fake.taken(3)
    given_up, *others = [asyncio.create_task(looks.look(fake, one)) for one in orders]
    await asyncio.sleep(0)
    given_up.cancel()
    assert all(isinstance(one, Running) for one in await asyncio.gather(*others))
    assert fake.batches == [[one.id for one in orders[1:]]]


async def test_what_a_plug_in_says_instead_of_an_outcome_is_no_outcome(looks: Looks) -> None:
    class Odd(BatchFake):
        async def poll_many(self, operations: Sequence[Operation], /) -> Mapping[str, Poll]:
            return {one.id: "done" for one in operations}  # type: ignore[misc]

        async def poll(self, operation: Operation, /) -> Poll:
            return "done"  # type: ignore[return-value]

    fake = Odd()
    assert [type(one) for one in await _all(looks, fake, await fake.taken(2))] == [PluginError, PluginError]


async def test_a_provider_without_batches_is_left_as_it_was(looks: Looks) -> None:
    fake = FakeProvider("acme").running(9)
    assert not isinstance(fake, SupportsBatchPoll)
    order = await fake.submit(Submission(spec=VideoSpec(model="fake-1", prompt="a fox"), idempotency_key="j.1"))
    assert isinstance(order, Operation)
    assert isinstance(await looks.look(fake, order), Running)
    with pytest.raises(NexiomError):
        await looks.look(fake, Operation(id="nobody's"))


async def test_a_later_round_serves_those_who_come_later(looks: Looks) -> None:
    fake = BatchFake()
    orders = await fake.taken(4)
    await _all(looks, fake, orders[:2])
    await _all(looks, fake, orders[2:])
    assert [len(batch) for batch in fake.batches] == [2, 2]


async def test_a_call_that_hangs_holds_those_whom_it_is_about_and_nobody_else(looks: Looks) -> None:
    fake = BatchFake()
    fake.takes = asyncio.Event()
    orders = await fake.taken(5)
    early = asyncio.create_task(_all(looks, fake, orders[:2]))
    while not fake.batches:
        await asyncio.sleep(0)
    late = await _all(looks, fake, orders[2:])
    assert [type(one) for one in late] == [ProviderBusy] * 3
    assert not early.done()
    fake.takes.set()
    assert all(isinstance(one, Running) for one in await early)
    assert [len(batch) for batch in fake.batches] == [2]
