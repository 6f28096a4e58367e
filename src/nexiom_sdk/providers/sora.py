"""`sora`: any server that speaks OpenAI's format `/v1/videos`. OpenAI itself closed its service on 2026-09-24.

Sources: see `openai_videos`, `openai_jobs` and `openai_complaints`; as of 2026-11-22. No live server was used. What is
peculiar:

- The address of the server has to be given, and OpenAI's and Azure's are refused. A server may need no key.
- How orders and pictures are written depends on the server and is configured; nothing is tried out on a paid call.
- There is neither an idempotency key nor a way to find an order: one whose answer was lost stays uncertain.
- Some servers keep their jobs in memory only: a restart loses them, and a look then answers 404.
- Some servers answer an order only when it is done: they need a longer `timeout_seconds`.
- DELETE erases; that it also stops a job is known of vLLM-Omni only, so it has to be said that a server `cancels`.
- Callbacks are set in the server's console, not in the order, and signed as Standard Webhooks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import Field, SecretStr

from nexiom_sdk.errors import (
    AuthenticationFailed,
    MalformedResponse,
    ModelRetired,
    ProviderError,
    ProviderUnavailable,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.configuration import Configuration, Endpoint
from nexiom_sdk.providers.openai_complaints import complaint_in, refusal
from nexiom_sdk.providers.openai_jobs import Job, outcome, taken
from nexiom_sdk.providers.openai_videos import PATH, job_path, order, unsaid
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.sora_cards import RETIRED, SERVED, served
from nexiom_sdk.providers.sora_config import VARIABLES, check_open, server_of
from nexiom_sdk.providers.webhooks import STANDARD_WEBHOOKS
from nexiom_sdk.providers.wire import Body, Call, Reply
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded

_MOST_BYTES_INLINE = 256 * 1024 * 1024
_NO_PATH, _NO_VERB = 404, 405


class _Subject(Body):
    id: str = Field(min_length=1)


class _Event(Body):
    data: _Subject


class SoraProvider(HttpProvider):
    """Videos from a server that speaks OpenAI's format.

    Args:
        config: `base_url`, and what the server needs of these. `api_key`. `models`: names that it serves, with commas
            between. `request_format` and `image_mode`: how it wants orders written. `timeout_seconds`: how long it may
            take to answer one. `cancels`: its DELETE stops a job. `plain_http`: its network is trusted.
            `webhook_secret`: what its callbacks are signed with.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is no address.
        ConfigurationError: The address is OpenAI's, or a value cannot be used.

    Example:
        >>> SoraProvider({"base_url": "http://localhost:8000/v1"}).models[0].model
        '@served'
    """

    name = "sora"
    title = "sora"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES

    def __new__(  # noqa: PYI034 - it may be the subclass
        cls, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None
    ) -> SoraProvider:
        """One that can cancel if its server is said to: interfaces are found by type, so the type must be true."""
        del http
        stops = Configuration(title=cls.title, values=config, variables=cls.config_env).flag("cancels")
        return object.__new__(CancellableSora if stops and cls is SoraProvider else cls)

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        http = http or HttpOptions()
        if config.get("timeout_seconds"):  # the answer to an order may hold the file
            http = replace(http, max_json_bytes=max(http.max_json_bytes, _MOST_BYTES_INLINE))
        super().__init__(config, http=http)
        self._server = server_of(self.config)
        live = dict.fromkeys((SERVED, *self._server.models))
        self.models: Sequence[ModelCard] = (
            *(served(name, self._server.dialect.image_mode) for name in live),
            *(card for card in RETIRED if card.model not in live),
        )

    def endpoints(self) -> Sequence[Endpoint]:
        """The server, unless it is one that has closed."""
        endpoint = self.config.endpoint("base_url", "", key="api_key")
        check_open(endpoint.origin)
        return (endpoint,)

    def submit_call(self, submission: Submission, /) -> Call:
        """The order, in the dialect of the server."""
        spec = submission.spec
        model = spec.model if spec.model != SERVED else next(iter(self._server.models), None)
        call = order(spec, self._server.dialect, model=model)
        return replace(call, any_status=True, timeout_seconds=self._server.timeout_seconds)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The job that was made, or its result.

        A server without a path for orders took none: OPENAI_BASE_URL is set for many that only chat.
        """
        if reply.status in {_NO_PATH, _NO_VERB}:
            raise self._refused(ModelRetired, reply)
        if not reply.ok:
            msg = "it does not say whether the order was taken"
            raise self.read_error(reply) or MalformedResponse(msg, provider=self.name)
        return replace(taken(reply), warnings=tuple(unsaid(submission.spec)))

    def poll_call(self, operation: Operation, /) -> Call:
        """The job as it is now; vLLM-Omni tells of a failed one with an HTTP error."""
        return Call("GET", job_path(operation.id), any_status=True)

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the job says."""
        return outcome(reply, self.base_url + job_path(operation.id)) or self.look_refused(operation, reply)

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal, by its code or its status; no outage is one."""
        kind = refusal(reply)
        return None if kind is None else self._refused(kind, reply)

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:
        """The id of the job that a signed event is about; the event says no more."""
        secret = self.config.secret("webhook_secret")
        if secret is None:
            msg = "A callback for sora was ignored: without its signing secret nobody knows whom it is from."
            hint = "Set OPENAI_WEBHOOK_SECRET to the secret that the server shows."
            raise AuthenticationFailed(msg, provider=self.name, charged=None, next_step=hint)
        _WEBHOOKS.verify(headers, body, secret, provider=self.name, now=self.options.clock.now())
        event = _Event.read_or_none(body)
        if event is None:
            raise MalformedResponse("A callback for sora is about no video.", provider=self.name, charged=None)
        return event.data.id, None

    async def check(self) -> None:
        """Ask for the list of videos, which is free; a server without such a list does not refuse the key either."""
        reply = await self.send(Call("GET", PATH, query={"limit": "1"}, any_status=True))
        if reply.ok or reply.status == _NO_VERB:
            return
        if reply.status == _NO_PATH:
            raise self._refused(ModelRetired, reply)
        raise self.read_error(reply) or self.error(ProviderUnavailable, reply)

    def _refused(self, kind: type[ProviderError], reply: Reply) -> ProviderError:
        said = complaint_in(reply)
        error = self.error(kind, reply, said.message or "", code=said.name)
        if isinstance(error, ModelRetired):
            error.next_step = (
                "Check OPENAI_BASE_URL and NEXIOM_SORA_MODELS: there is no such model, or no videos at all."
            )
        return error


class CancellableSora(SoraProvider):
    """The same, for a server whose DELETE stops a job."""

    async def cancel(self, operation: Operation, /) -> None:
        """Stop a job that has not ended. One that ends at this moment may be erased.

        Raises:
            ProviderError: It has ended, or its state is not known: nothing is done, for its result would be erased.
        """
        look = await self.send(self.poll_call(operation))
        state = (look.read_or_none(Job) or Job()).state if look.ok else None
        if state == "stopped":
            return
        if state not in {"queued", "running"}:
            msg = "The job has ended, or cannot be seen now; to cancel it might erase what it made."
            raise ProviderError(msg, provider=self.name, charged="unknown")
        stop = Call("DELETE", job_path(operation.id))
        if not (await self.send(replace(stop, any_status=True))).ok:
            await self.send(stop)  # a job that is just beginning or stopping answers 409, and takes the second one


def _webhook_key(secret: SecretStr) -> bytes:
    """OpenAI's clients take a secret that does not begin with whsec_ as it is."""
    text = secret.get_secret_value()
    return STANDARD_WEBHOOKS.key(secret) if text.startswith("whsec_") else text.encode()


_WEBHOOKS = replace(STANDARD_WEBHOOKS, key=_webhook_key)
