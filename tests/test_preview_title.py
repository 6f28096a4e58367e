from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, features

from made_fonts import made_font
from nexiom_sdk.preview.fonts import FontBook, installed
from nexiom_sdk.preview.letters import clean, clusters, words
from nexiom_sdk.preview.title import backdrop, caption, title_card, wording
from nexiom_sdk.preview.typeset import Setting, Typesetter

SIZES = [(1280, 720), (720, 1280), (720, 720), (1680, 720), (640, 360), (360, 840)]
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
ASTRONAUT = "\U0001f469\U0001f3fd\u200d\U0001f680"
PROMPTS = {
    "short": "a fox in snow",
    "one letter": "x",
    "60 KB": "An endless caravan of glass elephants crosses a desert of mirrors; " * 920,
    "one long word": "pneumono" * 625,
    "hebrew": "שועל בשלג, בשעה 12:30",
    "arabic": "ثعلب صغير يمشي في الثلج عند شروق الشمس",
    "arabic and latin": 'ثعلب في الثلج shot on "Kodak" 35mm (2024) مع موسيقى',
    "chinese": "一隻狐狸在雪地裡慢慢走過、電影感鏡頭。",
    "emoji": f"a fox {ASTRONAUT} in {FAMILY} snow \u2744\ufe0f 1\ufe0f\u20e3 \U0001f1eb\U0001f1ee",
    "only emoji": "\U0001f98a\U0001f98a",
    "marks": "nai\u0308ve cafe\u0301 Z\u0351\u036b\u0343\u0352\u0363\u0344a" + "\u0301" * 200,
    "a mark alone": "\u0301",
    "controls": "a\tfox\r\nin\x1b[31m\x7f snow\u2028\u0085",
    "bidi overrides": "a \u202efox\u202c \u2067in\u2069 \u200fsnow\u061c",
    "punctuation": "!!! ... ??? — ¿¡ «»",
    "joiners": "a\u200d\u200c" * 50,
    "blank letters": "\u3164\u2800\u115f",
    "variants": "\ufe0f\U000e0100",
    "unassigned": "a \U0010ffff \ue000 \u0378",
    "devanagari": "लोमड़ी बर्फ में",
}


@pytest.fixture(scope="module")
def book() -> FontBook:
    return installed()


