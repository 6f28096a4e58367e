"""What an operator says about one provider: keys and addresses, read with errors that name the variable to set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Never

from pydantic import SecretStr

from nexiom_sdk.errors import ConfigurationError, MissingCredentials, UnsafeUrl
from nexiom_sdk.providers.auth import Auth, HeaderKey
from nexiom_sdk.providers.guard import Origin
from nexiom_sdk.providers.http import origin_of
from nexiom_sdk.redaction import redact
from nexiom_sdk.wording import printable

_SECRET = re.compile("key|secret|token|headers")  # in the name of a value
_HEADER = re.compile(r"([\w-]+)\s*:\s*([\x20-\x7e]+)", re.ASCII)
_SHOWN = frozenset({"api_version", "location", "models", "project", "region", "transport"})
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One API of a provider.

    Args:
        base_url: Its address, without a slash at its end; paths of calls follow it.
        origin: Where that leads.
        auth: The key that belongs to it; None where it needs none.
        trusted: The operator named it, so it may be private.
    """

    base_url: str
    origin: Origin
    auth: Auth | None = None
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The configuration of one provider.

    Args:
        title: The provider's name in sentences.
        values: Configuration by key.
        variables: Configuration key to environment variable, for errors.
        keys_at: Where a key is made; empty where none is needed.
    """

    title: str
    values: Mapping[str, str | SecretStr] = field(repr=False)
    variables: Mapping[str, str]
    keys_at: str = ""

    def text(self, key: str, /) -> str:
        """A value that is no secret; empty where it is not set."""
        return self._raw(key).strip()

    def flag(self, key: str, /) -> bool:
        """Whether a value says yes.

        Raises:
            ConfigurationError: It says neither yes nor no.
        """
        said = self.text(key).lower()
        if said not in {*_YES, *_NO}:
            raise ConfigurationError(
                f"{self.variables.get(key, key)} says neither yes nor no.", next_step="Set it to 1 or 0."
            )
        return said in _YES

    def secret(self, key: str, /) -> SecretStr | None:
        """A secret; None where it is not set.

        Raises:
            ConfigurationError: It holds what cannot stand in a header, such as a line break in its middle.
        """
        text = self.text(key)
        if not text and self._raw(key):
            msg = f"{self.variables.get(key, key)} is set to nothing but white space."
            raise ConfigurationError(msg, next_step="Set it, or unset it.")
        if not (text.isascii() and text.isprintable()):
            msg = f"{self.variables.get(key, key)} holds a character that no key has, such as a line break."
            raise ConfigurationError(msg, next_step="Copy the key again.")
        return SecretStr(text) if text else None

    def headers(self, key: str, /) -> dict[str, str]:
        r"""Headers of the operator's own: one `Name: value` per line.

        Raises:
            ConfigurationError: A line is none.

        Example:
            >>> values = {"custom_headers": "X-Team: film\nX-Door: open"}
            >>> Configuration(title="Acme", values=values, variables={}).headers("custom_headers")
            {'X-Team': 'film', 'X-Door': 'open'}
        """
        found = [_HEADER.fullmatch(line.strip()) for line in self.text(key).splitlines()]
        if None in found:
            msg = f"{self.variables.get(key, key)} holds a line that is no header."
            raise ConfigurationError(msg, next_step="Write one `Name: value` per line.")
        return {one[1]: one[2] for one in found if one}

    def endpoint(self, url_key: str, default_url: str, /, *, key: str | None) -> Endpoint:
        """An API: its address, else the usual one, with a bearer key.

        Args:
            url_key: Configuration key of the address.
            default_url: The usual address; empty where there is none.
            key: Configuration key of the key; None where the adapter signs otherwise, or not at all.

        Raises:
            MissingCredentials: There is no key although one is needed, or no address.
            ConfigurationError: The address cannot be used.
        """
        given = self.text(url_key).rstrip("/")
        if not given and not default_url:
            self.missing(url_key, "the address of a server")
        secret = self.secret(key) if key else None
        if key and secret is None and self.keys_at:
            self.missing(key, f"a key, which is made at {self.keys_at}")
        url = given or default_url
        return Endpoint(
            base_url=url,
            origin=self._origin(url, self.variables.get(url_key, url_key)),
            auth=HeaderKey(secret) if secret else None,
            trusted=bool(given),
        )

    def missing(self, key: str, what: str) -> Never:
        """Say that something is not set, and how to go on.

        Raises:
            MissingCredentials: Always.
        """
        variable = self.variables.get(key, key)
        msg = f"{self.title} needs {what}: {variable} is not set."
        hint = f'Set {variable}, or pass provider="local" for a preview made on this machine.'
        raise MissingCredentials(msg, next_step=hint)

    def clean(self, text: str) -> str:
        """A stranger's text without control characters and without the secrets of this configuration."""
        return printable(redact(text, self.secrets))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must not be shown."""
        # Of an environment every value comes as a secret; words that name a place or a model may be shown.
        hidden = [
            key
            for key, value in self.values.items()
            if _SECRET.search(key) or (isinstance(value, SecretStr) and key not in _SHOWN)
        ]
        lines = (line for key in hidden if key.endswith("headers") for line in self.text(key).splitlines())
        # Whoever repeats a header may leave out its name, or its scheme such as Basic.
        parts = (part for line in lines for part in (line.partition(":")[2].strip(), line.rpartition(" ")[2].strip()))
        return tuple(filter(None, (*map(self.text, hidden), *parts)))

    def _raw(self, key: str) -> str:
        value = self.values.get(key, "")
        return value.get_secret_value() if isinstance(value, SecretStr) else value

    def _origin(self, url: str, variable: str) -> Origin:
        try:
            origin = origin_of(url)
        except UnsafeUrl:
            origin = None
        if origin is None:
            msg = f"The address of {self.title} cannot be used: it has no host, or a login in it."
            raise ConfigurationError(msg, next_step=f"Correct {variable}.")
        plain = origin.scheme == "http" and (origin.loopback or self.flag("plain_http"))
        if origin.scheme != "https" and not plain:
            msg = f"The address of {self.title}, {origin}, is not https; plain http is for this machine only."
            allow = self.variables.get("plain_http")
            hint = f"Use https in {variable}" + (f", or set {allow}=1 for a network that you trust." if allow else ".")
            raise ConfigurationError(msg, next_step=hint)
        return origin
