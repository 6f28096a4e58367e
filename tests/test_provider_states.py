"""How each provider stands, from Python and from the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr
from rich.console import Console

from cli_rig import Command, command
from nexiom_sdk import Settings, Studio, SyncStudio
from nexiom_sdk.cli.providers import listing_of
from nexiom_sdk.errors import AuthenticationFailed, ConfigurationError, MissingCredentials, ProviderUnavailable
from nexiom_sdk.events import Event, ProviderCalled
from nexiom_sdk.provider_states import ProviderState
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import Answer, FakeProvider, LoopbackServer, Received, VirtualClock
from rig import Rig, policy_over

__all__ = ["command"]  # a fixture

RigOf = Callable[..., Rig]
Config = Mapping[str, str | SecretStr]
KEY = "key_CANARY4711"


class NeedsKey(FakeProvider):
    """It is not set up."""

    config_env: ClassVar[Mapping[str, str]] = {"api_key": "ACME_API_KEY"}

    def __init__(self, config: Config, *, http: HttpOptions | None = None) -> None:
        raise MissingCredentials("Acme has no key.")


class WrongAddress(FakeProvider):
    """Its address is none."""

    def __init__(self, config: Config, *, http: HttpOptions | None = None) -> None:
        raise ConfigurationError("BOLT_BASE_URL is no address.")


class Asked(FakeProvider):
    """It can be asked without an order."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        super().__init__(name)
        self.error = error
        self.others: list[Asked] = [self]

    async def check(self) -> None:
        """A call that costs nothing; it ends when all have begun."""
        self.calls.append("check")
        while not all("check" in one.calls for one in self.others):
            await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


def _installed(folder: Path, **sources: str) -> ProviderRegistry:
    """A registry over packages that bring one provider each."""
    for name, source in sources.items():
        (folder / f"plug_{name}.py").write_text(source)
        info = folder / f"nexiom_{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: nexiom-{name}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[nexiom_sdk.providers]\n{name} = plug_{name}:Provider\n")
    points = [point for package in Distribution.discover(path=[str(folder)]) for point in package.entry_points]
    return ProviderRegistry(entry_points=points)


def _registry(*providers: FakeProvider, allow: tuple[str, ...] | None = None) -> ProviderRegistry:
    registry = ProviderRegistry(entry_points=[], allow=allow)
    for one in providers:
        registry.register(one.name, lambda config, /, *, http=None, one=one: one)
    return registry


async def _states(tmp_path: Path, registry: ProviderRegistry, *, check: bool = False) -> dict[str, ProviderState]:
    policy = policy_over("acme/fake-1", "bolt/fake-1")
    async with Studio(settings=Settings(home=tmp_path), registry=registry, policy=policy) as studio:
        return {one.name: one for one in await studio.providers(check=check)}


async def test_a_provider_that_can_be_used_is_ready_and_says_what_it_has(tmp_path: Path) -> None:
    states = await _states(tmp_path, _registry(FakeProvider("acme"), FakeProvider("dune")))
    assert states["acme"] == ProviderState(
        name="acme", state="ready", models=1, tiers=("standard", "cinematic", "ultra_realistic")
    )
    assert states["dune"].tiers == ()


async def test_what_is_missing_is_named(tmp_path: Path) -> None:
    registry = _registry()
    registry.register("acme", NeedsKey)
    registry.register("bolt", WrongAddress)
    states = await _states(tmp_path, registry)
    assert (states["acme"].state, states["acme"].reason) == ("not_set_up", "Acme has no key. It reads ACME_API_KEY.")
    assert states["acme"].needs == "ACME_API_KEY"
    assert (states["bolt"].state, states["bolt"].reason) == ("not_set_up", "BOLT_BASE_URL is no address.")
    assert states["acme"].models is None


