from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from made_fonts import made_font
from nexiom_sdk.preview import fonts
from nexiom_sdk.preview.fonts import Font, FontBook, installed


@pytest.fixture
def fresh() -> Iterator[None]:
    installed.cache_clear()
    yield
    installed.cache_clear()


def test_the_first_font_that_has_a_character_is_taken(tmp_path: Path) -> None:
    one = made_font(tmp_path / "one.ttf", {"a": 300})
    two = made_font(tmp_path / "two.ttf", {"a": 300, "電": 900})
    assert FontBook([one, two]).covering("a電b☃") == {"a": Font(one), "電": Font(two), "b": Font(), "☃": None}


def test_a_cluster_is_covered_only_by_a_font_that_has_all_of_it(tmp_path: Path) -> None:
    base = made_font(tmp_path / "base.ttf", {"ж": 300})
    whole = made_font(tmp_path / "whole.ttf", {"ж": 300, "\u0301": 80})
    assert FontBook([base]).covering(["ж\u0301"]) == {"ж\u0301": None}
    assert FontBook([base, whole]).covering(["ж\u0301"]) == {"ж\u0301": Font(whole)}


def test_a_font_of_last_resort_covers_nothing(tmp_path: Path) -> None:
    last = made_font(tmp_path / "last.ttf", {"ж": 300}, placeholders="電\u0378")
    assert FontBook([last]).covering(["ж", "電"]) == {"ж": None, "電": None}


def test_a_character_without_ink_is_not_covered(tmp_path: Path) -> None:
    assert FontBook([made_font(tmp_path / "blank.ttf", {"ж": 0})]).covering(["ж"]) == {"ж": None}


def test_what_needs_no_ink_is_covered_by_every_font(tmp_path: Path) -> None:
    font = made_font(tmp_path / "one.ttf", {"a": 300})
    assert FontBook([font]).covering([" ", "a\u200d"]) == {" ": Font(font), "a\u200d": Font(font)}


def test_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"\0\1\0\0 nothing")
    assert FontBook([broken, tmp_path / "absent.ttf"]).covering(["a"]) == {"a": Font()}


def test_what_is_known_is_forgotten_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_MOST_KNOWN", 3)
    book = FontBook([])
    for text in ("abcdef", "ghijkl", "a"):
        assert set(book.covering(text)) == set(text)
    assert set(book._known) == {"a"}


@pytest.mark.usefixtures("fresh")
def test_plain_sans_fonts_come_before_styled_and_other_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = ["aa/Zilla-Bold.otf", "aa/Zilla.otf", "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansThai-Regular.TTC"]
    for name in [*names, "readme.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setenv("PREVIEW_FONTS", str(tmp_path))
    monkeypatch.setattr(fonts, "_FOLDERS", ("${PREVIEW_FONTS}", "${NOT_SET}/fonts"))
    found = [font.file.name for font in installed()._fonts if font.file]
    assert found == [
        "NotoSans-Regular.ttf", "DejaVuSans.ttf", "Zilla.otf", "NotoSansThai-Regular.TTC", "Zilla-Bold.otf"
    ]  # fmt: skip


@pytest.mark.usefixtures("fresh")
def test_the_folders_are_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "_FOLDERS", (str(tmp_path),))
    assert installed() is installed()
