"""How errors speak: nearest words, validation errors as sentences, text of strangers made safe to print."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_LONGEST_TEXT = 2048
_LONGEST_WORD = 60
_MOST_DIGITS = 15
_OTHER_NAMES = {"4k": "2160p", "uhd": "2160p", "2k": "1440p", "fullhd": "1080p", "hd": "720p"}
_QUOTED = re.compile(r"'([^']*)'")


def nearest(word: str, allowed: Iterable[str], *, alike: float = 0.5) -> str | None:
    """The allowed word that `word` was probably meant to be, or None; of `alike`, 1 means the same letters.

    Example:
        >>> nearest("cinematc", ["standard", "cinematic"]), nearest("4K", ["1080p", "2160p"])
        ('cinematic', '2160p')
    """
    by_folded = {candidate.casefold(): candidate for candidate in allowed}
    said = _OTHER_NAMES.get(word.casefold().replace(" ", ""))
    if said in by_folded:
        return said
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=alike)
    return by_folded[found[0]] if found else None


def unknown(what: str, word: str, allowed: Sequence[str], *, alike: float = 0.5) -> str:
    """Say that a word is not known, which ones are, and which was probably meant.

    Example:
        >>> unknown("tier", "cinematc", ["standard", "cinematic"])
        "There is no tier 'cinematc'. Known: standard, cinematic. Did you mean 'cinematic'?"
    """
    guess = nearest(word, allowed, alike=alike)
    known = f" Known: {', '.join(allowed)}." if allowed else ""
    hint = f" Did you mean '{guess}'?" if guess else ""
    return f"There is no {what} '{printable(word, _LONGEST_WORD)}'.{known}{hint}"


def printable(text: str, longest: int = _LONGEST_TEXT) -> str:
    r"""Text of a stranger for one line of a terminal or a log: no control or bidi characters, cut to `longest`.

    Example:
        >>> printable("all good\x1b[31m")
        'all good\ufffd[31m'
    """
    head = " ".join(text[: longest + 1].split())
    safe = "".join("\ufffd" if unicodedata.category(c) in {"Cc", "Cf", "Cs"} and c != "\u200d" else c for c in head)
    return safe if len(text) <= longest else safe[: longest - 1] + "…"


def usd(amount: Decimal | None) -> str:
    """Dollars as people write them; `unknown` where no price is known.

    Example:
        >>> usd(Decimal("0.8400")), usd(Decimal("0.004")), usd(None)
        ('$0.84', '$0.004', 'unknown')
    """
    if amount is None:
        return "unknown"
    if not amount.is_finite() or amount.adjusted() > _MOST_DIGITS:
        return f"${amount:.3e}"  # no price, but somebody's value must not break the sentence that names it
    cents = amount.quantize(Decimal("0.01"))
    return f"${cents}" if cents == amount else f"${amount.normalize():f}"


def seconds(value: float) -> str:
    """Seconds without a needless `.0`.

    Example:
        >>> seconds(6.0), seconds(2.5)
        ('6 s', '2.5 s')
    """
    return f"{value:g} s"


def size(size_bytes: int) -> str:
    """Bytes as people write them.

    Example:
        >>> size(900), size(48_500), size(1023 * 1024**2), size(5 * 1024**3 + 2**29)
        ('900 bytes', '47.4 KiB', '1023 MiB', '5.5 GiB')
    """
    for power, unit in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size_bytes >= 1024**power:
            number = size_bytes / 1024**power
            return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"  # noqa: PLR2004 - three digits
    return f"{size_bytes} bytes"


def validation_sentences(error: ValidationError) -> str:
    """A pydantic error as sentences that name the field, the rule and the nearest match, never a prompt."""
    return " ".join(dict.fromkeys(map(_sentence, error.errors(include_url=False))))


def _sentence(problem: ErrorDetails) -> str:
    field = ".".join(str(part) for part in problem["loc"]) or "value"
    context = problem.get("ctx", {})
    match problem["type"]:
        case "value_error":
            # A value of ours inside another one has made its sentence already.
            return str(getattr(context["error"], "message", context["error"]))
        case "missing":
            return f"{field} is missing."
        case "extra_forbidden":
            return f"There is no field '{printable(field, _LONGEST_WORD)}'."
        case "literal_error" | "enum" if isinstance(problem["input"], str):
            return unknown(field, problem["input"], _QUOTED.findall(str(context["expected"])))
        case _:
            return f"{field}: {problem['msg'].replace('Input should', 'it should', 1)}."
