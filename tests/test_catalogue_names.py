"""A model by its name: one that is gone, that lacks a key, that is mistyped, or that will be gone soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from cards_rig import KEYS, Reel, listed, named, reasons_in, registry_of, studio
from nexiom_sdk import VideoRequest
from nexiom_sdk.errors import MissingCredentials, NoCandidate
from nexiom_sdk.testing import FakeProvider
from rig import policy_over

GONE = {
    "sora/sora-2": "2026-09-24",
    "sora/sora-2-pro": "2026-09-24",
    "veo/veo-3.1-generate-preview": "2026-10-22; use gemini-omni-1.1-flash instead",
    "veo/veo-3.0-generate-001": "2026-06-30; use ",  # at Vertex AI another one than with a key for Gemini
    "veo/veo-2.0-generate-001": "2026-06-30; use ",
    "veo/gemini-omni-flash-preview": "2026-10-22; use gemini-omni-1.1-flash instead",
    "runway/gen3a_turbo": "2026-07-30; use gen4_turbo instead",
    "runway/gen4_aleph": "2026-07-30; use aleph2 instead",
    "runway/veo3": "2026-08-01; use veo3.1 instead",
    "kling/kling-v1": "2026-09-15; use kling-v2-5-turbo instead",
    "kling/kling-v2-1-master": "2026-09-15; use kling-v2-5-turbo instead",
    "openrouter/openai/sora-2-pro": "2026-10-01; use google/veo-3.1 instead",
    "luma/ray-1-6": "; use ray-3.2 instead",
    "seedance/seedance-1-0-lite-t2v-250428": "",
}


@pytest.mark.parametrize("env", [{}, KEYS], ids=["no keys", "all keys"])
@pytest.mark.parametrize("target", GONE)
def test_a_retired_model_is_refused_by_name_with_its_day_and_successor(
    target: str, env: dict[str, str], tmp_path: Path
) -> None:
    provider, _, model = target.partition("/")
    for place in (None, provider):
        with pytest.raises(NoCandidate) as caught:
            studio(tmp_path, env)._chooser.choose(VideoRequest(prompt="a fox", model=model, provider=place))
        assert caught.value.choice is not None
        said = reasons_in(caught.value.choice)[target]
        assert "is no longer offered" in said
        assert GONE[target] in said
        assert caught.value.charged == "no"
    assert listed(studio(tmp_path, env), target).state == "retired"


async def test_nothing_is_written_for_a_retired_model(tmp_path: Path) -> None:
    async with studio(tmp_path) as made:
        with pytest.raises(NoCandidate, match="2026-09-24"):
            await made.submit(VideoRequest(prompt="a fox", model="sora-2"))
        assert not await made.jobs()


def test_a_model_that_only_lacks_a_key_is_refused_with_its_provider_and_variable(tmp_path: Path) -> None:
    with pytest.raises(NoCandidate) as caught:
        studio(tmp_path)._chooser.choose(VideoRequest(prompt="a fox", model="gen4.5"))
    assert "runway/gen4.5: Runway needs a key" in caught.value.message
    assert "RUNWAYML_API_SECRET" in caught.value.message
    assert "Did you mean" not in caught.value.message


def test_every_provider_that_has_the_model_isnamed(tmp_path: Path) -> None:
    made = studio(tmp_path, registry=registry_of(reel=Reel, roll=Reel), policy=policy_over("reel/reel-1"))
    said = reasons_in(named(made, "reel-2"))
    assert said.keys() == {"reel/reel-2", "roll/reel-2"}


def test_a_model_that_one_provider_offers_is_chosen_and_the_others_are_explained(tmp_path: Path) -> None:
    registry = registry_of(reel=Reel, other=lambda config, http=None: FakeProvider("other", models=Reel.cards))
    choice = named(studio(tmp_path, registry=registry, policy=policy_over("reel/reel-1")), "reel-2")
    assert choice.chosen is not None
    assert choice.chosen.target == "other/reel-2"
    assert reasons_in(choice) == {"reel/reel-2": "Reel needs a key: REEL_API_KEY is not set."}


def test_a_typing_mistake_is_answered_with_the_nearest_model_of_any_provider(tmp_path: Path) -> None:
    choice = named(studio(tmp_path), "kling-3.O")
    assert reasons_in(choice) == {
        "any/kling-3.O": "There is no model 'kling-3.O'. Did you mean 'kling-3.0' (kling/kling-3.0)? "
        "`nexiom models` lists all."
    }
    assert reasons_in(named(studio(tmp_path), "zzzzzzzz"))["any/zzzzzzzz"] == (
        "There is no model 'zzzzzzzz'. `nexiom models` lists all."
    )


def test_a_named_provider_without_a_key_is_still_a_matter_of_its_key(tmp_path: Path) -> None:
    with pytest.raises(MissingCredentials, match="KLINGAI_API_KEY"):
        named(studio(tmp_path), "kling-3.0", "kling")


@pytest.mark.parametrize(
    ("today", "chosen", "warned"),
    [("2026-11-01", True, False), ("2026-11-02", True, True), ("2026-12-31", True, True), ("2027-01-01", False, False)],
    ids=["61 days before", "60 days before", "the day before", "the day"],
)
def test_a_model_is_warned_of_sixty_days_before_its_day_and_refused_from_then_on(
    today: str, chosen: bool, warned: bool, tmp_path: Path
) -> None:
    cards = {"reel/reel-1": {"retires_on": "2027-01-01", "successor": "reel-2"}}
    policy = policy_over("reel/reel-1").evolve(as_of="2026-10-01")
    made = studio(
        tmp_path, {"REEL_API_KEY": "x"}, cards=cards, registry=registry_of(reel=Reel), policy=policy, today=today
    )
    by_tier, by_name = made.estimate(VideoRequest(prompt="a fox")), named(made, "reel-1")
    for choice in (by_tier, by_name):
        assert (choice.chosen is not None) is chosen
        warnings = choice.chosen.warnings if choice.chosen else ()
        said = "is no longer offered from 2027-01-01 on; use reel-2 instead"
        assert (said in warnings) is warned
        if not chosen:
            assert reasons_in(choice)["reel/reel-1"] == "is no longer offered since 2027-01-01; use reel-2 instead"
    row = listed(made, "reel/reel-1")
    assert row.state == ("usable" if chosen else "retired")
    assert bool(row.reason) is (warned or not chosen)


def test_a_successor_that_is_gone_itself_is_passed_over(tmp_path: Path) -> None:
    cards = {
        "reel/reel-1": {"lifecycle": "retired", "successor": "reel-2"},
        "reel/reel-2": {"retires_on": "2026-11-01", "successor": "reel-3"},
        "reel/reel-3": {"like": "reel/reel-2"},
    }
    made = studio(tmp_path, cards=cards, registry=registry_of(reel=Reel), policy=policy_over("reel/reel-1"))
    assert listed(made, "reel/reel-1").reason == "is no longer offered; use reel-3 instead"
    assert reasons_in(named(made, "reel-1"))["reel/reel-1"] == "is no longer offered; use reel-3 instead"
