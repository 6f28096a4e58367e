"""Rows in PostgreSQL, Supabase's included: for any number of workers on any number of machines."""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from nexiom_sdk.backends import outside_rows, postgres_sums, rows, sums
from nexiom_sdk.backends import postgres_statements as sql
from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import ConfigurationError, NexiomError
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import Dimension, Limit, Spend, Usage, UsageQuery

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from nexiom_sdk.backends.postgres_address import Connection

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # the one character that JSON may hold and jsonb may not
_LISTEN_AGAIN_SECONDS = 30.0
_ASKS = 2  # a job that did not fit is tried again where there is room by the time that the sums are read


class PostgresRepository:
    """Rows in a table that `nexiom migrate --apply` made. Connections are opened by the first call.

    All times are the database's clock. It works behind a pooler that gives each transaction another connection. Rows
    whose type is not `video` are somebody else's: it neither lists nor counts nor claims them.

    Args:
        dsn: The database, as a URL or a connection string of libpq.

    Raises:
        ConfigurationError: The driver is not installed, or the address is none.

    Example:
        ```python
        studio = Studio(repository=PostgresRepository("postgresql://nexiom@db.internal/nexiom"))
        ```
    """

    def __init__(self, dsn: str | SecretStr) -> None:
        address, dsn = SecretStr(dsn) if isinstance(dsn, str) else dsn, ""  # tracebacks show local variables
        try:
            from nexiom_sdk.backends.postgres_pool import PostgresPool
        except ImportError as error:
            hint = "pip install 'nexiom_sdk[postgres]'"
            raise ConfigurationError("PostgreSQL needs the driver psycopg.", next_step=hint) from error
        self._pool = PostgresPool(address)
        self._heard = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    def from_url(cls, url: str, *, clock: Clock) -> Self:  # noqa: ARG003 - the database has a clock of its own
        """The repository of a URL: `postgresql://user:password@host:5432/database`, or `postgres://...`."""
        return cls(url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pool.place})"

    async def add(self, job: GenerationJob, /, *, limits: Sequence[Limit] = ()) -> GenerationJob:
        tidy = rows.tidy(job)
        row = _row_of(tidy) | {"request": _json_text(job.id, job.request)}
        if _uuid(job.id) is None:
            raise rows.refused(job.id, "its id is no UUID")
        tries = 0

        async def work(db: Connection) -> GenerationJob:
            nonlocal tries
            tries += 1
            for _ in range(_ASKS):
                if not limits:
                    written = (await db.execute(sql.ADD, row)).rowcount == 1
                else:
                    written = await _within(db, postgres_sums.added(row, job, limits))
                if written:
                    return tidy
                if held := await _held(db, row, may_be_itself=tries > 1):
                    return rows.same_order(held, job)
                await _check(db, limits, job)
            raise rows.refused(job.id, "there is one with this id, or another job holds this id of the provider")

        return await self._pool.run(work)

    async def get(self, job_id: str, /) -> GenerationJob | None:
        found = await self._rows(sql.BY_ID, {"id": _uuid(job_id)}) if _uuid(job_id) else ()
        return outside_rows.job_of(found[0]) if found else None

    async def list(self, query: JobQuery, /) -> Sequence[GenerationJob]:
        wanted = {
            "user_id": query.user_id,
            "status": None if query.status is None else str(query.status),
            "phases": [str(phase) for phase in query.phases] or None,
            "provider": query.provider,
            "provider_job_id": query.provider_job_id,
            "before": None if query.before is None else utc(query.before),
            "due_before": None if query.due_before is None else utc(query.due_before),
        }
        found = await self._rows(sql.listed(wanted), wanted | {"limit": max(query.limit, 0)})
        return rows.listed(found, outside_rows.job_of)

    async def claim(self, *, limit: int, lease_seconds: float, job_id: str | None = None) -> Sequence[GenerationJob]:
        if job_id is not None and _uuid(job_id) is None:
            return []
        values = {"limit": max(limit, 0), "lease_seconds": lease_seconds, "id": job_id and _uuid(job_id)}

        return rows.readable(await self._rows(sql.CLAIM, values), outside_rows.job_of)

    async def save(self, job: GenerationJob, /, *, fence: int) -> bool:
        held = {"fence": fence, "run_at_read": utc(job.run_at_read)}
        return _uuid(job.id) is not None and await self._change(sql.SAVE, _row_of(job) | held)

    async def admit(self, job: GenerationJob, /, *, fence: int, limits: Sequence[Limit] = ()) -> bool:
        held = {"fence": fence, "run_at_read": utc(job.run_at_read), "request": _json_text(job.id, job.request)}
        row = _row_of(job) | held
        if _uuid(job.id) is None:
            return False
        if not limits:
            return await self._change(sql.ADMIT, row)

        async def work(db: Connection) -> bool:
            for _ in range(_ASKS):
                if await _within(db, postgres_sums.admitted(row, job, limits)):
                    return True
                found = await (await db.execute(sql.FENCE, row)).fetchone()
                if found is None or found["fence"] != fence:
                    return False
                await _check(db, limits, job)
            return False

        return await self._pool.run(work)

    async def extend(self, job_id: str, /, *, fence: int, seconds: float) -> bool:
        values = {"id": _uuid(job_id), "fence": fence, "seconds": seconds}
        return _uuid(job_id) is not None and await self._change(sql.EXTEND, values)

    async def wake(self, job_id: str, /, *, cancel: bool = False, after_seconds: float = 0.0) -> None:
        if _uuid(job_id) is not None:
            await self._change(sql.WAKE, {"id": _uuid(job_id), "cancel": cancel, "after_seconds": after_seconds})

    async def adopt_late_id(self, job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        order = {"id": _uuid(job_id), "order_no": order_no, "provider": provider, "provider_job_id": provider_job_id}

        async def work(db: Connection) -> bool:
            from psycopg.errors import UniqueViolation

            with contextlib.suppress(UniqueViolation):  # an id that another job holds is not taken from it
                if (await db.execute(sql.ADOPT, order)).rowcount:
                    return True
            return await (await db.execute(sql.HOLDS, order)).fetchone() is not None

        return _uuid(job_id) is not None and await self._pool.run(work)

    async def usage(self, query: UsageQuery, /) -> Usage:
        [found] = await self._found(*postgres_sums.usage(query))
        return Usage(**found)

    async def spend(self, query: UsageQuery, /, *, by: Sequence[Dimension]) -> Sequence[Spend]:
        found = await self._found(*postgres_sums.spend(query, by))
        return sums.spend_of(map(_group, found), by)

    async def durations(self, key: str, limit: int, /) -> Sequence[float]:
        async def work(db: Connection) -> Sequence[float]:
            found = await db.execute(sql.DURATIONS, {"key": key, "limit": max(limit, 0)})
            return [row["took_seconds"] async for row in found]

        return await self._pool.run(work)

    async def now(self) -> datetime:
        """The present moment of the rows: that of the database's clock."""
        [found] = await self._found(sql.NOW, {})
        return utc(found["now"])

    async def hinted(self) -> None:
        """Wait until rows may have become due; behind a pooler, which swallows hints, wait for ever."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="nexiom listens")
        await self._heard.wait()
        self._heard.clear()

    async def aclose(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._pool.aclose()

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(NexiomError):  # only a hint: whoever waits looks at the table all the same
                await self._pool.listen(sql.CHANNEL, self._heard.set)
            await asyncio.sleep(_LISTEN_AGAIN_SECONDS)

    async def _rows(self, statement: bytes, values: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
        return [_values(row) for row in await self._found(statement, values)]

    async def _found(self, statement: bytes, values: Mapping[str, object]) -> Sequence[DictRow]:
        async def work(db: Connection) -> Sequence[DictRow]:
            return await (await db.execute(statement, values)).fetchall()

        return await self._pool.run(work)

    async def _change(self, statement: bytes, values: Mapping[str, object]) -> bool:
        async def work(db: Connection) -> bool:
            return (await db.execute(statement, values)).rowcount == 1

        return await self._pool.run(work)


async def _held(db: Connection, row: Mapping[str, object], *, may_be_itself: bool = False) -> GenerationJob | None:
    """The job that already has this client key, or the row itself, where an earlier try may have written it."""
    if row["client_key"] is None and not may_be_itself:
        return None
    statement = sql.BY_ID if row["client_key"] is None else sql.BY_CLIENT_KEY
    found = await (await db.execute(statement, row)).fetchone()
    return None if found is None else outside_rows.job_of(_values(found))


async def _within(db: Connection, statement: postgres_sums.Statement) -> bool:
    """Whether a row was written within its limits.

    The values are put into the text, so that locking and writing are one message, of which the server makes one
    transaction.
    """
    from psycopg import AsyncClientCursor

    async with AsyncClientCursor(db) as cursor:
        await cursor.execute(*statement)
        while cursor.nextset():
            pass
        return cursor.rowcount == 1


async def _check(db: Connection, limits: Sequence[Limit], job: GenerationJob) -> None:
    """Say which limit a job breaks that was not written; none, if there is room meanwhile.

    Raises:
        BudgetExceeded: It breaks one.
    """
    for limit in limits:  # one by one: for several at once, the server would start processes, which takes far longer
        found = await (await db.execute(*postgres_sums.used(limit, job.id))).fetchone()
        sums.check_limit(limit, Usage(**found) if found else Usage(), job)


def _group(row: DictRow) -> sums.Group:
    values = tuple(value for name, value in row.items() if name.startswith("value"))
    return sums.Group(values=values, **{name: value for name, value in row.items() if not name.startswith("value")})


def _uuid(job_id: str) -> str | None:
    """The id as the table's type; None for a text that can be the id of no row."""
    try:
        return str(uuid.UUID(job_id))
    except ValueError:
        return None


def _json_text(job_id: str, value: object) -> str:
    text = rows.json_text(job_id, value)
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def _row_of(job: GenerationJob) -> dict[str, object]:
    return {
        **vars(job),
        **{name: utc(moment) for name in rows.TIMES if (moment := getattr(job, name)) is not None},
        "status": str(job.status),
        "phase": str(job.phase),
        "duration_seconds": None
        if job.duration_seconds is None
        else Decimal(repr(job.duration_seconds)),  # all its digits
        "provider_metadata": _json_text(job.id, job.provider_metadata),
    }


def _values(row: Mapping[str, object]) -> dict[str, object]:
    times = {name: moment if not isinstance(moment := row[name], datetime) else utc(moment) for name in rows.TIMES}
    return {**row, **times, "id": str(row["id"])}