async def test_a_plug_in_that_is_broken_is_shown_with_its_reason_and_hides_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    fine = (
        "from nexiom_sdk.testing import FakeProvider\nclass Provider(FakeProvider):\n"
        "    def __init__(self, config, *, http=None):\n        super().__init__('fine')\n"
    )
    registry = _installed(
        tmp_path,
        raises="raise RuntimeError('no such library')",
        wrong="class Provider:\n    protocol_version = 99\n",
        fine=fine,
    )
    states = await _states(tmp_path, registry)
    assert {name: one.state for name, one in states.items()} == {"fine": "ready", "raises": "broken", "wrong": "broken"}
    assert "RuntimeError" in states["raises"].reason
    assert "protocol version 99" in states["wrong"].reason
    assert {(one.distribution, one.version) for one in states.values()} == {
        ("nexiom-fine", "1.5"), ("nexiom-raises", "1.5"), ("nexiom-wrong", "1.5"),
    }  # fmt: skip


async def test_a_name_that_was_mistyped_is_answered_with_the_nearest(tmp_path: Path) -> None:
    registry = _registry(FakeProvider("acme"), FakeProvider("bolt"), allow=("acme", "bold"))
    states = await _states(tmp_path, registry)
    assert {name: one.state for name, one in states.items()} == {
        "acme": "ready", "bold": "not_installed", "bolt": "left_out",
    }  # fmt: skip
    assert "Did you mean 'bolt'?" in states["bold"].reason
    assert "NEXIOM_PROVIDERS" in states["bolt"].reason


async def test_a_provider_that_is_failing_is_told_with_the_time_of_the_next_try(
    rig_of: RigOf, clock: VirtualClock
) -> None:
    rig = rig_of(FakeProvider("acme"))
    for _ in range(5):
        rig.studio._door.breakers.ended("acme", ProviderUnavailable("down"))
    [acme] = await rig.studio.providers()
    assert (acme.state, acme.reason, acme.models) == ("failing", "5 of the last 5 calls", 1)
    assert acme.failing_until is not None
    assert (acme.failing_until - clock.now()).total_seconds() == 30
    clock.advance(30)
    [acme] = await rig.studio.providers()
    assert (acme.state, acme.failing_until) == ("ready", None)


async def test_free_calls_are_made_at_the_same_time_and_one_that_fails_hides_no_other(tmp_path: Path) -> None:
    fakes = [
        Asked("acme"), Asked("bolt", AuthenticationFailed("the key is refused")), Asked("cinder", ValueError(KEY)),
    ]  # fmt: skip
    for one in fakes:
        one.others = fakes
    states = await _states(tmp_path, _registry(*fakes, FakeProvider("dune")), check=True)
    assert {name: one.check for name, one in states.items()} == {
        "acme": "passed", "bolt": "failed", "cinder": "failed", "dune": "unsupported",
    }  # fmt: skip
    assert states["bolt"].check_reason == "the key is refused"
    assert KEY not in states["cinder"].check_reason
    assert {name: one.state for name, one in states.items()} == dict.fromkeys(states, "ready")


async def test_nobody_is_asked_unless_it_is_wanted(tmp_path: Path) -> None:
    acme = Asked("acme")
    states = await _states(tmp_path, _registry(acme))
    assert (acme.calls, states["acme"].check) == ([], None)


async def test_a_real_adapter_makes_its_free_call(tmp_path: Path) -> None:
    def answer(received: Received) -> Answer:
        refused = received.path != "/v1/organization"
        return Answer(status=404 if refused else 200, headers={"content-type": "application/json"}, body=b"{}")

    events: list[Event] = []
    async with LoopbackServer(answer) as server:
        config = {"runway": {"api_key": SecretStr(KEY), "base_url": SecretStr(server.origin)}}
        settings = Settings(home=tmp_path, providers=("runway",), provider_config=config)
        async with Studio(settings=settings, sinks=[events.append]) as studio:
            states = {one.name: one for one in await studio.providers(check=True)}
    assert (states["runway"].state, states["runway"].check) == ("ready", "passed")
    assert [(one.operation, one.outcome) for one in events if isinstance(one, ProviderCalled)] == [("check", "ok")]
    assert [one.path for one in server.received] == ["/v1/organization"]


def test_without_await_it_is_the_same(tmp_path: Path) -> None:
    with SyncStudio(settings=Settings(home=tmp_path), registry=_registry(FakeProvider("acme"))) as studio:
        [acme] = studio.providers()
    assert (acme.name, acme.state) == ("acme", "ready")


