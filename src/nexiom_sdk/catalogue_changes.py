"""The user's file of cards, held against the models that are known: what it changes, adds, and gets wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nexiom_sdk.cards import ModelCard
from nexiom_sdk.catalogue_file import LENGTHS, CardChange, CardsFile, mistaken, text_of
from nexiom_sdk.policy_problems import Place
from nexiom_sdk.wording import nearest, printable, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What is known of a provider's models when the file is read.

    Args:
        cards: Their cards by id.
        named: Ids that the operator gave, of which there may be no card here.
        takes_new: Whether others can be ordered.
        names_models: Variable in which an operator can name others; empty where there is none.
        complete: Whether these are all.
    """

    cards: Mapping[str, ModelCard]
    named: frozenset[str] = frozenset()
    takes_new: bool = False
    names_models: str = ""
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What the file says.

    Args:
        over: The entries by provider and model.
        new: The cards of models that their provider does not list, by provider.
    """

    over: Mapping[str, Mapping[str, CardChange]] = field(default_factory=dict[str, dict[str, CardChange]])
    new: Mapping[str, Sequence[ModelCard]] = field(default_factory=dict[str, list[ModelCard]])

    def applied(self, provider: str, listed: Sequence[ModelCard], *, takes_new: bool) -> Sequence[ModelCard]:
        """A provider's cards as the file has them, the models that it adds last.

        Args:
            provider: Its name.
            listed: The cards that it lists.
            takes_new: Whether it can order models that it does not list.
        """
        over = self.over.get(provider)
        if not over:
            return listed
        changed = [over[card.model].over(card) if card.model in over else card for card in listed]
        here = {card.model for card in listed}
        added = [card for card in self.new.get(provider, ()) if card.model not in here] if takes_new else []
        return (*changed, *added)


def read_changes(path: Path, installed: Sequence[str], listed: Callable[[str], Listed]) -> Changes:
    """What a file says, if all of it is about models that there are, or that can be ordered.

    Args:
        path: The file.
        installed: Names of the providers.
        listed: Gives what is known of a provider's models.

    Raises:
        ConfigurationError: It cannot be read, or something in it is wrong: every mistake with its line.
    """
    text, source, listed = text_of(path), str(path), functools.cache(listed)
    file = CardsFile.from_json(text, source=source)
    found: list[tuple[Place, str]] = []
    over: dict[str, dict[str, CardChange]] = {}
    new: dict[str, list[ModelCard]] = {}
    for target, change in file.cards.items():
        provider, _, model = target.partition("/")
        wrong = [*_mistakes(target, change, installed, listed), *_successor(target, change, file, listed)]
        found += wrong
        if wrong:
            continue
        over.setdefault(provider, {})[model] = change
        known = listed(provider)
        if known.complete and model not in known.cards and model not in known.named:
            like = None if change.like is None else _card_of(change.like, listed)
            new.setdefault(provider, []).append(change.alone(model, like=like, seen=file.seen(source)))
    if found:
        raise mistaken(text, source, found)
    return Changes(over=over, new=new)


def _mistakes(
    target: str, change: CardChange, installed: Sequence[str], listed: Callable[[str], Listed]
) -> Iterator[tuple[Place, str]]:
    provider, _, model = target.partition("/")
    place: Place = ("cards", target)
    if provider not in installed:
        yield place, unknown("provider", provider, installed)
        return
    if change.model not in {"", model}:
        yield (*place, "model"), f"It says '{printable(change.model, 60)}', and the entry is for '{model}'."
    known = listed(provider)
    if not known.complete:
        return
    if change.like is not None and (other := change.like.partition("/")[0]) not in installed:
        yield (*place, "like"), unknown("provider", other, installed)
    elif change.like is not None and _card_of(change.like, listed) is None:
        yield (*place, "like"), _no_model(change.like, listed)
    if model in known.cards or model in known.named:
        return
    if not known.takes_new:
        name_it = f" Name it in {known.names_models} first." if known.names_models else ""
        yield place, f"{_no_model(target, listed)} Orders of other models cannot be written for {provider}.{name_it}"
    elif change.like is None and not change.model_fields_set & LENGTHS:
        yield place, f"{_no_model(target, listed)} A new model says which one it is `like`, or its `durations_seconds`."


def _successor(
    target: str, change: CardChange, file: CardsFile, listed: Callable[[str], Listed]
) -> Iterator[tuple[Place, str]]:
    """That what comes after a model is a model of the same provider: else nobody could be sent to it."""
    provider, named = target.partition("/")[0], change.successor
    known = listed(provider)
    if named is None or not known.complete:
        return
    own = {one.partition("/")[2] for one in file.cards if one.partition("/")[0] == provider}
    models = {*known.cards, *known.named, *own}
    if named not in models:
        guess = nearest(named, sorted(models))
        hint = "" if guess is None else f" Did you mean '{guess}'?"
        yield ("cards", target, "successor"), f"{provider} lists no model '{printable(named, 60)}'.{hint}"


def _card_of(target: str, listed: Callable[[str], Listed]) -> ModelCard | None:
    provider, _, model = target.partition("/")
    return listed(provider).cards.get(model)


def _no_model(target: str, listed: Callable[[str], Listed]) -> str:
    provider, _, model = target.partition("/")
    if not listed(provider).complete:
        return f"Which models {provider} lists is not known here."
    guess = nearest(model, listed(provider).cards)
    hint = "" if guess is None else f" Did you mean '{provider}/{guess}'?"
    return f"{provider} lists no model '{printable(model, 60)}'.{hint}"
