"""The table of choices, `data/choices.csv`: its words made into a request, keys and house rules, and a choice into its words.

The words are those of people who decide about models, not about code. A word that is not known stops the test with its
line and the nearest word that is.
"""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.models import ModelCard, kind_of
from nexiom_sdk.policy import Lists, Policy
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.providers.registry import ProviderRegistry
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

Value = TypeVar("Value")

FILE = Path(__file__).parent / "data" / "choices.csv"
TODAY = date(2026, 11, 26)
NOTHING_ELSE = "nothing else"

_KEY = "not-a-real-key"
KEYS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "hunyuan": ("hunyuan", {"tokenhub_api_key": _KEY}),
    "hunyuan (own server)": (
        "hunyuan",
        {"t2v_base_url": "http://localhost:8091/v1", "i2v_base_url": "http://localhost:8092/v1"},
    ),
    "hunyuan (own server, pictures only)": ("hunyuan", {"i2v_base_url": "http://localhost:8092/v1"}),
    "hunyuan (Tencent Cloud)": ("hunyuan", {"secret_id": "not-a-real-id", "secret_key": _KEY}),
    "kling": ("kling", {"api_key": _KEY}),
    "kling (pair of keys)": ("kling", {"access_key": _KEY, "secret_key": _KEY}),
    "luma": ("luma", {"api_key": _KEY}),
    "luma (older key)": ("luma", {"dream_machine_api_key": _KEY}),
    "openrouter": ("openrouter", {"api_key": _KEY}),
    "runway": ("runway", {"api_key": _KEY}),
    "seedance": ("seedance", {"api_key": _KEY}),
    "sora (own server)": ("sora", {"base_url": "http://localhost:8000/v1"}),
    "veo": ("veo", {"api_key": _KEY}),
    "veo (Vertex)": ("veo", {"project": "demo", "access_token": _KEY}),
}
"""Words for who has keys: provider, and its configuration."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "all": ("kling", "luma", "openrouter", "runway", "seedance", "veo"),
}
_ROLES: Mapping[str, tuple[MediaRole, ...]] = {
    "first frame": ("first_frame",),
    "last frame": ("last_frame",),
    "first and last frame": ("first_frame", "last_frame"),
    "reference image": ("reference_image",),
    "reference video": ("reference_video",),
    "reference sound": ("reference_audio",),
    "source video": ("source_video",),
}
_NUMBERED = re.compile(r"(?:(\d+) )?(.+?)s?")
_REGISTRY = ProviderRegistry()


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
        """What tells it from other lines."""
        said = (self.keys, self.tier, self.asks_for, self.references, self.by_name, self.limits)
        return f"{self.no}: {' / '.join(filter(None, said))}"


class World(NamedTuple):
    """What there is to choose from."""

    providers: Mapping[str, VideoProvider]
    unavailable: Mapping[str, str]

    @property
    def cards(self) -> Mapping[str, tuple[ModelCard, ...]]:
        """The cards of each provider."""
        return {name: tuple(provider.models) for name, provider in self.providers.items()}


def cases() -> list[Case]:
    """The lines of the table."""
    with FILE.open(newline="", encoding="utf-8") as file:
        heading, *lines = csv.reader(file)
    assert heading == [name.replace("_", " ") for name in Case._fields]
    return [Case(*line) for line in lines]


@functools.cache
def world(keys: str) -> World:
    """The providers that are set up with these keys, and what is missing for the others."""
    words = [word for part in keys.split(" + ") for word in GROUPS.get(part, (part,))]
    config: dict[str, dict[str, str]] = {name: {} for name in _REGISTRY.names()}
    for word in words:
        provider, values = _of("key", word, KEYS)
        config[provider].update(values)
    made: dict[str, VideoProvider] = {}
    missing: dict[str, str] = {}
    for name, values in config.items():
        try:
            made[name] = _REGISTRY.create(name, values)
        except ConfigurationError as error:
            missing[name] = error.message
    return World(made, missing)


def chosen(case: Case) -> Choice:
    """The choice for a line of the table."""
    there, policy, role, resting = world(case.keys), *_house_rules(case.limits)
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
        asked["quality_tier"] = _of("tier", case.tier, dict.fromkeys(QUALITY_TIERS))
        asked["quality_tier"] = case.tier
    for word in filter(None, case.asks_for.split(", ")):
        asked.update(_wish(word))
    for word in filter(None, case.by_name.split(", ")):
        what, _, name = word.partition(" ")
        _of("way to name", what, {"provider": 0, "model": 0})
        asked[what] = name
    for word in filter(None, case.limits.split("; ")):
        if word.startswith("at most "):
            asked["max_cost_usd"] = Decimal(word.removeprefix("at most $"))
    return VideoRequest(**asked)  # type: ignore[arg-type]


def references(words: str) -> tuple[Media, ...]:
    """References such as: first frame + 2 reference images."""
    media: list[Media] = []
    for word in filter(None, words.split(" + ")):
        roles = _ROLES.get(word)
        number = 1
        if roles is None:
            found = _NUMBERED.fullmatch(word)
            assert found is not None
            number, roles = int(found[1] or 1), _of("reference", found[2], _ROLES)
        media += [Media.from_url(f"https://example.com/{kind_of(role)}", role=role) for role in roles * number]
    return tuple(media)


def _wish(word: str) -> Mapping[str, object]:
    """A wish as fields of the request."""
    words: dict[str, Mapping[str, object]] = {
        "with sound": {"audio": True},
        "silent": {"audio": False},
        "a seed": {"seed": 7},
        "a negative prompt": {"negative_prompt": "rain"},
        "nearest will do": {"strict": False},
        "4k": {"resolution": "2160p"},
        **{place: {"resolution": place} for place in RESOLUTIONS},
        **{ratio: {"aspect_ratio": ratio} for ratio in ASPECT_RATIOS},
    }
    if word.endswith(" s"):
        return {"duration_seconds": float(word.removesuffix(" s"))}
    return _of("wish", word, words)


def _house_rules(limits: str) -> tuple[Policy, str | None, list[str]]:
    """The policy, the role of the user, and the providers that are left alone for now."""
    policy, role, resting = Policy.default(), None, list[str]()
    for word in filter(None, limits.split("; ")):
        if word.startswith("at most $"):
            continue
        if word.startswith("as "):
            role = word.removeprefix("as ")
        elif word.endswith(" is resting"):
            resting.append(word.removesuffix(" is resting"))
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
    return _of("limit", begin, changes)(word.removeprefix(begin))


def _lists(name: str) -> Lists:
    return Lists(models=(name,)) if "/" in name else Lists(providers=(name,))


def _of(what: str, word: str, words: Mapping[str, Value]) -> Value:
    if word not in words:
        raise LookupError(unknown(what, word, sorted(words)))
    return words[word]


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
