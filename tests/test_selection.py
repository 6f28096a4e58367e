from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from any_cards import TODAY, World, any_candidate, any_request, any_world
from nexiom_sdk.models import Lengths, ModelCard, Price, Shapes, mismatches
from nexiom_sdk.policy import Policy, PolicyCandidate, TierDefaults, TierPolicy
from nexiom_sdk.selection import select, spec_for
from nexiom_sdk.types import QUALITY_TIERS, AspectRatio, Candidate, Choice, VideoRequest
from nexiom_sdk.wording import usd

TABLE = json.loads((Path(__file__).parent / "data" / "selection_cases.json").read_text("utf-8"))
CARDS = {provider: [ModelCard.model_validate(card) for card in cards] for provider, cards in TABLE["cards"].items()}
POLICY = Policy.model_validate(TABLE["policy"])

SOUNDS: Mapping[str, tuple[bool | None, ...]] = {
    "never": (None, False),
    "always": (None, True),
    "unknown": (None,),
    "optional": (None, False, True),
}

few = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_the_table_of_requests_and_choices_holds(case: Mapping[str, object]) -> None:
    choice = select(
        VideoRequest.model_validate({"prompt": "a fox in snow", **case["request"]}),  # type: ignore[dict-item]
        POLICY,
        CARDS,
        unavailable=case.get("unavailable", {}),  # type: ignore[arg-type]
        health=case.get("health", {}),  # type: ignore[arg-type]
        today=date.fromisoformat(TABLE["today"]),
    )
    targets = [one.target for one in choice.ranked]
    seen: dict[str, object] = {
        "chosen": targets[0] if targets else None,
        "spare": targets[1:],
        "tier": choice.tier,
        "policy_version": choice.policy_version,
        "dropped": {one.target: list(one.reasons) for one in choice.rejected},
    }
    expected = {name: value for name, value in case.items() if name in seen}
    assert {name: seen[name] for name in expected} == expected
    if isinstance(terms := case.get("terms"), dict):
        assert choice.chosen is not None
        chosen = {**choice.chosen.model_dump(mode="json"), "price": usd(choice.chosen.estimated_cost_usd)}
        assert {name: chosen[name] for name in terms} == terms


def test_the_policy_that_ships_says_not_installed_where_nothing_is() -> None:
    for tier in QUALITY_TIERS:
        choice = select(VideoRequest(prompt="x", quality_tier=tier), Policy.default(), {}, today=TODAY)
        assert not choice.ranked
        assert {one.reasons for one in choice.rejected} == {("not installed",)}


def test_a_tier_that_the_policy_lacks_is_a_reason_not_an_error() -> None:
    policy = POLICY.evolve(tiers={"standard": POLICY.tiers["standard"]})
    choice = select(VideoRequest(prompt="x", quality_tier="cinematic"), policy, CARDS, today=TODAY)
    assert choice.explain() == "dropped  policy/cinematic: There is no tier 'cinematic'. Known: standard."


def test_a_tiers_defaults_serve_a_provider_by_name_and_a_missing_tier_leaves_the_terms_open() -> None:
    policy = POLICY.evolve(tiers={"standard": POLICY.tiers["standard"]})
    by_name = {"prompt": "x", "provider": "acme", "model": "fox-1"}
    served = select(VideoRequest.model_validate(by_name), policy, CARDS, today=TODAY).chosen
    lacking = {**by_name, "quality_tier": "cinematic"}
    left_open = select(VideoRequest.model_validate(lacking), policy, CARDS, today=TODAY).chosen
    assert served is not None
    assert left_open is not None
    assert (served.resolution, served.duration_seconds, served.audio) == ("720p", 4, False)
    assert (left_open.resolution, left_open.duration_seconds, left_open.audio) == (None, None, None)


def test_a_resolution_is_set_only_where_the_length_asked_for_needs_one() -> None:
    policy = POLICY.evolve(tiers={"standard": POLICY.tiers["standard"].evolve(defaults=TierDefaults())})
    by_resolution = (Lengths(one_of=(4, 6), resolutions=("1080p",)), Lengths(one_of=(10,), resolutions=("720p",)))
    cards = {"bolt": [ModelCard(model="wide", lengths=by_resolution, resolutions=("1080p", "720p"))]}
    for length, resolution in ((6, None), (10, "720p")):
        request = VideoRequest(prompt="x", model="wide", duration_seconds=length)
        chosen = select(request, policy, cards, today=TODAY).chosen
        assert chosen is not None
        assert (chosen.resolution, chosen.duration_seconds) == (resolution, length)


