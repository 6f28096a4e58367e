"""`runway`: Runway's own models and those that it hosts, by one key.

Source: the official package `runwayml` 5.24.0 and the wire as captured with it; documentation and captures of others
from August to October 2026; as of 2026-11-22. No live account was used. What is peculiar:

- One host for all, and a dated version header on every call.
- The endpoint follows from the references. Every model has its own keys at each endpoint, and any other key is refused;
  one word, `ratio`, says both shape and resolution. See `runway_forms`.
- There is neither an idempotency key nor a list of orders: an order whose answer was lost stays uncertain.
- Moderation is a task that failed, never a refusal of the order. Credit that is used up is a 400.
- What a task cost is in its last state, in credits of one cent.
- DELETE stops a task that goes on and erases one that has ended, so `cancel` looks first.
- There are no callbacks.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import ClassVar

from pydantic import Field, SecretStr

from nexiom_sdk.errors import (
    AuthenticationFailed,
    InvalidInput,
    ModelRetired,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.runway_bodies import order_of, shaped
from nexiom_sdk.providers.runway_cards import CARDS
from nexiom_sdk.providers.runway_tasks import GOING_ON, Task, outcome_of
from nexiom_sdk.providers.wire import Body, Call, Part, Reply, segment
from nexiom_sdk.references import inspect
from nexiom_sdk.types import DeliveredMedia, Operation, Poll, Submission, Succeeded, VideoSpec
from nexiom_sdk.wording import printable

_LONGEST_DATA_URI = 5_000_000
_UPLOAD_SECONDS = 300.0
_REFUSALS: Mapping[int, type[ProviderError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    402: QuotaExhausted,
    405: InvalidInput,
    429: RateLimited,
}


class _Created(Body):
    id: str = Field(min_length=1)


class _Slot(Body):
    uri: str = Field(alias="runwayUri")
    url: str = Field(alias="uploadUrl")
    fields: dict[str, str]


class _Issue(Body):
    path: tuple[str | int, ...] = ()
    message: str = ""


class _Problem(Body):
    error: str


class _Details(Body):
    details: str = ""
    issues: tuple[_Issue, ...] = ()


class RunwayProvider(HttpProvider):
    """Videos from Runway.

    Args:
        config: `api_key`; perhaps `base_url`, and `custom_headers`, lines of `Name: value` that go with every call.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is no key.
        ConfigurationError: An address, a key or a header cannot be used.

    Example:
        >>> RunwayProvider({"api_key": SecretStr("not-a-real-key")}).models[0].model
        'gen4.5'
    """

    name = "runway"
    title = "Runway"
    takes_new_models: bool = True
    config_env: ClassVar[Mapping[str, str]] = {
        "api_key": "RUNWAYML_API_SECRET",
        "base_url": "RUNWAYML_BASE_URL",
        "custom_headers": "RUNWAYML_CUSTOM_HEADERS",
    }
    default_base_url = "https://api.dev.runwayml.com"
    keys_at = "https://dev.runwayml.com"
    headers: Mapping[str, str] = {"X-Runway-Version": "2024-11-06"}
    models: Sequence[ModelCard] = CARDS

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        self.headers = {**self.headers, **self.config.headers("custom_headers")}

    def uploads(self, spec: VideoSpec, /) -> Generator[Call, Reply, VideoSpec]:
        """Videos, sounds, and pictures too large for a data URI are handed over before the order."""
        spec = shaped(spec)
        media = list(spec.media)
        if any(map(_needs_upload, media)):
            # What will be refused is refused before anything is sent.
            order_of(spec.evolve(media=tuple(one.evolve(url="runway://", data=None) for one in media)))
        for place, one in enumerate(media):
            if _needs_upload(one):
                media[place] = yield from self._upload(one)
        return spec.evolve(media=tuple(media))

    def submit_call(self, submission: Submission, /) -> Call:
        """The order, at the endpoint that its references ask for."""
        order = order_of(submission.spec)
        return Call("POST", f"/v1/{order.endpoint}", json=order.body)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The task that was made."""
        return Operation(id=reply.read(_Created).id, warnings=order_of(submission.spec).warnings)

    def poll_call(self, operation: Operation, /) -> Call:
        """The task as it is now."""
        return Call("GET", f"/v1/tasks/{segment(operation.id)}")

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the task says."""
        return outcome_of(operation, reply)

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """Runway refuses with a JSON body of its own; a 429 is a refusal from whomever it comes."""
        kind, problem = _REFUSALS.get(reply.status), reply.read_or_none(_Problem)
        if kind is RateLimited and problem is None:
            return self.error(kind, reply)
        if kind is None or problem is None:
            return None
        more = reply.read_or_none(_Details) or _Details()
        if "enough credits" in problem.error.lower():
            kind = QuotaExhausted
        elif any(issue.path == ("model",) for issue in more.issues):
            kind = ModelRetired
        issues = (f"{'.'.join(map(str, issue.path))}: {issue.message}" for issue in more.issues)
        return self.error(kind, reply, " ".join(filter(None, (problem.error, more.details, *issues))))

    async def cancel(self, operation: Operation, /) -> None:
        """Stop a task that has not ended. One that runs is not refunded; one that ends at this moment may be erased.

        Raises:
            ProviderError: It has ended, or its state is not known: nothing is done, for its result would be erased.
        """
        status = (await self.send(self.poll_call(operation))).read(Task).status
        if status in GOING_ON:
            await self.send(Call("DELETE", self.poll_call(operation).path))
        elif status != "CANCELLED":
            msg = f"Runway's task is {printable(status, 60)}; to cancel it now would erase what it made."
            raise ProviderError(msg, provider=self.name, charged="unknown")

    async def check(self) -> None:
        """Ask for the account, which is free."""
        await self.send(Call("GET", "/v1/organization"))

    def _upload(self, media: DeliveredMedia) -> Generator[Call, Reply, DeliveredMedia]:
        data = media.data or b""
        found = inspect(data, role=media.role)
        filename = f"{media.role.rpartition('_')[2]}.{found.extension}"
        wish = Call("POST", "/v1/uploads", json={"filename": filename, "type": "ephemeral"})
        slot = (yield wish).read(_Slot)
        file = Part(name="file", filename=filename, media_type=found.media_type, data=data)
        stored = yield Call(
            "POST",
            slot.url,
            form=slot.fields,
            files=(file,),
            signed=False,
            any_status=True,
            timeout_seconds=_UPLOAD_SECONDS,
        )
        if not stored.ok:  # not Runway's own words; a slot serves once, so the next attempt asks for another
            raise self.error(ProviderUnavailable, stored)
        return media.evolve(url=slot.uri, data=None)


def _needs_upload(media: DeliveredMedia) -> bool:
    if media.data is None:
        return False
    encoded = len(f"data:{media.media_type};base64,") + 4 * -(-len(media.data) // 3)
    return encoded > _LONGEST_DATA_URI or not media.role.endswith(("frame", "image"))
