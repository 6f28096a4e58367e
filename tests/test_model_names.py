from __future__ import annotations

from decimal import Decimal

import pytest

from nexiom_sdk import ModelCard
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.models import Price
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.model_names import ModelNames, model_names

KNOWN = (
    ModelCard(model="a1", seed=True, prices=(Price(usd=Decimal(1)),), priced_on="2026-11-25"),
    ModelCard(model="a2"),
)
UNLISTED = KNOWN[0].evolve(model="")


def named(text: str, **ids: str) -> ModelNames:
    config = Configuration(title="Acme", values={"models": text}, variables={"models": "ACME_MODELS"})
    return model_names(config, "models", KNOWN, unlisted=UNLISTED, ids=ids)


def test_without_a_list_the_models_are_the_known_ones_under_their_names() -> None:
    names = named("")
    assert (names.cards, names.id_of("a1"), names.id_of("a7")) == (KNOWN, "a1", "a7")


def test_a_known_model_keeps_its_card_and_gets_another_id_on_the_wire() -> None:
    names = named(" a2 = ep-20261122-x , ")
    assert (names.cards, names.id_of("a2"), names.id_of("a1")) == (KNOWN, "ep-20261122-x", "a1")


def test_a_new_model_is_taken_for_one_like_the_others_whose_price_is_unknown() -> None:
    *_, new = named("a9").cards
    assert (new.model, new.seed, new.prices, new.priced_on) == ("a9", True, (), "")


@pytest.mark.parametrize("wire_id", ["a1", "vendor-a1"])
def test_another_name_for_a_known_model_takes_and_costs_what_that_does(wire_id: str) -> None:
    names = named(f"mine={wire_id}", a1="vendor-a1")
    assert (names.cards[-1], names.id_of("mine")) == (KNOWN[0].evolve(model="mine"), wire_id)


def test_the_operator_s_id_wins_over_the_region_s() -> None:
    names = named("a1=mine", a1="theirs", a2="other")
    assert (names.id_of("a1"), names.id_of("a2")) == ("mine", "other")


@pytest.mark.parametrize("text", ["=ep-1", "a1=", "a2,=", " = "])
def test_half_an_entry_is_refused_with_its_variable(text: str) -> None:
    with pytest.raises(ConfigurationError, match="ACME_MODELS"):
        named(text)
