"""The providers of one studio, made on first use, and the choice of a model among them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from nexiom_sdk.catalogue import Catalogue
from nexiom_sdk.catalogue_view import Wanted
from nexiom_sdk.choice_words import next_step_of, refuses_the_tier, shown_target, told_of_waiting
from nexiom_sdk.clock import Clock
from nexiom_sdk.config import Settings
from nexiom_sdk.errors import ConfigurationError, InvalidPolicy, MissingCredentials, NoCandidate, UnknownProvider
from nexiom_sdk.models import ModelCard
from nexiom_sdk.policy import Policy
from nexiom_sdk.policy_words import alike_roles, misspelt
from nexiom_sdk.providers.protocol import HttpOptions, VideoProvider
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.selection import select
from nexiom_sdk.types import WHOLE_TIER, Choice, Rejection, VideoRequest
from nexiom_sdk.wording import printable

_log = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)
_LONGEST_NAME = 120


class Chooser:
    """Chooses models, and holds the providers they belong to.

    Args:
        registry: Which providers exist.
        settings: Their keys.
        policy: Gives the policy; called on first use.
        clock: Time, for retirements and for the adapters.
        failing: Gives the providers that are failing now, with what is wrong.
        policy_file: Where the policy was read from, for errors.

    Attributes:
        catalogue: Which models there are, with their cards.
    """

    def __init__(
        self,
        *,
        registry: ProviderRegistry,
        settings: Settings,
        policy: Callable[[], Policy],
        clock: Clock,
        failing: Callable[[], Mapping[str, str]] = dict[str, str],
        policy_file: Path | None = None,
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._policy = policy
        self._clock = clock
        self._failing = failing
        self._policy_file = policy_file
        self._read: Policy | None = None  # the policy whose words were looked at
        self._providers: dict[str, VideoProvider] = {}
        self.catalogue: Catalogue = Catalogue(
            registry=registry, settings=settings, provider=self.provider, policy=policy, clock=clock
        )

    def provider(self, name: str) -> VideoProvider:
        """The provider of this name, made once with its keys.

        Raises:
            ConfigurationError: It is not installed, has no key, or is broken.
        """
        if name not in self._providers:
            config = self._settings.configuration(name, self._registry.declared(name))
            options = HttpOptions(clock=self._clock, max_video_bytes=self._settings.video_max_bytes)
            self._providers[name] = self._registry.create(name, config, http=options)
        return self._providers[name]

    def explain(self, request: VideoRequest, *, addresses: bool = True, role: str | None = None) -> Choice:
        """The selection with its reasons, whether or not a model fits.

        Where every provider that could make it is failing, it is made all the same: the order waits for one of them.

        Args:
            request: What is wanted.
            addresses: Whether the store can give web addresses of the references it holds.
            role: The role of the user; None: the policy's default.

        Raises:
            ConfigurationError: The provider named by the request cannot be used, the clock of this machine is wrong, or
                a word of the policy is nearly one that is known.
        """
        failing = self._failing()
        choice = self._selected(request, failing, addresses=addresses, role=role)
        if choice.ranked or not failing:
            return choice
        waiting = self._selected(request, {}, addresses=addresses, role=role)
        return told_of_waiting(waiting) if waiting.ranked else choice

    def explain_now(self, request: VideoRequest, *, addresses: bool = True, role: str | None = None) -> Choice:
        """The selection among providers that are not failing; the arguments and errors are those of `explain`."""
        return self._selected(request, self._failing(), addresses=addresses, role=role)

    def _selected(
        self, request: VideoRequest, failing: Mapping[str, str], *, addresses: bool, role: str | None
    ) -> Choice:
        policy = self._policy()
        today = self._clock.now().date()
        if (known := policy.facts_of) is not None and today < known - ONE_DAY:
            # Models that are gone by now would be chosen, and budgets counted over the wrong days.
            msg = f"The clock of this machine says {today}, and the policy is of {known}."
            raise ConfigurationError(msg, next_step="Set the clock; nothing was ordered.")
        cards: dict[str, Sequence[ModelCard]] = {}
        unavailable: dict[str, str] = {}
        for name in self._asked(request, policy):
            try:
                provider = self.provider(name)
            except ConfigurationError as error:
                if name == request.provider and not self.catalogue.is_gone(name, request.model):
                    raise
                unavailable[name] = error.message
            else:
                cards[name] = self.catalogue.cards(provider)
        if policy is not self._read:
            self._read_words(policy, cards)
        choice = select(
            request,
            policy,
            cards,
            unavailable=unavailable,
            health=failing,
            today=today,
            addresses=addresses,
            role=role,
        )
        if request.model is not None:
            choice = self.catalogue.explained(choice, request)
        return choice if policy.bars_nothing else self._told_what_is_forbidden(choice, policy, unavailable)

    def choose(self, request: VideoRequest, *, addresses: bool = True, role: str | None = None) -> Choice:
        """The selection; at least one model fits.

        Args:
            request: What is wanted.
            addresses: Whether the store can give web addresses of the references it holds.
            role: The role of the user; None: the policy's default.

        Raises:
            MissingCredentials: No provider that the policy names is set up.
            NoCandidate: No model fits; the choice with every reason is on the error.
            ConfigurationError: The provider named by the request cannot be used.
        """
        choice = self.explain(request, addresses=addresses, role=role)
        if choice.chosen is not None:
            return choice
        by_tier = request.provider is None and request.model is None
        if by_tier and not (self._any_set_up(request) or refuses_the_tier(choice)):
            raise MissingCredentials(self._how_to_set_up(request))
        reasons = "\n".join(
            f"  {printable(shown_target(one), _LONGEST_NAME)}: {'; '.join(one.reasons)}" for one in choice.rejected
        )
        msg = f"No model fits this request:\n{reasons}\n" if reasons else "No model is known for this request."
        step = next_step_of(choice, {one.provider: self._lacks(one.provider) for one in choice.rejected})
        error = NoCandidate(msg, choice=choice)
        error.next_step = error.next_step if step is None else step
        raise error

    def needs(self, name: str) -> str:
        """The variables that set a provider up, in words; empty where it needs none.

        Where some of a set are there, the rest of it; else what the policy says, which knows what matters to most
        people; else what the adapter declares.

        Args:
            name: Name of the provider.

        Raises:
            UnknownProvider: There is no such provider.
            ConfigurationError: It cannot be imported or used.
        """
        told = self._policy().credentials.get(name, ())
        declared = self._registry.declared(name)
        variables, given = declared.config_env, self._settings.configuration(name, declared).keys()
        sets = [frozenset(keys) for keys in declared.credential_sets]
        least = [keys for keys in declared.credential_sets if not any(one < frozenset(keys) for one in sets)]
        begun = [[key for key in keys if key not in given] for keys in least if not given.isdisjoint(keys)]
        if told and not begun:
            return ", ".join(told)
        if least:
            return ", or ".join(" and ".join(variables.get(key, key) for key in keys) for keys in begun or least)
        try:
            self.provider(name)
        except MissingCredentials as error:
            named = [one for one in variables.values() if re.search(rf"\b{re.escape(one)}\b", error.message)]
            return ", ".join(named or variables.values())
        return ""

    async def aclose(self) -> None:
        """Close the providers."""
        while self._providers:
            _, provider = self._providers.popitem()
            await provider.aclose()

    def _read_words(self, policy: Policy, loaded: Mapping[str, Sequence[ModelCard]]) -> None:
        """Refuse a policy with a mistyped word, once: what it denies would be allowed."""
        found = misspelt(
            policy,
            self._registry.installed(),
            loaded=loaded.keys(),
            models=self.catalogue.names_of,
            licences=self.catalogue.licences,
        )
        if wrong := "\n".join(found):
            source = f"{self._policy_file}: " if self._policy_file else ""
            raise InvalidPolicy(source + wrong)
        for text in alike_roles(policy):
            _log.warning("%s Is it meant to be the same?", text, extra={"action": "alike_roles"})
        self._read = policy

    def _asked(self, request: VideoRequest, policy: Policy) -> tuple[str, ...]:
        if request.provider is not None:
            return (request.provider,)
        if request.model is not None:
            return self._registry.names()
        installed = set(self._registry.names())
        added = (one.target.partition("/")[0] for rule in policy.rules for one in rule.add)
        named = dict.fromkeys((*policy.providers(request.quality_tier), *added))
        return tuple(name for name in named if name in installed)

    def _any_set_up(self, request: VideoRequest) -> bool:
        return any(name in self._providers for name in self._asked(request, self._policy()))

    def _how_to_set_up(self, request: VideoRequest) -> str:
        policy = self._policy()
        ways = [f"{name} ({self._way(name)})" for name in policy.providers(request.quality_tier)]
        tier = request.quality_tier or policy.default_tier
        return f"No provider for the tier '{tier}' is set up. One of these would do: {', '.join(ways)}."

    def _way(self, name: str) -> str:
        """How to set a provider up, in a few words."""
        told = ", ".join(self._policy().credentials.get(name, ()))
        try:
            needed = self.needs(name)
        except UnknownProvider:
            return ", ".join(filter(None, (told, "not installed")))
        except ConfigurationError as error:
            return error.message
        return f"set {needed}" if needed else "no key"

    def _lacks(self, name: str) -> str:
        """What a provider needs that is not set up; empty where something else is the matter, or nothing."""
        if name not in self._registry.names():
            return ""
        try:
            self.provider(name)
        except MissingCredentials:
            return self.needs(name)
        except ConfigurationError:
            return ""
        return ""

    def _told_what_is_forbidden(self, choice: Choice, policy: Policy, unavailable: Mapping[str, str]) -> Choice:
        """The choice with what the policy forbids of providers that cannot be used: to set those up would not help."""
        names = {one.provider for one in choice.rejected if one.provider in unavailable}
        cards = {
            row.target: row.card for name in names for row in self.catalogue.models(name, Wanted(include_retired=True))
        }

        def bar(one: Rejection) -> str | None:
            card = cards.get(one.target, ModelCard(model=one.model))
            return policy.barred(one.target, licence=card.licence, regions_excluded=card.regions_excluded)

        bars = {one.target: said for one in choice.rejected if one.provider in names and (said := bar(one))}
        rejected = [
            one.evolve(reasons=(bars[one.target], *one.reasons)) if one.target in bars else one
            for one in choice.rejected
        ]
        if choice.tier is not None and not choice.ranked and bars and len(bars) == len(rejected):
            reason = f"the policy forbids every model of the tier {choice.tier}"
            rejected = [Rejection(provider=WHOLE_TIER, model=choice.tier, reasons=(reason,)), *rejected]
        return choice.evolve(rejected=tuple(rejected))
