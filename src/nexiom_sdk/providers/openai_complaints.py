"""Why a server that speaks the format `/v1/videos` refuses an order, or why a job of it failed.

OpenAI says it with a code in a word; vLLM-Omni with a number; SGLang without a code; FastAPI, below most servers, with
`detail` instead of `error`; TensorRT-LLM's guardrails with the status 500. Sources as in `openai_videos`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import (
    ConfigDict,
    Field,
    TypeAdapter,
    model_validator,
)

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

_CODES: Mapping[str, type[ProviderError]] = {
    "content_policy_violation": ContentRejected,
    "insufficient_quota": QuotaExhausted,
    "invalid_api_key": AuthenticationFailed,
    "invalid_value": InvalidInput,
    "model_not_found": ModelRetired,
    "moderation_blocked": ContentRejected,
    "rate_limit_exceeded": RateLimited,
}
"""What each documented code of an error means."""

STATUSES: Mapping[int, type[ProviderError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    422: InvalidInput,
    429: RateLimited,
}
"""What a refusal means by its HTTP status, where it has no code."""

_UNDECIDED = frozenset({408, 409})  # whatever they say, the order may have been taken
_GUARDRAIL = 500
_WORDS: Mapping[str, type[ProviderError]] = {
    r"guardrail|blocked by [\w ]{1,40}moderation|content.policy": ContentRejected,
    r"model mismatch": ModelRetired,
}


class Lenient(Body):
    """Base of the models of replies: a number where a word should be is that word."""

    model_config: ClassVar[ConfigDict] = ConfigDict(coerce_numbers_to_str=True)


class _Issue(Lenient):
    loc: tuple[str, ...] = ()
    msg: str = ""

    def __str__(self) -> str:
        return f"{'.'.join(self.loc)}: {self.msg}"


class Complaint(Lenient):
    """Why something was refused or failed; it comes as an object, as text, or as FastAPI's list of issues.

    Args:
        message: In words.
        code: As a word or a number.
        group: As the name of a class of errors.
    """

    message: Maybe[str] = None
    code: Maybe[str] = None
    group: Maybe[str] = Field(default=None, alias="type")

    @model_validator(mode="before")
    @classmethod
    def _in_any_form(cls, said: object) -> object:
        match said:
            case str():
                return {"message": said}
            case list():
                return {"message": "; ".join(map(str, _ISSUES.validate_python(said)))}
            case _:
                return said

    @property
    def name(self) -> str | None:
        """The server's own name for it."""
        return self.code or self.group

    @property
    def meaning(self) -> type[ProviderError] | None:
        """What its words mean; None where they are not known here."""
        by_code = next((_CODES[word] for word in (self.code, self.group) if word and word in _CODES), None)
        words = (kind for words, kind in _WORDS.items() if re.search(words, self.message or "", re.IGNORECASE))
        return by_code or next(words, None)


_ISSUES = TypeAdapter(list[_Issue])


class _Refusal(Complaint):
    error: Maybe[Complaint] = None
    detail: Maybe[Complaint] = None


def complaint_in(reply: Reply) -> Complaint:
    """What a reply that is no success says, in whichever form its server says it."""
    body = reply.read_or_none(_Refusal) or _Refusal()
    return body.error or body.detail or body


def refusal(reply: Reply) -> type[ProviderError] | None:
    """What a reply means that says certainly that nothing was taken; None for every other one."""
    kind = complaint_in(reply).meaning
    match reply.status // 100:
        case 4:
            return (kind or STATUSES.get(reply.status)) if reply.status not in _UNDECIDED else None
        case 5:  # TensorRT-LLM's guardrails answer with 500; any other outage says nothing about the order
            return kind if kind is ContentRejected and reply.status == _GUARDRAIL else None
        case _:
            return None
