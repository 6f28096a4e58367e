from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator

import pytest

from nexiom_sdk import errors
from nexiom_sdk.errors import (
    FAILURE_CODES,
    ConfigurationError,
    InvalidInput,
    JobNotFound,
    MissingCredentials,
    NexiomError,
    NoCandidate,
    ObjectNotFound,
    PluginError,
    ProviderError,
    RateLimited,
    RequestError,
    code_of,
)

DESIGNED_CODES = {
    "invalid_input", "unsupported_feature", "content_rejected", "authentication_failed", "quota_exhausted",
    "rate_limited",
    "provider_unavailable", "submission_uncertain", "malformed_response", "model_retired", "generation_failed",
    "result_expired", "result_invalid", "unsafe_url", "response_too_large", "timed_out", "cancelled",
    "store_unavailable",
    "budget_exceeded", "plugin_error",
}  # fmt: skip


def _tree(kind: type[NexiomError]) -> Iterator[type[NexiomError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


TREE = sorted(set(_tree(NexiomError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", TREE)
def test_every_class_has_a_code_a_sentence_and_a_next_step(kind: type[NexiomError]) -> None:
    error = kind()
    assert error.code.replace("_", "").isalpha()
    assert error.message.endswith(".")
    assert error.message[0].isupper()
    assert error.next_step
    assert error.message in str(error)
    assert error.next_step in str(error)


def test_no_two_classes_share_a_code() -> None:
    codes = [kind.code for kind in TREE]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", TREE)
def test_every_class_is_drawn_in_the_tree(kind: type[NexiomError]) -> None:
    assert kind.__name__ in (inspect.getdoc(errors) or "")


@pytest.mark.parametrize("kind", TREE)
def test_errors_survive_a_pickle(kind: type[NexiomError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what happened", job_id="j1", next_step="do this", charged="unknown")))
    assert (type(error), error.message, error.job_id, error.next_step, error.charged) == (
        kind, "what happened", "j1", "do this", "unknown",
    )  # fmt: skip


def test_an_error_says_what_happened_then_the_money_then_the_next_step() -> None:
    error = RateLimited("Acme is busy.", retry_after_seconds=3)
    assert str(error) == "Acme is busy. Nothing was charged. Wait; the job is sent again when the provider allows it."
    assert error.retry_after_seconds == 3


def test_invalid_input_is_a_request_error_a_provider_error_and_a_value_error() -> None:
    assert issubclass(InvalidInput, RequestError)
    assert issubclass(InvalidInput, ProviderError)
    assert issubclass(InvalidInput, ValueError)
    assert InvalidInput("x", provider="acme").provider == "acme"


def test_the_cause_is_the_error_underneath() -> None:
    error = NexiomError("outer")
    assert error.cause == ""
    error.__cause__ = KeyError("inner")
    assert error.cause == "KeyError: 'inner'"


def test_the_stored_codes_are_the_designed_ones_and_lead_back_to_their_class() -> None:
    assert set(FAILURE_CODES) == DESIGNED_CODES
    for code, kind in FAILURE_CODES.items():
        assert kind.code == code


def test_every_error_answers_both_questions_and_says_no_where_nothing_else_is_known() -> None:
    assert (NexiomError.retryable, NexiomError.fallback) == (False, False)
    for kind in FAILURE_CODES.values():
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
