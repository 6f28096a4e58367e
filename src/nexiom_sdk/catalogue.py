"""Every model of every installed provider in one view, with one truth about each: its card.

A card comes from the provider once it is made, before that from its adapter's class; what the user's file says wins in
both cases. Choosing, estimates, references and schedules all ask here, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from pydantic import SecretStr

from nexiom_sdk.cards import ModelCard
from nexiom_sdk.catalogue_changes import Changes, Listed, read_changes
from nexiom_sdk.catalogue_view import UNREADABLE, ListedModel, State, Wanted
from nexiom_sdk.clock import Clock
from nexiom_sdk.config import Settings
from nexiom_sdk.errors import ConfigurationError, MissingCredentials
from nexiom_sdk.policy import Policy
from nexiom_sdk.providers.protocol import SupportsCatalogue, VideoProvider
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.retirement import gone, leaving
from nexiom_sdk.types import ANY_PROVIDER, Choice, QualityTier, Rejection, VideoRequest
from nexiom_sdk.wording import nearest, printable

__all__ = ["Catalogue", "ListedModel"]


class _Reach(NamedTuple):
    """How far a provider can be used: its cards, or why there are none."""

    cards: Sequence[ModelCard]
    state: State
    reason: str
    changing: bool


class _Applied(NamedTuple):
    """What a provider lists, and the same as the user's file has it."""

    listed: tuple[ModelCard, ...]
    cards: tuple[ModelCard, ...]


