from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from any_cards import any_request, any_when
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.models import Asked
from nexiom_sdk.policy_parts import Lists, PolicyCandidate, Rule, Span, TierDefaults, TierPolicy, When, matches
from nexiom_sdk.types import QUALITY_TIERS, QualityTier, VideoRequest


@pytest.mark.parametrize(
    ("span", "inside", "outside"),
    [
        (Span(), (0.1, 3600), ()),
        (Span(gt=10), (10.5,), (10, 2)),
        (Span(ge=10), (10, 11), (9.9,)),
        (Span(lt=10), (9.9, 1), (10, 11)),
        (Span(le=10), (10, 1), (10.1,)),
        (Span(gt=10, le=15), (10.1, 15), (10, 15.1)),
        (Span(ge=10, le=10), (10,), (9.9, 10.1)),
    ],
)
def test_a_span_holds_what_is_between_its_ends(
    span: Span, inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    assert all(span.holds(length) for length in inside)
    assert not any(span.holds(length) for length in outside)


@pytest.mark.parametrize("ends", [{"gt": 10, "lt": 10}, {"gt": 10, "le": 10}, {"ge": 11, "le": 10}, {"lt": 0}])
def test_a_span_that_no_length_is_in_is_a_mistake(ends: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="No length is in this range"):
        Span(**ends)


@pytest.mark.parametrize(
    ("when", "asked", "holds"),
    [
        ({}, {}, True),
        ({"tiers": ["standard"]}, {}, True),
        ({"tiers": ["cinematic", "ultra_realistic"]}, {}, False),
        ({"duration_seconds": {"gt": 10}}, {"duration_seconds": 12}, True),
        ({"duration_seconds": {"gt": 10}}, {"duration_seconds": 10}, False),
        ({"duration_seconds": {"gt": 10}}, {}, False),
        ({"duration_seconds": {}}, {}, False),
        ({"duration_seconds": {}}, {"duration_seconds": 1}, True),
        ({"resolutions": ["1080p", "2160p"]}, {"resolution": "2160p"}, True),
        ({"resolutions": ["1080p", "2160p"]}, {"resolution": "720p"}, False),
        ({"resolutions": ["1080p", "2160p"]}, {}, False),
        ({"audio": True}, {"audio": True}, True),
        ({"audio": True}, {}, False),
        ({"audio": False}, {}, False),
        ({"audio": False}, {"audio": False}, True),
        (
            {"media_all": ["first_frame", "last_frame"]},
            {"media": ["first_frame", "last_frame", "reference_image"]},
            True,
        ),
        ({"media_all": ["first_frame", "last_frame"]}, {"media": ["first_frame"]}, False),
        ({"media_any": ["first_frame", "last_frame"]}, {"media": ["last_frame"]}, True),
        ({"media_any": ["first_frame", "last_frame"]}, {"media": ["reference_image"]}, False),
        ({"media_any": ["first_frame", "last_frame"]}, {}, False),
        ({"audio": True, "duration_seconds": {"gt": 10}}, {"audio": True, "duration_seconds": 4}, False),
    ],
)
def test_a_rule_holds_for_what_was_asked_and_all_of_its_conditions(
    *, when: dict[str, object], asked: dict[str, object], holds: bool
) -> None:
    media = [{"role": role, "input_path": "u1/fox"} for role in asked.get("media", ())]  # type: ignore[attr-defined]
    request = VideoRequest.model_validate({"prompt": "x", **asked, "media": media})
    assert When.model_validate(when).holds(request, "standard") is holds


@given(any_when, any_request, st.sampled_from(QUALITY_TIERS))
def test_a_request_and_what_it_asks_meet_the_same_conditions(
    when: When, request: VideoRequest, tier: QualityTier
) -> None:
    assert when.holds(request, tier) is when.holds(Asked.of(request), tier)
    assert When().holds(request, tier)


@pytest.mark.parametrize(
    ("target", "pattern", "fits"),
    [
        ("kling/kling-3.0", "kling/*", True),
        ("kling/kling-3.0", "kling/kling-3.0", True),
        ("kling/kling-3.0-omni", "kling/kling-3.0", False),
        ("kling/kling-3.0", "*/kling-3*", True),
        ("openrouter/google/veo-3.1", "openrouter/*", True),
        ("openrouter/google/veo-3.1", "openrouter/google/*", True),
        ("openrouter/google/veo-3.1", "google/*", False),
        ("Kling/kling-3.0", "kling/*", False),
        ("sora/@served", "sora/@served", True),
    ],
)
def test_a_pattern_stands_for_targets(*, target: str, pattern: str, fits: bool) -> None:
    assert matches(target, pattern) is fits


def test_the_nearer_defaults_win_and_leave_the_others() -> None:
    far = TierDefaults(resolution="720p", duration_seconds=5, audio=True)
    near = TierDefaults(resolution="1080p", audio=False)
    assert far.under(near) == TierDefaults(resolution="1080p", duration_seconds=5, audio=False)
    assert far.under(TierDefaults()) == far


def test_an_entry_has_the_models_id_with_its_slashes_and_names_the_rule_that_added_it() -> None:
    candidate = PolicyCandidate(target="openrouter/google/veo-3.1", weight=3, why="good")
    entry = candidate.entry(TierDefaults(audio=True), rule="long")
    assert (entry.provider, entry.model, entry.target) == ("openrouter", "google/veo-3.1", candidate.target)
    assert (entry.weight, entry.why, entry.defaults.audio, entry.rule) == (3, "good", True, "long")
    assert candidate.entry(TierDefaults()).rule is None


def test_a_tier_that_was_changed_lists_its_models_again() -> None:
    first, second = (PolicyCandidate(target=f"acme/a{number}", weight=number) for number in (1, 2))
    tier = TierPolicy(candidates=(first, second))
    assert [entry.model for entry in tier.entries] == ["a2", "a1"]
    assert [entry.model for entry in tier.evolve(candidates=(first,)).entries] == ["a1"]
    changed = tier.evolve(defaults=TierDefaults(audio=True))
    assert [entry.defaults.audio for entry in changed.entries] == [True, True]


def test_a_rule_that_does_nothing_is_a_mistake() -> None:
    with pytest.raises(InvalidInput, match="It does nothing: it needs boost, add or exclude"):
        Rule(id="idle", when=When(audio=True))


def test_a_list_says_what_it_goes_by_only_where_it_has_names() -> None:
    assert list(Lists().about("acme/a1", "")) == []
    lists = Lists(providers=("bolt",), models=("acme/*",), licences=("open",))
    assert list(lists.about("acme/a1", "open")) == [
        ("the provider acme", False),
        ("this model", True),
        ("the licence 'open'", True),
    ]
