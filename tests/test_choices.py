"""The table of choices: what is chosen for which request with which keys, readable by whoever decides about it."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from choices_rig import (
    NOTHING_ELSE,
    TODAY,
    Case,
    cases,
    chosen,
    price_of,
    references,
    request_of,
    terms_of,
    world_of,
)
from nexiom_sdk.policy import Policy
from nexiom_sdk.policy_parts import matches
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.types import QUALITY_TIERS
from our_providers import GROUPS, KEYS, order, world

CASES = cases()
POLICY = Policy.default()
PAGE = Path(__file__).parents[1] / "docs" / "choices.md"
EVERYTHING = world(*GROUPS["everything"])
SINGLE = ("hunyuan", "kling", "luma", "openrouter", "runway", "seedance", "sora (own server)", "veo")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_choice_is_the_one_in_the_table_and_its_adapter_can_order_it(case: Case) -> None:
    choice = chosen(case)
    first = choice.chosen
    seen = ("none", "", "") if first is None else (first.target, terms_of(first), price_of(first))
    assert seen == (case.expected, case.terms, case.price), choice.explain()
    spare = [one.target for one in choice.ranked[1:]]
    wanted = [word for word in case.next.split("; ") if word and word != NOTHING_ELSE]
    assert spare[: len(wanted)] == wanted
    assert not case.next.endswith(NOTHING_ELSE) or len(spare) == len(wanted), spare
    assert case.says in choice.explain()
    for one in choice.ranked:
        order(world_of(case), request_of(case), one)


def test_the_table_is_long_and_numbered_and_says_why() -> None:
    assert len(CASES) >= 120
    assert [case.no for case in CASES] == [str(number) for number in range(1, len(CASES) + 1)]
    assert [case.no for case in CASES if not case.why] == []
    assert len({case.title.partition(": ")[2] for case in CASES}) == len(CASES), "the same request twice"
    assert [case.no for case in CASES if case.expected == "none" and not (case.says or case.why)] == []


def test_each_tier_is_asked_with_the_key_of_each_provider_alone_with_all_and_with_none() -> None:
    plain = {(case.keys, case.tier) for case in CASES if not (case.asks_for or case.references or case.by_name)}
    wanted = set(product((*SINGLE, *GROUPS), QUALITY_TIERS))
    assert wanted - plain == set()


def test_every_model_of_a_tier_is_seen_in_the_table() -> None:
    for tier, named in POLICY.tiers.items():
        seen = {
            target
            for case in CASES
            if (case.tier or POLICY.default_tier) == tier and not case.by_name
            for target in (case.expected, *case.next.split("; "))
        }
        assert {one.target for one in named.candidates} - seen == set(), tier


def test_every_rule_is_at_work_in_the_table() -> None:
    at_work = {rule for case in CASES for one in chosen(case).ranked for rule in one.rules}
    assert {rule.id for rule in POLICY.rules} - at_work == set()


def test_every_model_that_the_policy_names_is_one_of_ours_and_living() -> None:
    ours = {f"{name}/{card.model}": card for name, cards in EVERYTHING.cards.items() for card in cards}
    named = {one.target for tier in POLICY.tiers.values() for one in tier.candidates}
    named |= {one.target for rule in POLICY.rules for one in rule.add}
    assert named - ours.keys() == set()
    assert {target for target in named if ours[target].retired(TODAY)} == set()
    patterns = {pattern for rule in POLICY.rules for pattern in (*rule.boost, *rule.exclude)}
    assert {pattern for pattern in patterns if not any(matches(target, pattern) for target in ours)} == set()


def test_a_word_that_is_not_known_is_named_with_the_nearest_that_is() -> None:
    good = next(case for case in CASES if case.asks_for == "with sound")
    for wrong, word in (
        (good._replace(asks_for="with sond"), "with sound"),
        (good._replace(keys="klin"), "kling"),
        (good._replace(tier="standart"), "standard"),
        (good._replace(limits="cheapest frist"), "cheapest first"),
        (good._replace(references="first fram"), "first frame"),
    ):
        with pytest.raises(LookupError, match=f"Did you mean '{word}'"):
            chosen(wrong)
    assert [one.role for one in references("first frame + 2 reference images")] == [
        "first_frame",
        "reference_image",
        "reference_image",
    ]


def test_every_variable_that_the_policy_names_for_a_provider_is_read_by_it() -> None:
    registry = ProviderRegistry()
    for name, words in POLICY.credentials.items():
        declared = registry.declared(name)
        variables = {variable for text in words for variable in re.findall(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", text)}
        assert variables
        assert variables <= {*declared.config_env.values(), *declared.config_env_also}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.removeprefix("| ").removesuffix(" |").split(" | ")]


def test_the_page_shows_lines_of_the_table_as_they_are() -> None:
    shown = [_cells(line) for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(shown) >= 12
    table = {case.no: case for case in CASES}
    assert shown == [_excerpt(table[cells[0]]) for cells in shown]


def _excerpt(case: Case) -> list[str]:
    asked = "; ".join(filter(None, (case.asks_for, case.references, case.by_name, case.limits)))
    return [case.no, case.keys, case.tier, asked, case.expected, case.terms, case.price, case.why]


def test_the_page_has_every_column_and_every_word_for_keys() -> None:
    said = PAGE.read_text("utf-8")
    words = [name.replace("_", " ") for name in Case._fields]
    assert [word for word in (*words, *KEYS, *GROUPS, *QUALITY_TIERS) if f"`{word}`" not in said] == []
