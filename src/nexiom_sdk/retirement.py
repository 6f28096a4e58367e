"""What to say of a model that goes or has gone: since when, and what to use instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from nexiom_sdk.cards import ModelCard

WARN_BEFORE_RETIREMENT = timedelta(days=60)
GONE = "is no longer offered"


def gone(card: ModelCard, listed: Mapping[str, ModelCard], today: date) -> str:
    """That a model is no longer offered, since when, and what to use instead.

    Args:
        card: The model.
        listed: All cards of its provider, by their models.
        today: The day.

    Example:
        >>> old = ModelCard(model="a1", lifecycle="retired", retires_on=date(2026, 10, 22), successor="a2")
        >>> gone(old, {}, date(2026, 11, 24))
        'is no longer offered since 2026-10-22; use a2 instead'
    """
    day = card.retires_on
    since = f" since {day}" if day is not None and day <= today else ""
    return f"{GONE}{since}{_instead(card, listed, today)}"


def leaving(card: ModelCard, listed: Mapping[str, ModelCard], today: date) -> Iterator[str]:
    """Every sign that a model will be gone; nothing, where it stays as far as is known.

    Args:
        card: A model that is still offered.
        listed: All cards of its provider, by their models.
        today: The day.

    Example:
        >>> old = ModelCard(model="a1", lifecycle="deprecated", retires_not_before=date(2026, 11, 17), successor="a2")
        >>> list(leaving(old, {}, date(2026, 11, 24)))
        ['is deprecated; use a2 instead', 'was promised until 2026-11-17 only: it may go any day']
    """
    if card.lifecycle == "deprecated":
        yield f"is deprecated{_instead(card, listed, today)}"
    if card.retires_on is not None:
        if card.retires_on - today <= WARN_BEFORE_RETIREMENT:
            yield f"is no longer offered from {card.retires_on} on{_instead(card, listed, today)}"
    elif card.retires_not_before is not None and card.retires_not_before <= today:
        yield f"was promised until {card.retires_not_before} only: it may go any day"


def _instead(card: ModelCard, listed: Mapping[str, ModelCard], today: date) -> str:
    """The nearest successor that is still offered, as far as successors are known."""
    seen, name = {card.model}, card.successor
    while name is not None and name not in seen and (one := listed.get(name)) is not None and one.retired(today):
        seen.add(name)
        name = one.successor
    return "" if name is None or name in seen else f"; use {name} instead"
