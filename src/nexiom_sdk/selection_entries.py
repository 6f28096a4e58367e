"""Which models come into question: those of a tier and those that rules add to it, or those that a request names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nexiom_sdk.models import ModelCard
from nexiom_sdk.policy import Policy
from nexiom_sdk.policy_parts import Entry, Rule, TierDefaults
from nexiom_sdk.selection_question import Question
from nexiom_sdk.types import ANY_PROVIDER, WHOLE_TIER, Rejection
from nexiom_sdk.wording import printable, unknown

_NOTHING = TierDefaults()
_LONGEST_NAME = 100
_ANY = "any"  # stands in a rejection for a model that nobody named


def entries(
    question: Question, policy: Policy, rules: Sequence[Rule], cards: Mapping[str, Sequence[ModelCard]]
) -> Sequence[Entry]:
    """The models to judge, each once.

    Args:
        question: The question.
        policy: What each tier prefers.
        rules: The rules that hold.
        cards: The cards of every provider that can be used.
    """
    return _named(question, policy, cards) if question.by_name else _preferred(question, policy, rules)


def nobody(question: Question, policy: Policy, cards: Mapping[str, Sequence[ModelCard]]) -> Rejection:
    """Why there is nothing to judge: a name in the request, or the tier itself, is not known.

    Args:
        question: The question.
        policy: What each tier prefers.
        cards: The cards of every provider that can be used.
    """
    provider, model, unavailable = question.provider, question.model, dict(question.unavailable)
    if provider is not None and provider not in cards:
        reason = unavailable.get(provider) or unknown("provider", provider, sorted({*cards, *unavailable}))
    elif model is not None:
        places = cards if provider is None else (provider,)
        reason = unknown("model", model, sorted({card.model for place in places for card in cards[place]}))
    elif provider is not None:
        reason = "it lists no models"
    else:
        provider, model = WHOLE_TIER, question.tier
        reason = unknown("tier", question.tier, tuple(policy.tiers))
    provider, model = provider or ANY_PROVIDER, model or _ANY  # what is named is in words of the user
    return Rejection(
        provider=printable(provider, _LONGEST_NAME), model=printable(model, _LONGEST_NAME), reasons=(reason,)
    )


def _preferred(question: Question, policy: Policy, rules: Sequence[Rule]) -> Sequence[Entry]:
    """The models of the tier, and those that rules add; where two name the same model, the tier's own entry stands."""
    tier = policy.tiers.get(question.tier)
    if tier is None:
        return ()
    added = [entry for rule in rules for entry in policy.additions[rule.id, question.tier]]
    if not added:
        return tier.entries
    found = {entry[:2]: entry for entry in tier.entries}
    for entry in added:
        found.setdefault(entry[:2], entry)
    return tuple(found.values())


def _named(question: Question, policy: Policy, cards: Mapping[str, Sequence[ModelCard]]) -> Sequence[Entry]:
    """The models that a request names: those of its tier with their weights, then all others that are known of."""

    def fits(provider: str, model: str) -> bool:
        # Lists and choices print `provider/model`, so that is taken for a model's name too.
        return question.provider in {None, provider} and question.model in {None, model, f"{provider}/{model}"}

    tier = policy.tiers.get(question.tier)
    defaults = _NOTHING if tier is None else tier.defaults
    listed = () if tier is None else tier.entries
    preferred = {entry[:2]: entry for entry in listed if fits(entry.provider, entry.model)}
    known = {(name, card.model) for name, offered in cards.items() for card in offered if fits(name, card.model)}
    for named in policy.tiers.values():
        known.update(
            entry[:2] for entry in named.entries if entry.provider not in cards and fits(entry.provider, entry.model)
        )
    others = sorted(known - preferred.keys())
    return (*preferred.values(), *(Entry(*target, weight=0, why="", defaults=defaults) for target in others))
