"""How long a server asks us to wait, from whatever it wrote into its headers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from nexiom_sdk.hints import sane_hint


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the server wants to be asked again; None where it does not say, or what it says is nonsense.

    `Retry-After-Ms` wins over `Retry-After`, which holds seconds or an HTTP date (RFC 9110, section 10.2.3). No wait at
    all, or one in the past, says nothing after a refusal: then we choose. Nobody is waited for longer than an hour.

    Args:
        headers: Of the reply, with lower-case names.
        now: The moment of the reply, for dates.

    Example:
        >>> now = datetime(2026, 11, 25, 12, tzinfo=UTC)
        >>> retry_after_seconds({"retry-after": "Wed, 25 Nov 2026 12:00:30 GMT"}, now)
        30.0
        >>> retry_after_seconds({"retry-after-ms": "1500", "retry-after": "60"}, now)
        1.5
        >>> retry_after_seconds({"retry-after": "soon"}, now) is None
        True
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    asked = _after(headers.get("retry-after", ""), now) if milliseconds is None else milliseconds / 1000
    return sane_hint(asked) or None


def _after(text: str, now: datetime) -> float | None:
    seconds = _number(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
        return (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _number(text: str) -> float | None:
    if not text.isascii() or "_" in text:  # Python reads more numbers than HTTP knows
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
