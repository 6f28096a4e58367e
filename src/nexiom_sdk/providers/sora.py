"""`sora`: any server that speaks OpenAI's format `/v1/videos`. OpenAI itself closed its service on 2026-09-24.

Sources: see `openai_videos`, `openai_jobs` and `openai_complaints`; as of 2026-11-22. No live server was used. What all
such servers have in common is in `openai_provider`. What is peculiar:

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

from nexiom_sdk.errors import AuthenticationFailed, MalformedResponse
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.configuration import Configuration, Endpoint
from nexiom_sdk.providers.openai_provider import VideosProvider
from nexiom_sdk.providers.openai_videos import order
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.sora_cards import RETIRED, SERVED, served
from nexiom_sdk.providers.sora_config import VARIABLES, check_open, server_of
from nexiom_sdk.providers.webhooks import STANDARD_WEBHOOKS
from nexiom_sdk.providers.wire import Body, Call
from nexiom_sdk.types import Operation, Poll, Submission

_MOST_BYTES_INLINE = 256 * 1024 * 1024


class _Subject(Body):
    id: str = Field(min_length=1)


class _Event(Body):
    data: _Subject


class SoraProvider(VideosProvider):
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
    cards: ClassVar[Sequence[ModelCard]] = (served(SERVED, "upload"), *RETIRED)
    takes_new_models: bool = True
    where_to_look = "OPENAI_BASE_URL and NEXIOM_SORA_MODELS"

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


class CancellableSora(SoraProvider):
    """The same, for a server whose DELETE stops a job."""

    async def cancel(self, operation: Operation, /) -> None:
        """Stop a job that has not ended. One that ends at this moment may be erased.

        Raises:
            ProviderError: It has ended, or its state is not known: nothing is done, for its result would be erased.
        """
        await self.stop(operation)


def _webhook_key(secret: SecretStr) -> bytes:
    """OpenAI's clients take a secret that does not begin with whsec_ as it is."""
    text = secret.get_secret_value()
    return STANDARD_WEBHOOKS.key(secret) if text.startswith("whsec_") else text.encode()


_WEBHOOKS = replace(STANDARD_WEBHOOKS, key=_webhook_key)
