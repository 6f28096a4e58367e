"""`luma`: Luma's Ray models, at two APIs that share nothing but the company.

Sources: the official packages `luma-agents` 0.5.0 and `lumaai` 1.21.0, and Luma's documentation; as of 2026-11-22. No
live account was used. What is peculiar:

- The model decides about the API: Agents for `ray-3.2`, the older Dream Machine for `ray-2` and `ray-flash-2`. Each has
  keys of its own; one is enough, and then only its models are offered.
- Lengths are texts such as "5s"; 5 and 10 at the one, 5 and 9 at the other. There is no sound, seed or progress.
- Agents takes pictures by address or as base64, Dream Machine by address only.
- A link to a result at Agents lives an hour; each look gives a new one.
- Nothing can be cancelled: Agents has no such call, and DELETE at Dream Machine does not promise to stop a job.
- Dream Machine calls back, unsigned: a hint. Agents does not.
- There is neither an idempotency key nor a way to find an order: one whose answer was lost stays uncertain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal, TypeAlias

from pydantic import JsonValue, SecretStr, ValidationError

from nexiom_sdk.errors import (
    AuthenticationFailed,
    InvalidInput,
    MalformedResponse,
    MissingCredentials,
    ModelRetired,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.luma_cards import RAY_2, RAY_3
from nexiom_sdk.providers.luma_generations import Generation, outcome_of
from nexiom_sdk.providers.luma_orders import agents_body, dream_machine_body
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Body, Call, Reply, segment
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded

Api: TypeAlias = Literal["agents", "dream_machine"]

_AGENTS_URL = "https://agents.lumalabs.ai/v1"
_DREAM_MACHINE_URL = "https://api.lumalabs.ai/dream-machine/v1"
_NOT_FOUND = 404
_REFUSALS: Mapping[int, type[ProviderError]] = {
    400: InvalidInput,
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    413: InvalidInput,
    422: InvalidInput,
    429: RateLimited,
}


class _Refusal(Body):
    detail: str = ""


class LumaProvider(HttpProvider):
    """Videos from Luma.

    Args:
        config: `api_key` for the Agents API, `dream_machine_api_key` for the older one, or both; perhaps `base_url` and
            `dream_machine_base_url`.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: There is no key for either API.
        ConfigurationError: An address or a key cannot be used.

    Example:
        >>> [card.model for card in LumaProvider({"api_key": "not-a-real-key"}).models]
        ['ray-3.2']
    """

    name = "luma"
    title = "Luma"
    config_env: ClassVar[Mapping[str, str]] = {
        "api_key": "LUMA_AGENTS_API_KEY",
        "base_url": "LUMA_BASE_URL",
        "dream_machine_api_key": "LUMAAI_API_KEY",
        "dream_machine_base_url": "LUMAAI_BASE_URL",
    }
    keys_at = "https://platform.lumalabs.ai"

    _urls: Mapping[Api, str]

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        self.models: Sequence[ModelCard] = (
            *((RAY_3,) if "agents" in self._urls else ()),
            *(RAY_2 if "dream_machine" in self._urls else ()),
        )

    def endpoints(self) -> Sequence[Endpoint]:
        """The APIs that there is a key for."""
        ways: Mapping[Api, tuple[str, str, str]] = {
            "agents": ("base_url", _AGENTS_URL, "api_key"),
            "dream_machine": ("dream_machine_base_url", _DREAM_MACHINE_URL, "dream_machine_api_key"),
        }
        found: dict[Api, Endpoint] = {
            api: self.config.endpoint(address, usual, key=key)
            for api, (address, usual, key) in ways.items()
            if self.config.text(key)
        }
        if not found:
            keys = f"{self.config_env['api_key']} or {self.config_env['dream_machine_api_key']}"
            msg = f"Luma needs a key, which is made at {self.keys_at}: neither {keys.replace(' or ', ' nor ')} is set."
            hint = f'Set {keys}, or pass provider="local" for a preview made on this machine.'
            raise MissingCredentials(msg, next_step=hint)
        self._urls = {api: endpoint.base_url for api, endpoint in found.items()}
        return tuple(found.values())

    def submit_call(self, submission: Submission, /) -> Call:
        """The order, at the API of its model."""
        api = self._api_of(submission.spec.model)
        if api == "agents":
            return Call("POST", f"{self._url(api)}/generations", json=agents_body(submission.spec))
        path, body = dream_machine_body(submission)
        return Call("POST", f"{self._url(api)}{path}", json=body)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The generation that was made, and at which API."""
        spec, api = submission.spec, self._api_of(submission.spec.model)
        state: dict[str, JsonValue] = {"api": api}
        if api == "dream_machine" and submission.callback_url:
            state["callback"] = True
        edited = any(one.role == "source_video" for one in spec.media) and spec.duration_seconds is not None
        warnings = ("a changed video is as long as its source",) if edited else ()
        return Operation(id=reply.read(Generation).id, state=state, warnings=warnings)

    def poll_call(self, operation: Operation, /) -> Call:
        """The generation as it is now."""
        return self._look(operation, self._places(operation)[0])

    def read_poll(self, operation: Operation, reply: Reply, /) -> Poll | Call:
        """What the generation says; an order that a person found may be at the other API."""
        if reply.ok:
            return outcome_of(reply)
        if reply.status == _NOT_FOUND and len(places := self._places(operation)) > 1:
            return replace(self._look(operation, places[1]), any_status=False)
        return self.look_refused(operation, reply)

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal by its status, or by the words about credit and models."""
        kind = _REFUSALS.get(reply.status)
        if kind is None:
            return None
        said = (reply.read_or_none(_Refusal) or _Refusal()).detail
        if "insufficient credits" in said.lower():
            kind = QuotaExhausted
        elif said.startswith("Unknown model"):
            kind = ModelRetired
        return self.error(kind, reply, said)

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:  # noqa: ARG002
        """The id in an unsigned callback of Dream Machine; a look tells whether it is true."""
        try:
            return Generation.model_validate_json(body).id, None
        except ValidationError:
            pass  # raised below, without the body in the context
        raise MalformedResponse("A callback for Luma is about no generation.", provider=self.name, charged=None)

    def _places(self, operation: Operation) -> Sequence[str]:
        """The APIs that may have it: one where we know, else all."""
        known = [url for api, url in self._urls.items() if api == operation.state.get("api")]
        return known or tuple(self._urls.values())

    def _look(self, operation: Operation, url: str) -> Call:
        return Call("GET", f"{url}/generations/{segment(operation.id)}", any_status=True)

    def _api_of(self, model: str) -> Api:
        return "dream_machine" if any(card.model == model for card in RAY_2) else "agents"

    def _url(self, api: Api) -> str:
        if api not in self._urls:
            key = "api_key" if api == "agents" else "dream_machine_api_key"
            self.config.missing(key, "the key of the API that this model is at")
        return self._urls[api]
