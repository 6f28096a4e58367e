"""Refusals of Google's two kinds of API: their own codes and the statuses of `google.rpc`, and what those mean.

Sources: google-genai 3.4.0 and Google's page on errors; as of 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    ModelRetired,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.providers.retry_after import retry_after_seconds
from nexiom_sdk.providers.wire import Body, Maybe, Reply

_BY_STATUS: Mapping[int, type[ProviderError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    416: InvalidInput,
    429: RateLimited,
}
_BY_ANYBODY = frozenset({401, 403, 429})  # whoever answers this, a proxy too, took no order
_NOT_FOUND = 404
_BY_WORD: Mapping[str, type[ProviderError]] = {
    "failed_precondition": AuthenticationFailed,  # the location, or access to a bucket
    "quota_exceeded": QuotaExhausted,
    "content_blocked": ContentRejected,
    "api_key_invalid": AuthenticationFailed,
}
_MODERATION = ("usage guidelines", "support codes", "sensitive words")


class _Detail(Body):
    reason: Maybe[str] = None
    retry_delay: Maybe[str] = Field(default=None, alias="retryDelay")


class _Problem(Body):
    message: str
    code: Maybe[int | str] = None
    status: Maybe[str] = None
    details: Maybe[tuple[Maybe[_Detail], ...]] = None

    @property
    def word(self) -> str:
        """Google's own word for it: the code of the one API, the status of the other."""
        return self.code if isinstance(self.code, str) else self.status or ""


class _Refusal(Body):
    error: _Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a reply refuses.

    Args:
        kind: Class of the error.
        text: Google's words.
        word: Google's code.
        wait_seconds: How long it wants us to wait, where the body says so.
    """

    kind: type[ProviderError]
    text: str = ""
    word: str | None = None
    wait_seconds: float | None = None


def refusal_in(reply: Reply) -> Refusal | None:
    """What a reply refuses, where that is documented; a closed door is a refusal whoever closes it."""
    body = reply.body.strip()
    if body.startswith(b"[") and body.endswith(b"]"):  # sometimes Google wraps its one error into a list
        body = body[1:-1]
    found = _Refusal.read_or_none(body)
    if found is None:
        return Refusal(kind=_BY_STATUS[reply.status]) if reply.status in _BY_ANYBODY else None
    problem = found.error
    details = [detail for detail in problem.details or () if detail is not None]
    words = [problem.word, *(detail.reason or "" for detail in details)]
    kind = _kind_of(reply.status, problem, [word.lower() for word in words])
    if kind is None:
        return None
    delay = next((detail.retry_delay for detail in details if detail.retry_delay), "").removesuffix("s")
    wait = retry_after_seconds({"retry-after": delay}, reply.received_at)
    return Refusal(kind=kind, text=problem.message, word=problem.word or None, wait_seconds=wait)


def moderated(text: str) -> bool:
    """Whether Google's words say that its moderation refused."""
    return any(part in text.lower() for part in _MODERATION)


def _kind_of(status: int, problem: _Problem, words: list[str]) -> type[ProviderError] | None:
    if status == _NOT_FOUND:
        if problem.word and "model" in f"{problem.word} {problem.message}".lower():
            return ModelRetired
        return InvalidInput if problem.word == "not_found" else None
    usual = _BY_STATUS.get(status)
    if "failed_precondition" in words and "billing" in problem.message.lower():
        return QuotaExhausted
    if usual is InvalidInput and moderated(problem.message):
        return ContentRejected
    return usual and next((_BY_WORD[word] for word in words if word in _BY_WORD), usual)
