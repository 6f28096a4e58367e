"""What Seedance's error codes mean, in the reply to a call and in a task that failed.

A code is a word, or several with dots between that grow narrower; the first word decides, and moderation has a part of
its own in it.
"""

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

_MODERATED = "SensitiveContent"
_BY_CODE: Mapping[str, type[ProviderError]] = {
    "MissingParameter": InvalidInput,
    "InvalidParameter": InvalidInput,
    "AuthenticationError": AuthenticationFailed,
    "AccessDenied": AuthenticationFailed,
    "AccountOverdueError": QuotaExhausted,
    "QuotaExceeded": QuotaExhausted,
    "SetLimitExceeded": QuotaExhausted,
    "ModelNotOpen": ModelRetired,
    "InvalidEndpoint": ModelRetired,
    "InvalidEndpointOrModel": ModelRetired,
    "RateLimitExceeded": RateLimited,
    "ModelAccountRpmRateLimitExceeded": RateLimited,
    "ModelAccountTpmRateLimitExceeded": RateLimited,
    "ModelAccountIpmRateLimitExceeded": RateLimited,
    "ServerOverloaded": RateLimited,
    "ModelLoadingError": RateLimited,
}
_BY_STATUS: Mapping[int, type[ProviderError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    429: RateLimited,
}
_BY_ANYBODY = frozenset({401, 403, 429})  # whoever answers this, a proxy too, took no order
_REFUSED = frozenset({400, 401, 403, 404, 429})


class Complaint(Body):
    """What is wrong.

    Args:
        code: As a code.
        message: In a sentence.
    """

    code: str = ""
    message: Maybe[str] = None

    @property
    def kind(self) -> type[ProviderError] | None:
        """The class of error that the code stands for; None for a fault of theirs, and for what is not documented."""
        return ContentRejected if _MODERATED in self.code else _BY_CODE.get(self.code.partition(".")[0])


class _Refusal(Body):
    error: Complaint


def refusal_of(reply: Reply) -> tuple[type[ProviderError], Complaint | None] | None:
    """The class of a refusal and its words; None where nothing says that the call was refused.

    Args:
        reply: A reply that is none of success.
    """
    if reply.status not in _REFUSED:
        return None
    own = reply.read_or_none(_Refusal)
    if own is None or not own.error.code:
        return (_BY_STATUS[reply.status], None) if reply.status in _BY_ANYBODY else None
    kind = own.error.kind or _BY_STATUS.get(reply.status)
    return None if kind is None else (kind, own.error)
