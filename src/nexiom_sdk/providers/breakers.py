"""The breakers of all providers of one process: told how each call ended, asked before each order."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import MalformedResponse, NexiomError, ProviderBusy, ProviderError, ProviderUnavailable
from nexiom_sdk.errors import SubmissionUncertain as Uncertain
from nexiom_sdk.events import BreakerMoved, Sink, Sinks
from nexiom_sdk.providers.breaker import Breaker

_REQUEST_TIMEOUT, _SERVER_ERROR = 408, 500
_HINT = "Nothing has to be done: the order is sent when the provider answers again, or to another one."

# What other processes of this machine found out last, by provider.
Heard = Callable[[], Mapping[str, BreakerMoved]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A provider to which no order goes now.

    Args:
        provider: Its name.
        reason: Why.
        until: When one order may try it; None: one does at this moment.
        seconds: When to ask again.
    """

    provider: str
    reason: str
    until: datetime | None
    seconds: float

    @property
    def words(self) -> str:
        """What is wrong, after the provider's name."""
        if self.until is None:
            return "is failing: one order tries it now, and no other is sent until that has ended"
        return f"is failing ({self.reason}): no order is sent to it before {self.until:%H:%M:%S} UTC"

    def error(self) -> ProviderUnavailable:
        """The same for a job that has to wait: it was certainly not sent."""
        return ProviderUnavailable(
            f"{self.provider} {self.words}.",
            provider=self.provider,
            retry_after_seconds=self.seconds,
            charged="no",
            next_step=_HINT,
        )


class Breakers:
    """One breaker for each provider. They belong to one event loop.

    Args:
        clock: Time.
        sink: Who is told when a breaker moves.
        heard: Gives what other processes found out.

    Example:
        >>> from nexiom_sdk.testing import VirtualClock
        >>> clock = VirtualClock()
        >>> breakers = Breakers(clock=clock, sink=lambda event: None)
        >>> for _ in range(5):
        ...     breakers.ended("acme", ProviderUnavailable("down"))
        >>> print(breakers.held("acme").error().message)
        acme is failing (5 of the last 5 calls): no order is sent to it before 12:00:30 UTC.
    """

    def __init__(self, *, clock: Clock, sink: Sink, heard: Heard | None = None) -> None:
        self._clock = clock
        self._sink = Sinks((sink,))
        self._heard: Heard = heard or dict[str, BreakerMoved]
        self._breakers: dict[str, Breaker] = {}
        self._moved_at: dict[str, datetime] = {}

    def ended(self, provider: str, error: NexiomError | None) -> None:
        """A call to the provider ended, with this error or well."""
        failed = is_down(error)
        if failed is None:
            return
        breaker, now = self._breaker(provider), self._clock.monotonic()
        if breaker.ended(now, failed=failed):
            self._tell(provider, breaker, now)

    def held(self, provider: str) -> Held | None:
        """Why no order may go to the provider now; None where one may."""
        breaker, now = self._breaker(provider), self._clock.monotonic()
        seconds = breaker.wait(now)
        if not seconds:
            return None
        until = None if breaker.state == "probing" else self._clock.now() + timedelta(seconds=seconds)
        return Held(provider=provider, reason=breaker.reason, until=until, seconds=seconds)

    def failing(self) -> Mapping[str, Held]:
        """The providers to which no order may go now."""
        known = sorted({*self._breakers, *self._heard()})
        return {name: held for name in known if (held := self.held(name)) is not None}

    @contextlib.contextmanager
    def order(self, provider: str) -> Generator[None]:
        """Surrounds an order, which may be the probe.

        Raises:
            ProviderUnavailable: The provider is failing, and this order is not the one that tries it. Nothing was sent.
        """
        held = self.held(provider)
        if held is not None:
            raise held.error()
        breaker, now = self._breaker(provider), self._clock.monotonic()
        probes, opening = breaker.take(now), breaker.openings
        if probes:
            self._tell(provider, breaker, now)
        try:
            yield
        finally:
            if probes:
                breaker.give_back(self._clock.monotonic(), opening=opening)

    def _breaker(self, provider: str) -> Breaker:
        """The provider's breaker, with what another process found out later than this one."""
        breaker = self._breakers.get(provider)
        if breaker is None:
            breaker = self._breakers[provider] = Breaker()
        told = self._heard().get(provider)
        if told is not None and ((known := self._moved_at.get(provider)) is None or told.at > known):
            left = 0.0 if told.until is None else (told.until - self._clock.now()).total_seconds()
            until = self._clock.monotonic() + left
            breaker.adopt(told.state, until=until, openings=told.openings, reason=told.reason)
            self._moved_at[provider] = told.at
        return breaker

    def _tell(self, provider: str, breaker: Breaker, now: float) -> None:
        at = self._moved_at[provider] = self._clock.now()
        self._sink(
            BreakerMoved(
                provider=provider,
                state=breaker.state,
                reason=breaker.reason,
                at=at,
                until=None if breaker.state == "closed" else at + timedelta(seconds=breaker.until - now),
                openings=breaker.openings,
            )
        )


def is_down(error: NexiomError | None) -> bool | None:
    """Whether the end of a call says that the provider is down; None where it says nothing of that.

    Example:
        >>> from nexiom_sdk.errors import RateLimited
        >>> is_down(None), is_down(MalformedResponse()), is_down(RateLimited(status=429)), is_down(ProviderBusy())
        (False, True, False, None)
    """
    match error:
        case None:
            return False
        case Uncertain() | MalformedResponse():
            return True
        case ProviderBusy():  # it was not even asked
            return None
        case ProviderUnavailable():
            # Some answers about a single order, such as that it does not show yet, ask to be asked again, no more.
            refused = error.status is not None and _REQUEST_TIMEOUT != error.status < _SERVER_ERROR
            return None if refused else True
        case ProviderError():
            return None if error.status is None else False  # adapters find many errors themselves, before they ask
        case _:
            return None
