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
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias

from pydantic import JsonValue, SecretStr

from nexiom_sdk.errors import (
    AuthenticationFailed,
    InvalidInput,
    MalformedResponse,
    MissingCredentials,
    ModelRetired,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.luma_cards import GONE, RAY_2, RAY_3
from nexiom_sdk.providers.luma_generations import Generation, outcome_of
from nexiom_sdk.providers.luma_orders import agents_body, dream_machine_body, left_out
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.wire import Body, Call, Reply, segment
from nexiom_sdk.types import Operation, Poll, Submission, Succeeded

Api: TypeAlias = Literal["agents", "dream_machine"]

# Configuration key of the address, the usual address, configuration key of the key.
_APIS: Mapping[Api, tuple[str, str, str]] = {
    "agents": ("base_url", "https://agents.lumalabs.ai/v1", "api_key"),
    "dream_machine": ("dream_machine_base_url", "https://api.lumalabs.ai/dream-machine/v1", "dream_machine_api_key"),
}
_CARDS: Mapping[Api, tuple[ModelCard, ...]] = {"agents": (RAY_3,), "dream_machine": (*RAY_2, *GONE)}
_NO_ORDER = "00000000-0000-0000-0000-000000000000"
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
_BY_ANYBODY = frozenset({401, 403, 429})  # whoever answers this, a proxy too, took no order


class _Refusal(Body):
    detail: JsonValue


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
    cards: ClassVar[Sequence[ModelCard]] = (RAY_3, *RAY_2, *GONE)
    takes_new_models: bool = True

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        super().__init__(config, http=http)
        self.models: Sequence[ModelCard] = tuple(card for api in self._apis for card in _CARDS[api])

    def endpoints(self) -> Sequence[Endpoint]:
        """The APIs that there is a key for, the present one first."""
        return tuple(self._apis.values())

    def submit_call(self, submission: Submission, /) -> Call:
        """The order, at the API of its model."""
        api = self._api_of(submission.spec.model)
        if api == "agents":
            return Call("POST", f"{self._url(api)}/generations", json=agents_body(submission.spec))
        path, body = dream_machine_body(submission)
        return Call("POST", f"{self._url(api)}{path}", json=body)

    def read_submit(self, submission: Submission, reply: Reply, /) -> Operation | Succeeded:
        """The generation that was made, and at which API."""
        api = self._api_of(submission.spec.model)
        older = api == "dream_machine"
        state: dict[str, JsonValue] = {"api": api}
        if older and submission.callback_url:
            state["callback"] = True
        return Operation(id=reply.read(Generation).id, state=state, warnings=left_out(submission.spec, older=older))

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
        """A refusal by its status and Luma's own words; they alone say that it is about credit or a model."""
        kind, said = _REFUSALS.get(reply.status), _words_of(reply)
        if kind is None or (said is None and reply.status not in _BY_ANYBODY):
            return None
        words = said or ""
        if "insufficient credits" in words.lower():
            kind = QuotaExhausted
        elif words.startswith("Unknown model"):
            kind = ModelRetired
        return self.error(kind, reply, words)

    def read_callback(self, headers: Mapping[str, str], body: bytes, /) -> tuple[str, Poll | None]:  # noqa: ARG002
        """The id in an unsigned callback of Dream Machine; a look tells whether it is true."""
        event = Generation.read_or_none(body)
        if event is None:
            raise MalformedResponse("A callback for Luma is about no generation.", provider=self.name, charged=None)
        return event.id, None

    async def check(self) -> None:
        """Ask each API that there is a key for; both answers are free.

        Dream Machine tells the balance. Agents has no such call: it is asked for an order that does not exist.
        """
        for api in self._apis:
            if api == "dream_machine":
                await self.send(Call("GET", f"{self._url(api)}/credits"))
                continue
            reply = await self.send(self._look(Operation(id=_NO_ORDER), self._url(api)))
            unknown_order = reply.status == _NOT_FOUND and (_words_of(reply) or "").startswith("Generation not found")
            if not (reply.ok or unknown_order):
                raise self.read_error(reply) or self.error(ProviderUnavailable, reply)

    @cached_property
    def _apis(self) -> Mapping[Api, Endpoint]:
        """The APIs that there is a key for."""
        found: dict[Api, Endpoint] = {
            api: self.config.endpoint(address, usual, key=key)
            for api, (address, usual, key) in _APIS.items()
            if self.config.text(key)
        }
        if not found:
            one, other = (self.config_env[key] for _, _, key in _APIS.values())
            msg = f"Luma needs a key, which is made at {self.keys_at}: neither {one} nor {other} is set."
            hint = f'Set {one} or {other}, or pass provider="local" for a preview made on this machine.'
            raise MissingCredentials(msg, next_step=hint)
        return found

    def _places(self, operation: Operation) -> Sequence[str]:
        """The APIs that may have it: one where we know, else all."""
        noted = operation.state.get("api")
        return [self._url(api) for api in _APIS if api == noted] or [one.base_url for one in self._apis.values()]

    def _look(self, operation: Operation, url: str) -> Call:
        return Call("GET", f"{url}/generations/{segment(operation.id)}", any_status=True)

    def _api_of(self, model: str) -> Api:
        """The API that has the model; one that we do not know is tried at the first that there is a key for."""
        for api, cards in _CARDS.items():
            if any(card.model == model for card in cards):
                return api
        return next(iter(self._apis))

    def _url(self, api: Api) -> str:
        if api not in self._apis:
            self.config.missing(_APIS[api][2], "the key of the API that this model is at")
        return self._apis[api].base_url


def _words_of(reply: Reply) -> str | None:
    """What Luma says against it; None where the body is not Luma's own."""
    refusal = reply.read_or_none(_Refusal)
    if refusal is None:
        return None
    return refusal.detail if isinstance(refusal.detail, str) else ""
