from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import TypeAlias, cast

import pytest
from pydantic import SecretStr

from nexiom_sdk.errors import MissingCredentials, PluginError, UnknownProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.registry import ProviderFactory, ProviderRegistry, ProviderReport
from nexiom_sdk.testing import FakeProvider

Config: TypeAlias = Mapping[str, str | SecretStr]

CANARY = "CANARY-KEY-4711"

PLUGIN = """
from nexiom_sdk.testing import FakeProvider

class Provider(FakeProvider):
    config_env = {{"api_key": "{name}_KEY"}}
    def __init__(self, config, *, http=None):
        super().__init__("{name}")
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path for plug-ins; what is imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("plug_")]:
        del sys.modules[name]


def _package(folder: Path, name: str, source: str | None = None, *, by: str | None = None) -> None:
    """An installed distribution with one provider, as pip leaves it."""
    by = by or f"nexiom-{name}"
    module = f"plug_{by.replace('-', '_')}"
    (folder / f"{module}.py").write_text(PLUGIN.format(name=name) if source is None else source)
    info = folder / f"{by.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {by}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[nexiom_sdk.providers]\n{name} = {module}:Provider\n")


def _points(folder: Path) -> list[EntryPoint]:
    return [point for package in Distribution.discover(path=[str(folder)]) for point in package.entry_points]


def _registry(folder: Path) -> ProviderRegistry:
    return ProviderRegistry(entry_points=_points(folder))


def test_twenty_plug_ins_are_listed_and_nothing_is_imported(packages: Path) -> None:
    for number in range(20):
        _package(packages, f"p{number:02}")
    points, before = _points(packages), set(sys.modules)
    assert len(ProviderRegistry(entry_points=points).names()) == 20
    assert set(sys.modules) == before


def test_a_plug_in_is_imported_on_first_use_and_kept(packages: Path) -> None:
    _package(packages, "acme")
    registry = _registry(packages)
    assert registry.create("acme", {}).name == "acme"
    del sys.modules["plug_nexiom_acme"]
    (packages / "plug_nexiom_acme.py").write_text("raise RuntimeError('imported again')")
    assert registry.create("acme", {}).name == "acme"


def test_registries_share_nothing(packages: Path) -> None:
    _package(packages, "acme")
    first, second = _registry(packages), _registry(packages)
    first.register("bolt", _makes(FakeProvider("bolt")))
    assert (first.names(), second.names()) == (("acme", "bolt"), ("acme",))


def test_a_broken_plug_in_is_named_and_the_others_work(packages: Path) -> None:
    _package(packages, "acme")
    _package(packages, "broken", "import no_such_module")
    registry = _registry(packages)
    with pytest.raises(
        PluginError, match=r"'broken' \(nexiom-broken 1\.0, plug_nexiom_broken:Provider\).*no_such_module"
    ):
        registry.create("broken", {})
    assert registry.create("acme", {}).name == "acme"


def test_two_packages_with_one_name_are_both_named_and_neither_is_used(packages: Path) -> None:
    _package(packages, "acme")
    _package(packages, "acme", by="evil-acme")
    _package(packages, "bolt")
    registry = _registry(packages)
    with pytest.raises(PluginError, match=r"(evil|nexiom)-acme 1\.0 and (evil|nexiom)-acme 1\.0"):
        registry.create("acme", {})
    assert not any(name.endswith("_acme") for name in sys.modules if name.startswith("plug_"))
    assert registry.create("bolt", {}).name == "bolt"


def test_a_preferred_package_settles_a_conflict(packages: Path) -> None:
    _package(packages, "acme")
    _package(packages, "acme", "raise RuntimeError", by="evil-acme")
    registry = ProviderRegistry(entry_points=_points(packages), prefer={"acme": "nexiom_acme"})
    assert registry.create("acme", {}).name == "acme"


def test_an_unknown_name_is_answered_with_the_nearest(packages: Path) -> None:
    _package(packages, "acme")
    with pytest.raises(UnknownProvider, match=r"Known: acme\. Did you mean 'acme'"):
        _registry(packages).create("akme", {})


@pytest.mark.parametrize("use", [lambda registry: registry.create("acme", {}), lambda r: r.config_env("acme")])
def test_a_name_that_is_left_out_says_where(packages: Path, use: Callable[[ProviderRegistry], object]) -> None:
    _package(packages, "acme", "raise RuntimeError('imported')")
    _package(packages, "bolt")
    registry = ProviderRegistry(entry_points=_points(packages), allow=("bolt", "not_there"))
    assert registry.names() == ("bolt",)
    with pytest.raises(UnknownProvider, match="NEXIOM_PROVIDERS leaves it out"):
        use(registry)


def _makes(provider: object, **facts: object) -> ProviderFactory:
    """A factory of exactly this object, with some of its members changed."""
    for name, value in facts.items():
        setattr(provider, name, value)

    def make(config: Config, /, *, http: HttpOptions | None = None) -> object:
        return provider

    return cast("ProviderFactory", make)


def _with(name: str, factory: ProviderFactory) -> ProviderRegistry:
    registry = ProviderRegistry(entry_points=[])
    registry.register(name, factory)
    return registry


def test_the_declared_variables_are_read_from_the_class(packages: Path) -> None:
    _package(packages, "acme")
    assert _registry(packages).config_env("acme") == {"api_key": "acme_KEY"}
    assert _with("bolt", _makes(FakeProvider("bolt"))).config_env("bolt") == {}


@pytest.mark.parametrize("declared", [None, "API_KEY", {"api_key": 1}, ["API_KEY"]])
def test_variables_that_are_no_mapping_of_words_are_refused(declared: object) -> None:
    factory = _makes(FakeProvider("acme"))
    factory.config_env = declared  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="config_env"):
        _with("acme", factory).config_env("acme")


@pytest.mark.parametrize("declared", ["key", [1], [["key", 2]], {"key": "x"}, None])
def test_credential_sets_that_are_none_are_refused(declared: object) -> None:
    factory = _makes(FakeProvider("acme"))
    factory.credential_sets = declared  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="credential_sets"):
        _with("acme", factory).declared("acme")


def test_what_an_adapter_reads_besides_is_declared_on_its_class() -> None:
    factory = _makes(FakeProvider("acme"))
    factory.config_env_also = {"OLD_KEY": "key"}  # type: ignore[attr-defined]
    factory.credential_sets = (("key",), ["id", "secret"])  # type: ignore[attr-defined]
    found = _with("acme", factory).declared("acme")
    assert (found.config_env, found.config_env_also) == ({}, {"OLD_KEY": "key"})
    assert [*map(list, found.credential_sets)] == [["key"], ["id", "secret"]]


def test_the_factory_gets_configuration_and_options() -> None:
    got: list[object] = []

    def make(config: Config, /, *, http: HttpOptions | None = None) -> FakeProvider:
        got.extend((config, http))
        return FakeProvider("acme")

    config, options = {"api_key": SecretStr(CANARY)}, HttpOptions()
    _with("acme", make).create("acme", config, http=options)
    assert got == [config, options]


class _Bare:
    """Everything that is required, and nothing else: it cannot look orders up."""

    protocol_version, name, models, submission_recovery = 1, "acme", (), "lookup"
    submit = poll = fetch = aclose = FakeProvider.aclose


class _NoPoll:
    protocol_version, name, models, submission_recovery = 1, "acme", (), "key"
    submit = fetch = aclose = FakeProvider.aclose


class _Moody(FakeProvider):
    @property
    def models(self) -> tuple[()]:
        raise LookupError(CANARY)

    @models.setter
    def models(self, value: object) -> None: ...


@pytest.mark.parametrize(
    ("provider", "facts", "says"),
    [
        (FakeProvider("acme"), {"protocol_version": 99}, "speaks protocol version 99; this library speaks 1: upgrade"),
        (FakeProvider("acme"), {"protocol_version": CANARY}, "names no protocol version"),
        (FakeProvider("acme"), {"models": ("fake-1",)}, "not ModelCards"),
        (FakeProvider("acme"), {"submission_recovery": "maybe"}, "none of key, lookup, none"),
        (FakeProvider(CANARY), {}, "has another name"),
        (_NoPoll(), {}, "lacks poll"),
        (_Bare(), {}, r"has no find\(\)"),
        (_Moody("acme"), {}, r"LookupError in test_registry\.py, line \d+"),
        (CANARY, {}, "names no protocol version"),
        (None, {}, "names no protocol version"),
    ],
)
def test_what_does_not_fit_the_protocol_is_refused(provider: object, facts: Mapping[str, object], says: str) -> None:
    with pytest.raises(PluginError, match=says) as caught:
        _with("acme", _makes(provider, **facts)).create("acme", {"api_key": SecretStr(CANARY)})
    assert CANARY not in str(caught.value)


def test_a_factory_with_another_signature_is_told_how_it_is_called() -> None:
    with pytest.raises(PluginError, match=r"TypeError in registry\.py.*called with \(config, http=options\)"):
        _with("acme", cast("ProviderFactory", lambda: FakeProvider("acme"))).create("acme", {})


@pytest.mark.parametrize(
    "source",
    [
        "class Provider: protocol_version = 99",
        "Provider = 'not callable'",
        "class Provider:\n  def __init__(self, config, *, http=None): raise SystemExit(1)",
    ],
)
def test_every_refusal_names_the_package(source: str, packages: Path) -> None:
    _package(packages, "acme", source)
    with pytest.raises(PluginError, match=r"'acme' \(nexiom-acme 1\.0, plug_nexiom_acme:Provider\)"):
        _registry(packages).create("acme", {})


def test_a_missing_key_is_said_as_the_adapter_says_it() -> None:
    said = MissingCredentials("Set ACME_API_KEY.")

    def make(config: Config, /, *, http: HttpOptions | None = None) -> FakeProvider:
        raise said

    with pytest.raises(MissingCredentials) as caught:
        _with("acme", make).create("acme", {})
    assert caught.value is said


def test_a_secret_is_in_no_error_no_cause_and_no_traceback() -> None:
    def make(config: Config, /, *, http: HttpOptions | None = None) -> FakeProvider:
        key = config["api_key"]
        assert isinstance(key, SecretStr)
        try:
            int(key.get_secret_value())
        except ValueError as error:
            raise RuntimeError(f"bad key {key.get_secret_value()}") from error
        return FakeProvider("acme")

    registry = _with("acme", make)
    config: Config = {"api_key": SecretStr(CANARY), "region": CANARY}
    with pytest.raises(PluginError, match="RuntimeError") as caught:
        registry.create("acme", config)
    error = caught.value
    told = f"{error} {error!r} {error.cause} {error.__context__!r} {''.join(traceback.format_exception(error))}"
    assert CANARY not in told + repr(registry) + repr(vars(registry))


def test_a_name_is_registered_once_unless_it_is_replaced(packages: Path) -> None:
    _package(packages, "acme", "raise RuntimeError")
    registry, ours = _registry(packages), FakeProvider("acme")
    with pytest.raises(PluginError, match="already"):
        registry.register("acme", _makes(ours))
    registry.register("acme", _makes(ours), replace=True)
    assert registry.create("acme", {}) is ours


def test_the_report_shows_each_provider_as_it_is(packages: Path) -> None:
    _package(packages, "acme")
    _package(packages, "broken", "raise RuntimeError('on purpose')")
    _package(packages, "future", "class Provider: protocol_version = 2")
    _package(packages, "twice", by="one")
    _package(packages, "twice", by="two")
    registry = _registry(packages)
    registry.register("ours", _makes(FakeProvider("ours")))
    reports = {one.name: one for one in registry.report()}
    assert list(reports) == ["acme", "broken", "future", "ours", "twice"]
    assert reports["acme"] == ProviderReport(
        name="acme", state="ok", distribution="nexiom-acme", version="1.0", config_env={"api_key": "acme_KEY"}
    )
    assert reports["ours"] == ProviderReport(name="ours", state="ok")
    assert [reports[name].state for name in ("broken", "future", "twice")] == ["broken", "broken", "conflict"]
    assert "on purpose" in reports["broken"].reason
    assert "protocol version 2" in reports["future"].reason
    assert "one 1.0" in reports["twice"].reason
    assert "two 1.0" in reports["twice"].reason


def test_our_own_provider_comes_through_the_same_door() -> None:
    registry = ProviderRegistry()
    assert "local" in registry.names()
    assert registry.create("local", {}).models[0].model == "preview"
