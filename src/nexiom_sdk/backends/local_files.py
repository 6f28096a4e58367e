"""Bytes in a folder of this machine: a bucket is a folder, a key is a path in it."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self, TypeVar
from urllib.parse import unquote, urlsplit

from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import ConfigurationError, InvalidInput, ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import CHUNK_BYTES, ObjectInfo, checked_key

T = TypeVar("T")

_PARTIAL = ".partial"  # on the same file system, so that a finished file is moved in one step
_FORGOTTEN_SECONDS = 24 * 3600


class LocalFiles:
    """A folder as an `ObjectStore`.

    Args:
        root: The folder; it is made when the first object is put.

    Example:
        >>> import asyncio, tempfile
        >>> store = LocalFiles(Path(tempfile.mkdtemp()))
        >>> async def one_chunk():
        ...     yield b"hello"
        >>> asyncio.run(store.put("outputs/a.txt", one_chunk(), media_type="text/plain")).size_bytes
        5
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._swept = False

    @classmethod
    def from_url(cls, url: str, *, clock: Clock) -> Self:  # noqa: ARG003 - all stores are made alike
        """The folder of an address such as `file:///srv/nexiom`.

        Raises:
            ConfigurationError: It is not the address of a folder on this machine.
        """
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            msg = f"'{url}' is not the address of a folder on this machine."
            raise ConfigurationError(msg, next_step="Write it like file:///srv/nexiom.")
        path = unquote(parts.path)
        return cls(Path(path.lstrip("/") if os.name == "nt" else path))

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        """Write an object as a whole; see `ObjectStore.put`."""
        target = await self._off_loop(lambda: self._path(key))
        partial = self._root / _PARTIAL / uuid.uuid4().hex
        file = await self._off_loop(lambda: self._begin(partial))
        try:
            async for chunk in chunks:
                await self._off_loop(lambda data=chunk: file.write(data))  # type: ignore[misc]  # mypy cannot infer it
            size = await self._off_loop(lambda: _finish(file, partial, target))
        finally:
            await asyncio.shield(asyncio.to_thread(_abandon, file, partial))
        return ObjectInfo(key=key, size_bytes=size, media_type=media_type, modified_at=datetime.now(UTC))

    async def open(self, key: str, /) -> AsyncIterator[bytes]:
        """The bytes of an object; see `ObjectStore.open`."""
        file = await self._off_loop(lambda: self._existing(key).open("rb"))
        try:
            while chunk := await self._off_loop(lambda: file.read(CHUNK_BYTES)):
                yield chunk
        finally:
            file.close()

    async def stat(self, key: str, /) -> ObjectInfo | None:
        """What is known of an object; see `ObjectStore.stat`."""
        try:
            return await self._off_loop(lambda: self._info(self._existing(key)))
        except ObjectNotFound:
            return None

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:  # noqa: ARG002 - files do not expire
        """The object's file address, for ever."""
        return (await self._off_loop(lambda: self._path(key))).absolute().as_uri()

    async def delete(self, key: str, /) -> None:
        """Remove an object; see `ObjectStore.delete`."""
        await self._off_loop(lambda: self._path(key).unlink(missing_ok=True))

    async def list(self, prefix: str = "", /) -> AsyncIterator[ObjectInfo]:
        """The objects whose key begins with the prefix; see `ObjectStore.list`."""
        for info in await self._off_loop(lambda: sorted(self._found(prefix), key=lambda one: one.key)):
            yield info

    async def aclose(self) -> None:
        """Nothing is held."""

    async def _off_loop(self, work: Callable[[], T]) -> T:
        """Do file work in a thread; whatever the file system says becomes an error of ours."""
        try:
            return await asyncio.to_thread(work)
        except FileNotFoundError as error:
            raise ObjectNotFound("There is no such object in the store.") from error
        except OSError as error:
            msg = f"The folder {self._root} cannot be used: {error.strerror or error}."
            hint = "Free some space, or choose a folder that can be written (NEXIOM_HOME or NEXIOM_STORE_URL)."
            raise StorageUnavailable(msg, next_step=hint) from error

    def _path(self, key: str) -> Path:
        path = self._root / checked_key(key)
        if not path.resolve().is_relative_to(self._root.resolve()):
            msg = "A link in the store leads out of it."
            raise InvalidInput(msg, next_step="Remove the link from the store's folder.")
        return path

    def _existing(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            msg = f"There is no object '{key}' in the store."
            raise ObjectNotFound(msg)
        return path

    def _begin(self, partial: Path) -> BinaryIO:
        partial.parent.mkdir(parents=True, exist_ok=True)
        if not self._swept:
            self._swept = True
            _sweep(partial.parent)
        return partial.open("xb")

    def _info(self, path: Path) -> ObjectInfo:
        status = path.stat()
        return ObjectInfo(
            key=path.relative_to(self._root).as_posix(),
            size_bytes=status.st_size,
            media_type=mimetypes.guess_type(path.name)[0],
            modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        )

    def _found(self, prefix: str) -> Iterator[ObjectInfo]:
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self._root).as_posix()
                if "/" in key and not key.startswith(f"{_PARTIAL}/") and key.startswith(prefix):
                    with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                        yield self._info(path)


def _finish(file: BinaryIO, partial: Path, target: Path) -> int:
    file.flush()
    os.fsync(file.fileno())
    size = file.tell()
    file.close()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.replace(target)
    return size


def _abandon(file: BinaryIO, partial: Path) -> None:
    with contextlib.suppress(OSError):  # a full disk may refuse the last flush of a file that is thrown away anyhow
        file.close()
    with contextlib.suppress(OSError):
        partial.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what a process left here that died while writing."""
    for leftover in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _FORGOTTEN_SECONDS:
                leftover.unlink()
