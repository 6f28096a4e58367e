"""What breaks on the way to an object store: senders, connections, servers, keys that are not there."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator

import pytest

from nexiom_sdk.backends import object_store, object_store_upload
from nexiom_sdk.backends.object_store import CloudStore
from nexiom_sdk.backends.object_store_upload import PART_BYTES
from nexiom_sdk.errors import ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import in_chunks
from nexiom_sdk.testing.answers import Answer, Hang, Received
from nexiom_sdk.testing.loopback import LoopbackServer
from nexiom_sdk.testing.store_contract import KEY, content, pieces
from npm_rig import free_port
from object_store_rig import (
    ACCESS_KEY,
    AZURE_ACCOUNT,
    LARGE,
    SECRET_KEY,
    S3Server,
    azure,
    bucket,
    keys,
    listed,
    opened,
    s3,
    store,
    wire_to,
)

__all__ = ["azure", "bucket", "keys", "s3", "store"]  # fixtures


async def much_then_fail() -> AsyncIterator[bytes]:
    async for chunk in in_chunks(LARGE):
        yield chunk
    raise EOFError("the sender went away")


async def much_then_wait(begun: asyncio.Event) -> AsyncIterator[bytes]:
    async for chunk in in_chunks(LARGE):
        yield chunk
    begun.set()
    await asyncio.Event().wait()


@pytest.mark.parametrize("before", [None, b"old"])
async def test_a_sender_that_fails_in_the_middle_leaves_no_part_behind(
    store: CloudStore, s3: S3Server, bucket: str, before: bytes | None
) -> None:
    if before is not None:
        await store.put(KEY, pieces(before), media_type="image/png")
    with pytest.raises(EOFError, match="the sender went away"):
        await store.put(KEY, much_then_fail(), media_type="image/png")
    assert s3.unfinished(bucket) == []
    assert [info.size_bytes async for info in store.list()] == ([] if before is None else [3])


async def test_a_cancel_in_the_middle_leaves_no_part_behind(store: CloudStore, s3: S3Server, bucket: str) -> None:
    begun = asyncio.Event()
    putting = asyncio.ensure_future(store.put(KEY, much_then_wait(begun), media_type="image/png"))
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
    # Not always the last: another part may have been on its way.
    assert [one.query["uploadId"] for one in server.received if one.method == "DELETE"] == [("u1",)]


def begun_upload() -> Answer:
    body = b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
    return Answer(headers={"content-type": "application/xml"}, body=body)


def refusal(status: int, code: str, message: str = "no") -> Answer:
    said = f"{message} {ACCESS_KEY} {SECRET_KEY} https://films.example/0.mp4?X-Amz-Signature=CANARYSIGNATURE"
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{said}</Message></Error>"
    return Answer(status, headers={"content-type": "application/xml"}, body=body.encode())


async def test_a_server_that_is_down_is_said_within_seconds() -> None:
    port = free_port()
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
