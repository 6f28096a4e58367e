"""An upload in parts that ends in one of two ways: the whole object, or nothing and no part left in the store.

obstore takes its pieces from us. Where it is cancelled, its parts stay in the bucket, and are paid for; where the next
piece is an error, it removes them. So whoever breaks off makes that error, and waits until it has had its effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from nexiom_sdk.storage import CHUNK_BYTES

PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes as a part; it takes 10,000 of them, so 48 GiB
SMALL_BYTES = 1024 * 1024  # not worth the three requests of an upload in parts
CLEAN_UP_SECONDS = 10.0


class BrokenOffError(Exception):
    """The sender went away: obstore shall remove what it has."""


class Handover:
    """Pieces on their way from the sender's task to obstore, one at a time: what obstore sees is an async iterator."""

    def __init__(self) -> None:
        self._pieces = asyncio.Queue[bytes | None](1)
        self._over = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = None if self._over else await self._pieces.get()
        if self._over:
            raise BrokenOffError
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def give(self, piece: bytes | None) -> bool:
        """Hand over the next piece, once there is room; None: that was all.

        Returns:
            Whether anybody takes more.
        """
        if not self._over:
            await self._pieces.put(piece)
        return not self._over

    def forsake(self, _: object) -> None:
        """Nobody takes any more: a sender that waits for room goes on."""
        self._over = True
        if self._pieces.full():
            self._pieces.get_nowait()

    def break_off(self) -> None:
        """Nobody gives any more: who waits for a piece gets the error."""
        self.forsake(None)
        self._pieces.put_nowait(None)


async def send(start: Callable[[AsyncIterator[bytes]], Awaitable[object]], pieces: AsyncIterator[bytes]) -> None:
    """Upload pieces; the sender's errors are raised as they are.

    Args:
        start: Begins the upload of what it is given.
        pieces: The whole object.
    """
    handover = Handover()
    putting = asyncio.ensure_future(start(handover))
    putting.add_done_callback(handover.forsake)
    try:
        async for piece in pieces:
            if not await handover.give(piece):
                break
        await handover.give(None)
        await asyncio.shield(putting)
    except BaseException:
        handover.break_off()
        await _end(putting)
        raise


async def beginning(chunks: AsyncIterator[bytes]) -> tuple[list[bytes], bool]:
    """What is small enough to go up at once, and whether it is all; where it is not, the chunks go on behind it."""
    held, size = list[bytes](), 0
    async for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size > SMALL_BYTES:
            return held, False
    return held, True


async def in_pieces(first: list[bytes], chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What was taken already and the chunks behind it, in pieces of a size that is worth a change of threads."""
    first.reverse()  # each is let go as soon as it is taken
    while first:
        yield first.pop()
    held = bytearray()
    async for chunk in chunks:
        if not held and len(chunk) >= CHUNK_BYTES:
            yield chunk  # without a copy
            continue
        held += chunk
        if len(held) >= CHUNK_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


async def _end(putting: asyncio.Future[object]) -> None:
    """Wait until the store has removed what it had; where it does not answer, its parts stay."""
    try:
        await asyncio.wait([putting], timeout=CLEAN_UP_SECONDS)
    finally:
        putting.cancel()
    if putting.done() and not putting.cancelled():
        putting.exception()  # looked at, so that nobody reports it as forgotten
