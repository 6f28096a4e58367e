"""How far a provider's wish to be left alone is believed. Pure."""

from __future__ import annotations

LONGEST_HINT_SECONDS = 3600.0


def sane_hint(seconds: float | None) -> float:
    """The wish, if it makes sense: at most an hour; 0 where there is none, or it is nonsense, or none of waiting.

    Args:
        seconds: What the provider asked for.

    Example:
        >>> sane_hint(90.0), sane_hint(1e12), sane_hint(-5.0), sane_hint(float("nan")), sane_hint(None)
        (90.0, 3600.0, 0.0, 0.0, 0.0)
    """
    return min(seconds, LONGEST_HINT_SECONDS) if seconds is not None and seconds > 0 else 0.0
