from __future__ import annotations

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.wording import nearest, printable, seconds, unknown, usd


@given(st.text(max_size=400), st.integers(10, 100))
def test_text_of_strangers_is_one_short_clean_line(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert len(shown) <= longest
    assert not any(unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} for one in shown)
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068") & set(shown)


def test_a_long_text_is_cut_with_a_mark() -> None:
    assert printable("x" * 50, 10) == "xxxxxxxxx…"


def test_emoji_sequences_stay_whole() -> None:
    assert printable("👩‍🚀") == "👩‍🚀"


def test_a_typo_finds_its_word_whatever_the_case() -> None:
    assert nearest("CINEMATIK", ["standard", "cinematic"]) == "cinematic"
    assert nearest("zzz", ["standard", "cinematic"]) is None


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    assert unknown("provider", "x\x1by", []) == "There is no provider 'x\ufffdy'."


def test_money_reads_like_money() -> None:
    assert [usd(Decimal(one)) for one in ("0", "1", "1.5", "0.0042", "1234.50")] == [
        "$0.00", "$1.00", "$1.50", "$0.0042", "$1234.50",
    ]  # fmt: skip


def test_seconds_have_no_needless_zeros() -> None:
    assert (seconds(6.0), seconds(0.5)) == ("6 s", "0.5 s")


@pytest.mark.parametrize("amount", ["1e26", "1e400", "-1e30", "NaN", "Infinity"])
def test_an_amount_that_is_no_price_breaks_no_sentence(amount: str) -> None:
    assert usd(Decimal(amount)).startswith("$")
