from __future__ import annotations

import pytest

from nexiom_sdk import errors
from nexiom_sdk.errors import (
    ConfigurationError,
    JobNotFound,
    MissingCredentials,
    NexiomError,
    NoCandidate,
    ObjectNotFound,
    PluginError,
    ProviderError,
    RateLimited,
)
from nexiom_sdk.failure_codes import FAILURE_CODES, code_of

DESIGNED_CODES = {
    "invalid_input", "unsupported_feature", "content_rejected", "authentication_failed", "quota_exhausted",
    "rate_limited",
    "provider_unavailable", "submission_uncertain", "malformed_response", "model_retired", "generation_failed",
    "result_expired", "result_invalid", "unsafe_url", "response_too_large", "timed_out", "cancelled",
    "store_unavailable",
    "budget_exceeded", "plugin_error",
}  # fmt: skip


def test_the_stored_codes_are_the_designed_ones_and_lead_back_to_their_class() -> None:
    assert set(FAILURE_CODES) == DESIGNED_CODES
    for code, kind in FAILURE_CODES.items():
        assert kind.code == code


def test_every_provider_error_answers_both_questions() -> None:
    for kind in FAILURE_CODES.values():
        if issubclass(kind, ProviderError):
            assert isinstance(kind.retryable, bool)
            assert isinstance(kind.fallback, bool)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RateLimited(), "rate_limited"),
        (PluginError(), "plugin_error"),
        (ConfigurationError(), "authentication_failed"),
        (MissingCredentials(), "authentication_failed"),
        (NoCandidate(), "invalid_input"),
        (ObjectNotFound(), "store_unavailable"),
        (ProviderError(), "generation_failed"),
        (JobNotFound(), "generation_failed"),
    ],
    ids=repr,
)
def test_every_error_has_a_code_that_can_be_stored(error: NexiomError, code: str) -> None:
    assert code_of(error) == code
    assert code in FAILURE_CODES


def test_the_codes_are_found_beside_the_errors_too() -> None:
    assert errors.FAILURE_CODES is FAILURE_CODES
    with pytest.raises(AttributeError, match="NoSuchError"):
        getattr(errors, "NoSuchError")  # noqa: B009 - type checkers know that it is not there
