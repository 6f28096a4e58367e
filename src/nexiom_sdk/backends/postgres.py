"""Rows in PostgreSQL, Supabase's included: for any number of workers on any number of machines."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from nexiom_sdk.backends import outside_rows, postgres_sums, rows, sums
from nexiom_sdk.backends import postgres_statements as sql
from nexiom_sdk.clock import Clock
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moments import utc
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import Dimension, Limit, Spend, Usage, UsageQuery

if TYPE_CHECKING:
    from psycopg.rows import DictRow

    from nexiom_sdk.backends.postgres_address import Connection

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # the one character that JSON may hold and jsonb may not
_MOST_BYTES = 1000  # of what an index holds: one that is longer would be refused when it is written
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
            from nexiom_sdk.backends.postgres_hints import Hints
            from nexiom_sdk.backends.postgres_pool import PostgresPool
        except ImportError as error:
            hint = "pip install 'nexiom_sdk[postgres]'"
            raise ConfigurationError("PostgreSQL needs the driver psycopg.", next_step=hint) from error
        self._pool = PostgresPool(address)
        self._hints = Hints(self._pool, sql.CHANNEL)

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
        for name in ("user_id", "client_key"):
            if len(str(row[name] or "").encode("utf-8", "replace")) > _MOST_BYTES:
                raise rows.refused(job.id, f"its {name} has more than {_MOST_BYTES:,} bytes")
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
                    return held[0] if held[1] else rows.same_order(held[0], job)
                await _check(db, limits, job)
            raise rows.refused(job.id, "there is one with this id, or another job holds this id of the provider")

        return await self._pool.run(work, waits_for_rows=True)

    async def get(self, job_id: str, /) -> GenerationJob | None:
        found = await self._rows(sql.BY_ID, {"id": key}) if (key := _uuid(job_id)) else ()
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
        key = None if job_id is None else _uuid(job_id)
        if job_id is not None and key is None:
            return []

        async def lease(most: int) -> Sequence[Mapping[str, object]]:
            values = {"limit": max(most, 0), "lease_seconds": lease_seconds, "id": key}
            return await self._rows(sql.CLAIM, values)

        if job_id is not None:
            return rows.readable(await lease(limit), outside_rows.job_of)
        return await rows.claimed(lease, outside_rows.job_of, limit=limit)

    async def save(self, job: GenerationJob, /, *, fence: int) -> bool:
        if _uuid(job.id) is None:
            return False
        held = {"fence": fence, "run_at_read": utc(job.run_at_read)}
        return await self._change(sql.SAVE, _row_of(job) | held)

    async def admit(self, job: GenerationJob, /, *, fence: int, limits: Sequence[Limit] = ()) -> bool:
        if _uuid(job.id) is None:
            return False
        held = {"fence": fence, "run_at_read": utc(job.run_at_read), "request": _json_text(job.id, job.request)}
        row = _row_of(job) | held
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

        return await self._pool.run(work, waits_for_rows=True)

    async def extend(self, job_id: str, /, *, fence: int, seconds: float) -> bool:
        if (key := _uuid(job_id)) is None:
            return False
        values = {"id": key, "fence": fence, "seconds": seconds}
        return await self._change(sql.EXTEND, values, waits_for_rows=False)  # leases live on whatever is locked

    async def wake(self, job_id: str, /, *, cancel: bool = False, after_seconds: float = 0.0) -> None:
        if (key := _uuid(job_id)) is not None:
            await self._change(sql.WAKE, {"id": key, "cancel": cancel, "after_seconds": after_seconds})

    async def adopt_late_id(self, job_id: str, order_no: int, provider: str, provider_job_id: str, /) -> bool:
        if (key := _uuid(job_id)) is None:
            return False
        order = {"id": key, "order_no": order_no, "provider": provider, "provider_job_id": provider_job_id}

        async def work(db: Connection) -> bool:
            from psycopg.errors import UniqueViolation

            with contextlib.suppress(UniqueViolation):  # an id that another job holds is not taken from it
                if (await db.execute(sql.ADOPT, order)).rowcount:
                    return True
            return await (await db.execute(sql.HOLDS, order)).fetchone() is not None

        return await self._pool.run(work, waits_for_rows=True)

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
        await self._hints.next()

    async def aclose(self) -> None:
        await self._hints.aclose()
        await self._pool.aclose()

    async def _rows(self, statement: bytes, values: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
        return [_values(row) for row in await self._found(statement, values)]

    async def _found(self, statement: bytes, values: Mapping[str, object]) -> Sequence[DictRow]:
        async def work(db: Connection) -> Sequence[DictRow]:
            return await (await db.execute(statement, values)).fetchall()

        return await self._pool.run(work)

    async def _change(self, statement: bytes, values: Mapping[str, object], *, waits_for_rows: bool = True) -> bool:
        async def work(db: Connection) -> bool:
            return (await db.execute(statement, values)).rowcount == 1

        return await self._pool.run(work, waits_for_rows=waits_for_rows)


async def _held(db: Connection, row: Mapping[str, object], *, may_be_itself: bool) -> tuple[GenerationJob, bool] | None:
    """The job that already has this client key, or the row itself, where an earlier try may have written it.

    With it, whether the database holds that its request is the same.
    """
    has_key = row["client_key"] is not None and row["type"] == "video"
    if not has_key and not may_be_itself:
        return None
    statement = sql.BY_CLIENT_KEY if has_key else sql.BY_ID
    found = await (await db.execute(statement, row)).fetchone()
    if found is None:
        return None
    same_request = bool(found.pop("same_request", False))
    return outside_rows.job_of(_values(found)), same_request


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
    return {**row, **{name: _moment(row[name]) for name in rows.TIMES}, "id": str(row["id"])}


def _moment(text: object) -> object:
    """The time that a text says, in UTC; the text itself where there is none, such as `infinity` or a year 10000."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if isinstance(text, str) else text
    except ValueError:
        return text
