"""What the pages and the docstrings show is executed, and their tables say what the code says."""

from __future__ import annotations

import doctest
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from sybil import Document
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser
from typer.main import get_command

from nexiom_sdk import Settings, errors
from nexiom_sdk.cli.app import app
from nexiom_sdk.cli.exits import MEANINGS
from nexiom_sdk.errors import FAILURE_CODES, NexiomError
from nexiom_sdk.phases import Phase, may_move

E = TypeVar("E", bound=NexiomError)

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
SOURCES = sorted(file for file in (ROOT / "src").rglob("*.py") if ">>> " in file.read_text("utf-8"))


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of its own for each page: no keys, an empty home, a working folder with one picture."""
    from PIL import Image

    for variable in os.environ:
        if variable.startswith("NEXIOM_") or variable.endswith(("_KEY", "_SECRET", "_TOKEN", "_BASE_URL")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("NEXIOM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (640, 360), "steelblue").save(tmp_path / "fox.png")


def _run(document: Document) -> int:
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    return len(examples)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_the_python_on_this_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.name == "engines.md":  # it names the address and connects to nothing
        monkeypatch.setenv("NEXIOM_DATABASE_URL", "postgresql://127.0.0.1/nexiom")
    blocks = page.read_text("utf-8").count("```python")
    assert _run(Document.parse(str(page), PythonCodeBlockParser())) == blocks


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT / "src")))
def test_the_examples_in_these_docstrings_are_true(source: Path) -> None:
    parser = DocTestParser(doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    assert _run(PythonDocStringDocument.parse(str(source), parser))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_jobs_page_draws_the_state_machine_as_it_is() -> None:
    phases = {row[0].strip("`"): row for row in _rows("jobs.md", columns=4) if row[0].strip("`") in {*Phase}}
    documented = {name: {one for one in Phase if re.search(rf"\b{one}\b", row[3])} for name, row in phases.items()}
    assert documented == {one: {other for other in Phase if other != one and may_move(one, other)} for one in Phase}


def test_the_settings_page_has_every_setting_with_its_variable() -> None:
    documented = {row[0]: row[1] for row in _rows("settings.md", columns=3)}
    assert documented == {
        f"`{name}`": f"`{Settings.variables[name]}`" if name in Settings.variables else "none"
        for name in Settings.model_fields
    }


def test_the_errors_page_says_of_every_error_what_the_error_says_of_itself() -> None:
    documented = {row[0]: row[1:] for row in _rows("errors.md", columns=6)}
    assert documented == {
        f"`{kind.__name__}`": [
            f"`{kind.code}`",
            kind.default_charged or "-",
            _yes(FAILURE_CODES.get(kind.code) is kind),
            (kind.__doc__ or "").partition("\n")[0],
            kind.default_next_step,
        ]
        for kind in _all_errors(NexiomError)
    }


def test_the_providers_page_says_what_each_error_of_an_adapter_causes() -> None:
    documented = {row[0]: row[1:4] for row in _rows("providers.md", columns=5)}
    assert documented == {
        f"`{kind.__name__}`": [_yes(kind.retryable), _yes(kind.fallback), kind.default_charged or "-"]
        for kind in _all_errors(errors.ProviderError)
    }


def test_the_command_line_page_has_every_exit_code_with_its_meaning() -> None:
    documented = {
        int(row[0]): row[1].replace("`", "") for row in _rows("command-line.md", columns=2) if row[0].isdigit()
    }
    assert documented == MEANINGS


def test_the_command_line_page_has_every_command_with_its_options() -> None:
    request_options = {row[0].strip("`") for row in _rows("command-line.md", columns=2) if row[0].startswith("`--")}
    documented = {
        row[0].strip("`"): {*re.findall(r"`(--[a-z-]+)`", row[1]), *(request_options if "request" in row[1] else ())}
        for row in _rows("command-line.md", columns=3)
        if row[0].startswith("`nexiom")
    }
    assert documented == dict(_commands("nexiom", get_command(app)))


def _commands(name: str, command: object) -> Iterator[tuple[str, set[str]]]:
    """Each command that does something, with its long options; `--no-x` goes without saying."""
    inner: Mapping[str, object] = getattr(command, "commands", {})
    for word, one in inner.items():
        yield from _commands(f"{name} {word}", one)
    if not inner or getattr(command, "invoke_without_command", False):
        parameters: Sequence[object] = getattr(command, "params", ())
        yield name, {opt for one in parameters for opt in getattr(one, "opts", ()) if opt.startswith("--")}


def _rows(page: str, *, columns: int) -> list[list[str]]:
    """The rows of all tables of this many columns, without headings."""
    rows: list[list[str]] = []
    heading = True
    for line in (ROOT / "docs" / page).read_text("utf-8").splitlines():
        if not line.startswith("|"):
            heading = True
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if set(line) <= set("|-: "):
            heading = False
        elif not heading and len(cells) == columns:
            rows.append(cells)
    return rows


def _all_errors(base: type[E]) -> set[type[E]]:
    return {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, base)}


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
