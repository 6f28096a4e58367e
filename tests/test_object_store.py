from __future__ import annotations

import asyncio
import json
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
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nexiom_sdk.backends import object_store, object_store_upload
from nexiom_sdk.backends.object_store import MOST_URL_SECONDS, CloudStore
from nexiom_sdk.backends.object_store_upload import PART_BYTES
from nexiom_sdk.backends.urls import store_of
from nexiom_sdk.errors import InvalidInput, ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import ObjectStore, SupportsCloudAddresses
from nexiom_sdk.testing.answers import Answer, Hang, Received
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.loopback import LoopbackServer
from nexiom_sdk.testing.store_contract import KEY, ObjectStoreContract, content, pieces
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


def in_chunks(data: bytes) -> AsyncIterator[bytes]:
    return pieces(*(data[start : start + 300_000] for start in range(0, len(data), 300_000)))


async def then_fail() -> AsyncIterator[bytes]:
    async for chunk in in_chunks(LARGE):
        yield chunk
    raise EOFError("the sender went away")


async def then_wait(begun: asyncio.Event) -> AsyncIterator[bytes]:
    async for chunk in in_chunks(LARGE):
        yield chunk
    begun.set()
    await asyncio.Event().wait()


async def test_an_object_has_the_name_of_its_key_below_the_folder(store: CloudStore, s3: S3Server, bucket: str) -> None:
    await store.put("outputs/u 1/100%~/0.mp4", pieces(b"fox"), media_type="video/mp4")
    assert s3.keys(bucket) == ["nexiom/here/outputs/u 1/100%~/0.mp4"]
    assert [info.key async for info in store.list()] == ["outputs/u 1/100%~/0.mp4"]


async def test_in_two_buckets_the_name_is_the_path(s3: S3Server) -> None:
    s3.forget()
    for name in ("inputs", "outputs"):
        s3.make_bucket(name)
    store = opened(f"s3://?endpoint={s3.origin}")
    await store.put("outputs/u1/0.mp4", pieces(b"fox"), media_type="video/mp4")
    assert (s3.keys("inputs"), s3.keys("outputs")) == ([], ["u1/0.mp4"])
    with pytest.raises(InvalidInput, match="is in no bucket"):
        await store.stat("posters/u1/0.jpg")
    assert [info async for info in store.list("posters/")] == []


@pytest.mark.parametrize("data", [b"fox", LARGE], ids=["in one go", "in parts"])
async def test_what_was_put_says_its_type_and_its_time(
    store: CloudStore, s3: S3Server, bucket: str, data: bytes
) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    info = await store.put(KEY, in_chunks(data), media_type="image/png")
    assert (info.size_bytes, info.media_type) == (len(data), "image/png")
    assert info.modified_at is not None
    assert before < info.modified_at < datetime.now(UTC) + timedelta(seconds=2)
    assert info.modified_at.utcoffset() == timedelta(0)
    seen = httpx.get(await store.url(KEY, ttl_seconds=60) or "", trust_env=False)
    assert (seen.headers["content-type"], seen.content == data) == ("image/png", True)
    assert s3.unfinished(bucket) == []


@pytest.mark.parametrize("before", [None, b"old"])
async def test_a_sender_that_fails_in_the_middle_leaves_no_part_behind(
    store: CloudStore, s3: S3Server, bucket: str, before: bytes | None
) -> None:
    if before is not None:
        await store.put(KEY, pieces(before), media_type="image/png")
    with pytest.raises(EOFError, match="the sender went away"):
        await store.put(KEY, then_fail(), media_type="image/png")
    assert s3.unfinished(bucket) == []
    assert [info.size_bytes async for info in store.list()] == ([] if before is None else [3])


async def test_a_cancel_in_the_middle_leaves_no_part_behind(store: CloudStore, s3: S3Server, bucket: str) -> None:
    begun = asyncio.Event()
    putting = asyncio.ensure_future(store.put(KEY, then_wait(begun), media_type="image/png"))
    await begun.wait()
    assert s3.unfinished(bucket) == [f"nexiom/here/{KEY}"]
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert (s3.unfinished(bucket), s3.keys(bucket)) == ([], [])


async def test_a_connection_that_breaks_once_is_made_again(s3: S3Server, bucket: str) -> None:
    async with wire_to(s3.origin) as wire:
        store = opened(f"s3://{bucket}?endpoint=http://127.0.0.1:{wire.port}")
        wire.bytes_left, wire.most_breaks = PART_BYTES * 3 // 2, 1
        await store.put(KEY, in_chunks(LARGE), media_type="image/png")
    assert wire.breaks == 1
    assert await content(opened(f"s3://{bucket}?endpoint={s3.origin}")) == LARGE


