"""`hunyuan`: Tencent's Hunyuan Video, at whichever of its APIs is set up.

Sources: see `hunyuan_tokenhub`, `hunyuan_vclm`, `hunyuan_vllm` and `hunyuan_comfyui`; as of 2026-11-22. What is
peculiar:

- The APIs share the model and nothing else. Two are Tencent's, two are servers of one's own with the open weights. Each
  is set up by what it needs, and several may be at once.
- Only ComfyUI lets an order be found whose answer was lost: that works where ComfyUI alone is set up.
- The secrets that `vclm` needs are those of all of Tencent Cloud, so many machines have them for something else. It is
  the last resort: its model is offered only where nothing else is set up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from pydantic import SecretStr

from nexiom_sdk.errors import MissingCredentials
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.hunyuan_cards import TOKENHUB, VCLM
from nexiom_sdk.providers.hunyuan_comfyui import ComfyHunyuan
from nexiom_sdk.providers.hunyuan_config import ALSO, CREDENTIAL_SETS, VARIABLES
from nexiom_sdk.providers.hunyuan_open_cards import CARD, OPEN_ON_COMFYUI
from nexiom_sdk.providers.hunyuan_tokenhub import TokenHubHunyuan
from nexiom_sdk.providers.hunyuan_vclm import VclmHunyuan
from nexiom_sdk.providers.hunyuan_vllm import VllmHunyuan
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.several import Several


class _Api(NamedTuple):
    """An API: its adapter, and the configuration that sets it up: all keys of one of these sets."""

    adapter: type[HttpProvider]
    needs: tuple[tuple[str, ...], ...]


_LAST_RESORT = "vclm"
_APIS: Mapping[str, _Api] = {
    "tokenhub": _Api(TokenHubHunyuan, (("tokenhub_api_key",),)),
    "vllm": _Api(VllmHunyuan, (("t2v_base_url",), ("i2v_base_url",))),
    "comfyui": _Api(ComfyHunyuan, (("comfyui_base_url",),)),
    _LAST_RESORT: _Api(VclmHunyuan, (("secret_id", "secret_key"),)),
}


class HunyuanProvider(Several):
    """Videos from Hunyuan.

    Args:
        config: `tokenhub_api_key`, `t2v_base_url` or `i2v_base_url`, `comfyui_base_url`, or `secret_id` and
            `secret_key`; more in `hunyuan_config`.
        http: Bounds for network calls.

    Raises:
        MissingCredentials: No API is set up.
        ConfigurationError: An address, a key or a number cannot be used.

    Example:
        >>> pair = {"secret_id": "not-a-real-id", "secret_key": "not-a-real-key"}
        >>> [card.model for card in HunyuanProvider(pair).models]
        ['hunyuan-vclm']
        >>> [card.model for card in HunyuanProvider({**pair, "tokenhub_api_key": "not-a-real-key"}).models]
        ['hy-video-v1.5']
    """

    name = "hunyuan"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES
    config_env_also: ClassVar[Mapping[str, str]] = ALSO
    credential_sets: ClassVar[Sequence[Sequence[str]]] = CREDENTIAL_SETS

    cards: ClassVar[Sequence[ModelCard]] = (TOKENHUB, CARD, CARD.evolve(model=OPEN_ON_COMFYUI), VCLM)

    def set_up(self, config: Mapping[str, str | SecretStr], http: HttpOptions | None, /) -> Mapping[str, HttpProvider]:
        """The adapters of the APIs that have what they need, in the order of the table."""
        known = Configuration(title="Hunyuan", values=config, variables=VARIABLES)
        found = {
            word: api.adapter(config, http=http)
            for word, api in _APIS.items()
            if any(all(map(known.text, keys)) for keys in api.needs)
        }
        if not found:
            ways = [" and ".join(VARIABLES[key] for key in keys) for api in _APIS.values() for keys in api.needs]
            msg = f"Hunyuan is not set up: it needs {', or '.join(ways)}."
            hint = 'Set what one of these ways needs, or pass provider="local" for a preview made on this machine.'
            raise MissingCredentials(msg, next_step=hint)
        return found

    @property
    def models(self) -> Sequence[ModelCard]:
        """The models of all APIs; those of the last resort only where there is no other."""
        asked = [api for word, api in self.apis.items() if word != _LAST_RESORT] or self.apis.values()
        return [card for api in asked for card in api.models]
