"""What strangers' text may not carry into logs, errors and rows: keys, tokens, and the queries of signed addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"
_SHORTEST_SECRET = 6  # a shorter one would blank out ordinary words

_QUERY = re.compile(r"(?P<address>\b[a-z][a-z0-9+.-]*://[^\s\"'<>?#]*)[?#][^\s\"'<>]*", re.IGNORECASE)
_LOGIN = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/\"'<>@]+@", re.IGNORECASE)
_HEADER = re.compile(r"(?P<scheme>\b(?:bearer|basic)\s+)[^\s\"',;]+", re.IGNORECASE)
_TOKEN = re.compile(r"\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*|\bya29\.[\w.-]+")  # JWTs, and what Google gives for them


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets, known or recognisable.

    Args:
        text: What a stranger said.
        secrets: Values that are known to be secret.

    Example:
        >>> redact("no access to https://cdn.example/v.mp4?sig=abc with key-123456", ["key-123456"])
        'no access to https://cdn.example/v.mp4?*** with ***'
    """
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    text = _LOGIN.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _QUERY.sub(rf"\g<address>?{HIDDEN}", text)
    text = _HEADER.sub(rf"\g<scheme>{HIDDEN}", text)
    return _TOKEN.sub(HIDDEN, text)
