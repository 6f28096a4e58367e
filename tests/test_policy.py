from __future__ import annotations

import json
import re
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
from nexiom_sdk.policy import NEVER_ELSEWHERE, Lists, Policy
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
    "rules": [{"id": "long", "when": {"duration_seconds": {"gt": 10}}, "boost": {"acme/*": 1}}],
    "governance": {"budgets": [{"per": "day", "max_usd": 10}]},
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
        (lambda p: p.update(tiers={}), "line 1: default_tier", "There is no tier 'standard'"),
        (lambda p: p.update(version=True), "line 2: version", "string"),
        (lambda p: p.update(version=None), "line 2: version", "string"),
        (lambda p: p["tiers"].update(cinematc=p["tiers"]["standard"]), "tiers.cinematc", "Did you mean 'cinematic'?"),
        (
            lambda p: p.update(default_tier="cinematic"),
            ": default_tier:",
            "There is no tier 'cinematic'. Known: standard.",
        ),
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
        (lambda p: p.update(fallback_on=["rate_limitd"]), "fallback_on[0]", "Did you mean 'rate_limited'?"),
        *(
            (
                lambda p, code=code: p.update(fallback_on=["rate_limited", code]),
                "fallback_on[1]",
                f"After {code} no other",
            )
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


def other_tier(**tier: object) -> Callable[[Any], object]:
    return lambda policy: policy["tiers"].update(cinematic=tier)


def with_rule(**changes: object) -> Callable[[Any], object]:
    return lambda policy: policy["rules"][0].update(changes)


def when(**conditions: object) -> Callable[[Any], object]:
    return with_rule(when=conditions)


def with_budget(**changes: object) -> Callable[[Any], object]:
    return lambda policy: policy["governance"]["budgets"][0].update(changes)


TIER, RULE, BUDGET = "tiers.cinematic", "rules[0]", "governance.budgets[0]"
NO_TARGET = "is not of the form provider/model"


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (other_tier(extends="cinematic"), f"line 26: {TIER}.extends", "in a circle: cinematic -> cinematic."),
        (other_tier(extends="ultra"), f"line 26: {TIER}.extends", "Did you mean 'ultra_realistic'?"),
        (other_tier(extends="ultra_realistic"), f"line 26: {TIER}.extends", "Known: standard, cinematic."),
        (other_tier(extends=["standard"]), f"{TIER}.extends", "Known: standard, cinematic, ultra_realistic."),
        (other_tier(extend="standard"), f"line 26: {TIER}.extend", "Did you mean 'extends'?"),
        (other_tier(intent="film"), f"line 25: {TIER}", "It has no candidates."),
        (
            lambda p: p["tiers"].update(
                cinematic={"extends": "ultra_realistic"}, ultra_realistic={"extends": "cinematic"}
            ),
            "line 29: tiers.ultra_realistic.extends",
            "in a circle: cinematic -> ultra_realistic -> cinematic.",
        ),
        (lambda p: p["rules"].append(p["rules"][0]), "rules[1].id", "The rule 'long' is there twice."),
        (lambda p: p["rules"][0].pop("boost"), f"line 27: {RULE}", "It does nothing: it needs boost, add or exclude."),
        (lambda p: p["rules"][0].pop("id"), f"line 27: {RULE}.id", "It is missing."),
        (with_rule(id=""), f"line 28: {RULE}.id", "It is empty."),
        (with_rule(boots={}), f"{RULE}.boots", "Did you mean 'boost'?"),
        (with_rule(boost={"acme": 1}), f"{RULE}.boost.acme", NO_TARGET),
        (with_rule(boost={"acme/*": "1"}), f"{RULE}.boost.acme/*", "integer"),
        (with_rule(boost=[1]), f"{RULE}.boost", "It should be an object."),
        (with_rule(exclude=["acme"]), f"{RULE}.exclude[0]", NO_TARGET),
        (with_rule(exclude="acme/*"), f"{RULE}.exclude", "It should be a list."),
        (with_rule(add=[{"target": "acme/a2", "weight": -1}]), f"{RULE}.add[0].weight", "greater than or equal to 0"),
        (with_rule(add=[{"target": "acme/a2"}]), f"{RULE}.add[0].weight", "It is missing."),
        (with_rule(when="standard"), f"{RULE}.when", "Known keys: tiers, duration_seconds"),
        (when(tier=["standard"]), f"{RULE}.when.tier", "Did you mean 'tiers'?"),
        (when(tiers=["cinematc"]), f"{RULE}.when.tiers[0]", "There is no tier 'cinematc'."),
        (when(tiers=["standard", "cinematc"]), f"{RULE}.when.tiers[1]", "Did you mean 'cinematic'?"),
        (when(media_any=["first_fram"]), f"{RULE}.when.media_any[0]", "Did you mean 'first_frame'?"),
        (when(media_all=["referense_image"]), f"{RULE}.when.media_all[0]", "There is no role of a reference"),
        (when(resolutions=["1080"]), f"{RULE}.when.resolutions[0]", "There is no resolution '1080'."),
        (when(audio="yes"), f"{RULE}.when.audio", "boolean"),
        (when(duration_seconds=10), f"{RULE}.when.duration_seconds", "Known keys: gt, ge, lt, le."),
        (when(duration_seconds={"above": 10}), f"{RULE}.when.duration_seconds.above", "Known: gt, ge, lt, le."),
        (when(duration_seconds={"gt": "10"}), f"{RULE}.when.duration_seconds.gt", "number"),
        (when(duration_seconds={"gt": -1}), f"{RULE}.when.duration_seconds.gt", "greater than or equal to 0"),
        (when(duration_seconds={"gt": 9, "lt": 9}), f"{RULE}.when.duration_seconds", "No length is in this range."),
        (lambda p: p.update(objective="cheap"), "objective", "not one of: order, cheapest. Did you mean 'cheapest'?"),
        (lambda p: p.update(allow={"provider": []}), "allow.provider", "Did you mean 'providers'?"),
        (lambda p: p.update(deny={"models": ["kling"]}), "deny.models[0]", NO_TARGET),
        (lambda p: p.update(deny=["kling"]), "deny", "Known keys: providers, models, licences."),
        (lambda p: p.update(regions=["DE", "Germany"]), "regions[1]", "'Germany' is not the ISO code of a country"),
        (lambda p: p.update(regions=["EN"]), "regions[0]", "'EN' is not the ISO code of a country"),
        (lambda p: p.update(regions="DE"), "regions", "It should be a list."),
        (lambda p: p.update(governance={"tiers": {"ultra": []}}), "governance.tiers.ultra", "'ultra_realistic'?"),
        (lambda p: p.update(governance={"tiers": {"standard": "pro"}}), "governance.tiers.standard", "a list."),
        (lambda p: p.update(governance={"budget": []}), "governance.budget", "Did you mean 'budgets'?"),
        (lambda p: p.update(governance={"default_role": ""}), "governance.default_role", "It is empty."),
        (lambda p: p["governance"]["budgets"][0].pop("per"), BUDGET, "It needs per: day or month."),
        (with_budget(per="week"), f"{BUDGET}.per", "'week' is not one of: day, month."),
        (with_budget(tier="cinematc"), f"{BUDGET}.tier", "There is no tier 'cinematc'."),
        (with_budget(max_usd=-1), f"{BUDGET}.max_usd", "greater than or equal to 0"),
        (with_budget(max_usd="Infinity"), f"{BUDGET}.max_usd", "finite"),
        (with_budget(max_jobs=-1), f"{BUDGET}.max_jobs", "greater than or equal to 0"),
        (with_budget(max_usd=None), BUDGET, "It bounds nothing"),
    ],
)
def test_what_is_wrong_in_rules_lists_and_budgets_is_named_like_everything_else(
    change: Callable[[Any], object], place: str, words: str
) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        Policy.from_json(wrong(change), source="mine.json")
    [line] = [line for line in caught.value.message.splitlines() if place in line]
    assert re.match(r"mine\.json, line \d+: ", line)
    assert words in line
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        '"rules": [{"id": "x", "when": {"duration_seconds": {"gt": 1e999}}, "boost": {"a/b": 1}}]',
        '"governance": {"budgets": [{"per": "day", "max_usd": 1e999}]}',
        '"tiers": {"standard": {"extends": "standard", "defaults": {"duration_seconds": 1e999}}}',
        '"tiers": {"standard": {"candidates": [{"target": "a/b", "weight": 1e999}]}}',
    ],
)
def test_a_number_too_large_for_any_machine_is_refused(text: str) -> None:
    good = json.dumps(GOOD).removesuffix("}")
    with pytest.raises(InvalidPolicy, match="line 1"):
        Policy.from_json(f"{good}, {text}}}")