async def test_a_connection_that_stays_broken_leaves_nothing_to_see(s3: S3Server, bucket: str) -> None:
    async with wire_to(s3.origin) as wire:
        store = opened(f"s3://{bucket}?endpoint=http://127.0.0.1:{wire.port}")
        wire.bytes_left = PART_BYTES * 3 // 2
        with pytest.raises(StorageUnavailable, match="it cannot be reached"):
            await store.put(KEY, in_chunks(LARGE), media_type="image/png")
    assert wire.breaks > 1
    assert s3.keys(bucket) == []
    assert s3.unfinished(bucket) == [KEY]  # nobody could tell the server; its rule for unfinished uploads removes it


async def test_the_sender_is_never_far_ahead_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store_upload, "CLEAN_UP_SECONDS", 0.1)
    stuck, taken = asyncio.Event(), 0

    def answer(received: Received) -> Answer | Hang:
        if received.method == "POST":
            return begun_upload()
        stuck.set()
        return Hang()

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            yield b"x" * 262_144
            taken += 262_144

    async with LoopbackServer(answer) as server:
        store = opened(f"s3://films?endpoint={server.origin}")
        putting = asyncio.ensure_future(store.put(KEY, endless(), media_type="video/mp4"))
        await stuck.wait()
        before = -1
        while before != taken:
            before = taken
            for _ in range(100):  # time enough for a sender whom nobody holds back
                await asyncio.to_thread(stuck.is_set)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
    assert PART_BYTES < taken < 16 * 1024 * 1024


@pytest.mark.parametrize("failing_part", [1, 2, 3])
async def test_an_upload_that_is_refused_in_the_middle_is_aborted(failing_part: int) -> None:
    def answer(received: Received) -> Answer:
        match received.method, received.query.get("partNumber"):
            case "POST", _:
                return begun_upload()
            case "PUT", (number,) if int(number) == failing_part:
                return refusal(403, "AccessDenied")
            case "PUT", _:
                return Answer(headers={"etag": '"e"'})
            case _:
                return Answer(204)

    async with LoopbackServer(answer) as server:
        store = opened(f"s3://films?endpoint={server.origin}")
        with pytest.raises(StorageUnavailable, match="access is denied"):
            await store.put(KEY, in_chunks(LARGE), media_type="video/mp4")
    assert server.received[-1].method == "DELETE"
    assert server.received[-1].query["uploadId"] == ("u1",)


def begun_upload() -> Answer:
    body = b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
    return Answer(headers={"content-type": "application/xml"}, body=body)


def refusal(status: int, code: str, message: str = "no") -> Answer:
    said = f"{message} {ACCESS_KEY} {SECRET_KEY} https://films.example/0.mp4?X-Amz-Signature=CANARYSIGNATURE"
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{said}</Message></Error>"
    return Answer(status, headers={"content-type": "application/xml"}, body=body.encode())


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


async def test_what_else_is_in_the_bucket_is_not_ours(store: CloudStore, s3: S3Server, bucket: str) -> None:
    for key in ("other/x.mp4", "nexiom/here/other/x.mp4", "nexiom/here/inputs/a%3Ab.png", "nexiom/here/inputs/ok.png"):
        s3.put(bucket, key)
    assert [info.key async for info in store.list()] == ["inputs/ok.png"]
    assert [info.key async for info in store.list("other/")] == ["other/x.mp4"]


async def test_a_list_goes_on_from_page_to_page() -> None:
    def answer(received: Received) -> Answer:
        page = int(received.query.get("continuation-token", ("0",))[0])
        keys = [f"inputs/{page}/{number:03}" for number in range(3)]
        found = "".join(
            f"<Contents><Key>{key}</Key><Size>3</Size><LastModified>2026-11-26T10:00:00.000Z</LastModified></Contents>"
            for key in keys
        )
        more = f"<NextContinuationToken>{page + 1}</NextContinuationToken>" if page < 2 else ""
        return Answer(body=f"<ListBucketResult>{found}{more}</ListBucketResult>".encode())

    async with LoopbackServer(answer) as server:
        listed = [info.key async for info in opened(f"s3://films?endpoint={server.origin}").list("inputs/")]
    assert listed == [f"inputs/{page}/{number:03}" for page in range(3) for number in range(3)]


async def listed(store: CloudStore) -> list[str]:
    return [info.key async for info in store.list()]


async def test_a_server_that_is_down_is_said_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with asyncio.timeout(30):
        store = opened(f"s3://films?endpoint=http://127.0.0.1:{port}")
        said = await refused(store)
        with pytest.raises(StorageUnavailable) as caught:
            await store.put(KEY, in_chunks(LARGE), media_type="image/png")
        said.append(caught.value)
    assert {error.message for error in said} == {
        f"The store in s3://films at 127.0.0.1:{port} cannot be used: it cannot be reached."
    }


