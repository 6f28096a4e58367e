"""`BatchedProvider`: adapters whose provider shows many orders in one reply. A look at one order is a batch of one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.wire import Call, Reply
from nexiom_sdk.types import Operation, Poll


class BatchedProvider(HttpProvider):
    """Base of adapters that are a `SupportsBatchPoll`.

    Attributes:
        batch_size: Most orders that one call may look at.
        batch_spacing_seconds: Least time between two such calls.
    """

    batch_size: ClassVar[int]
    batch_spacing_seconds: ClassVar[float] = 0.0

    @abstractmethod
    def batch_call(self, operations: Sequence[Operation], /) -> Call | None:
        """The call that looks at these orders; None where none of them can be looked at with others."""

    @abstractmethod
    def read_batch(self, operations: Sequence[Operation], reply: Reply, /) -> Mapping[str, Poll]:
        """What the reply says of each order, by its id; one that it does not show is left out."""

    async def poll_many(self, operations: Sequence[Operation], /) -> Mapping[str, Poll]:
        """Look at these orders in one call."""
        call = self.batch_call(operations)
        if call is None:
            return {}
        found = self.read_batch(operations, await self.send(call))
        return {order_id: self.said(outcome) for order_id, outcome in found.items()}
