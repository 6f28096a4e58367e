"""A database that is away: said once when it goes, now and then while it is away, and once when it is back."""

from __future__ import annotations

import logging

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import NexiomError

_log = logging.getLogger(__name__)

FIRST_REMINDER_SECONDS = 60.0  # then after twice the time, and so on
LONGEST_SILENCE_SECONDS = 3600.0


class Outage:
    """Counts failed looks at the table in a row, and logs those that somebody should hear of.

    Args:
        clock: Time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = 0.0
        self._remind_after = 0.0
        self.failures: int = 0

    def failed(self, error: NexiomError, *, pause_seconds: float) -> None:
        """Another look failed.

        Args:
            error: Why.
            pause_seconds: When the next one comes.
        """
        self.failures += 1
        extra = {"action": "no_rows"}
        if self.failures == 1:
            self._began, self._remind_after = self._clock.monotonic(), FIRST_REMINDER_SECONDS
            _log.warning("no jobs can be read, next try in %.0f s: %s", pause_seconds, error, extra=extra)
        elif (away := self._clock.monotonic() - self._began) >= self._remind_after:
            self._remind_after = away + min(away, LONGEST_SILENCE_SECONDS)
            _log.warning(
                "no jobs can be read for %.0f s now, %d tries failed: %s", away, self.failures, error, extra=extra
            )

    def over(self) -> None:
        """A look worked: whatever was wrong is over."""
        if self.failures:
            away = self._clock.monotonic() - self._began
            _log.warning("jobs can be read again, after %.0f s", away, extra={"action": "rows_again"})
            self.failures = 0
