"""Hypothesis strategies for requests, model cards and policies: small vocabularies, so that things often meet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeVar, get_args

from hypothesis import strategies as st

from nexiom_sdk.models import Lengths, Lifecycle, ModelCard, Price, Shapes, Sound
from nexiom_sdk.policy import Policy, PolicyCandidate, TierDefaults, TierPolicy
from nexiom_sdk.types import QUALITY_TIERS, AspectRatio, Delivery, Media, MediaRole, Mode, Resolution, VideoRequest

T = TypeVar("T")

TODAY = date(2026, 11, 24)

_provider = st.sampled_from(["acme", "bolt", "crow"])
_model = st.sampled_from(["a1", "b2", "house/c3"])
_seconds = st.sampled_from([2.0, 4.0, 5.0, 6.5, 8.0, 10.0, 30.0])
_range = st.tuples(_seconds, _seconds).map(lambda ends: (min(ends), max(ends)))
_resolution: st.SearchStrategy[Resolution] = st.sampled_from(["480p", "720p", "1080p", "2160p"])
_ratio: st.SearchStrategy[AspectRatio] = st.sampled_from(["16:9", "9:16", "1:1", "21:9"])
_mode: st.SearchStrategy[Mode] = st.sampled_from(get_args(Mode))
_role: st.SearchStrategy[MediaRole] = st.sampled_from(get_args(MediaRole))
_sound: st.SearchStrategy[Sound] = st.sampled_from(get_args(Sound))
_lifecycle: st.SearchStrategy[Lifecycle] = st.sampled_from(["ga", "ga", "preview", "deprecated", "retired"])
_delivery: st.SearchStrategy[Delivery] = st.sampled_from(get_args(Delivery))
_usd = st.decimals(0, 20, places=2)
_day = st.integers(-400, 400).map(lambda days: TODAY + timedelta(days=days))


def _few(one: st.SearchStrategy[T], most: int = 3) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(one, max_size=most, unique=True).map(tuple)


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
any_card = st.builds(
    ModelCard,
    model=_model,
    durations_seconds=_few(_seconds),
    duration_range_seconds=st.none() | _range,
    lengths=st.lists(_lengths, max_size=2).map(tuple),
    resolutions=_few(_resolution),
    aspect_ratios=_few(_ratio),
    shapes=st.lists(_shapes, max_size=2).map(tuple),
    media=st.dictionaries(_role, st.integers(0, 2), max_size=4),
    media_exclusions=_few(_few(_role), 1),
    media_required=st.booleans(),
    delivery=_few(_delivery, 2).map(frozenset),
    audio=_sound,
    seed=st.booleans(),
    negative_prompt=st.booleans(),
    max_prompt_chars=st.none() | st.just(3),
    prices=st.lists(any_price, max_size=3).map(tuple),
    lifecycle=_lifecycle,
    retires_on=st.none() | _day,
    successor=st.none() | _model,
)
_media = st.one_of(
    st.builds(Media.from_input, st.just("u1/fox.png"), role=_role),
    st.builds(Media.from_url, st.just("https://example.com/fox.png"), role=_role),
)
any_request = st.builds(
    VideoRequest,
    prompt=st.sampled_from(["fox", "a fox in snow"]),
    quality_tier=st.none() | st.sampled_from(QUALITY_TIERS),
    duration_seconds=st.none() | _seconds | st.floats(0.1, 3600),
    provider=st.none() | st.none() | _provider | st.just("acne"),
    model=st.none() | st.none() | _model | st.just("a11"),
    resolution=st.none() | _resolution,
    aspect_ratio=st.none() | _ratio,
    audio=st.none() | st.booleans(),
    seed=st.none() | st.integers(0, 9),
    negative_prompt=st.none() | st.sampled_from(["", "rain"]),
    media=st.just(()) | st.lists(_media, max_size=2).map(tuple),
    max_cost_usd=st.none() | _usd,
    strict=st.booleans(),
)
_defaults = st.builds(
    TierDefaults,
    resolution=st.none() | _resolution,
    duration_seconds=st.none() | _seconds,
    aspect_ratio=st.none() | _ratio,
    audio=st.none() | st.booleans(),
)
any_candidate = st.builds(
    PolicyCandidate,
    target=st.builds("{}/{}".format, _provider, _model),
    weight=st.integers(0, 3),
    defaults=_defaults,
)
_tier = st.builds(
    TierPolicy,
    defaults=_defaults,
    candidates=st.lists(any_candidate, min_size=1, max_size=5, unique_by=lambda one: one.target).map(tuple),
)
any_policy = st.builds(
    Policy,
    version=st.just("1"),
    as_of=st.just("2026-11-24"),
    tiers=st.dictionaries(st.sampled_from(QUALITY_TIERS), _tier).flatmap(
        lambda tiers: _tier.map(lambda standard: {**tiers, "standard": standard})
    ),
)


class World(NamedTuple):
    """A policy and what there is to choose from."""

    policy: Policy
    cards: Mapping[str, tuple[ModelCard, ...]]
    unavailable: Mapping[str, str]
    health: Mapping[str, str]


any_world = st.builds(
    World,
    policy=any_policy,
    cards=st.dictionaries(
        _provider, st.lists(any_card, max_size=3, unique_by=lambda card: card.model).map(tuple), min_size=1
    ),
    unavailable=st.just({}) | st.dictionaries(_provider, st.just("no key"), max_size=1),
    health=st.just({}) | st.dictionaries(_provider, st.just("resting"), max_size=1),
)
