"""`hunyuan`: HunyuanVideo on a server of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import SecretStr

from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.hunyuan_comfyui import ComfyHunyuan
from nexiom_sdk.providers.hunyuan_config import VARIABLES
from nexiom_sdk.providers.hunyuan_vllm import VllmHunyuan
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.several import Several


class HunyuanProvider(Several):
    """Videos from HunyuanVideo, at whichever servers are set up.

    Args:
        config: What `VllmHunyuan` and `ComfyHunyuan` need.
        http: Bounds for network calls, the same for all.

    Raises:
        MissingCredentials: No server is set up.
        ConfigurationError: A value cannot be used.
    """

    name = "hunyuan"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES

    def set_up(
        self, config: Mapping[str, str | SecretStr], http: HttpOptions | None, /
    ) -> Mapping[str, VllmHunyuan | ComfyHunyuan]:
        """The servers that have an address."""
        said = Configuration(title="Hunyuan", values=config, variables=VARIABLES)
        apis: dict[str, VllmHunyuan | ComfyHunyuan] = {}
        if said.text("t2v_base_url") or said.text("i2v_base_url"):
            apis["vllm"] = VllmHunyuan(config, http=http)
        if said.text("comfyui_base_url"):
            apis["comfyui"] = ComfyHunyuan(config, http=http)
        return apis or said.missing("t2v_base_url", "the address of a server")
