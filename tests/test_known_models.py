"""What adapters say of their models before they are made, and whether it is true."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points

import pytest

from nexiom_sdk import ModelCard
from nexiom_sdk.errors import ModelRetired, UnknownProvider
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.known_models import KnownModels, known_models
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing.fake_provider import fake_card
from nexiom_sdk.types import Submission, VideoSpec

NAMES = sorted(point.name for point in entry_points(group="nexiom_sdk.providers") if "nexiom_sdk." in point.value)
NEW = "brand-new-model-9"
# Every way to set a provider up.
CONFIGS: dict[str, Sequence[dict[str, str]]] = {
    "hunyuan": (
        {"tokenhub_api_key": "k"},
        {"t2v_base_url": "http://localhost:1/v1"},
        {"comfyui_base_url": "http://localhost:2"},
        {"t2v_base_url": "http://localhost:1/v1", "comfyui_base_url": "http://localhost:2"},
        {"secret_id": "i", "secret_key": "k"},
    ),
    "kling": ({"api_key": "k"}, {"access_key": "a", "secret_key": "s"}),
    "local": ({},),
    "luma": ({"api_key": "k"}, {"dream_machine_api_key": "k"}),
    "openrouter": ({"api_key": "k"},),
    "runway": ({"api_key": "k"},),
    "seedance": ({"api_key": "k"}, {"api_key": "k", "region": "volcengine"}),
    "sora": ({"base_url": "http://localhost:3/v1"},),
    "veo": ({"api_key": "k"}, {"project": "p", "access_token": "t"}),
}


def test_all_our_adapters_are_here() -> None:
    assert set(NAMES) >= CONFIGS.keys()
    assert len(CONFIGS) == 9


@pytest.mark.parametrize("name", CONFIGS)
def test_a_class_lists_every_model_that_its_provider_has_once_it_is_made(name: str) -> None:
    registry = ProviderRegistry()
    known = registry.cards(name)
    assert known.cards
    assert not known.problem
    made = {card.model for config in CONFIGS[name] for card in registry.create(name, config).models}
    assert made == {card.model for card in known.cards}


@pytest.mark.parametrize("name", CONFIGS)
async def test_an_adapter_can_order_a_model_that_it_does_not_list_where_it_says_so_and_nowhere_else(name: str) -> None:
    registry = ProviderRegistry()
    order = Submission(spec=VideoSpec(model=NEW, prompt="a fox in snow"), idempotency_key="j1.0")
    for config in CONFIGS[name]:
        made = registry.create(name, config)
        takes_new = getattr(made, "takes_new_models", False)
        assert not takes_new or registry.cards(name).takes_new_models
        if isinstance(made, HttpProvider) and takes_new:
            call = made.submit_call(order)
            assert NEW in f"{call.path} {json.dumps(call.json)} {call.form}"
        elif not isinstance(made, HttpProvider) and name != "local":  # a provider of several APIs asks none of them
            with pytest.raises(ModelRetired) as caught:
                await made.submit(order)
            assert caught.value.charged == "no"
        await made.aclose()
    expected = name in {"kling", "luma", "openrouter", "runway", "seedance", "sora"}
    assert registry.cards(name).takes_new_models is expected


def test_a_pair_of_keys_of_kling_opens_no_new_model() -> None:
    made = ProviderRegistry().create("kling", {"access_key": "a", "secret_key": "s"})
    assert getattr(made, "takes_new_models", None) is False


@pytest.mark.parametrize("name", CONFIGS)
def test_a_retired_model_has_a_day_or_says_that_none_is_known(name: str) -> None:
    for card in ProviderRegistry().cards(name).cards:
        if card.lifecycle == "retired":
            assert card.retires_on is not None or "no day" in card.verified_on, card.model
            assert card.verified_on


class _Listing:
    cards = (fake_card(),)
    takes_new_models = True


def test_a_list_of_cards_wins_over_models_and_models_serve_where_there_is_none() -> None:
    assert known_models(_Listing) == KnownModels(cards=(fake_card(),), takes_new_models=True)
    listing = [fake_card(model="b")]
    assert known_models(type("Both", (_Listing,), {"models": listing})).cards == (fake_card(),)
    assert known_models(type("Models", (), {"models": listing})).cards == (fake_card(model="b"),)


@pytest.mark.parametrize("models", [None, 5, "abc", property(lambda _: ()), {}, (1,)])
def test_of_models_on_a_class_nothing_is_expected(models: object) -> None:
    assert known_models(type("Late", (), {"models": models})) == KnownModels()
    assert known_models(lambda config: None) == KnownModels()


class _Bomb:
    def __get__(self, *_: object) -> object:
        raise RuntimeError("sk-CANARY")


@pytest.mark.parametrize(
    ("cards", "said"),
    [
        (5, "no tuple or list"),
        ("abc", "no tuple or list"),
        ((1,), "not ModelCards"),
        ((fake_card(), fake_card()), "two cards for one model"),
        (_Bomb(), "raise RuntimeError"),
    ],
)
def test_what_is_wrong_with_a_list_is_told_and_never_raised(cards: object, said: str) -> None:
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", type("Acme", (), {"cards": cards}))  # type: ignore[arg-type]
    known = registry.cards("acme")
    assert said in known.problem
    assert known.problem.startswith("The provider 'acme' has ")
    assert "CANARY" not in known.problem
    assert (known.cards, known.takes_new_models) == ((), False)


def test_a_name_that_nobody_has_is_unknown_and_a_name_that_is_left_out_is_installed() -> None:
    with pytest.raises(UnknownProvider, match="kling"):
        ProviderRegistry().cards("klig")
    registry = ProviderRegistry(allow=["local"])
    assert registry.names() == ("local",)
    assert {"kling", "local"} <= {*registry.installed()}


def test_nothing_is_made_to_read_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("nexiom_sdk.providers.runway")
    monkeypatch.setattr(module.RunwayProvider, "__init__", lambda *_, **__: pytest.fail("made"))
    cards = ProviderRegistry().cards("runway").cards
    assert isinstance(cards[0], ModelCard)
