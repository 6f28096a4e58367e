"""Providers on a virtual clock: orders take log-normal times, calls take time and sometimes fail, results are real.

How long models take is what public figures of 2026-11 allow to say: rough, and the same for every schedule.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import InvalidInput, ProviderUnavailable
from nexiom_sdk.models import ModelCard
from nexiom_sdk.testing.fake_provider import fake_card, sample_video
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Running, Submission, SubmissionRecovery, Succeeded

_TENTH_FROM_TOP = 1.2816  # p90 of the standard normal


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedModel:
    """How long orders of one model take.

    Args:
        provider: Name of its provider.
        model: Its id.
        median_seconds: Half of its orders take longer.
        p90_seconds: A tenth of its orders takes longer.
        floor_seconds: Shortest gap between looks that the provider allows.
        recovery: How its provider settles an order whose answer was lost; the same for all models of one provider.
    """

    provider: str
    model: str
    median_seconds: float
    p90_seconds: float
    floor_seconds: float = 5.0
    recovery: SubmissionRecovery = "key"

    @property
    def spread(self) -> float:
        """Standard deviation of the logarithm of the seconds."""
        return math.log(self.p90_seconds / self.median_seconds) / _TENTH_FROM_TOP

    @property
    def mean_seconds(self) -> float:
        """How long an order takes on average: longer than the median, because of the slow ones."""
        return self.median_seconds * math.exp(self.spread**2 / 2)

    def spread_by(self, spread: float) -> SimulatedModel:
        """The same model, whose orders differ by this standard deviation of the logarithm of their seconds."""
        return replace(self, p90_seconds=self.median_seconds * math.exp(_TENTH_FROM_TOP * spread))

    def draw(self, luck: random.Random) -> float:
        """Seconds that a new order takes."""
        return self.median_seconds * math.exp(self.spread * luck.gauss(0, 1))

    def draw_running(self, luck: random.Random) -> float:
        """Seconds that an order takes which is found running: those that take long are found more often."""
        return self.draw(luck) * math.exp(self.spread**2)

    @property
    def card(self) -> ModelCard:
        """What the studio knows of the model: the median as its typical time."""
        return fake_card(model=self.model, typical_seconds=self.median_seconds, min_poll_seconds=self.floor_seconds)


# Of half of them an order that is sent twice is taken twice, and paid twice.
MODELS: tuple[SimulatedModel, ...] = (
    SimulatedModel(provider="omni", model="flash", median_seconds=45, p90_seconds=90),
    SimulatedModel(provider="veo", model="fast", median_seconds=75, p90_seconds=130, floor_seconds=10, recovery="none"),
    SimulatedModel(provider="veo", model="best", median_seconds=90, p90_seconds=180, floor_seconds=10, recovery="none"),
    SimulatedModel(provider="kling", model="k3", median_seconds=120, p90_seconds=300, recovery="lookup"),
    SimulatedModel(provider="seedance", model="s2", median_seconds=130, p90_seconds=260),
    SimulatedModel(provider="seedance", model="s1", median_seconds=60, p90_seconds=100),
    SimulatedModel(provider="runway", model="g4", median_seconds=150, p90_seconds=300, recovery="none"),
    SimulatedModel(provider="runway", model="turbo", median_seconds=60, p90_seconds=110, recovery="none"),
    SimulatedModel(provider="luma", model="ray", median_seconds=60, p90_seconds=150, floor_seconds=2),
    SimulatedModel(provider="own", model="hunyuan", median_seconds=420, p90_seconds=720, floor_seconds=2),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """What goes wrong at the providers.

    Args:
        refused: Share of orders that fail within twelve seconds.
        unavailable: Share of calls that are answered with 503; an order among them is not taken.
        answers_lost: Share of orders that are taken although whoever ordered is not told.
        outage: From when until when, in seconds of the simulation, every call is answered with 503.
        callbacks: Share of orders whose end is called back, one second later; 0: none is promised.
    """

    refused: float = 0.0
    unavailable: float = 0.0
    answers_lost: float = 0.0
    outage: tuple[float, float] | None = None
    callbacks: float = 0.0


@dataclass(slots=True, kw_only=True)
class SimulatedOrder:
    """An order that was taken, which is one that was paid.

    Args:
        id: The provider's own; no two orders have the same, not even two of one key.
        key: The key that it was sent under.
        began_at: When it was taken, on the clock's `monotonic`.
        ends_at: When it ends.
        refused: It ends without a video.
        looks: How often it was looked at.
        told: Whoever sent it was answered.
    """

    id: str
    key: str
    began_at: float
    ends_at: float
    refused: bool = False
    looks: int = 0
    told: bool = False


@dataclass(slots=True, eq=False)
class SimulatedProvider:
    """One provider, seen by all processes. An order that is sent again is taken again, unless its key is one order.

    Args:
        name: Its name.
        known: Its models.
        clock: Time.
        luck: Random numbers.
        latency_seconds: How long a call takes.
        troubles: What goes wrong.
        on_order: Called with its name and the order, for each order that is taken.

    Attributes:
        orders: Those it holds, by their ids.
        sent_again: Keys that were sent again although their answer had come.
    """

    name: str
    known: Sequence[SimulatedModel]
    clock: Clock
    luck: random.Random
    latency_seconds: float = 0.25
    troubles: Troubles = field(default_factory=Troubles)
    calls: Counter[str] = field(default_factory=Counter[str])
    orders: dict[str, SimulatedOrder] = field(default_factory=dict[str, SimulatedOrder])
    on_order: Callable[[str, SimulatedOrder], None] | None = None
    sent_again: list[str] = field(default_factory=list[str])
    protocol_version: int = 1
    submission_recovery: SubmissionRecovery = field(default="key", init=False)
    models: Sequence[ModelCard] = field(default=(), init=False)
    _first: dict[str, SimulatedOrder] = field(default_factory=dict[str, SimulatedOrder], init=False)
    _numbers: Iterator[int] = field(default_factory=itertools.count, init=False)

    def __post_init__(self) -> None:
        self.models = [one.card for one in self.known]
        self.submission_recovery = self.known[0].recovery

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """Take the order."""
        await self._called("submit")
        known = self._first.get(submission.idempotency_key)
        if known is not None and known.told:
            self.sent_again.append(known.key)
        if known is not None and self.submission_recovery == "key":
            order = known
        else:
            order = self._drawn(submission)
            if self.luck.random() < self.troubles.answers_lost:
                raise ProviderUnavailable("the connection broke before the answer came", charged="unknown")
        order.told = True
        return self.operation(order)

    def take(self, key: str, *, began_at: float, ends_at: float, refused: bool = False) -> SimulatedOrder:
        """Hold one order more.

        Args:
            key: The key that it was sent under.
            began_at: When it was taken, on the clock's `monotonic`.
            ends_at: When it ends.
            refused: It ends without a video.
        """
        order_id = f"{self.name}-{next(self._numbers)}"
        order = SimulatedOrder(id=order_id, key=key, began_at=began_at, ends_at=ends_at, refused=refused)
        self.orders[order_id] = order
        self._first.setdefault(key, order)
        if self.on_order is not None:
            self.on_order(self.name, order)
        return order

    def drop(self, order: SimulatedOrder) -> None:
        """Forget an order that nobody will ask for any more; its key, too."""
        self.orders.pop(order.id, None)
        self._first.pop(order.key, None)

    def operation(self, order: SimulatedOrder) -> Operation:
        """What is answered to who sent it, or asks for it."""
        return Operation(id=order.id, state={"callback": True} if self.troubles.callbacks else {})

    async def find(self, client_reference: str, /) -> Operation | None:
        """The first order of this key."""
        await self._called("find")
        order = self._first.get(client_reference)
        if order is None:
            return None
        order.told = True
        return self.operation(order)

    async def poll(self, operation: Operation, /) -> Poll:
        """Whether the order has ended."""
        await self._called("poll")
        order = self.orders.get(operation.id)
        if order is None:
            raise InvalidInput(f"There is no order {operation.id}.")
        order.looks += 1
        if self.clock.monotonic() < order.ends_at:
            return Running()
        if order.refused:
            return Failed(code="content_rejected", message="the prompt is not allowed", charged="no")
        return Succeeded(assets=(Asset(url="https://cdn.fake.example/clip.mp4"),))

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:  # noqa: ARG002 - every result is the same clip
        """The sample video."""
        await self._called("fetch")
        yield sample_video()

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:  # noqa: ARG002
        """The order that a callback names."""
        order_id: str = json.loads(body)["id"]
        return order_id, None

    async def aclose(self) -> None:
        """Nothing is held."""

    def _drawn(self, submission: Submission) -> SimulatedOrder:
        [model] = [one for one in self.known if one.model == submission.spec.model]
        refused = self.luck.random() < self.troubles.refused
        seconds = self.luck.uniform(2, 12) if refused else model.draw(self.luck)
        now = self.clock.monotonic()
        return self.take(submission.idempotency_key, began_at=now, ends_at=now + seconds, refused=refused)

    async def _called(self, verb: str) -> None:
        self.calls[verb] += 1
        await self.clock.sleep(self.latency_seconds)
        begin, end = self.troubles.outage or (0.0, 0.0)
        if begin <= self.clock.monotonic() < end or self.luck.random() < self.troubles.unavailable:
            raise ProviderUnavailable("the server is down for a while", charged="no")
