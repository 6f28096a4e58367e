"""The models that an adapter knows before it is made: what its class lists, read without trusting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from nexiom_sdk.models import ModelCard


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModels:
    """What an adapter's class says of its models.

    Args:
        cards: Their cards; empty where the class lists none.
        takes_new_models: It can order models that it does not list, by their ids.
        problem: What is wrong with the list, in a sentence; then there are no cards.
    """

    cards: tuple[ModelCard, ...] = ()
    takes_new_models: bool = False
    problem: str = ""


def known_models(factory: object) -> KnownModels:
    """What a factory lists as `cards`, or else as `models`; what is wrong with it is told, never raised.

    Example:
        >>> from nexiom_sdk.providers.local import LocalProvider
        >>> [card.model for card in known_models(LocalProvider).cards], known_models(len).cards
        (['preview'], ())
    """
    try:
        declared: object = getattr(factory, "cards", None)
        takes: object = getattr(factory, "takes_new_models", False)
        if declared is None:  # of `models` nothing is expected here: most adapters know theirs once they are made
            models: object = getattr(factory, "models", ())
            cards = _cards(models)
            return KnownModels(cards=() if isinstance(cards, str) else cards, takes_new_models=takes is True)
        cards = _cards(declared)
    except Exception as error:  # noqa: BLE001 - an attribute of foreign code may be code as well
        return KnownModels(problem=f"has cards that raise {type(error).__name__}")
    return (
        KnownModels(problem=cards)
        if isinstance(cards, str)
        else KnownModels(cards=cards, takes_new_models=takes is True)
    )


def _cards(declared: object) -> tuple[ModelCard, ...] | str:
    """The cards, or what is wrong with them."""
    if not isinstance(declared, tuple | list):
        return "has cards that are no tuple or list"
    items = tuple(cast("Sequence[object]", declared))
    cards = tuple(card for card in items if isinstance(card, ModelCard))
    if len(cards) != len(items):
        return "has cards that are not ModelCards"
    twice = next((card.model for card in cards if [one.model for one in cards].count(card.model) > 1), None)
    return cards if twice is None else "has two cards for one model"
