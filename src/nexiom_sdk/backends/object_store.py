"""Bytes in an object store of a cloud, or in one that speaks S3: through obstore, the extra `object-store`.

Here the object of a key is named as the key is, in one bucket or in two.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

from pydantic import SecretStr

from nexiom_sdk.backends.object_store_address import VARIABLES, StoreAddress
from nexiom_sdk.backends.object_store_errors import is_missing, refuses, trouble
from nexiom_sdk.backends.object_store_upload import PART_BYTES, beginning, in_pieces, send
from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import ConfigurationError, InvalidInput, ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import BUCKETS, CHUNK_BYTES, OUTPUTS, ObjectInfo, checked_key
from nexiom_sdk.wording import printable

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta
    from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

    Bucket: TypeAlias = AzureStore | GCSStore | MemoryStore | S3Store

T = TypeVar("T")
Body: TypeAlias = bytes | AsyncIterator[bytes]

_log = logging.getLogger("nexiom_sdk")

ANSWER_SECONDS = 30.0
MOST_URL_SECONDS = 7 * 24 * 3600  # longer is refused by S3 and by Google, and by Azure where no account key signs
_PARTS_AT_ONCE = 1  # a second one would cost 5 MiB of memory, whatever the size of the object
_LAST_WORDS_SECONDS = 0.05
_AT_A_TIME = 1000
_NEVER_ESCAPED = re.compile(r"[A-Za-z0-9/._~-]+")


class CloudStore:
    """One bucket of an object store, or two.

    Args:
        buckets: A store of obstore, in which `inputs` and `outputs` are folders; or one for each of these two names.
        prefix: A folder in the bucket, around both.
        place: What errors call it.

    Raises:
        InvalidInput: The prefix cannot be a folder.

    Example:
        >>> import asyncio
        >>> from obstore.store import MemoryStore
        >>> store = CloudStore(MemoryStore(), prefix="nexiom")
        >>> asyncio.run(store.stat("outputs/u1/j1/0.mp4")) is None
        True
    """

    def __init__(
        self, buckets: Bucket | Mapping[str, Bucket], *, prefix: str = "", place: str = "this object store"
    ) -> None:
        self._buckets = buckets
        self._prefix = f"{checked_key(f'{OUTPUTS}/{prefix}').partition('/')[2]}/" if prefix else ""
        self._place = place
        self._said = False

    @classmethod
    def from_url(cls, url: str, *, clock: Clock) -> Self:  # noqa: ARG003 - part of the contract
        """The store for a URL such as `s3://bucket/folder?region=eu-central-1`.

        Raises:
            ConfigurationError: It is not one of an object store, it holds a key, or the extra is not installed.
        """
        given, url = SecretStr(url), ""  # somebody may have put a key into it, and tracebacks show local variables
        try:
            address = StoreAddress.parse(given.get_secret_value())
        except ConfigurationError as error:
            raise error.with_traceback(None) from None
        try:
            if address.bucket:
                return cls(address.connect(address.bucket), prefix=address.prefix, place=address.place)
            return cls({name: address.connect(name) for name in BUCKETS}, place=address.place)
        except ImportError as error:
            msg = f"A store with an address that begins with {address.scheme}: needs one more package."
            raise ConfigurationError(msg, next_step='Install it: pip install "nexiom_sdk[object-store]".') from error
        except Exception as error:  # noqa: BLE001 - its words may quote what a variable holds
            if "Account must be specified" in str(error):
                msg = f"The storage account of {address.place} is not known."
                hint = "Write it into the address, ?account=NAME, or set AZURE_STORAGE_ACCOUNT_NAME."
            else:
                msg = f"obstore cannot be set up for {address.place}: one of its variables holds something impossible."
                hint = f"Check {VARIABLES[address.scheme]}, and what else of that service is set."
            raise ConfigurationError(msg, next_step=hint) from None

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        upload = self._upload(key, media_type)
        first, whole = await beginning(chunks)
        if whole:
            await upload(b"".join(first))
        else:
            await send(upload, in_pieces(first, chunks))
        info = await self.stat(key)
        if info is None:
            msg = f"The object '{key}' was put into {self._place}, and is not there."
            raise StorageUnavailable(msg)
        return info

    async def open(self, key: str, /) -> AsyncIterator[bytes]:
        found = await self._get(key)
        if found is None:
            msg = f"There is no object '{key}' in {self._place}."
            raise ObjectNotFound(msg)
        async for chunk in self._each(found.stream(CHUNK_BYTES)):
            view = memoryview(chunk)  # a whole object at once, where the store holds it in memory
            for start in range(0, len(view), CHUNK_BYTES):
                yield bytes(view[start : start + CHUNK_BYTES])

    async def stat(self, key: str, /) -> ObjectInfo | None:
        found = await self._get(key, head=True)
        return None if found is None else _info(key, found.meta, found.attributes.get("Content-Type"))

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:
        """A signed address for reading, valid for 7 days at most; None where the store or its keys cannot sign.

        One on Azure is None as well for a key with characters that an address escapes: they are signed wrongly there.
        """
        from obstore import sign_async
        from obstore.store import AzureStore, GCSStore, S3Store

        bucket, path = self._at(key)
        if not isinstance(bucket, S3Store | GCSStore | AzureStore):
            return None
        if isinstance(bucket, AzureStore) and not _NEVER_ESCAPED.fullmatch(path):
            return None
        valid = timedelta(seconds=int(min(max(ttl_seconds, 1), MOST_URL_SECONDS)))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await sign_async(bucket, "GET", path, valid)
        except Exception as error:  # noqa: BLE001 - whatever obstore raises
            reason = trouble(error, self._place)
            if not refuses(error):
                raise reason from None
        if not self._said:
            self._said = True
            _log.warning("No signed addresses: %s", reason.message, extra={"action": "addresses_unsigned"})
        return None

    def cloud_address(self, key: str, /) -> str | None:
        from obstore.store import GCSStore

        bucket, path = self._at(key)
        if not isinstance(bucket, GCSStore) or "base_url" in bucket.config:
            return None
        within = f"{bucket.prefix.strip('/')}/" if bucket.prefix else ""
        return f"gs://{bucket.config.get('bucket')}/{within}{path}"

    async def delete(self, key: str, /) -> None:
        from obstore import delete_async

        bucket, path = self._at(key)
        await self._ask_for(lambda: delete_async(bucket, path))

    async def list(self, prefix: str = "", /) -> AsyncIterator[ObjectInfo]:
        """The objects whose key begins with the prefix, in order of their keys.

        Where the prefix names no bucket, only `inputs` and `outputs` are looked at: the place may hold other things.
        """
        bucket, slash, inside = prefix.partition("/")
        for one in (bucket,) if slash else BUCKETS:
            if one.startswith(bucket):
                async for info in self._listed(one, inside):
                    yield info

    async def aclose(self) -> None:
        """Nothing is held: obstore ends idle connections by itself.

        Its threads get a moment: a program of Python 3.11 that ends right behind their last answer may be aborted.
        """
        await asyncio.sleep(_LAST_WORDS_SECONDS)

    def _at(self, key: str) -> tuple[Bucket, str]:
        """The bucket and the name in it of an object."""
        name, _, path = checked_key(key).partition("/")
        if not isinstance(self._buckets, Mapping):
            return self._buckets, self._prefix + key
        if name not in self._buckets:
            msg = f"'{printable(key, 80)}' is in no bucket of {self._place}."
            raise InvalidInput(msg, next_step=f"Keys begin with {'/ or '.join(BUCKETS)}/.")
        return self._buckets[name], self._prefix + path

    def _upload(self, key: str, media_type: str) -> Callable[[Body], Awaitable[object]]:
        from obstore import put_async

        bucket, path = self._at(key)

        async def upload(body: Body) -> None:
            try:
                await put_async(
                    bucket,
                    path,
                    body,
                    attributes={"Content-Type": media_type},
                    use_multipart=not isinstance(body, bytes),
                    chunk_size=PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
            except Exception as error:  # noqa: BLE001 - whatever obstore raises
                raise trouble(error, self._place) from None

        return upload

    async def _get(self, key: str, *, head: bool = False) -> GetResult | None:
        from obstore import get_async

        bucket, path = self._at(key)
        return await self._ask_for(lambda: get_async(bucket, path, options={"head": head}))

    async def _listed(self, name: str, inside: str) -> AsyncIterator[ObjectInfo]:
        """The objects of one of the two buckets whose path in it begins with `inside`."""
        folder = inside.rpartition("/")[0]
        try:
            bucket, path = self._at("/".join(filter(None, (name, folder, "_"))))
            root = self._at(f"{name}/_")[1][:-1]
        except InvalidInput:
            return  # what no key can be in is none of ours
        async for meta in self._found(bucket, path.rpartition("/")[0] or None):
            key = f"{name}/{meta['path'][len(root) :]}"
            if key.startswith(f"{name}/{inside}") and _is_key(key):
                yield _info(key, meta)

    async def _found(self, bucket: Bucket, folder: str | None) -> AsyncIterator[ObjectMeta]:
        """What is below a folder, page by page: these services list names in their order."""
        pages = bucket.list(folder, chunk_size=_AT_A_TIME)  # pyright: ignore[reportUnknownMemberType] - another form of it
        async for page in self._each(pages):
            for meta in page:
                yield meta

    async def _each(self, stream: AsyncIterator[T]) -> AsyncIterator[T]:
        """What a stream of obstore gives, as long as it does not keep us waiting."""
        while True:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    given = await anext(stream)
            except StopAsyncIteration:
                return
            except Exception as error:  # noqa: BLE001 - whatever obstore raises
                raise trouble(error, self._place) from None
            yield given

    async def _ask_for(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        """What comes of a short request; None where the object is not there."""
        # The future is held by no variable: it would show what obstore says in a traceback with local variables.
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await ask()
        except Exception as error:  # noqa: BLE001 - whatever obstore raises
            if is_missing(error):
                return None
            raise trouble(error, self._place) from None


def _is_key(key: str) -> bool:
    try:
        return checked_key(key) == key
    except InvalidInput:
        return False


def _info(key: str, meta: ObjectMeta, media_type: str | None = None) -> ObjectInfo:
    modified_at = meta["last_modified"].astimezone(UTC)
    return ObjectInfo(key=key, size_bytes=meta["size"], media_type=media_type, modified_at=modified_at)