def test_a_tier_has_what_the_tiers_have_that_it_extends_and_its_own_comes_first() -> None:
    own = {"target": "acme/a1", "weight": 5, "defaults": {"audio": True}}
    policy = Policy.model_validate(
        {
            **GOOD,
            "tiers": {
                "ultra_realistic": {"extends": "cinematic", "candidates": [{"target": "bolt/b1", "weight": 7}]},
                "cinematic": {"extends": "standard", "defaults": {"resolution": "1080p"}, "candidates": [own]},
                **GOOD["tiers"],  # type: ignore[dict-item]
            },
        }
    )
    entries = {entry.target: entry for entry in policy.tiers["ultra_realistic"].entries}
    assert list(entries) == ["openrouter/alibaba/wan-3.0", "bolt/b1", "acme/a1"]
    inherited, new, changed = entries.values()
    assert (inherited.weight, inherited.defaults.resolution, inherited.defaults.duration_seconds) == (9, "1080p", 5)
    assert (new.defaults.resolution, new.defaults.duration_seconds) == ("1080p", 5)
    assert (changed.weight, changed.defaults.audio, changed.defaults.duration_seconds) == (5, True, 5)
    assert all(tier.extends is None for tier in policy.tiers.values())


def test_a_model_counts_to_the_tier_asked_for_or_to_the_least_demanding_that_lists_it() -> None:
    listing = {
        "ultra_realistic": ["acme/a1", "acme/a3"],
        "standard": ["acme/a1", "acme/a2"],
        "cinematic": ["acme/a3"],
    }
    tiers = {
        name: {"candidates": [{"target": target, "weight": 1} for target in targets]}
        for name, targets in listing.items()
    }
    policy = Policy.model_validate({**GOOD, "tiers": tiers})
    assert policy.tier_of("acme/a1") == "standard"
    assert policy.tier_of("acme/a1", "ultra_realistic") == "ultra_realistic"
    assert policy.tier_of("acme/a1", "cinematic") == "standard"
    assert policy.tier_of("acme/a3") == "cinematic"
    assert policy.tier_of("acme/a4") == policy.tier_of("acme/a4", "standard") == "ultra_realistic"


