from __future__ import annotations

import base64
import json

import pytest
from pydantic import SecretStr

from nexiom_sdk.backends.supabase_project import check_secret, checked_url
from nexiom_sdk.errors import ConfigurationError


def token(**claims: object) -> str:
    parts = ({"alg": "HS256"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().strip("=") for part in parts), "sig"]
    )


@pytest.mark.parametrize(
    "url",
    ["https://abc.supabase.co", "http://127.0.0.1:54321", "http://localhost:54321", "http://[::1]:8000", "https://h/x"],
)
def test_an_address_of_a_project_is_taken_without_its_last_slash(url: str) -> None:
    assert checked_url(url) == checked_url(f"{url}/") == url


@pytest.mark.parametrize(
    "url",
    [
        "", "abc", "abc.supabase.co", "ftp://abc", "https://", "https://a?b=1", "https://a#b", "https://u:PASS@a",
        "https://a:x", "https://a b", "https://a\\b", "https://[::1", "https://a:65536", "https://.", "https://a..b",
        f"https://{'a' * 64}.b", "https://ü.example", "postgresql://u:PASS@h/db",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_project_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="NEXIOM_SUPABASE_URL is not the address") as caught:
        checked_url(url)
    assert "PASS" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://abc.supabase.co/storage/v1",
        "https://ABC.supabase.co/x/",
        "https://films.example/storage/v1/object",
        "https://films.example/base/rest/v1",
    ],
)
def test_a_path_behind_a_project_is_refused_with_the_next_step(url: str) -> None:
    with pytest.raises(ConfigurationError, match="has a path behind the address") as caught:
        checked_url(url)
    assert caught.value.next_step.startswith("Leave the path out. Write it like https://abc.supabase.co")


@pytest.mark.parametrize("url", ["https://supabase.com/dashboard/project/abc", "https://app.supabase.com"])
def test_a_page_of_the_dashboard_is_no_project(url: str) -> None:
    with pytest.raises(ConfigurationError, match="a page of Supabase's own site"):
        checked_url(url)


@pytest.mark.parametrize("url", ["https://films.example", "https://films.example/supabase", "https://10.0.0.7:8443"])
def test_a_project_of_ones_own_may_be_on_any_host_and_in_a_folder_of_it(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url", ["http://abc.supabase.co", "http://192.168.1.2:8000", "http://localhost.example", "HTTP://abc"]
)
def test_a_key_is_never_sent_in_the_open(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not https"):
        checked_url(url)


@pytest.mark.parametrize("key", ["sb_secret_abc", token(role="service_role"), "a.b.c"])
def test_a_key_that_may_be_one_for_servers_passes(key: str) -> None:
    check_secret(SecretStr(key))


@pytest.mark.parametrize("key", ["sb_publishable_abc", token(role="anon")])
def test_a_key_for_apps_is_refused_before_anything_is_asked(key: str) -> None:
    with pytest.raises(ConfigurationError, match="NEXIOM_SUPABASE_SECRET_KEY is a key for apps") as caught:
        check_secret(SecretStr(key))
    assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["hunter2", "a.b", "a.b.c.d", "a..c", "SB_SECRET_abc"])
def test_what_is_no_key_of_supabase_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="NEXIOM_SUPABASE_SECRET_KEY is no key of Supabase") as caught:
        check_secret(SecretStr(key))
    assert key not in str(caught.value)
    assert "sb_secret_" in caught.value.next_step


@pytest.mark.parametrize("key", ["", " ", "sb_secret_a b", "sb_secret_a\r\nx: y", "sb_secret_é"])
def test_what_cannot_stand_in_a_header_is_no_key(key: str) -> None:
    with pytest.raises(ConfigurationError, match="is no key"):
        check_secret(SecretStr(key))