async def test_a_server_that_says_nothing_is_said_within_the_time_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_store, "ANSWER_SECONDS", 0.2)
    async with LoopbackServer(lambda _: Hang()) as server:
        store = opened(f"s3://films?endpoint={server.origin}")
        for call in (lambda: content(store), lambda: store.delete(KEY), lambda: listed(store), lambda: store.stat(KEY)):
            with pytest.raises(StorageUnavailable, match="it did not answer in time"):
                await call()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AccessDenied", "access is denied (403 AccessDenied)"),
        (403, "SignatureDoesNotMatch", "access is denied (403 SignatureDoesNotMatch)"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
        (400, "AuthorizationHeaderMalformed", "it is in another region"),
        (301, "PermanentRedirect", "it is in another region"),
        (413, "EntityTooLarge", "it is full, or takes no objects as large as this"),
        (404, "NoSuchBucket", "the bucket is not there"),
        (418, "Teapot", "it answered with an error (418 Teapot)"),
    ],
)
async def test_a_refusal_is_said_in_our_words_and_with_nobodys_secrets(
    caplog: pytest.LogCaptureFixture, status: int, code: str, words: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with LoopbackServer(lambda received: refusal(status, code)) as server:
        store = opened(f"s3://films?endpoint={server.origin}")
        errors = await refused(store)
    assert [words in str(error) for error in errors] == [True] * 4
    shown = [repr(store), caplog.text, *map(str, errors), *map(repr, errors), *(error.cause for error in errors)]
    for error in errors:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown.append("".join(trace.format()))
    for secret in (ACCESS_KEY, SECRET_KEY, "CANARYSIGNATURE", "X-Amz"):
        leaks = [one[max(one.find(secret) - 300, 0) :][:400] for one in shown if secret in one]
        assert leaks == []


async def refused(store: CloudStore) -> list[StorageUnavailable]:
    """What each call raises; `stat` is left out, for the answer to it has no words."""
    said = list[StorageUnavailable]()
    for call in (
        lambda: store.put(KEY, pieces(b"fox"), media_type="image/png"),
        lambda: content(store),
        lambda: store.delete(KEY),
        lambda: listed(store),
    ):
        with pytest.raises(StorageUnavailable) as caught:
            await call()
        said.append(caught.value)
    return said


async def test_a_server_in_trouble_is_asked_again_and_a_few_times_only() -> None:
    troubles = 2

    def answer(received: Received) -> Answer:
        nonlocal troubles
        troubles -= 1
        if troubles >= 0:
            return refusal(500, "InternalError")
        return Answer(headers={"last-modified": "Thu, 26 Nov 2026 10:00:00 GMT", "etag": '"e"'})

    async with LoopbackServer(answer) as server:
        store = opened(f"s3://films?endpoint={server.origin}")
        assert await store.stat(KEY) is not None
        assert len(server.received) == 3
        troubles = 1000
        with pytest.raises(StorageUnavailable, match=r"it answered with an error \(500"):
            await store.stat(KEY)
        assert len(server.received) == 7


async def test_a_bucket_that_is_not_there_is_no_missing_object(s3: S3Server) -> None:
    store = opened(f"s3://nobody-made-it?endpoint={s3.origin}")
    for error in await refused(store):
        assert "the bucket is not there (404 NoSuchBucket)" in error.message
        assert not isinstance(error, ObjectNotFound)


async def test_a_container_that_is_not_there_is_no_missing_object(azure: str) -> None:
    store = opened(f"az://nobody-made-it?account={AZURE_ACCOUNT}&endpoint={azure}")
    for call in (
        lambda: store.put(KEY, pieces(b"fox"), media_type="image/png"),
        lambda: content(store),
        lambda: listed(store),
    ):
        with pytest.raises(StorageUnavailable, match=r"the bucket is not there \(404 ContainerNotFound\)"):
            await call()


async def test_without_keys_the_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")
    store = opened("s3://films?endpoint=http://127.0.0.1:1")
    with pytest.raises(StorageUnavailable, match="no keys for it were found"):
        await store.stat(KEY)


async def test_a_name_in_the_bucket_that_no_key_can_be_is_said(store: CloudStore, s3: S3Server, bucket: str) -> None:
    s3.put(bucket, "nexiom/here/inputs//fox.png")
    with pytest.raises(StorageUnavailable, match="has an empty or a dotted part"):
        await listed(store)


def service_account() -> str:
    """The key file of a service account that nobody has."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    facts = {"client_email": "nobody@acme.iam.gserviceaccount.com", "private_key": pem, "private_key_id": "k1"}
    return json.dumps({"type": "service_account", **facts})
