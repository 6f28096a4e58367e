"""What an operator says about Kling: a key or a pair of keys, and the region that they belong to."""

from __future__ import annotations

from collections.abc import Mapping

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import ConfigurationError, MissingCredentials
from nexiom_sdk.providers.auth_jwt import JwtHs256
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.wording import unknown

VARIABLES: Mapping[str, str] = {
    "api_key": "KLINGAI_API_KEY",
    "access_key": "KLINGAI_ACCESS_KEY",
    "secret_key": "KLINGAI_SECRET_KEY",
    "region": "NEXIOM_KLING_REGION",
    "base_url": "KLINGAI_BASE_URL",
    "webhook_secret": "KLINGAI_WEBHOOK_SECRET",
    "models": "NEXIOM_KLING_MODELS",
}
"""Configuration key to environment variable."""

OTHER_VARIABLES: Mapping[str, str] = {
    "KLING_API_KEY": "api_key",
    "KLING_ACCESS_KEY": "access_key",
    "KLING_SECRET_KEY": "secret_key",
}
"""Further variables that much public code reads, to configuration key."""

_REGIONS: Mapping[str, str] = {
    "singapore": "https://api-singapore.klingai.com",
    "beijing": "https://api-beijing.klingai.com",
}


def region_url(config: Configuration) -> str:
    """The usual address in the region.

    Raises:
        ConfigurationError: There is no such region.
    """
    region = config.text("region").lower() or "singapore"
    if region not in _REGIONS:
        msg = unknown("region of Kling", region, tuple(_REGIONS))
        raise ConfigurationError(msg, next_step=f"Correct {VARIABLES['region']}.")
    return _REGIONS[region]


def pair_of(config: Configuration, clock: Clock) -> JwtHs256 | None:
    """The pair of keys; None where there is an API key, which opens more.

    Raises:
        MissingCredentials: There is neither a key nor a whole pair.
        ConfigurationError: A key cannot stand in a header.
    """
    if config.secret("api_key") is not None:
        return None
    access, secret = config.secret("access_key"), config.secret("secret_key")
    if access is None and secret is None:
        key, one, other = (VARIABLES[name] for name in ("api_key", "access_key", "secret_key"))
        msg = f"Kling needs a key, which is made at {config.keys_at}: neither {key} nor {one} with {other} is set."
        hint = f'Set {key}, or {one} and {other}, or pass provider="local" for a preview made on this machine.'
        raise MissingCredentials(msg, next_step=hint)
    if access is None or secret is None:
        config.missing("access_key" if access is None else "secret_key", "both keys of a pair")
    return JwtHs256(issuer=access, key=secret, clock=clock)
