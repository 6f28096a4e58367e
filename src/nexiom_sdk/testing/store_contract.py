"""What every `ObjectStore` must do, as a pytest class to inherit; it needs pytest and pytest-asyncio.

```python
class TestMyStore(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return MyStore()
```
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from nexiom_sdk.errors import InvalidInput, ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import CHUNK_BYTES, ObjectStore, SupportsFiles

KEY = "inputs/u1/fox.png"

BAD_KEYS = (
    "",
    "inputs",
    "inputs/",
    "/inputs/fox.png",
    "inputs//fox.png",
    "inputs/./fox.png",
    "inputs/../fox.png",
    "../inputs/fox.png",
    "inputs/..",
    "inputs/u1/../../../etc/passwd",
    "inputs\\..\\fox.png",
    "inputs/u1\\fox.png",
    "C:/inputs/fox.png",
    "inputs/C:/fox.png",
    "inputs/fox.png:stream",
    "inputs/fox\0.png",
    "inputs/fox\n.png",
    "inputs/fox\u202e.png",
    "inputs/fox\ud800.png",
    "inputs/" + "x" * 2048,
)


class ObjectStoreContract:
    """Every sentence of `ObjectStore`, as a test; those of `SupportsFiles` for stores that take files.

    A service that takes plain names only may leave some of `keys_in_order` out, and says in a test of its own what it
    does with the others.
    """

    pytestmark: ClassVar[pytest.MarkDecorator] = pytest.mark.asyncio
    keys_in_order: ClassVar[Sequence[str]] = (
        "inputs/a-b", "inputs/a.b", "inputs/a/1", "inputs/a/2/x", "inputs/a0", "inputs/é", "outputs/a/1",
    )  # fmt: skip

    @pytest.fixture
    def taker(self, store: ObjectStore) -> SupportsFiles:
        """The store, if it takes files."""
        if not isinstance(store, SupportsFiles):
            pytest.skip("this store takes no files")
        return store

    async def test_an_object_comes_back_as_it_was_put(self, store: ObjectStore) -> None:
        put = await store.put(KEY, pieces(b"a fox", b" in", b"", b" snow"), media_type="image/png")
        assert (put.key, put.size_bytes) == (KEY, 13)
        assert put.media_type in {None, "image/png"}
        assert await content(store) == b"a fox in snow"
        assert await store.stat(KEY) == put

    async def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        assert (await store.put(KEY, pieces(), media_type="image/png")).size_bytes == 0
        assert await content(store) == b""
        assert await store.stat(KEY) is not None

    async def test_a_large_object_comes_back_whole_and_in_pieces(self, store: ObjectStore) -> None:
        data = bytes(range(256)) * 32768 + b"end"  # 8 MiB and a little
        chunks = (data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES))
        assert (await store.put(KEY, pieces(*chunks), media_type="video/mp4")).size_bytes == len(data)
        read = [len(chunk) async for chunk in store.open(KEY)]
        assert await content(store) == data
        assert max(read) < len(data)

    async def test_a_second_put_takes_the_place_of_the_first(self, store: ObjectStore) -> None:
        await store.put(KEY, pieces(b"a long first one"), media_type="image/png")
        await store.put(KEY, pieces(b"second"), media_type="image/png")
        assert await content(store) == b"second"
        assert [info.size_bytes async for info in store.list()] == [6]

    async def test_nobody_sees_a_part_of_an_object(self, store: ObjectStore) -> None:
        seen: list[object] = []

        async def watched() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"x" * CHUNK_BYTES
                seen.extend([await store.stat(KEY), [info async for info in store.list()]])

        await store.put(KEY, watched(), media_type="image/png")
        assert seen == [None, []] * 3

    @pytest.mark.parametrize("before", [None, b"old"])
    async def test_a_put_that_breaks_off_changes_nothing(self, store: ObjectStore, before: bytes | None) -> None:
        await put_before(store, before)
        with pytest.raises(EOFError, match="the sender went away"):
            await store.put(KEY, then_fail(), media_type="image/png")
        await assert_only(store, before)

    @pytest.mark.parametrize("before", [None, b"old"])
    async def test_a_put_that_is_cancelled_changes_nothing(self, store: ObjectStore, before: bytes | None) -> None:
        await put_before(store, before)
        begun = asyncio.Event()
        putting = asyncio.ensure_future(store.put(KEY, then_wait(begun), media_type="image/png"))
        await begun.wait()
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        await assert_only(store, before)

    async def test_puts_of_one_key_at_once_end_as_one_of_them_whole(self, store: ObjectStore) -> None:
        contents = [bytes([number]) * (CHUNK_BYTES + number) for number in range(6)]
        await asyncio.gather(*(store.put(KEY, slowly(one), media_type="image/png") for one in contents))
        assert await content(store) in contents
        assert len([info async for info in store.list()]) == 1

    @pytest.mark.parametrize(
        "key", ["inputs/ü/лиса 狐 🦊.png", "outputs/a b/'(1)'.mp4", "inputs/.hidden", "inputs/a.b.c"]
    )
    async def test_a_key_in_any_script_is_a_key(self, store: ObjectStore, key: str) -> None:
        await store.put(key, pieces(b"fox"), media_type="image/png")
        assert await content(store, key) == b"fox"
        assert [info.key async for info in store.list(key[:8])] == [key]

    async def test_the_list_is_in_order_of_the_keys_and_bound_to_its_prefix(self, store: ObjectStore) -> None:
        for key in reversed(self.keys_in_order):
            await store.put(key, pieces(b"fox"), media_type="image/png")
        for prefix in ("", "inputs/", "inputs/a", "inputs/a/", "inputs/a/2", "out", "inputs/b", "../", "/", "nothing/"):
            listed = [info.key async for info in store.list(prefix)]
            assert listed == [key for key in self.keys_in_order if key.startswith(prefix)]

    async def test_what_is_deleted_is_gone_and_nothing_else(self, store: ObjectStore) -> None:
        for key in (KEY, "inputs/u1/hare.png"):
            await store.put(key, pieces(b"x"), media_type="image/png")
        for _ in range(2):
            await store.delete(KEY)
            assert await store.stat(KEY) is None
        assert [info.key async for info in store.list()] == ["inputs/u1/hare.png"]

    @pytest.mark.parametrize("key", ["inputs/u1/hare.png", "inputs/u1", "inputs/u1/fox.png/x", "outputs/u1/fox.png"])
    async def test_what_is_not_there_is_not_found(self, store: ObjectStore, key: str) -> None:
        await store.put(KEY, pieces(b"fox"), media_type="image/png")
        assert await store.stat(key) is None
        with pytest.raises(ObjectNotFound):
            await content(store, key)
        await store.delete(key)
        assert await content(store) == b"fox"

    async def test_a_reader_may_stop_early(self, store: ObjectStore) -> None:
        await store.put(KEY, pieces(b"x" * CHUNK_BYTES, b"y"), media_type="image/png")
        async for _ in store.open(KEY):
            break
        await store.delete(KEY)

    async def test_an_address_is_a_whole_one_or_there_is_none(self, store: ObjectStore) -> None:
        await store.put(KEY, pieces(b"fox"), media_type="image/png")
        url = await store.url(KEY, ttl_seconds=60)
        assert url is None or "://" in url

    @pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: repr(key)[:40])
    async def test_a_key_that_could_leave_its_bucket_is_refused(
        self, store: ObjectStore, key: str, tmp_path: Path
    ) -> None:
        calls: list[Callable[[], Coroutine[object, object, object]]] = [
            lambda: store.put(key, pieces(b"fox"), media_type="image/png"),
            lambda: content(store, key),
            lambda: store.stat(key),
            lambda: store.url(key, ttl_seconds=60),
            lambda: store.delete(key),
        ]
        if isinstance(store, SupportsFiles):
            calls.append(partial(store.put_file, key, given(tmp_path), media_type="image/png"))
        for call in calls:
            with pytest.raises(InvalidInput):
                await call()
        assert [info async for info in store.list()] == []

    @pytest.mark.parametrize("before", [None, b"old"])
    async def test_a_file_becomes_an_object_and_stays_a_file(
        self, store: ObjectStore, taker: SupportsFiles, tmp_path: Path, before: bytes | None
    ) -> None:
        await put_before(store, before)
        file = given(tmp_path)
        for _ in range(2):  # a repeat is as good as the first time
            put = await taker.put_file(KEY, file, media_type="image/png")
            assert (put.key, put.size_bytes, await store.stat(KEY)) == (KEY, 13, put)
            assert put.media_type in {None, "image/png"}
            assert (await content(store), file.read_bytes()) == (b"a fox in snow", b"a fox in snow")
        assert [info.key async for info in store.list()] == [KEY]

    async def test_a_file_and_its_object_know_nothing_of_each_others_end(
        self, store: ObjectStore, taker: SupportsFiles, tmp_path: Path
    ) -> None:
        file = given(tmp_path)
        await taker.put_file(KEY, file, media_type="image/png")
        await store.put(KEY, pieces(b"new"), media_type="image/png")
        assert file.read_bytes() == b"a fox in snow"
        await taker.put_file(KEY, file, media_type="image/png")
        await store.delete(KEY)
        assert file.read_bytes() == b"a fox in snow"
        await taker.put_file(KEY, file, media_type="image/png")
        file.unlink()
        assert await content(store) == b"a fox in snow"

    @pytest.mark.parametrize("before", [None, b"old"])
    async def test_a_file_that_is_not_there_changes_nothing(
        self, store: ObjectStore, taker: SupportsFiles, tmp_path: Path, before: bytes | None
    ) -> None:
        await put_before(store, before)
        with pytest.raises(StorageUnavailable):
            await taker.put_file(KEY, tmp_path / "gone", media_type="image/png")
        await assert_only(store, before)

    async def test_it_closes_twice(self, store: ObjectStore) -> None:
        await store.aclose()
        await store.aclose()


def given(folder: Path) -> Path:
    """A file to put, outside of the store."""
    file = folder / "given"
    file.write_bytes(b"a fox in snow")
    return file


async def content(store: ObjectStore, key: str = KEY) -> bytes:
    """All bytes of an object."""
    return b"".join([chunk async for chunk in store.open(key)])


async def put_before(store: ObjectStore, data: bytes | None) -> None:
    """Put the object that is there before a test's own put; None: there is none."""
    if data is not None:
        await store.put(KEY, pieces(data), media_type="image/png")


async def assert_only(store: ObjectStore, data: bytes | None) -> None:
    """The store holds this one object, or nothing at all."""
    assert [info.size_bytes async for info in store.list()] == ([] if data is None else [len(data)])
    assert data is None or await content(store) == data


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    """The chunks, one by one."""
    for chunk in chunks:
        yield chunk


async def slowly(data: bytes) -> AsyncIterator[bytes]:
    """The data in two chunks, with others at work between them."""
    for chunk in (data[: len(data) // 2], data[len(data) // 2 :]):
        yield chunk
        await asyncio.sleep(0)


async def then_fail() -> AsyncIterator[bytes]:
    """Much, and then the sender goes away."""
    yield b"new" * CHUNK_BYTES
    raise EOFError("the sender went away")


async def then_wait(begun: asyncio.Event) -> AsyncIterator[bytes]:
    """Much, and then nothing more for ever."""
    yield b"new" * CHUNK_BYTES
    begun.set()
    await asyncio.Event().wait()
