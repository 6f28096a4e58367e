from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import google.auth
import pytest
from google.auth import exceptions

from nexiom_sdk.errors import AuthenticationFailed, ConfigurationError, NexiomError, ProviderUnavailable
from nexiom_sdk.providers.veo import VeoProvider
from nexiom_sdk.providers.veo_credentials import GoogleCredentials

CLOUD = "https://www.googleapis.com/auth/cloud-platform"


class Found:
    """Credentials as Google's library finds them."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.token: str | None = None
        self.expiry: datetime | None = None
        self.quota_project_id = "quota-project"
        self.trouble = trouble

    def refresh(self, request: object) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.token, self.expiry = "ya29.CANARY", datetime(2026, 11, 25, 13)  # noqa: DTZ001 - as the library has it


def trouble_of(kind: str, **facts: bool) -> Exception:
    made = getattr(exceptions, kind)("CANARY", **facts)
    assert isinstance(made, Exception)
    return made


def find(monkeypatch: pytest.MonkeyPatch, found: Found | Exception) -> list[object]:
    asked: list[object] = []

    def default(*, scopes: object) -> tuple[Found, str]:
        asked.append(scopes)
        if isinstance(found, Exception):
            raise found
        return found, "project"

    monkeypatch.setattr(google.auth, "default", default)
    return asked


def test_what_is_found_on_this_machine_gives_tokens_for_google_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = find(monkeypatch, Found())
    credentials = GoogleCredentials()
    grants = [credentials(), credentials()]
    assert asked == [(CLOUD,)], "they are looked for once"
    assert [grant.token.get_secret_value() for grant in grants] == ["ya29.CANARY"] * 2
    assert (grants[0].expires_at, grants[0].quota_project) == (datetime(2026, 11, 25, 13, tzinfo=UTC), "quota-project")


@pytest.mark.parametrize(
    ("trouble", "kind", "said"),
    [
        (trouble_of("DefaultCredentialsError"), ConfigurationError, "none are set up"),
        (trouble_of("RefreshError"), AuthenticationFailed, "RefreshError"),
        (trouble_of("RefreshError", retryable=True), ProviderUnavailable, "RefreshError"),
        (trouble_of("TransportError"), ProviderUnavailable, "TransportError"),
        (ValueError("CANARY"), AuthenticationFailed, "ValueError"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("late", [True, False])
def test_trouble_of_googles_library_is_told_in_our_words(
    trouble: Exception, kind: type[NexiomError], said: str, *, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    find(monkeypatch, Found(trouble) if late else trouble)
    with pytest.raises(kind, match=said) as caught:
        GoogleCredentials()()
    assert caught.value.charged == "no", "nothing was sent"
    assert "CANARY" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize("content", [None, "no JSON", "{}", json.dumps({"type": "service_account"})])
def test_a_file_that_is_no_credentials_is_named_by_its_variable(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match="GOOGLE_APPLICATION_CREDENTIALS") as caught:
        GoogleCredentials(str(file))()
    assert caught.value.charged == "no"


def test_a_file_is_read_with_the_scope_of_google_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def load(file: str, *, scopes: object) -> tuple[Found, str]:
        asked.extend((file, scopes))
        return Found(), "project"

    monkeypatch.setattr(google.auth, "load_credentials_from_file", load)
    assert GoogleCredentials("/run/key.json")().token.get_secret_value() == "ya29.CANARY"
    assert asked == ["/run/key.json", (CLOUD,)]


@pytest.mark.parametrize("missing", ["google.auth", "requests"])
def test_a_missing_package_is_told_before_anything_is_ordered(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else there(name))
    with pytest.raises(ConfigurationError, match="google-auth") as caught:
        VeoProvider({"project": "demo", "transport": "vertex"})
    assert "nexiom_sdk[vertex]" in caught.value.next_step
    assert VeoProvider({"project": "demo"}, token_provider=lambda: "t").models
    assert VeoProvider({"project": "demo", "access_token": "t-123456"}).models


def test_a_missing_namespace_is_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib.util, "find_spec", lost)
    with pytest.raises(ConfigurationError, match="google-auth"):
        GoogleCredentials()


def test_googles_library_is_not_loaded_before_the_first_token() -> None:
    program = (
        "import sys, nexiom_sdk\n"
        "from nexiom_sdk.providers.veo import VeoProvider\n"
        "VeoProvider({'project': 'demo', 'transport': 'vertex'})\n"
        "sys.exit(bool({'google.auth.transport.requests', 'google.auth.credentials', 'requests'} & {*sys.modules}))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
