"""Bytes in a local folder: the object `bucket/path` is the file of that name below it.

What is being written rests in the hidden folder `.partial` until it is whole; then it takes its place in one step.
"""

from __future__ import annotations

import errno
import mimetypes
import os
import stat
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import ClassVar, Self, TypeVar, TypeVarTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from nexiom_sdk.backends.partial_file import PartialFile
from nexiom_sdk.clock import Clock
from nexiom_sdk.disk import sweep_beside, to_its_end
from nexiom_sdk.errors import ConfigurationError, InvalidInput, ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import BUCKETS, CHUNK_BYTES, ObjectInfo, checked_key, unusable
from nexiom_sdk.wording import printable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

DROPS_ENDS = os.name == "nt"  # Windows takes "fox." and "fox " for "fox"
_PARTIAL = ".partial"
_MISSING = (FileNotFoundError, NotADirectoryError)
_CAUSES: Mapping[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "Free some space"),
    errno.EDQUOT: ("the quota of this account is used up", "Free some space"),
    errno.EFBIG: ("the file is larger than this place takes", "Raise the limit on file sizes"),
    errno.EROFS: ("it can only be read", "Make it writable"),
    errno.EACCES: ("access is denied", "Give this program the right to read and write it"),
    errno.EPERM: ("access is denied", "Give this program the right to read and write it"),
    errno.ENOTDIR: ("a file stands where a folder is needed", "Move that file away"),
    errno.EEXIST: ("a file stands where a folder is needed", "Move that file away"),
    errno.EISDIR: ("a folder stands where the file should be", "Move that folder away"),
}


