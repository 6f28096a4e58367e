"""`openrouter`: video models of many makers by one key.

Source: the official package `openrouter` 1.3.84, OpenRouter's documentation and its list of models of October 2026; as
of 2026-11-22. No live account was used. What is peculiar:

- An order is answered with 202. Its own `polling_url` is ignored: the address is made from the id.
- `unsigned_urls` are the API's own and need the key; `urls` are signed and must not get it. Results are fetched from
  the API; the signed ones are taken only where there is no other.
- A failed job has its reason as a plain text, a refused call as an object, at times inside of a 200.
- 402 is used-up credit, unless it says that orders on their way have reserved it: then it is a matter of waiting.
- 503 says that nobody takes the order now, if OpenRouter says it and not something on the way.
- There is neither an idempotency key nor a list of orders, and no way to cancel one.
- `/videos/models` tells what is offered now and for how much; `refresh` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, JsonValue

from nexiom_sdk.errors import (
    AuthenticationFailed,
    ContentRejected,
    InvalidInput,
    MalformedResponse,
    ModelRetired,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.asked import check
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.openrouter_cards import CARDS, known
from nexiom_sdk.providers.openrouter_catalogue import Rows, card_of
from nexiom_sdk.providers.openrouter_jobs import Job, outcome_of
from nexiom_sdk.providers.openrouter_orders import body_of
from nexiom_sdk.providers.webhooks import OPENROUTER
from nexiom_sdk.providers.wire import Body, Call, Reply, segment
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded

_RESERVED = "openrouter_in_flight_budget"
_REFUSALS: Mapping[int, type[ProviderError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    413: InvalidInput,
    429: RateLimited,
}


class _Problem(Body):
    code: int | None = None
    message: str = ""
    metadata: Mapping[str, JsonValue] | None = None


class _Refusal(Body):
    error: _Problem


class _Subject(Body):
    id: str = Field(min_length=1)


class _Event(Body):
    data: _Subject


class OpenRouterProvider(HttpProvider):
    """Videos through OpenRouter.

    Args:
        config: `api_key`; perhaps `base_url`, and `webhook_secret`, which signs callbacks.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is no key.
        ConfigurationError: An address or a key cannot be used.

    Example:
        >>> OpenRouterProvider({"api_key": "not-a-real-key"}).models[0].model
        'google/veo-3.1'
    """

    name = "openrouter"
    title = "OpenRouter"
    config_env: ClassVar[Mapping[str, str]] = {
        "api_key": "OPENROUTER_API_KEY",
        "base_url": "OPENROUTER_BASE_URL",
        "webhook_secret": "OPENROUTER_WEBHOOK_SECRET",
    }
    default_base_url = "https://openrouter.ai/api/v1"
    keys_at = "https://openrouter.ai/settings/keys"
    models: Sequence[ModelCard] = CARDS
    takes_new_models: bool = True

    def submit_call(self, submission: Submission, /) -> Call:
        """The order; of a model that is not listed only what none of them takes is refused."""
        body = body_of(submission)
        card = next((card for card in self.models if card.model == submission.spec.model), None)
        if card is not None:
            check(submission.spec, card)
        return Call("POST", "/videos", json=body)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The job that was made."""
        job = reply.read_or_none(Job)
        if job is None:  # an id means that the order was taken, whatever else is said
            self._open(reply)
            job = reply.read(Job)
        called_back: Mapping[str, JsonValue] = {"callback": True} if submission.callback_url else {}
        return Operation(id=job.id, state=called_back)

    def poll_call(self, operation: Operation, /) -> Call:
        """The job as it is now."""
        return Call("GET", f"/videos/{segment(operation.id)}")

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the job says."""
        job = reply.read_or_none(Job)
        if job is None or not job.status:
            self._open(reply)
            job = reply.read(Job)
        content = f"{self.base_url}{self.poll_call(operation).path}/content"
        return outcome_of(job, content=content)

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal by its status; a 404 only where it is about a model, a 503 only in OpenRouter's own words."""
        refusal = reply.read_or_none(_Refusal)
        problem = refusal.error if refusal else _Problem()
        return self._refused(reply.status, problem, reply)

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:
        """The id of the job; checked where a signing secret is set, and only a hint where none is."""
        secret = self.config.secret("webhook_secret")
        if secret is not None:
            OPENROUTER.verify(headers, body, secret, provider=self.name, now=self.options.clock.now())
        event = _Event.read_or_none(body)
        if event is None:
            raise MalformedResponse("A callback for OpenRouter is about no job.", provider=self.name, charged=None)
        return event.data.id, None

    async def refresh(self) -> Sequence[ModelCard]:
        """Read what is offered now and for how much; the cards of this provider are those from then on.

        Raises:
            ProviderError: The list cannot be read; the cards stay as they are.
        """
        reply = await self.send(Call("GET", "/videos/models"))
        seen = f"{reply.received_at.date()}: OpenRouter's list of video models"
        before = {card.model: card for card in CARDS}
        rows = [row for row in reply.read(Rows).data if row.upscale_factor is None]
        listed = [card_of(row, seen=seen, known=before.get(row.id) or known(row.id)) for row in rows]
        gone = [
            card for card in CARDS if card.lifecycle == "retired" and card.model not in {one.model for one in listed}
        ]
        self.models = (*listed, *gone)
        return self.models

    def _open(self, reply: Reply) -> None:
        """Some refusals come inside of a 200."""
        refusal = reply.read_or_none(_Refusal)
        if refusal is None:
            return
        status = refusal.error.code or 0
        raise self._refused(status, refusal.error, reply) or self.error(
            MalformedResponse, reply, f"the error {status}: {refusal.error.message}"
        )

    def _refused(self, status: int, problem: _Problem, reply: Reply) -> ProviderError | None:
        facts = problem.metadata or {}
        kind = _REFUSALS.get(status)
        match status:
            case 402 if facts.get("limit_source") == _RESERVED:
                kind = RateLimited
            case 403 if facts.keys() & {"reasons", "flagged_input"}:
                kind = ContentRejected
            case 404 if problem.message.lower().startswith("model"):
                kind = ModelRetired
            case 503 if problem.code == status:
                kind = ProviderUnavailable
            case _:
                pass
        reasons = facts.get("reasons")
        said = [problem.message, *(str(one) for one in reasons)] if isinstance(reasons, list) else [problem.message]
        raw = facts.get("raw")
        said += [raw] if isinstance(raw, str) else []
        return None if kind is None else self.error(kind, reply, " ".join(filter(None, said)))
