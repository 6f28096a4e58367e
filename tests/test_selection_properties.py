"""What holds of every choice, whatever is asked of whichever policy and cards."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from any_cards import TODAY, World, any_candidate, any_card, any_request, any_rules, any_world
from nexiom_sdk.models import ModelCard, broken_conditions, is_free, mismatches
from nexiom_sdk.policy import Policy, PolicyCandidate, Rule, TierPolicy
from nexiom_sdk.regions import overlap
from nexiom_sdk.selection import select
from nexiom_sdk.types import QUALITY_TIERS, Candidate, Choice, QualityTier, VideoRequest

SOUNDS: Mapping[str, tuple[bool | None, ...]] = {
    "never": (None, False),
    "always": (None, True),
    "unknown": (None,),
    "optional": (None, False, True),
}

few = settings(max_examples=150, deadline=None)


def chosen_in(world: World, request: VideoRequest) -> Choice:
    return select(
        request,
        world.policy,
        world.cards,
        unavailable=world.unavailable,
        health=world.health,
        today=TODAY,
        role=world.role,
    )


def card_of(world: World, candidate: Candidate) -> ModelCard:
    return next(card for card in world.cards[candidate.provider] if card.model == candidate.model)


def kept(choice: Choice) -> set[str]:
    return {one.target for one in choice.ranked}


def by_name(request: VideoRequest) -> bool:
    return request.provider is not None or request.model is not None


def tier_of(request: VideoRequest) -> QualityTier:
    return request.quality_tier or "standard"


def with_rules(world: World, rules: Sequence[Rule]) -> World:
    return world._replace(policy=world.policy.evolve(rules=tuple(rules)))


def with_tiers(world: World, tiers: Mapping[QualityTier, TierPolicy]) -> World:
    return world._replace(policy=world.policy.evolve(tiers=tiers))


@few
@given(any_world, any_request)
def test_every_model_is_kept_or_dropped_with_reasons_and_only_one_of_the_two(
    world: World, request: VideoRequest
) -> None:
    choice = chosen_in(world, request)
    considered = [one.target for one in choice.ranked] + [one.target for one in choice.rejected]
    assert considered
    assert len(set(considered)) == len(considered)
    assert all(one.reasons and all(one.reasons) for one in choice.rejected)
    assert choice.explain().count("\n") >= len(considered) - 1
    assert Choice.model_validate(choice.model_dump(mode="json")) == choice  # as the job row keeps it


@few
@given(any_world, any_request)
def test_a_model_that_is_kept_lives_can_be_reached_and_has_no_reason_against_it(
    world: World, request: VideoRequest
) -> None:
    for one in chosen_in(world, request).ranked:
        card = card_of(world, one)
        assert not card.retired(TODAY)
        assert one.provider not in {*world.unavailable, *world.health}
        assert all(not request.strict and reason.adaptable for reason in mismatches(request, card))
        assert request.provider in {None, one.provider}
        assert request.model in {None, one.model}
        cap = request.max_cost_usd
        assert cap is None or (one.estimated_cost_usd is not None and one.estimated_cost_usd <= cap)


@few
@given(any_world, any_request)
def test_a_model_that_the_policy_denies_is_never_kept_and_one_that_it_does_not_allow_neither(
    world: World, request: VideoRequest
) -> None:
    policy = world.policy
    for one in chosen_in(world, request).ranked:
        card = card_of(world, one)
        assert one.provider not in policy.deny.providers
        assert card.licence not in policy.deny.licences
        assert not any(fnmatchcase(one.target, pattern) for pattern in policy.deny.models)
        assert not policy.allow.providers or one.provider in policy.allow.providers
        assert not policy.allow.licences or card.licence in policy.allow.licences
        assert not policy.allow.models or any(fnmatchcase(one.target, pattern) for pattern in policy.allow.models)
        assert not any(overlap(region, area) for region in policy.regions for area in card.regions_excluded)


@few
@given(any_world, any_request)
def test_nobody_gets_a_model_of_a_tier_that_is_for_other_roles(world: World, request: VideoRequest) -> None:
    policy = world.policy
    role = world.role or policy.governance.default_role
    ranked: list[QualityTier] = [tier for tier in QUALITY_TIERS if tier in policy.tiers]
    for one in chosen_in(world, request).ranked:
        listing = [tier for tier in ranked if any(entry.target == one.target for entry in policy.tiers[tier].entries)]
        if not by_name(request):
            assert one.tier == tier_of(request)
        elif listing:
            assert one.tier == (request.quality_tier if request.quality_tier in listing else listing[0])
        elif is_free(card_of(world, one)):
            assert one.tier == tier_of(request)
            continue  # open to everybody
        else:
            assert one.tier == ranked[-1]
        assert role in policy.governance.tiers.get(one.tier, (role,))


@few
@given(any_world, any_request)
def test_what_is_asked_strictly_is_sent_and_nothing_is_sent_that_the_card_does_not_offer(
    world: World, request: VideoRequest
) -> None:
    for one in chosen_in(world, request).ranked:
        card = card_of(world, one)
        if request.strict:
            sent = (one.duration_seconds, one.resolution, one.aspect_ratio, one.audio, one.seed)
            asked = (request.duration_seconds, request.resolution, request.aspect_ratio, request.audio, request.seed)
            assert all(wanted in {None, got} for wanted, got in zip(asked, sent, strict=True))
            assert one.negative_prompt == bool(request.negative_prompt)
        assert one.seed == (request.seed if card.seed else None)
        if one.duration_seconds is not None:
            assert card.lengths_for(request.mode, one.resolution).nearest(one.duration_seconds) == one.duration_seconds
        assert one.resolution is None or one.resolution in (card.resolutions or {one.resolution})
        ratios = card.ratios_for(request.mode, one.resolution)
        assert one.aspect_ratio is None or (ratios is not None and one.aspect_ratio in (ratios or {one.aspect_ratio}))
        silenced = any(condition.silent for condition in card.conditions)
        assert one.audio in SOUNDS[card.audio] or (silenced and one.audio is False)


@few
@given(any_world, any_request)
def test_the_conditions_of_a_model_hold_for_what_is_sent(world: World, request: VideoRequest) -> None:
    for one in chosen_in(world, request).ranked:
        card = card_of(world, one)
        assert not list(broken_conditions(card, request.roles, audio=one.audio, resolution=one.resolution))


@few
@given(any_world, any_request)
def test_what_differs_from_the_request_is_said(world: World, request: VideoRequest) -> None:
    for one in chosen_in(world, request).ranked:
        for asked, sent in (
            (request.duration_seconds, one.duration_seconds),
            (request.resolution, one.resolution),
            (request.aspect_ratio, one.aspect_ratio),
        ):
            differs = asked is not None and asked != sent
            assert any(warning.startswith("asked for") for warning in one.warnings) or not differs
        assert one.estimated_cost_usd is not None or "its price is not known" in one.warnings


@few
@given(any_world, any_request, any_candidate, st.sampled_from(QUALITY_TIERS))
def test_a_candidate_more_never_makes_a_fitting_request_fail(
    world: World, request: VideoRequest, candidate: PolicyCandidate, tier: QualityTier
) -> None:
    named = world.policy.tiers.get(tier)
    if named is None or candidate.target in {one.target for one in named.candidates}:
        return
    if by_name(request):  # in a tier it counts to that tier, and has the terms that are said of it there
        assume(request.max_cost_usd is None and not world.policy.governance.tiers)
    more = TierPolicy(defaults=named.defaults, candidates=(*named.candidates, candidate))
    after = chosen_in(with_tiers(world, {**world.policy.tiers, tier: more}), request)
    assert kept(chosen_in(world, request)) <= kept(after)


@few
@given(any_world, any_request, any_card, st.sampled_from(["acme", "bolt", "crow", "dove"]))
def test_a_card_more_never_makes_a_fitting_request_fail(
    world: World, request: VideoRequest, card: ModelCard, provider: str
) -> None:
    cards = world.cards.get(provider, ())
    assume(card.model not in {one.model for one in cards})
    more = {**world.cards, provider: (*cards, card)}
    assert kept(chosen_in(world, request)) <= kept(chosen_in(world._replace(cards=more), request))


@few
@given(any_world, any_request)
def test_a_tiers_defaults_make_no_request_fail_and_move_no_rule(world: World, request: VideoRequest) -> None:
    request = request.evolve(max_cost_usd=None)  # a cap is judged by what is sent
    bare = with_tiers(
        with_rules(world, [rule.evolve(add=_without_defaults(rule.add)) for rule in world.policy.rules]),
        {name: TierPolicy(candidates=_without_defaults(tier.candidates)) for name, tier in world.policy.tiers.items()},
    )
    seen, expected = ({one.target: (one.weight, one.rules) for one in chosen_in(one, request).ranked}
                      for one in (world, bare))  # fmt: skip
    assert seen == expected


def _without_defaults(candidates: Sequence[PolicyCandidate]) -> tuple[PolicyCandidate, ...]:
    return tuple(PolicyCandidate(target=one.target, weight=one.weight) for one in candidates)


@few
@given(any_world, any_request)
def test_what_is_less_strict_keeps_at_least_as_much(world: World, request: VideoRequest) -> None:
    request = request.evolve(max_cost_usd=None)
    assert kept(chosen_in(world, request.evolve(strict=True))) <= kept(chosen_in(world, request.evolve(strict=False)))


@few
@given(any_world, any_request, st.randoms())
def test_the_order_in_which_cards_providers_and_candidates_are_listed_changes_nothing(
    world: World, request: VideoRequest, luck: random.Random
) -> None:
    shuffled = {name: tuple(luck.sample(cards, len(cards))) for name, cards in world.cards.items()}
    names = luck.sample(sorted(shuffled), len(shuffled))
    tiers = {
        name: TierPolicy(defaults=tier.defaults, candidates=tuple(luck.sample(tier.candidates, len(tier.candidates))))
        for name, tier in world.policy.tiers.items()
    }
    again = with_tiers(world._replace(cards={name: shuffled[name] for name in names}), tiers)
    assert chosen_in(again, request) == chosen_in(world, request)


@few
@given(any_world, any_request)
def test_the_ranking_is_by_weight_then_price_then_name_or_by_price_first(world: World, request: VideoRequest) -> None:
    ranked = chosen_in(world, request).ranked
    prices = [(one.estimated_cost_usd is None, one.estimated_cost_usd or 0) for one in ranked]
    if world.policy.objective == "cheapest":
        keys = [(*price, -one.weight, one.target) for price, one in zip(prices, ranked, strict=True)]
        assert keys == sorted(keys)
    else:
        other = [(-one.weight, *price, one.target) for price, one in zip(prices, ranked, strict=True)]
        assert other == sorted(other)


@few
@given(any_world, any_request)
def test_a_boost_moves_models_and_does_nothing_else(world: World, request: VideoRequest) -> None:
    plain = chosen_in(with_rules(world, [rule.evolve(boost={}) for rule in world.policy.rules]), request)
    boosted = chosen_in(world, request)
    unmoved = {one.target: one for one in plain.ranked}
    assert boosted.rejected == plain.rejected
    assert kept(boosted) == unmoved.keys()
    for one in boosted.ranked:
        before = unmoved[one.target]
        assert one.evolve(weight=before.weight, rules=before.rules) == before
        moved = [rule for rule in _holding(world.policy, request) if _boost(rule, one.target)]
        assert one.weight - before.weight == sum(_boost(rule, one.target) for rule in moved)
        assert set(one.rules) == {*before.rules, *(rule.id for rule in moved)}


@few
@given(any_world, any_request)
def test_what_rules_exclude_is_out_and_nothing_else_and_a_name_is_stronger(world: World, request: VideoRequest) -> None:
    without = kept(chosen_in(with_rules(world, [rule.evolve(exclude=()) for rule in world.policy.rules]), request))
    patterns = [pattern for rule in _holding(world.policy, request) for pattern in rule.exclude]
    excluded = {target for target in without if any(fnmatchcase(target, pattern) for pattern in patterns)}
    assert kept(chosen_in(world, request)) == (without if by_name(request) else without - excluded)


@few
@given(any_world, any_request)
def test_what_rules_add_comes_on_top_of_the_tier_and_only_there(world: World, request: VideoRequest) -> None:
    plain = chosen_in(with_rules(world, [rule.evolve(add=()) for rule in world.policy.rules]), request)
    choice = chosen_in(world, request)
    if by_name(request):
        assert choice == plain
        return
    assert kept(plain) <= kept(choice)
    tier = world.policy.tiers.get(tier_of(request))
    own = {one.target for one in tier.candidates} if tier else set[str]()
    for one in choice.ranked:
        adding = [rule.id for rule in _holding(world.policy, request) if one.target in {new.target for new in rule.add}]
        assert one.target in own or one.rules[0] == adding[0]


@few
@given(any_world, any_request, any_rules)
def test_a_rule_that_does_not_hold_changes_nothing(
    world: World, request: VideoRequest, rules: tuple[Rule, ...]
) -> None:
    idle = [rule.evolve(id=f"idle {rule.id}") for rule in rules if not rule.when.holds(request, tier_of(request))]
    assert chosen_in(with_rules(world, [*idle, *world.policy.rules]), request) == chosen_in(world, request)


def _holding(policy: Policy, request: VideoRequest) -> list[Rule]:
    return [rule for rule in policy.rules if rule.when.holds(request, tier_of(request))]


def _boost(rule: Rule, target: str) -> int:
    return sum(more for pattern, more in rule.boost.items() if fnmatchcase(target, pattern))
