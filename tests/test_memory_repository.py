from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from nexiom_sdk.backends.memory import MemoryRepository, MemoryStore
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import ConfigurationError, InvalidInput, ObjectNotFound
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.storage import CHUNK_BYTES, ObjectInfo, ObjectStore
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_contract import JobRepositoryContract
from nexiom_sdk.testing.sample_jobs import sample_job


class TestMemoryRepository(JobRepositoryContract):
    @pytest.fixture
    async def repository(self, clock: VirtualClock) -> AsyncIterator[JobRepository]:
        repository = MemoryRepository(clock=clock)
        yield repository
        await repository.aclose()


async def test_every_memory_url_is_empty_and_alone() -> None:
    first, second = (MemoryRepository.from_url("memory://", clock=SystemClock()) for _ in range(2))
    job = await first.add(sample_job(SystemClock()))
    assert await second.get(job.id) is None


@pytest.mark.parametrize("url", ["memory://shared", "sqlite:x", ""])
def test_a_memory_url_says_nothing_more(url: str) -> None:
    for factory in (MemoryRepository.from_url, MemoryStore.from_url):
        with pytest.raises(ConfigurationError, match="memory"):
            factory(url, clock=SystemClock())


async def test_an_object_is_read_in_chunks_as_it_was_put() -> None:
    clock = VirtualClock()
    store = MemoryStore.from_url("memory://", clock=clock)
    data = bytes(range(256)) * 1025
    info = await store.put("outputs/_/j1/0.mp4", pieces(data[:7], b"", data[7:]), media_type="video/mp4")
    assert info == ObjectInfo(
        key="outputs/_/j1/0.mp4", size_bytes=len(data), media_type="video/mp4", modified_at=clock.now()
    )
    assert await store.stat("outputs/_/j1/0.mp4") == info
    chunks = [chunk async for chunk in store.open("outputs/_/j1/0.mp4")]
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) == CHUNK_BYTES


async def test_an_object_stays_until_the_new_one_is_complete() -> None:
    store = MemoryStore()
    await store.put("inputs/a", pieces(b"old"), media_type="image/png")

    async def torn() -> AsyncIterator[bytes]:
        yield b"new"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await store.put("inputs/a", torn(), media_type="image/png")
    assert await content(store, "inputs/a") == b"old"
    await store.put("inputs/a", pieces(b"new"), media_type="image/png")
    assert await content(store, "inputs/a") == b"new"


async def test_a_missing_object_is_said_to_be_missing() -> None:
    store = MemoryStore()
    assert await store.stat("inputs/a") is None
    await store.delete("inputs/a")
    with pytest.raises(ObjectNotFound, match="inputs/a"):
        await content(store, "inputs/a")


async def test_objects_are_listed_by_prefix_in_order_of_their_keys() -> None:
    store = MemoryStore()
    for key in ("outputs/b", "inputs/b", "inputs/a/c", "inputs/a"):
        await store.put(key, pieces(b"x"), media_type="image/png")
    await store.delete("outputs/b")
    assert [info.key async for info in store.list("inputs/a")] == ["inputs/a", "inputs/a/c"]
    assert [info.key async for info in store.list()] == ["inputs/a", "inputs/a/c", "inputs/b"]


async def test_memory_has_no_addresses() -> None:
    assert await MemoryStore().url("outputs/a", ttl_seconds=60) is None


@pytest.mark.parametrize("key", ["", "inputs", "inputs/../secret", "/inputs/a", "inputs/a\0"])
async def test_a_key_that_leaves_its_bucket_is_refused_by_every_verb(key: str) -> None:
    store = MemoryStore()
    for call in (
        store.put(key, pieces(b"x"), media_type="image/png"),
        store.stat(key),
        store.url(key, ttl_seconds=60),
        store.delete(key),
        content(store, key),
    ):
        with pytest.raises(InvalidInput):
            await call


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def content(store: ObjectStore, key: str) -> bytes:
    return b"".join([chunk async for chunk in store.open(key)])
