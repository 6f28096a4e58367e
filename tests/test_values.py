from __future__ import annotations

import pickle
from decimal import Decimal

import pytest
from pydantic import ValidationError

from nexiom_sdk.types import Candidate


def test_a_value_of_checked_fields_is_the_value_that_is_made_with_a_check() -> None:
    checked = Candidate(provider="acme", model="a1", estimated_cost_usd=Decimal("0.40"), warnings=("soon",))
    made = Candidate.of_checked(dict(checked))
    assert made == checked
    assert made.model_dump_json() == checked.model_dump_json()
    assert made.evolve(seed=3).model_dump() == checked.evolve(seed=3).model_dump()
    assert pickle.loads(pickle.dumps(made)) == checked
    with pytest.raises(ValidationError, match="frozen"):
        made.seed = 4
