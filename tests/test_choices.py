"""The table of choices: what is chosen for which request with which keys, readable by whoever decides about it."""

from __future__ import annotations

import pytest

from choices_rig import NOTHING_ELSE, Case, cases, chosen, price_of, terms_of

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_choice_is_the_one_in_the_table(case: Case) -> None:
    choice = chosen(case)
    first = choice.chosen
    seen = ("none", "", "") if first is None else (first.target, terms_of(first), price_of(first))
    assert seen == (case.expected, case.terms, case.price), choice.explain()
    if case.next:
        *wanted, last = case.next.split("; ")
        spare = [one.target for one in choice.ranked[1:]]
        assert (spare if last == NOTHING_ELSE else spare[: len(wanted) + 1]) == [
            *wanted,
            *([] if last == NOTHING_ELSE else [last]),
        ]
    assert case.says in choice.explain()