class Catalogue:
    """The models that there are.

    Args:
        registry: Which providers exist.
        settings: How they are set up, and where the user's file is.
        provider: Gives the provider of a name; raises `ConfigurationError` where it cannot.
        policy: Gives the policy, for the tiers.
        clock: Time, for retirements.
    """

    def __init__(
        self,
        *,
        registry: ProviderRegistry,
        settings: Settings,
        provider: Callable[[str], VideoProvider],
        policy: Callable[[], Policy],
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._provider = provider
        self._policy = policy
        self._clock = clock
        self._applied: dict[str, _Applied] = {}

    @cached_property
    def changes(self) -> Changes:
        """What the user's file says, read once; the adapters that it names are imported.

        Raises:
            ConfigurationError: Something in it is wrong.
        """
        if self._settings.cards is None:
            return Changes()
        return read_changes(self._settings.cards, self._registry.installed(), self._listed)

    def cards(self, provider: VideoProvider) -> Sequence[ModelCard]:
        """The cards of a provider that can be used, as the user's file has them.

        Raises:
            ConfigurationError: Something in the file is wrong.
        """
        takes_new, listed = getattr(provider, "takes_new_models", False) is True, tuple(provider.models)
        before = self._applied.get(provider.name)
        if before is None or [*map(id, before.listed)] != [*map(id, listed)]:
            cards = tuple(self.changes.applied(provider.name, listed, takes_new=takes_new))
            before = self._applied[provider.name] = _Applied(listed, cards)
        return before.cards  # the same ones each time, so that choices are remembered

    def names_of(self, provider: str) -> frozenset[str]:
        """The ids of the models of a provider, set up or not, with those that settings or the user's file name."""
        known = self._listed(provider)
        if not known.complete:
            return frozenset()
        return frozenset({*known.cards, *known.named, *self.changes.over.get(provider, ())})

    def licences(self) -> frozenset[str]:
        """The licences of all models that are known; every adapter is imported."""
        return frozenset(card.licence for name in self._registry.names() for card in self._known(name) if card.licence)

    def is_gone(self, provider: str, model: str | None) -> bool:
        """Whether a provider is known to offer a model no longer, set up or not."""
        today = self._clock.now().date()
        names = {model, model and model.removeprefix(f"{provider}/")}
        return any(card.model in names and card.retired(today) for card in self._known(provider))

    def models(self, provider: str | None, wanted: Wanted) -> Sequence[ListedModel]:
        """The models of one provider, or of all, that are wanted; the errors are those of `Studio.models`."""
        policy = self._policy()
        names = self._registry.names() if provider is None else (provider,)
        rows = (row for name in names for row in self._rows(name))
        weighted = (row.evolve(tiers=_tiers(policy, row.target)) for row in rows)
        return tuple(row for row in weighted if wanted.has(row))

    def explained(self, choice: Choice, request: VideoRequest) -> Choice:
        """A choice by the name of a model, with what is known of models that cannot be used here.

        Selection sees the cards of providers that are set up. That another one has the model and what it needs, that
        it is gone, or which one was probably meant, is added here.
        """
        model = request.model or ""
        names = self._registry.names() if request.provider is None else (request.provider,)
        beyond = [row for name in names for row in self._beyond(name, self._reach(name))]
        found = {row.target: row for row in beyond if model in {row.card.model, row.target}}
        rejected = [one for one in choice.rejected if one.target not in found]
        if request.provider is None and [one.provider for one in rejected] == [ANY_PROVIDER] and not choice.ranked:
            here = (row for name in names for row in self._rows(name))
            rejected = (
                [] if found else [Rejection(provider=ANY_PROVIDER, model=model, reasons=(_not_known(model, here),))]
            )
        named = (
            Rejection(provider=one.provider, model=one.card.model, reasons=(one.reason,)) for one in found.values()
        )
        return choice.evolve(rejected=(*rejected, *named))

    def _rows(self, name: str) -> Iterator[ListedModel]:
        """Every model of a provider, in its own order, those that cannot be used last."""
        reach, today = self._reach(name), self._clock.now().date()
        by_model = {card.model: card for card in reach.cards}
        beyond = [*self._beyond(name, reach)]
        for card in reach.cards:
            if card.retired(today):
                yield ListedModel(provider=name, card=card, state="retired", reason=gone(card, by_model, today))
            else:
                yield ListedModel(
                    provider=name, card=card, state="usable", reason="; ".join(leaving(card, by_model, today))
                )
        yield from beyond
        if not (by_model or beyond):
            reason = self._registry.cards(name).problem or reach.reason or f"{name} lists no models."
            state: State = "broken" if reach.state == "usable" else reach.state
            yield ListedModel(provider=name, card=ModelCard(model=UNREADABLE), state=state, reason=reason)

    def _beyond(self, name: str, reach: _Reach) -> Iterator[ListedModel]:
        """The models that an adapter knows and that cannot be ordered with what is set up."""
        here = {card.model for card in reach.cards}
        today, known = self._clock.now().date(), self._known(name)
        by_model = {card.model: card for card in (*known, *reach.cards)}
        for card in known:
            if card.model in here:
                continue
            if card.retired(today):
                yield ListedModel(provider=name, card=card, state="retired", reason=gone(card, by_model, today))
            elif reach.state != "usable":
                yield ListedModel(provider=name, card=card, state=reach.state, reason=reach.reason)
            elif not reach.changing:  # else the provider lists it no more
                yield ListedModel(provider=name, card=card, state="not_set_up", reason=self._further_needs(name))

    def _reach(self, name: str) -> _Reach:
        try:
            provider = self._provider(name)
        except MissingCredentials as error:
            return _Reach((), "not_set_up", error.message, changing=False)
        except ConfigurationError as error:
            self._registry.cards(name)  # a name that nobody has is the caller's mistake, not the provider's
            return _Reach((), "broken", error.message, changing=False)
        return _Reach(self.cards(provider), "usable", "", changing=isinstance(provider, SupportsCatalogue))

    def _known(self, name: str) -> Sequence[ModelCard]:
        """The cards that an adapter's class lists, as the user's file has them."""
        known = self._registry.cards(name)
        return self.changes.applied(name, known.cards, takes_new=known.takes_new_models)

    def _listed(self, name: str) -> Listed:
        """What the file is held against: it is read the same whether or not the keys are there."""
        if name not in self._registry.names():  # one file may serve processes that use other providers
            return Listed(cards={}, complete=False)
        known = self._registry.cards(name)
        try:
            made: Sequence[ModelCard] | None = self._provider(name).models
        except ConfigurationError:
            made = None
        configured, variable = self._named_by_the_operator(name)
        return Listed(
            cards={card.model: card for card in (*known.cards, *(made or ()))},
            named=configured,
            takes_new=known.takes_new_models,
            names_models=variable,
            complete=bool(known.cards) or made is not None,
        )

    def _named_by_the_operator(self, name: str) -> tuple[frozenset[str], str]:
        """Models that only a setting names, and its variable: adapters that have one call it `models`."""
        try:
            declared = self._registry.declared(name)
        except ConfigurationError:
            return frozenset(), ""
        said = self._settings.configuration(name, declared).get("models", "")
        text = said.get_secret_value() if isinstance(said, SecretStr) else said
        names = (entry.partition("=")[0].strip() for entry in text.split(","))
        return frozenset(filter(None, names)), declared.config_env.get("models", "")

    def _further_needs(self, name: str) -> str:
        """What else could be set where a model is not reached by what is."""
        declared = self._registry.declared(name)
        given = self._settings.configuration(name, declared).keys()
        sets = declared.credential_sets or [(key,) for key in declared.config_env if key.endswith("api_key")]
        missing = (keys for keys in sets if not given >= {*keys})
        ways = ", or ".join(" with ".join(declared.config_env.get(key, key) for key in keys) for keys in missing)
        return f"what is set up here does not reach it{f'; it may need {ways}' if ways else ''}"


def _tiers(policy: Policy, target: str) -> dict[QualityTier, int]:
    return {
        tier: entry.weight for tier, named in policy.tiers.items() for entry in named.entries if entry.target == target
    }


def _not_known(model: str, rows: Iterable[ListedModel]) -> str:
    targets = {row.card.model: row.target for row in rows if row.card.model != UNREADABLE}
    guess = nearest(model, targets)
    hint = "" if guess is None else f" Did you mean '{guess}' ({targets[guess]})?"
    return f"There is no model '{printable(model, 60)}'.{hint} `nexiom models` lists all."
