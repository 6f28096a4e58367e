"""What a provider's reply means: a refusal, an order that is lost, one that is uncertain, or an outcome."""

from __future__ import annotations

import hashlib
from abc import ABC
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from pydantic import JsonValue

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidInput,
    MalformedResponse,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
    ResultExpired,
    SubmissionUncertain,
)
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.wire import Body, Reply
from nexiom_sdk.types import Cancelled, Failed, Operation, Poll, Succeeded
from nexiom_sdk.wording import printable

_GRACE_SECONDS = 60.0  # a new order may not be visible everywhere at once
_SUBMITTED_AT, _TAKEN_AT = "submitted_at", "taken_at"
_KINDS: Mapping[int, type[ProviderError]] = {
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    408: ProviderUnavailable,
    409: ProviderUnavailable,
    410: ResultExpired,
    425: ProviderUnavailable,
    429: RateLimited,
}


class Replies(ABC):
    """The half of `HttpProvider` that reads replies and puts them into words; it sends nothing.

    Attributes:
        name: The provider's name, as users write it.
        title: Its name in sentences.
        config: The configuration, which knows the secrets that a reply may repeat.
        base_url: Where its API is.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    config: Configuration
    base_url: str

    def read_error(self, reply: Reply, /) -> ProviderError | None:  # noqa: ARG002 - for adapters to override
        """A refusal that the provider documents, made with `self.error`; None for everything else."""
        return None

    def error(
        self, kind: type[ProviderError], reply: Reply, text: str = "", /, *, code: str | None = None
    ) -> ProviderError:
        """An error of ours for a reply of theirs, with its secrets removed.

        Args:
            kind: Class of the error.
            reply: The reply.
            text: The provider's own words; empty: the beginning of the body.
            code: The provider's own code.
        """
        said = self.config.clean(text) or self.config.clean(reply.excerpt)
        return kind(
            f"{self.title} answered {reply.status}{f': {said}' if said else ''}",
            provider=self.name,
            status=reply.status,
            provider_code=None if code is None else self.config.clean(code),
            request_id=reply.request_id,
            retry_after_seconds=reply.retry_after_seconds,
        )

    def lost(self, operation: Operation, reply: Reply, /) -> Failed:
        """What it means when an order is not known any more: a failure, unless the order is very young.

        Raises:
            ProviderUnavailable: It is very young: look again.
            ConfigurationError: It was taken at another address than the one that is set up now.
        """
        taken_at = operation.state.get(_TAKEN_AT)
        if taken_at is not None and taken_at != self._address_mark:
            msg = f"{self.title} does not know the order here, and it was taken at another address or region."
            raise ConfigurationError(msg, next_step="Set the address or region back until the order has ended.")
        stamp = operation.state.get(_SUBMITTED_AT)
        age = (reply.received_at - datetime.fromisoformat(stamp)).total_seconds() if isinstance(stamp, str) else None
        if age is not None and age < _GRACE_SECONDS:
            raise self.error(ProviderUnavailable, reply)
        msg = f"{self.title} knows no order {printable(operation.id, 80)}."
        return Failed(code="generation_failed", message=msg, lost=True)

    def look_refused(self, operation: Operation, reply: Reply, /) -> Failed:
        """What it means when a look is refused: the order is not known any more, or the look did not work.

        Raises:
            ProviderError: The look did not work; the class says why.
        """
        if reply.status == 404:  # noqa: PLR2004 - "not found" is the same everywhere
            if reply.read_or_none(Body) is None:  # a page of a proxy's, not a word of the API's
                raise self.error(ProviderUnavailable, reply)
            return self.lost(operation, reply)
        raise self.refusal(reply)

    def said(self, outcome: Poll, /) -> Poll:
        """What a provider says, without the secrets that it may repeat."""
        match outcome:
            case Failed():
                detail = self._told(outcome.detail)
                return replace(outcome, message=self.config.clean(outcome.message), detail=detail)
            case Cancelled():
                detail = self._told(outcome.detail)
                return replace(outcome, reason=self.config.clean(outcome.reason), detail=detail)
            case Succeeded():
                return self._shown(outcome)
            case _:
                return outcome

    def uncertain(self, reply: Reply, why: str, /) -> SubmissionUncertain:
        """The error for an order whose reply leaves open whether it was taken.

        Args:
            reply: The reply.
            why: What is wrong with it, as the end of a sentence.
        """
        said = self.config.clean(reply.excerpt)
        msg = f"{self.title} answered {reply.status}, {why}{f': {said}' if said else '.'}"
        return SubmissionUncertain(msg, provider=self.name, status=reply.status, request_id=reply.request_id)

    def refusal(self, reply: Reply, /) -> ProviderError:
        """What a reply to a call that is no order refuses: as documented, else as its status is usually meant."""
        known = self.read_error(reply)
        if known is not None:
            return known
        usual = {5: ProviderUnavailable, 4: InvalidInput}.get(reply.status // 100, MalformedResponse)
        return self.error(_KINDS.get(reply.status, usual), reply)

    def stamped(self, taken: Operation | Succeeded, reply: Reply, /) -> Operation | Succeeded:
        """An order that was taken, with the time and the place of that: `lost` judges by them."""
        if isinstance(taken, Succeeded):
            return self._shown(taken)
        stamps = {_SUBMITTED_AT: reply.received_at.isoformat(), _TAKEN_AT: self._address_mark}
        return replace(taken, state={**taken.state, **stamps})

    def _shown(self, done: Succeeded) -> Succeeded:
        return replace(done, detail=self._told(done.detail), warnings=tuple(map(self.config.clean, done.warnings)))

    def _told(self, detail: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        clean = self.config.clean
        return {clean(name): clean(value) if isinstance(value, str) else value for name, value in detail.items()}

    @property
    def _address_mark(self) -> str:
        """Tells addresses apart without showing them."""
        return hashlib.sha256(self.base_url.encode()).hexdigest()[:12]
