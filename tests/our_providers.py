"""The providers of this library as keys set them up, with keys that are none: what there is to choose from."""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from typing import NamedTuple

from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.models import MediaKind, ModelCard, kind_of
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.providers.several import Several
from nexiom_sdk.providers.wire import Call
from nexiom_sdk.selection import spec_for
from nexiom_sdk.types import Candidate, DeliveredMedia, Media, Submission, VideoRequest

_KEY = "not-a-real-key"
_T2V, _I2V = "http://localhost:8091/v1", "http://localhost:8092/v1"
KEYS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "hunyuan": ("hunyuan", {"tokenhub_api_key": _KEY}),
    "hunyuan (own server)": ("hunyuan", {"t2v_base_url": _T2V, "i2v_base_url": _I2V}),
    "hunyuan (own server, pictures only)": ("hunyuan", {"i2v_base_url": _I2V}),
    "hunyuan (Tencent Cloud)": ("hunyuan", {"secret_id": "not-a-real-id", "secret_key": _KEY}),
    "kling": ("kling", {"api_key": _KEY}),
    "kling (pair of keys)": ("kling", {"access_key": _KEY, "secret_key": _KEY}),
    "luma": ("luma", {"api_key": _KEY}),
    "luma (older key)": ("luma", {"dream_machine_api_key": _KEY}),
    "openrouter": ("openrouter", {"api_key": _KEY}),
    "runway": ("runway", {"api_key": _KEY}),
    "seedance": ("seedance", {"api_key": _KEY}),
    "sora (own server)": ("sora", {"base_url": "http://localhost:8000/v1"}),
    "veo": ("veo", {"api_key": _KEY}),
    "veo (Vertex)": ("veo", {"project": "demo", "access_token": _KEY}),
}
"""Words for who has keys: provider, and its configuration."""

_HOSTED = ("kling", "luma", "openrouter", "runway", "seedance")
GROUPS: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "all": (*_HOSTED, "veo"),
    "everything": (
        *_HOSTED,
        *("hunyuan", "hunyuan (own server)", "luma (older key)", "sora (own server)", "veo (Vertex)"),
    ),
}
"""Words for several of them."""

_FILES: Mapping[MediaKind, tuple[str, bytes]] = {
    "image": (
        "image/png",
        base64.b64decode(
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
        ),
    ),
    "video": ("video/mp4", b"mp4"),
    "audio": ("audio/mpeg", b"mp3"),
}
_REGISTRY = ProviderRegistry()


class World(NamedTuple):
    """What there is to choose from.

    Args:
        providers: Those that are set up.
        unavailable: The others, with what is missing.
        cards: The cards of each provider that is set up.
    """

    providers: Mapping[str, VideoProvider]
    unavailable: Mapping[str, str]
    cards: Mapping[str, tuple[ModelCard, ...]]


@functools.cache
def world(*words: str) -> World:
    """The providers that are set up with these keys."""
    config: dict[str, dict[str, str]] = {name: {} for name in _REGISTRY.names()}
    for word in words:
        provider, values = KEYS[word]
        config[provider].update(values)
    made: dict[str, VideoProvider] = {}
    missing: dict[str, str] = {}
    for name, values in config.items():
        try:
            made[name] = _REGISTRY.create(name, values)
        except ConfigurationError as error:
            missing[name] = error.message
    return World(made, missing, {name: tuple(provider.models) for name, provider in made.items()})


def order(there: World, request: VideoRequest, one: Candidate) -> Call | None:
    """What the adapter of a chosen model would send for a request; None for a provider that sends nothing.

    Raises:
        NexiomError: It refuses.
    """
    provider = there.providers[one.provider]
    if isinstance(provider, Several):
        provider = next(api for api in provider.apis.values() if one.model in {card.model for card in api.models})
    if not isinstance(provider, HttpProvider):
        return None
    card = next(card for card in provider.models if card.model == one.model)
    spec = spec_for(request, one, tuple(_delivered(media, card) for media in request.references))
    return provider.submit_call(Submission(spec=spec, idempotency_key="j1.0"))


def _delivered(media: Media, card: ModelCard) -> DeliveredMedia:
    media_type, data = _FILES[kind_of(media.role)]
    if card.by_address(media.role):
        return DeliveredMedia(role=media.role, media_type=media_type, url=media.url)
    return DeliveredMedia(role=media.role, media_type=media_type, data=data)
