"""The folder of this machine where result files rest on their way from a provider to the store.

They rest here until the store has them and the row knows it: a store that is down or full, or a process that dies,
costs nothing but time. What is being fetched has a name that nobody looks for; a whole order appears in one step.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncGenerator, Collection
from pathlib import Path

from nexiom_sdk.disk import sweep_beside, to_its_end
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.wording import size

_PARTIAL = ".part"


class Spool:
    """A folder for each order whose files are on their way.

    Args:
        folder: Where the spool is.
        most_bytes: What may rest here at most, with what is being fetched.
        host: Name of this machine.
    """

    def __init__(self, folder: Path, *, most_bytes: int, host: str = "") -> None:
        self.folder = folder
        self.place: str = f"{host}:{folder}"
        self.in_words: str = f"{folder} on {host}" if host else str(folder)
        self._most_bytes = most_bytes
        self._resting_bytes = 0
        self._coming_bytes: dict[Path, int] = {}

    async def files(self, job: GenerationJob) -> tuple[Path, ...]:
        """The files of the job's present order that wait here, in order; empty where this machine has none."""
        order = self._order(job)
        return await to_its_end(_files, order) if order.exists() else ()  # every order asks, and nearly none has any

    @contextlib.asynccontextmanager
    async def incoming(self, job: GenerationJob, *, bounded: bool = True) -> AsyncGenerator[Incoming, None]:
        """A place for the files of an order while they are fetched; nothing stays of what was not published.

        Args:
            job: The job.
            bounded: Whether a full spool refuses them; what nobody gives twice has to come in.

        Raises:
            StorageUnavailable: The spool cannot be written, or is full.
        """
        # A worker that lost its lease still writes: the fence keeps the two apart.
        partial = self.folder / f"{job.order_key}.{job.fence}{_PARTIAL}"
        try:
            self._resting_bytes = await to_its_end(_begin, partial, tuple(self._coming_bytes))
            self._coming_bytes[partial] = 0
            yield Incoming(self, partial, self._order(job), bounded=bounded)
        except OSError as error:
            msg = f"The video cannot be written to the spool {self.folder}: {error.strerror or error}."
            hint = "Free some space or set NEXIOM_HOME to a folder that can be written; the job tries again by itself."
            raise StorageUnavailable(msg, next_step=hint) from error
        finally:
            self._coming_bytes.pop(partial, None)
            await to_its_end(_remove, partial)

    def take(self, partial: Path, size_bytes: int, *, bounded: bool) -> None:
        """So many bytes come into the spool.

        Raises:
            StorageUnavailable: There is no room for them.
        """
        self._coming_bytes[partial] += size_bytes
        if bounded and self._resting_bytes + sum(self._coming_bytes.values()) > self._most_bytes:
            msg = f"The spool {self.folder} is full: {size(self._resting_bytes)} of videos wait for the store."
            if self._coming_bytes[partial] > self._most_bytes:
                msg = f"The video has more than {size(self._most_bytes)}, which is all that the spool takes."
            hint = (
                "Mend the store, and they are stored by themselves; or set NEXIOM_SPOOL_MAX_BYTES to more. "
                "The job stays as it is and tries again by itself."
            )
            raise StorageUnavailable(msg, next_step=hint)

    def rests(self, partial: Path) -> None:
        """What came rests here from now on."""
        self._resting_bytes += self._coming_bytes.pop(partial)

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


class Incoming:
    """Files of one order that are being fetched.

    Args:
        spool: Where they will rest.
        folder: Where they are written.
        order: The folder that they will be in.
        bounded: Whether a full spool refuses them.
    """

    def __init__(self, spool: Spool, folder: Path, order: Path, *, bounded: bool) -> None:
        self._bounded = bounded
        self.folder = folder
        self._spool = spool
        self._order = order

    def allow(self, size_bytes: int) -> None:
        """Let so many more bytes in.

        Raises:
            StorageUnavailable: The spool is full.
        """
        self._spool.take(self.folder, size_bytes, bounded=self._bounded)

    async def publish(self) -> tuple[Path, ...]:
        """The files are whole: from now on they rest in the spool, in order."""
        files = await to_its_end(_publish, self.folder, self._order)
        self._spool.rests(self.folder)
        return files


def _begin(partial: Path, coming: Collection[Path]) -> int:
    """Make the folder, and tell how many bytes rest beside it that are not on the way in this process."""
    partial.mkdir(parents=True, exist_ok=True)
    sweep_beside(partial, f"*{_PARTIAL}")
    resting = 0
    for folder in partial.parent.iterdir():
        if folder not in coming and folder.is_dir():
            with contextlib.suppress(FileNotFoundError):  # it was stored just now
                resting += sum(file.stat().st_size for file in folder.iterdir())
    return resting


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
