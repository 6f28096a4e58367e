"""Which model carries out a request, and why: a pure function of request, policy and model cards.

Every model considered is either kept with the terms that will be sent to it, or dropped with every reason why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from nexiom_sdk.models import (
    Mismatch,
    ModelCard,
    best_places,
    broken_conditions,
    estimate,
    mismatches,
    nearest_ratio,
    nearest_resolution,
)
from nexiom_sdk.policy import Policy
from nexiom_sdk.policy_parts import Entry, Rule, TierDefaults, matches
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
from nexiom_sdk.wording import nearest, seconds, unknown, usd

__all__ = ["Policy", "select", "spec_for"]

WARN_BEFORE_RETIREMENT = timedelta(days=60)
LESS_FOR_DEPRECATED = 5
_ANY = "any"  # stands in a rejection for a name that nobody gave
_NOBODY: Mapping[str, str] = MappingProxyType({})
_NOTHING = TierDefaults()


class _Order(NamedTuple):
    """What is the same for every model."""

    request: VideoRequest
    policy: Policy
    tier: QualityTier
    by_name: bool
    rules: tuple[Rule, ...]
    role: str
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
    role: str | None = None,
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
        role: The role of the user; None: the policy's default.

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
    order = _Order(
        request=request,
        policy=policy,
        tier=tier,
        by_name=by_name,
        rules=tuple(rule for rule in policy.rules if rule.when.holds(request, tier)),
        role=role or policy.governance.default_role,
        mode=request.mode,
        today=today,
        addresses=addresses,
    )
    kept: list[Candidate] = []
    rejected: list[Rejection] = []
    if not by_name and not policy.governance.may_use(order.role, tier):
        entries: Sequence[Entry] = ()
        rejected.append(Rejection(provider="policy", model=tier, reasons=(_reserved(order, tier),)))
    else:
        entries = _named(order, cards) if by_name else _preferred(order)
        if not entries:
            rejected.append(_nobody(order, cards, unavailable))
    listed = {
        name: {card.model: card for card in cards.get(name, ())} for name in {entry.provider for entry in entries}
    }
    for entry in entries:
        closed = _closed(order, entry, cards, unavailable, health)
        judged = _judged(order, entry, listed[entry.provider]) if closed is None else (closed,)
        if isinstance(judged, Candidate):
            kept.append(judged)
        else:
            rejected.append(Rejection(provider=entry.provider, model=entry.model, reasons=judged))
    return Choice(
        tier=None if by_name else tier,
        ranked=tuple(sorted(kept, key=_cheapest if policy.objective == "cheapest" else _preferred_first)),
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


def _preferred(order: _Order) -> Sequence[Entry]:
    """The models of the tier, and those that rules add for such a request."""
    tier = order.policy.tiers.get(order.tier)
    if tier is None:
        return ()
    added = (candidate.entry(tier.defaults) for rule in order.rules for candidate in rule.add)
    return tuple({entry[:2]: entry for entry in (*added, *tier.entries)}.values())


def _named(order: _Order, cards: Mapping[str, Sequence[ModelCard]]) -> Sequence[Entry]:
    """The models that a request names: those of its tier with their weights, then all others that are known of."""
    request, policy = order.request, order.policy
    tier = policy.tiers.get(order.tier)
    preferred = {} if tier is None else {entry[:2]: entry for entry in tier.entries}
    defaults = _NOTHING if tier is None else tier.defaults
    offered = {(name, card.model) for name, listed in cards.items() for card in listed}
    out_of_reach = {
        entry[:2] for named in policy.tiers.values() for entry in named.entries if entry.provider not in cards
    }
    return [
        preferred.get(target) or Entry(*target, weight=0, why="", defaults=defaults)
        for target in (*preferred, *sorted((offered | out_of_reach) - preferred.keys()))
        if request.provider in {None, target[0]} and request.model in {None, target[1]}
    ]


def _closed(
    order: _Order,
    entry: Entry,
    cards: Mapping[str, object],
    unavailable: Mapping[str, str],
    health: Mapping[str, str],
) -> str | None:
    """Why a model is not even looked at: its provider cannot be asked, or rules and roles forbid it."""
    provider = entry.provider
    if provider in unavailable:
        return unavailable[provider]
    if provider not in cards:
        guess = nearest(provider, (*cards, *unavailable))
        return f"not installed; did you mean '{guess}'?" if guess else "not installed"
    if provider in health:
        return health[provider]
    if order.by_name:
        tier = order.policy.tier_of(entry.target, order.request.quality_tier)
        return None if order.policy.governance.may_use(order.role, tier) else _reserved(order, tier)
    out = next((rule for rule in order.rules if any(matches(entry.target, one) for one in rule.exclude)), None)
    return None if out is None else f"left out by the rule {out.id}{f': {out.why}' if out.why else ''}"


def _reserved(order: _Order, tier: QualityTier) -> str:
    roles = order.policy.governance.tiers[tier]
    whom = f"for the roles {', '.join(roles)}" if len(roles) > 1 else f"for the role {roles[0]}" if roles else "closed"
    return f"the tier {tier} is {whom}, and this user has the role {order.role}"


def _judged(order: _Order, entry: Entry, listed: Mapping[str, ModelCard]) -> Candidate | tuple[str, ...]:
    """The model with its terms, or every reason against it."""
    card, request = listed.get(entry.model), order.request
    if card is None:
        return (unknown("model", entry.model, sorted(listed)),)
    found = mismatches(request, card, addresses=order.addresses)
    reasons = [str(one) for one in found if request.strict or not one.adaptable]
    if card.retired(order.today):
        since = f" since {card.retires_on}" if card.retires_on else ""
        reasons.insert(0, f"is no longer offered{since}{_instead(card, order.today, listed)}")
    barred = order.policy.barred(entry.target, licence=card.licence, regions_excluded=card.regions_excluded)
    if barred is not None:
        reasons.append(barred)
    if reasons:
        return tuple(reasons)
    candidate = _candidate(order, entry, card, found, listed)
    price, cap = candidate.estimated_cost_usd, request.max_cost_usd
    if cap is not None and request.options.get(entry.provider):
        return (f"what its options cost is not known, and {usd(cap)} is the most it may cost",)
    if cap is None or (price is not None and price <= cap):
        return candidate
    if price is None:
        return (f"its price is not known, and {usd(cap)} is the most it may cost",)
    return (f"costs {usd(price)}, more than the {usd(cap)} it may cost",)


def _candidate(
    order: _Order, entry: Entry, card: ModelCard, found: Iterable[Mismatch], listed: Mapping[str, ModelCard]
) -> Candidate:
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
        audio=_audio(request, defaults, card, resolution),
    )
    price = estimate(card, terms)
    boosts = [(rule.id, boost) for rule in order.rules if (boost := _boost(rule, entry.target))]
    added = [rule.id for rule in order.rules for one in rule.add if not order.by_name and one.target == entry.target]
    worn = LESS_FOR_DEPRECATED if card.lifecycle == "deprecated" else 0
    return Candidate(
        provider=entry.provider,
        model=entry.model,
        weight=max(entry.weight + sum(boost for _, boost in boosts) - worn, 0),
        why=entry.why,
        tier=order.policy.tier_of(entry.target, request.quality_tier) if order.by_name else order.tier,
        rules=tuple(dict.fromkeys((*added, *(name for name, _ in boosts)))),
        mode=mode,
        duration_seconds=terms.duration_seconds,
        resolution=resolution,
        aspect_ratio=terms.aspect_ratio,
        audio=terms.audio,
        seed=request.seed if card.seed else None,
        negative_prompt=bool(request.negative_prompt) and card.negative_prompt,
        estimated_cost_usd=price,
        priced_on=card.priced_on,
        warnings=(*_changes(request, terms, found), *_cautions(card, price, order.today, listed)),
    )


def _boost(rule: Rule, target: str) -> int:
    return sum(more for pattern, more in rule.boost.items() if matches(target, pattern))


def _resolution(request: VideoRequest, defaults: TierDefaults, card: ModelCard) -> Resolution | None:
    """The resolution asked for, else the default, which gives way to one that offers what was asked for with it."""
    wanted = request.resolution or defaults.resolution
    offered = _fitting(request, card)
    place = wanted if wanted is None or wanted in offered else nearest_resolution(wanted, offered)
    if wanted is None and offered != card.resolutions:
        place = offered[0]
    if request.resolution is not None or not (card.lengths or card.shapes):
        return place
    best = best_places(request, card, (place, *(offered or (None,))))
    if place in best:
        return place
    named: list[Resolution] = [one for one in best if one]
    return nearest_resolution(place or named[0], named) if named else None


def _fitting(request: VideoRequest, card: ModelCard) -> Sequence[Resolution]:
    """The resolutions at which the model does what was asked for; all of them where there is none."""
    if not card.conditions:
        return card.resolutions
    fitting: list[Resolution] = [place for place in card.resolutions if not _refuses(card, request, place)]
    return fitting or card.resolutions


def _refuses(card: ModelCard, request: VideoRequest, place: Resolution) -> bool:
    broken = broken_conditions(card, request.roles, audio=request.audio, resolution=place)
    return any(one.field == "resolution" for one in broken)


def _audio(
    request: VideoRequest, defaults: TierDefaults, card: ModelCard, resolution: Resolution | None
) -> bool | None:
    wanted = defaults.audio if request.audio is None else request.audio
    if wanted is None or card.audio == "unknown":
        return None
    if card.audio != "optional":
        return card.audio == "always"
    if wanted and request.audio is None and card.conditions:
        broken = broken_conditions(card, request.roles, audio=True, resolution=resolution)
        return all(one.field == "media" for one in broken)
    return wanted


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


def _cautions(card: ModelCard, price: Decimal | None, today: date, listed: Mapping[str, ModelCard]) -> Iterator[str]:
    if card.lifecycle == "deprecated":
        yield f"is deprecated{_instead(card, today, listed)}"
    if card.lifecycle == "preview":
        yield "is a preview and may change"
    if card.retires_on is not None and card.retires_on - today <= WARN_BEFORE_RETIREMENT:
        yield f"is no longer offered from {card.retires_on} on{_instead(card, today, listed)}"
    if card.regions_excluded:
        yield f"its licence forbids use in {', '.join(card.regions_excluded)}"
    if price is None:
        yield "its price is not known"


def _instead(card: ModelCard, today: date, listed: Mapping[str, ModelCard]) -> str:
    """What to use instead: the first successor that is still offered, as far as successors are known."""
    seen, name = {card.model}, card.successor
    while name is not None and name not in seen and (one := listed.get(name)) is not None and one.retired(today):
        seen.add(name)
        name = one.successor
    return f"; use {name} instead" if name is not None and name not in seen else ""


def _preferred_first(candidate: Candidate) -> tuple[int, bool, Decimal, str]:
    price = candidate.estimated_cost_usd
    return (-candidate.weight, price is None, price or Decimal(0), candidate.target)


def _cheapest(candidate: Candidate) -> tuple[bool, Decimal, int, str]:
    price = candidate.estimated_cost_usd
    return (price is None, price or Decimal(0), -candidate.weight, candidate.target)


def _nobody(order: _Order, cards: Mapping[str, Sequence[ModelCard]], unavailable: Mapping[str, str]) -> Rejection:
    """Why there is nothing to choose from: a name in the request, or the tier itself, is not known."""
    request, policy, tier = order.request, order.policy, order.tier
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
