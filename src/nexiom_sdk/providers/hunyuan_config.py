"""The configuration of `hunyuan`: keys and variables of all its APIs."""

from __future__ import annotations

from collections.abc import Mapping

VARIABLES: Mapping[str, str] = {
    "base_url": "TENCENT_TOKENHUB_BASE_URL",
    "t2v_base_url": "NEXIOM_HUNYUAN_T2V_BASE_URL",
    "i2v_base_url": "NEXIOM_HUNYUAN_I2V_BASE_URL",
    "self_hosted_api_key": "NEXIOM_HUNYUAN_API_KEY",
    "comfyui_base_url": "NEXIOM_HUNYUAN_COMFYUI_BASE_URL",
    "comfyui_headers": "NEXIOM_HUNYUAN_COMFYUI_HEADERS",
    "workflow_t2v": "NEXIOM_HUNYUAN_WORKFLOW_T2V",
    "workflow_i2v": "NEXIOM_HUNYUAN_WORKFLOW_I2V",
    "plain_http": "NEXIOM_HUNYUAN_PLAIN_HTTP",
    "models": "NEXIOM_HUNYUAN_MODELS",
}
"""Configuration key to environment variable."""
