"""Files that are hashed while they are written, and carry the hash in their name: who finds one need not read it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from io import BufferedRandom
from pathlib import Path

from nexiom_sdk.disk import to_its_end

BATCH_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024


class HashedFile:
    """A file in the making. One writes it; another may read it meanwhile, each at its own pace.

    Args:
        path: Its name without the hash; there is no such file yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BufferedRandom | None = None
        self._digest = hashlib.sha256()
        self._written_bytes = 0
        self._verdict: BaseException | bool = False
        self._news = asyncio.Event()

    async def write(self, chunks: AsyncIterator[bytes], *, allow: Callable[[int], None]) -> Path:
        """Write the file; it gets its hash as a suffix once it is whole and on the disk, and not before.

        Args:
            chunks: Its bytes.
            allow: Told how many bytes come next; what it raises ends the writing.

        Raises:
            OSError: The disk does not take it.
        """
        batch: list[bytes] = []
        size_bytes = 0
        writing: asyncio.Task[None] | None = None  # one batch is hashed and written while the next one comes
        try:
            async for chunk in chunks:
                batch.append(chunk)
                size_bytes += len(chunk)
                if size_bytes >= BATCH_BYTES:  # a way into a thread and back costs as much as hashing one chunk
                    allow(size_bytes)
                    if writing is not None:
                        await writing
                    writing = asyncio.create_task(self._append(batch, size_bytes))
                    batch, size_bytes = [], 0
            allow(size_bytes)
            if writing is not None:
                await writing
            path = await to_its_end(self._finish, batch)
            self._reached(self._written_bytes + size_bytes)
            return path
        except BaseException:
            if writing is not None:
                await asyncio.gather(writing, return_exceptions=True)
            raise

    def judge(self, verdict: BaseException | None) -> None:
        """Tell whoever reads the file whether it is good: with a verdict against it, reading ends with that.

        Args:
            verdict: What is wrong; None: nothing.
        """
        self._verdict = verdict or True
        self._news.set()

    async def read(self) -> AsyncGenerator[bytes, None]:
        """What is written so far, and what will be; its end comes with the verdict, and not before.

        The file may be moved meanwhile. It needs `os.pread`, which Windows lacks.
        """
        at = 0
        while await self._more_than(at):
            chunk = await to_its_end(self._read, min(_READ_BYTES, self._written_bytes - at), at)
            at += len(chunk)
            yield chunk

    def close(self) -> None:
        """Nobody writes or reads it any more."""
        if self._file is not None:
            self._file.close()

    async def _more_than(self, at: int) -> bool:
        """Whether more than this will ever be there to read."""
        while True:
            if isinstance(self._verdict, BaseException):
                raise self._verdict
            if self._written_bytes > at or self._verdict:
                return self._written_bytes > at
            self._news.clear()
            await self._news.wait()

    def _reached(self, size_bytes: int) -> None:
        self._written_bytes = size_bytes
        self._news.set()

    async def _append(self, batch: Sequence[bytes], size_bytes: int) -> None:
        await to_its_end(self._write, batch)
        self._reached(self._written_bytes + size_bytes)

    def _write(self, batch: Sequence[bytes]) -> None:
        data = b"".join(batch)  # in one piece, two calls wait for the interpreter; in many, many do
        self._digest.update(data)
        file = self._opened()
        file.write(data)
        file.flush()

    def _finish(self, batch: Sequence[bytes]) -> Path:
        self._write(batch)
        os.fsync(self._opened().fileno())
        return self._path.rename(self._path.with_suffix(f".{self._digest.hexdigest()}"))

    def _read(self, size_bytes: int, at: int) -> bytes:
        return os.pread(self._opened().fileno(), size_bytes, at)

    def _opened(self) -> BufferedRandom:
        if self._file is None:
            self._file = self._path.open("x+b")
        return self._file


def sha256_of(file: Path) -> str:
    """The hash, in hex, that the name of a written file carries.

    Args:
        file: The file.

    Example:
        >>> sha256_of(Path("000.9f86d081"))
        '9f86d081'
    """
    return file.suffix.removeprefix(".")
