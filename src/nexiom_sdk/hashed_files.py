"""Files that are hashed while they are written, and carry the hash in their name: who finds one need not read it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from io import BufferedWriter
from pathlib import Path

from nexiom_sdk.disk import to_its_end

BATCH_BYTES = 1024 * 1024


async def write_hashed(path: Path, chunks: AsyncIterator[bytes]) -> None:
    """Write a file; it gets its hash as a suffix once it is whole and on the disk, and not before.

    Args:
        path: Its name without the suffix; there is no such file yet.
        chunks: Its bytes.

    Raises:
        OSError: The disk does not take it.
    """
    file = _HashedFile(path)
    batch: list[bytes] = []
    size_bytes = 0
    writing: asyncio.Task[None] | None = None  # one batch is hashed and written while the next one comes
    try:
        async for chunk in chunks:
            batch.append(chunk)
            size_bytes += len(chunk)
            if size_bytes >= BATCH_BYTES:  # a way into a thread and back costs as much as hashing one chunk
                if writing is not None:
                    await writing
                writing = asyncio.create_task(to_its_end(file.write, batch))
                batch, size_bytes = [], 0
        if writing is not None:
            await writing
        await to_its_end(file.finish, batch)
    except BaseException:
        if writing is not None:
            await asyncio.gather(writing, return_exceptions=True)
        await to_its_end(file.close)
        raise


def sha256_of(file: Path) -> str:
    """The hash, in hex, that the name of a written file carries.

    Args:
        file: The file.

    Example:
        >>> sha256_of(Path("000.9f86d081"))
        '9f86d081'
    """
    return file.suffix.removeprefix(".")


class _HashedFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BufferedWriter | None = None
        self._digest = hashlib.sha256()

    def write(self, batch: Sequence[bytes]) -> None:
        file = self._opened()
        for chunk in batch:
            file.write(chunk)
            self._digest.update(chunk)

    def finish(self, batch: Sequence[bytes]) -> None:
        self.write(batch)
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        file.close()
        self._path.rename(self._path.with_suffix(f".{self._digest.hexdigest()}"))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _opened(self) -> BufferedWriter:
        if self._file is None:
            self._file = self._path.open("xb")
        return self._file
