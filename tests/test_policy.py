from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from any_cards import any_policy
from nexiom_sdk.errors import InvalidPolicy
from nexiom_sdk.policy import NEVER_ELSEWHERE, Policy
from nexiom_sdk.types import QUALITY_TIERS

few = settings(max_examples=60, deadline=None)

GOOD = {
    "version": 7,
    "as_of": "2026-11-22",
    "tiers": {
        "standard": {
            "intent": "quick",
            "defaults": {"resolution": "720p", "duration_seconds": 5},
            "candidates": [
                {"target": "acme/a1", "weight": 3, "defaults": {"duration_seconds": 8}},
                {"target": "openrouter/alibaba/wan-3.0", "weight": 9},
            ],
        }
    },
}


def wrong(change: Callable[[Any], object]) -> str:
    """The good policy as an indented text, after a change."""
    policy = json.loads(json.dumps(GOOD))
    change(policy)
    return json.dumps(policy, indent=1)


def test_a_policy_is_read_and_a_number_will_do_as_its_version() -> None:
    policy = Policy.from_json(json.dumps(GOOD))
    assert (policy.version, policy.default_tier) == ("7", "standard")
    assert "rate_limited" in policy.fallback_on


def test_the_preferred_candidate_comes_first_with_the_tiers_defaults_under_its_own() -> None:
    first, second = Policy.from_json(json.dumps(GOOD)).tiers["standard"].entries
    assert (first.provider, first.model, first.defaults.duration_seconds) == ("openrouter", "alibaba/wan-3.0", 5)
    assert (second.provider, second.defaults.duration_seconds, second.defaults.resolution) == ("acme", 8, "720p")


def test_the_providers_of_a_tier_are_named_once_the_preferred_ones_first() -> None:
    policy = Policy.from_json(json.dumps(GOOD))
    assert policy.providers() == policy.providers("standard") == ("openrouter", "acme")
    assert policy.providers("cinematic") == ()


CANDIDATES = "tiers.standard.candidates"


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (lambda p: p.pop("tiers"), "line 1: tiers", "missing"),
        (lambda p: p.update(tiers={}), "line 1: policy", "There is no tier 'standard'"),
        (lambda p: p.update(version=True), "line 2: version", "string"),
        (lambda p: p.update(version=None), "line 2: version", "string"),
        (lambda p: p["tiers"].update(cinematc=p["tiers"]["standard"]), "tiers.cinematc", "Did you mean 'cinematic'?"),
        (lambda p: p.update(default_tier="cinematic"), "policy", "There is no tier 'cinematic'. Known: standard."),
        (lambda p: p.update(default_tier="standart"), "default_tier", "Did you mean 'standard'?"),
        (lambda p: p["tiers"]["standard"].update(candidates=[]), "line 5: tiers.standard", "It has no candidates."),
        (lambda p: p["tiers"]["standard"].pop("candidates"), "line 5: tiers.standard", "It has no candidates."),
        (lambda p: first(p).update(weight=-1), f"line 14: {CANDIDATES}[0].weight", "greater than or equal to 0"),
        (lambda p: first(p).update(weight="3"), f"line 14: {CANDIDATES}[0].weight", "integer"),
        (lambda p: first(p).update(weight=2.5), f"{CANDIDATES}[0].weight", "integer"),
        (lambda p: first(p).update(wieght=3), f"{CANDIDATES}[0].wieght", "Did you mean 'weight'?"),
        (lambda p: p.update(teirs={}), "teirs", "Did you mean 'tiers'?"),
        (lambda p: first(p).update(target="kling"), f"line 13: {CANDIDATES}[0].target", "form provider/model"),
        (lambda p: first(p).update(target="/a1"), f"{CANDIDATES}[0].target", "form provider/model"),
        (lambda p: first(p).update(target="acme/"), f"{CANDIDATES}[0].target", "form provider/model"),
        (
            lambda p: p["tiers"]["standard"]["candidates"].append(first(p)),
            "line 5: tiers.standard",
            "'acme/a1' is named twice",
        ),
        (lambda p: first(p)["defaults"].update(resolution="4k"), f"{CANDIDATES}[0].defaults.resolution", "2160p"),
        (lambda p: first(p)["defaults"].update(duration_seconds=0), ".defaults.duration_seconds", "greater than 0"),
        (lambda p: first(p)["defaults"].update(audio="yes"), ".defaults.audio", "boolean"),
        (lambda p: p.update(fallback_on=["rate_limitd"]), "fallback_on", "Did you mean 'rate_limited'?"),
        *(
            (lambda p, code=code: p.update(fallback_on=["rate_limited", code]), "fallback_on", f"After {code} no other")
            for code in sorted(NEVER_ELSEWHERE)
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line_its_place_and_the_right_word(
    change: Callable[[Any], object], place: str, words: str
) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        Policy.from_json(wrong(change), source="mine.json")
    assert caught.value.message.startswith("mine.json, line ")
    assert place in caught.value.message
    assert words in caught.value.message


def first(policy: Any) -> Any:
    return policy["tiers"]["standard"]["candidates"][0]


def test_every_problem_is_named_not_only_the_first() -> None:
    text = wrong(lambda policy: (first(policy).update(weight=-1, target="x"), policy.pop("as_of")))
    with pytest.raises(InvalidPolicy) as caught:
        Policy.from_json(text)
    assert len(caught.value.message.splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1 column 0"),
        ('{"version": 1,\n "as_of" "x"}', "line 2 column 10"),
        ('{"version": NaN}', "line 1 column 13"),
        ("[" * 5000, "recursion limit"),
        ("[]", "line 1: a policy is a JSON object"),
        ("\ud800", "not JSON"),
    ],
)
def test_what_is_not_json_is_refused_with_line_and_column(text: str, place: str) -> None:
    with pytest.raises(InvalidPolicy, match=place):
        Policy.from_json(text)


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    for mark in (b"", b"\xef\xbb\xbf"):
        file.write_bytes(mark + json.dumps(GOOD).encode())
        assert Policy.from_file(file) == Policy.from_json(json.dumps(GOOD))


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"{"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "policy.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidPolicy, match=r"policy\.json"):
        Policy.from_file(file)
    with pytest.raises(InvalidPolicy, match="cannot be read"):
        Policy.from_file(tmp_path)


