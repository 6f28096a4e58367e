"""Tokens by Google's own library, google-auth, which is loaded when the first one is needed. It blocks.

Source: google-auth 2.63; as of 2026-11-22.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
import warnings
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, cast

from pydantic import SecretStr

from nexiom_sdk.errors import AuthenticationFailed, ConfigurationError, NexiomError, ProviderUnavailable
from nexiom_sdk.providers.veo_tokens import Grant, in_utc

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_PROVIDER = "veo"
_UNREACHABLE = "TransportError"
_NOT_USABLE = "DefaultCredentialsError"


class _Credentials(Protocol):
    """What is used of Google's credentials."""

    token: str | None
    expiry: datetime | None

    def refresh(self, request: object, /) -> None: ...


class _Auth(Protocol):
    """What is used of `google.auth`."""

    def default(self, *, scopes: Sequence[str]) -> tuple[_Credentials, object]: ...
    def load_credentials_from_file(self, filename: str, /, *, scopes: Sequence[str]) -> tuple[_Credentials, object]: ...


class _Requests(Protocol):
    """What is used of `google.auth.transport.requests`."""

    def Request(self) -> object: ...  # noqa: N802 - a class of theirs


class GoogleCredentials:
    """Credentials from a file, or those that are found on this machine.

    Args:
        file: A file with credentials; empty: Application Default Credentials.

    Raises:
        ConfigurationError: The library is not installed.
    """

    def __init__(self, file: str = "") -> None:
        if not _installed():
            msg = "Vertex AI needs the package google-auth, or a token_provider."
            raise ConfigurationError(msg, next_step='Install it: pip install "nexiom_sdk[vertex]".')
        self._file = file
        self._credentials: _Credentials | None = None
        self._alone = threading.Lock()  # a fetch whose caller gave up goes on in its thread

    def __call__(self) -> Grant:
        """A new token; blocks.

        Raises:
            ConfigurationError: There are no credentials, or they cannot be used.
            AuthenticationFailed: Google refuses them.
            ProviderUnavailable: Google cannot be reached now.
        """
        transport = cast("_Requests", importlib.import_module("google.auth.transport.requests"))
        try:
            with self._alone:
                credentials = self._credentials = self._credentials or self._loaded()
                credentials.refresh(transport.Request())
                return _granted(credentials)
        except Exception as refused:  # noqa: BLE001 - it may quote the credentials, so only its class is told
            error = self._meaning(refused)
        raise error  # outside of the handler: Google's own error would come along

    def _loaded(self) -> _Credentials:
        google = cast("_Auth", importlib.import_module("google.auth"))
        if not self._file:
            return google.default(scopes=_SCOPES)[0]
        with warnings.catch_warnings():
            # It warns of files from strangers; this one is the operator's own.
            warnings.simplefilter("ignore", DeprecationWarning)
            return google.load_credentials_from_file(self._file, scopes=_SCOPES)[0]

    def _meaning(self, refused: Exception) -> NexiomError:
        kinds = {kind.__name__ for kind in type(refused).__mro__}
        if _NOT_USABLE in kinds:
            place = "GOOGLE_APPLICATION_CREDENTIALS names no usable file" if self._file else "none are set up here"
            hint = "Run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS."
            return ConfigurationError(f"There are no credentials for Google: {place}.", next_step=hint, charged="no")
        if _UNREACHABLE in kinds or getattr(refused, "retryable", False):
            return ProviderUnavailable(f"Google gave no token: {type(refused).__name__}.", provider=_PROVIDER)
        return AuthenticationFailed(f"Google refused the credentials: {type(refused).__name__}.", provider=_PROVIDER)


def _granted(credentials: _Credentials) -> Grant:
    quota_project: object = getattr(credentials, "quota_project_id", None)
    return Grant(
        token=SecretStr(credentials.token or ""),
        expires_at=in_utc(credentials.expiry),
        quota_project=quota_project if isinstance(quota_project, str) else "",
    )


def _installed() -> bool:
    try:
        return all(importlib.util.find_spec(name) for name in ("google.auth", "requests"))
    except ModuleNotFoundError:  # not even the package `google` is there
        return False
