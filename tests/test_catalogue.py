"""One view of all models: what is in it, and what can be asked of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import SecretStr

from cards_rig import KEYS, Reel, listed, named, reasons_in, registry_of, studio
from nexiom_sdk import Policy, Settings, SyncStudio
from nexiom_sdk.catalogue import ListedModel
from nexiom_sdk.errors import InvalidInput, UnknownProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import Answer, FakeProvider, LoopbackServer, Script
from nexiom_sdk.testing.fake_provider import fake_card
from rig import policy_over

OURS = {"hunyuan", "kling", "local", "luma", "openrouter", "runway", "seedance", "sora", "veo"}


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

    made = studio(tmp_path, {"REEL_API_KEY": "x"}, registry=registry_of(reel=Late), policy=policy_over("reel/reel-1"))
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
            choice = named(made, "alibaba/wan-3.0", "openrouter")
            assert "There is no model" in reasons_in(choice)["openrouter/alibaba/wan-3.0"]


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


def test_a_listed_model_is_a_frozen_value() -> None:
    one = ListedModel(provider="acme", card=fake_card(), state="usable", tiers={"standard": 3})
    assert ListedModel.model_validate_json(one.model_dump_json()) == one
    with pytest.raises(InvalidInput, match="state"):
        ListedModel(provider="acme", card=fake_card(), state="usabel")  # type: ignore[arg-type]
