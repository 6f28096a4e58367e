"""What an operator says about Hunyuan, for every API that has its videos."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.providers.configuration import Configuration

VARIABLES: Mapping[str, str] = {
    "base_url": "TENCENT_TOKENHUB_BASE_URL",
    "tokenhub_api_key": "TENCENT_TOKENHUB_API_KEY",
    "prompt_max_chars": "NEXIOM_HUNYUAN_PROMPT_MAX_CHARS",
    "models": "NEXIOM_HUNYUAN_MODELS",
    "secret_id": "TENCENTCLOUD_SECRET_ID",
    "secret_key": "TENCENTCLOUD_SECRET_KEY",
    "security_token": "TENCENTCLOUD_SESSION_TOKEN",
    "region": "TENCENTCLOUD_REGION",
    "vclm_base_url": "NEXIOM_HUNYUAN_VCLM_BASE_URL",
    "t2v_base_url": "NEXIOM_HUNYUAN_T2V_BASE_URL",
    "i2v_base_url": "NEXIOM_HUNYUAN_I2V_BASE_URL",
    "self_hosted_api_key": "NEXIOM_HUNYUAN_API_KEY",
    "comfyui_base_url": "NEXIOM_HUNYUAN_COMFYUI_BASE_URL",
    "comfyui_headers": "NEXIOM_HUNYUAN_COMFYUI_HEADERS",
    "workflow_t2v": "NEXIOM_HUNYUAN_WORKFLOW_T2V",
    "workflow_i2v": "NEXIOM_HUNYUAN_WORKFLOW_I2V",
    "plain_http": "NEXIOM_HUNYUAN_PLAIN_HTTP",
}
"""Configuration key to environment variable."""

ALSO: Mapping[str, str] = {"TOKENHUB_API_KEY": "tokenhub_api_key"}
"""Further variables, read where the one above is unset."""

CREDENTIAL_SETS: Sequence[Sequence[str]] = (
    ("tokenhub_api_key",),
    ("secret_id", "secret_key"),
    ("secret_id", "secret_key", "security_token"),
    ("t2v_base_url",),
    ("i2v_base_url",),
    ("comfyui_base_url",),
)
"""Keys that belong together: where one set is given, the environment adds nothing of another."""

_USUAL_PROMPT_CHARS = 200
_USUAL_REGION = "ap-guangzhou"
_REGION = re.compile(r"[a-z0-9-]{1,40}")


def prompt_max_chars(config: Configuration) -> int:
    """Longest prompt at TokenHub in characters, which its documentation does not say.

    Raises:
        ConfigurationError: It is no whole number above 0.

    Example:
        >>> prompt_max_chars(Configuration(title="TokenHub", values={"prompt_max_chars": "800"}, variables=VARIABLES))
        800
    """
    text = config.text("prompt_max_chars")
    if not text:
        return _USUAL_PROMPT_CHARS
    chars = int(text) if text.isascii() and text.isdigit() and len(text) < len("1000000") else 0
    if not chars:
        raise ConfigurationError(f"{VARIABLES['prompt_max_chars']} is no whole number of characters above 0.")
    return chars


def region(config: Configuration) -> str:
    """The region of Tencent Cloud that is asked.

    Raises:
        ConfigurationError: It cannot be the name of one.
    """
    name = config.text("region") or _USUAL_REGION
    if not _REGION.fullmatch(name):
        msg = f"{VARIABLES['region']} is no region of Tencent Cloud."
        raise ConfigurationError(msg, next_step=f"Write it as in {_USUAL_REGION}.")
    return name