def test_the_command_lists_them_all(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWAYML_API_SECRET", KEY)
    said = command("providers", script="done")
    assert (said.code, said.err) == (0, "")
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in said.out.splitlines()}
    assert {"hunyuan", "kling", "local", "luma", "openrouter", "runway", "seedance", "sora", "veo", "wired"} == set(
        rows
    )
    assert rows["local"] == ["ready", "1", "-", "nexiom_sdk 0.1.0"]
    assert rows["runway"][0] == "ready"
    assert rows["runway"][2] == "standard, cinematic, ultra_realistic"
    assert "OPENROUTER_API_KEY is not set" in rows["openrouter"][0]
    assert rows["wired"] == ["ready", "1", "-", "wired 1.0"]
    assert KEY not in said.out


def test_on_a_terminal_the_reasons_stand_below_at_full_width() -> None:
    states = [
        ProviderState(name="hunyuan", state="not_set_up", reason="Hunyuan is not set up: it needs A_KEY."),
        ProviderState(name="acme", state="ready", models=3, tiers=("standard", "cinematic"), distribution="acme-video"),
        ProviderState(
            name="bolt", state="failing", reason="it is down", failing_until=datetime(2026, 11, 24, 8, 30, tzinfo=UTC),
            models=1, check="failed", check_reason="refused the key",
        ),
    ]  # fmt: skip
    console = Console(width=80, no_color=True)
    with console.capture() as said:
        console.print(listing_of(states, checked=True).view(80))
    assert [line.rstrip() for line in said.get().splitlines()] == [
        "provider  state       check   models  tiers  package",
        "hunyuan   not set up  -            -  -      -",
        "          it needs A_KEY.",
        "acme      ready       -            3  SC     acme-video",
        "bolt      failing     failed       1  -      -",
        "          until 08:30:00 UTC: it is down",
        "          check: refused the key",
        "tiers: S standard, C cinematic, U ultra_realistic.",
    ]
    assert listing_of(states, checked=True).rows[0].cells[1] == "not set up: it needs A_KEY."


def test_the_command_says_what_a_mistyped_name_was_probably_meant_to_be(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXIOM_PROVIDERS", "runwey, local")
    said = command("providers", "--json")
    runwey = next(one for one in said.lines if one["name"] == "runwey")
    assert (runwey["event"], runwey["state"]) == ("provider", "not_installed")
    assert "Did you mean 'runway'?" in str(runwey["reason"])


def test_the_command_asks_them_with_check(command: Command) -> None:
    said = command("providers", "--check", "--json", script="done")
    checks = {str(one["name"]): one["check"] for one in said.lines}
    assert (checks["local"], checks["wired"], checks["veo"]) == ("unsupported", "unsupported", None)
    plain = command("providers", "--check", script="done")
    [wired] = [line.split("\t") for line in plain.out.splitlines() if line.startswith("wired\t")]
    assert wired == ["wired", "ready", "has no free call", "1", "-", "wired 1.0"]


def test_jobs_show_lists_the_orders_of_a_job(command: Command, tmp_path: Path) -> None:
    def down() -> FakeProvider:
        fake = FakeProvider("acme")
        fake.refuse(ProviderUnavailable("no \x1b[31mroute\x1b[0m", retry_after_seconds=60))
        return fake

    async def ordered() -> str:
        from nexiom_sdk import VideoRequest

        registry = _registry(down(), FakeProvider("bolt").answer_at_once())
        policy = policy_over("acme/fake-1", "bolt/fake-1")
        async with Studio(settings=Settings(home=command.home), registry=registry, policy=policy, sinks=()) as studio:
            return (await studio.submit(VideoRequest(prompt="a fox"))).id

    job_id = asyncio.run(ordered())
    said = command("jobs", "show", job_id)
    orders = said.out.partition("\nOrders\n")[2].partition("\n\n")[0].splitlines()
    assert orders[0].startswith("  0  acme/fake-1  provider_unavailable, cost $0.00: no \ufffd[31mroute")
    assert orders[1].startswith("  1  bolt/fake-1  waiting for its turn, about $0.40")
    assert '"attempts"' not in said.out
    as_json = command("jobs", "show", job_id, "--json").lines[0]
    metadata = as_json["provider_metadata"]
    assert isinstance(metadata, dict)
    assert [one["provider"] for one in metadata["attempts"]] == ["acme"]  # type: ignore[index, union-attr, call-overload]
