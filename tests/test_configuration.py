from __future__ import annotations

import pytest
from pydantic import SecretStr

from nexiom_sdk.errors import ConfigurationError, MissingCredentials
from nexiom_sdk.providers.configuration import Configuration

VARIABLES = {"api_key": "ACME_API_KEY", "base_url": "ACME_BASE_URL"}


def configured(variables: dict[str, str] = VARIABLES, **values: str) -> Configuration:
    return Configuration(
        title="Acme",
        values={key: SecretStr(value) for key, value in values.items()},
        variables=variables,
        keys_at="https://acme.example/keys",
    )


def test_a_missing_key_names_its_variable_where_to_get_one_and_the_preview() -> None:
    with pytest.raises(MissingCredentials) as caught:
        configured().endpoint("base_url", "https://api.acme.example/v1", key="api_key")
    for word in ("ACME_API_KEY", "https://acme.example/keys", 'provider="local"'):
        assert word in str(caught.value)


def test_a_server_that_only_the_operator_knows_has_to_be_named() -> None:
    with pytest.raises(MissingCredentials, match="ACME_BASE_URL"):
        configured(api_key="k-123456").endpoint("base_url", "", key="api_key")


def test_the_usual_address_is_not_trusted_more_than_any_other_and_a_given_one_is() -> None:
    usual = configured(api_key="k-123456").endpoint("base_url", "https://api.acme.example/v1", key="api_key")
    assert (usual.base_url, usual.trusted) == ("https://api.acme.example/v1", False)
    given = configured(api_key="k-123456", base_url="http://127.0.0.1:8000/v1/ ").endpoint(
        "base_url", "", key="api_key"
    )
    assert (given.base_url, given.trusted) == ("http://127.0.0.1:8000/v1", True)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://10.0.0.1:8443/v1"]
)
def test_an_operator_may_name_a_private_server(url: str) -> None:
    assert configured(api_key="k-123456", base_url=url).endpoint("base_url", "", key="api_key").trusted


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://acme.example/v1", "not https"),
        ("http://127.0.0.1.nip.example/", "not https"),
        ("ftp://acme.example/v1", "not https"),
        ("https://me:CANARY@acme.example/", "login"),
        ("acme.example/v1", "no host"),
        ("https://", "no host"),
        ("https://acme.example\\@evil.example/", "no host"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_at_once(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        configured(api_key="k-123456", base_url=url).endpoint("base_url", "", key="api_key")
    assert "CANARY" not in str(caught.value)


def test_plain_http_in_a_trusted_network_has_to_be_allowed_by_name() -> None:
    variables = {**VARIABLES, "plain_http": "ACME_PLAIN_HTTP"}
    with pytest.raises(ConfigurationError, match="ACME_PLAIN_HTTP=1"):
        configured(variables, api_key="k-123456", base_url="http://gpu:8000").endpoint("base_url", "", key="api_key")
    allowed = configured(variables, api_key="k-123456", base_url="http://gpu:8000", plain_http="1")
    assert allowed.endpoint("base_url", "", key="api_key").base_url == "http://gpu:8000"


@pytest.mark.parametrize("key", ["k-12\n3456", "k-12\x003456", "k-123\u2014456"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(ConfigurationError, match="ACME_API_KEY") as caught:
        configured(api_key=key).secret("api_key")
    assert "3456" not in str(caught.value)


def test_white_space_around_a_key_is_a_slip_of_the_clipboard() -> None:
    secret = configured(api_key=" k-123456\n").secret("api_key")
    assert secret is not None
    assert secret.get_secret_value() == "k-123456"


def test_a_strangers_text_loses_the_keys_it_repeats() -> None:
    assert configured(api_key="k-123456").clean("no such key: k-123456\x1b[31m") == "no such key: ***\ufffd[31m"


def test_no_secret_shows_in_a_repr() -> None:
    configuration = configured(api_key="CANARY-4711")
    assert "CANARY" not in repr(configuration)
    assert "CANARY" not in repr(configuration.endpoint("base_url", "https://api.acme.example", key="api_key"))


def test_a_flag_says_yes_or_no_and_nothing_else() -> None:
    assert configured(plain_http="on").flag("plain_http")
    assert not configured().flag("plain_http")
    with pytest.raises(ConfigurationError, match="neither yes nor no"):
        configured(plain_http="maybe").flag("plain_http")


def test_an_address_that_cannot_be_used_names_its_variable() -> None:
    for url in ("http://acme.example/v1", "acme.example"):
        with pytest.raises(ConfigurationError) as caught:
            configured(api_key="k-123456", base_url=url).endpoint("base_url", "", key="api_key")
        assert "ACME_BASE_URL" in caught.value.next_step


def test_a_secret_of_white_space_is_a_mistake_and_an_empty_one_is_unset() -> None:
    assert configured(api_key="").secret("api_key") is None
    with pytest.raises(ConfigurationError, match="white space"):
        configured(api_key="  ").secret("api_key")


def test_headers_of_the_operators_own_are_lines_and_their_values_secrets() -> None:
    config = configured(custom_headers="X-Door: CANARY-open\n  Authorization: Basic CANARY-login")
    assert config.headers("custom_headers") == {"X-Door": "CANARY-open", "Authorization": "Basic CANARY-login"}
    assert configured().headers("custom_headers") == {}
    for said in ("CANARY-open", "X-Door: CANARY-open", "Basic CANARY-login", "CANARY-login"):
        assert "CANARY" not in config.clean(f"denied: {said}")


@pytest.mark.parametrize(
    "line", ["no header", "X Door: open", ": open", "X-Door:", "X-D\u00f6r: open", "X-Door: \u00f6"]
)
def test_a_line_that_is_no_header_is_refused_with_its_variable(line: str) -> None:
    config = configured({"custom_headers": "ACME_HEADERS"}, custom_headers=f"X-Team: film\n{line}")
    with pytest.raises(ConfigurationError, match="ACME_HEADERS"):
        config.headers("custom_headers")
