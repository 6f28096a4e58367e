"""Mistyped words of a policy: a ban or a limit that would hold for nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards_rig import Reel, registry_of, studio
from nexiom_sdk import Policy, VideoRequest
from nexiom_sdk.errors import InvalidPolicy
from nexiom_sdk.policy_words import alike_roles, misspelt, mistyped

CARDS = {"openrouter": {"google/veo-3.1", "alibaba/wan-3.0"}, "kling": {"kling-3.0", "kling-turbo"}, "luma": {"ray"}}
BASE: dict[str, Any] = {
    "version": 1,
    "as_of": "2026-11-24",
    "tiers": {
        "standard": {"candidates": [{"target": "kling/kling-3.0", "weight": 1}]},
        "cinematic": {"extends": "standard"},
    },
}


def _found(**fields: object) -> list[str]:
    return [
        *misspelt(
            Policy.model_validate({**BASE, **fields}),
            tuple(CARDS),
            loaded={"kling"},
            models=lambda name: CARDS[name],
            licences=lambda: {"tencent-hunyuan-community"},
        )
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"deny": {"providers": ["openruoter"]}}, "deny.providers[0]: There is no provider 'openruoter'. Did you mean"),
        ({"allow": {"providers": ["luma", "klng"]}}, "allow.providers[1]: There is no provider 'klng'. Did you mean"),
        ({"deny": {"models": ["klimg/*"]}}, "deny.models[0]: There is no provider 'klimg'. Did you mean 'kling'?"),
        ({"deny": {"models": ["kling/kling-trubo"]}}, "deny.models[0]: There is no model of kling 'kling-trubo'."),
        ({"deny": {"models": ["openrouter/gogle/veo-3.1"]}}, "There is no model of openrouter 'gogle/veo-3.1'."),
        ({"allow": {"models": ["kling/klin-3.0"]}}, "allow.models[0]: There is no model of kling 'klin-3.0'."),
        ({"deny": {"licences": ["tencent-hunyan-community"]}}, "deny.licences[0]: There is no licence 'tencent-hunyan"),
        ({"rules": [{"id": "r", "exclude": ["lumma/*"]}]}, "rules[0].exclude[0]: There is no provider 'lumma'."),
        ({"rules": [{"id": "r", "boost": {"lumma/*": 1}}]}, "rules[0].boost.lumma/*: There is no provider 'lumma'."),
        ({"rules": [{"id": "r", "add": [{"target": "lumma/ray", "weight": 1}]}]}, "rules[0].add[0]: There is no prov"),
        (
            {"tiers": {"standard": {"candidates": [{"target": "klin/a", "weight": 1}]}}},
            "tiers.standard.candidates[0]: There is no provider 'klin'. Did you mean 'kling'?",
        ),
    ],
)  # fmt: skip
def test_a_word_that_is_nearly_known_is_told_with_its_place(fields: dict[str, object], said: str) -> None:
    [found] = _found(**fields)
    assert said in found


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"deny": {"providers": ["pixverse"], "models": ["pixverse/*", "kling/*", "*/veo", "kling/other"]}},
        {"deny": {"models": ["kling/kling-3.1", "openrouter/google/veo-3.1-lite"]}},  # of a newer version
        {"deny": {"licences": ["", "apache-2.0"]}},
        {"governance": {"users": {"u1": "team1", "u2": "team2", "u3": "pro"}, "tiers": {"cinematic": ["power_user"]}}},
    ],
)
def test_a_word_that_is_near_nothing_may_be_of_another_machine(fields: dict[str, object]) -> None:
    assert _found(**fields) == []


def test_roles_that_are_nearly_one_word_are_noted_and_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    budgets = [{"per": "day", "max_usd": 1, "role": "membr"}]
    policy = Policy.model_validate({**BASE, "governance": {"users": {"u1": "member"}, "budgets": budgets}})
    said = "governance.budgets[0].role: The role 'membr' is nearly 'member' in governance.users.u1."
    assert list(alike_roles(policy)) == [said]
    for _ in range(2):
        studio(tmp_path, policy=policy).estimate(VideoRequest(prompt="x", provider="local"))
        assert said in caplog.text


def test_candidates_are_held_against_models_only_where_those_are_known_anyway() -> None:
    for provider, model, count in (("kling", "klng-3.0", 1), ("openrouter", "alibba/wan-3.0", 0)):
        tiers = {"standard": {"candidates": [{"target": f"{provider}/{model}", "weight": 1}]}}
        assert len(_found(tiers=tiers)) == count


@given(st.sampled_from(["openrouter", "hunyuan", "seedance", "kling", "runway"]), st.data())
def test_one_slip_of_the_hand_is_noticed(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 2))
    slips = [
        word[:at] + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + "q" + word[at:],
    ]
    slip = data.draw(st.sampled_from(slips))
    assert mistyped(slip, ["luma", word]) == word


def _policy(**fields: object) -> Policy:
    tiers = {"standard": {"candidates": [{"target": "reel/reel-1", "weight": 1}]}}
    return Policy.model_validate({**BASE, "tiers": tiers, **fields})


async def test_nothing_is_written_where_a_word_of_the_policy_is_mistyped(tmp_path: Path) -> None:
    policy = _policy(deny={"providers": ["reell"]})
    async with studio(tmp_path, {"REEL_API_KEY": "x"}, registry=registry_of(reel=Reel), policy=policy) as made:
        for _ in range(2):
            with pytest.raises(InvalidPolicy, match=r"deny\.providers\[0\].*Did you mean 'reel'"):
                await made.submit(VideoRequest(prompt="a fox"))
        assert not await made.jobs()


async def test_a_policy_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(
        json.dumps(
            {
                **BASE,
                "tiers": {"standard": {"candidates": [{"target": "reel/reel-1", "weight": 1}]}},
                "deny": {"models": ["reel/rell-2"]},
            }
        )
    )
    env = {"REEL_API_KEY": "x", "NEXIOM_POLICY": str(file)}
    async with studio(tmp_path, env, registry=registry_of(reel=Reel)) as made:
        with pytest.raises(InvalidPolicy) as caught:
            made.estimate(VideoRequest(prompt="a fox"))
    said = "deny.models[0]: There is no model of reel 'rell-2'. Did you mean 'reel-2'?"
    assert caught.value.message == f"{file}: {said}"


def test_the_policy_that_ships_costs_no_further_import(tmp_path: Path) -> None:
    code = (
        "import sys, tempfile\n"
        "from nexiom_sdk import Settings, SyncStudio, VideoRequest\n"
        "settings = Settings.from_env({'NEXIOM_HOME': tempfile.mkdtemp(dir=sys.argv[1])})\n"
        "with SyncStudio(settings=settings) as s:\n"
        "    s.estimate(VideoRequest(prompt='a fox', provider='local'))\n"
        "print([name for name in sys.modules if name in {'nexiom_sdk.providers.kling', 'nexiom_sdk.providers.veo'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
