"""Hypothesis strategies for requests, cards, policies and worlds of them: small vocabularies, so that things meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, get_args

from hypothesis import strategies as st

from nexiom_sdk.governance import Governance
from nexiom_sdk.models import Condition, Lengths, Lifecycle, ModelCard, Price, Shapes, Sound
from nexiom_sdk.policy import Lists, Policy, PolicyCandidate, Rule, Span, TierDefaults, TierPolicy, When
from nexiom_sdk.types import QUALITY_TIERS, AspectRatio, Delivery, Media, MediaRole, Mode, Resolution, VideoRequest

T = TypeVar("T")

TODAY = date(2026, 11, 24)

_provider = st.sampled_from(["acme", "bolt", "crow"])
MODELS = ("a1", "b2", "house/c3")
_model = st.sampled_from(MODELS)
_seconds = st.sampled_from([2.0, 4.0, 5.0, 6.5, 8.0, 10.0, 30.0])
_range = st.tuples(_seconds, _seconds).map(lambda ends: (min(ends), max(ends)))
_resolution: st.SearchStrategy[Resolution] = st.sampled_from(["480p", "720p", "1080p", "2160p"])
_ratio: st.SearchStrategy[AspectRatio] = st.sampled_from(["16:9", "9:16", "1:1", "21:9"])
_mode: st.SearchStrategy[Mode] = st.sampled_from(get_args(Mode))
_role: st.SearchStrategy[MediaRole] = st.sampled_from(get_args(MediaRole))
_sound: st.SearchStrategy[Sound] = st.sampled_from(get_args(Sound))
_lifecycle: st.SearchStrategy[Lifecycle] = st.sampled_from(["ga", "ga", "preview", "deprecated", "retired"])
_delivery: st.SearchStrategy[Delivery] = st.sampled_from(get_args(Delivery))
_YES, _NO = (st.sampled_from([value]) for value in (True, False))
_usd = st.decimals(0, 20, places=2)
_day = st.integers(-400, 400).map(lambda days: TODAY + timedelta(days=days))


def _few(one: st.SearchStrategy[T], most: int = 3) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(one, max_size=most, unique=True).map(tuple)


def _varied(
    kind: Callable[..., T], usual: Mapping[str, object], most: int, /, **fields: st.SearchStrategy[Any]
) -> st.SearchStrategy[T]:
    """The usual with a few fields changed: worlds in which everything is odd fit nothing, and show little."""
    change = st.one_of([st.tuples(st.just(name), strategy) for name, strategy in fields.items()])
    return st.lists(change, max_size=most).map(lambda changes: kind(**{**usual, **dict(changes)}))


_lengths = st.builds(
    Lengths,
    one_of=_few(_seconds),
    between=st.none() | _range,
    modes=_few(_mode, 2),
    resolutions=_few(_resolution, 2),
)
_shapes = st.builds(Shapes, aspect_ratios=_few(_ratio), modes=_few(_mode, 2), resolutions=_few(_resolution, 2))
any_price = st.builds(
    Price,
    usd=_usd,
    per=st.sampled_from(["second", "clip"]),
    resolution=st.none() | _resolution,
    audio=st.none() | st.booleans(),
    mode=st.none() | _mode,
    duration_seconds=st.none() | _seconds,
    plus_usd=st.just(Decimal(0)) | _usd,
    least_usd=st.just(Decimal(0)) | _usd,
)
_condition = _varied(
    Condition,
    {"resolutions": ("1080p",)},
    3,
    roles=_few(_role, 1),
    audio=st.booleans(),
    resolutions=_few(_resolution),
    silent=_YES,
    beside=_few(_role, 2),
    counted=_few(_role, 2),
    most=st.integers(0, 2),
)
_TAKES_ALL: Mapping[MediaRole, int] = dict.fromkeys(get_args(MediaRole), 2)
_region = st.sampled_from(["EU", "DE", "FR", "GB", "KR", "US"])
any_card = _varied(
    ModelCard,
    {
        "model": "a1",
        "resolutions": ("720p", "1080p"),
        "media": _TAKES_ALL,
        "audio": "optional",
        "seed": True,
        "negative_prompt": True,
        "prices": (Price(usd=Decimal("0.10")),),
    },
    5,
    model=_model,
    durations_seconds=_few(_seconds),
    duration_range_seconds=st.none() | _range,
    lengths=st.lists(_lengths, max_size=2).map(tuple),
    resolutions=_few(_resolution),
    aspect_ratios=_few(_ratio),
    shapes=st.lists(_shapes, max_size=2).map(tuple),
    media=st.dictionaries(_role, st.integers(0, 2), max_size=4),
    media_exclusions=_few(_few(_role), 1),
    conditions=st.lists(_condition, min_size=1, max_size=2).map(tuple),
    media_required=_YES,
    delivery=_few(_delivery, 2).map(frozenset),
    audio=_sound,
    seed=_NO,
    negative_prompt=_NO,
    max_prompt_chars=st.just(3),
    prices=st.lists(any_price, max_size=3).map(tuple),
    lifecycle=_lifecycle,
    retires_on=_day,
    successor=_model,
    licence=st.sampled_from(["open-a", "open-b"]),
    regions_excluded=_few(_region, 2),
)
_media = st.one_of(
    st.builds(Media.from_input, st.just("u1/fox.png"), role=_role),
    st.builds(Media.from_url, st.just("https://example.com/fox.png"), role=_role),
)
any_request = _varied(
    VideoRequest,
    {"prompt": "fox"},
    5,
    prompt=st.just("a fox in snow"),
    quality_tier=st.sampled_from(QUALITY_TIERS),
    duration_seconds=_seconds | st.floats(0.1, 3600),
    provider=_provider | st.just("acne"),
    model=_model | st.just("a11"),
    resolution=_resolution,
    aspect_ratio=_ratio,
    audio=st.booleans(),
    seed=st.integers(0, 9),
    negative_prompt=st.sampled_from(["", "rain"]),
    media=st.lists(_media, max_size=2).map(tuple),
    max_cost_usd=_usd,
    options=st.dictionaries(_provider, st.sampled_from([{}, {"steps": 4}]), max_size=2),
    strict=_NO,
)
_defaults = _varied(
    TierDefaults,
    {},
    3,
    resolution=_resolution,
    duration_seconds=_seconds,
    aspect_ratio=_ratio,
    audio=st.booleans(),
)
any_candidate = st.builds(
    PolicyCandidate,
    target=st.sampled_from(
        [f"{provider}/{model}" for provider in ("acme", "acme", "bolt", "crow") for model in MODELS]
    ),
    weight=st.integers(0, 3),
    defaults=_defaults,
)


def _candidates(most: int) -> st.SearchStrategy[tuple[PolicyCandidate, ...]]:
    return st.lists(any_candidate, min_size=1, max_size=most, unique_by=lambda one: one.target).map(tuple)


_standard = st.builds(TierPolicy, defaults=_defaults, candidates=_candidates(5))
_other_tier = st.builds(
    TierPolicy, extends=st.sampled_from([None, "standard"]), defaults=_defaults, candidates=_candidates(2)
)
_pattern = st.sampled_from(["acme/*", "bolt/*", "*/b2", "crow/house/*", "acme/a1", "bolt/a1", "*/*"])
_span = st.sampled_from([Span(), Span(gt=5), Span(le=5), Span(ge=4, lt=10)])
any_when = _varied(
    When,
    {},
    2,
    tiers=_few(st.sampled_from(QUALITY_TIERS), 2),
    duration_seconds=_span,
    resolutions=_few(_resolution, 2),
    audio=st.booleans(),
    media_all=_few(_role, 1),
    media_any=_few(_role, 2),
)
any_rule = _varied(
    Rule,
    {"id": "rule", "boost": {"*/b2": 2}},
    3,
    when=any_when,
    boost=st.dictionaries(_pattern, st.integers(-5, 5), min_size=1, max_size=2),
    add=_candidates(2),
    exclude=st.tuples(_pattern),
)
any_rules = st.lists(any_rule, max_size=3).map(
    lambda rules: tuple(rule.evolve(id=f"rule{index}") for index, rule in enumerate(rules))
)
_lists = _varied(
    Lists,
    {},
    2,
    providers=_few(_provider, 2),
    models=st.tuples(_pattern),
    licences=st.tuples(st.sampled_from(["open-a", "open-b"])),
)
_user_role = st.sampled_from(["user", "guest", "admin"])
_governance = _varied(
    Governance,
    {},
    2,
    default_role=_user_role,
    tiers=st.dictionaries(st.sampled_from(QUALITY_TIERS), _few(_user_role, 2), min_size=1, max_size=2),
)
any_policy = st.tuples(_standard, st.dictionaries(st.sampled_from(QUALITY_TIERS), _other_tier, max_size=2)).flatmap(
    lambda tiers: _varied(
        Policy,
        {"version": "1", "as_of": "2026-11-24", "tiers": {**tiers[1], "standard": tiers[0]}},
        4,
        rules=any_rules,
        objective=st.just("cheapest"),
        allow=_lists,
        deny=_lists,
        regions=_few(_region, 2),
        governance=_governance,
    )
)


class World(NamedTuple):
    """A policy and what there is to choose from."""

    policy: Policy
    cards: Mapping[str, tuple[ModelCard, ...]]
    unavailable: Mapping[str, str]
    health: Mapping[str, str]
    role: str | None = None


def _listed(*models: str) -> st.SearchStrategy[tuple[ModelCard, ...]]:
    cards = st.tuples(*[any_card] * len(models))
    return cards.map(lambda made: tuple(card.evolve(model=name) for card, name in zip(made, models, strict=True)))


any_cards = st.fixed_dictionaries(
    {"acme": _listed(*MODELS), "bolt": _listed("a1", "b2")}, optional={"crow": st.just(()) | _listed("house/c3")}
)
any_world = st.tuples(any_policy, any_cards).flatmap(
    lambda both: _varied(
        World,
        {"policy": both[0], "cards": both[1], "unavailable": {}, "health": {}},
        2,
        unavailable=st.dictionaries(_provider, st.just("no key"), max_size=1),
        health=st.dictionaries(_provider, st.just("resting"), max_size=1),
        role=_user_role,
    )
)
