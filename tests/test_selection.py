from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from any_cards import TODAY
from nexiom_sdk.models import Lengths, ModelCard, Price, Shapes
from nexiom_sdk.policy import Policy, TierDefaults
from nexiom_sdk.selection import select, spec_for
from nexiom_sdk.types import QUALITY_TIERS, AspectRatio, Candidate, Choice, VideoRequest
from nexiom_sdk.wording import usd

TABLE = json.loads((Path(__file__).parent / "data" / "selection_cases.json").read_text("utf-8"))
CARDS = {provider: [ModelCard.model_validate(card) for card in cards] for provider, cards in TABLE["cards"].items()}
POLICY = Policy.model_validate(TABLE["policy"])


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_the_table_of_requests_and_choices_holds(case: Mapping[str, object]) -> None:
    choice = select(
        VideoRequest.model_validate({"prompt": "a fox in snow", **case["request"]}),  # type: ignore[dict-item]
        Policy.model_validate({**TABLE["policy"], **case.get("policy", {})}),  # type: ignore[dict-item]
        CARDS,
        unavailable=case.get("unavailable", {}),  # type: ignore[arg-type]
        health=case.get("health", {}),  # type: ignore[arg-type]
        today=date.fromisoformat(TABLE["today"]),
        role=case.get("role"),  # type: ignore[arg-type]
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


@pytest.mark.parametrize("name", ["fox-1", "acme/fox-1"])
def test_a_model_is_named_by_its_id_or_as_lists_print_it(name: str) -> None:
    choice = select(VideoRequest(prompt="x", model=name), POLICY, CARDS, today=TODAY)
    assert [one.target for one in choice.ranked] == ["acme/fox-1"]


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


@pytest.mark.parametrize(("days", "warned"), [(1, True), (60, True), (61, False), (400, False)])
def test_the_end_of_a_model_is_told_sixty_days_before(*, days: int, warned: bool) -> None:
    end = TODAY + timedelta(days=days)
    cards = {
        "bolt": [
            ModelCard(model="old", retires_on=end, successor="middle", prices=(Price(usd=Decimal(1), per="clip"),)),
            ModelCard(model="middle", retires_on=TODAY, successor="new"),
            ModelCard(model="new"),
        ]
    }
    chosen = select(VideoRequest(prompt="x", model="old"), POLICY, cards, today=TODAY).chosen
    assert chosen is not None
    assert chosen.warnings == ((f"is no longer offered from {end} on; use new instead",) if warned else ())


@pytest.mark.parametrize(
    ("successors", "told"),
    [
        ({"old": "new"}, "; use new instead"),
        ({"old": "gone", "gone": "also_gone", "also_gone": "new"}, "; use new instead"),
        ({"old": "unlisted"}, "; use unlisted instead"),
        ({"old": "gone", "gone": "unlisted"}, "; use unlisted instead"),
        ({"old": "gone"}, ""),
        ({"old": "gone", "gone": "old"}, ""),
        ({"old": "old"}, ""),
        ({}, ""),
    ],
)
def test_the_successor_that_is_told_is_the_nearest_that_is_not_known_to_be_gone(
    successors: Mapping[str, str], told: str
) -> None:
    gone = [
        ModelCard(model=name, lifecycle="retired", successor=successors.get(name))
        for name in ("old", "gone", "also_gone")
    ]
    cards = {"bolt": [*gone, ModelCard(model="new")]}
    [dropped] = select(VideoRequest(prompt="x", model="old"), POLICY, cards, today=TODAY).rejected
    assert dropped.reasons == (f"is no longer offered{told}",)


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


def kept(choice: Choice) -> set[str]:
    return {one.target for one in choice.ranked}


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
