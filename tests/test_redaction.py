from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.redaction import HIDDEN, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://cdn.example/v.mp4?sig=abc&x=1 now", f"see https://cdn.example/v.mp4?{HIDDEN} now"),
        ('{"url":"https://cdn.example/v.mp4?sig=abc"}', f'{{"url":"https://cdn.example/v.mp4?{HIDDEN}"}}'),
        ("https://cdn.example/v.mp4#token=abc", f"https://cdn.example/v.mp4?{HIDDEN}"),
        ("no access for postgres://me:secret@db/x", f"no access for postgres://{HIDDEN}@db/x"),
        ("sent Authorization: Bearer sk-123", f"sent Authorization: Bearer {HIDDEN}"),
        ("basic dXNlcjpwYXNz", f"basic {HIDDEN}"),
        ("token eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl!", f"token {HIDDEN}!"),
        ("token ya29.a0Af_x-1 given", f"token {HIDDEN} given"),
        ("https://cdn.example/v.mp4 is plain", "https://cdn.example/v.mp4 is plain"),
        ("is it 5 s? yes", "is it 5 s? yes"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_and_nothing_else(text: str, expected: str) -> None:
    assert redact(text) == expected


@given(st.text(), st.text(st.characters(exclude_characters="*"), min_size=6), st.text())
def test_a_known_secret_never_survives(before: str, secret: str, after: str) -> None:
    assert secret not in redact(before + secret + after, [secret])


def test_a_very_short_value_is_no_secret_or_words_would_vanish() -> None:
    assert redact("a fox in snow", ["in", ""]) == "a fox in snow"


@given(st.text())
def test_it_takes_any_text(text: str) -> None:
    assert isinstance(redact(text, ["secret-value"]), str)
