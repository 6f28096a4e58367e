"""What a provider says an order cost: read to the digit, believed within reason, and kept as it was written.

A bill is a detail: whatever stands in its place, the video it is about is not lost.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Self

from pydantic import JsonValue

from nexiom_sdk.errors import Charged
from nexiom_sdk.providers.wire import Body
from nexiom_sdk.wording import printable

_MOST = 10**9  # of any unit, for one video
_MOST_PLACES = 60  # behind the point: a number that is written out must stay short
_LONGEST = 100
_LONGEST_INT = 15  # digits that every reader of JSON keeps
_PLAIN = re.compile(r"[0-9]{1,40}(\.[0-9]{1,60})?")


class Exact(Body):
    """Base of the models of replies with money in them: their numbers are read from the text, not as binary floats.

    So a number that no float holds is only a strange number, and the rest of the body can still be read.

    Example:
        >>> class Bill(Exact):
        ...     cost: object = None
        >>> Bill.of_json(b'{"cost": 0.1000000000000000000001}').cost, Bill.of_json(b'{"cost": 1e400}').cost
        (Decimal('0.1000000000000000000001'), Decimal('1E+400'))
    """

    @classmethod
    def of_json(cls, body: bytes) -> Self:
        """What these bytes say."""
        try:
            said = json.loads(body, parse_float=_number, parse_int=_whole, parse_constant=str)
        except (ValueError, RecursionError):
            return super().of_json(body)  # which says what is wrong with them
        return cls.model_validate(said)


def amount(said: object) -> Decimal | None:
    """A figure of a bill as a number; None for what cannot be one.

    Args:
        said: What stands in its place: a number, or the same as a text.

    Example:
        >>> amount(Decimal("0.40")), amount("6"), amount(-1), amount("free"), amount(True)
        (Decimal('0.40'), Decimal('6'), None, None, None)
    """
    match said:
        case bool() | float():
            return None
        case int() | Decimal():
            value = Decimal(said)
        case str() if _PLAIN.fullmatch(said):
            value = Decimal(said)
        case _:
            return None
    exponent = value.as_tuple().exponent
    fits = isinstance(exponent, int) and exponent >= -_MOST_PLACES and 0 <= value <= _MOST
    return value.copy_abs() if fits else None  # -0 is 0


def written(**said: object) -> dict[str, JsonValue]:
    """Figures as the provider wrote them, in a form that every store keeps: fractions as texts, to the digit.

    Args:
        said: What it wrote, by its names for it; what is null or no single figure is left out.

    Example:
        >>> written(credits=60, cost=Decimal("0.40"), is_byok=False, price="free", tax=None)
        {'credits': 60, 'cost': '0.40', 'is_byok': False, 'price': 'free'}
    """
    kept: dict[str, JsonValue] = {}
    for name, value in said.items():
        match value:
            case bool():
                kept[name] = value
            case int() if abs(value) < 10**_LONGEST_INT:
                kept[name] = value
            case float() if math.isfinite(value):
                kept[name] = value
            case str() | int() | float() | Decimal():
                kept[name] = printable(str(value), _LONGEST)
            case _:
                pass
    return kept


def charged(cost: Decimal | None) -> Charged | None:
    """Whether an order was paid, by what it cost in any unit.

    Example:
        >>> charged(Decimal("0.4")), charged(Decimal(0)), charged(None)
        ('yes', 'no', None)
    """
    return None if cost is None else "yes" if cost else "no"


def _number(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:  # its exponent is longer than a Decimal's
        return text


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= _LONGEST_INT else Decimal(text)
