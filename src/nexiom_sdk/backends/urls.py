"""The repository or store that a URL means: the scheme is the name of a plug-in, ours or a third party's."""

from __future__ import annotations

import re
from typing import Protocol, cast

from pydantic import SecretStr

from nexiom_sdk import plugins
from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.jobs import JobRepository
from nexiom_sdk.storage import ObjectStore
from nexiom_sdk.wording import unknown


class _RepositoryFactory(Protocol):
    def __call__(self, url: str, /, *, clock: Clock) -> JobRepository: ...


class _StoreFactory(Protocol):
    def __call__(self, url: str, /, *, clock: Clock) -> ObjectStore: ...


def repository_of(url: str, *, clock: Clock) -> JobRepository:
    """The repository at a URL such as `sqlite:///srv/nexiom.db`.

    Raises:
        ConfigurationError: No installed repository has this scheme, or the URL is not one it takes.
    """
    address, url = SecretStr(url), ""  # it may hold a password, and tracebacks show local variables
    factory = cast("_RepositoryFactory", _factory("nexiom_sdk.repositories", "repository", address))
    return factory(address.get_secret_value(), clock=clock)


def store_of(url: str, *, clock: Clock) -> ObjectStore:
    """The store at a URL such as `file:///srv/nexiom`.

    Raises:
        ConfigurationError: No installed store has this scheme, or the URL is not one it takes.
    """
    address, url = SecretStr(url), ""
    factory = cast("_StoreFactory", _factory("nexiom_sdk.stores", "store", address))
    return factory(address.get_secret_value(), clock=clock)


def scheme_of(address: SecretStr) -> str:
    """What an address begins with, such as `sqlite`.

    Raises:
        ConfigurationError: It is no URL; what it is instead may hold a password and is not quoted.
    """
    found = re.match(r"([a-z][a-z0-9+.-]*):", address.get_secret_value(), re.IGNORECASE)
    if found is None:
        hint = "Write it like sqlite:///srv/nexiom.db or postgresql://user:password@host:5432/database."
        raise ConfigurationError("The address of the rows or the store is no URL.", next_step=hint)
    return found[1].lower()


def _factory(group: str, what: str, address: SecretStr) -> object:
    scheme = scheme_of(address).replace("+", "_")
    installed = plugins.discover(group)
    if scheme not in installed:
        msg = unknown(f"{what} for addresses that begin with", f"{scheme}:", [f"{name}:" for name in installed])
        raise ConfigurationError(msg, next_step="Correct the address, or install the package that brings it.")
    return plugins.load(plugins.only(scheme, installed[scheme]))
