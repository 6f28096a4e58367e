"""Which providers exist, and how one is made: names first, imports on first use, each failure contained."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal, Protocol, TypeGuard, cast, get_args

from pydantic import SecretStr

from nexiom_sdk import plugins
from nexiom_sdk.errors import NexiomError, PluginError, UnknownProvider
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.known_models import KnownModels, known_models
from nexiom_sdk.providers.protocol import PROTOCOL_VERSION, HttpOptions, SupportsLookup, VideoProvider
from nexiom_sdk.types import SubmissionRecovery
from nexiom_sdk.wording import unknown

GROUP = "nexiom_sdk.providers"
SUPPORTED_VERSIONS = frozenset({PROTOCOL_VERSION})
_MEMBERS = ("name", "models", "submission_recovery", "submit", "poll", "fetch", "aclose")


class ProviderFactory(Protocol):
    """What an entry point names: a class or function, whose optional `config_env` names the variables it reads."""

    def __call__(self, config: Mapping[str, str | SecretStr], /, *, http: HttpOptions | None = None) -> VideoProvider:
        """Make the provider; raises `MissingCredentials` where a key is missing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """How one provider looks before it is made, for lists.

    Args:
        name: The provider's name.
        state: broken: it cannot be imported or used. conflict: more than one package brings it.
        reason: What is wrong, in a sentence.
        distribution: The package that brings it; None for one that was registered, or in a conflict.
        version: The package's version.
        config_env: Configuration key to environment variable.
    """

    name: str
    state: Literal["ok", "broken", "conflict"]
    reason: str = ""
    distribution: str | None = None
    version: str | None = None
    config_env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigEnv:
    """What an adapter reads of an environment, as its class declares it.

    Args:
        config_env: Configuration key to environment variable.
        config_env_also: Further environment variable to configuration key, read where the first one is not set.
        credential_sets: Sets of keys of which one is enough.
    """

    config_env: Mapping[str, str] = field(default_factory=dict[str, str])
    config_env_also: Mapping[str, str] = field(default_factory=dict[str, str])
    credential_sets: Sequence[Sequence[str]] = ()


class ProviderRegistry:
    """The providers of one studio. Nothing is imported before it is used, and nothing is global.

    Args:
        entry_points: What is installed; None: ask the installation.
        allow: Only these names; None: all.
        prefer: Name to the distribution that shall bring it, where two packages do.

    Example:
        >>> "local" in ProviderRegistry().names()
        True
    """

    def __init__(
        self,
        *,
        entry_points: Iterable[EntryPoint] | None = None,
        allow: Collection[str] | None = None,
        prefer: Mapping[str, str] | None = None,
    ) -> None:
        self._installed = plugins.discover(GROUP, found=entry_points)
        self._allow = allow
        self._prefer = prefer or {}
        self._registered: dict[str, ProviderFactory] = {}
        self._loaded: dict[str, ProviderFactory] = {}

    def names(self) -> tuple[str, ...]:
        """All names that can be used, sorted; nothing is imported."""
        known = self._known()
        return tuple(sorted(known if self._allow is None else known & {*self._allow}))

    def left_out(self) -> tuple[str, ...]:
        """Names that are installed and may not be used here, sorted."""
        return tuple(sorted(self._known() - {*self.names()}))

    def not_installed(self) -> tuple[str, ...]:
        """Names that may be used and that nothing brings, sorted: words that were mistyped, mostly."""
        return tuple(sorted({*(self._allow or ())} - self._known()))

    def installed(self) -> tuple[str, ...]:
        """All names, sorted, also those that are left out here; nothing is imported."""
        return tuple(sorted(self._known()))

    def register(self, name: str, factory: ProviderFactory, *, replace: bool = False) -> None:
        """Add a provider that no package brings.

        Args:
            name: Its name.
            factory: Makes it.
            replace: Take the place of the one that has this name.

        Raises:
            PluginError: The name is taken.
        """
        if name in self._known() and not replace:
            msg = f"There is a provider named '{name}' already."
            raise PluginError(msg, next_step="Choose another name, or say replace=True.")
        self._registered[name] = factory

    def config_env(self, name: str) -> Mapping[str, str]:
        """Configuration key to environment variable, as the adapter declares it.

        Raises:
            UnknownProvider: There is no such provider.
            PluginError: It cannot be imported or used.
        """
        return self.declared(name).config_env

    def declared(self, name: str) -> ConfigEnv:
        """What the adapter reads of an environment.

        Raises:
            UnknownProvider: There is no such provider.
            PluginError: It cannot be imported or used.
        """
        factory = self._factory(name)
        first: object = getattr(factory, "config_env", {})
        also: object = getattr(factory, "config_env_also", {})
        if not (_is_text(first) and _is_text(also)):
            raise self._refusal(name, "has a config_env that is not a mapping of words")
        sets: object = getattr(factory, "credential_sets", ())
        if not _is_sets(sets):
            raise self._refusal(name, "has credential_sets that are not sequences of words")
        return ConfigEnv(config_env=first, config_env_also=also, credential_sets=sets)

    def cards(self, name: str) -> KnownModels:
        """The models that an adapter knows, whether or not it is set up; it is imported, and not made.

        They are what its class has as `cards`, or as `models`. What a broken plug-in says is told, never raised.

        Raises:
            UnknownProvider: There is no such provider.

        Example:
            >>> [card.model for card in ProviderRegistry().cards("local").cards]
            ['preview']
        """
        try:
            known = known_models(self._factory(name))
        except PluginError as error:
            return KnownModels(problem=error.message)
        return replace(known, problem=self._refusal(name, known.problem).message) if known.problem else known

    def create(
        self, name: str, config: Mapping[str, str | SecretStr], *, http: HttpOptions | None = None
    ) -> VideoProvider:
        """Make a provider with its configuration.

        Raises:
            UnknownProvider: There is no such provider.
            MissingCredentials: Its configuration lacks a key.
            PluginError: It is broken, or speaks another version of the protocol.
        """
        made = _made(name, self._factory(name), config, http)
        if isinstance(made, str):
            raise self._refusal(name, made)
        return made

    def report(self) -> tuple[ProviderReport, ...]:
        """Every provider that can be named; each is imported, none is made, and none hides another."""
        return tuple(self._report(name) for name in self.names())

    def _report(self, name: str) -> ProviderReport:
        try:
            plugin = self._plugin(name)
        except PluginError as error:
            return ProviderReport(name=name, state="conflict", reason=error.message)
        distribution, version = (plugin.distribution, plugin.version) if plugin else (None, None)
        try:
            declared = self.config_env(name)
        except PluginError as error:
            return ProviderReport(
                name=name, state="broken", reason=error.message, distribution=distribution, version=version
            )
        return ProviderReport(name=name, state="ok", distribution=distribution, version=version, config_env=declared)

    def _known(self) -> set[str]:
        return {*self._installed, *self._registered}

    def _plugin(self, name: str) -> plugins.Plugin | None:
        """The plug-in behind a name; None where it was registered."""
        if name in self._registered:
            return None
        return plugins.only(name, self._installed[name], prefer=self._prefer.get(name))

    def _factory(self, name: str) -> ProviderFactory:
        if name not in self.names():
            if name in self._known():
                msg = f"The provider '{name}' is not in use here. It is installed, but NEXIOM_PROVIDERS leaves it out."
                raise UnknownProvider(msg, next_step="Add it to NEXIOM_PROVIDERS.")
            raise UnknownProvider(unknown("provider", name, self.names()))
        plugin = self._plugin(name)
        if plugin is None:
            return self._registered[name]
        if name not in self._loaded:
            factory = plugins.load(plugin)
            if not callable(factory):
                raise self._refusal(name, "is not a class or function")
            declared: object = getattr(factory, "protocol_version", None)
            if isinstance(declared, int) and (problem := _strange(declared)):
                raise self._refusal(name, problem)
            self._loaded[name] = cast("ProviderFactory", factory)
        return self._loaded[name]

    def _refusal(self, name: str, problem: str) -> PluginError:
        plugin = self._plugin(name)
        return PluginError(f"The provider '{name}'{f' ({plugin.origin})' if plugin else ''} {problem}.")