@pytest.mark.parametrize(
    ("lists", "licence", "excluded", "why"),
    [
        ({}, "", (), None),
        ({}, "open", ("EU",), None),
        ({"deny": {"providers": ["acme"]}}, "", (), "the policy denies the provider acme"),
        ({"deny": {"providers": ["acm"]}}, "", (), None),
        ({"deny": {"models": ["*/a?"]}}, "", (), "the policy denies this model"),
        ({"deny": {"licences": ["open"]}}, "open", (), "the policy denies the licence 'open'"),
        ({"deny": {"licences": ["open"]}}, "", (), None),
        ({"allow": {"providers": ["bolt"]}}, "", (), "the policy does not allow the provider acme"),
        ({"allow": {"providers": ["acme"], "models": ["acme/b*"]}}, "", (), "the policy does not allow this model"),
        ({"allow": {"models": ["acme/*"]}}, "", (), None),
        ({"allow": {"licences": ["own"]}}, "open", (), "the policy does not allow the licence 'open'"),
        (
            {"allow": {"models": ["acme/*"]}, "deny": {"models": ["acme/a1"]}},
            "",
            (),
            "the policy denies this model",
        ),
        ({"regions": ["fr", "us"]}, "", ("EU", "US"), "its licence forbids use in fr, us"),
        ({"regions": ["EU"]}, "", ("DE",), "its licence forbids use in EU"),
        ({"regions": ["UK"]}, "", ("GB",), "its licence forbids use in UK"),
        ({"regions": ["CH"]}, "", ("EU",), None),
    ],
)
def test_what_may_be_used_at_all_is_said_by_lists_licences_and_regions(
    lists: dict[str, object], licence: str, excluded: tuple[str, ...], why: str | None
) -> None:
    policy = Policy.model_validate({**GOOD, **lists})
    assert policy.barred("acme/a1", licence=licence, regions_excluded=excluded) == why


def test_a_policy_with_something_changed_works_everything_out_again() -> None:
    policy = Policy.model_validate(GOOD)
    assert policy.tier_of("acme/a1") == "standard"
    assert policy.barred("acme/a1") is None
    tier = policy.tiers["standard"]
    fewer = policy.evolve(
        deny=Lists(providers=("acme",)),
        tiers={"cinematic": tier, "standard": tier.evolve(candidates=tier.candidates[1:])},
    )
    assert fewer.tier_of("acme/a1") == "cinematic"
    assert fewer.barred("acme/a1") == "the policy denies the provider acme"
    assert [entry.provider for entry in fewer.tiers["standard"].entries] == ["openrouter"]
    assert policy.tier_of("acme/a1") == "standard"


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
    with pytest.raises(InvalidPolicy, match=r"fallback_on\[0\]: After content_rejected"):
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


def test_a_key_that_stands_twice_is_told_with_both_lines() -> None:
    deny = '"deny": {"providers": ["acme"]}'
    text = json.dumps(GOOD)[:-1] + f',\n{deny},\n"deny": {{}}}}'
    with pytest.raises(InvalidPolicy) as caught:
        Policy.from_json(text, source="policy.json")
    said = "policy.json, line 2: deny: It stands here and again in line 3; only one of the two can hold."
    assert caught.value.message == said


def test_a_candidates_own_defaults_hold_over_those_of_the_tier_that_inherits_it() -> None:
    tiers = {**GOOD["tiers"], "cinematic": {"extends": "standard", "defaults": {"duration_seconds": 10, "audio": True}}}  # type: ignore[dict-item]
    policy = Policy.model_validate({**GOOD, "tiers": tiers})
    entries = {entry.target: entry.defaults for entry in policy.tiers["cinematic"].entries}
    own, plain = entries["acme/a1"], entries["openrouter/alibaba/wan-3.0"]
    assert (own.duration_seconds, own.resolution, own.audio) == (8, "720p", True)
    assert (plain.duration_seconds, plain.resolution, plain.audio) == (10, "720p", True)
