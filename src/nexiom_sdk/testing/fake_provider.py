"""A provider in memory that does what a test tells it: scripted, deterministic, with real playable bytes.

The object stands for the provider's server: it outlives engines, and what it accepted is what was paid.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Self

from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.errors import InvalidInput, MalformedResponse, ProviderUnavailable, ResultExpired, SubmissionUncertain
from nexiom_sdk.models import ModelCard, Price
from nexiom_sdk.testing.fake_script import Fate, Script
from nexiom_sdk.types import Asset, Cancelled, Operation, Poll, Submission, SubmissionRecovery, Succeeded

_CHUNK_BYTES = 4096


def sample_video() -> bytes:
    """A real MP4 of two seconds: 320x180, 24 frames a second, H.264 with AAC sound, under 20 KB.

    Example:
        >>> sample_video()[4:8]
        b'ftyp'
    """
    # Made with PyAV 18.1: 48 pictures of an orange square (40x40, (255, 180, 60)) that moves 5 pixels a frame over navy
    # (20, 32, 60), libx264 with crf 28 and preset veryslow; 44,100 samples of a quiet 440 Hz tone, aac at 22,050 Hz
    # mono with 12 kbit/s; movflags faststart; comment "nexiom_sdk test clip".
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


@dataclass(slots=True)
class _Order:
    """An order that was accepted."""

    operation: Operation
    fate: Fate
    accepted_at: float
    looks: int = 0
    cancelled: bool = False


class FakeProvider(Script):
    """A scripted provider, to be shared by all engines that a test lets run or die.

    Args:
        name: The provider's name.
        models: Its cards; None: `fake_card()`.
        submission_recovery: How a lost answer is settled. With `key`, one key is one order.
        clock: Time, for words with `after_seconds`.
        cost_usd: What it says it charged.
        lookup_lag: How many times `find` shows nothing although the order was accepted.
        ledger: A file that gets a line for each accepted order, to count them from outside the process.

    Attributes:
        accepted: The idempotency keys of the orders that were accepted: each one was paid.
        calls: The operations that were called, in order.
        submissions: What was submitted.

    Example:
        >>> import asyncio
        >>> from nexiom_sdk.types import Submission, VideoSpec
        >>> fake = FakeProvider("acme").queued(1).running(2, progress=True).succeed()
        >>> submission = Submission(spec=VideoSpec(model="fake-1", prompt="a fox"), idempotency_key="job-1.1")
        >>> order = asyncio.run(fake.submit(submission))
        >>> [type(asyncio.run(fake.poll(order))).__name__ for _ in range(4)]
        ['Running', 'Running', 'Running', 'Succeeded']
        >>> fake.accepted
        ['job-1.1']
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
        super().__init__()
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
        self._orders: dict[str, _Order] = {}

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """Answer as the script says."""
        self._called("submit")
        self.submissions.append(submission)
        key = submission.idempotency_key
        known = self._orders.get(_order_id(key)) if self.submission_recovery == "key" else None
        order = known or self._accept(key)
        if order.fate.answer_lost and not known:
            raise SubmissionUncertain("the connection broke before the answer came")
        if order.fate.at_once is not None:
            return Succeeded(assets=(order.fate.at_once,), cost_usd=self._cost_usd)
        return order.operation

    async def poll(self, operation: Operation, /) -> Poll:
        """Look as the script says."""
        self._called("poll")
        order = self._orders.get(operation.id)
        if order is None:
            raise InvalidInput(f"There is no order {operation.id}.")
        if order.fate.broken_looks > 0:
            order.fate.broken_looks -= 1
            raise ProviderUnavailable("the status page is down")
        if order.cancelled:
            return Cancelled(reason="as asked")
        seen = order.fate.seen(order.looks, self._clock.monotonic() - order.accepted_at)
        order.looks += 1
        return replace(seen, cost_usd=self._cost_usd) if isinstance(seen, Succeeded) else seen

    async def find(self, client_reference: str, /) -> Operation | None:
        """The order with this reference, once it shows."""
        self._called("find")
        order = self._orders.get(_order_id(client_reference))
        if order is None:
            return None
        self._lookup_lag -= 1
        return order.operation if self._lookup_lag < 0 else None

    async def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        """The sample video, or what the script made of it."""
        self._called("fetch")
        url = asset.url or ""
        if url.endswith("=expired"):
            raise ResultExpired("the link has expired")
        video = asset.data or sample_video()
        end = len(video) // 2 if url.endswith("=half") else len(video)
        for start in range(0, end, _CHUNK_BYTES):
            yield video[start : min(start + _CHUNK_BYTES, end)]

    async def aclose(self) -> None:
        """Nothing is held."""

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        if operation in self._exploding:
            raise ValueError("a defect in the adapter")

    def _accept(self, key: str) -> _Order:
        fate = self._next_fate()
        if fate.refusal is not None:
            raise fate.refusal
        operation = Operation(id=_order_id(key), state={"key": key})
        order = _Order(operation, replace(fate, steps=list(fate.steps)), self._clock.monotonic())
        self._orders[operation.id] = order
        self.accepted.append(key)
        if self._ledger is not None:
            _append(self._ledger, json.dumps({"key": key, "provider": self.name}) + "\n")
        return order


class CancellableFakeProvider(FakeProvider):
    """A scripted provider that can stop orders."""

    _too_late = False

    def too_late_to_cancel(self) -> Self:
        """Cancelling is refused."""
        self._too_late = True
        return self

    async def cancel(self, operation: Operation, /) -> None:
        """Stop the order; the next look finds it cancelled."""
        self._called("cancel")
        if self._too_late:
            raise InvalidInput("the order is almost done")
        if operation.id in self._orders:
            self._orders[operation.id].cancelled = True


class CallbackFakeProvider(FakeProvider):
    """A scripted provider that is said to call back: its callbacks are `{"id": ...}`, and nobody signs them."""

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """Answer as the script says, and note that a callback was registered."""
        answer = await super().submit(submission)
        if isinstance(answer, Succeeded) or submission.callback_url is None:
            return answer
        return replace(answer, state={**answer.state, "callback": True})

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:  # noqa: ARG002
        """The order that a callback names."""
        self._called("read_callback")
        try:
            order_id: str = json.loads(body)["id"]
        except (ValueError, LookupError, TypeError):
            raise MalformedResponse("The callback names no order.") from None
        return order_id, None


def _order_id(key: str) -> str:
    return f"order-{key}"


def _append(ledger: Path, line: str) -> None:
    """One write at the end, on the disk before the answer leaves: a killed process has counted what it accepted."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