SHAPELY = ModelCard(
    model="gen",
    resolutions=("720p",),
    shapes=(Shapes(aspect_ratios=("16:9", "9:16"), modes=("text",)), Shapes(aspect_ratios=(), modes=("video",))),
    aspect_ratios=("16:9", "1:1", "21:9"),
    media={"first_frame": 1, "source_video": 1},
)


@pytest.mark.parametrize(
    ("role", "asked", "default", "sent", "warning"),
    [
        (None, "9:16", None, "9:16", None),
        (None, "1:1", None, "9:16", "asked for 1:1, takes 9:16"),
        (None, None, "21:9", "16:9", None),
        ("first_frame", "1:1", None, "1:1", None),
        ("source_video", "16:9", None, None, "asked for 16:9, takes the shape of the picture"),
        ("source_video", None, "16:9", None, None),
    ],
)
def test_a_shape_is_sent_only_where_the_model_offers_it_in_this_mode(
    role: str | None, asked: AspectRatio | None, default: AspectRatio | None, sent: str | None, warning: str | None
) -> None:
    tier = POLICY.tiers["standard"].evolve(defaults=TierDefaults(aspect_ratio=default))
    policy = POLICY.evolve(tiers={"standard": tier})
    media = [{"role": role, "input_path": "u1/fox"}] if role else []
    request = VideoRequest.model_validate({"prompt": "x", "model": "gen", "media": media, "aspect_ratio": asked})
    cards = {"bolt": [SHAPELY]}
    chosen = select(request.evolve(strict=False), policy, cards, today=TODAY).chosen
    assert chosen is not None
    assert chosen.aspect_ratio == sent
    assert [one for one in chosen.warnings if one.startswith("asked")] == ([warning] if warning else [])
    assert (select(request, policy, cards, today=TODAY).chosen is None) == (warning is not None)


def test_a_resolution_gives_way_to_one_that_offers_the_shape() -> None:
    card = SHAPELY.evolve(
        resolutions=("720p", "1080p"), shapes=(Shapes(aspect_ratios=("16:9",), resolutions=("720p",)),)
    )
    for ratio, resolution in (("16:9", "720p"), ("1:1", "1080p")):
        request = VideoRequest.model_validate({"prompt": "x", "model": "gen", "aspect_ratio": ratio})
        chosen = select(request, POLICY, {"bolt": [card]}, today=TODAY).chosen
        assert chosen is not None
        assert (chosen.resolution, chosen.aspect_ratio) == (resolution, ratio)


def test_a_resolution_gives_way_to_one_where_the_shape_can_be_chosen_at_all() -> None:
    card = SHAPELY.evolve(resolutions=("720p", "1080p"), shapes=(Shapes(aspect_ratios=(), resolutions=("720p",)),))
    request = VideoRequest(prompt="x", model="gen", aspect_ratio="1:1")
    chosen = select(request, POLICY, {"bolt": [card]}, today=TODAY).chosen
    assert chosen is not None
    assert (chosen.resolution, chosen.aspect_ratio) == ("1080p", "1:1")


def test_without_web_addresses_only_the_models_that_need_them_are_out() -> None:
    taking = {"media": {"first_frame": 1}}
    cards = {
        "bolt": [
            ModelCard.model_validate({"model": "far", "delivery": {"url"}, **taking}),
            ModelCard.model_validate({"model": "near", "delivery": {"url", "bytes"}, **taking}),
        ]
    }
    request = VideoRequest(prompt="x", provider="bolt", reference_media_path="u1/fox.png")
    assert kept(select(request, POLICY, cards, today=TODAY)) >= {"bolt/far", "bolt/near"}
    choice = select(request, POLICY, cards, today=TODAY, addresses=False)
    assert kept(choice) == {"bolt/near"}
    [far] = [one for one in choice.rejected if one.target == "bolt/far"]
    assert far.reasons == ("takes references as web addresses only, and this store has none",)


def test_what_is_sent_has_the_terms_and_the_options_of_one_provider_only() -> None:
    request = VideoRequest(
        prompt="a fox", negative_prompt="rain", seed=3, options={"acme": {"steps": 4}, "bolt": {"camera": "crane"}}
    )
    candidate = Candidate(
        provider="bolt", model="wide", duration_seconds=6, resolution="720p", aspect_ratio="1:1", audio=True, seed=3
    )
    spec = spec_for(request, candidate, ())
    assert spec.model_dump(exclude_none=True) == {
        "model": "wide",
        "prompt": "a fox",
        "duration_seconds": 6,
        "resolution": "720p",
        "aspect_ratio": "1:1",
        "audio": True,
        "seed": 3,
        "media": (),
        "options": {"camera": "crane"},
    }
    assert spec_for(request, candidate.evolve(negative_prompt=True), ()).negative_prompt == "rain"


