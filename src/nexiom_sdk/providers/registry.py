"""Which providers exist, and how one is made: names first, imports on first use, each failure contained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Protocol, cast

from pydantic import SecretStr

from nexiom_sdk import plugins
from nexiom_sdk.errors import NexiomError, PluginError, UnknownProvider
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.protocol import PROTOCOL_VERSION, HttpOptions, SupportsLookup, VideoProvider
from nexiom_sdk.wording import unknown

GROUP = "nexiom_sdk.providers"
_MEMBERS = ("name", "models", "submission_recovery", "submit", "poll", "fetch", "aclose")


class ProviderFactory(Protocol):
    """What an entry point names: a class or function, whose optional `config_env` names the variables it reads."""

    def __call__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> VideoProvider:
        """Make the provider; raises `MissingCredentials` where a key is missing."""
        ...


class ProviderRegistry:
    """The providers of one studio. Nothing is imported before it is used, and nothing is global.

    Args:
        entry_points: What is installed; None: ask the installation.
        allow: Only these names; None: all.

    Example:
        >>> "local" in ProviderRegistry().names()
        True
    """

    def __init__(
        self, *, entry_points: Iterable[EntryPoint] | None = None, allow: Collection[str] | None = None
    ) -> None:
        self._installed = plugins.discover(GROUP, found=entry_points)
        self._allow = allow
        self._factories: dict[str, ProviderFactory] = {}

    def names(self) -> tuple[str, ...]:
        """All names that can be used, sorted; nothing is imported."""
        known = {*self._installed, *self._factories}
        return tuple(sorted(known if self._allow is None else known & {*self._allow}))

    def register(self, name: str, factory: ProviderFactory) -> None:
        """Add a provider that no package brings.

        Raises:
            PluginError: The name is taken.
        """
        if name in self._installed or name in self._factories:
            msg = f"There is a provider named '{name}' already."
            raise PluginError(msg, next_step="Choose another name.")
        self._factories[name] = factory

    def config_env(self, name: str) -> Mapping[str, str]:
        """Configuration key to environment variable, as the adapter declares it.

        Raises:
            ConfigurationError: There is no such provider, or it cannot be imported.
        """
        declared: Mapping[str, str] = getattr(self._factory(name), "config_env", {})
        return declared

    def create(
        self, name: str, config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None
    ) -> VideoProvider:
        """Make a provider with its configuration.

        Raises:
            UnknownProvider: There is no such provider.
            MissingCredentials: Its configuration lacks a key.
            PluginError: It is broken, or speaks another version of the protocol.
        """
        factory = self._factory(name)
        try:
            provider = factory(config, http=http)
            problem = _problem(name, provider)
        except NexiomError:
            raise
        except Exception as error:  # foreign code runs here
            msg = f"The provider '{name}' cannot be made: {type(error).__name__}."
            raise PluginError(msg) from error
        if problem:
            msg = f"The provider '{name}' {problem}."
            raise PluginError(msg)
        return provider

    def _factory(self, name: str) -> ProviderFactory:
        if name not in self.names():
            if name in self._installed or name in self._factories:
                msg = f"The provider '{name}' is installed, but not among the allowed ones."
                raise UnknownProvider(msg, next_step="Add it to NEXIOM_PROVIDERS.")
            raise UnknownProvider(unknown("provider", name, self.names()))
        if name not in self._factories:
            loaded = plugins.load(plugins.only(name, self._installed[name]))
            if not callable(loaded):
                msg = f"The plug-in '{name}' names something that cannot be called."
                raise PluginError(msg)
            self._factories[name] = cast("ProviderFactory", loaded)
        return self._factories[name]


def _problem(name: str, provider: VideoProvider) -> str | None:
    version = getattr(provider, "protocol_version", None)
    if version != PROTOCOL_VERSION:
        return f"speaks protocol version {version}; this library speaks {PROTOCOL_VERSION}: upgrade the older one"
    missing = [member for member in _MEMBERS if not hasattr(provider, member)]
    if missing:
        return f"lacks {', '.join(missing)}"
    if provider.name != name:
        return f"calls itself '{provider.name}'"
    if not all(isinstance(card, ModelCard) for card in cast("Sequence[object]", provider.models)):
        return "has models that are not ModelCards"
    if provider.submission_recovery == "lookup" and not isinstance(provider, SupportsLookup):
        return "promises to look orders up and has no find()"
    return None
