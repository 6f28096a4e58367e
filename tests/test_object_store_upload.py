from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from nexiom_sdk.backends import object_store_upload
from nexiom_sdk.backends.object_store_upload import (
    SMALL_BYTES,
    BrokenOffError,
    beginning,
    in_pieces,
    send,
)
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.storage import CHUNK_BYTES
from nexiom_sdk.testing.store_contract import pieces


class Taker:
    """Takes what it is given, as obstore does."""

    def __init__(self, *, most: int | None = None) -> None:
        self.taken = list[bytes]()
        self.most = most
        self.ended: str = ""

    async def start(self, given: AsyncIterator[bytes]) -> None:
        try:
            async for piece in given:
                if self.most == len(self.taken):
                    raise StorageUnavailable("It is full.")
                self.taken.append(piece)
            self.ended = "whole"
        except BrokenOffError:
            self.ended = "broken off"
            raise


async def test_the_pieces_arrive_in_order() -> None:
    taker = Taker()
    await send(taker.start, pieces(b"a", b"fox", b"in", b"snow"))
    assert (taker.taken, taker.ended) == ([b"a", b"fox", b"in", b"snow"], "whole")


async def test_the_error_of_the_sender_is_the_error_and_the_taker_is_told() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise EOFError("the sender went away")

    taker = Taker()
    with pytest.raises(EOFError, match="the sender went away"):
        await send(taker.start, failing())
    assert taker.ended == "broken off"


@pytest.mark.parametrize("most", [0, 1, 3])
async def test_the_error_of_the_taker_stops_the_sender(most: int) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b"x"

    with pytest.raises(StorageUnavailable, match="It is full"):
        await send(Taker(most=most).start, endless())
    assert sent <= most + 3


async def test_a_cancel_waits_until_the_taker_has_cleaned_up() -> None:
    cleaning, go_on, cleaned = asyncio.Event(), asyncio.Event(), False

    async def start(given: AsyncIterator[bytes]) -> None:
        nonlocal cleaned
        try:
            async for _ in given:
                pass
        except BrokenOffError:
            cleaning.set()
            await go_on.wait()
            cleaned = True
            raise

    async def waiting() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.Event().wait()

    sending = asyncio.ensure_future(send(start, waiting()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sending.cancel()
    await cleaning.wait()
    assert not sending.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert cleaned


async def test_a_taker_that_does_not_end_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store_upload, "CLEAN_UP_SECONDS", 0.05)
    started, cancelled = asyncio.Event(), False

    async def stuck(_: AsyncIterator[bytes]) -> None:
        nonlocal cancelled
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled = True
            raise

    sending = asyncio.ensure_future(send(stuck, pieces(b"a", b"b", b"c")))
    await started.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.sleep(0)
    assert cancelled


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, SMALL_BYTES * 2 + 7])
@pytest.mark.parametrize("chunk", [100_000, CHUNK_BYTES, SMALL_BYTES * 3])
async def test_nothing_is_lost_between_chunks_and_pieces(size: int, chunk: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    chunks = pieces(*(data[start : start + chunk] for start in range(0, size, chunk)))
    first, whole = await beginning(chunks)
    assert whole == (size <= SMALL_BYTES)
    if whole:
        assert b"".join(first) == data
    else:
        assert b"".join([piece async for piece in in_pieces(first, chunks)]) == data
