from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest
from pydantic import SecretStr

from nexiom_sdk.errors import MissingCredentials, PluginError, UnknownProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider

PLUGIN = """
from nexiom_sdk.testing import FakeProvider

class {kind}(FakeProvider):
    config_env = {{"api_key": "{kind}_KEY"}}
    def __init__(self, config, *, http=None):
        super().__init__("{name}")
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("plug_"):
            del sys.modules[name]


def _package(folder: Path, name: str, source: str | None = None, *, by: str | None = None) -> None:
    """An installed distribution with one provider, as pip leaves it."""
    by = by or f"nexiom-{name}"
    module = f"plug_{by.replace('-', '_')}"
    (folder / f"{module}.py").write_text(PLUGIN.format(kind="Provider", name=name) if source is None else source)
    info = folder / f"{by.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {by}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[nexiom_sdk.providers]\n{name} = {module}:Provider\n")


def _registry(folder: Path, **how: object) -> ProviderRegistry:
    points: list[EntryPoint] = []
    for distribution in Distribution.discover(path=[str(folder)]):
        points += distribution.entry_points
    return ProviderRegistry(entry_points=points, **how)  # type: ignore[arg-type]


def test_twenty_plug_ins_are_listed_and_none_is_imported(packages: Path) -> None:
    for number in range(20):
        _package(packages, f"p{number:02}")
    registry = _registry(packages)
    assert len(registry.names()) == 20
    assert not any(name.startswith("plug_") for name in sys.modules)


def test_a_plug_in_is_imported_on_first_use(packages: Path) -> None:
    _package(packages, "acme")
    assert _registry(packages).create("acme", {}).name == "acme"


def test_a_broken_plug_in_is_named_and_the_others_work(packages: Path) -> None:
    _package(packages, "acme")
    _package(packages, "broken", "import no_such_module")
    registry = _registry(packages)
    with pytest.raises(
        PluginError, match=r"'broken' \(nexiom-broken 1.0, plug_nexiom_broken:Provider\).*no_such_module"
    ):
        registry.create("broken", {})
    assert registry.create("acme", {}).name == "acme"


def test_two_packages_with_one_name_are_both_named_and_neither_is_used(packages: Path) -> None:
    _package(packages, "acme")
    _package(packages, "acme", by="evil-acme")
    with pytest.raises(PluginError, match=r"(evil|nexiom)-acme 1\.0 and (evil|nexiom)-acme 1\.0"):
        _registry(packages).create("acme", {})


def test_an_unknown_name_is_answered_with_the_nearest(packages: Path) -> None:
    _package(packages, "acme")
    with pytest.raises(UnknownProvider, match="Did you mean 'acme'"):
        _registry(packages).create("akme", {})


def test_a_name_that_is_not_allowed_says_where_to_allow_it(packages: Path) -> None:
    _package(packages, "acme")
    _package(packages, "bolt")
    registry = _registry(packages, allow=("bolt",))
    assert registry.names() == ("bolt",)
    with pytest.raises(UnknownProvider, match="NEXIOM_PROVIDERS"):
        registry.create("acme", {})


def test_the_declared_variables_are_read_from_the_class(packages: Path) -> None:
    _package(packages, "acme")
    assert _registry(packages).config_env("acme") == {"api_key": "Provider_KEY"}


def _made_by(make: object) -> ProviderRegistry:
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", make)  # type: ignore[arg-type]
    return registry


class _NoPoll:
    protocol_version, name, models, submission_recovery = 1, "acme", (), "key"

    async def submit(self) -> None: ...
    async def fetch(self) -> None: ...
    async def aclose(self) -> None: ...


def _other_version(config: object, *, http: object = None) -> FakeProvider:
    fake = FakeProvider("acme")
    fake.protocol_version = 99
    return fake


def _no_cards(config: object, *, http: object = None) -> FakeProvider:
    return FakeProvider("acme", models=("fake-1",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_other_version, "protocol version 99"),
        (_no_cards, "not ModelCards"),
        (lambda config, http=None: _NoPoll(), "lacks poll"),
        (lambda config, http=None: FakeProvider("other"), "calls itself 'other'"),
        (lambda config, http=None: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_does_not_fit_the_protocol_is_refused(make: object, says: str) -> None:
    with pytest.raises(PluginError, match=says):
        _made_by(make).create("acme", {})


def test_a_missing_key_is_said_as_the_adapter_says_it() -> None:
    def make(config: object, *, http: object = None) -> FakeProvider:
        raise MissingCredentials("Set ACME_API_KEY.")

    with pytest.raises(MissingCredentials, match="ACME_API_KEY"):
        _made_by(make).create("acme", {})


def test_a_secret_is_in_no_error() -> None:
    def make(config: Mapping[str, SecretStr], *, http: HttpOptions | None = None) -> FakeProvider:
        raise ValueError(config["api_key"].get_secret_value())

    with pytest.raises(PluginError) as caught:
        _made_by(make).create("acme", {"api_key": SecretStr("CANARY-KEY")})
    assert "CANARY-KEY" not in f"{caught.value} {caught.value!r}"


def test_a_name_is_registered_once() -> None:
    registry = _made_by(_other_version)
    with pytest.raises(PluginError, match="already"):
        registry.register("acme", _other_version)


def test_our_own_provider_comes_through_the_same_door() -> None:
    registry = ProviderRegistry()
    assert "local" in registry.names()
    assert registry.create("local", {}).models[0].model == "preview"
