"""A reference at rest on this machine while it is looked at: in memory while it is small, else in a nameless file.

So a video of hundreds of megabytes costs no memory, and a process that dies leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from typing import BinaryIO, TypeVar, TypeVarTuple, cast

from nexiom_sdk.disk import Threads, to_its_end
from nexiom_sdk.errors import ResponseTooLarge, StorageUnavailable
from nexiom_sdk.storage import CHUNK_BYTES

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

IN_MEMORY_BYTES = 1024 * 1024


@contextlib.contextmanager
def resting_place() -> Generator[BinaryIO, None, None]:
    """An empty place to write to and to read from; what is in it is gone afterwards."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as place:
        yield cast("BinaryIO", place)  # it has every method of one


async def take_in(place: BinaryIO, chunks: AsyncIterator[bytes], *, most_bytes: int) -> None:
    """Write all chunks to a place.

    Args:
        place: Where to.
        chunks: What; they are left where they grow too large.
        most_bytes: Most bytes in all.

    Raises:
        ResponseTooLarge: They are more.
        StorageUnavailable: The disk of this machine takes no more.
    """
    size_bytes = 0
    async with contextlib.AsyncExitStack() as at_the_end:
        if isinstance(chunks, AsyncGenerator):
            at_the_end.push_async_callback(chunks.aclose)  # a download that is left has an open connection
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > most_bytes:
                raise ResponseTooLarge(f"There are more than {most_bytes:,} bytes.", charged="no")
            if size_bytes <= IN_MEMORY_BYTES:
                place.write(chunk)
            else:
                await at_rest(place.write, chunk)


async def at_rest(work: Callable[[*Ts], T], *args: *Ts, threads: Threads | None = None) -> T:
    """Work on places at rest, off the event loop.

    Args:
        work: What a thread does.
        args: What it is called with.
        threads: Where it may take seconds: who does it.

    Raises:
        StorageUnavailable: The disk of this machine fails.
    """
    try:
        return await (to_its_end if threads is None else threads.to_its_end)(work, *args)
    except OSError as error:
        msg = f"A reference cannot be kept on this machine while it is looked at: {error.strerror or error}."
        hint = "Free some space in the folder for temporary files, or set TMPDIR to another one."
        raise StorageUnavailable(msg, next_step=hint) from error


async def given_out(place: BinaryIO) -> AsyncGenerator[bytes, None]:
    """The bytes of a place in chunks, as a store takes them."""
    place.seek(0)
    while chunk := await at_rest(place.read, CHUNK_BYTES):
        yield chunk


def whole(place: BinaryIO) -> bytes:
    """All bytes of a place, for models that take bytes."""
    place.seek(0)
    return place.read()


def sha256_of_place(place: BinaryIO) -> str:
    """The hash of what is at a place, in hex."""
    place.seek(0)
    return hashlib.file_digest(place, "sha256").hexdigest()  # type: ignore[arg-type]  # it reads into a buffer as well