class LocalFiles:
    """A folder of this machine as a store; `inputs` and `outputs` are folders in it.

    Args:
        root: The folder; it is made when something is put.

    Example:
        >>> import asyncio
        >>> store = LocalFiles(Path("/srv/nexiom"))
        >>> asyncio.run(store.url("outputs/u1/j1/0.mp4", ttl_seconds=60))
        'file:///srv/nexiom/outputs/u1/j1/0.mp4'
    """

    shares_bytes: ClassVar[bool] = True

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._swept = False

    @classmethod
    def from_url(cls, url: str, *, clock: Clock) -> Self:  # noqa: ARG003 - part of the contract
        """The store for a URL such as `file:///srv/nexiom`.

        Raises:
            ConfigurationError: It does not name a folder of this machine.
        """
        parts = urlsplit(url)
        path = url2pathname(parts.path)
        foreign = parts.scheme != "file" or parts.netloc not in {"", "localhost"} or parts.query or parts.fragment
        if foreign or "\0" in path or not Path(path).is_absolute():
            msg = f"'{printable(url, 80)}' does not name a folder of this machine."
            raise ConfigurationError(msg, next_step="Use three slashes and the whole path: file:///srv/nexiom.")
        return cls(Path(path))

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:  # noqa: ARG002 - part of the contract
        partial = self._partial()
        path = await self._do(self._path, key)
        try:
            await self._do(self._begin, partial)
            async for chunk in chunks:
                await self._do(partial.write, chunk)
            return _info(key, await self._do(partial.take_place, path))
        finally:
            await self._do(partial.discard)

    async def put_file(self, key: str, file: Path, /, *, media_type: str) -> ObjectInfo:  # noqa: ARG002 - part of the contract
        """Without a copy, where the file lies on the same file system: object and file share their bytes."""

        def place() -> ObjectInfo:
            path, partial = self._path(key), self._partial()
            try:
                partial.share(file)
                self._sweep(partial)
                return _info(key, partial.take_place(path))
            finally:
                partial.discard()

        return await self._do(place)

    async def open(self, key: str, /) -> AsyncIterator[bytes]:
        file: BufferedReader | None = None

        def read() -> bytes:
            nonlocal file
            file = file or self._opened(key)
            return file.read(CHUNK_BYTES)

        try:
            while chunk := await self._do(read):
                yield chunk
        finally:
            if file is not None:
                file.close()

    async def stat(self, key: str, /) -> ObjectInfo | None:
        return await self._do(self._look, key)

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:  # noqa: ARG002 - part of the contract
        """The file's address, for programs on this machine; it is valid as long as the file is there."""
        return (await self._do(self._path, key)).as_uri()

    async def delete(self, key: str, /) -> None:
        def remove() -> None:
            if self._look(key) is not None:
                self._path(key).unlink(missing_ok=True)

        await self._do(remove)

    async def list(self, prefix: str = "", /) -> AsyncIterator[ObjectInfo]:
        """The objects whose key begins with the prefix, in order of their keys.

        Where the prefix names no bucket, only `inputs` and `outputs` are looked at: the database may lie beside them.
        """
        for info in await self._do(self._all, prefix):
            yield info

    async def aclose(self) -> None:
        """Nothing is held."""

    async def _do(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        try:
            return await to_its_end(work, *args)
        except OSError as error:
            raise self._trouble(error) from error

    def _path(self, key: str) -> Path:
        """Where an object is; never outside of the root, whatever links there are."""
        path = self._root / checked_key(key)
        if key.startswith("."):
            msg = f"'{printable(key, 80)}' is not in a bucket: names of buckets do not begin with a dot."
            raise InvalidInput(msg)
        if DROPS_ENDS and any(name.endswith((".", " ")) for name in path.parts[1:]):
            msg = f"'{printable(key, 80)}' has a name that ends in a dot or a space, which this system would drop."
            raise InvalidInput(msg)
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self._root)):
            msg = f"'{printable(key, 80)}' leads out of the store through a link."
            raise InvalidInput(msg, next_step=f"Remove the link below {self._root}.")
        return path

    def _partial(self) -> PartialFile:
        return PartialFile(self._root / _PARTIAL / uuid.uuid4().hex)

    def _begin(self, partial: PartialFile) -> None:
        partial.write(b"")
        self._sweep(partial)

    def _sweep(self, partial: PartialFile) -> None:
        if not self._swept:
            self._swept = True
            sweep_beside(partial.path)

    def _look(self, key: str) -> ObjectInfo | None:
        try:
            found = self._path(key).stat()
        except _MISSING:
            return None
        return _info(key, found) if stat.S_ISREG(found.st_mode) else None

    def _opened(self, key: str) -> BufferedReader:
        if self._look(key) is not None:
            with suppress(*_MISSING):
                return self._path(key).open("rb")
        msg = f"There is no object '{key}' in {self._root}."
        raise ObjectNotFound(msg)

    def _all(self, prefix: str) -> tuple[ObjectInfo, ...]:
        bucket, slash, _ = prefix.partition("/")
        found: dict[str, ObjectInfo | None] = {}
        for key in chain.from_iterable(self._keys(f"{one}/", prefix) for one in ((bucket,) if slash else BUCKETS)):
            with suppress(InvalidInput):  # a name that no key can have, or a link that leads out
                found[key] = self._look(key)
        return tuple(filter(None, found.values()))

    def _keys(self, folder: str, prefix: str) -> Iterator[str]:
        """Keys below a folder, in order of the whole keys: a folder counts with the slash behind it."""
        try:
            self._path(f"{folder}_")  # what no key can be in is none of ours, wherever a prefix or a link leads
            inside = list(os.scandir(self._root / folder))
        except (*_MISSING, InvalidInput):
            return
        for name in sorted(f"{one.name}/" if one.is_dir(follow_symlinks=False) else one.name for one in inside):
            key = folder + name
            if key.endswith("/") and (key.startswith(prefix) or prefix.startswith(key)):
                yield from self._keys(key, prefix)
            elif key.startswith(prefix):
                yield key

    def _trouble(self, error: OSError) -> InvalidInput | StorageUnavailable:
        if error.errno == errno.ENAMETOOLONG:
            return InvalidInput(f"A name in this path is too long for {self._root}.")
        cause, remedy = _CAUSES.get(error.errno or 0, (error.strerror or str(error), "Mend that"))
        where = f" ({error.filename})" if error.filename else ""
        return unusable(str(self._root), f"{cause}{where}", remedy)


def _info(key: str, found: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size_bytes=found.st_size,
        media_type=mimetypes.guess_type(key, strict=False)[0],
        modified_at=datetime.fromtimestamp(found.st_mtime, UTC),
    )
