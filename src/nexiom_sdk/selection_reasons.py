"""Why a model is out: it cannot be reached, is gone, is forbidden, does not do what was asked, or costs too much."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from nexiom_sdk.models import Mismatch, ModelCard, is_free
from nexiom_sdk.policy import Policy
from nexiom_sdk.policy_parts import Entry, matches
from nexiom_sdk.retirement import gone
from nexiom_sdk.selection_question import Case
from nexiom_sdk.types import QualityTier
from nexiom_sdk.wording import nearest, unknown, usd


def unreachable(case: Case, entry: Entry) -> str | None:
    """Why a model cannot be looked at: its provider cannot be asked, or does not list it.

    Args:
        case: The question.
        entry: The model, as the policy has it.
    """
    provider = entry.provider
    if provider in case.unavailable:
        return case.unavailable[provider]
    if provider not in case.cards:
        guess = nearest(provider, (*case.cards, *case.unavailable))
        return f"not installed; did you mean '{guess}'?" if guess else "not installed"
    if entry.model not in case.listed[provider]:
        return unknown("model", entry.model, sorted(case.listed[provider]))
    return None


def objections(case: Case, entry: Entry, card: ModelCard, tier: QualityTier, found: Iterable[Mismatch]) -> list[str]:
    """Everything that stands against a model, its end first; empty where nothing does.

    Args:
        case: The question.
        entry: The model, as the policy has it.
        card: Its card.
        tier: The tier that it counts to.
        found: What stands against it by its card.
    """
    question, policy = case.question, case.policy
    reasons: list[str] = []
    if card.retired(question.today):
        reasons.append(gone(card, case.listed[entry.provider], question.today))
    if entry.provider in case.health:
        reasons.append(case.health[entry.provider])
    if case.by_name:
        if not (policy.governance.may_use(question.role, tier) or is_preview(policy, entry, card)):
            unlisted = entry.target not in policy.listing
            counts = "is in no tier, so it counts to the most demanding one: " if unlisted else ""
            reasons.append(counts + reserved(policy, question.role, tier))
    elif case.rules:
        reasons += [
            f"left out by the rule {rule.id}{f': {rule.why}' if rule.why else ''}"
            for rule in case.rules
            if any(matches(entry.target, pattern) for pattern in rule.exclude)
        ]
    if not policy.bars_nothing:
        barred = policy.barred(entry.target, licence=card.licence, regions_excluded=card.regions_excluded)
        reasons += [] if barred is None else [barred]
    if found:
        reasons += [one.message for one in found if question.strict or not one.adaptable]
    return reasons


def too_dear(case: Case, provider: str, price: Decimal | None) -> str | None:
    """Why a price does not fit the most that a clip may cost; None where it does.

    Args:
        case: The question.
        provider: Whose model it is.
        price: What the clip will cost.
    """
    cap = case.question.max_cost_usd
    if cap is None:
        return None
    if provider in case.question.with_options:
        return f"what its options cost is not known, and {usd(cap)} is the most it may cost"
    if price is None:
        return f"its price is not known, and {usd(cap)} is the most it may cost"
    return None if price <= cap else f"costs {usd(price)}, more than the {usd(cap)} it may cost"


def reserved(policy: Policy, role: str, tier: QualityTier) -> str:
    """Say that a tier is for other roles.

    Args:
        policy: What each tier prefers, and who may use it.
        role: The role of the user.
        tier: The tier.
    """
    roles = policy.governance.tiers[tier]
    whom = f"for the roles {', '.join(roles)}" if len(roles) > 1 else f"for the role {roles[0]}" if roles else "closed"
    return f"the tier {tier} is {whom}, and this user has the role {role}"


def tier_for(case: Case, entry: Entry, card: ModelCard) -> QualityTier:
    """The tier that a model counts to.

    Args:
        case: The question.
        entry: The model, as the policy has it.
        card: Its card.
    """
    question, policy = case.question, case.policy
    if not case.by_name or is_preview(policy, entry, card):
        return question.tier
    return policy.tier_of(entry.target, question.tier_asked)


def is_preview(policy: Policy, entry: Entry, card: ModelCard) -> bool:
    """Whether a model is for trying things out: it certainly costs nothing and no tier lists it, so nobody is kept off.

    Args:
        policy: What each tier prefers.
        entry: The model, as the policy has it.
        card: Its card.
    """
    return entry.target not in policy.listing and is_free(card)
