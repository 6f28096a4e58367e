"""A provider's server for tests: it takes orders, finishes or refuses them as it is told, and counts what was paid.

A subclass says what its provider's requests look like and what it answers. Everything else is the same for all:

```python
wire = AcmeWire(ending="moderated")
async with LoopbackServer(wire) as server:
    provider = AcmeProvider(wire.config(server.origin))
    ...
assert len(wire.orders) == 1
```
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias

from nexiom_sdk.testing.answers import Answer, DropUnread, Fault, Received
from nexiom_sdk.testing.fake_provider import sample_video

Verb: TypeAlias = Literal["submit", "poll", "find", "content", "cancel", "upload", "other"]
Ending: TypeAlias = Literal["succeeded", "failed", "moderated"]
Refusal: TypeAlias = Literal["moderated", "no_credit", "bad_key", "busy"]


class ProviderWire(ABC):
    """Answers requests as one provider does.

    Args:
        looks: How often an order is looked at before it is done: first it waits, then it runs.
        ending: How orders end.
        refusal: Refuse orders with this reason instead of taking them.
        video: The bytes of every result.

    Attributes:
        orders: The orders that were accepted, in order: each one was paid.
        faults: What happens instead of the next answers, by verb.
        lost: What the next orders are answered with although they are taken.
        cancelled: Ids of orders that were stopped.
        content_misses: How many of the next fetches of a result find its link expired.
    """

    name: ClassVar[str]

    def __init__(
        self,
        *,
        looks: int = 2,
        ending: Ending = "succeeded",
        refusal: Refusal | None = None,
        video: bytes | None = None,
    ) -> None:
        self.looks: int = looks
        self.ending: Ending = ending
        self.refusal: Refusal | None = refusal
        self.video: bytes = sample_video() if video is None else video
        self.orders: list[Received] = []
        self.faults: dict[Verb, deque[Answer | Fault]] = {}
        self.lost: deque[Answer | Fault] = deque()
        self.cancelled: set[str] = set()
        self.content_misses: int = 0
        self.origin: str = ""
        self._looked: dict[str, int] = {}

    def config(self, origin: str) -> Mapping[str, str]:
        """Configuration of an adapter that shall talk to this server.

        Args:
            origin: Where the server listens.
        """
        self.origin = origin
        return self.settings(origin)

    def __call__(self, received: Received) -> Answer | Fault:
        """Answer a request."""
        verb = self.verb(received)
        waiting = self.faults.get(verb)
        if waiting:
            return waiting.popleft()
        match verb:
            case "submit":
                return self._ordered(received)
            case "poll":
                return self._looked_at(received)
            case "content":
                return self._fetched()
            case "cancel":
                self.cancelled.add(self.order_id(received))
                return self.stopped(received)
            case "find" | "upload" | "other":
                return self.other(received)

    def at_head(self, head: Received) -> DropUnread | None:
        """The fault that comes before the body of a request, if it is next."""
        waiting = self.faults.get(self.verb(head))
        fault = waiting[0] if waiting else None
        if not (waiting and isinstance(fault, DropUnread)):
            return None
        waiting.popleft()
        return fault

    def break_next(self, verb: Verb, *faults: Answer | Fault) -> None:
        """Let these happen instead of the next answers to a verb."""
        self.faults.setdefault(verb, deque()).extend(faults)

    @abstractmethod
    def settings(self, origin: str) -> Mapping[str, str]:
        """Keys and addresses of an adapter for a server at this origin; the keys are invented."""

    @abstractmethod
    def verb(self, received: Received) -> Verb:
        """What a request is for."""

    @abstractmethod
    def order_id(self, received: Received) -> str:
        """Which order a request is about, from its path."""

    @abstractmethod
    def accepted(self, received: Received, number: int) -> Answer:
        """The answer to an order that is taken; `number` counts from 1."""

    @abstractmethod
    def refused(self, received: Received, refusal: Refusal) -> Answer:
        """The answer to an order that is not taken."""

    @abstractmethod
    def waiting(self, order_id: str) -> Answer:
        """The answer to a look at an order that has not begun."""

    @abstractmethod
    def running(self, order_id: str, progress: float) -> Answer:
        """The answer to a look at an order that runs; `progress` from 0 to 1."""

    @abstractmethod
    def ended(self, order_id: str, ending: Ending) -> Answer:
        """The answer to a look at an order that has ended."""

    def gone(self, order_id: str) -> Answer:
        """The answer to a look at an order that was stopped."""
        return Answer.json({"error": f"no order {order_id}"}, 404)

    def stopped(self, received: Received) -> Answer:  # noqa: ARG002 - for servers that can
        """The answer to a wish to stop."""
        return Answer(status=404)

    def expired(self) -> Answer:
        """The answer to a fetch of a result whose link has expired."""
        return Answer(
            status=403, headers={"content-type": "application/xml"}, body=b"<Error>Request has expired</Error>"
        )

    def other(self, received: Received) -> Answer:
        """The answer to any other request."""
        return Answer(status=404, body=received.path.encode())

    def id_in(self, answer: Answer) -> str:
        """The id of an order, from the answer that `accepted` gave to it."""
        return str(json.loads(answer.body)["id"])

    def _ordered(self, received: Received) -> Answer | Fault:
        if self.refusal is not None:
            return self.refused(received, self.refusal)
        self.orders.append(received)
        answer = self.accepted(received, len(self.orders))
        return self.lost.popleft() if self.lost else answer

    def _looked_at(self, received: Received) -> Answer:
        order_id = self.order_id(received)
        if order_id in self.cancelled:
            return self.gone(order_id)
        looks = self._looked[order_id] = self._looked.get(order_id, 0) + 1
        if looks > self.looks:
            return self.ended(order_id, self.ending)
        return self.waiting(order_id) if looks == 1 else self.running(order_id, (looks - 1) / self.looks)

    def _fetched(self) -> Answer:
        if self.content_misses:
            self.content_misses -= 1
            return self.expired()
        return Answer.file(self.video, etag='"v1"')
