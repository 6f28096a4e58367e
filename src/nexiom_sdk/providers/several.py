"""`Several`: one provider that is several APIs, each with an adapter of its own; the model decides which is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import SecretStr

from nexiom_sdk.errors import (
    ConfigurationError,
    GenerationFailed,
    InvalidInput,
    ModelRetired,
    NexiomError,
    PluginError,
    UnsupportedFeature,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.protocol import (
    PROTOCOL_VERSION,
    HttpOptions,
    SupportsCancel,
    SupportsHealth,
    SupportsLookup,
)
from nexiom_sdk.types import Asset, Failed, Operation, Poll, Submission, SubmissionRecovery, Succeeded
from nexiom_sdk.wording import printable

_API = "api"


class Several(ABC):
    """Base of providers that are several APIs.

    A subclass names itself and says which APIs are set up. Which one took an order is noted in its `Operation.state`.

    Args:
        config: Configuration by key.
        http: Bounds for network calls, the same for all.

    Attributes:
        name: The provider's name, as users write it; the adapters of its APIs have the same.
        config_env: Configuration key to environment variable, of all APIs.
        apis: The adapters that are set up, by the word that is noted in the state of an order.

    Raises:
        MissingCredentials: Nothing is set up.
        ConfigurationError: An address or a key cannot be used.
    """

    protocol_version: int = PROTOCOL_VERSION

    name: ClassVar[str]
    config_env: ClassVar[Mapping[str, str]]

    def __init__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> None:
        self.apis: Mapping[str, HttpProvider] = self.set_up(config, http)

    @abstractmethod
    def set_up(self, config: Mapping[str, str | SecretStr], http: HttpOptions | None, /) -> Mapping[str, HttpProvider]:
        """The adapters of the APIs that the configuration has what is needed for, at least one."""

    @property
    def models(self) -> Sequence[ModelCard]:
        """The models of all APIs."""
        return [card for api in self.apis.values() for card in api.models]

    @property
    def submission_recovery(self) -> SubmissionRecovery:
        """That of the APIs if they agree: nobody can tell from a lost answer which of them it was."""
        ways: list[SubmissionRecovery] = [api.submission_recovery for api in self.apis.values()]
        return ways[0] if len({*ways}) == 1 else "none"

    async def submit(self, submission: Submission, /) -> Operation | Succeeded:
        """Order once, from the API that has the model."""
        word = self._api_of(submission.spec.model)
        taken = await self.apis[word].submit(submission)
        return taken if isinstance(taken, Succeeded) else replace(taken, state={**taken.state, _API: word})

    async def poll(self, operation: Operation, /) -> Poll:
        """Look at the order, at each API where it is not known which one took it."""
        first, *others = self._places(operation)
        if not others:
            return await first.poll(operation)
        lost: Failed | None = None
        strange: InvalidInput | None = None
        trouble: NexiomError | None = None
        for api in (first, *others):
            try:
                outcome = await api.poll(operation)
            except InvalidInput as error:
                strange = error  # to this API it is no id of an order at all
            except NexiomError as error:
                trouble = error  # it could not be asked, so it may have it
            else:
                if not (isinstance(outcome, Failed) and outcome.code == GenerationFailed.code):
                    return outcome  # whatever else it says, it knows the order
                lost = outcome
        if trouble is None and lost is not None:
            return lost
        raise trouble or strange or PluginError(f"{self.name} has no API to ask.")

    async def find(self, client_reference: str, /) -> Operation | None:
        """The order that carries this reference, at whichever API has it."""
        for word, api in self.apis.items():
            if isinstance(api, SupportsLookup) and (found := await api.find(client_reference)) is not None:
                return replace(found, state={**found.state, _API: word})
        return None

    async def cancel(self, operation: Operation, /) -> None:
        """Ask the API that took the order to stop.

        Raises:
            UnsupportedFeature: It cannot stop any order.
            ProviderError: It cannot stop this one any more.
        """
        places = self._places(operation)
        able = [api for api in places if isinstance(api, SupportsCancel)]
        if not able:
            raise UnsupportedFeature(f"{places[0].title} cannot stop an order.")
        for api in able:
            await api.cancel(operation)

    async def check(self) -> None:
        """Ask each API, which costs nothing."""
        for api in self.apis.values():
            if isinstance(api, SupportsHealth):
                await api.check()

    def fetch(self, asset: Asset, /) -> AsyncIterator[bytes]:
        """The bytes of a result, with the key of the API that it lies at."""
        apis = list(self.apis.values())
        at = (api for api in apis if asset.url is not None and api.holds(asset.url))
        return next(at, apis[0]).fetch(asset)

    async def aclose(self) -> None:
        """Close the connections."""
        for api in self.apis.values():
            await api.aclose()

    def _api_of(self, model: str) -> str:
        """The API that has a model.

        Raises:
            ModelRetired: None of those that are set up has; another one would make something else.
        """
        has = (word for word, api in self.apis.items() if any(card.model == model for card in api.models))
        found = next(has, None)
        if found is None:
            msg = f"{self.name} has no model {printable(model, 80)} here; there is {', '.join(self._named())}."
            raise ModelRetired(msg, provider=self.name, charged="no", next_step="Set up the API that has it.")
        return found

    def _named(self) -> list[str]:
        return [card.model for card in self.models if card.lifecycle != "retired"]

    def _places(self, operation: Operation) -> Sequence[HttpProvider]:
        """The APIs that may have an order: one where it was noted.

        Raises:
            ConfigurationError: The one that took it is not set up here.
        """
        word = operation.state.get(_API)
        if word is None:
            return [*self.apis.values()]
        if word not in self.apis:
            msg = f"{self.name} took the order by its API '{printable(str(word), 40)}', which is not set up here."
            raise ConfigurationError(msg, next_step=f"Set what it needs ({', '.join(self.config_env.values())}).")
        return [self.apis[str(word)]]
