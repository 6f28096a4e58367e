"""Moments as rows and calendars have them, compared in one zone."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(moment: datetime) -> datetime:
    """The moment in UTC; a naive one is taken to be UTC already.

    Args:
        moment: When.

    Example:
        >>> str(utc(datetime.fromisoformat("2026-11-24T01:30:00+02:00")))
        '2026-11-23 23:30:00+00:00'
    """
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
