"""Whether orders may go to a provider that may be down: pure arithmetic over how the last calls to it ended."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

State: TypeAlias = Literal["closed", "open", "probing"]

MOST_CALLS = 20
WINDOW_SECONDS = 60.0
LEAST_FAILURES = 5
LEAST_SHARE = 0.5
FIRST_OPENING_SECONDS = 30.0
LONGEST_OPENING_SECONDS = 300.0
PROBE_SECONDS = 60.0  # as long as a call may take: a probe of another process that has not ended by then has died
AFTER_PROBE_SECONDS = 5.0  # when to ask again while a probe is out


@dataclass(slots=True, kw_only=True)
class Breaker:
    """The breaker of one provider: it holds back orders while the provider is failing, and lets one of them probe.

    Times are seconds of a clock that never goes back. While it is open, results of calls that go on all the same, such
    as looks at running jobs, decide too: a good one closes it, and a bad one, once its time has come, opens it anew.

    Args:
        state: closed: orders may go. open: none goes before `until`, then one is the probe. probing: one is out.
        until: Until when no order goes.
        openings: How often it opened in a row; the next time is twice as long.
        reason: Why it is in this state.

    Example:
        >>> breaker = Breaker()
        >>> [breaker.ended(now, failed=True) for now in range(5)]
        [False, False, False, False, True]
        >>> breaker.state, breaker.reason, breaker.wait(4), breaker.wait(34)
        ('open', '5 of the last 5 calls', 30.0, 0.0)
        >>> breaker.take(34), breaker.wait(34), breaker.ended(35, failed=True), breaker.wait(35)
        (True, 5.0, True, 60.0)
    """

    state: State = "closed"
    until: float = 0.0
    openings: int = 0
    reason: str = ""
    _ours: bool = field(init=False, repr=False, default=False)  # the probe that is out is one of this process
    _calls: deque[tuple[float, bool]] = field(
        init=False, repr=False, default_factory=lambda: deque[tuple[float, bool]](maxlen=MOST_CALLS)
    )

    def wait(self, now: float) -> float:
        """Seconds until an order may go, or until it is worth asking again; 0: one may go now."""
        if self.state == "closed":
            return 0.0
        if self._ours:
            return AFTER_PROBE_SECONDS
        left = max(self.until - now, 0.0)
        return min(left, AFTER_PROBE_SECONDS) if self.state == "probing" else left

    def take(self, now: float) -> bool:
        """Let an order go, for `wait` said 0; True if it is the probe."""
        if self.state == "closed":
            return False
        self.state, self.until, self._ours = "probing", now + PROBE_SECONDS, True
        self.reason = "one order tries it"
        return True

    def give_back(self, now: float, *, opening: int) -> None:
        """The probe of this opening ended and says nothing of the provider: the next order may be one."""
        if self._ours and self.openings == opening:
            self.state, self.until, self._ours = "open", now, False

    def ended(self, now: float, *, failed: bool) -> bool:
        """A call ended, and it says whether the provider is up; True if the breaker moved."""
        if not failed:
            self._calls.append((now, False))
            return self._close()
        if self.state == "closed":
            self._calls.append((now, True))
            return self._trip(now)
        if self.state == "open" and now < self.until:
            return False  # a call from before, or a look: nothing new
        self._open(now, "it failed again when it was tried")
        return True

    def adopt(self, state: State, *, until: float, openings: int, reason: str) -> None:
        """Take over what another process found out since."""
        self.state, self.until, self.openings, self.reason = state, until, openings, reason
        self._ours = False
        self._calls.clear()

    def _close(self) -> bool:
        moved = self.state != "closed"
        if moved:
            self.adopt("closed", until=0.0, openings=0, reason="it answers again")
        return moved

    def _trip(self, now: float) -> bool:
        recent = [failed for at, failed in self._calls if now - at <= WINDOW_SECONDS]
        failures = sum(recent)
        if failures < LEAST_FAILURES or failures < LEAST_SHARE * len(recent):
            return False
        self._open(now, f"{failures} of the last {len(recent)} calls")
        return True

    def _open(self, now: float, reason: str) -> None:
        opening = min(FIRST_OPENING_SECONDS * 2.0 ** min(self.openings, 10), LONGEST_OPENING_SECONDS)
        self.adopt("open", until=now + opening, openings=self.openings + 1, reason=reason)
