"""Which project of Supabase, and whether a key may be sent there."""

from __future__ import annotations

import base64
import ipaddress
import re
from contextlib import suppress

from pydantic import SecretStr

from nexiom_sdk.backends.supabase_json import read_fields
from nexiom_sdk.errors import ConfigurationError

_ADDRESS = re.compile(
    r"http(?P<tls>s)?://(?P<host>[\w-]{1,63}(\.[\w-]{1,63})*|\[::1\])(:(?P<port>\d{1,5}))?(?P<path>/[\w./-]*)?",
    re.ASCII | re.IGNORECASE,
)
_SITES = {"supabase.com", "www.supabase.com", "app.supabase.com", "app.supabase.io"}
_SERVICE = re.compile(r"/(storage|rest|auth|functions|realtime|graphql)/v\d", re.IGNORECASE)
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_MOST_PORT = 65_535
_URL = "NEXIOM_SUPABASE_URL"
_KEY = "NEXIOM_SUPABASE_SECRET_KEY"
_WRITE_IT = "Write it like https://abc.supabase.co, as the project's API settings show it."
_RIGHT_KIND = "Use a secret key (sb_secret_...) from the project's API settings, or the older service_role."


def checked_url(url: str) -> str:
    """The address of a project, without a slash at its end.

    Raises:
        ConfigurationError: It is no web address, or one that a key must not be sent to; it is not quoted, for it may
            hold a password.

    Example:
        >>> checked_url("https://abc.supabase.co/")
        'https://abc.supabase.co'
    """
    found = _ADDRESS.fullmatch(url)
    if found is None or int(found["port"] or 0) > _MOST_PORT:
        raise ConfigurationError(f"{_URL} is not the address of a project.", next_step=_WRITE_IT)
    if not found["tls"] and not _is_this_machine(found["host"].strip("[]")):
        raise ConfigurationError(f"{_URL} is not https: the secret key would be sent in the open.", next_step=_WRITE_IT)
    host, path = found["host"].lower(), (found["path"] or "").rstrip("/")
    if host in _SITES:
        msg = f"{_URL} is a page of Supabase's own site, and not the address of a project."
        raise ConfigurationError(msg, next_step=_WRITE_IT)
    # A project of one's own may stand in a folder of its host, but never inside one of its own services.
    if path and (host.endswith(".supabase.co") or _SERVICE.search(path)):
        msg = f"{_URL} has a path behind the address of the project."
        raise ConfigurationError(msg, next_step=f"Leave the path out. {_WRITE_IT}")
    return url.rstrip("/")


def check_secret(key: SecretStr) -> None:
    """Let a key pass that may be one for servers.

    Raises:
        ConfigurationError: It is one for apps, which would be told that nothing exists; or none that Supabase makes.
    """
    if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
        raise ConfigurationError(f"{_KEY} is no key: it is empty, or has spaces or strange characters.")
    if key.get_secret_value().startswith("sb_publishable_") or _role(key) == "anon":
        raise ConfigurationError(f"{_KEY} is a key for apps (publishable, anon).", next_step=_RIGHT_KIND)
    if not (key.get_secret_value().startswith("sb_secret_") or _TOKEN.fullmatch(key.get_secret_value())):
        raise ConfigurationError(f"{_KEY} is no key of Supabase.", next_step=_RIGHT_KIND)


def _is_this_machine(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower() == "localhost"


def _role(key: SecretStr) -> object:
    """The role that a token claims; None where the key is none."""
    with suppress(ValueError, IndexError):
        claims = key.get_secret_value().split(".")[1]
        return read_fields(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("role")
    return None
