"""The repository or store that a URL means: the scheme is the name of a plug-in, ours or a third party's."""

from __future__ import annotations

import re
from typing import Protocol, cast
from urllib.parse import quote

from pydantic import SecretStr

from nexiom_sdk import plugins
from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.storage import ObjectStore
from nexiom_sdk.wording import unknown

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # a single letter is a drive of Windows
_PLAIN_PATH = re.compile(r"/[\w ./-]*")  # it cannot hold a password, so it may be quoted
_A_STORE = "Write it like file:///srv/films for a folder, or s3://films?region=eu-central-1 for a bucket."
_WEB = {"http", "https"}
_NEARLY = 0.8  # another database is no slip of the pen


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
    scheme = scheme_of(address)
    factory = cast("_RepositoryFactory", _factory("nexiom_sdk.repositories", "repository", scheme))
    return factory(address.get_secret_value(), clock=clock)


def store_of(url: str, *, clock: Clock) -> ObjectStore:
    """The store at a URL such as `file:///srv/nexiom`.

    Raises:
        ConfigurationError: No installed store has this scheme, or the URL is not one it takes.
    """
    address, url = SecretStr(url), ""
    found = _SCHEME.match(address.get_secret_value())
    if found is None:
        raise ConfigurationError("NEXIOM_STORE_URL is no URL.", next_step=_as_a_store(address))
    scheme = found[1].lower()
    if scheme in _WEB and scheme not in plugins.discover("nexiom_sdk.stores"):
        msg = "NEXIOM_STORE_URL is the address of a web page, and not that of a store."
        raise ConfigurationError(msg, next_step=_instead_of_a_page(address))
    factory = cast("_StoreFactory", _factory("nexiom_sdk.stores", "store", scheme))
    return factory(address.get_secret_value(), clock=clock)


def scheme_of(address: SecretStr) -> str:
    """What the address of a database begins with, such as `sqlite`.

    Raises:
        ConfigurationError: It is no URL; what it is instead may hold a password and is not quoted.
    """
    found = _SCHEME.match(address.get_secret_value())
    if found is None:
        hint = "Write it like sqlite:///srv/nexiom.db or postgresql://user:password@host:5432/database."
        raise ConfigurationError("NEXIOM_DATABASE_URL is no URL.", next_step=hint)
    return found[1].lower()


def _as_a_store(address: SecretStr) -> str:
    text = address.get_secret_value()
    return f"For this folder, write file://{quote(text)}." if _PLAIN_PATH.fullmatch(text) else _A_STORE


def _instead_of_a_page(address: SecretStr) -> str:
    host = re.split(r"[/?#]", address.get_secret_value().partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    name = host.partition(":")[0].lower()
    if name.endswith(".supabase.co"):
        return "For the storage of Supabase, set NEXIOM_SUPABASE_URL and NEXIOM_SUPABASE_SECRET_KEY instead."
    if name.endswith(".amazonaws.com"):
        return "For a bucket of S3, write its name and its region: s3://films?region=eu-central-1."
    return "For a bucket of what speaks as S3 does, write s3://films?endpoint=https://host."


def _factory(group: str, what: str, scheme: str) -> object:
    name = scheme.replace("+", "_")  # as names of plug-ins are written
    installed = plugins.discover(group)
    if name not in installed:
        known = [f"{one.replace('_', '+')}:" for one in installed]
        msg = unknown(f"{what} for addresses that begin with", f"{scheme}:", known, alike=_NEARLY)
        plain, plus, _ = scheme.partition("+")
        hint = "Correct the address, or install the package that brings it."
        if plus and plain in installed:
            hint = f"Write {plain}: alone; what stands behind the plus sign is for other libraries."
        raise ConfigurationError(msg, next_step=hint)
    return plugins.load(plugins.only(name, installed[name]))
