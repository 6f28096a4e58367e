"""Kling's numbers for what went wrong. The number decides, not the status: several a 429 is no matter of waiting."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    ModelRetired,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.providers.wire import Body, Maybe, Reply

NOT_THERE = 1203
"""No such model, or no such order."""

CLOCK_IS_WRONG = frozenset({1003, 1004})
"""A token that we signed is not valid yet, or not any more."""

# The server's own trouble (5000, 5001, 5002) is not here: whether an order was taken is not known then.
_BY_CODE: Mapping[int, type[ProviderError]] = {
    1000: AuthenticationFailed,
    1001: AuthenticationFailed,
    1002: AuthenticationFailed,
    1003: AuthenticationFailed,
    1004: AuthenticationFailed,
    1100: AuthenticationFailed,
    1101: QuotaExhausted,
    1102: QuotaExhausted,
    1103: AuthenticationFailed,
    1200: InvalidInput,
    1201: InvalidInput,
    1202: InvalidInput,
    NOT_THERE: ModelRetired,
    1300: ContentRejected,
    1301: ContentRejected,
    1302: RateLimited,
    1303: RateLimited,
    1304: AuthenticationFailed,
}
# Whoever answers this, a proxy too, took no order.
_BY_ANYBODY: Mapping[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    429: RateLimited,
}


class Verdict(Body):
    """What every reply of Kling begins with.

    Args:
        code: 0 where all is well.
        message: In words.
        request_id: Kling's id of the exchange.
    """

    code: int
    message: Maybe[str] = None
    request_id: Maybe[str] = None


def code_of(reply: Reply) -> int:
    """What went wrong; 0 where nothing did, or where it is not Kling that speaks."""
    said = reply.read_or_none(Verdict)
    return said.code if said else 0


def kind_of(reply: Reply) -> type[ProviderError] | None:
    """The class of a documented refusal; None for everything else."""
    code = code_of(reply)
    return _BY_CODE.get(code) if code else _BY_ANYBODY.get(reply.status)
