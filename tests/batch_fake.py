"""A scripted provider whose orders can be looked at together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from nexiom_sdk import ModelCard
from nexiom_sdk.testing import FakeProvider
from nexiom_sdk.types import Operation, Poll, Submission, VideoSpec


class BatchFake(FakeProvider):
    """Notes which orders were looked at in one call, and leaves out those that are `hidden`."""

    batch_size = 10

    def __init__(self, models: Sequence[ModelCard] | None = None) -> None:
        super().__init__("acme", models=models)
        self.batches: list[list[str]] = []
        self.trouble: list[Exception] = []
        self.hidden: set[str] = set()
        self.takes: asyncio.Event | None = None

    async def poll_many(self, operations: Sequence[Operation], /) -> Mapping[str, Poll]:
        self.batches.append([one.id for one in operations])
        if self.takes is not None:
            await self.takes.wait()
        if self.trouble:
            raise self.trouble.pop(0)
        return {one.id: await super(BatchFake, self).poll(one) for one in operations if one.id not in self.hidden}

    async def poll(self, operation: Operation, /) -> Poll:
        self._called("alone")
        return await super().poll(operation)

    async def taken(self, count: int) -> list[Operation]:
        made = []
        for number in range(count):
            order = await self.submit(
                Submission(spec=VideoSpec(model="fake-1", prompt="a fox"), idempotency_key=f"j{number}.1")
            )
            assert isinstance(order, Operation)
            made.append(order)
        return made
