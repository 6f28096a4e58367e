"""Object stores of all kinds under the contract, and the names that objects have there."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from nexiom_sdk.backends.object_store import CloudStore
from nexiom_sdk.errors import InvalidInput, StorageUnavailable
from nexiom_sdk.storage import BUCKETS, ObjectStore, in_chunks
from nexiom_sdk.testing.answers import Answer, Received
from nexiom_sdk.testing.loopback import LoopbackServer
from nexiom_sdk.testing.store_contract import KEY, ObjectStoreContract, pieces
from object_store_rig import (
    AZURE_ACCOUNT,
    LARGE,
    S3Server,
    azure,
    bucket,
    keys,
    listed,
    make_container,
    opened,
    s3,
    store,
)

__all__ = ["azure", "bucket", "keys", "s3", "store"]  # fixtures


class TestOneBucketOfS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3: S3Server, bucket: str) -> ObjectStore:
        return opened(f"s3://{bucket}/nexiom?endpoint={s3.origin}&region=eu-central-1")


class TestTwoBucketsOfS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3: S3Server) -> ObjectStore:
        s3.forget()
        for name in BUCKETS:
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


async def test_an_object_has_the_name_of_its_key_below_the_folder(store: CloudStore, s3: S3Server, bucket: str) -> None:
    await store.put("outputs/u 1/100%~/0.mp4", pieces(b"fox"), media_type="video/mp4")
    assert s3.keys(bucket) == ["nexiom/here/outputs/u 1/100%~/0.mp4"]
    assert [info.key async for info in store.list()] == ["outputs/u 1/100%~/0.mp4"]


async def test_in_two_buckets_the_name_is_the_path(s3: S3Server) -> None:
    s3.forget()
    for name in BUCKETS:
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


async def test_a_name_in_the_bucket_that_no_key_can_be_is_said(store: CloudStore, s3: S3Server, bucket: str) -> None:
    s3.put(bucket, "nexiom/here/inputs//fox.png")
    with pytest.raises(StorageUnavailable, match="has an empty or a dotted part"):
        await listed(store)
