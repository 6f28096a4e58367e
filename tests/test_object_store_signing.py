"""Addresses of objects: signed ones for anybody, and those in the cloud itself."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nexiom_sdk.backends.object_store import MOST_URL_SECONDS, CloudStore
from nexiom_sdk.errors import InvalidInput
from nexiom_sdk.storage import SupportsCloudAddresses
from nexiom_sdk.testing.store_contract import KEY, pieces
from object_store_rig import (
    AZURE_ACCOUNT,
    azure,
    bucket,
    keys,
    make_container,
    opened,
    s3,
    store,
)

__all__ = ["azure", "bucket", "keys", "s3", "store"]  # fixtures


@pytest.mark.parametrize(("asked", "valid"), [(60, 60), (MOST_URL_SECONDS * 5, MOST_URL_SECONDS), (0.1, 1)])
async def test_an_address_is_signed_for_as_long_as_s3_allows(store: CloudStore, asked: float, valid: int) -> None:
    query = parse_qs(urlsplit(await store.url(KEY, ttl_seconds=asked) or "").query)
    assert query["X-Amz-Expires"] == [str(valid)]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


async def test_azure_takes_the_addresses_that_are_given(azure: str) -> None:
    make_container(azure, "signed")
    store = opened(f"az://signed?account={AZURE_ACCOUNT}&endpoint={azure}")
    for key in ("outputs/u-1/j_1/0.mp4", "outputs/u 1/j1/0.mp4", "outputs/ü.mp4"):
        await store.put(key, pieces(b"fox"), media_type="video/mp4")
        url = await store.url(key, ttl_seconds=60)
        assert (url is None) == (key != "outputs/u-1/j_1/0.mp4")
        if url is not None:
            assert httpx.get(url, trust_env=False).content == b"fox"
            assert httpx.get(url.replace("0.mp4", "1.mp4"), trust_env=False).status_code == 403


async def test_google_addresses_are_signed_with_the_key_of_a_service_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key.json").write_text(service_account())
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "key.json"))
    monkeypatch.delenv("GOOGLE_BEARER_TOKEN")
    url = urlsplit(await opened("gs://films").url("outputs/u 1/0.mp4", ttl_seconds=1e9) or "")
    query = parse_qs(url.query)
    assert (url.netloc, url.path) == ("storage.googleapis.com", "/films/outputs/u%201/0.mp4")
    assert (query["X-Goog-Expires"], query["X-Goog-Algorithm"]) == (["604800"], ["GOOG4-RSA-SHA256"])


async def test_keys_that_cannot_sign_give_no_address_and_say_so_once(
    azure: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv("AZURE_STORAGE_SAS_KEY", "sv=2023-11-03&sr=c&sp=r&sig=CANARYSIGNATURE%3D")
    store = opened(f"az://films?account={AZURE_ACCOUNT}&endpoint={azure}")
    for _ in range(2):
        assert await store.url(KEY, ttl_seconds=60) is None
    assert [record.getMessage()[:20] for record in caplog.records if record.name == "nexiom_sdk"] == [
        "No signed addresses:"
    ]
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("gs://films", "gs://films/inputs/u 1/fox.png"),
        ("gs://films/nexiom/here", "gs://films/nexiom/here/inputs/u 1/fox.png"),
        ("gs://films?endpoint=http://127.0.0.1:1", None),
        ("s3://films", None),
        ("az://films?account=acme", None),
    ],
)
def test_only_an_object_of_google_has_an_address_in_the_cloud(url: str, address: str | None) -> None:
    store = opened(url)
    assert isinstance(store, SupportsCloudAddresses)
    assert store.cloud_address("inputs/u 1/fox.png") == address
    with pytest.raises(InvalidInput):
        store.cloud_address("inputs/../fox.png")


def test_the_folder_of_a_store_that_was_handed_over_is_in_its_address() -> None:
    from obstore.store import GCSStore

    store = CloudStore(GCSStore("films", prefix="a/b"), prefix="c")
    assert store.cloud_address(KEY) == f"gs://films/a/b/c/{KEY}"


def service_account() -> str:
    """The key file of a service account that nobody has."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    facts = {"client_email": "nobody@acme.iam.gserviceaccount.com", "private_key": pem, "private_key_id": "k1"}
    return json.dumps({"type": "service_account", **facts})
