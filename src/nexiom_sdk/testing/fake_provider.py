"""A provider in memory that does what a test tells it: scripted, deterministic, with real playable bytes.

The object stands for the provider's server: it outlives engines, and what it accepted is what was paid.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Self

from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.errors import InvalidInput, NexiomError, ProviderUnavailable, ResultExpired, SubmissionUncertain
from nexiom_sdk.models import ModelCard, Price
from nexiom_sdk.types import (
    Asset,
    Cancelled,
    Failed,
    Operation,
    Poll,
    Running,
    Submission,
    SubmissionRecovery,
    Succeeded,
)

_CHUNK_BYTES = 4096


def sample_video() -> bytes:
    """A real MP4 of two seconds: 320x180, 24 frames a second, H.264 with AAC sound, under 20 KB."""
    return files("nexiom_sdk.testing").joinpath("sample.mp4").read_bytes()


def fake_card(**changes: object) -> ModelCard:
    """The card of the model `fake-1`, with some fields changed."""
    card = ModelCard(
        model="fake-1",
        durations_seconds=(4, 6, 8),
        resolutions=("720p", "1080p"),
        aspect_ratios=("16:9", "9:16", "1:1"),
        media={"first_frame": 1, "last_frame": 1},
        audio="optional",
        prices=(Price(usd=Decimal("0.10")),),
        priced_on="2026-11-24",
        typical_seconds=30,
        min_poll_seconds=1,
        verified_on="2026-11-24: invented",
    )
    return card.evolve(**changes)


@dataclass(frozen=True, slots=True)
class _Step:
    """What one look sees: an outcome, or an error to raise; from a moment on, or once in its turn."""

    sees: Poll | Exception
    after_seconds: float | None = None


@dataclass(slots=True)
class _Order:
    """How one submission is answered, and what looks at it see afterwards."""

    refusal: Exception | None = None  # nothing is accepted
    answer_lost: bool = False  # accepted, and nobody is told
    at_once: Asset | None = None
    steps: list[_Step] = field(default_factory=list)
    broken_looks: int = 0
    file: str = "whole"
    complete: bool = False  # the next word of the script begins another order
    key: str = ""
    accepted_at: float = 0.0
    looks: int = 0
    cancelled: bool = False


class FakeProvider:
    """A scripted provider. Each word adds to the script of an order; an ending begins that of the next one.

    The last script serves all further orders.

    Args:
        name: The provider's name.
        models: Its cards; None: `fake_card()`.
        submission_recovery: How a lost answer is settled. With `key`, one key is one order.
        clock: Time, for words with `after_seconds`.
        cost_usd: What it says it charged.
        lookup_lag: How many times `find` shows nothing before an accepted order appears.
        ledger: A file that gets a line for each accepted order, to count them from outside.

    Example:
        >>> fake = FakeProvider("acme").queued(1).running(2, progress=True).succeed()
        >>> fake.accepted
        []
    """

    protocol_version = 1

    def __init__(
        self,
        name: str = "fake",
        *,
        models: Sequence[ModelCard] | None = None,
        submission_recovery: SubmissionRecovery = "key",
        clock: Clock | None = None,
        cost_usd: Decimal | None = None,
        lookup_lag: int = 0,
        ledger: Path | None = None,
    ) -> None:
        self.name = name
        self.models: Sequence[ModelCard] = (fake_card(),) if models is None else models
        self.submission_recovery: SubmissionRecovery = submission_recovery
        self.accepted: list[str] = []
        self.calls: list[str] = []
        self.submissions: list[Submission] = []
        self._clock = clock or SystemClock()
        self._cost_usd = cost_usd
        self._lookup_lag = lookup_lag
        self._ledger = ledger
        self._script: list[_Order] = []
        self._orders: dict[str, _Order] = {}
        self._exploding: set[str] = set()
        self._too_late = False

    # The script: what looks see.

    def queued(self, looks: int = 1, *, after_seconds: float | None = None) -> Self:
        """Looks that find the order queued."""
        return self._add(*[_Step(Running(queued=True), after_seconds)] * looks)

    def running(self, looks: int = 1, *, progress: bool = False, after_seconds: float | None = None) -> Self:
        """Looks that find the order running, with rising progress if wanted."""
        shares = [(look + 1) / (looks + 1) if progress else None for look in range(looks)]
        return self._add(*(_Step(Running(progress=share), after_seconds) for share in shares))

    def progress(self, *shares: float) -> Self:
        """Looks that report exactly this progress, sense or nonsense."""
        return self._add(*(_Step(Running(progress=share)) for share in shares))

    def break_polls(self, looks: int) -> Self:
        """Looks that fail, whatever the order does meanwhile."""
        self._order.broken_looks += looks
        return self

    def succeed(self, *, after_seconds: float | None = None) -> Self:
        """The order ends well."""
        return self._end(_Step(self._success(), after_seconds))

    def succeed_without_file(self) -> Self:
        """The order ends well, it says, and there is nothing to fetch."""
        return self._end(_Step(Succeeded(assets=())))

    def fail(self, code: str, message: str = "the provider says no") -> Self:
        """The order ends with a failure code."""
        return self._end(_Step(Failed(code=code, message=message)))

    def hang(self) -> Self:
        """The order never ends."""
        return self._end(_Step(Running()))

    def regress(self) -> Self:
        """The order runs, is queued again, runs, succeeds, and then says that it runs."""
        self.running().queued().running()
        return self._end(_Step(self._success()), _Step(Running()))

    # The script: what submitting and fetching meet.

    def refuse(self, error: NexiomError) -> Self:
        """One submission is answered with this error; nothing is accepted."""
        self._order.refusal = error
        self._order.complete = True
        return self

    def drop_before_sending(self) -> Self:
        """One submission certainly never arrives."""
        return self.refuse(ProviderUnavailable("could not connect"))

    def lose_answer(self) -> Self:
        """The order is accepted and nobody is told."""
        self._order.answer_lost = True
        return self

    def answer_at_once(self, *, data: bytes | None = None, url: str | None = None) -> Self:
        """The submission is answered with the result itself."""
        self._order.at_once = Asset(data=data, url=url)
        self._order.complete = True
        return self

    def explode(self, operation: str) -> Self:
        """This operation raises an exception that no adapter should raise."""
        self._exploding.add(operation)
        return self

    def half_file(self) -> Self:
        """The result ends in the middle."""
        self._order.file = "half"
        return self

    def expire_result(self) -> Self:
        """The result's address is no longer served."""
        self._order.file = "expired"
        return self

    # The provider.

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """Answer as the script says."""
        self._called("submit")
        self.submissions.append(submission)
        key = submission.idempotency_key
        order = self._orders.get(f"order-{key}") if self.submission_recovery == "key" else None
        repeated = order is not None
        if order is None:
            order = self._take(key)
        if order.at_once is not None:
            return Succeeded(assets=(order.at_once,), cost_usd=self._cost_usd)
        if order.answer_lost and not repeated:
            msg = "the connection broke before the answer came"
            raise SubmissionUncertain(msg)
        return Operation(id=f"order-{key}", state={"key": key})

    async def poll(self, operation: Operation, /) -> Poll:
        """Look as the script says."""
        self._called("poll")
        order = self._orders.get(operation.id)
        if order is None:
            msg = f"There is no order {operation.id}."
            raise InvalidInput(msg)
        if order.broken_looks > 0:
            order.broken_looks -= 1
            msg = "the status page is down"
            raise ProviderUnavailable(msg)
        return Cancelled(reason="as asked") if order.cancelled else self._look(order)

    async def find(self, client_reference: str, /) -> Operation | None:
        """The order with this reference, once it shows."""
        self._called("find")
        if f"order-{client_reference}" not in self._orders:
            return None
        self._lookup_lag -= 1
        return Operation(id=f"order-{client_reference}") if self._lookup_lag < 0 else None

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        """The sample video, or what the script made of it."""
        self._called("fetch")
        if asset.data is None and asset.url and asset.url.endswith("expired"):
            msg = "the link has expired"
            raise ResultExpired(msg)
        video = sample_video()
        end = len(video) // 2 if asset.url and asset.url.endswith("half") else len(video)
        for start in range(0, end, _CHUNK_BYTES):
            yield video[start : min(start + _CHUNK_BYTES, end)]

    async def aclose(self) -> None:
        """Nothing is held."""

    # The machinery.

    @property
    def _order(self) -> _Order:
        if not self._script or self._script[-1].complete:
            self._script.append(_Order())
        return self._script[-1]

    def _add(self, *steps: _Step) -> Self:
        self._order.steps.extend(steps)
        return self

    def _end(self, *steps: _Step) -> Self:
        order = self._order
        order.steps.extend(steps)
        order.complete = True
        return self

    def _success(self) -> Succeeded:
        url = f"https://cdn.fake.example/clip.mp4?file={self._order.file}"
        return Succeeded(assets=(Asset(url=url),), cost_usd=self._cost_usd)

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        if operation in self._exploding:
            msg = "a defect in the adapter"
            raise ValueError(msg)

    def _take(self, key: str) -> _Order:
        script = (self._script.pop(0) if len(self._script) > 1 else self._script[0]) if self._script else _Order()
        if script.refusal is not None:
            raise script.refusal
        order = _Order(
            answer_lost=script.answer_lost,
            at_once=script.at_once,
            steps=list(script.steps),
            broken_looks=script.broken_looks,
            key=key,
            accepted_at=self._clock.monotonic(),
        )
        self._orders[f"order-{key}"] = order
        self.accepted.append(key)
        if self._ledger is not None:
            line = os.open(self._ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(line, json.dumps({"key": key, "provider": self.name}).encode() + b"\n")
            os.fsync(line)
            os.close(line)
        return order

    def _look(self, order: _Order) -> Poll:
        steps = order.steps or [_Step(Running())]
        if any(step.after_seconds is not None for step in steps):
            since = self._clock.monotonic() - order.accepted_at
            reached = [step for step in steps if (step.after_seconds or 0.0) <= since]
            step = reached[-1] if reached else _Step(Running(queued=True))
        else:
            step = steps[min(order.looks, len(steps) - 1)]
        order.looks += 1
        if isinstance(step.sees, Exception):
            raise step.sees
        return step.sees


class CancellableFakeProvider(FakeProvider):
    """A scripted provider that can stop orders."""

    def too_late_to_cancel(self) -> Self:
        """Cancelling is refused."""
        self._too_late = True
        return self

    async def cancel(self, operation: Operation, /) -> None:
        """Stop the order; the next look finds it cancelled."""
        self._called("cancel")
        if self._too_late:
            msg = "the order is almost done"
            raise InvalidInput(msg)
        if operation.id in self._orders:
            self._orders[operation.id].cancelled = True
