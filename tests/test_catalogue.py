"""One view of all models, and one truth about each of them wherever it is asked for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

from cards_rig import KEYS, cards_file, listed, studio
from nexiom_sdk import ModelCard, Policy, Settings, Studio, SyncStudio, VideoRequest
from nexiom_sdk.catalogue import ListedModel
from nexiom_sdk.errors import ConfigurationError, InvalidInput, MissingCredentials, NoCandidate, UnknownProvider
from nexiom_sdk.jobs import Phase
from nexiom_sdk.models import Price
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import Answer, FakeProvider, LoopbackServer, Script, VirtualClock
from nexiom_sdk.testing.fake_provider import fake_card
from nexiom_sdk.types import Choice
from rig import policy_over
from wire_rig import bench

OURS = {"hunyuan", "kling", "local", "luma", "openrouter", "runway", "seedance", "sora", "veo"}
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


def _reasons(choice: Choice) -> Mapping[str, str]:
    return {one.target: "; ".join(one.reasons) for one in choice.rejected}


def _named(made: Studio, model: str, provider: str | None = None) -> Choice:
    return made.estimate(VideoRequest(prompt="a fox", model=model, provider=provider))


class Reel(FakeProvider):
    """A plug-in whose class lists its models, and that takes others."""

    config_env: ClassVar[Mapping[str, str]] = {"api_key": "REEL_API_KEY"}
    cards: ClassVar[Sequence[ModelCard]] = (fake_card(model="reel-1"), fake_card(model="reel-2", seed=True))
    takes_new_models = True

    def __init__(self, config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> None:
        if not config.get("api_key"):
            raise MissingCredentials("Reel needs a key: REEL_API_KEY is not set.")
        super().__init__("reel", models=self.cards, submission_recovery="lookup", clock=http.clock if http else None)


def _registry(**factories: object) -> ProviderRegistry:
    registry = ProviderRegistry(entry_points=[])
    for name, factory in factories.items():
        registry.register(name, factory)  # type: ignore[arg-type]
    return registry


# What is in the list


def test_without_any_key_every_model_is_listed_with_the_variable_to_set(tmp_path: Path) -> None:
    rows = studio(tmp_path).models()
    assert {one.provider for one in rows} == OURS
    assert len(rows) > 80
    assert {one.target for one in rows if one.state == "usable"} == {"local/preview"}
    assert {one.state for one in rows} == {"usable", "not_set_up"}
    for one in rows:
        if one.state == "not_set_up":
            assert re.search(r"[A-Z]+_[A-Z_]+", one.reason), one.target


def test_with_keys_the_same_models_are_usable_and_nothing_else_changes(tmp_path: Path) -> None:
    bare = {one.target: one for one in studio(tmp_path).models(include_retired=True)}
    rows = {one.target: one for one in studio(tmp_path, KEYS).models(include_retired=True)}
    assert rows.keys() == bare.keys()
    usable = {target for target, one in rows.items() if one.state == "usable"}
    assert {target.partition("/")[0] for target in usable} == OURS
    for target in usable:
        assert rows[target].card == bare[target].card, target


def test_a_model_that_the_keys_do_not_reach_says_which_one_does(tmp_path: Path) -> None:
    pair = studio(tmp_path, {"KLINGAI_ACCESS_KEY": "ak", "KLINGAI_SECRET_KEY": "sk"})
    assert listed(pair, "kling/kling-v3").state == "usable"
    out = listed(pair, "kling/kling-3.0")
    assert (out.state, out.reason) == (
        "not_set_up",
        "what is set up here does not reach it; it may need KLINGAI_API_KEY",
    )
    older = listed(studio(tmp_path, {"LUMAAI_API_KEY": "luma-older"}), "luma/ray-3.2")
    assert older.reason.endswith("it may need LUMA_AGENTS_API_KEY")


def test_a_model_that_google_closed_for_one_kind_of_key_is_retired_there_only(tmp_path: Path) -> None:
    assert listed(studio(tmp_path), "veo/veo-3.1-generate-001").state == "not_set_up"
    gemini = listed(studio(tmp_path, {"GOOGLE_API_KEY": "g"}), "veo/veo-3.1-generate-001")
    assert (gemini.state, str(gemini.card.retires_on)) == ("retired", "2026-10-22")
    vertex = {"GOOGLE_CLOUD_PROJECT": "p", "NEXIOM_VEO_ACCESS_TOKEN": "t"}
    assert listed(studio(tmp_path, vertex), "veo/veo-3.1-generate-001").state == "usable"


def test_names_that_an_operator_gave_are_listed(tmp_path: Path) -> None:
    made = studio(tmp_path, {"KLINGAI_API_KEY": "k", "NEXIOM_KLING_MODELS": "kling-9=v9"})
    assert listed(made, "kling/kling-9").state == "usable"


def test_the_tiers_that_name_a_model_are_there_with_its_weight(tmp_path: Path) -> None:
    policy = Policy.default()
    for one in studio(tmp_path).models(include_retired=True):
        named = {
            tier: entry.weight
            for tier in policy.tiers
            for entry in policy.tiers[tier].entries
            if entry.target == one.target
        }
        assert one.tiers == named
    assert listed(studio(tmp_path), "kling/kling-3.0").tiers == {"cinematic": 76, "ultra_realistic": 96}


def test_every_target_of_the_shipped_policy_is_in_the_list(tmp_path: Path) -> None:
    alive = {one.target for one in studio(tmp_path).models()}
    policy = Policy.default()
    assert {entry.target for tier in policy.tiers.values() for entry in tier.entries} <= alive


def test_a_plug_in_that_cannot_be_read_harms_no_other_and_is_told_of(tmp_path: Path) -> None:
    def forbidden(*_: object, **__: object) -> object:
        raise RuntimeError("sk-CANARY")

    class Crooked(Reel):
        cards = ("no card",)  # type: ignore[assignment]

    missing = EntryPoint(name="gone", value="no_such_module:Provider", group="nexiom_sdk.providers")
    registry = ProviderRegistry(entry_points=[missing])
    for name, factory in {"reel": Reel, "boom": forbidden, "crooked": Crooked, "lone": FakeProvider}.items():
        registry.register(name, factory)  # type: ignore[arg-type]
    rows = studio(tmp_path, registry=registry, policy=policy_over("reel/reel-1")).models()
    assert [(one.target, one.state) for one in rows] == [
        ("boom/*", "broken"),
        ("crooked/*", "not_set_up"),
        ("gone/*", "broken"),
        ("lone/*", "broken"),
        ("reel/reel-1", "not_set_up"),
        ("reel/reel-2", "not_set_up"),
    ]
    reasons = {one.provider: one.reason for one in rows}
    assert "no_such_module" in reasons["gone"]
    assert "cards that are not ModelCards" in reasons["crooked"]
    assert "CANARY" not in str(reasons)


def test_one_package_too_many_for_a_name_is_a_broken_line(tmp_path: Path) -> None:
    points = [
        EntryPoint(name="acme", value=f"package_{number}:Provider", group="nexiom_sdk.providers") for number in (1, 2)
    ]
    [one] = studio(tmp_path, registry=ProviderRegistry(entry_points=points), policy=policy_over("acme/a1")).models()
    assert (one.target, one.state) == ("acme/*", "broken")
    assert "Two packages" in one.reason


def test_what_a_provider_says_once_it_is_made_wins_over_its_class(tmp_path: Path) -> None:
    class Late(Reel):
        def __init__(self, config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> None:
            super().__init__(config, http=http)
            self.models = (fake_card(model="reel-2", seed=False, typical_seconds=9), fake_card(model="reel-3"))

    made = studio(tmp_path, {"REEL_API_KEY": "x"}, registry=_registry(reel=Late), policy=policy_over("reel/reel-1"))
    rows = {one.card.model: one for one in made.models()}
    assert {name: one.state for name, one in rows.items()} == {
        "reel-2": "usable", "reel-3": "usable", "reel-1": "not_set_up",
    }  # fmt: skip
    assert (rows["reel-2"].card.typical_seconds, rows["reel-2"].card.seed) == (9, False)


async def test_the_view_follows_when_a_provider_reads_its_list_anew(tmp_path: Path) -> None:
    body = json.loads((Path(__file__).parent / "fixtures/openrouter/models.json").read_text("utf-8"))
    cards = {
        "openrouter/google/veo-3.1-fast": {"typical_seconds": 7},
        "openrouter/acme/new-video-1": {"like": "openrouter/alibaba/wan-3.0", "durations_seconds": [4, 8]},
    }
    async with LoopbackServer(Script(Answer.json(body))) as server:
        env = {"OPENROUTER_API_KEY": "x", "OPENROUTER_BASE_URL": server.origin}
        async with studio(tmp_path, env, cards=cards) as made:
            before = {one.card.model for one in made.models("openrouter")}
            read = await made.refresh_models("openrouter")
            after = {one.card.model: one for one in made.models("openrouter", include_retired=True)}
            assert [*after] == [card.model for card in read]
            assert {"alibaba/wan-3.0", "acme/new-video-1"} <= before
            assert "alibaba/wan-3.0" not in after
            assert after["acme/new-video-1"].card.durations_seconds == (4, 8)
            assert after["google/veo-3.1-fast"].card.typical_seconds == 7
            shipped = listed(studio(tmp_path), "openrouter/google/veo-3.1-fast").card
            assert after["google/veo-3.1-fast"].card.verified_on != shipped.verified_on
            choice = _named(made, "alibaba/wan-3.0", "openrouter")
            assert "There is no model" in _reasons(choice)["openrouter/alibaba/wan-3.0"]


async def test_once_the_provider_lists_a_new_model_itself_its_own_facts_count(tmp_path: Path) -> None:
    body = {"data": [{"id": "acme/v1", "supported_durations": [6], "supported_resolutions": ["1080p"]}]}
    cards = {"openrouter/acme/v1": {"like": "openrouter/alibaba/wan-3.0", "durations_seconds": [4, 8]}}
    async with LoopbackServer(Script(Answer.json(body))) as server:
        env = {"OPENROUTER_API_KEY": "x", "OPENROUTER_BASE_URL": server.origin}
        async with studio(tmp_path, env, cards=cards) as made:
            assert "480p" in listed(made, "openrouter/acme/v1").card.resolutions
            await made.refresh_models("openrouter")
            card = listed(made, "openrouter/acme/v1").card
            assert (card.resolutions, card.durations_seconds) == (("1080p",), (4, 8))


# What can be asked of it


def test_the_filters_leave_what_was_asked_for(tmp_path: Path) -> None:
    made = studio(tmp_path, {"KLINGAI_API_KEY": "k"})
    assert {one.provider for one in made.models("kling")} == {"kling"}
    assert all("cinematic" in one.tiers for one in made.models(tier="cinematic"))
    long = {one.target for one in made.models(duration_seconds=20)}
    assert "seedance/dreamina-seedance-2-5-260628" in long
    assert "kling/kling-3.0" not in long
    assert {one.provider for one in made.models(usable=True)} == {"kling", "local"}
    edits = {one.target for one in made.models(takes="source_video")}
    assert "runway/aleph2" in edits
    assert "kling/kling-3.0" not in edits
    assert "runway/aleph2" not in {one.target for one in made.models(takes="text")}
    assert not any(one.state == "retired" for one in made.models())
    assert any(one.state == "retired" for one in made.models(include_retired=True))
    assert not any(one.state == "retired" for one in made.models(usable=True, include_retired=True))


def test_a_price_cap_is_per_second_or_per_clip_and_unknown_is_never_cheap(tmp_path: Path) -> None:
    made = studio(tmp_path)
    by_second = {one.target for one in made.models(max_usd=Decimal("0.05"))}
    assert "runway/wan3" in by_second  # 0.05 at 480p
    assert "runway/gen4.5" not in by_second  # 0.12
    assert "veo/gemini-omni-1.2-flash" not in by_second  # nobody knows
    by_clip = {one.target for one in made.models(max_usd=Decimal("0.50"), duration_seconds=10)}
    assert "runway/wan3" in by_clip  # 10 x 0.05
    assert "runway/wan3" not in {one.target for one in made.models(max_usd=Decimal("0.49"), duration_seconds=10)}
    assert {one.target for one in made.models(max_usd=Decimal(0))} == {"local/preview"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tier": "cinematc"}, "Did you mean 'cinematic'"),
        ({"takes": "last_fram"}, "Did you mean 'last_frame'"),
        ({"duration_seconds": float("nan")}, "finite"),
        ({"duration_seconds": 0}, "greater than 0"),
        ({"max_usd": Decimal(-1)}, "greater than or equal to 0"),
    ],
)
def test_nonsense_is_answered_with_the_nearest_word(asked: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=said):
        studio(tmp_path).models(**asked)  # type: ignore[arg-type]


def test_a_provider_that_nobody_has_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UnknownProvider, match="Did you mean 'kling'"):
        studio(tmp_path).models("klig")


def test_the_sync_studio_lists_the_same(tmp_path: Path) -> None:
    settings = Settings.from_env({"NEXIOM_HOME": str(tmp_path)})
    with SyncStudio(settings=settings) as made:
        assert made.models("local") == studio(tmp_path).models("local")


def test_a_choice_by_tier_loads_no_adapter_but_those_of_the_tier(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    tiers = {"standard": {"candidates": [{"target": "runway/wan3", "weight": 1}]}}
    file.write_text(json.dumps({"version": 1, "as_of": "2026-11-24", "tiers": tiers}))
    probe = (
        "import sys; from nexiom_sdk import Studio, VideoRequest; Studio.from_env().estimate(VideoRequest(prompt='x'));"
        "print([name for name in sys.modules if name.startswith('nexiom_sdk.providers.')])"
    )
    env = {"NEXIOM_HOME": str(tmp_path), "NEXIOM_POLICY": str(file), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", probe], env=env, capture_output=True, text=True, check=True)
    assert "nexiom_sdk.providers.runway'" in done.stdout
    assert not re.search(r"providers\.(kling|veo|luma|openrouter|seedance|hunyuan|sora)'", done.stdout)


# A model by its name


@pytest.mark.parametrize("env", [{}, KEYS], ids=["no keys", "all keys"])
@pytest.mark.parametrize("target", GONE)
def test_a_retired_model_is_refused_by_name_with_its_day_and_successor(
    target: str, env: dict[str, str], tmp_path: Path
) -> None:
    provider, _, model = target.partition("/")
    for named in (None, provider):
        with pytest.raises(NoCandidate) as caught:
            studio(tmp_path, env)._chooser.choose(VideoRequest(prompt="a fox", model=model, provider=named))
        assert caught.value.choice is not None
        said = _reasons(caught.value.choice)[target]
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


def test_every_provider_that_has_the_model_is_named(tmp_path: Path) -> None:
    made = studio(tmp_path, registry=_registry(reel=Reel, roll=Reel), policy=policy_over("reel/reel-1"))
    said = _reasons(_named(made, "reel-2"))
    assert said.keys() == {"reel/reel-2", "roll/reel-2"}


def test_a_model_that_one_provider_offers_is_chosen_and_the_others_are_explained(tmp_path: Path) -> None:
    registry = _registry(reel=Reel, other=lambda config, http=None: FakeProvider("other", models=Reel.cards))
    choice = _named(studio(tmp_path, registry=registry, policy=policy_over("reel/reel-1")), "reel-2")
    assert choice.chosen is not None
    assert choice.chosen.target == "other/reel-2"
    assert _reasons(choice) == {"reel/reel-2": "Reel needs a key: REEL_API_KEY is not set."}


def test_a_typing_mistake_is_answered_with_the_nearest_model_of_any_provider(tmp_path: Path) -> None:
    choice = _named(studio(tmp_path), "kling-3.O")
    assert _reasons(choice) == {
        "any/kling-3.O": "There is no model 'kling-3.O'. Did you mean 'kling-3.0' (kling/kling-3.0)? "
        "`nexiom models` lists all."
    }
    assert _reasons(_named(studio(tmp_path), "zzzzzzzz"))["any/zzzzzzzz"] == (
        "There is no model 'zzzzzzzz'. `nexiom models` lists all."
    )


def test_a_named_provider_without_a_key_is_still_a_matter_of_its_key(tmp_path: Path) -> None:
    with pytest.raises(MissingCredentials, match="KLINGAI_API_KEY"):
        _named(studio(tmp_path), "kling-3.0", "kling")


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
        tmp_path, {"REEL_API_KEY": "x"}, cards=cards, registry=_registry(reel=Reel), policy=policy, today=today
    )
    by_tier, by_name = made.estimate(VideoRequest(prompt="a fox")), _named(made, "reel-1")
    for choice in (by_tier, by_name):
        assert (choice.chosen is not None) is chosen
        warnings = choice.chosen.warnings if choice.chosen else ()
        said = "is no longer offered from 2027-01-01 on; use reel-2 instead"
        assert (said in warnings) is warned
        if not chosen:
            assert _reasons(choice)["reel/reel-1"] == "is no longer offered since 2027-01-01; use reel-2 instead"
    row = listed(made, "reel/reel-1")
    assert row.state == ("usable" if chosen else "retired")
    assert bool(row.reason) is (warned or not chosen)


def test_a_successor_that_is_gone_itself_is_passed_over(tmp_path: Path) -> None:
    cards = {
        "reel/reel-1": {"lifecycle": "retired", "successor": "reel-2"},
        "reel/reel-2": {"retires_on": "2026-11-01", "successor": "reel-3"},
    }
    made = studio(tmp_path, cards=cards, registry=_registry(reel=Reel), policy=policy_over("reel/reel-1"))
    assert listed(made, "reel/reel-1").reason == "is no longer offered; use reel-3 instead"
    assert _reasons(_named(made, "reel-1"))["reel/reel-1"] == "is no longer offered; use reel-3 instead"


# The user's file


def test_an_entry_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    entry = {"prices": [{"usd": "0.01"}], "retires_on": "2027-03-01"}
    for env in ({}, KEYS):
        before = listed(studio(tmp_path, env), "kling/kling-3.0").card
        after = listed(studio(tmp_path, env, cards={"kling/kling-3.0": entry}), "kling/kling-3.0").card
        assert after.prices == (Price(usd=Decimal("0.01")),)
        assert after.priced_on == "2026-11-26: cards.json"
        assert str(after.retires_on) == "2027-03-01"
        changed = {name for name in ModelCard.model_fields if getattr(after, name) != getattr(before, name)}
        assert changed == {"prices", "priced_on", "retires_on"}


def test_a_changed_price_is_what_an_estimate_says(tmp_path: Path) -> None:
    cards = {"kling/kling-3.0": {"prices": [{"usd": "0.01"}]}}
    choice = _named(studio(tmp_path, KEYS, cards=cards), "kling-3.0")
    assert choice.chosen is not None
    assert (choice.chosen.estimated_cost_usd, choice.chosen.priced_on) == (Decimal("0.05"), "2026-11-26: cards.json")


def test_a_new_model_takes_what_it_is_like_and_none_of_its_prices(tmp_path: Path) -> None:
    cards = {"openrouter/acme/new-video-1": {"like": "openrouter/alibaba/wan-3.0", "durations_seconds": [4, 8]}}
    made = studio(tmp_path, KEYS, cards=cards)
    new, like = (listed(made, f"openrouter/{name}").card for name in ("acme/new-video-1", "alibaba/wan-3.0"))
    assert (new.durations_seconds, new.prices, new.priced_on) == ((4, 8), (), "")
    assert (new.resolutions, new.media, new.min_poll_seconds) == (like.resolutions, like.media, like.min_poll_seconds)
    assert new.verified_on == "2026-11-26: cards.json"
    choice = _named(made, "acme/new-video-1")
    assert choice.chosen is not None
    assert "its price is not known" in choice.chosen.warnings


def test_a_new_model_that_is_like_one_that_is_gone_is_not_gone_itself(tmp_path: Path) -> None:
    made = studio(tmp_path, KEYS, cards={"runway/gen9": {"like": "runway/gen3a_turbo"}})
    new = listed(made, "runway/gen9")
    assert (new.state, new.card.successor, new.card.retires_on) == ("usable", None, None)


async def test_a_new_model_is_ordered_by_its_id_from_the_real_adapter(tmp_path: Path) -> None:
    entry = {
        "like": "openrouter/google/veo-3.1-fast",
        "delivery": ["bytes"],
        "typical_seconds": 5,
        "min_poll_seconds": 3,
    }
    file = cards_file(tmp_path, {"openrouter/acme/new-video-1": entry})
    async with bench("openrouter", tmp_path, cards=file) as it:
        request = it.request(model="acme/new-video-1", reference_media_path="u1/fox.png")
        job = await it.ended(await it.studio.submit(request))
        assert job.status == "completed"
        assert len(it.wire.orders) == 1
        sent = next(one for one in it.server.received if one.method == "POST").json()
        assert isinstance(sent, dict)
        assert sent["model"] == "acme/new-video-1"
        assert "data:image/png;base64" in str(sent["frame_images"])  # as the file says, not as an address
        card = it.studio._desk.card_of(it.studio._chooser.provider("openrouter"), "acme/new-video-1")
        assert (card.typical_seconds, card.min_poll_seconds) == (5, 3)


async def test_an_order_of_a_new_model_whose_answer_was_lost_is_looked_for(tmp_path: Path) -> None:
    held: list[Reel] = []

    def make(config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None) -> Reel:
        held.append(Reel({"api_key": "x"}, http=http))
        held[0].lose_answer().succeed()
        return held[0]

    make.takes_new_models = True  # type: ignore[attr-defined]
    file = cards_file(tmp_path, {"reel/reel-9": {"like": "reel/reel-1"}})
    made = Studio(
        settings=Settings(home=tmp_path, cards=file),
        registry=_registry(reel=make),
        policy=policy_over("reel/reel-1"),
        clock=VirtualClock(auto=True),
    )
    async with made:
        job = await made.submit(VideoRequest(prompt="a fox", model="reel-9"))
        async for row in made.watch(job.id):
            job = row
        job = await made.get(job.id)
    assert (job.phase, len(held[0].accepted)) == (Phase.DONE, 1)
    assert job.status == "completed"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"klin/kling-3.0": {"seed": True}}, r"line 3: cards\.klin/kling-3\.0: There is no provider 'klin'.*'kling'"),
        ({"kling/kling-3.0": {"prices": [{"usd": -1}]}}, r"line 3: .*prices\[0\]\.usd: It should be greater"),
        ({"local/x": {"durations_seconds": [4]}}, "Orders of other models cannot be written for local"),
        ({"veo/veo-9": {"like": "veo/gemini-omni-1.1-flash"}}, "Name it in NEXIOM_VEO_MODELS first"),
        ({"hunyuan/h9": {"durations_seconds": [4]}}, "Name it in NEXIOM_HUNYUAN_MODELS first"),
        ({"runway/wan33": {"seed": True}}, "Did you mean 'runway/wan3'.*A new model says"),
        ({"runway/new": {"like": "runway/wan33"}}, r"like: runway lists no model 'wan33'\. Did you mean 'runway/wan3'"),
    ],
)
async def test_a_mistake_in_the_file_stops_everything_before_anything_is_written(
    entry: dict[str, object], said: str, tmp_path: Path
) -> None:
    async with studio(tmp_path, KEYS, cards=entry) as made:
        request = VideoRequest(prompt="a fox", provider="runway", model="wan3")
        for verb in (made.models, lambda: made.estimate(request), made.worker):
            with pytest.raises(ConfigurationError, match=said):
                verb()
        with pytest.raises(ConfigurationError, match=r"cards\.json"):
            await made.submit(request)
        assert not await made.jobs()


def test_a_file_may_name_what_only_other_processes_use(tmp_path: Path) -> None:
    cards = {"openrouter/acme/v1": {"like": "openrouter/alibaba/wan-3.0"}, "veo/veo-9": {"seed": True}}
    env = {"NEXIOM_PROVIDERS": "local,kling"}
    assert {one.provider for one in studio(tmp_path, env, cards=cards).models()} == {"kling", "local"}
    named = {"NEXIOM_VEO_MODELS": "veo-9"}
    assert studio(tmp_path, named, cards={"veo/veo-9": {"seed": True}}).models("veo")
    with_key = studio(tmp_path, {**named, "GOOGLE_API_KEY": "g"}, cards={"veo/veo-9": {"typical_seconds": 8}})
    assert listed(with_key, "veo/veo-9").card.typical_seconds == 8


def test_a_new_model_that_the_keys_do_not_reach_is_refused_before_a_row_exists(tmp_path: Path) -> None:
    pair = {"KLINGAI_ACCESS_KEY": "ak", "KLINGAI_SECRET_KEY": "sk"}
    made = studio(tmp_path, pair, cards={"kling/kling-4.0": {"like": "kling/kling-3.0"}})
    with pytest.raises(NoCandidate, match="it may need KLINGAI_API_KEY"):
        made._chooser.choose(VideoRequest(prompt="a fox", model="kling-4.0"))


def test_the_file_is_read_by_its_variable_and_a_field_wins(tmp_path: Path) -> None:
    file = cards_file(tmp_path, {"local/preview": {"typical_seconds": 1}})
    assert Settings.from_env({"NEXIOM_CARDS": "~/cards.json"}).cards == Path("~/cards.json").expanduser()
    made = Studio(settings=Settings.from_env({"NEXIOM_CARDS": "/nowhere", "NEXIOM_HOME": str(tmp_path)}, cards=file))
    assert made.models("local")[0].card.typical_seconds == 1


def test_a_listed_model_is_a_frozen_value() -> None:
    one = ListedModel(provider="acme", card=fake_card(), state="usable", tiers={"standard": 3})
    assert ListedModel.model_validate_json(one.model_dump_json()) == one
    with pytest.raises(InvalidInput, match="state"):
        ListedModel(provider="acme", card=fake_card(), state="usabel")  # type: ignore[arg-type]
