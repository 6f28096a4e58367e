"""Words of a policy that are nearly those of something known: a ban or a limit that is mistyped would hold for nobody.

A word that is near nothing is left alone, because one policy may serve machines that have other plug-ins installed.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain

from nexiom_sdk.policy import Policy
from nexiom_sdk.policy_problems import Place, dotted
from nexiom_sdk.wording import printable

_ALIKE = 0.75
_SHORT = 8
_WILD = re.compile(r"[*?\[]")
_DIGITS = re.compile(r"\d")


def mistyped(word: str, known: Iterable[str]) -> str | None:
    """The known word that a word is with a slip of the hand: one, or two in a long word.

    Names that differ in a digit are of two versions, and no slip.

    Example:
        >>> mistyped("openruoter", ["openrouter"]), mistyped("kling-3.1", ["kling-3.0"]), mistyped("acme", ["luma"])
        ('openrouter', None, None)
    """
    folded, digits = word.casefold(), _DIGITS.findall(word)
    slips = 1 if len(word) < _SHORT else 2
    alike = {one.casefold(): one for one in known if _DIGITS.findall(one) == digits}
    near = difflib.get_close_matches(folded, alike, n=3, cutoff=_ALIKE)
    return next((alike[one] for one in near if _slips(folded, one) <= slips), None)


def misspelt(
    policy: Policy,
    installed: Collection[str],
    *,
    loaded: Collection[str],
    models: Callable[[str], Collection[str]],
    licences: Callable[[], Collection[str]],
) -> Iterator[str]:
    """Every word of a policy that is nearly that of something known, as a sentence with its place.

    Args:
        policy: The policy.
        installed: Names of the providers.
        loaded: Those whose models are known anyway; for candidates and rules no others are looked at.
        models: Gives the models of a provider; empty: not known.
        licences: Gives the licences of all models; called only where the policy names one.
    """
    models = functools.cache(models)
    for place, provider in _providers(policy):
        if provider not in installed and (meant := mistyped(provider, sorted(installed))):
            yield _sentence(place, "provider", provider, meant)
    for place, target, forbids in _targets(policy):
        provider, _, model = target.partition("/")
        if provider not in installed or not (forbids or provider in loaded):
            continue
        there = models(provider)
        if model not in there and (meant := mistyped(model, sorted(there))):
            yield _sentence(place, f"model of {provider}", model, meant)
    yield from _licences(policy, licences)


def alike_roles(policy: Policy) -> Iterator[str]:
    """Roles that are nearly the same word; whether they are one, only their author knows: roles exist by being named.

    Args:
        policy: The policy.
    """
    governance, named = policy.governance, dict[str, Place]()
    tiers = (
        (("governance", "tiers", tier, index), role)
        for tier, roles in governance.tiers.items()
        for index, role in enumerate(roles)
    )
    users = ((("governance", "users", user), role) for user, role in governance.users.items())
    budgets = (
        (("governance", "budgets", index, "role"), one.role)
        for index, one in enumerate(governance.budgets)
        if one.role is not None
    )
    default: tuple[Place, str] = (("governance", "default_role"), governance.default_role)
    for place, role in chain((default,), users, tiers, budgets):
        if role in named:
            continue
        if meant := mistyped(role, named):
            near = f"'{printable(meant, 60)}' in {dotted(named[meant])}"
            yield f"{dotted(place)}: The role '{printable(role, 60)}' is nearly {near}."
        named[role] = place


def _providers(policy: Policy) -> Iterator[tuple[Place, str]]:
    for name, lists in (("allow", policy.allow), ("deny", policy.deny)):
        yield from (((name, "providers", index), one) for index, one in enumerate(lists.providers))
    for place, target in chain(_candidates(policy), _patterns(policy)):
        provider = target.partition("/")[0]
        if not _WILD.search(provider):
            yield place, provider


def _targets(policy: Policy) -> Iterator[tuple[Place, str, bool]]:
    """The models that are named in full, and whether a list does: that is worth an import, a weight is not."""
    yield from ((place, target, False) for place, target in _candidates(policy))
    for place, target in _patterns(policy):
        if not _WILD.search(target):
            yield place, target, place[0] != "rules"


def _candidates(policy: Policy) -> Iterator[tuple[Place, str]]:
    """Each model of a tier once; the tier that has it further up names it itself, and the others extend it."""
    first: dict[str, tuple[int, Place]] = {}
    for tier, named in policy.tiers.items():
        for index, one in enumerate(named.candidates):
            if one.target not in first or index < first[one.target][0]:
                first[one.target] = index, ("tiers", tier, "candidates", index)
    yield from ((place, target) for target, (_, place) in first.items())
    for number, rule in enumerate(policy.rules):
        yield from ((("rules", number, "add", index), one.target) for index, one in enumerate(rule.add))


def _patterns(policy: Policy) -> Iterator[tuple[Place, str]]:
    for name, lists in (("allow", policy.allow), ("deny", policy.deny)):
        yield from (((name, "models", index), one) for index, one in enumerate(lists.models))
    for number, rule in enumerate(policy.rules):
        yield from ((("rules", number, "boost", one), one) for one in rule.boost)
        yield from ((("rules", number, "exclude", index), one) for index, one in enumerate(rule.exclude))


def _licences(policy: Policy, licences: Callable[[], Collection[str]]) -> Iterator[str]:
    for name, lists in (("allow", policy.allow), ("deny", policy.deny)):
        for index, one in enumerate(lists.licences):
            known = sorted(filter(None, licences()))
            if one and one not in known and (meant := mistyped(one, known)):
                yield _sentence((name, "licences", index), "licence", one, meant)


def _sentence(place: Place, what: str, word: str, meant: str) -> str:
    return f"{dotted(place)}: There is no {what} '{printable(word, 60)}'. Did you mean '{printable(meant, 60)}'?"


def _slips(one: str, other: str) -> int:
    """How many letters are wrong, missing, too many, or swapped with the next."""
    before, row = list[int](), list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        line = [i]
        for j, its in enumerate(other, 1):
            least = min(row[j] + 1, line[-1] + 1, row[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                least = min(least, before[j - 2] + 1)
            line.append(least)
        before, row = row, line
    return row[-1]