def ink(image: Image.Image) -> tuple[int, int, int, int]:
    box = image.getchannel("A").getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_any_prompt_gives_a_card_and_nothing_is_cut_off(prompt: str, size: tuple[int, int], book: FontBook) -> None:
    card = title_card(prompt, wording(prompt, book), size, book)
    left, top, right, bottom = ink(card)
    edge = min(size) * 0.04
    assert card.size == size
    assert left > edge
    assert top > edge / 2
    assert right < size[0] - edge
    assert bottom < size[1] - edge


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_any_prompt_gives_a_caption_in_the_lower_third(prompt: str, size: tuple[int, int], book: FontBook) -> None:
    shown = wording(prompt, book)
    words_ = caption(shown, size, book).getchannel("A")
    bright = words_.point(lambda alpha: 255 if alpha > 200 else 0)
    middle = bright.crop((0, size[1] // 5, size[0], size[1] * 3 // 5))
    below = bright.crop((0, size[1] * 3 // 5, *size))
    assert middle.getbbox() is None
    assert (below.getbbox() is not None) is bool(shown.letters)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_no_text_breaks_the_card(prompt: str) -> None:
    shown = wording(prompt, installed())
    assert shown.letters or shown.warnings
    ink(title_card(prompt, shown, (160, 90), installed()))


def test_a_prompt_that_no_font_covers_gives_a_neutral_title_and_names_what_would_help() -> None:
    shown = wording("電影 in snow", FontBook([]))
    assert shown.letters == ()
    assert shown.warnings == (
        (
            "No installed font covers every character of the prompt (電 影); the title is neutral. "
            "Install a font such as Noto Sans CJK to see it."
        ),
    )
    assert "Noto Sans to see it" in wording("Жук", FontBook([])).warnings[0]


def test_the_warning_names_a_few_characters_and_hides_none_of_their_tricks() -> None:
    (warning,) = wording("電影狐狸雪地\U000e0041\ue000", FontBook([])).warnings
    assert "(電 影 狐 狸 雪 …)" in warning


def test_a_prompt_is_shown_when_fonts_cover_it_together(tmp_path: Path) -> None:
    chinese = made_font(tmp_path / "chinese.ttf", dict.fromkeys("電影", 900))
    book = FontBook([chinese])
    shown = wording("a fox 電影", book)
    assert "".join(shown.letters) == "a fox 電影"
    assert shown.warnings == ()
    neutral = title_card("x", wording("Ж", book), (640, 360), book)
    assert ImageChops.difference(title_card("x", shown, (640, 360), book), neutral).getbbox() is not None


def test_emoji_that_no_font_has_are_left_out_whole() -> None:
    shown = wording(f"a fox {ASTRONAUT} in snow {FAMILY}", FontBook([]))
    assert "".join(shown.letters) == "a fox in snow"
    (warning,) = shown.warnings
    assert warning.startswith("No installed font has")
    assert warning.endswith("the title leaves it out.")


def test_a_prompt_of_nothing_but_missing_emoji_is_neutral() -> None:
    assert wording("\U0001f98a", FontBook([])).letters == ()


@pytest.mark.parametrize("prompt", ["\u200d", "\ufe0f", "\u3164", "\u202e"])
def test_a_prompt_without_visible_characters_is_neutral_and_says_so(prompt: str) -> None:
    shown = wording(prompt, FontBook([]))
    assert shown.letters == ()
    assert shown.warnings == ("The prompt has no visible characters; the title is neutral.",)


@pytest.mark.parametrize("prompt", ["שועל", "fox ثعلب", "लोमड़ी", "e\u0301\u0327"])
def test_letters_that_must_be_joined_or_turned_are_neutral_where_nothing_can_do_it(prompt: str, tmp_path: Path) -> None:
    everything = made_font(tmp_path / "all.ttf", dict.fromkeys([*prompt, *clean(prompt)], 300))
    assert wording(prompt, FontBook([everything], shaping=False)).letters == ()
    assert "FriBiDi" in wording(prompt, FontBook([everything], shaping=False)).warnings[0]
    assert wording(prompt, FontBook([everything], shaping=True)).letters


def test_without_a_shaper_no_joiner_is_left_to_be_drawn_as_a_box() -> None:
    assert wording("a\u200db\u200cc", FontBook([], shaping=False)).letters == ("a", "b", "c")


def test_accents_are_composed_so_that_simple_fonts_have_them(tmp_path: Path) -> None:
    font = made_font(tmp_path / "latin.ttf", dict.fromkeys("café", 300))
    assert "".join(wording("cafe\u0301", FontBook([font])).letters) == "café"


def test_control_and_direction_characters_are_taken_out() -> None:
    assert clean(PROMPTS["controls"]) == "a fox in [31m snow"
    assert clean(PROMPTS["bidi overrides"]) == "a fox in snow"


def test_marks_on_one_letter_are_bounded() -> None:
    assert clusters("a" + "\u0301" * 200) == ["a" + "\u0301" * 4]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a fox, e.g.", ["a", " fox,", " e.g."]),
        ("電影。（雪）", ["電", "影。", "（雪）"]),
        ("カメラワーク", ["カ", "メ", "ラ", "ワー", "ク"]),
        ("눈 속을", ["눈", " 속을"]),
        ("fox電影fox", ["fox", "電", "影", "fox"]),
        ("", []),
    ],
)
def test_lines_break_where_the_script_allows_it(text: str, expected: list[str]) -> None:
    assert ["".join(word) for word in words(clusters(text))] == expected


def setter(letters: Sequence[str], book: FontBook) -> Typesetter:
    found = book.covering([*letters, "…"])
    return Typesetter({letter: font for letter, font in found.items() if font}, shaping=book.shaping)


def columns(letters: Sequence[str], book: FontBook, width: int = 400) -> list[int]:
    """Widths of the bars that a line of a made font leaves, from left to right, to the nearest 5."""
    mask = Image.new("L", (width, 60))
    setter(letters, book).draw(mask, Setting((tuple(letters),), 50.0), left=0, top=5, width=width)
    row = [mask.getpixel((x, 40)) for x in range(width)]
    runs = itertools.groupby(row, key=lambda grey: isinstance(grey, int) and grey > 127)
    return [5 * round(len(list(run)) / 5) for dark, run in runs if dark]


@pytest.mark.parametrize("prompt", ["60 KB", "one long word"])
def test_a_very_long_prompt_is_cut_at_the_smallest_size_with_an_ellipsis(prompt: str, book: FontBook) -> None:
    letters = wording(PROMPTS[prompt], book).letters
    assert letters[-1] == "…"
    typesetter = setter(letters, book)
    setting = typesetter.fit(letters, width=600, height=300, largest=60, smallest=30, most_lines=5)
    assert setting.pixels == 30
    assert len(setting.lines) == 5
    assert setting.lines[-1][-1] == "…"
    assert typesetter.length(setting) <= 600


def test_the_type_is_as_large_as_fits_and_no_word_is_broken_for_it(book: FontBook) -> None:
    sizes = []
    for text in ("fox", "a fox in deep snow", "internationalisation", "a fox in snow " * 9):
        letters = clusters(clean(text))
        setting = setter(letters, book).fit(letters, width=600, height=300, largest=90, smallest=20, most_lines=6)
        assert " ".join("".join(line) for line in setting.lines) == clean(text)
        assert setting.height <= 300
        sizes.append(setting.pixels)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 90


def test_lines_are_balanced(book: FontBook) -> None:
    letters = clusters("one two three four five six seven")
    typesetter = setter(letters, book)
    setting = typesetter.fit(letters, width=380, height=200, largest=40, smallest=40, most_lines=3)
    lengths = [typesetter.length(Setting((line,), 40)) for line in setting.lines]
    assert len(lengths) == 2
    assert min(lengths) > 0.6 * max(lengths)


def test_a_line_in_several_fonts_stands_in_reading_order(tmp_path: Path) -> None:
    one = made_font(tmp_path / "one.ttf", {"a": 100, "c": 500})
    two = made_font(tmp_path / "two.ttf", {"電": 900})
    assert columns("a電c", FontBook([one, two])) == [5, 45, 25]


@pytest.mark.skipif(not features.check("raqm"), reason="letters cannot be turned here")
def test_hebrew_stands_from_right_to_left_also_across_fonts(tmp_path: Path) -> None:
    one = made_font(tmp_path / "one.ttf", {"א": 100, "ב": 300, "a": 500, "b": 700})
    two = made_font(tmp_path / "two.ttf", {"ג": 900})
    book = FontBook([one, two])
    assert columns("אב", book) == [15, 5]
    assert columns("אבגא", book) == [5, 45, 15, 5]
    assert columns("אabב", book) == [15, 25, 35, 5]
    assert columns("aאבb", book) == [25, 15, 5, 35]


def test_right_to_left_text_stands_at_the_right_edge(book: FontBook) -> None:
    if not book.shaping:
        pytest.skip("letters cannot be turned here")
    size = (1280, 720)
    hebrew = ink(title_card("x", wording("שועל", book), size, book))
    latin = ink(title_card("x", wording("fox", book), size, book))
    assert hebrew[2] > 1100
    assert latin[2] < 700


def test_the_same_prompt_has_the_same_colours_and_another_has_others() -> None:
    def colours(prompt: str) -> list[tuple[int, ...]]:
        small = backdrop(prompt, 64).resize((2, 2), Image.Resampling.BOX)
        return [pixel for pixel in small.get_flattened_data() if isinstance(pixel, tuple)]

    def distance(one: str, two: str) -> int:
        return max(
            abs(a - b) for p, q in zip(colours(one), colours(two), strict=True) for a, b in zip(p, q, strict=True)
        )

    assert distance("a fox", "a fox") <= 4  # the grain differs
    assert distance("a fox", "a bear") > 12


def test_the_badge_and_the_footer_say_preview_in_any_font(tmp_path: Path) -> None:
    chinese = FontBook([made_font(tmp_path / "chinese.ttf", {"電": 900})])
    shown = wording("電", chinese)
    badge = caption(shown, (640, 360), chinese).crop((0, 0, 640, 90)).getchannel("A")
    assert any(badge.histogram()[240:])
    footer = title_card("電", shown, (640, 360), chinese).crop((0, 290, 640, 360)).getchannel("A")
    assert footer.getbbox() is not None
