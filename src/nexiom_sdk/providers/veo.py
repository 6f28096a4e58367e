"""`veo`: Google's models for video, Gemini Omni and Veo 3.1, by the Gemini API or by Vertex AI.

Sources: the official package `google-genai` 3.4.0 and requests captured with it, Google's pages and notebooks as seen
in autumn 2026; as of 2026-11-22. No live account was used. What is peculiar:

- The Gemini API takes a key and has Gemini Omni only: Veo is closed there since 2026-10-22. Vertex AI takes tokens,
  which last an hour, and has both. Which of the two is used is configured.
- An order of Veo is an operation with a long name; it is looked at by POST, in the region that the name says.
- Success without a video is how Veo's moderation shows. A refusal of Gemini Omni may be a text instead of a video.
- Results come inside the reply as base64, in Cloud Storage, or, from the Gemini API, in a file that lives 48 hours.
- Addresses of references are never opened by Google: it takes bytes and, at Vertex AI, `gs://`.
- Gemini Omni can be stopped, Veo cannot. There is no progress.
- There is neither an idempotency key nor a list of orders: an order whose answer was lost stays uncertain. A 503 is no
  refusal: nobody documents that it means one.
- Callbacks are left out: those that an order can ask for are signed in a way that could not be verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal, TypeAlias

from pydantic import SecretStr

from nexiom_sdk.errors import ConfigurationError, MissingCredentials
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.auth import Auth, HeaderKey
from nexiom_sdk.providers.base import HttpProvider
from nexiom_sdk.providers.configuration import Configuration
from nexiom_sdk.providers.protocol import HttpOptions
from nexiom_sdk.providers.several import Several
from nexiom_sdk.providers.veo_api import VARIABLES
from nexiom_sdk.providers.veo_cards import OMNI, OMNI_GONE, VEO, VEO_GONE, VEO_PREVIEWS_GONE
from nexiom_sdk.providers.veo_credentials import GoogleCredentials
from nexiom_sdk.providers.veo_omni import VeoOmni
from nexiom_sdk.providers.veo_tokens import TokenProvider, Tokens
from nexiom_sdk.providers.veo_vertex import VeoVertex
from nexiom_sdk.types import Operation
from nexiom_sdk.wording import unknown

Transport: TypeAlias = Literal["vertex", "gemini"]

_SECRETS = frozenset({"api_key", "access_token"})


class VeoProvider(Several):
    """Videos from Google.

    Args:
        config: For the Gemini API `api_key`. For Vertex AI `project`, and perhaps `location`, `credentials` (a file),
            `access_token` and `storage_uri`. `transport`: vertex or gemini; not set: Vertex AI where there is a
            project with credentials. `models`: names of more models, or other ids. Perhaps `api_version` and addresses.
        http: Bounds for network calls.
        token_provider: Gives tokens for Vertex AI instead of google-auth: a function, or a coroutine function, that
            returns a token, or a token and when it ends. It may block: it is called in a thread.

    Raises:
        MissingCredentials: There is neither a key nor a project.
        ConfigurationError: A value cannot be used, or google-auth is needed and not installed.

    Example:
        >>> VeoProvider({"api_key": "not-a-real-key"}).models[0].model
        'gemini-omni-1.1-flash'
        >>> made = VeoProvider({"project": "demo"}, token_provider=lambda: "not-a-real-token")
        >>> made.models[0].model
        'veo-3.1-generate-001'
    """

    name = "veo"
    config_env: ClassVar[Mapping[str, str]] = VARIABLES
    config_env_also: ClassVar[Mapping[str, str]] = {
        "GEMINI_API_KEY": "api_key",
        "GOOGLE_GENAI_USE_VERTEXAI": "use_vertex",
    }
    credential_sets: ClassVar[Sequence[Sequence[str]]] = (
        ("api_key",),
        ("project", "access_token"),
        ("project", "credentials"),
    )

    cards: ClassVar[Sequence[ModelCard]] = (*OMNI, *VEO, *OMNI_GONE, *VEO_GONE, *VEO_PREVIEWS_GONE)

    def __init__(
        self,
        config: Mapping[str, str | SecretStr],
        /,
        *,
        http: HttpOptions | None = None,
        token_provider: TokenProvider | None = None,
    ) -> None:
        self._token_provider = token_provider
        super().__init__(config, http=http)

    def set_up(self, config: Mapping[str, str | SecretStr], http: HttpOptions | None, /) -> Mapping[str, HttpProvider]:
        """Gemini Omni, and at Vertex AI Veo before it."""
        # Of an environment everything comes as a secret; words such as a project's name may be shown in errors.
        values = {
            key: value.get_secret_value() if isinstance(value, SecretStr) and key not in _SECRETS else value
            for key, value in config.items()
        }
        read = Configuration(title="Google", values=values, variables=self.config_env)
        if _transport(read, tokens=self._token_provider is not None) == "gemini":
            return {"omni": VeoOmni(values, http=http)}
        tokens = self._tokens(read, http or HttpOptions())
        veo, omni = _split(read.text("models"))
        return {
            "veo": VeoVertex({**values, "models": veo}, http=http, tokens=tokens),
            "omni": VeoOmni({**values, "models": omni}, http=http, tokens=tokens),
        }

    def _tokens(self, config: Configuration, http: HttpOptions) -> Auth:
        if self._token_provider is None and (ready := config.secret("access_token")) is not None:
            return HeaderKey(ready)
        source = self._token_provider or GoogleCredentials(config.text("credentials"))
        return Tokens(source, clock=http.clock, longest_seconds=http.call_timeout_seconds)

    def _places(self, operation: Operation) -> Sequence[HttpProvider]:
        """The API that has an order: its id tells, also of one that a person found."""
        word = "veo" if "/operations/" in operation.id else "omni"
        return super()._places(replace(operation, state={**operation.state, "api": word}))


def _transport(config: Configuration, *, tokens: bool) -> Transport:
    """Which way is configured.

    A project alone is no choice: many machines have one set for something else, and credentials of their own too.

    Raises:
        MissingCredentials: None is.
        ConfigurationError: A word that is none.
    """
    said = config.text("transport")
    if said:
        if said not in {"vertex", "gemini"}:
            raise ConfigurationError(f"NEXIOM_VEO_TRANSPORT: {unknown('way', said, ('vertex', 'gemini'))}")
        return "vertex" if said == "vertex" else "gemini"
    if config.text("use_vertex"):
        return "vertex" if config.flag("use_vertex") else "gemini"
    if config.text("project") and (tokens or config.text("credentials") or config.text("access_token")):
        return "vertex"
    if not config.text("api_key"):
        msg = (
            "Google needs GOOGLE_API_KEY for the Gemini API; or for Vertex AI GOOGLE_CLOUD_PROJECT with "
            "GOOGLE_APPLICATION_CREDENTIALS or NEXIOM_VEO_ACCESS_TOKEN."
        )
        hint = (
            "Set one of these; NEXIOM_VEO_TRANSPORT=vertex takes the credentials that this machine has already. "
            'Or pass provider="local" for a preview made on this machine.'
        )
        raise MissingCredentials(msg, next_step=hint)
    return "gemini"


def _split(models: str) -> tuple[str, str]:
    """The operator's names of models, as those of Veo and those of Gemini Omni."""
    entries = [entry.strip() for entry in models.split(",")]
    omni = [entry for entry in entries if any(part.strip().startswith("gemini") for part in entry.split("="))]
    return ",".join(entry for entry in entries if entry not in omni), ",".join(omni)
