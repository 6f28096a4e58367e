"""Result files on their way from the provider to the bucket `outputs`: fetched, checked, stored, described.

They rest in the spool, a folder of this machine, until the store has them and the row knows it: a store that is down or
full, or a process that dies, costs nothing but time. A half file is never accepted, and nothing partial is ever visible
in `outputs`. A store on the same file system gets the file as it is; no second copy is written.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nexiom_sdk.disk import sweep_beside, to_its_end
from nexiom_sdk.errors import ResultInvalid, StorageUnavailable
from nexiom_sdk.events import AssetStored, Sink
from nexiom_sdk.hashed_files import sha256_of, write_hashed
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.media import examined
from nexiom_sdk.providers.calls import Door, fetch
from nexiom_sdk.providers.protocol import VideoProvider
from nexiom_sdk.storage import CHUNK_BYTES, ObjectStore, SupportsFiles, in_chunks, output_key, result_path
from nexiom_sdk.types import Asset, Frozen, VideoProbe

_log = logging.getLogger(__name__)

_PARTIAL = ".part"


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
        order = self._order(job)
        return await to_its_end(_files, order) if order.exists() else ()  # every order asks, and nearly none has any

    async def fetch(self, job: GenerationJob, provider: VideoProvider, assets: Sequence[Asset]) -> tuple[Path, ...]:
        """Fetch every asset of an order; they appear here all at once.

        Raises:
            ProviderError: They cannot be fetched.
            StorageUnavailable: The spool cannot be written.
        """
        # A worker that lost its lease still writes: the fence keeps the two apart.
        partial = self.folder / f"{job.order_key}.{job.fence}{_PARTIAL}"
        try:
            await to_its_end(_begin, partial)
            for index, asset in enumerate(assets):
                chunks = fetch(self.door, provider, asset) if asset.data is None else in_chunks(asset.data)
                async with contextlib.aclosing(chunks):
                    await write_hashed(partial / f"{index:03}", chunks)
            return await to_its_end(_publish, partial, self._order(job))
        except OSError as error:
            await to_its_end(_remove, partial)
            msg = f"The video cannot be written to the spool {self.folder}: {error.strerror or error}."
            hint = "Free some space or set NEXIOM_HOME to a folder that can be written; the job tries again by itself."
            raise StorageUnavailable(msg, next_step=hint) from error
        except BaseException:
            await to_its_end(_remove, partial)
            raise

    async def store_all(self, job: GenerationJob, files: Sequence[Path]) -> tuple[StoredVideo, ...]:
        """Check the files and put them into `outputs`; a repeat overwrites the same objects.

        They stay here as well until `drop`: the row does not know yet that it has them.

        Raises:
            ResultInvalid: A file is not a whole video; the files are dropped, so that they are fetched again.
            StorageUnavailable: The store cannot be written.
        """
        try:
            return tuple([await self._put(job, file, index) for index, file in enumerate(files)])
        except ResultInvalid:
            await self.drop(job)
            raise

    async def drop(self, job: GenerationJob) -> None:
        """The files of the job's present order need not wait here any more."""
        await to_its_end(_remove, self._order(job))

    async def orders(self) -> tuple[tuple[str, int], ...]:
        """The orders whose files wait here: job and number."""
        return await to_its_end(_orders, self.folder) if self.folder.exists() else ()

    async def drop_order(self, job_id: str, order_no: int) -> None:
        """The files of an order that is over need not wait here any more."""
        await to_its_end(_remove, self.folder / f"{job_id}.{order_no}")

    async def sweep(self) -> None:
        """Remove what a process left half fetched when it died, after a day."""
        if self.folder.exists():
            await to_its_end(_sweep, self.folder)

    def _order(self, job: GenerationJob) -> Path:
        return self.folder / job.order_key

    async def _put(self, job: GenerationJob, file: Path, index: int) -> StoredVideo:
        probe, picture = await to_its_end(_looked_into, file)
        path, media_type = result_path(job.user_id, job.id, index, probe.container), f"video/{probe.container}"
        if isinstance(self.store, SupportsFiles):
            info = await self.store.put_file(output_key(path), file, media_type=media_type)
        else:
            info = await self.store.put(output_key(path), _read(file), media_type=media_type)
        sha256 = sha256_of(file)
        self.sink(AssetStored(job_id=job.id, result_path=path, size_bytes=info.size_bytes, sha256=sha256))
        return StoredVideo(
            path=path,
            size_bytes=info.size_bytes,
            sha256=sha256,
            probe=probe,
            poster_path=None if picture is None else await self._poster(job, picture, index),
        )

    async def _poster(self, job: GenerationJob, picture: bytes, index: int) -> str | None:
        path = result_path(job.user_id, job.id, index, "jpg")
        try:
            await self.store.put(output_key(path), in_chunks(picture), media_type="image/jpeg")
        except StorageUnavailable:
            _log.warning("no poster for job %s: the store refused it", job.id, extra={"action": "poster_failed"})
            return None
        return path


async def _read(path: Path) -> AsyncIterator[bytes]:
    with await to_its_end(lambda: path.open("rb")) as file:
        while chunk := await to_its_end(file.read, CHUNK_BYTES):
            yield chunk


def _looked_into(file: Path) -> tuple[VideoProbe, bytes | None]:
    """What a video is, once it is known to be whole, and its still picture."""
    found = examined(file)
    return found.probe, found.poster


def _begin(partial: Path) -> None:
    partial.mkdir(parents=True, exist_ok=True)
    sweep_beside(partial, f"*{_PARTIAL}")


def _publish(partial: Path, order: Path) -> tuple[Path, ...]:
    partial.replace(order)
    return _files(order)


def _files(order: Path) -> tuple[Path, ...]:
    return tuple(sorted(order.iterdir())) if order.is_dir() else ()


def _orders(spool: Path) -> tuple[tuple[str, int], ...]:
    names = [one.name.rpartition(".") for one in spool.iterdir() if one.is_dir()]
    return tuple((job_id, int(order_no)) for job_id, _, order_no in names if job_id and order_no.isdecimal())


def _sweep(spool: Path) -> None:
    with tempfile.TemporaryDirectory(suffix=_PARTIAL, dir=spool) as fresh:
        sweep_beside(Path(fresh), f"*{_PARTIAL}")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
