from __future__ import annotations

from decimal import Decimal

from nexiom_sdk import Choice
from nexiom_sdk.types import Candidate, Rejection


def test_a_choice_tells_the_rules_that_moved_a_model_and_of_when_its_price_is() -> None:
    def told(**fields: object) -> str:
        return Choice(ranked=(Candidate.model_validate({"provider": "acme", "model": "a1", **fields}),)).explain()

    price = {"estimated_cost_usd": "0.4", "priced_on": "2026-10-09: price page"}
    assert told(**price) == "chosen   acme/a1 · $0.40 (2026-10-09)"
    assert told(**{**price, "priced_on": "2026-10: price pages"}) == "chosen   acme/a1 · $0.40 (2026-10)"
    assert told(**{**price, "priced_on": "free: made here"}) == "chosen   acme/a1 · $0.40"
    assert told(**{**price, "estimated_cost_usd": None}) == "chosen   acme/a1 · price unknown"
    moved = told(**price, rules=("long_over_10", "sound"), why="best")
    assert moved == "chosen   acme/a1 · $0.40 (2026-10-09) · rule long_over_10 · rule sound: best"


def test_a_choice_explains_itself() -> None:
    choice = Choice(
        tier="cinematic",
        ranked=(
            Candidate(provider="acme", model="a1", duration_seconds=8, resolution="1080p", audio=True,
                      estimated_cost_usd=Decimal("1.20"), why="best", warnings=("asked for 7 s, takes 8 s",)),
            Candidate(provider="bolt", model="b1"),
        ),
        rejected=(Rejection(provider="cora", model="c1", reasons=("no key", "7 s is not offered")),),
    )  # fmt: skip
    assert choice.explain().splitlines() == [
        "chosen   acme/a1 · 8 s · 1080p · sound · $1.20: best",
        "spare    bolt/b1 · price unknown",
        "         warning: asked for 7 s, takes 8 s",
        "dropped  cora/c1: no key; 7 s is not offered",
    ]
    assert Choice().explain() == "no model is known"
