"""What Google's two video APIs share: where they are, how they refuse, and the bucket that their results may lie in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar
from urllib.parse import quote

from pydantic import SecretStr

from nexiom_sdk.errors import ConfigurationError, ProviderError, ProviderUnavailable
from nexiom_sdk.google_addresses import object_at
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.auth import Auth, HeaderKey
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.configuration import Endpoint
from nexiom_sdk.providers.model_names import ModelNames
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.veo_refusals import refusal_in
from nexiom_sdk.providers.veo_tokens import Tokens
from nexiom_sdk.providers.wire import Call, Reply, segment
from nexiom_sdk.types import Asset

VARIABLES: Mapping[str, str] = {
    "api_key": "GOOGLE_API_KEY",
    "project": "GOOGLE_CLOUD_PROJECT",
    "location": "GOOGLE_CLOUD_LOCATION",
    "credentials": "GOOGLE_APPLICATION_CREDENTIALS",
    "access_token": "NEXIOM_VEO_ACCESS_TOKEN",
    "transport": "NEXIOM_VEO_TRANSPORT",
    "use_vertex": "GOOGLE_GENAI_USE_ENTERPRISE",
    "storage_uri": "NEXIOM_VEO_STORAGE_URI",
    "models": "NEXIOM_VEO_MODELS",
    "api_version": "GOOGLE_GENAI_API_VERSION",
    "base_url": "GOOGLE_GEMINI_BASE_URL",
    "vertex_base_url": "GOOGLE_VERTEX_BASE_URL",
    "storage_base_url": "NEXIOM_VEO_STORAGE_BASE_URL",
}
GEMINI = "https://generativelanguage.googleapis.com"
MOST_BYTES_INLINE = 256 * 1024 * 1024  # a clip as base64 has tens of megabytes
_STORAGE = "https://storage.googleapis.com/storage/v1"
_LOCATION = re.compile(r"[a-z0-9-]+")
_REFUSED_TOKEN = 401


class GoogleApi(HttpProvider):
    """Base of the adapters of both APIs.

    Args:
        config: Configuration by key, see `VARIABLES`.
        http: Bounds for network calls.
        tokens: Signs calls to Vertex AI; None: the Gemini API is meant, which takes a key.

    Attributes:
        default_location: Where at Vertex AI.
        vertex_version: Version of the API there.
    """

    name = "veo"
    title = "Google"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES
    default_location: ClassVar[str]
    vertex_version: ClassVar[str]
    names: ModelNames

    def __init__(
        self,
        config: Mapping[str, str | SecretStr],
        /,
        *,
        http: HttpOptions | None = None,
        tokens: Auth | None = None,
    ) -> None:
        self.tokens: Auth | None = tokens
        super().__init__(config, http=http)
        _ = self.storage_uri  # a wrong one is found now, not with an order

    def endpoints(self) -> Sequence[Endpoint]:
        """The API, and at Vertex AI the storage as well, which takes the same tokens."""
        if self.tokens is None:
            key = self.config.secret("api_key")
            if key is None:
                self.config.missing("api_key", "a key, which is made at https://aistudio.google.com/apikey")
            gemini = self.config.endpoint("base_url", GEMINI, key=None)
            return (replace(gemini, auth=HeaderKey(key, header="x-goog-api-key", prefix="")),)
        if not self.config.text("project"):
            self.config.missing("project", "a Google Cloud project")
        vertex = self.config.endpoint("vertex_base_url", vertex_url(self.location), key=None)
        storage = self.config.endpoint("storage_base_url", _STORAGE, key=None)
        return tuple(replace(one, auth=self.tokens) for one in (vertex, storage))

    def read_error(self, reply: Reply, /) -> ProviderError | None:
        """A refusal that Google documents. A token that was refused is not used again; its successor gets one try."""
        refusal = refusal_in(reply)
        if refusal is None:
            return None
        if reply.status == _REFUSED_TOKEN and isinstance(self.tokens, Tokens) and self.tokens.forget():
            return self.error(ProviderUnavailable, reply, "the token was refused; the next try has a new one")
        error = self.error(refusal.kind, reply, refusal.text, code=refusal.word)
        if error.retry_after_seconds is None:
            error.retry_after_seconds = refusal.wait_seconds
        return error

    async def check(self) -> None:
        """Ask for the first model that is offered, which is free."""
        model = next(card.model for card in self.models if card.lifecycle != "retired")
        parent = "" if self.tokens is None else "/publishers/google"
        await self.send(Call("GET", f"/{self.version}{parent}/models/{segment(self.names.id_of(model))}"))

    def card(self, model: str) -> ModelCard | None:
        """The card of a model."""
        return next((card for card in self.models if card.model == model), None)

    @cached_property
    def location(self) -> str:
        """Where at Vertex AI.

        Raises:
            ConfigurationError: It is no place's name.
        """
        said = self.config.text("location") or self.default_location
        if not _LOCATION.fullmatch(said):
            raise ConfigurationError("GOOGLE_CLOUD_LOCATION holds something that is no location, such as us-central1.")
        return said

    @cached_property
    def version(self) -> str:
        """Version of the API, as a segment of a path."""
        said = self.config.text("api_version")
        usual = "v1beta" if self.tokens is None else self.vertex_version
        return usual if said in {"", "beta"} else segment(said)

    @cached_property
    def parent(self) -> str:
        """What the paths of the API begin with."""
        if self.tokens is None:
            return f"/{self.version}"
        return f"/{self.version}/projects/{segment(self.config.text('project'))}/locations/{self.location}"

    @cached_property
    def storage_uri(self) -> str:
        """Where results shall be put in Cloud Storage; empty: nowhere.

        Raises:
            ConfigurationError: It is no such place.
        """
        said = self.config.text("storage_uri")
        if said and not said.startswith("gs://"):
            raise ConfigurationError("NEXIOM_VEO_STORAGE_URI is no place in Cloud Storage: it begins with gs://.")
        return said if self.tokens is not None else ""

    def asset(self, address: str, media_type: str | None = None) -> Asset:
        """A result at an address; one in Cloud Storage is fetched with our token, any other without."""
        stored = object_at(address)
        if stored is None or self.tokens is None:
            return Asset(url=address, media_type=media_type or "video/mp4")
        bucket, name = (quote(part, safe="") for part in stored)
        url = f"{self._endpoints[1].base_url}/b/{bucket}/o/{name}?alt=media"
        return Asset(url=url, media_type=media_type or "video/mp4", needs_auth=True)


def vertex_url(location: str) -> str:
    """The address of Vertex AI at a place; whatever the place is called, it is one of Google's hosts."""
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if location in {"us", "eu"}:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"
