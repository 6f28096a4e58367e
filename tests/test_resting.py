from __future__ import annotations

import errno
import hashlib
import io
from collections.abc import AsyncIterator
from typing import Any, BinaryIO

import pytest

from nexiom_sdk.errors import ResponseTooLarge, StorageUnavailable
from nexiom_sdk.resting import IN_MEMORY_BYTES, given_out, resting_place, sha256_of_place, take_in, whole
from nexiom_sdk.storage import CHUNK_BYTES, in_chunks

SIZES = [0, 1, CHUNK_BYTES, IN_MEMORY_BYTES, IN_MEMORY_BYTES + 1, 3 * IN_MEMORY_BYTES + 7]


@pytest.mark.parametrize("size", SIZES)
async def test_what_rests_comes_out_as_it_went_in(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with resting_place() as place:
        await take_in(place, in_chunks(data), most_bytes=size)
        assert whole(place) == data
        assert b"".join([chunk async for chunk in given_out(place)]) == data
        assert sha256_of_place(place) == hashlib.sha256(data).hexdigest()


async def test_it_is_given_out_in_small_chunks() -> None:
    with resting_place() as place:
        await take_in(place, in_chunks(bytes(2 * IN_MEMORY_BYTES)), most_bytes=2**30)
        sizes = {len(chunk) async for chunk in given_out(place)}
    assert sizes == {CHUNK_BYTES}


@pytest.mark.parametrize("most_bytes", [0, 999, IN_MEMORY_BYTES + CHUNK_BYTES])
async def test_what_grows_too_large_is_left_and_its_source_closed(most_bytes: int) -> None:
    given, closed = 0, []

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        try:
            while True:
                given += 1000
                yield bytes(1000)
        finally:
            closed.append(given)

    with resting_place() as place, pytest.raises(ResponseTooLarge):
        await take_in(place, endless(), most_bytes=most_bytes)
    assert closed == [given]
    assert given <= most_bytes + 1000


async def test_a_full_disk_is_told_with_what_to_do() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            if self.tell() >= IN_MEMORY_BYTES:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    full: BinaryIO = Full()
    with pytest.raises(StorageUnavailable, match="No space left") as caught:
        await take_in(full, in_chunks(bytes(2 * IN_MEMORY_BYTES)), most_bytes=2**30)
    assert "TMPDIR" in str(caught.value)
    assert caught.value.retryable
