"""Bytes in Supabase Storage, over its REST interface: the object `bucket/path` is the object of that name there.

An upload replaces an object at its end, in one step of the service. Resumable uploads (TUS) are not used.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, cast
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import SecretStr

from nexiom_sdk.backends.supabase_errors import NO_PROJECT
from nexiom_sdk.backends.supabase_json import fields
from nexiom_sdk.backends.supabase_project import check_secret, checked_url
from nexiom_sdk.backends.supabase_wire import Body, StorageWire
from nexiom_sdk.errors import ObjectNotFound, StorageUnavailable
from nexiom_sdk.storage import BUCKETS, ObjectInfo, checked_key, read_file, size_of, unusable

PAGE_ENTRIES = 1000  # the service gives 1,500 at most
_BY_NAME = {"column": "name", "order": "asc"}


class SupabaseStorage:
    """The storage of a project of Supabase; `inputs` and `outputs` are buckets in it, made by `nexiom migrate`.

    Args:
        url: Address of the project, such as `https://abc.supabase.co`.
        secret_key: A secret key (`sb_secret_...`), or the older `service_role`.
        silence_seconds: How long the service may be silent; a whole upload may take any time.

    Raises:
        ConfigurationError: The address is not one that keys may be sent to, or the key is one for apps.

    Example:
        >>> store = SupabaseStorage("https://abc.supabase.co", SecretStr("sb_secret_123456"))
        >>> store
        SupabaseStorage('https://abc.supabase.co')
    """

    shares_bytes: ClassVar[bool] = False

    def __init__(self, url: str, secret_key: SecretStr, *, silence_seconds: float = 60.0) -> None:
        check_secret(secret_key)
        self._wire = StorageWire(checked_url(url), secret_key, silence_seconds=silence_seconds)
        self._public: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._wire.base_url!r})"

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        """A put of which the answer was lost may have taken place: the same bytes under the same key do no harm."""
        return await self._put(key, chunks, media_type)

    async def put_file(self, key: str, file: Path, /, *, media_type: str) -> ObjectInfo:
        """Sent with its length, so that a limit on sizes is known before it is all sent."""
        checked_key(key)
        size_bytes = await size_of(file)
        async with contextlib.aclosing(read_file(file)) as chunks:
            return await self._put(key, chunks, media_type, size_bytes)

    async def open(self, key: str, /) -> AsyncIterator[bytes]:
        async with contextlib.aclosing(self._wire.chunks(f"/object/{_path(key)}", about=key)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def stat(self, key: str, /) -> ObjectInfo | None:
        try:
            found = fields(await self._wire.ask("GET", f"/object/info/{_path(key)}", about=key))
        except ObjectNotFound:
            return None
        return _info(key, found)

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:
        """Permanent where the bucket is public, which is asked once; else signed.

        Raises:
            ObjectNotFound: There is nothing to be signed.
            StorageUnavailable: The service cannot be asked.
        """
        path, bucket = _path(key), key.partition("/")[0]
        if bucket not in self._public:
            found = fields(await self._wire.ask("GET", f"/bucket/{quote(bucket, safe='')}", about=bucket))
            self._public[bucket] = found.get("public") is True
        where = f"{self._wire.base_url}/storage/v1/object"
        if self._public[bucket]:
            return f"{where}/public/{path}"
        wanted = {"expiresIn": max(1, math.ceil(ttl_seconds))}
        signed = fields(await self._wire.ask("POST", f"/object/sign/{path}", wanted, about=key))
        # Hosted, the path in the answer may be encoded or not; the token is what counts.
        tokens = parse_qs(urlsplit(str(signed.get("signedURL") or signed.get("signedUrl"))).query).get("token")
        if not tokens:
            raise unusable(self._wire.base_url, f"it signed no address for '{key}'", NO_PROJECT)
        return f"{where}/sign/{path}?token={quote(tokens[0], safe='')}"

    async def delete(self, key: str, /) -> None:
        _path(key)
        bucket, _, path = key.partition("/")
        await self._wire.ask("DELETE", f"/object/{quote(bucket, safe='')}", {"prefixes": [path]}, about=key)

    async def list(self, prefix: str = "", /) -> AsyncIterator[ObjectInfo]:
        """The objects in `inputs` and `outputs` whose key begins with the prefix, in order of their keys.

        The service sees no difference between names that differ in case only: of two such folders it lists one.
        """
        for bucket in BUCKETS:
            if f"{bucket}/".startswith(prefix) or prefix.startswith(f"{bucket}/"):
                inside = prefix[len(bucket) + 1 :]
                async for info in self._below(bucket, inside[: inside.rfind("/") + 1], prefix):
                    yield info

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()

    async def _put(
        self, key: str, chunks: AsyncIterator[bytes], media_type: str, size_bytes: int | None = None
    ) -> ObjectInfo:
        sent = 0

        async def counted() -> AsyncGenerator[bytes, None]:
            nonlocal sent
            async for chunk in chunks:
                sent += len(chunk)
                yield chunk

        async with contextlib.aclosing(counted()) as counting:
            body = Body(chunks=counting, media_type=media_type, size_bytes=size_bytes)
            await self._wire.send(f"/object/{_path(key)}", body, about=key)
        info = None
        with contextlib.suppress(StorageUnavailable):  # it is stored: nothing of it need be sent again
            info = await self.stat(key)
        when = info.modified_at if info else None
        return ObjectInfo(key=key, size_bytes=sent, media_type=media_type, modified_at=when)

    async def _below(self, bucket: str, folder: str, prefix: str) -> AsyncGenerator[ObjectInfo, None]:
        """The objects in and below a folder, in order of the whole keys: a folder counts with the slash behind it."""
        found = {f"{bucket}/{path}": entry async for path, entry in self._entries(bucket, folder)}
        for key in sorted(found):
            if key.endswith("/") and (key.startswith(prefix) or prefix.startswith(key)):
                async for info in self._below(bucket, key[len(bucket) + 1 :], prefix):
                    yield info
            elif key.startswith(prefix) and not key.endswith("/"):
                yield _info(key, found[key])

    async def _entries(self, bucket: str, folder: str) -> AsyncGenerator[tuple[str, Mapping[str, object]], None]:
        """Paths in a folder with what is known of them; folders end with a slash."""
        offset = 0
        while True:
            asked = {"prefix": folder, "limit": PAGE_ENTRIES, "offset": offset, "sortBy": _BY_NAME}
            page = await self._wire.ask("POST", f"/object/list/{bucket}", asked, about=f"{bucket}/{folder}")
            entries = [fields(one) for one in cast("list[object]", page)] if isinstance(page, list) else []
            for entry in entries:
                name = str(entry.get("name"))
                # Hosted, a name is the one in the folder; `@supabase/lite` gives whole paths, also of subfolders.
                path = name if "/" in name else folder + name
                yield (f"{path}/" if entry.get("id") is None else path), entry
            if len(entries) < PAGE_ENTRIES:
                return
            offset += len(entries)


def _path(key: str) -> str:
    """A key as it stands in an address: what may stand there as it is does, for not every server would decode it."""
    return quote(checked_key(key), safe="/!$&'()*+,;=:@~")


def _info(key: str, found: Mapping[str, object]) -> ObjectInfo:
    """What an answer says of an object: hosted, flat in `info`; in lists, and with `@supabase/lite`, in `metadata`."""
    within = fields(found.get("metadata"))
    size = found.get("size", within.get("size"))
    media_type = found.get("content_type", within.get("mimetype"))
    return ObjectInfo(
        key=key,
        size_bytes=size if isinstance(size, int) else 0,
        media_type=media_type if isinstance(media_type, str) else None,
        modified_at=_moment(found.get("last_modified") or found.get("updated_at") or found.get("created_at")),
    )


def _moment(text: object) -> datetime | None:
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(str(text))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
