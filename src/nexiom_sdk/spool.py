"""Result files on their way from the provider to the bucket `outputs`: fetched, checked, stored, described.

They rest in the spool, a folder of this machine, until the store has them: a store that is down or full costs nothing
but time. A half file is never accepted, and nothing partial is ever visible in `outputs`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nexiom_sdk.errors import ResultInvalid, StorageUnavailable
from nexiom_sdk.events import AssetStored, Sink
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.media import check_video, poster
from nexiom_sdk.providers.calls import Door, fetch
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.storage import CHUNK_BYTES, ObjectStore, output_key, result_path
from nexiom_sdk.types import Asset, Frozen, VideoProbe

_log = logging.getLogger(__name__)


class StoredVideo(Frozen):
    """One file of a job in `outputs`, as the row remembers it.

    Args:
        path: Its path in the bucket.
        size_bytes: Length.
        sha256: Hash, in hex.
        probe: What the file is.
        poster_path: A still picture beside it, where one could be made.
    """

    path: str
    size_bytes: int
    sha256: str
    probe: VideoProbe
    poster_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spool:
    """A folder for each order whose files are on their way.

    Args:
        folder: Where the spool is.
        store: Where the files go.
        door: The way to providers.
        sink: Who is told.
    """

    folder: Path
    store: ObjectStore
    door: Door
    sink: Sink

    async def files(self, job: GenerationJob) -> tuple[Path, ...]:
        """The files of the job's present order that wait here, in order; empty where this machine has none."""
        order = self.folder / job.order_key
        return tuple(await asyncio.to_thread(lambda: sorted(order.iterdir()) if order.is_dir() else []))

    async def fetch(self, job: GenerationJob, provider: VideoProvider, assets: Sequence[Asset]) -> tuple[Path, ...]:
        """Fetch every asset of an order; they appear here all at once.

        Raises:
            ProviderError: They cannot be fetched.
            StorageUnavailable: The spool cannot be written.
        """
        # A worker that lost its lease still writes: the fence keeps the two apart.
        partial = self.folder / f"{job.order_key}.{job.fence}.part"
        try:
            await asyncio.to_thread(partial.mkdir, parents=True, exist_ok=True)
            for index, asset in enumerate(assets):
                chunks = fetch(self.door, provider, asset) if asset.data is None else _slices(asset.data)
                await _write(partial / f"{index:03}", chunks)
            await asyncio.to_thread(partial.replace, self.folder / job.order_key)
        except OSError as error:
            msg = f"The video cannot be written to the spool {self.folder}: {error.strerror or error}."
            hint = "Free some space or set NEXIOM_HOME to a folder that can be written; the job tries again by itself."
            raise StorageUnavailable(msg, next_step=hint) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)
        return await self.files(job)

    async def store_all(self, job: GenerationJob, files: Sequence[Path]) -> tuple[StoredVideo, ...]:
        """Check the files and move them to `outputs`; a repeat overwrites the same objects.

        Raises:
            ResultInvalid: A file is not a whole video; the files are dropped, so that they are fetched again.
            StorageUnavailable: The store cannot be written; the files stay in the spool.
        """
        try:
            stored = tuple([await self._put(job, file, index) for index, file in enumerate(files)])
        except ResultInvalid:
            await self._drop(job)
            raise
        await self._drop(job)
        return stored

    async def _drop(self, job: GenerationJob) -> None:
        await asyncio.to_thread(shutil.rmtree, self.folder / job.order_key, ignore_errors=True)

    async def _put(self, job: GenerationJob, file: Path, index: int) -> StoredVideo:
        probe = await asyncio.to_thread(check_video, file)
        path = result_path(job.user_id, job.id, index, probe.container)
        digest = hashlib.sha256()
        info = await self.store.put(output_key(path), _read(file, digest.update), media_type=f"video/{probe.container}")
        self.sink(AssetStored(job_id=job.id, result_path=path, size_bytes=info.size_bytes, sha256=digest.hexdigest()))
        return StoredVideo(
            path=path,
            size_bytes=info.size_bytes,
            sha256=digest.hexdigest(),
            probe=probe,
            poster_path=await self._poster(job, file, index),
        )

    async def _poster(self, job: GenerationJob, file: Path, index: int) -> str | None:
        picture = await asyncio.to_thread(poster, file)
        if picture is None:
            return None
        path = result_path(job.user_id, job.id, index, "jpg")
        try:
            await self.store.put(output_key(path), _slices(picture), media_type="image/jpeg")
        except StorageUnavailable:
            _log.warning("no poster for job %s: the store refused it", job.id, extra={"action": "poster_failed"})
            return None
        return path


async def _slices(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


async def _write(path: Path, chunks: AsyncIterator[bytes]) -> None:
    file = await asyncio.to_thread(path.open, "wb")
    try:
        async for chunk in chunks:
            await asyncio.to_thread(file.write, chunk)
    finally:
        await asyncio.to_thread(file.close)


async def _read(path: Path, seen: Callable[[bytes], None]) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            seen(chunk)
            yield chunk
    finally:
        await asyncio.to_thread(file.close)
