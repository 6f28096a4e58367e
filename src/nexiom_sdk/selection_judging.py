"""The answer to a question: every model that comes into question is kept with its terms, or dropped with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from nexiom_sdk.models import ModelCard, estimate, mismatches
from nexiom_sdk.policy import Policy
from nexiom_sdk.policy_parts import Entry, Rule, matches
from nexiom_sdk.selection_entries import entries, nobody
from nexiom_sdk.selection_question import Case, Question
from nexiom_sdk.selection_reasons import objections, reserved, tier_for, too_dear, unreachable
from nexiom_sdk.selection_terms import cautions, changes, terms_for
from nexiom_sdk.types import WHOLE_TIER, Candidate, Choice, Rejection

LESS_FOR_DEPRECATED = 5


def judged(question: Question, policy: Policy, cards: Mapping[str, Sequence[ModelCard]]) -> Choice:
    """The models that fit, best first, and the others with their reasons; where a seed will be sent, it is 0 here.

    Args:
        question: The question.
        policy: What each tier prefers.
        cards: The cards of every provider that can be used.
    """
    rules = tuple(rule for rule in policy.rules if rule.when.holds(question.asked, question.tier))
    listing = entries(question, policy, rules, cards)
    kept: list[Candidate] = []
    rejected: list[Rejection] = []
    if not (question.by_name or policy.governance.may_use(question.role, question.tier)):
        listing = ()
        reason = reserved(policy, question.role, question.tier)
        rejected.append(Rejection(provider=WHOLE_TIER, model=question.tier, reasons=(reason,)))
    elif not listing:
        rejected.append(nobody(question, policy, cards))
    case = Case(
        question=question,
        by_name=question.by_name,
        policy=policy,
        rules=rules,
        cards=cards,
        listed={
            name: {card.model: card for card in cards.get(name, ())} for name in {entry.provider for entry in listing}
        },
        unavailable=dict(question.unavailable),
        health=dict(question.health),
    )
    for entry in listing:
        verdict = _verdict(case, entry)
        if isinstance(verdict, Candidate):
            kept.append(verdict)
        else:
            rejected.append(Rejection(provider=entry.provider, model=entry.model, reasons=verdict))
    return Choice(
        tier=None if question.by_name else question.tier,
        ranked=tuple(sorted(kept, key=_cheapest if policy.objective == "cheapest" else _preferred_first)),
        rejected=tuple(rejected),
        policy_version=policy.version,
    )


def _verdict(case: Case, entry: Entry) -> Candidate | tuple[str, ...]:
    """The model with its terms, or every reason against it."""
    closed = unreachable(case, entry)
    if closed is not None:
        return (closed,)
    question = case.question
    asked, listed = question.asked, case.listed[entry.provider]
    card = listed[entry.model]
    tier = tier_for(case, entry, card)
    found = mismatches(asked, card, addresses=question.addresses)
    reasons = objections(case, entry, card, tier, found)
    if reasons:
        return tuple(reasons)
    terms = terms_for(asked, entry.defaults, card)
    price = estimate(card, terms)
    dear = too_dear(case, entry.provider, price)
    if dear is not None:
        return (dear,)
    differs = () if question.strict else changes(asked, terms, found)
    regions_known = bool(case.policy.regions)
    weight, rules = _weighed(case.rules, entry, card)
    return Candidate.of_checked(
        {
            "provider": entry.provider,
            "model": entry.model,
            "weight": weight,
            "why": entry.why,
            "tier": tier,
            "rules": rules,
            "mode": terms.mode,
            "duration_seconds": terms.duration_seconds,
            "resolution": terms.resolution,
            "aspect_ratio": terms.aspect_ratio,
            "audio": terms.audio,
            "seed": 0 if asked.seed and card.seed else None,
            "negative_prompt": asked.negative_prompt and card.negative_prompt,
            "estimated_cost_usd": price,
            "priced_on": card.priced_on,
            "warnings": (*differs, *cautions(card, price, question.today, listed, regions_known=regions_known)),
        }
    )


def _weighed(rules: Sequence[Rule], entry: Entry, card: ModelCard) -> tuple[int, tuple[str, ...]]:
    """The weight of a model for this request, and the rules that added or moved it."""
    weight = entry.weight - (LESS_FOR_DEPRECATED if card.lifecycle == "deprecated" else 0)
    names = [] if entry.rule is None else [entry.rule]
    for rule in rules:
        boost = sum(more for pattern, more in rule.boost.items() if matches(entry.target, pattern))
        if boost:
            weight += boost
            names.append(rule.id)
    return weight, tuple(dict.fromkeys(names))


def _preferred_first(candidate: Candidate) -> tuple[int, bool, Decimal, str]:
    price = candidate.estimated_cost_usd
    return (-candidate.weight, price is None, price or Decimal(0), candidate.target)


def _cheapest(candidate: Candidate) -> tuple[bool, Decimal, int, str]:
    price = candidate.estimated_cost_usd
    return (price is None, price or Decimal(0), -candidate.weight, candidate.target)
