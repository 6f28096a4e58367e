"""Trouble for a PostgreSQL and for what talks to it: cut connections, users without rights, servers that are down."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_address import Connection
from nexiom_sdk.errors import NexiomError, StorageUnavailable
from nexiom_sdk.spending import UsageQuery


@contextlib.contextmanager
def in_a_shell(url: str) -> Iterator[psycopg.Connection]:
    """The database as a person opens it."""
    with psycopg.connect(url, autocommit=True) as shell:
        yield shell


@contextlib.contextmanager
def user(url: str, *grants: str) -> Iterator[str]:
    """The database as another user sees it, who was granted this."""
    name = f"u{id(grants)}_{conninfo_to_dict(url)['dbname']}"
    with in_a_shell(url) as shell:
        shell.execute(f"create role {name} login".encode())
        for grant in grants:
            shell.execute(f"grant {grant} to {name}".encode())
        try:
            yield make_conninfo(url, user=name)
        finally:
            shell.execute(f"drop owned by {name}".encode())
            shell.execute(f"drop role {name}".encode())


async def said_of(address: str) -> NexiomError:
    """What the first call says."""
    repository = PostgresRepository(address)
    try:
        with pytest.raises(StorageUnavailable) as error:
            await repository.usage(UsageQuery())
    finally:
        await repository.aclose()
    return error.value


def cut_all(url: str, *, but: psycopg.Connection | None = None) -> None:
    """Cut every connection to a database, perhaps but one."""
    with in_a_shell(url) as shell:
        shell.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> all(%s)",
            ([shell.info.backend_pid, *([but.info.backend_pid] if but else [])],),
        )


async def until_waiting(url: str, how_many: int = 1) -> None:
    """Until so many calls wait for a lock."""
    with in_a_shell(url) as shell:
        async with asyncio.timeout(20):
            while not shell.execute(
                "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
                " having count(*) >= %s",
                (how_many,),
            ).fetchone():
                await asyncio.sleep(0.01)


@contextlib.contextmanager
def before_each_update(url: str, does: str) -> Iterator[psycopg.Connection]:
    """Statements that the server runs before it changes a row, and a shell; `tries` counts them, rolled back or not."""
    body = f"begin perform nextval('tries'); {does} return new; end"
    with in_a_shell(url) as shell:
        shell.execute("create sequence tries minvalue 0")
        shell.execute("select nextval('tries')")
        shell.execute(f"create function happens() returns trigger language plpgsql as $$ {body} $$".encode())
        shell.execute("create trigger happens before update on generation_jobs for each row execute function happens()")
        yield shell
        shell.execute("drop trigger happens on generation_jobs")
        shell.execute("drop function happens()")


def tries(shell: psycopg.Connection) -> int:
    """How often a row was to be changed."""
    row = shell.execute("select last_value from tries").fetchone()
    assert row is not None
    return int(row[0])


@contextlib.asynccontextmanager
async def one_answer_lost(
    repository: PostgresRepository, *, meanwhile: Callable[[], object] = lambda: None
) -> AsyncIterator[None]:
    """The connection breaks once, after a call was committed and before anybody hears of it."""
    await repository.usage(UsageQuery())
    connections = repository._pool._connections
    assert connections is not None
    lent, lost = connections.lent, False

    @contextlib.asynccontextmanager
    async def answer_lost() -> AsyncIterator[Connection]:
        nonlocal lost
        async with lent() as connection:
            yield connection
        if not lost:
            lost = True
            meanwhile()
            raise psycopg.OperationalError("the connection is lost")

    connections.lent = answer_lost  # type: ignore[method-assign]
    yield
    assert lost
    connections.lent = lent  # type: ignore[method-assign]


@contextlib.asynccontextmanager
async def refusing_server(words: str, detail: str = "") -> AsyncIterator[int]:
    """The port of a server that turns everybody away with these words, as PostgreSQL does before it lets one in."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        code = b""
        while code not in {b"\x00\x03\x00\x00", b"\x00\x03\x00\x02"}:  # before that, it asks for encryption
            length = int.from_bytes(await reader.readexactly(4), "big")
            code = (await reader.readexactly(length - 4))[:4]
            if code not in {b"\x00\x03\x00\x00", b"\x00\x03\x00\x02"}:
                writer.write(b"N")
        fields = {"S": "FATAL", "V": "FATAL", "C": "00000", "M": words} | ({"D": detail} if detail else {})
        body = b"".join(f"{name}{text}\0".encode() for name, text in fields.items()) + b"\0"
        writer.write(b"E" + (len(body) + 4).to_bytes(4, "big") + body)
        await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[int]:
    """The port of a server that takes connections and says nothing."""
    guests: set[asyncio.Task[None]] = set()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest = asyncio.current_task()
        assert guest is not None
        guests.add(guest)
        try:
            await reader.read()
        except asyncio.CancelledError:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
    for guest in guests:
        guest.cancel()
    await asyncio.gather(*guests, return_exceptions=True)


class Door:
    """A way to the server that can be shut.

    Args:
        url: The address of a database of that server, which may be at a socket or at a port.
    """

    def __init__(self, url: str) -> None:
        given = conninfo_to_dict(url)
        self._host, self._port = str(given.get("host") or "/tmp"), int(given.get("port") or 5432)
        self._writers: set[asyncio.StreamWriter] = set()
        self._guests: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[int]:
        await self.open_again(0)
        assert self._server is not None
        try:
            yield self._server.sockets[0].getsockname()[1]
        finally:
            await self.shut()

    async def open_again(self, port: int) -> None:
        self._server = await asyncio.start_server(self._through, "127.0.0.1", port)

    async def shut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._guests, return_exceptions=True)
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)
        self._writers.clear()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest = asyncio.current_task()
        assert guest is not None
        self._guests.add(guest)
        far_reader, far_writer = await self._far()
        self._writers |= {writer, far_writer}
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer), return_exceptions=True)

    async def _far(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._host.startswith("/"):
            return await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        return await asyncio.open_connection(self._host, self._port)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