def _made(
    name: str, factory: ProviderFactory, config: Mapping[str, str | SecretStr], http: HttpOptions | None
) -> VideoProvider | str:
    """The provider, or what is wrong with it.

    What a constructor raises may quote a key, so it neither becomes part of an error nor its cause or context.
    """
    try:
        provider = factory(config, http=http)
        return next(_problems(name, provider), provider)
    except (NexiomError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - foreign code runs here; its failure is handed back in words
        place = traceback.extract_tb(error.__traceback__)[-1]
        called = "it is called with (config, http=options)"
        return f"cannot be made: {type(error).__name__} in {Path(place.filename).name}, line {place.lineno}; {called}"


def _problems(name: str, provider: VideoProvider) -> Iterator[str]:
    """What keeps the provider from being used. Nothing it says is quoted, for it knows the keys."""
    if problem := _strange(getattr(provider, "protocol_version", None)):
        yield problem
    missing = [member for member in _MEMBERS if not hasattr(provider, member)]
    if missing:
        yield f"lacks {', '.join(missing)}"
    if provider.name != name:
        yield "has another name than the one it is asked for by"
    if not all(isinstance(card, ModelCard) for card in cast("Sequence[object]", provider.models)):
        yield "has models that are not ModelCards"
    if provider.submission_recovery not in get_args(SubmissionRecovery):
        yield f"has a submission_recovery that is none of {', '.join(get_args(SubmissionRecovery))}"
    if provider.submission_recovery == "lookup" and not isinstance(provider, SupportsLookup):
        yield "promises to look orders up and has no find()"


def _strange(version: object) -> str | None:
    """What to say of a version of the protocol that is not spoken here."""
    if version in SUPPORTED_VERSIONS:
        return None
    ours = ", ".join(map(str, sorted(SUPPORTED_VERSIONS)))
    theirs = f"speaks protocol version {version}" if isinstance(version, int) else "names no protocol version"
    return f"{theirs}; this library speaks {ours}: upgrade the older of the two"


def _is_sets(declared: object) -> TypeGuard[Sequence[Sequence[str]]]:
    if not isinstance(declared, tuple | list):
        return False
    sets = cast("Sequence[object]", declared)
    return all(
        isinstance(keys, tuple | list) and all(isinstance(key, str) for key in cast("Sequence[object]", keys))
        for keys in sets
    )


def _is_text(declared: object) -> TypeGuard[Mapping[str, str]]:
    if not isinstance(declared, Mapping):
        return False
    items = cast("Mapping[object, object]", declared).items()
    return all(isinstance(key, str) and isinstance(value, str) for key, value in items)
