"""What is missing, and whether a key would help: told by the sets that adapters declare, and by the policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli_rig import Command, command
from nexiom_sdk import Policy
from nexiom_sdk.choice_words import next_step_of
from nexiom_sdk.choosing import Chooser
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.config import Settings
from nexiom_sdk.errors import MissingCredentials, NoCandidate
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.types import Choice, Rejection, VideoRequest

__all__ = ["command"]  # a fixture

ONLY_KLING = """
{"version": 1, "as_of": "2026-11-24", "tiers": {
  "standard": {"candidates": [{"target": "kling/kling-3.0", "weight": 1}]},
  "ultra_realistic": {"candidates": [{"target": "kling/kling-3.0", "weight": 1}]}
}%s}
"""
DIRECTORS = ', "governance": {"tiers": {"ultra_realistic": ["director"]}}'
DENIED = ', "deny": {"providers": ["kling"]}'
REFUSALS = [
    (DIRECTORS, "ultra_realistic", "the tier ultra_realistic is for the role director"),
    (DIRECTORS, "cinematic", "There is no tier 'cinematic'"),
    (DENIED, "standard", "the policy forbids every model of the tier standard"),
]


def _chooser(policy: str, **env: str) -> Chooser:
    return Chooser(
        registry=ProviderRegistry(),
        settings=Settings.from_env(env),
        policy=lambda: Policy.from_json(ONLY_KLING % policy),
        clock=SystemClock(),
    )


@pytest.mark.parametrize(
    ("name", "env", "needs"),
    [
        ("kling", {}, "KLINGAI_API_KEY, or KLINGAI_ACCESS_KEY and KLINGAI_SECRET_KEY"),
        ("kling", {"KLINGAI_ACCESS_KEY": "a"}, "KLINGAI_SECRET_KEY"),
        ("runway", {}, "RUNWAYML_API_SECRET"),
        ("sora", {}, "OPENAI_BASE_URL"),
        ("local", {}, ""),
    ],
)
def test_without_a_word_of_the_policy_only_what_cannot_be_left_out_is_named(
    name: str, env: dict[str, str], needs: str
) -> None:
    assert _chooser("", **env).needs(name) == needs


def test_the_policy_says_which_way_most_people_take() -> None:
    told = ', "credentials": {"kling": ["KLINGAI_API_KEY"]}'
    assert _chooser(told).needs("kling") == "KLINGAI_API_KEY"
    assert _chooser(told, KLINGAI_ACCESS_KEY="a").needs("kling") == "KLINGAI_SECRET_KEY"  # a way was taken already


def test_a_provider_that_only_a_rule_names_counts_as_set_up() -> None:
    rule = ', "rules": [{"id": "r", "add": [{"target": "local/preview", "weight": 1}]}]'
    with pytest.raises(NoCandidate):
        _chooser(rule).choose(VideoRequest(prompt="x", seed=1, audio=True))


@pytest.mark.parametrize(("policy", "tier", "reason"), REFUSALS)
@pytest.mark.parametrize("env", [{}, {"KLINGAI_API_KEY": "k"}], ids=["no key", "a key"])
def test_where_the_tier_is_refused_no_key_is_asked_for(
    policy: str, tier: str, reason: str, env: dict[str, str]
) -> None:
    with pytest.raises(NoCandidate) as refused:
        _chooser(policy, **env).choose(VideoRequest(prompt="x", quality_tier=tier))  # type: ignore[arg-type]
    if policy != DENIED or not env:
        assert reason in refused.value.message
        assert refused.value.next_step.startswith("Ask for another tier")
    else:
        assert "the policy denies the provider kling" in refused.value.message


def test_where_nothing_is_set_up_and_nothing_refused_the_ways_are_told() -> None:
    one_of_two = DENIED.replace('"providers": ["kling"]', '"models": ["kling/other"]')
    for policy in ("", one_of_two):
        with pytest.raises(MissingCredentials, match=r"kling \(set KLINGAI_API_KEY, or"):
            _chooser(policy).choose(VideoRequest(prompt="x"))


def test_the_next_step_names_what_is_missing_and_nothing_that_would_not_help() -> None:
    def step(*rejected: tuple[str, ...]) -> str | None:
        choice = Choice(
            rejected=tuple(Rejection(provider=name, model="m", reasons=tuple(why)) for name, *why in rejected)
        )
        return next_step_of(choice, {"acme": "ACME_KEY", "bolt": "BOLT_KEY", "ready": ""})

    assert step(("acme", "no key")) == "Set ACME_KEY."
    assert step(("acme", "no key"), ("bolt", "no key")) == "Set ACME_KEY for acme, or BOLT_KEY for bolt."
    assert step(("acme", "no key"), ("bolt", "is no longer offered")) == "Set ACME_KEY."
    assert step(("acme", "is no longer offered since 2026-09-24")) == "`nexiom models` lists what there is."
    assert step(("acme", "denied", "no key")) is None
    assert step(("ready", "too dear")) is None
    assert step() is None


@pytest.mark.parametrize(("policy", "tier", "reason"), REFUSALS)
@pytest.mark.parametrize("key", ["", "not-a-real-key"])
@pytest.mark.parametrize("verb", ["estimate", "generate"])
def test_the_command_never_answers_a_refusal_with_a_preview(
    verb: str, key: str, policy: str, tier: str, reason: str,
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "policy.json"
    file.write_text(ONLY_KLING % policy)
    monkeypatch.setenv("NEXIOM_POLICY", str(file))
    monkeypatch.setenv("KLINGAI_API_KEY", key)
    said = command(verb, "x", "--tier", tier)
    assert said.code == 4
    assert (reason if policy != DENIED else "the policy denies the provider kling") in said.out + said.err
    assert "preview" not in said.out + said.err
    if policy == DIRECTORS:
        assert reason in "".join(said.err.splitlines()[:2])


def test_the_command_takes_a_user_and_a_role(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "policy.json"
    file.write_text(ONLY_KLING % DIRECTORS.replace('"tiers"', '"users": {"u1": "director"}, "tiers"'))
    monkeypatch.setenv("NEXIOM_POLICY", str(file))
    monkeypatch.setenv("KLINGAI_API_KEY", "not-a-real-key")
    words = ("estimate", "x", "--tier", "ultra_realistic")
    whose = ((), ("--role", "director"), ("--user", "u1"), ("--user", "u2"))
    assert [command(*words, *one).code for one in whose] == [4, 0, 0, 4]
    ordered = command("generate", "x", "--provider", "wired", "--user", "u1", "--role", "guest", script="done")
    assert ordered.code == 4  # wired counts to the most demanding tier
    assert "this user has the role guest" in ordered.err
    assert command("generate", "x", "--provider", "wired", "--user", "u1", script="done").code == 0
    assert command("jobs", "list", "--user", "u1").out.count("\n") == 1
