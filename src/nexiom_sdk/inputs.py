"""References on their way from the user to the provider: checked, kept in the bucket `inputs`, handed over.

`stage` runs when a job is submitted, so that the row refers to bytes that any process can read. `deliver` runs before
the paid call, in whatever process makes it, and perhaps for another model than the one that was chosen first. Bytes
that pass here leave their metadata behind and rest on disk: they are read into memory only for models that take bytes.
"""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from nexiom_sdk.disk import to_its_end
from nexiom_sdk.errors import (
    InvalidInput,
    ObjectNotFound,
    ProviderUnavailable,
    ResponseTooLarge,
    ResultExpired,
    UnsupportedFeature,
)
from nexiom_sdk.models import ModelCard, kind_of
from nexiom_sdk.providers.guard import check_looks
from nexiom_sdk.redaction import redact
from nexiom_sdk.reference_copies import Copies, Copy, clean_copy
from nexiom_sdk.reference_limits import check_together
from nexiom_sdk.references import MOST_BYTES, Reference, open_local, too_large
from nexiom_sdk.resting import at_rest, resting_place, take_in, whole
from nexiom_sdk.storage import ANYBODY, ObjectStore, SupportsCloudAddresses, input_key
from nexiom_sdk.types import Candidate, DeliveredMedia, Media, MediaRole, VideoRequest

_URL_LIFETIME_SECONDS = 24 * 3600.0  # providers may fetch a reference long after the order was taken


