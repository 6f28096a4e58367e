"""Where bytes live: the contract of a store, and the rules for its keys.

A key is `bucket/path`. Two buckets exist: `inputs` holds what users upload, `outputs` what providers made.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from nexiom_sdk.disk import to_its_end
from nexiom_sdk.errors import InvalidInput, StorageUnavailable
from nexiom_sdk.wording import printable

INPUTS = "inputs"
OUTPUTS = "outputs"
BUCKETS = (INPUTS, OUTPUTS)
ANYBODY = "_"  # the folder of jobs without a user
CHUNK_BYTES = 256 * 1024
MOST_URL_SECONDS = 7 * 24 * 3600.0  # stores of clouds sign for a week at most, whatever they are asked for
_LONGEST_KEY = 1024
_LONGEST_NAME = 255  # of a folder, on most systems


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What a store knows of an object.

    Args:
        key: `bucket/path`.
        size_bytes: Length.
        media_type: As it was put; None where the store does not keep it.
        modified_at: When it was put.
    """

    key: str
    size_bytes: int
    media_type: str | None = None
    modified_at: datetime | None = None


class ObjectStore(Protocol):
    """Bytes by key. Every error is a `StorageError`; a key that breaks the rules is `InvalidInput`."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        """Write an object as a whole: nobody ever sees a part of it, and an older one stays until the new is complete.

        Raises:
            StorageUnavailable: It could not be written; nothing changed.
        """
        ...

    def open(self, key: str, /) -> AsyncIterator[bytes]:
        """The bytes of an object, in chunks.

        Raises:
            ObjectNotFound: There is none.
        """
        ...

    async def stat(self, key: str, /) -> ObjectInfo | None:
        """What is known of an object; None if there is none."""
        ...

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:
        """An address for reading the object, permanent or valid for `ttl_seconds`; None if the store has none."""
        ...

    async def delete(self, key: str, /) -> None:
        """Remove an object; nothing happens if there is none."""
        ...

    def list(self, prefix: str = "", /) -> AsyncIterator[ObjectInfo]:
        """The objects whose key begins with the prefix, in order of their keys."""
        ...

    async def aclose(self) -> None:
        """Release what the store holds."""
        ...


@runtime_checkable
class SupportsFiles(Protocol):
    """A store that can take a file of this machine as it is, found by type test; others read it through `put`."""

    @property
    def shares_bytes(self) -> bool:
        """Whether an object is the file itself, without a copy: then nothing is gained by a `put` while it grows."""
        ...

    async def put_file(self, key: str, file: Path, /, *, media_type: str) -> ObjectInfo:
        """As `put`, from a file that nobody changes any more: the object may share its bytes.

        The file stays where it is, and may be removed at any time.

        Raises:
            StorageUnavailable: The file cannot be read, or the object cannot be written; nothing changed.
        """
        ...


@runtime_checkable
class SupportsCloudAddresses(Protocol):
    """A store whose objects a provider may read in the cloud itself, found by type test."""

    def cloud_address(self, key: str, /) -> str | None:
        """`gs://bucket/object` for a key; None where the place is not Google Cloud Storage.

        Nothing is asked: the object may not be there, and whoever reads the address needs rights of its own.
        """
        ...


def checked_key(key: str) -> str:
    """The key, if it is one that cannot leave its bucket.

    Raises:
        InvalidInput: It is empty, absolute, too long, has empty or dot segments, backslashes or control characters.

    Example:
        >>> checked_key("inputs/u1/fox.png")
        'inputs/u1/fox.png'
    """
    segments = key.split("/")
    if (
        len(segments) < 2  # noqa: PLR2004 - a bucket and a path
        or len(key.encode("utf-8", "replace")) > _LONGEST_KEY
        or any(segment in {"", ".", ".."} for segment in segments)
        or not key.isprintable()
        or any(character in key for character in "\\:")
    ):
        msg = f"'{printable(key, 80)}' is not a path inside a bucket."
        raise InvalidInput(msg, next_step="Use a relative path such as 'u1/fox.png', without '..', '\\' or ':'.")
    return key


def input_key(path: str) -> str:
    """Key of an uploaded reference, from its path in the bucket `inputs`."""
    return checked_key(f"{INPUTS}/{path}")


def checked_user(user_id: str | None) -> str | None:
    """The user id, if it can be the name of a folder: it is the first part of the path of everything a user has.

    Raises:
        InvalidInput: It cannot.

    Example:
        >>> checked_user("auth0|5f2a"), checked_user(None)
        ('auth0|5f2a', None)
    """
    if user_id is not None:
        try:
            checked_key(f"{OUTPUTS}/{user_id}")
        except InvalidInput as error:
            msg = f"The user id '{printable(user_id, 80)}' cannot be the name of a folder."
            raise InvalidInput(msg, next_step="Use an id without '/', '\\', ':' and control characters.") from error
        if "/" in user_id or user_id == ANYBODY or len(user_id.encode()) > _LONGEST_NAME:
            msg = f"The user id '{printable(user_id, 80)}' cannot be the name of a folder of one user's own."
            raise InvalidInput(msg, next_step="Use an id without '/', of at most 255 bytes, and not '_'.")
    return user_id


def result_path(user_id: str | None, job_id: str, index: int, extension: str = "mp4") -> str:
    """Path of a result in the bucket `outputs`; the same result always has the same path.

    Example:
        >>> result_path(None, "j1", 0), result_path("u1", "j1", 0, "jpg")
        ('_/j1/0.mp4', 'u1/j1/0.jpg')
    """
    return f"{result_folder(user_id, job_id)}/{index}.{extension}"


def result_folder(user_id: str | None, job_id: str) -> str:
    """Path of the folder in the bucket `outputs` that holds all results of a job, and nothing else.

    Example:
        >>> result_folder(None, "j1")
        '_/j1'
    """
    return f"{user_id or ANYBODY}/{job_id}"


def output_key(path: str) -> str:
    """Key of a result, from its path in the bucket `outputs`."""
    return checked_key(f"{OUTPUTS}/{path}")


async def in_chunks(data: bytes) -> AsyncGenerator[bytes, None]:
    """Bytes in memory, as a store takes and gives them.

    Args:
        data: Any length; each chunk has `CHUNK_BYTES`, but the last.
    """
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


async def read_file(file: Path) -> AsyncGenerator[bytes, None]:
    """The bytes of a file, as a store takes them, read off the event loop.

    Raises:
        StorageUnavailable: It cannot be read.
    """
    with _readable(file), await to_its_end(file.open, "rb", 0) as reading:
        while piece := await to_its_end(reading.read, CHUNK_BYTES):
            yield piece


async def size_of(file: Path) -> int:
    """How many bytes `read_file` will give of a file that nobody changes.

    Raises:
        StorageUnavailable: It cannot be looked at.
    """
    with _readable(file):
        return (await to_its_end(file.stat)).st_size


def unusable(place: str, cause: str, remedy: str) -> StorageUnavailable:
    """The error for a store that cannot be used at the moment.

    Args:
        place: Where the store is.
        cause: What is wrong there, without a full stop.
        remedy: What ends that, as an order without a full stop.

    Example:
        >>> unusable("s3://films", "it is full", "Make room").message
        'The store in s3://films cannot be used: it is full.'
    """
    hint = f"{remedy}, or set NEXIOM_STORE_URL to another place; jobs stay as they are and go on by themselves."
    return StorageUnavailable(f"The store in {place} cannot be used: {cause}.", next_step=hint)


@contextmanager
def _readable(file: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        msg = f"The file {file.name} cannot be read: {error.strerror or error}."
        raise StorageUnavailable(msg) from error
