"""The figures of a card, and what they can be: a card with an impossible one would price and plan nonsense."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from nexiom_sdk.wording import seconds

_LONGEST_CLIP_SECONDS = 3600
_LONGEST_SPAN_SECONDS = 31 * 86_400
_SMALLEST_USD = Decimal("1e-12")


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        msg = f"No length is in this range: {seconds(ends[0])} is longer than {seconds(ends[1])}."
        raise ValueError(msg)
    return ends


def _payable(amount: Decimal) -> Decimal:
    if 0 < amount < _SMALLEST_USD:  # its digits would fill a page, and no sum would notice it
        msg = "It is too small for an amount of money."
        raise ValueError(msg)
    return amount


ClipSeconds = Annotated[float, Field(gt=0, le=_LONGEST_CLIP_SECONDS, allow_inf_nan=False)]
"""The length of a clip."""

ClipSpan = Annotated[tuple[ClipSeconds, ClipSeconds], AfterValidator(_ordered)]
"""Any length between two, ends included."""

SomeSeconds = Annotated[float, Field(ge=0, le=_LONGEST_SPAN_SECONDS, allow_inf_nan=False)]
"""A span of real time, up to a month."""

Usd = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False), AfterValidator(_payable)]
"""An amount of money."""

Count = Annotated[int, Field(ge=0)]
"""How many there may be."""

Share = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
"""A width in heights, or a number of frames in a second."""
