from __future__ import annotations

import builtins
import os
import traceback
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexiom_sdk.backends.object_store_address import PARAMETERS, StoreAddress
from nexiom_sdk.backends.urls import store_of
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.testing.answers import Answer
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.loopback import LoopbackServer

SUPABASE = "https://abc.storage.supabase.co/storage/v1/s3"


@pytest.mark.parametrize(
    ("url", "bucket", "prefix", "parameters"),
    [
        ("s3://films", "films", "", {}),
        ("s3://films/", "films", "", {}),
        ("S3://films/a/b%20c/", "films", "a/b c", {}),
        (f"s3://?endpoint={SUPABASE}/&region=eu-west-1", "", "", {"endpoint": SUPABASE, "region": "eu-west-1"}),
        ("s3://films?path_style=false", "films", "", {"path_style": "false"}),
        ("gs://films.acme.com/x", "films.acme.com", "x", {}),
        ("az://films?account=acme", "films", "", {"account": "acme"}),
        ("az://?account=acme", "", "", {"account": "acme"}),
    ],
)
def test_an_address_says_where_objects_are(url: str, bucket: str, prefix: str, parameters: dict[str, str]) -> None:
    address = StoreAddress.parse(url)
    assert (address.bucket, address.prefix, address.parameters) == (bucket, prefix, parameters)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://films", "begins with none of s3:, gs: and az:"),
        ("s3://", "names no bucket"),
        ("s3://?region=eu-west-1", "names no bucket"),
        ("gs://", "names no bucket"),
        ("gs://?endpoint=http://127.0.0.1:1", "names no bucket"),
        (f"s3:///folder?endpoint={SUPABASE}", "has a folder and no bucket"),
        ("s3://minio:9000/films", "A host is given as 'endpoint'"),
        ("s3://films#x", "not the name of a bucket"),
        ("s3://[films", "not one that can be read"),
        ("s3://films/../x", "cannot be a folder"),
        ("s3://films/a//b", "cannot be a folder"),
        ("s3://films/a%00b", "cannot be a folder"),
        ("s3://films?regoin=x", "Did you mean 'region'?"),
        ("s3://films?region=eu west", "What it says of 'region' is nothing"),
        ("s3://films?region=a&region=b", "says 'region' twice"),
        ("s3://films?region=", "What it says of 'region'"),
        ("s3://films?region", "not one that can be read"),
        ("s3://films?path_style=yes", "What it says of 'path_style'"),
        ("s3://films?endpoint=minio:9000", "no web address of a host"),
        ("s3://films?endpoint=https://", "no web address of a host"),
        ("s3://films?endpoint=https://host:x", "no web address of a host"),
        ("s3://Bad_Bucket!", "'Bad_Bucket!', is not the name of a bucket: letters, digits"),
        ("gs://films?region=eu-west-1", "There is no parameter of gs: addresses named 'region'. Known: endpoint."),
        ("az://films?account=ACME!", "What it says of 'account'"),
    ],
)
def test_an_address_that_is_none_says_what_is_wrong(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        StoreAddress.parse(url)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIACANARY:CANARY-secret@films",
        "s3://films?access_key_id=AKIACANARY&secret_access_key=CANARY-secret",
        "s3://films?aws_session_token=CANARY-secret",
        "gs://films?service_account_key=CANARY-secret",
        "gs://films?bearer_token=CANARY-secret",
        "az://films?account_key=CANARY-secret",
        "az://films?account=acme&sig=CANARY-secret",
        "s3://films?endpoint=https://AKIACANARY:CANARY-secret@host",
        "s3://films?endpoint=https://host/?token=CANARY-secret",
        "s3://AKIACANARY:CANARY-secret",
        "s3://films?region=CANARY-secret/of/40+characters/0123456789abcdef",
    ],
)
def test_a_key_in_an_address_is_refused_and_shown_nowhere(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        store_of(url, clock=VirtualClock())
    error, url = caught.value, ""
    assert error.__traceback__ is not None  # its first frame is this test
    traced = traceback.TracebackException(type(error), error, error.__traceback__.tb_next, capture_locals=True)
    shown = [str(error), repr(error), error.cause, "".join(traced.format())]
    assert [one for one in shown if "CANARY" in one] == []


@pytest.mark.parametrize(
    "host",
    [
        "8.8.8.8", "example.com", "films.example.com:9000", "localhost.example", "minio.local.example.com", "local.",
        "134744072", "0x08080808", "8.8", "[2001:4860::8888]", "[::ffff:8.8.8.8]", "172.32.0.1", "169.254.169.254",
        "0.0.0.0", "xn--.localx",  # noqa: S104 - it is refused
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_plain_http_goes_to_no_host_of_the_open_network(scheme: str, host: str) -> None:
    with pytest.raises(ConfigurationError, match="plain http to a host of the open network") as caught:
        StoreAddress.parse(f"{scheme}://films?endpoint=http://{host}")
    assert caught.value.next_step.startswith("Write https://")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:9000", "localhost:9000", "minio:9000", "MinIO", "nas.local", "s3.prod.internal", "10.1.2.3",
        "172.31.0.1", "192.168.1.2", "[::1]:9000", "[fd00::7]",
    ],
)  # fmt: skip
def test_plain_http_may_go_to_a_network_of_ones_own_and_https_anywhere(host: str) -> None:
    for endpoint in (f"http://{host}", f"HTTP://{host}", "https://8.8.8.8"):
        assert StoreAddress.parse(f"s3://films?endpoint={endpoint}").parameters == {"endpoint": endpoint}


def test_a_container_without_its_account_says_where_to_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(variable)
    with pytest.raises(ConfigurationError, match="storage account of az://films is not known") as caught:
        store_of("az://films", clock=VirtualClock())
    assert "?account=NAME" in caught.value.next_step
    assert "AZURE_STORAGE_ACCOUNT_NAME" in caught.value.next_step


def test_a_variable_that_cannot_be_is_not_shown_and_no_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "!CANARY!")
    with pytest.raises(ConfigurationError, match="holds something impossible") as caught:
        store_of("az://films?account=acme", clock=VirtualClock())
    assert "AZURE_STORAGE_ACCOUNT_KEY" in caught.value.next_step
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("scheme", list(PARAMETERS))
def test_without_the_extra_the_error_names_it(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without_obstore(name: str, *args: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "obstore":
            raise ModuleNotFoundError(name)
        return imported(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without_obstore)
    with pytest.raises(ConfigurationError, match=r'pip install "nexiom_sdk\[object-store\]"'):
        store_of(f"{scheme}://films", clock=VirtualClock())


async def test_what_the_address_says_wins_over_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "not-a-real-key")
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "https://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
    async with LoopbackServer(lambda _: Answer(404)) as server:
        store = store_of(f"s3://films/a?endpoint={server.origin}/v1/s3&region=eu-west-1", clock=VirtualClock())
        assert await store.stat("inputs/fox.png") is None
    assert server.received[0].target == "/v1/s3/films/a/inputs/fox.png"
    assert "/eu-west-1/s3/" in server.received[0].headers["authorization"]


def test_without_path_style_the_bucket_is_part_of_the_host() -> None:
    address = StoreAddress.parse("s3://films?endpoint=https://here.example:9000&path_style=false")
    found: Mapping[str, Any] = dict(address.connect("films").config)
    assert found["endpoint_url_s3"] == "https://films.here.example:9000"
    assert found["virtual_hosted_style_request"] == "true"


def test_a_plain_connection_is_made_only_where_the_address_says_http() -> None:
    for url, allowed in (
        ("s3://films?endpoint=http://127.0.0.1:1", True),
        ("s3://films", False),
        ("gs://films", False),
    ):
        options = StoreAddress.parse(url).connect("films").client_options
        assert ("allow_http" in (options or {})) == allowed


def test_variables_that_obstore_cannot_take_are_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", '{"private_key": "CANARY-secret"')
    with pytest.raises(ConfigurationError, match="one of its variables holds something impossible") as caught:
        store_of("gs://films", clock=VirtualClock())
    assert "CANARY" not in "".join(traceback.format_exception(caught.value))


@given(st.text(), st.sampled_from(["s3://", "gs://", "az://", ""]))
def test_any_text_is_an_address_or_a_configuration_error(text: str, scheme: str) -> None:
    try:
        address = StoreAddress.parse(scheme + text)
    except ConfigurationError:
        return
    assert set(address.parameters) <= set(PARAMETERS[address.scheme])
    assert ".." not in address.prefix.split("/")
