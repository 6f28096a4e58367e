"""References on their way from the user to the provider: checked, kept in the bucket `inputs`, handed over.

`stage` runs when a job is submitted, so that the row refers to bytes that any process can read. `deliver` runs before
the paid call, in whatever process makes it, and perhaps for another model than the one that was chosen first.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from nexiom_sdk.errors import (
    InvalidInput,
    ObjectNotFound,
    ProviderUnavailable,
    ResponseTooLarge,
    ResultExpired,
    UnsupportedFeature,
)
from nexiom_sdk.models import ModelCard
from nexiom_sdk.providers.guard import check_looks
from nexiom_sdk.redaction import redact
from nexiom_sdk.references import MAX_REFERENCE_BYTES, Reference, check_limits, inspect, read_local, too_large
from nexiom_sdk.storage import ANYBODY, ObjectStore, in_chunks, input_key
from nexiom_sdk.types import DeliveredMedia, Media, VideoRequest

# Gives the bytes behind an https address; it guards what it opens, and answers trouble with a `ProviderError`.
OpenUrl: TypeAlias = Callable[[str], AsyncIterator[bytes]]

_URL_LIFETIME_SECONDS = 24 * 3600.0  # providers may fetch a reference long after the order was taken


async def has_addresses(store: ObjectStore, request: VideoRequest) -> bool:
    """Whether the store gives web addresses of the references it will hold; true as well where it will hold none.

    Args:
        store: Where bytes live.
        request: What the user asked.

    Raises:
        InvalidInput: A path is none inside the bucket.
        StorageUnavailable: The store cannot be used.
    """
    stored = [media.input_path or f"{ANYBODY}/reference" for media in request.references if media.url is None]
    try:
        return not stored or await _address(store, stored[0]) is not None
    except ObjectNotFound:
        return True  # a store that looks for the object before it gives an address has addresses


async def stage(
    request: VideoRequest,
    *,
    card: ModelCard,
    store: ObjectStore,
    open_url: OpenUrl,
    user_id: str | None,
    roots: Sequence[Path],
) -> VideoRequest:
    """The request with every file, every byte and every address that the model cannot take moved into `inputs`.

    The name there is made from the content.

    Args:
        request: What the user asked.
        card: The model that was chosen.
        store: Where bytes live.
        open_url: Gives the bytes behind an address.
        user_id: Whose folder in `inputs` it goes to.
        roots: Folders from which local files may be read.

    Raises:
        InvalidInput: A reference is missing, not allowed, or not what its role and the model need.
        UnsafeUrl: An address leads where nothing may be opened.
        StorageUnavailable: The store cannot be used.
    """

    async def staged(media: Media) -> Media:
        if media.url is not None and media.delivery in card.delivery:
            if media.delivery == "url":
                check_looks(media.url)
            return media
        if media.input_path is not None:
            await _load(media, card, store)
            return media
        try:
            found = _checked(await _read(media, open_url, roots), media, card)
        except ProviderUnavailable as error:
            msg = f"The reference '{_name(media)}' could not be fetched. {error.message}"
            raise InvalidInput(msg, next_step="Try again later, or hand over the file itself.") from error
        path = f"{user_id or ANYBODY}/{hashlib.sha256(found.data).hexdigest()[:32]}.{found.extension}"
        if await store.stat(input_key(path)) is None:
            await store.put(input_key(path), in_chunks(found.data), media_type=found.media_type)
        return Media.from_input(path, role=media.role)

    if request.reference_media_path is not None:
        await _load(Media.from_input(request.reference_media_path), card, store)
    return request.evolve(media=tuple([await staged(media) for media in request.media]))


async def deliver(
    request: VideoRequest, *, card: ModelCard, store: ObjectStore, open_url: OpenUrl
) -> tuple[DeliveredMedia, ...]:
    """The references in a form that the model takes: bytes where it takes bytes, else an address.

    Args:
        request: The request as it was staged.
        card: The model that is asked now.
        store: Where bytes live.
        open_url: Gives the bytes behind an address.

    Raises:
        UnsupportedFeature: The model takes addresses only and the store has no public ones.
        InvalidInput: A reference has gone, or is not what this model needs.
        UnsafeUrl: An address leads where nothing may be opened.
        ProviderUnavailable: An address cannot be fetched now.
        StorageUnavailable: The store cannot be used.
    """

    async def delivered(media: Media) -> DeliveredMedia:
        if media.url is not None:
            if media.delivery in card.delivery:
                return DeliveredMedia(role=media.role, media_type="", url=media.url)
            found = _checked(await _fetch(media, media.url, open_url), media, card)
        else:
            found = await _load(media, card, store)
        if not card.by_address(media.role):
            return DeliveredMedia(role=media.role, media_type=found.media_type, data=found.data)
        url = await _address(store, media.input_path or "")
        if url is None:
            what = media.role.replace("_", " ")
            msg = f"{card.model} takes a {what} as a web address only, and this store has none."
            hint = "Use a store with public addresses, Media.from_url, or another model."
            raise UnsupportedFeature(msg, next_step=hint)
        return DeliveredMedia(role=media.role, media_type=found.media_type, url=url)

    return tuple([await delivered(media) for media in request.references])


async def _read(media: Media, open_url: OpenUrl, roots: Sequence[Path]) -> bytes:
    if media.url is not None:
        return await _fetch(media, media.url, open_url)
    if media.file is not None:
        return await asyncio.to_thread(read_local, media.file, roots=roots)
    return media.data or b""


async def _fetch(media: Media, url: str, open_url: OpenUrl) -> bytes:
    if media.delivery == "gs":
        msg = f"The model cannot read '{_name(media)}', and nobody opens gs:// addresses for it."
        raise UnsupportedFeature(msg, next_step="Hand over the file itself, or an https address.")
    try:
        return await _collected(open_url(url), _name(media))
    except ResultExpired as error:
        msg = f"There is nothing at the address of the reference '{_name(media)}'. {error.message}"
        hint = "Check the address: it must be open to everybody. Or hand over the file itself."
        raise InvalidInput(msg, next_step=hint) from error
    except ResponseTooLarge as error:
        raise too_large(_name(media)) from error


async def _load(media: Media, card: ModelCard, store: ObjectStore) -> Reference:
    path = media.input_path or ""
    try:
        data = await _collected(store.open(input_key(path)), path)
    except ObjectNotFound as error:
        msg = f"There is no reference '{path}' in the bucket inputs."
        hint = "Upload it first, or hand over a file with Media.from_file; the path is the one inside the bucket."
        raise InvalidInput(msg, next_step=hint) from error
    return _checked(data, media, card)


def _checked(data: bytes, media: Media, card: ModelCard) -> Reference:
    found = inspect(data, role=media.role, name=_name(media))
    check_limits(found, card, role=media.role, name=_name(media))
    return found


async def _address(store: ObjectStore, path: str) -> str | None:
    """A web address of a stored reference; None where the store has none, or one for this machine only."""
    url = await store.url(input_key(path), ttl_seconds=_URL_LIFETIME_SECONDS)
    return url if url is not None and url.startswith("https://") else None


async def _collected(chunks: AsyncIterator[bytes], name: str) -> bytes:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > MAX_REFERENCE_BYTES:
            raise too_large(name)
    return bytes(data)


def _name(media: Media) -> str:
    """What errors call it: never more of an address than may be shown."""
    if media.file is not None:
        return media.file.name
    return media.input_path or redact(media.url or "reference")
