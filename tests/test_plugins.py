from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from nexiom_sdk import plugins
from nexiom_sdk.errors import PluginError

GROUP = "nexiom_sdk.providers"


class _Package(Distribution):
    """An installed distribution that consists of what a test says."""

    def __init__(self, name: str | None, *entries: str, version: str = "1.0") -> None:
        self._files: Mapping[str, str] = {
            "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" if name else "",
            "entry_points.txt": f"[{GROUP}]\n" + "\n".join(entries) + "\n",
        }

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        return self._files.get(str(filename))

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        return Path("/nowhere", path)


def _points(*packages: Distribution) -> Iterable[EntryPoint]:
    return [point for package in packages for point in package.entry_points]


def _discovered(*packages: Distribution) -> Mapping[str, tuple[plugins.Plugin, ...]]:
    return plugins.discover(GROUP, found=_points(*packages))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path for real distributions; what is imported from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("plug_")]:
        del sys.modules[name]


def _installed(folder: Path, name: str, source: str = "Thing = int") -> plugins.Plugin:
    """A real distribution in a real folder, found the way `pip install` makes it found."""
    (folder / f"plug_{name}.py").write_text(source)
    info = folder / f"dist_{name}-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist-{name}\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = plug_{name}:Thing\n")
    return plugins.only(name, plugins.discover(GROUP)[name])


def test_a_plug_in_knows_its_package() -> None:
    plugin = plugins.only("acme", _discovered(_Package("nexiom-acme", "acme = a.b:C", version="3.1"))["acme"])
    assert (plugin.name, plugin.distribution, plugin.version, plugin.target) == ("acme", "nexiom-acme", "3.1", "a.b:C")
    assert plugin.origin == "nexiom-acme 3.1, a.b:C"


def test_twenty_plug_ins_are_listed_quickly_and_none_is_imported(folder: Path) -> None:
    for number in range(20):
        _installed(folder, f"p{number:02}")
    before, started = set(sys.modules), time.perf_counter()
    found = plugins.discover(GROUP)
    took = time.perf_counter() - started
    assert set(sys.modules) - before == set()
    assert len([name for name in found if name.startswith("p")]) == 20
    assert took < 3, "the figure to hold is 30 ms; the rest is for a busy machine"


def test_names_come_sorted() -> None:
    assert list(_discovered(_Package("one", "zeta = m:Z"), _Package("two", "alfa = m:A"))) == ["alfa", "zeta"]


@pytest.mark.parametrize("name", ["a", "A1", "1a", "a-b", "a.b", "ä1", "a" * 32, "acme\u202e"])
def test_what_is_not_a_name_is_left_out_and_said(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "nexiom_sdk"):
        found = _discovered(_Package("odd", f"{name} = m:A", "fine = m:B"))
    assert list(found) == ["fine"]
    [record] = caplog.records
    assert record.__dict__["action"] == "plugin_failed"
    assert "of odd is not a name" in record.message
    assert "\u202e" not in record.message


def test_the_longest_name_is_taken() -> None:
    assert list(_discovered(_Package("long", f"{'a' * 31} = m:A"))) == ["a" * 31]


def test_two_packages_with_one_name_are_an_error_only_when_it_is_used() -> None:
    found = _discovered(_Package("good", "acme = g:A"), _Package("evil", "acme = e:A", version="9"))
    with pytest.raises(PluginError, match=r"'acme': good 1\.0 and evil 9\."):
        plugins.only("acme", found["acme"])


def test_two_packages_that_hide_their_names_are_still_two() -> None:
    found = _discovered(_Package(None, "acme = g:A"), _Package(None, "acme = e:A"))
    with pytest.raises(PluginError, match=r"unknown unknown and unknown unknown"):
        plugins.only("acme", found["acme"])


def test_the_same_package_listed_twice_is_one() -> None:
    found = _discovered(_Package("nexiom-acme", "acme = new:A"), _Package("Nexiom.Acme", "acme = old:A", version="0"))
    assert plugins.only("acme", found["acme"]).target == "new:A"


@pytest.mark.parametrize("prefer", ["evil", "EVIL"])
def test_a_preferred_package_settles_it(prefer: str) -> None:
    found = _discovered(_Package("good", "acme = g:A"), _Package("evil", "acme = e:A"))
    assert plugins.only("acme", found["acme"], prefer=prefer).target == "e:A"


def test_another_package_than_the_preferred_one_is_not_taken() -> None:
    found = _discovered(_Package("evil", "acme = e:A"))
    with pytest.raises(PluginError, match=r"shall come from good, but comes from evil 1\.0"):
        plugins.only("acme", found["acme"], prefer="good")


def test_an_entry_point_without_a_package_is_taken() -> None:
    found = plugins.discover(GROUP, found=[EntryPoint("acme", "builtins:int", GROUP)])
    assert plugins.only("acme", found["acme"]).distribution == "unknown"
    assert plugins.load(plugins.only("acme", found["acme"])) is int


def test_a_plug_in_is_imported_when_it_is_used(folder: Path) -> None:
    plugin = _installed(folder, "acme", "class Thing: made_by = 'acme'")
    assert "plug_acme" not in sys.modules
    assert getattr(plugins.load(plugin), "made_by", None) == "acme"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('two\\nlines\\x1b[31m')", "RuntimeError: two lines\ufffd"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("Other = int", "AttributeError"),
    ],
)
def test_whatever_happens_on_import_is_told_with_its_origin(source: str, reason: str, folder: Path) -> None:
    with pytest.raises(PluginError) as caught:
        plugins.load(_installed(folder, "acme", source))
    assert reason in caught.value.message
    assert "'acme' (dist-acme 2.5, plug_acme:Thing)" in caught.value.message
    assert caught.value.__cause__ is not None


def test_a_target_that_makes_no_sense_is_told_too() -> None:
    found = plugins.discover(GROUP, found=[EntryPoint("acme", "not a target!", GROUP)])
    with pytest.raises(PluginError, match="not a target!"):
        plugins.load(plugins.only("acme", found["acme"]))


def test_ctrl_c_during_an_import_is_not_the_plug_ins_fault(folder: Path) -> None:
    plugin = _installed(folder, "acme", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.load(plugin)
