"""Objects in JSON, read from what nobody has promised: an answer, a refusal, a token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast


def fields(value: object) -> Mapping[str, object]:
    """The fields of an object of JSON; none where it is something else.

    Example:
        >>> fields({"public": True}), fields(["public"])
        ({'public': True}, {})
    """
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def read_fields(text: str | bytes) -> Mapping[str, object]:
    """The same of a text; none where it is no JSON.

    Example:
        >>> read_fields('{"public": true}'), read_fields("<html>")
        ({'public': True}, {})
    """
    try:
        return fields(json.loads(text))
    except (ValueError, RecursionError):
        return {}