def chosen_in(world: World, request: VideoRequest) -> Choice:
    return select(request, world.policy, world.cards, unavailable=world.unavailable, health=world.health, today=TODAY)


def card_of(world: World, candidate: Candidate) -> ModelCard:
    return next(card for card in world.cards[candidate.provider] if card.model == candidate.model)


def kept(choice: Choice) -> set[str]:
    return {one.target for one in choice.ranked}


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
        assert request.max_cost_usd is None or (one.estimated_cost_usd or Decimal(99)) <= request.max_cost_usd


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
        if one.duration_seconds is not None:
            assert card.lengths_for(request.mode, one.resolution).nearest(one.duration_seconds) == one.duration_seconds
        assert one.resolution is None or one.resolution in (card.resolutions or {one.resolution})
        ratios = card.ratios_for(request.mode, one.resolution)
        assert one.aspect_ratio is None or (ratios is not None and one.aspect_ratio in (ratios or {one.aspect_ratio}))
        assert one.audio in SOUNDS[card.audio]


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
@given(any_world, any_request, any_candidate)
def test_a_candidate_more_never_makes_a_fitting_request_fail(
    world: World, request: VideoRequest, candidate: PolicyCandidate
) -> None:
    tier = request.quality_tier or "standard"
    named = world.policy.tiers.get(tier)
    if named is None or candidate.target in {one.target for one in named.candidates}:
        return
    more = world.policy.evolve(
        tiers={
            **world.policy.tiers,
            tier: TierPolicy(defaults=named.defaults, candidates=(*named.candidates, candidate)),
        }
    )
    before, after = chosen_in(world, request), chosen_in(world._replace(policy=more), request)
    by_name = request.provider is not None or request.model is not None
    assert by_name or kept(before) <= kept(after)


@few
@given(any_world, any_request)
def test_a_tiers_defaults_never_make_a_request_fail(world: World, request: VideoRequest) -> None:
    request = request.evolve(max_cost_usd=None)  # a cap is judged by what is sent
    without = world.policy.evolve(
        tiers={
            name: TierPolicy(
                candidates=tuple(PolicyCandidate(target=one.target, weight=one.weight) for one in tier.candidates)
            )
            for name, tier in world.policy.tiers.items()
        }
    )
    assert kept(chosen_in(world, request)) == kept(chosen_in(world._replace(policy=without), request))


@few
@given(any_world, any_request)
def test_what_is_less_strict_keeps_at_least_as_much(world: World, request: VideoRequest) -> None:
    request = request.evolve(max_cost_usd=None)
    assert kept(chosen_in(world, request.evolve(strict=True))) <= kept(chosen_in(world, request.evolve(strict=False)))


@few
@given(any_world, any_request, st.randoms())
def test_the_order_in_which_cards_are_listed_changes_nothing(
    world: World, request: VideoRequest, luck: random.Random
) -> None:
    shuffled = {name: tuple(luck.sample(cards, len(cards))) for name, cards in world.cards.items()}
    names = luck.sample(sorted(shuffled), len(shuffled))
    again = chosen_in(world._replace(cards={name: shuffled[name] for name in names}), request)
    assert again == chosen_in(world, request)


@few
@given(any_world, any_request)
def test_the_ranking_is_by_weight_then_price_then_name(world: World, request: VideoRequest) -> None:
    ranked = chosen_in(world, request).ranked
    keys = [(-one.weight, one.estimated_cost_usd is None, one.estimated_cost_usd or 0, one.target) for one in ranked]
    assert keys == sorted(keys)


def test_options_that_may_cost_more_are_refused_under_a_cap_and_only_for_their_own_provider() -> None:
    def chosen(options: dict[str, dict[str, bool]], cap: str | None) -> str | None:
        request = VideoRequest(
            prompt="x", provider="acme", options=options, max_cost_usd=None if cap is None else Decimal(cap)
        )
        card = ModelCard(model="a1", prices=(Price(usd=Decimal("0.30"), per="clip"),))
        return select(request, Policy.default(), {"acme": [card]}, today=date(2026, 11, 25)).model

    assert chosen({"acme": {"hdr": True}}, "0.50") is None
    assert chosen({"acme": {"hdr": True}}, None) == "a1"
    assert chosen({"bolt": {"hdr": True}}, "0.50") == "a1"
