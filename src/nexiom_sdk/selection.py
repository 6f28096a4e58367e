"""Which model carries out a request, and why: a pure function of request, policy and model cards.

Every model considered is either kept with the terms that will be sent to it, or dropped with every reason why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from nexiom_sdk.models import Mismatch, ModelCard, best_places, estimate, mismatches, nearest_ratio, nearest_resolution
from nexiom_sdk.policy import Entry, Policy, TierDefaults
from nexiom_sdk.types import (
    AspectRatio,
    Candidate,
    Choice,
    DeliveredMedia,
    Mode,
    QualityTier,
    Rejection,
    Resolution,
    VideoRequest,
    VideoSpec,
)
from nexiom_sdk.wording import seconds, unknown, usd

__all__ = ["Policy", "select", "spec_for"]

WARN_BEFORE_RETIREMENT = timedelta(days=60)
_ANY = "any"  # stands in a rejection for a name that nobody gave
_NOBODY: Mapping[str, str] = MappingProxyType({})
_NOTHING = TierDefaults()


class _Order(NamedTuple):
    """What is the same for every model."""

    request: VideoRequest
    mode: Mode
    today: date
    addresses: bool


class _Terms(NamedTuple):
    """What will be sent, as far as a price depends on it."""

    mode: Mode
    duration_seconds: float | None
    resolution: Resolution | None
    aspect_ratio: AspectRatio | None
    audio: bool | None


def select(
    request: VideoRequest,
    policy: Policy,
    cards: Mapping[str, Sequence[ModelCard]],
    *,
    unavailable: Mapping[str, str] = _NOBODY,
    health: Mapping[str, str] = _NOBODY,
    today: date,
    addresses: bool = True,
) -> Choice:
    """The models that fit, best first, and the others with their reasons; it never raises.

    A tier's defaults fill what the request leaves open and are taken to the nearest value a model offers, so they
    never make a request fail; only `max_cost_usd` is judged by what will really be sent.

    Args:
        request: What is wanted.
        policy: What each tier prefers.
        cards: The cards of every provider that can be used.
        unavailable: Providers that cannot be used, with the reason.
        health: Providers to leave alone for now, with the reason.
        today: The day, for retirements.
        addresses: Whether the store can give web addresses of the references it holds.

    Example:
        >>> card = ModelCard(model="a1", durations_seconds=(4, 8), resolutions=("720p",))
        >>> request = VideoRequest(prompt="a fox in snow", provider="acme", duration_seconds=5, strict=False)
        >>> print(select(request, Policy.default(), {"acme": [card]}, today=date(2026, 11, 24)).explain())
        chosen   acme/a1 · 4 s · 720p · silent · price unknown
                 warning: asked for 5 s, takes 4 s
                 warning: its price is not known
    """
    tier = request.quality_tier or policy.default_tier
    by_name = request.provider is not None or request.model is not None
    entries = _named(request, policy, cards) if by_name else _preferred(policy, tier)
    listed = {
        name: {card.model: card for card in cards.get(name, ())} for name in {entry.provider for entry in entries}
    }
    order = _Order(request, request.mode, today, addresses)
    kept: list[Candidate] = []
    rejected: list[Rejection] = []
    for entry in entries:
        closed = _closed(entry.provider, cards, unavailable, health)
        judged = _judged(order, entry, listed[entry.provider]) if closed is None else (closed,)
        if isinstance(judged, Candidate):
            kept.append(judged)
        else:
            rejected.append(Rejection(provider=entry.provider, model=entry.model, reasons=judged))
    if not entries:
        rejected.append(_nobody(request, tier, policy, cards, unavailable))
    return Choice(
        tier=None if by_name else tier,
        ranked=tuple(sorted(kept, key=_rank)),
        rejected=tuple(rejected),
        policy_version=policy.version,
    )


def spec_for(request: VideoRequest, candidate: Candidate, media: tuple[DeliveredMedia, ...]) -> VideoSpec:
    """What is sent to the provider of a chosen model.

    Args:
        request: The request it was chosen for.
        candidate: The model, with its terms.
        media: The request's references, in the form the model takes.
    """
    return VideoSpec(
        model=candidate.model,
        prompt=request.prompt,
        duration_seconds=candidate.duration_seconds,
        resolution=candidate.resolution,
        aspect_ratio=candidate.aspect_ratio,
        audio=candidate.audio,
        seed=candidate.seed,
        negative_prompt=request.negative_prompt if candidate.negative_prompt else None,
        media=media,
        options=request.options.get(candidate.provider, {}),
    )


def _preferred(policy: Policy, tier: QualityTier) -> Sequence[Entry]:
    return policy.tiers[tier].entries if tier in policy.tiers else ()


def _named(request: VideoRequest, policy: Policy, cards: Mapping[str, Sequence[ModelCard]]) -> Sequence[Entry]:
    """The models that a request names: those of its tier with their weights, then all others that are known of."""
    tier = request.quality_tier or policy.default_tier
    defaults = policy.tiers[tier].defaults if tier in policy.tiers else _NOTHING
    preferred = {(entry.provider, entry.model): entry for entry in _preferred(policy, tier)}
    offered = {(name, card.model) for name, listed in cards.items() for card in listed}
    out_of_reach = {
        (entry.provider, entry.model)
        for named in policy.tiers.values()
        for entry in named.entries
        if entry.provider not in cards
    }
    return [
        preferred.get(target) or Entry(*target, weight=0, why="", defaults=defaults)
        for target in (*preferred, *sorted((offered | out_of_reach) - preferred.keys()))
        if request.provider in {None, target[0]} and request.model in {None, target[1]}
    ]


def _closed(
    provider: str, cards: Mapping[str, object], unavailable: Mapping[str, str], health: Mapping[str, str]
) -> str | None:
    """Why a provider cannot be asked at all."""
    if provider in unavailable:
        return unavailable[provider]
    return health.get(provider) if provider in cards else "not installed"


def _judged(order: _Order, entry: Entry, listed: Mapping[str, ModelCard]) -> Candidate | tuple[str, ...]:
    """The model with its terms, or every reason against it."""
    card, request = listed.get(entry.model), order.request
    if card is None:
        return (unknown("model", entry.model, sorted(listed)),)
    found = mismatches(request, card, addresses=order.addresses)
    reasons = [str(one) for one in found if request.strict or not one.adaptable]
    if card.retired(order.today):
        since = f" since {card.retires_on}" if card.retires_on else ""
        reasons.insert(0, f"is no longer offered{since}{_instead(card)}")
    if reasons:
        return tuple(reasons)
    candidate = _candidate(order, entry, card, found)
    price, cap = candidate.estimated_cost_usd, request.max_cost_usd
    if cap is not None and request.options.get(entry.provider):
        return (f"what its options cost is not known, and {usd(cap)} is the most it may cost",)
    if cap is None or (price is not None and price <= cap):
        return candidate
    if price is None:
        return (f"its price is not known, and {usd(cap)} is the most it may cost",)
    return (f"costs {usd(price)}, more than the {usd(cap)} it may cost",)


def _candidate(order: _Order, entry: Entry, card: ModelCard, found: Iterable[Mismatch]) -> Candidate:
    """The model with its terms: what was asked, else what the policy says, each as near as the model comes to it."""
    request, mode = order.request, order.mode
    defaults = entry.defaults
    resolution = _resolution(request, defaults, card)
    length = request.duration_seconds or defaults.duration_seconds
    ratio, offered = request.aspect_ratio or defaults.aspect_ratio, card.ratios_for(mode, resolution)
    terms = _Terms(
        mode=mode,
        duration_seconds=None if length is None else card.lengths_for(mode, resolution).nearest(length),
        resolution=resolution,
        aspect_ratio=None if ratio is None or offered is None else nearest_ratio(ratio, offered),
        audio=_audio(defaults.audio if request.audio is None else request.audio, card),
    )
    price = estimate(card, terms)
    return Candidate(
        provider=entry.provider,
        model=entry.model,
        weight=entry.weight,
        why=entry.why,
        mode=mode,
        duration_seconds=terms.duration_seconds,
        resolution=resolution,
        aspect_ratio=terms.aspect_ratio,
        audio=terms.audio,
        seed=request.seed if card.seed else None,
        negative_prompt=bool(request.negative_prompt) and card.negative_prompt,
        estimated_cost_usd=price,
        priced_on=card.priced_on,
        warnings=(*_changes(request, terms, found), *_cautions(card, price, order.today)),
    )


def _resolution(request: VideoRequest, defaults: TierDefaults, card: ModelCard) -> Resolution | None:
    """The resolution asked for, else the default, which gives way to one that offers the length and shape asked for."""
    wanted = request.resolution or defaults.resolution
    nearest = wanted if wanted is None or wanted in card.resolutions else nearest_resolution(wanted, card.resolutions)
    if request.resolution is not None or not (card.lengths or card.shapes):
        return nearest
    best = best_places(request, card, (nearest, *(card.resolutions or (None,))))
    if nearest in best:
        return nearest
    named: list[Resolution] = [place for place in best if place]
    return nearest_resolution(nearest or named[0], named) if named else None


def _audio(wanted: bool | None, card: ModelCard) -> bool | None:  # noqa: FBT001 - a value, not a flag
    if wanted is None or card.audio == "unknown":
        return None
    return wanted if card.audio == "optional" else card.audio == "always"


def _changes(request: VideoRequest, terms: _Terms, found: Iterable[Mismatch]) -> Iterator[str]:
    """What differs from the request; nothing, where it is strict."""
    if request.strict:
        return
    asked, takes = request.duration_seconds, terms.duration_seconds
    if asked is not None and takes is not None and takes != asked:
        yield f"asked for {seconds(asked)}, takes {seconds(takes)}"
    if request.resolution not in {None, terms.resolution}:
        yield f"asked for {request.resolution}, takes {terms.resolution}"
    if request.aspect_ratio not in {None, terms.aspect_ratio}:
        yield f"asked for {request.aspect_ratio}, takes {terms.aspect_ratio or 'the shape of the picture'}"
    yield from (str(one) for one in found if one.field in {"audio", "seed", "negative_prompt"})


def _cautions(card: ModelCard, price: Decimal | None, today: date) -> Iterator[str]:
    if card.lifecycle == "deprecated":
        yield f"is deprecated{_instead(card)}"
    if card.lifecycle == "preview":
        yield "is a preview and may change"
    if card.retires_on is not None and card.retires_on - today <= WARN_BEFORE_RETIREMENT:
        yield f"is no longer offered from {card.retires_on} on{_instead(card)}"
    if card.regions_excluded:
        yield f"its licence forbids use in {', '.join(card.regions_excluded)}"
    if price is None:
        yield "its price is not known"


def _instead(card: ModelCard) -> str:
    return f"; use {card.successor} instead" if card.successor else ""


def _rank(candidate: Candidate) -> tuple[int, bool, Decimal, str]:
    price = candidate.estimated_cost_usd
    return (-candidate.weight, price is None, price or Decimal(0), candidate.target)


def _nobody(
    request: VideoRequest,
    tier: QualityTier,
    policy: Policy,
    cards: Mapping[str, Sequence[ModelCard]],
    unavailable: Mapping[str, str],
) -> Rejection:
    """Why there is nothing to choose from: a name in the request, or the tier itself, is not known."""
    provider, model = request.provider, request.model
    if provider is not None and provider not in cards:
        reason = unavailable.get(provider) or unknown("provider", provider, sorted({*cards, *unavailable}))
    elif model is not None:
        places = cards if provider is None else (provider,)
        reason = unknown("model", model, sorted({card.model for place in places for card in cards[place]}))
    elif provider is not None:
        reason = "it lists no models"
    else:
        provider, model = "policy", tier
        reason = unknown("tier", tier, tuple(policy.tiers))
    return Rejection(provider=provider or _ANY, model=model or _ANY, reasons=(reason,))