class OpenUrl(Protocol):
    """Gives the bytes behind an https address; it guards what it opens, and answers trouble with a `ProviderError`."""

    def __call__(self, url: str, /, *, max_bytes: int) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A request whose references any process can read.

    Args:
        request: The request.
        told: What was done to its pictures so that they fit, in sentences.
    """

    request: VideoRequest
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """References as an adapter gets them.

    Args:
        media: The references.
        told: What was done to pictures so that they fit, in sentences.
    """

    media: tuple[DeliveredMedia, ...]
    told: tuple[str, ...] = ()


async def has_addresses(store: ObjectStore, request: VideoRequest) -> bool:
    """Whether the store gives web addresses of the references it will hold; true as well where it will hold none.

    Args:
        store: Where bytes live.
        request: What the user asked.

    Raises:
        InvalidInput: A path is none inside the bucket.
        StorageUnavailable: The store cannot be used.
    """
    held = [media.input_path or f"{ANYBODY}/reference" for media in request.references if media.is_kept]
    try:
        return not held or await _address(store, held[0]) is not None
    except ObjectNotFound:
        return True  # a store that looks for the object before it gives an address has addresses


async def stage(
    request: VideoRequest,
    *,
    card: ModelCard,
    terms: Candidate,
    store: ObjectStore,
    open_url: OpenUrl,
    user_id: str | None,
    roots: Sequence[Path],
) -> Staged:
    """The request with every file, every byte and every address that the model cannot take moved into `inputs`.

    The name there is made from the content.

    Args:
        request: What the user asked.
        card: The model that was chosen.
        terms: What it will be asked for.
        store: Where bytes live.
        open_url: Gives the bytes behind an address.
        user_id: Whose folder in `inputs` it goes to.
        roots: Folders from which local files may be read.

    Raises:
        InvalidInput: A reference is missing, not allowed, or not what its role and the model need.
        UnsupportedFeature: A picture has to be fitted, and the extra `media` is not installed.
        UnsafeUrl: An address leads where nothing may be opened.
        StorageUnavailable: The store cannot be used.
    """
    way = _Way(card=card, terms=terms, store=store, open_url=open_url, roots=roots)

    async def staged(media: Media) -> Media:
        if way.passes_unopened(media):
            if media.delivery == "url":
                check_looks(media.url or "")
            return media
        folder = user_id or ANYBODY
        try:
            async with way.opened(media, folder) as (clean, _):
                if media.input_path is not None:
                    return media
                path = await way.copies.kept(clean, folder=folder)
        except ProviderUnavailable as error:
            msg = f"The reference '{_name(media)}' could not be fetched. {error.message}"
            raise InvalidInput(msg, next_step="Try again later, or hand over the file itself.") from error
        return Media.from_input(path, role=media.role, fit=media.fit)

    moved = [await staged(media) for media in request.references]
    check_together(way.found, card)
    by_path = request.reference_media_path is not None  # it stays beside the others, and is the first of them all
    return Staged(request=request.evolve(media=tuple(moved[by_path:])), told=tuple(way.told))


async def deliver(
    request: VideoRequest, *, card: ModelCard, terms: Candidate, store: ObjectStore, open_url: OpenUrl
) -> Delivered:
    """The references in a form that the model takes: an address in Google's store, else bytes, else a web address.

    Args:
        request: The request as it was staged.
        card: The model that is asked now.
        terms: What it is asked for.
        store: Where bytes live.
        open_url: Gives the bytes behind an address.

    Raises:
        UnsupportedFeature: The model takes addresses only and the store has no public ones.
        InvalidInput: A reference has gone, or is not what this model needs.
        UnsafeUrl: An address leads where nothing may be opened.
        ProviderUnavailable: An address cannot be fetched now.
        StorageUnavailable: The store cannot be used.
    """
    way = _Way(card=card, terms=terms, store=store, open_url=open_url)

    async def delivered(media: Media) -> DeliveredMedia:
        if way.passes_unopened(media):
            return DeliveredMedia(role=media.role, media_type="", url=media.url)
        async with way.opened(media, ANYBODY) as (_, copy):
            return await way.handed_on(media, copy)

    media = tuple([await delivered(media) for media in request.references])
    check_together(way.found, card)
    return Delivered(media=media, told=tuple(way.told))


class _Way:
    """The way of the references of one order to one model; it remembers what they are and what was done to them."""

    def __init__(
        self,
        *,
        card: ModelCard,
        terms: Candidate,
        store: ObjectStore,
        open_url: OpenUrl,
        roots: Sequence[Path] = (),
    ) -> None:
        self.copies = Copies(card=card, terms=terms, store=store)
        self.found: list[tuple[MediaRole, Reference]] = []
        self.told: list[str] = []
        self._card = card
        self._store = store
        self._open_url = open_url
        self._roots = roots

    def passes_unopened(self, media: Media) -> bool:
        """Whether it is handed on as the address that the user gave."""
        return not media.is_kept and media.delivery in self._card.delivery

    @asynccontextmanager
    async def opened(self, media: Media, folder: str) -> AsyncGenerator[tuple[Copy, Copy], None]:
        """The clean copy of a reference, and what the model gets; what is made goes to its own folder, else to this."""
        name = _name(media)
        folder = _folder(media.input_path or "") or folder
        async with (
            self._source(media) as source,
            clean_copy(source, role=media.role, name=name) as clean,
            self.copies.fitting(clean, role=media.role, name=name, folder=folder, may_change=media.fit) as copy,
        ):
            self.found.append((media.role, copy.found))
            self.told += [copy.told] if copy.told else []
            yield clean, copy

    async def handed_on(self, media: Media, copy: Copy) -> DeliveredMedia:
        """What an adapter gets for a reference that was opened."""
        role, media_type, by_address = media.role, copy.found.media_type, self._card.by_address(media.role)
        url = await self._cloud_address(media, copy)
        if url is None and not by_address:
            return DeliveredMedia(role=role, media_type=media_type, data=await at_rest(whole, copy.place))
        url = url or await _address(self._store, await self._path(media, copy))
        if url is None:
            what = role.replace("_", " ")
            msg = f"{self._card.model} takes a {what} as a web address only, and this store has none."
            hint = "Use a store with public addresses, Media.from_url, or another model."
            raise UnsupportedFeature(msg, next_step=hint)
        return DeliveredMedia(role=role, media_type=media_type, url=url)

    async def _cloud_address(self, media: Media, copy: Copy) -> str | None:
        """Where a model that reads Google's store finds it; None where the model or our store is of another kind."""
        store, path = self._store, media.input_path
        if path is None or "gs" not in self._card.delivery or not isinstance(store, SupportsCloudAddresses):
            return None
        if store.cloud_address(input_key(path)) is None:
            return None
        return store.cloud_address(input_key(await self._path(media, copy)))

    async def _path(self, media: Media, copy: Copy) -> str:
        """Where the store has what the model gets: the user's own object, if nothing in it had to change."""
        path = media.input_path or ""
        return await self.copies.kept(copy, folder=_folder(path) or ANYBODY) if copy.changed else path

    @asynccontextmanager
    async def _source(self, media: Media) -> AsyncGenerator[BinaryIO, None]:
        """What the user handed in, wherever it is."""
        if media.data is not None:
            yield io.BytesIO(media.data)
        elif media.file is not None:
            opening = partial(open_local, media.file, roots=self._roots, role=media.role)
            with ExitStack() as held:  # so that it is closed as well where nobody waits for it any more
                yield await to_its_end(lambda: held.enter_context(opening()))
        else:
            with resting_place() as place:
                await self._taken_in(place, media)
                yield place

    async def _taken_in(self, place: BinaryIO, media: Media) -> None:
        most_bytes, path = MOST_BYTES[kind_of(media.role)], media.input_path
        try:
            if path is not None:
                await take_in(place, self._store.open(input_key(path)), most_bytes=most_bytes)
            else:
                await take_in(place, self._open_url(_opened_url(media), max_bytes=most_bytes), most_bytes=most_bytes)
        except ObjectNotFound as error:
            msg = f"There is no reference '{path}' in the bucket inputs."
            hint = "Upload it first; the path is the one inside the bucket. Or hand over a file with Media.from_file."
            raise InvalidInput(msg, next_step=hint) from error
        except ResultExpired as error:
            msg = f"There is nothing at the address of the reference '{_name(media)}'. {error.message}"
            hint = "Check the address: it must be open to everybody. Or hand over the file itself."
            raise InvalidInput(msg, next_step=hint) from error
        except ResponseTooLarge as error:
            raise too_large(_name(media), role=media.role) from error


async def _address(store: ObjectStore, path: str) -> str | None:
    """A web address of a stored reference; None where the store has none, or one for this machine only."""
    url = await store.url(input_key(path), ttl_seconds=_URL_LIFETIME_SECONDS)
    return url if url is not None and url.startswith("https://") else None


def _opened_url(media: Media) -> str:
    if media.delivery == "gs":
        msg = f"The model cannot read '{_name(media)}', and nobody opens gs:// addresses for it."
        hint = "Hand over the file itself or an https address, or choose a model of Google's at Vertex AI."
        raise UnsupportedFeature(msg, next_step=hint)
    return media.url or ""


def _folder(path: str) -> str:
    """The folder of the user whom an object in `inputs` belongs to; empty for what lies in none."""
    return path.partition("/")[0] if "/" in path else ""


def _name(media: Media) -> str:
    """What errors call it: never more of an address than may be shown."""
    if media.file is not None:
        return media.file.name
    return media.input_path or redact(media.url or "reference")