def test_a_policy_made_in_code_is_checked_too() -> None:
    with pytest.raises(InvalidPolicy, match=r"fallback_on: After content_rejected"):
        Policy.model_validate({**GOOD, "fallback_on": ["content_rejected"]})
    with pytest.raises(InvalidPolicy, match="version: It is missing"):
        Policy()  # type: ignore[call-arg]


@few
@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5).map(json.dumps))
def test_any_text_is_a_policy_or_an_invalid_policy(text: str) -> None:
    with pytest.raises(InvalidPolicy):
        Policy.from_json(text)


@few
@given(any_policy, st.data())
def test_a_policy_with_a_part_replaced_by_nonsense_is_refused_or_still_a_policy(
    policy: Policy, data: st.DataObject
) -> None:
    tree = policy.model_dump(mode="json")
    node: Any = tree
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if data.draw(st.booleans()):
            node[key] = data.draw(st.sampled_from([None, -1, "x", [], {}, [[]], {"x": 1}, True, 1e400]))
            break
        node = node[key]
    with suppress(InvalidPolicy):  # anything else would be a defect
        Policy.from_json(json.dumps(tree, indent=data.draw(st.sampled_from([None, 1]))))


@few
@given(any_policy)
def test_a_policy_can_be_written_back(policy: Policy) -> None:
    assert Policy.from_json(policy.model_dump_json()) == policy


def test_the_schema_that_ships_is_the_schema_of_this_version() -> None:
    shipped = resources.files("nexiom_sdk").joinpath("policies", "policy.schema.json").read_text("utf-8")
    assert shipped == json.dumps(Policy.json_schema(), indent=2) + "\n", "write json_schema() to the file again"


def test_the_policy_that_ships_has_every_tier_and_never_the_local_preview() -> None:
    policy = Policy.default()
    assert tuple(policy.tiers) == QUALITY_TIERS
    defaults = {name: tier.defaults for name, tier in policy.tiers.items()}
    assert [(one.resolution, one.duration_seconds, one.audio) for one in defaults.values()] == [
        ("720p", 5, False),
        ("1080p", 8, True),
        ("1080p", 8, True),
    ]
    for tier in QUALITY_TIERS:
        assert "local" not in policy.providers(tier)
        assert "openrouter" in policy.providers(tier)
        assert all(policy.credentials[provider] for provider in policy.providers(tier))
        assert all(candidate.why for candidate in policy.tiers[tier].candidates)
