"""When things happened to the present order of a job, as its row keeps it in its metadata under `timing`. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Self

from pydantic import JsonValue

from nexiom_sdk.moments import utc

_NOTHING: Mapping[str, JsonValue] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What is known of when; what is not, or what somebody made unreadable by hand, is None.

    Args:
        ordered_at: The present order was made, not yet sent.
        waiting_since: The job waits for a provider that takes it, over all its orders that none took.
        not_set_up_since: Machines that lack what the order needs have met it.
        submit_answered_at: The provider took the order.
        running_since: The provider first said that it has begun.
        last_running_at: The provider was last seen at it.
        timed_out_at: It was over its time.
        finished_at: The provider was found to be done.
        key: The setting within which the time it took is comparable.
        took_seconds: How long it took the provider.

    Example:
        >>> Timing.of({"timing": {"ordered_at": "2026-11-24T12:00:00+01:00", "finished_at": "soon"}}).stored()
        {'ordered_at': '2026-11-24T11:00:00+00:00'}
    """

    ordered_at: datetime | None = None
    waiting_since: datetime | None = None
    not_set_up_since: datetime | None = None
    submit_answered_at: datetime | None = None
    running_since: datetime | None = None
    last_running_at: datetime | None = None
    timed_out_at: datetime | None = None
    finished_at: datetime | None = None
    key: str | None = None
    took_seconds: float | None = None

    @classmethod
    def of(cls, metadata: Mapping[str, JsonValue]) -> Self:
        """The timing in the metadata of a row."""
        found = metadata.get("timing")
        stored: Mapping[str, JsonValue] = found if isinstance(found, dict) else _NOTHING
        key = stored.get("key")
        return cls(
            **{name: _moment(stored[name]) for name in _MOMENTS if name in stored},
            key=key if isinstance(key, str) else None,
            took_seconds=_seconds(stored.get("took_seconds")),
        )

    def stored(self) -> dict[str, JsonValue]:
        """The same as JSON, moments in UTC: sums compare them as text."""
        known: dict[str, JsonValue] = {}
        for name in _NAMES:
            value = getattr(self, name)
            if value is not None:
                known[name] = utc(value).isoformat() if isinstance(value, datetime) else value
        return known


_NAMES = tuple(field.name for field in fields(Timing))
_MOMENTS = frozenset(_NAMES) - {"key", "took_seconds"}


def seconds_since(moment: datetime | None, now: datetime) -> float | None:
    """Seconds from a moment until now, never less than none; None where it is not known.

    Args:
        moment: When.
        now: The present moment.
    """
    return None if moment is None else max((now - moment).total_seconds(), 0.0)


def _seconds(number: JsonValue) -> float | None:
    try:
        seconds = float(number) if isinstance(number, int | float) and not isinstance(number, bool) else math.nan
    except OverflowError:  # somebody changed the row by hand
        return None
    return seconds if math.isfinite(seconds) else None


def _moment(text: JsonValue) -> datetime | None:
    try:
        return utc(datetime.fromisoformat(text)) if isinstance(text, str) else None
    except (ValueError, OverflowError):  # somebody changed the row by hand; a year 1 has no time east of UTC
        return None
