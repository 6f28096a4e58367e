from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from nexiom_sdk.defects import REPORT, next_step, place_of
from nexiom_sdk.errors import PluginError


def test_a_place_is_the_file_and_the_line_that_raised() -> None:
    with pytest.raises(KeyError) as caught:
        _broken({"CANARY": 1})
    assert place_of(caught.value) == f" (test_defects.py, line {_broken.__code__.co_firstlineno + 1})"


def test_a_failed_import_is_told_by_who_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "importing_what_is_not_there.py").write_text("\nimport not_there_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError) as caught:
        importlib.import_module("importing_what_is_not_there")
    assert place_of(caught.value) == " (importing_what_is_not_there.py, line 2)"


def test_only_what_comes_with_the_library_is_reported_to_its_authors() -> None:
    assert {next_step(name) for name in ("local", "veo", "luma")} == {REPORT}
    assert next_step("acme") == PluginError.default_next_step


def _broken(values: dict[str, int]) -> int:
    return values["CANARIES"]
