"""Rows and bytes of a simulation: rows that count what is done with them, and a store that keeps nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.disk import to_its_end
from nexiom_sdk.errors import ObjectNotFound, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import Dimension, Limit, Spend, Usage, UsageQuery
from nexiom_sdk.storage import ObjectInfo

P = ParamSpec("P")
T = TypeVar("T")


class CountedRows:
    """Rows in memory as one process reaches them: statements are counted, and a killed process reaches nothing.

    Args:
        rows: The rows that all processes share.
        told: Called with a row before and after each step that was written; before it was added there is none.

    Attributes:
        counts: How often which statement was made, and how many rows were claimed.
    """

    def __init__(self, rows: MemoryRepository, *, told: Callable[[GenerationJob | None, GenerationJob], None]) -> None:
        self.counts: Counter[str] = Counter()
        self._killed: asyncio.Future[None] | None = None
        self._rows = rows
        self._told = told

    async def add(self, job: GenerationJob, /, *, limits: Sequence[Limit] = ()) -> GenerationJob:
        await self._reach("add")
        added = await self._rows.add(job, limits=limits)
        self._told(None, added)
        return added

    async def get(self, job_id: str, /) -> GenerationJob | None:
        await self._reach("get")
        return await self._rows.get(job_id)

    async def list(self, query: JobQuery, /) -> Sequence[GenerationJob]:
        await self._reach("list")
        return await self._rows.list(query)

    async def claim(self, *, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        await self._reach("claim")
        claimed = await self._rows.claim(limit=limit, lease_seconds=lease_seconds, job_id=job_id)
        self.counts["claimed"] += len(claimed)
        return claimed

    async def save(self, job: GenerationJob, /, *, fence: int) -> bool:
        await self._reach("save")
        before = await self._rows.get(job.id)
        if before is None or not await self._rows.save(job, fence=fence):
            return False
        self._told(before, job)
        return True

    async def admit(self, job: GenerationJob, /, *, fence: int, limits: Sequence[Limit] = ()) -> bool:
        await self._reach("admit")
        before = await self._rows.get(job.id)
        if before is None or not await self._rows.admit(job, fence=fence, limits=limits):
            return False
        self._told(before, job)
        return True

    async def extend(self, job_id: str, /, *, fence: int, seconds: float) -> bool:
        await self._reach("extend")
        return await self._rows.extend(job_id, fence=fence, seconds=seconds)

    async def wake(self, job_id: str, /, *, cancel: bool = False, after_seconds: float = 0.0) -> None:
        await self._reach("wake")
        await self._rows.wake(job_id, cancel=cancel, after_seconds=after_seconds)

    async def adopt_late_id(self, job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        await self._reach("adopt_late_id")
        before = await self._rows.get(job_id)
        if before is None or not await self._rows.adopt_late_id(job_id, order_no, provider, provider_job_id):
            return False
        self._told(before, await self._rows.get(job_id) or before)
        return True

    async def usage(self, query: UsageQuery, /) -> Usage:
        await self._reach("usage")
        return await self._rows.usage(query)

    async def spend(self, query: UsageQuery, /, *, by: Sequence[Dimension]) -> Sequence[Spend]:
        await self._reach("spend")
        return await self._rows.spend(query, by=by)

    async def durations(self, key: str, limit: int, /) -> Sequence[float]:
        await self._reach("durations")
        return await self._rows.durations(key, limit)

    async def hinted(self) -> None:
        await self._rows.hinted()

    async def aclose(self) -> None:
        """The rows are shared."""

    def kill(self) -> None:
        """From now on no statement of this process comes through: it waits until `bury`."""
        self._killed = asyncio.get_running_loop().create_future()

    def bury(self) -> None:
        """Let what still waits end with an error, so that its tasks can end."""
        if self._killed is not None and not self._killed.done():
            self._killed.set_exception(StorageUnavailable("this process was killed"))

    async def _reach(self, statement: str) -> None:
        if self._killed is not None:
            await asyncio.shield(self._killed)
        self.counts[statement] += 1


class DiscardingStore:
    """A store that takes every object and keeps none."""

    async def put(self, key: str, chunks: AsyncIterator[bytes], /, *, media_type: str) -> ObjectInfo:
        size_bytes = sum([len(chunk) async for chunk in chunks])
        return ObjectInfo(key=key, size_bytes=size_bytes, media_type=media_type)

    async def put_file(self, key: str, file: Path, /, *, media_type: str) -> ObjectInfo:
        size_bytes = await to_its_end(lambda: file.stat().st_size)
        return ObjectInfo(key=key, size_bytes=size_bytes, media_type=media_type)

    async def open(self, key: str, /) -> AsyncIterator[bytes]:
        raise ObjectNotFound(f"'{key}' was not kept.")
        yield b""

    async def stat(self, key: str, /) -> ObjectInfo | None:  # noqa: ARG002 - part of the contract
        return None

    async def url(self, key: str, /, *, ttl_seconds: float) -> str | None:  # noqa: ARG002 - part of the contract
        return None

    async def delete(self, key: str, /) -> None:
        """Nothing is kept."""

    async def list(self, prefix: str = "", /) -> AsyncIterator[ObjectInfo]:  # noqa: ARG002 - part of the contract
        return
        yield

    async def aclose(self) -> None:
        """Nothing is held."""


class AtOnce(ThreadPoolExecutor):
    """Does the work of threads in the loop: a virtual clock does not wait for threads."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the caller's, as with a thread
            done.set_exception(error)
        return done
