"""Results on their way from the provider to the bucket `outputs`: fetched, checked, stored, described, in one pass.

A store takes a file while it is still coming; it gets the end of it once the file was checked, so a half file is never
accepted and nothing partial is ever visible in `outputs`. The same bytes go into the spool: a store that fails, or is
slower than the provider, loses nothing. A store on the same file system gets the file as it is, without a second copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from nexiom_sdk.disk import to_its_end
from nexiom_sdk.errors import NexiomError, ResultInvalid, StorageUnavailable
from nexiom_sdk.events import AssetStored, Sink
from nexiom_sdk.hashed_files import HashedFile, sha256_of
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.media import container_of, examined
from nexiom_sdk.playing import Examined
from nexiom_sdk.providers.calls import Door, fetch
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.spool import Incoming, Spool
from nexiom_sdk.storage import (
    ObjectInfo,
    ObjectStore,
    SupportsFiles,
    in_chunks,
    output_key,
    read_file,
    result_path,
    size_of,
)
from nexiom_sdk.types import Asset, Container, VideoProbe
from nexiom_sdk.values import Frozen

T = TypeVar("T")

_log = logging.getLogger(__name__)

LOOKS_AT_ONCE = 2  # playing a video in 4K takes 200 MiB and all of a core


class StoredVideo(Frozen):
    """One file of a job in `outputs`, as the row remembers it.

    Args:
        path: Its path in the bucket.
        size_bytes: Length.
        sha256: Hash, in hex.
        probe: What the file is.
        poster_path: A still picture beside it, where one could be made.
        remarks: What a viewer should know, such as that the picture is black throughout.
    """

    path: str
    size_bytes: int
    sha256: str
    probe: VideoProbe
    poster_path: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The way of result files.

    Args:
        spool: Where they rest until the row knows that the store has them.
        store: Where they go.
        door: The way to providers.
        sink: Who is told.
    """

    spool: Spool
    store: ObjectStore
    door: Door
    sink: Sink
    _looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKS_AT_ONCE), init=False)

    async def fetch(
        self, job: GenerationJob, provider: VideoProvider, assets: Sequence[Asset], *, bounded: bool = True
    ) -> tuple[Path, ...]:
        """Fetch every asset of an order into the spool; they appear there all at once.

        Args:
            job: The job.
            provider: Who gives them.
            assets: What is fetched.
            bounded: Whether a full spool refuses them.

        Raises:
            ProviderError: They cannot be fetched.
            StorageUnavailable: The spool cannot be written, or is full.
        """
        async with self.spool.incoming(job, bounded=bounded) as incoming:
            for index, asset in enumerate(assets):
                with contextlib.closing(HashedFile(incoming.folder / f"{index:03}")) as file:
                    await self._write(file, incoming, provider, asset)
            return await incoming.publish()

    async def bring(
        self, job: GenerationJob, provider: VideoProvider, assets: Sequence[Asset]
    ) -> tuple[StoredVideo, ...]:
        """Fetch every asset of an order into the spool and, as they come, into the store; a repeat overwrites.

        They stay in the spool until it drops them: the row does not know yet that the store has them.

        Raises:
            ProviderError: They cannot be fetched.
            ResultInvalid: A file is not a whole video; nothing of the order stays in the spool.
            StorageUnavailable: The spool or the store cannot be written; in the second case the files are in the spool.
        """
        shares = isinstance(self.store, SupportsFiles) and self.store.shares_bytes
        if shares or os.name == "nt":  # Windows leaves a file that is read where it is
            return await self.store_all(job, await self.fetch(job, provider, assets))
        async with contextlib.AsyncExitStack() as held:
            incoming = await held.enter_async_context(self.spool.incoming(job))
            passing = [
                await held.enter_async_context(self._passing(job, provider, incoming, index, asset))
                for index, asset in enumerate(assets)
            ]
            files = await incoming.publish()
            return tuple(
                [
                    await self._described(job, index, file, found, await of_the_store(storing))
                    for index, (file, (found, storing)) in enumerate(zip(files, passing, strict=True))
                ]
            )

    async def store_all(self, job: GenerationJob, files: Sequence[Path]) -> tuple[StoredVideo, ...]:
        """Check files that rest in the spool and store them; a repeat overwrites the same objects.

        Raises:
            ResultInvalid: A file is not a whole video; the files are dropped, so that they are fetched again.
            StorageUnavailable: The store cannot be written.
        """
        try:
            return tuple([await self._from_spool(job, index, file) for index, file in enumerate(files)])
        except ResultInvalid:
            await self.spool.drop(job)
            raise

    async def _write(self, file: HashedFile, incoming: Incoming, provider: VideoProvider, asset: Asset) -> Path:
        chunks = fetch(self.door, provider, asset) if asset.data is None else in_chunks(asset.data)
        async with contextlib.aclosing(chunks):
            return await file.write(chunks, allow=incoming.allow)

    @contextlib.asynccontextmanager
    async def _passing(
        self, job: GenerationJob, provider: VideoProvider, incoming: Incoming, index: int, asset: Asset
    ) -> AsyncGenerator[tuple[Examined, asyncio.Task[ObjectInfo]], None]:
        """One file, fetched and found whole, and the store that is taking it."""
        with contextlib.closing(HashedFile(incoming.folder / f"{index:03}")) as file:
            storing = asyncio.create_task(self._take(job, index, file), name=f"nexiom store {job.id}")
            try:
                path = await self._write(file, incoming, provider, asset)
                found = await self._examined(path)
                file.judge(None)
                yield found, storing
            except BaseException as error:
                file.judge(error)
                raise
            finally:
                storing.cancel()
                await asyncio.gather(storing, return_exceptions=True)

    async def _take(self, job: GenerationJob, index: int, file: HashedFile) -> ObjectInfo:
        """Store a file while it comes."""
        async with contextlib.aclosing(file.read()) as chunks:
            head = await anext(chunks, b"")
            return await self._put(job, index, container_of(head), _beginning_with(head, chunks))

    async def _examined(self, file: Path) -> Examined:
        async with self._looking:
            return await to_its_end(examined, file)

    async def _put(
        self, job: GenerationJob, index: int, container: Container, chunks: AsyncIterator[bytes]
    ) -> ObjectInfo:
        key, media_type = _place(job, index, container)
        return await self.store.put(key, chunks, media_type=media_type)

    async def _from_spool(self, job: GenerationJob, index: int, file: Path) -> StoredVideo:
        found = await self._examined(file)
        if isinstance(self.store, SupportsFiles):
            key, media_type = _place(job, index, found.probe.container)
            info = await of_the_store(self.store.put_file(key, file, media_type=media_type))
        else:
            info = await of_the_store(self._put(job, index, found.probe.container, read_file(file)))
        return await self._described(job, index, file, found, info)

    async def _described(
        self, job: GenerationJob, index: int, file: Path, found: Examined, info: ObjectInfo
    ) -> StoredVideo:
        """The row's memory of a file that the store has; its still picture is put beside it."""
        path, sha256 = result_path(job.user_id, job.id, index, found.probe.container), sha256_of(file)
        size_bytes = await size_of(file)
        if info.size_bytes != size_bytes:
            msg = f"The store says that it has {info.size_bytes:,} of the {size_bytes:,} bytes of the video."
            raise StorageUnavailable(msg, next_step="It is put there once more by itself.")
        self.sink(AssetStored(job_id=job.id, result_path=path, size_bytes=info.size_bytes, sha256=sha256))
        return StoredVideo(
            path=path,
            size_bytes=info.size_bytes,
            sha256=sha256,
            probe=found.probe,
            poster_path=None if found.poster is None else await self._poster(job, found.poster, index),
            remarks=found.remarks,
        )

    async def _poster(self, job: GenerationJob, picture: bytes, index: int) -> str | None:
        path = result_path(job.user_id, job.id, index, "jpg")
        try:
            await of_the_store(self.store.put(output_key(path), in_chunks(picture), media_type="image/jpeg"))
        except StorageUnavailable:
            _log.warning("no poster for job %s: the store refused it", job.id, extra={"action": "poster_failed"})
            return None
        return path


async def of_the_store(work: Awaitable[T]) -> T:
    """What the store gives. Whatever it says instead, the video is made and paid for, so its job waits.

    Raises:
        StorageUnavailable: It gives nothing now.
    """
    try:
        return await work
    except StorageUnavailable:
        raise
    except NexiomError as error:
        hint = f"{error.next_step} The job tries again by itself.".lstrip()
        raise StorageUnavailable(f"The store does not take the video. {error.message}", next_step=hint) from error
    except Exception as error:  # a store may be anybody's code
        msg = f"The store does not take the video: it has a defect ({type(error).__name__})."
        raise StorageUnavailable(msg, next_step="Mend it; the job tries again by itself.") from error


def _place(job: GenerationJob, index: int, container: Container) -> tuple[str, str]:
    """Key and media type of a file in `outputs`."""
    return output_key(result_path(job.user_id, job.id, index, container)), f"video/{container}"


async def _beginning_with(head: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield head
    async for chunk in chunks:
        yield chunk
