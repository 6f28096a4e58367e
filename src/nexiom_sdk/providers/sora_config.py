"""What an operator says about a server that speaks the format `/v1/videos`, read with errors that name the variable."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.guard import Origin
from nexiom_sdk.providers.openai_videos import Dialect, ImageMode
from nexiom_sdk.providers.sora_cards import CLOSED_ON
from nexiom_sdk.wording import unknown

Word = TypeVar("Word", bound=str)
RequestFormat: TypeAlias = Literal["multipart", "json"]

VARIABLES: Mapping[str, str] = {
    "base_url": "OPENAI_BASE_URL",
    "api_key": "OPENAI_API_KEY",
    "webhook_secret": "OPENAI_WEBHOOK_SECRET",
    "models": "NEXIOM_SORA_MODELS",
    "request_format": "NEXIOM_SORA_REQUEST_FORMAT",
    "image_mode": "NEXIOM_SORA_IMAGE_MODE",
    "timeout_seconds": "NEXIOM_SORA_TIMEOUT_SECONDS",
    "cancels": "NEXIOM_SORA_CANCELS",
    "plain_http": "NEXIOM_SORA_PLAIN_HTTP",
}
"""Configuration key to environment variable."""

_CLOSED_HOSTS = (".openai.com", ".openai.azure.com")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How a server wants to be asked.

    Args:
        dialect: How orders are written.
        models: Names of the models that it serves, the usual one first; empty where it wants none named.
        timeout_seconds: Longest time to wait for the answer to an order; None: as for any call.
    """

    dialect: Dialect
    models: tuple[str, ...] = ()
    timeout_seconds: float | None = None


def server_of(config: Configuration) -> Server:
    """How the configured server wants to be asked.

    Raises:
        ConfigurationError: A value cannot be used.
    """
    json = _word(config, "request_format", get_args(RequestFormat)) == "json"
    image_mode: ImageMode = _word(config, "image_mode", get_args(ImageMode))
    if image_mode == "string" and not json:
        msg = f"{VARIABLES['image_mode']}=string is for orders in JSON."
        raise ConfigurationError(msg, next_step=f"Set {VARIABLES['request_format']}=json too.")
    names = (name.strip() for name in config.text("models").split(","))
    return Server(
        dialect=Dialect(json=json, image_mode=image_mode),
        models=tuple(filter(None, names)),
        timeout_seconds=_timeout_seconds(config),
    )


def check_open(origin: Origin) -> None:
    """Let every server pass but those that have closed.

    Raises:
        ConfigurationError: It is OpenAI's or Azure's.

    Example:
        >>> check_open(Origin("https", "api.openai.com", 443))
        Traceback (most recent call last):
        nexiom_sdk.errors.ConfigurationError: api.openai.com makes no videos any more: ...
    """
    host = origin.host.rstrip(".")
    if f".{host}".endswith(_CLOSED_HOSTS):
        msg = f"{host} makes no videos any more: OpenAI closed the service on {CLOSED_ON}, and Azure before."
        hint = f"Set {VARIABLES['base_url']} to a server of your own, such as vLLM-Omni, or choose another provider."
        raise ConfigurationError(msg, next_step=hint)


def _word(config: Configuration, key: str, allowed: Sequence[Word]) -> Word:
    """One of the allowed words; the first one where nothing is set."""
    text = config.text(key) or allowed[0]
    found = next((word for word in allowed if word == text), None)
    if found is None:
        msg = f"{VARIABLES[key]} cannot be used. {unknown(key.replace('_', ' '), text, allowed)}"
        raise ConfigurationError(msg)
    return found


def _timeout_seconds(config: Configuration) -> float | None:
    text = config.text("timeout_seconds")
    try:
        seconds = float(text) if text else None
    except ValueError:
        seconds = math.nan
    if seconds is not None and not 0 < seconds < math.inf:
        msg = f"{VARIABLES['timeout_seconds']} is no number of seconds above 0."
        raise ConfigurationError(msg)
    return seconds
