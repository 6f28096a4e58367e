"""Rows in one SQLite file: the default for one machine, safe with any number of its processes."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic_core import from_json

from nexiom_sdk.backends import rows, sqlite_sums
from nexiom_sdk.backends import sqlite_statements as sql
from nexiom_sdk.backends.sqlite_file import SqliteFile
from nexiom_sdk.backends.sqlite_sums import stamp
from nexiom_sdk.clock import Clock, SystemClock
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import Dimension, Limit, Spend, Usage, UsageQuery
from nexiom_sdk.wording import printable

_Result = TypeVar("_Result")
_Row: TypeAlias = tuple[Any, ...]  # of sqlite3, whose values have no static type


class SqliteRepository:
    """Rows in a SQLite file, written in a thread of their own. The file is made and opened by the first call.

    Args:
        path: The file.
        clock: Time; None: the machine's.

    Example:
        ```python
        studio = Studio(repository=SqliteRepository(Path("/srv/nexiom/nexiom.db")))
        ```
    """

    def __init__(self, path: Path, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._file = SqliteFile(path)

    @classmethod
    def from_url(cls, url: str, *, clock: Clock) -> Self:
        """The repository of a URL: `sqlite:///absolute/path`, or `sqlite:path` from the working folder.

        Raises:
            ConfigurationError: The URL names no file.

        Example:
            >>> SqliteRepository.from_url("sqlite:///srv/nexiom/nexiom.db", clock=SystemClock())
            SqliteRepository('/srv/nexiom/nexiom.db')
        """
        parts = urlsplit(url)
        path = unquote(parts.path)
        if parts.netloc or parts.query or parts.fragment or path.rstrip("/") in {"", ":memory:"}:
            msg = f"'{printable(url, 200)}' does not name an SQLite file."
            raise ConfigurationError(msg, next_step="Use sqlite:///absolute/path or sqlite:path; or memory://.")
        return cls(Path(path[1:] if sys.platform == "win32" and path[2:3] == ":" else path), clock=clock)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self._file.path}')"

    async def add(self, job: GenerationJob, /, *, limits: Sequence[Limit] = ()) -> GenerationJob:
        tidy = rows.tidy(job)

        def work(db: sqlite3.Connection, _: datetime) -> GenerationJob:
            row = _row_of(tidy) | {"request": rows.json_text(job.id, job.request)}
            if job.type == "video" and (held := _jobs(db, sql.BY_CLIENT_KEY, row)):  # a key of null is equal to none
                return rows.same_order(held[0], job)
            for limit in limits:
                sqlite_sums.check(db, limit, job)
            db.execute(sql.ADD, row)
            return tidy

        return await self._write(work)

    async def get(self, job_id: str, /) -> GenerationJob | None:
        found = await self._file.run(lambda db: _jobs(db, sql.BY_ID, {"id": job_id}))
        return found[0] if found else None

    async def list(self, query: JobQuery, /) -> Sequence[GenerationJob]:
        wanted = {
            "user_id": query.user_id,
            "status": query.status,
            "phases": json.dumps(query.phases) if query.phases else None,
            "provider": query.provider,
            "provider_job_id": query.provider_job_id,
            "before": _stamp_or_none(query.before),
            "due_before": _stamp_or_none(query.due_before),
        }
        values = wanted | {"limit": max(query.limit, 0), "now": stamp(self._clock.now())}
        found = await self._file.run(lambda db: [_values(row) for row in db.execute(sql.listed(wanted), values)])
        return rows.listed(found, rows.job_of)

    async def claim(self, *, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        async def lease(most: int) -> list[dict[str, object]]:
            def work(db: sqlite3.Connection, now: datetime) -> list[_Row]:
                leased_until = stamp(now + timedelta(seconds=lease_seconds))
                values = {"now": stamp(now), "leased_until": leased_until, "id": job_id, "limit": max(most, 0)}
                return db.execute(sql.CLAIM_ANY if job_id is None else sql.CLAIM_ONE, values).fetchall()

            return [_values(row) for row in await self._write(work)]

        if job_id is not None:
            return rows.readable(await lease(limit), rows.job_of)
        return await rows.claimed(lease, rows.job_of, limit=limit)

    async def save(self, job: GenerationJob, /, *, fence: int) -> bool:
        def work(db: sqlite3.Connection, now: datetime) -> bool:
            return db.execute(sql.SAVE, _step_of(job, fence, now)).rowcount == 1

        return await self._write(work)

    async def admit(self, job: GenerationJob, /, *, fence: int, limits: Sequence[Limit] = ()) -> bool:
        def work(db: sqlite3.Connection, now: datetime) -> bool:
            row = _step_of(job, fence, now) | {"request": rows.json_text(job.id, job.request)}
            if db.execute(sql.HELD, row).fetchone() is None:
                return False
            for limit in limits:
                sqlite_sums.check(db, limit, job, besides=job.id)
            return db.execute(sql.ADMIT, row).rowcount == 1

        return await self._write(work)

    async def extend(self, job_id: str, /, *, fence: int, seconds: float) -> bool:
        def work(db: sqlite3.Connection, now: datetime) -> bool:
            leased_until = stamp(now + timedelta(seconds=seconds))
            return db.execute(sql.EXTEND, {"id": job_id, "fence": fence, "leased_until": leased_until}).rowcount == 1

        return await self._write(work)

    async def wake(self, job_id: str, /, *, cancel: bool = False, after_seconds: float = 0.0) -> None:
        def work(db: sqlite3.Connection, now: datetime) -> None:
            run_at = stamp(now + timedelta(seconds=after_seconds))
            db.execute(sql.WAKE, {"id": job_id, "cancel": cancel, "now": stamp(now), "run_at": run_at})

        await self._write(work)

    async def adopt_late_id(self, job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        order = {"id": job_id, "order_no": order_no, "provider": provider, "provider_job_id": provider_job_id}

        def work(db: sqlite3.Connection, now: datetime) -> bool:
            adopted = db.execute(sql.ADOPT, order | {"now": stamp(now)}).rowcount == 1
            return adopted or db.execute(sql.HOLDS, order).fetchone() is not None

        return await self._write(work)

    async def usage(self, query: UsageQuery, /) -> Usage:
        return await self._file.run(lambda db: sqlite_sums.usage(db, query))

    async def spend(self, query: UsageQuery, /, *, by: Sequence[Dimension]) -> Sequence[Spend]:
        return await self._file.run(lambda db: sqlite_sums.spend(db, query, by))

    async def durations(self, key: str, limit: int, /) -> Sequence[float]:
        values = {"key": key, "limit": max(limit, 0)}
        return await self._file.run(lambda db: [float(took) for (took,) in db.execute(sql.DURATIONS, values)])

    async def now(self) -> datetime:
        """The present moment of the rows: that of the clock it was made with."""
        return self._clock.now()

    async def aclose(self) -> None:
        await self._file.aclose()

    async def _write(self, work: Callable[[sqlite3.Connection, datetime], _Result]) -> _Result:
        def transaction(db: sqlite3.Connection) -> _Result:
            with db:
                db.execute("begin immediate")
                return work(db, self._clock.now())  # asked under the lock: waiting for it must not shorten a lease

        return await self._file.run(transaction)


def _jobs(db: sqlite3.Connection, statement: str, values: Mapping[str, object]) -> list[GenerationJob]:
    return [rows.job_of(_values(row)) for row in db.execute(statement, values)]


def _row_of(job: GenerationJob) -> dict[str, object]:
    return {
        **vars(job),
        **{name: _stamp_or_none(getattr(job, name)) for name in rows.TIMES},
        **{name: None if (amount := getattr(job, name)) is None else str(amount) for name in rows.MONEY},
        "provider_metadata": rows.json_text(job.id, job.provider_metadata),
    }


def _step_of(job: GenerationJob, fence: int, now: datetime) -> dict[str, object]:
    return _row_of(job) | {"fence": fence, "run_at_read": stamp(job.run_at_read), "now": stamp(now)}


def _values(row: _Row) -> dict[str, object]:
    values: dict[str, object] = dict(
        zip(rows.COLUMNS, row, strict=False)
    )  # columns that somebody added stand behind ours
    for name in ("provider_metadata", "request"):
        values[name] = from_json(str(values[name]))
    return values


def _stamp_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)
