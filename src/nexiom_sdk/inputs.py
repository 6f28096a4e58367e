"""References on their way from the user to the provider: checked, kept in the bucket `inputs`, handed over.

`stage` runs when a job is submitted, so that the row refers to bytes that any process can read. `deliver` runs before
the paid call, in whatever process makes it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from nexiom_sdk.errors import InvalidInput, ObjectNotFound, UnsupportedFeature
from nexiom_sdk.models import ModelCard
from nexiom_sdk.references import MAX_REFERENCE_BYTES, Reference, inspect, read_local
from nexiom_sdk.storage import ANYBODY, CHUNK_BYTES, ObjectStore, input_key
from nexiom_sdk.types import DeliveredMedia, Media, VideoRequest

_URL_LIFETIME_SECONDS = 24 * 3600.0  # providers may fetch a reference long after the order was taken


async def stage(
    request: VideoRequest, *, store: ObjectStore, user_id: str | None, roots: Sequence[Path]
) -> VideoRequest:
    """The request with every file and every byte moved into `inputs`, under a name made from its content.

    Args:
        request: What the user asked.
        store: Where bytes live.
        user_id: Whose folder in `inputs` it goes to.
        roots: Folders from which local files may be read.

    Raises:
        InvalidInput: A reference is missing, not allowed, or not what its role needs.
        StorageUnavailable: The store cannot be used.
    """
    media = [await _staged(one, store=store, user_id=user_id, roots=roots) for one in request.media]
    if request.reference_media_path is not None:
        await _load(Media.from_input(request.reference_media_path), store)
    return request.evolve(media=tuple(media))


async def deliver(request: VideoRequest, card: ModelCard, store: ObjectStore) -> tuple[DeliveredMedia, ...]:
    """The references in a form that the model takes: bytes where it takes bytes, else an address.

    Raises:
        UnsupportedFeature: The model takes addresses only and the store has no public ones.
        InvalidInput: A reference has gone, or is not what it was.
        StorageUnavailable: The store cannot be used.
    """
    return tuple([await _delivered(one, card, store) for one in request.references])


async def _staged(media: Media, *, store: ObjectStore, user_id: str | None, roots: Sequence[Path]) -> Media:
    if media.url is not None:
        return media
    if media.input_path is not None:
        await _load(media, store)
        return media
    data = media.data if media.file is None else await asyncio.to_thread(read_local, media.file, roots=roots)
    name = "reference" if media.file is None else media.file.name
    found = inspect(data or b"", role=media.role, name=name)
    path = f"{user_id or ANYBODY}/{hashlib.sha256(found.data).hexdigest()[:32]}.{found.extension}"
    if await store.stat(input_key(path)) is None:
        await store.put(input_key(path), _chunks(found.data), media_type=found.media_type)
    return Media.from_input(path, role=media.role)


async def _delivered(media: Media, card: ModelCard, store: ObjectStore) -> DeliveredMedia:
    if media.url is not None:
        return DeliveredMedia(role=media.role, media_type="", url=media.url)
    found = await _load(media, store)
    if "bytes" in card.delivery:
        return DeliveredMedia(role=media.role, media_type=found.media_type, data=found.data)
    url = await store.url(input_key(media.input_path or ""), ttl_seconds=_URL_LIFETIME_SECONDS)
    if url is None or not url.startswith("https://"):
        msg = f"{card.model} takes references as web addresses only, and this store has none."
        raise UnsupportedFeature(msg, next_step="Use a store with public addresses, Media.from_url, or another model.")
    return DeliveredMedia(role=media.role, media_type=found.media_type, url=url)


async def _load(media: Media, store: ObjectStore) -> Reference:
    path = media.input_path or ""
    data = bytearray()
    try:
        async for chunk in store.open(input_key(path)):
            data += chunk
            if len(data) > MAX_REFERENCE_BYTES:
                msg = f"The reference '{path}' is larger than {MAX_REFERENCE_BYTES // 2**20} MiB."
                raise InvalidInput(msg)
    except ObjectNotFound as error:
        msg = f"There is no reference '{path}' in the bucket inputs."
        hint = "Upload it first, or hand over a file with Media.from_file; the path is the one inside the bucket."
        raise InvalidInput(msg, next_step=hint) from error
    return inspect(bytes(data), role=media.role, name=path)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]
