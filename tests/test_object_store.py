from __future__ import annotations

import asyncio
import logging
import os
import socket
import traceback
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from nexiom_sdk.backends import object_store, object_store_upload
from nexiom_sdk.backends.object_store import MOST_URL_SECONDS, CloudStore
from nexiom_sdk.backends.object_store_upload import PART_BYTES
from nexiom_sdk.backends.urls import store_of
from nexiom_sdk.errors import InvalidInput, ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import ObjectStore, SupportsCloudAddresses, SupportsFiles
from nexiom_sdk.testing.answers import Answer, Hang, Received
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.loopback import LoopbackServer
from nexiom_sdk.testing.store_contract import KEY, ObjectStoreContract, content, given, pieces
from object_store_rig import (
    ACCESS_KEY,
    AZURE_ACCOUNT,
    AZURE_KEY,
    SECRET_KEY,
    S3Server,
    azurite,
    make_container,
    moto,
    wire_to,
)

LARGE = b"0123456789abcdef" * (PART_BYTES // 16 * 5 // 2)  # two parts and a half


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with moto() as server:
        yield server


@pytest.fixture(scope="module")
def azure() -> Iterator[str]:
    with azurite() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of all three, so that nobody asks a machine of the cloud for some; and no proxy in between."""
    for name in os.environ:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "ya29.canary-of-google-0123456789")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)


@pytest.fixture
def bucket(s3: S3Server) -> str:
    name = f"films{uuid.uuid4().hex}"  # Google's client escapes a hyphen, and moto does not read that
    s3.make_bucket(name)
    return name


@pytest.fixture
def store(s3: S3Server, bucket: str) -> CloudStore:
    return opened(f"s3://{bucket}/nexiom/here?endpoint={s3.origin}")


def opened(url: str) -> CloudStore:
    store = store_of(url, clock=VirtualClock())
    assert isinstance(store, CloudStore)
    return store


class TestOneBucketOfS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3: S3Server, bucket: str) -> ObjectStore:
        return opened(f"s3://{bucket}/nexiom?endpoint={s3.origin}&region=eu-central-1")


class TestTwoBucketsOfS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3: S3Server) -> ObjectStore:
        s3.forget()
        for name in ("inputs", "outputs"):
            s3.make_bucket(name)
        return opened(f"s3://?endpoint={s3.origin}&path_style=true")


class TestAzure(ObjectStoreContract):
    @pytest.fixture
    def store(self, azure: str) -> ObjectStore:
        name = uuid.uuid4().hex
        make_container(azure, name)
        return opened(f"az://{name}/nexiom?account={AZURE_ACCOUNT}&endpoint={azure}")


class TestGoogle(ObjectStoreContract):
    """Google's XML wire, as far as it is that of S3: no emulator of its own speaks it."""

    @pytest.fixture
    def store(self, s3: S3Server, bucket: str) -> ObjectStore:
        return opened(f"gs://{bucket}/nexiom?endpoint={s3.origin}")

    async def test_an_address_is_a_whole_one_or_there_is_none(self, store: ObjectStore) -> None:
        pytest.skip("with a token alone, a signature is asked for outside of this machine")


class TestMemoryOfObstore(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        from obstore.store import MemoryStore

        return CloudStore(MemoryStore())
