"""The table of choices, `data/choices.csv`: its words as a request, keys and house rules, and a choice in its words.

The words are those of people who decide about models, not about code. A word that is not known stops the test with the
nearest word that is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from nexiom_sdk.models import kind_of
from nexiom_sdk.policy import Lists, Policy
from nexiom_sdk.selection import select
from nexiom_sdk.types import (
    ASPECT_RATIOS,
    QUALITY_TIERS,
    RESOLUTIONS,
    Candidate,
    Choice,
    Media,
    MediaRole,
    QualityTier,
    VideoRequest,
)
from nexiom_sdk.wording import seconds, unknown, usd
from our_providers import GROUPS, KEYS, World, world

Value = TypeVar("Value")

FILE = Path(__file__).parent / "data" / "choices.csv"
TODAY = date(2026, 11, 26)
NOTHING_ELSE = "nothing else"

_ROLES: Mapping[str, tuple[MediaRole, ...]] = {
    "first frame": ("first_frame",),
    "last frame": ("last_frame",),
    "first and last frame": ("first_frame", "last_frame"),
    "reference image": ("reference_image",),
    "reference video": ("reference_video",),
    "reference sound": ("reference_audio",),
    "source video": ("source_video",),
}
_WISHES: Mapping[str, Mapping[str, object]] = {
    "with sound": {"audio": True},
    "silent": {"audio": False},
    "a seed": {"seed": 7},
    "a negative prompt": {"negative_prompt": "rain"},
    "nearest will do": {"strict": False},
    "4k": {"resolution": "2160p"},
    **{place: {"resolution": place} for place in RESOLUTIONS},
    **{ratio: {"aspect_ratio": ratio} for ratio in ASPECT_RATIOS},
}
_AT_MOST, _RESTING = "at most $", " is resting"
_NUMBERED = re.compile(r"(?:(\d+) )?(.+?)s?")


class Case(NamedTuple):
    """A line of the table; each column as it is written there."""

    no: str
    about: str
    keys: str
    tier: str
    asks_for: str
    references: str
    by_name: str
    limits: str
    expected: str
    terms: str
    price: str
    next: str
    says: str
    why: str

    @property
    def title(self) -> str:
        """Its number, and what is asked with which keys."""
        said = (self.keys, self.tier, self.asks_for, self.references, self.by_name, self.limits)
        return f"{self.no}: {' / '.join(filter(None, said))}"


def cases() -> list[Case]:
    """The lines of the table."""
    with FILE.open(newline="", encoding="utf-8") as file:
        heading, *lines = csv.reader(file)
    assert heading == [name.replace("_", " ") for name in Case._fields]
    return [Case(*line) for line in lines]


def world_of(case: Case) -> World:
    """What there is to choose from with the keys of a line."""
    words = [word for part in case.keys.split(" + ") for word in GROUPS.get(part, (part,))]
    for word in words:
        _known("key", word, KEYS)
    return world(*words)


def chosen(case: Case) -> Choice:
    """The choice for a line of the table."""
    there, (policy, role, resting) = world_of(case), _house_rules(case.limits)
    return select(
        request_of(case),
        policy,
        there.cards,
        unavailable=there.unavailable,
        health=dict.fromkeys(resting, "resting"),
        today=TODAY,
        role=role,
    )


def request_of(case: Case) -> VideoRequest:
    """The request of a line."""
    asked: dict[str, object] = {"prompt": "a fox in snow", "media": references(case.references)}
    if case.tier:
        asked["quality_tier"] = _known("tier", case.tier, {tier: tier for tier in QUALITY_TIERS})
    for word in filter(None, case.asks_for.split(", ")):
        length = {"duration_seconds": float(word.removesuffix(" s"))} if word.endswith(" s") else None
        asked.update(length or _known("wish", word, _WISHES))
    for word in filter(None, case.by_name.split(", ")):
        what, _, name = word.partition(" ")
        asked[_known("way to name", what, {"provider": "provider", "model": "model"})] = name
    for word in case.limits.split("; "):
        if word.startswith(_AT_MOST):
            asked["max_cost_usd"] = Decimal(word.removeprefix(_AT_MOST))
    return VideoRequest(**asked)  # type: ignore[arg-type]


def references(words: str) -> tuple[Media, ...]:
    """References such as: first frame + 2 reference images."""
    media: list[Media] = []
    for word in filter(None, words.split(" + ")):
        found = _NUMBERED.fullmatch(word)
        number, kind = (found[1], found[2]) if found else (None, word)
        roles = _known("reference", kind, _ROLES) * int(number or 1)
        media += [Media.from_url(f"https://example.com/{kind_of(role)}", role=role) for role in roles]
    return tuple(media)


def terms_of(one: Candidate) -> str:
    """What will be sent, in words."""
    sound = {None: "", True: "with sound", False: "silent"}[one.audio]
    length = seconds(one.duration_seconds) if one.duration_seconds else ""
    return ", ".join(filter(None, (length, one.resolution, one.aspect_ratio, sound)))


def price_of(one: Candidate) -> str:
    """What it will cost, to the last digit."""
    amount = one.estimated_cost_usd
    if amount is None:
        return "unknown"
    return usd(amount) if amount == round(amount, 2) else f"${amount.normalize():f}"


def _house_rules(limits: str) -> tuple[Policy, str | None, list[str]]:
    """The policy, the role of the user, and the providers that are left alone for now."""
    policy, role, resting = Policy.default(), None, list[str]()
    for word in filter(None, limits.split("; ")):
        if word.startswith(_AT_MOST):
            continue
        if word.startswith("as "):
            role = word.removeprefix("as ")
        elif word.endswith(_RESTING):
            resting.append(word.removesuffix(_RESTING))
        elif " for " in word:
            tier, _, roles = word.partition(" for ")
            tiers = {cast("QualityTier", tier): tuple(roles.split(" and "))}
            policy = policy.evolve(governance=policy.governance.evolve(tiers=tiers))
        else:
            policy = _changed(policy, word)
    return policy, role, resting


def _changed(policy: Policy, word: str) -> Policy:
    changes: Mapping[str, Callable[[str], Policy]] = {
        "cheapest first": lambda _: policy.evolve(objective="cheapest"),
        "used in ": lambda where: policy.evolve(regions=tuple(where.split(" and "))),
        "without licence ": lambda licence: policy.evolve(deny=Lists(licences=(licence,))),
        "without ": lambda name: policy.evolve(deny=_lists(name)),
        "only ": lambda name: policy.evolve(allow=_lists(name)),
    }
    begin = next((one for one in changes if word.startswith(one)), word)
    return _known("limit", begin, changes)(word.removeprefix(begin))


def _lists(name: str) -> Lists:
    return Lists(models=(name,)) if "/" in name else Lists(providers=(name,))


def _known(what: str, word: str, words: Mapping[str, Value]) -> Value:
    if word not in words:
        raise LookupError(unknown(what, word, sorted(words)))
    return words[word]
