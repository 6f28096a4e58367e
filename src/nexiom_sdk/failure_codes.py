"""The `error_code` of a row for an error, and the class of the error for a code: a later process raises the same."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nexiom_sdk.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    ConfigurationError,
    ContentRejected,
    GenerationFailed,
    InvalidInput,
    JobCancelled,
    MalformedResponse,
    ModelRetired,
    NexiomError,
    PluginError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    RequestError,
    ResponseTooLarge,
    ResultExpired,
    ResultInvalid,
    StorageError,
    StorageUnavailable,
    SubmissionUncertain,
    TimedOut,
    UnsafeUrl,
    UnsupportedFeature,
)

FAILURE_CODES: Mapping[str, type[NexiomError]] = MappingProxyType(
    {
        error.code: error
        for error in (
            InvalidInput,
            UnsupportedFeature,
            ContentRejected,
            AuthenticationFailed,
            QuotaExhausted,
            RateLimited,
            ProviderUnavailable,
            SubmissionUncertain,
            MalformedResponse,
            ModelRetired,
            GenerationFailed,
            ResultExpired,
            ResultInvalid,
            UnsafeUrl,
            ResponseTooLarge,
            TimedOut,
            JobCancelled,
            StorageUnavailable,
            BudgetExceeded,
            PluginError,
        )
    }
)


def code_of(error: NexiomError) -> str:
    """The `error_code` to store: always one of `FAILURE_CODES`.

    Args:
        error: What a job failed with.

    Example:
        >>> code_of(ConfigurationError("No key."))
        'authentication_failed'
    """
    if error.code in FAILURE_CODES:
        return error.code
    match error:
        case ConfigurationError():
            return "authentication_failed"
        case RequestError():
            return "invalid_input"
        case StorageError():
            return "store_unavailable"
        case _:
            return "generation_failed"
