"""A choice in words: what a rejection is about, what to do where nothing fits, what an order waits for. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.retirement import GONE
from nexiom_sdk.types import ANY_PROVIDER, WHOLE_TIER, Choice, Rejection


def refuses_the_tier(choice: Choice) -> bool:
    """Whether the tier itself is refused: to this role, to all, or because the policy does not have it."""
    return any(one.provider == WHOLE_TIER for one in choice.rejected)


def shown_target(one: Rejection) -> str:
    """What a rejection is about in words: a model, a tier, or a name that nobody has.

    Example:
        >>> shown_target(Rejection(provider="policy", model="cinematic", reasons=("...",)))
        'tier cinematic'
    """
    return {WHOLE_TIER: f"tier {one.model}", ANY_PROVIDER: one.model}.get(one.provider, one.target)


def next_step_of(choice: Choice, lacking: Mapping[str, str]) -> str | None:
    """What to do where no model fits, if it is more than to change what the reasons name.

    Args:
        choice: The choice in which none fits.
        lacking: What providers need that are not set up, by their names; empty for those that are.

    Example:
        >>> wan = Rejection(provider="runway", model="wan3", reasons=("Runway needs a key.",))
        >>> next_step_of(Choice(rejected=(wan,)), {"runway": "RUNWAYML_API_SECRET"})
        'Set RUNWAYML_API_SECRET.'
    """
    if refuses_the_tier(choice):
        return "Ask for another tier, submit as a role that may use this one, or change the policy."
    gone = [one.reasons[0].startswith(GONE) for one in choice.rejected]
    if gone and all(gone):
        return "`nexiom models` lists what there is."
    there = [one for one, is_gone in zip(choice.rejected, gone, strict=True) if not is_gone]
    needs = {one.provider: lacking.get(one.provider, "") for one in there if len(one.reasons) == 1}
    if not needs or not all(needs.values()) or any(len(one.reasons) > 1 for one in there):
        return None
    if len(needs) == 1:
        return f"Set {''.join(needs.values())}."
    return f"Set {', or '.join(f'{what} for {name}' for name, what in needs.items())}."


def told_of_waiting(choice: Choice) -> Choice:
    """The choice among providers of which each is failing, with a warning that says so."""
    first, *others = choice.ranked
    failing = list(dict.fromkeys(one.provider for one in choice.ranked))
    are = f"{', '.join(failing[:-1])} and {failing[-1]} are" if len(failing) > 1 else f"{first.provider} is"
    warning = f"{are} failing now; the order waits for {first.provider if len(failing) > 1 else 'it'}"
    return choice.evolve(ranked=(first.evolve(warnings=(*first.warnings, warning)), *others))
