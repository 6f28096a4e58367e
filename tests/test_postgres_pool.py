"""Trouble with a real PostgreSQL: each in our words, nothing lost, and the next call works when the cause is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from nexiom_sdk.backends import postgres_pool
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_address import Connection
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import ConfigurationError, NexiomError, StorageError, StorageUnavailable
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import Limit, UsageQuery
from nexiom_sdk.testing.sample_jobs import columns, sample_job
from postgres_rig import database, jobs_database, server_url

CLOCK = SystemClock()


@pytest.fixture
def url() -> Iterator[str]:
    with jobs_database() as made:
        yield made


@pytest.fixture
async def repository(url: str) -> AsyncIterator[PostgresRepository]:
    repository = PostgresRepository(url)
    yield repository
    await repository.aclose()


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


# Addresses.


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:CANARY@h/db?sky=blue",
        "host=h password=CANARY sky=blue",
        "postgresql://u:tr0ub@CANARY@host/db",
        "postgresql://u:12/CANARY@host/db",
        "CANARY",
    ],
)
def test_an_address_that_is_none_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(ConfigurationError, match="not one that PostgreSQL takes") as error:
        PostgresRepository.from_url(address, clock=CLOCK)
    assert "CANARY" not in f"{error.value!r} {error.value} {error.value.__cause__} {error.value.next_step}"


def test_a_repository_is_shown_without_user_and_password() -> None:
    shown = repr(PostgresRepository("postgresql://u:CANARY@db.internal:6543/nexiom"))
    assert shown == "PostgresRepository(nexiom at db.internal:6543)"


async def test_a_database_that_cannot_be_reached_says_where_it_was_sought() -> None:
    async with _silent_server() as port:
        pass
    error = await said_of(f"postgresql://u:CANARY@127.0.0.1:{port}/nexiom")
    assert f"nexiom at 127.0.0.1:{port} cannot be reached" in error.message
    assert "NEXIOM_DATABASE_URL" in error.next_step
    assert "CANARY" not in str(error)


async def test_a_database_that_does_not_exist_says_so() -> None:
    error = await said_of(make_conninfo(server_url(), dbname="nowhere"))
    assert 'database "nowhere" does not exist' in error.message


async def test_a_user_that_does_not_exist_says_so(url: str) -> None:
    error = await said_of(make_conninfo(url, user="nobody"))
    assert 'role "nobody" does not exist' in error.message


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_pool, "PATIENCE_SECONDS", 0.2)
    async with _silent_server() as port:
        error = await said_of(f"postgresql://u@127.0.0.1:{port}/nexiom")
    assert "did not answer within 0.2 s" in error.message


# Schemas.


async def test_an_empty_database_says_which_command_makes_the_table() -> None:
    with database() as empty:
        error = await said_of(empty)
    assert "no table generation_jobs" in error.message
    assert "nexiom migrate --apply" in error.next_step


async def test_a_table_from_before_says_which_command_adds_what_it_lacks() -> None:
    with database() as old:
        with in_a_shell(old) as shell:
            shell.execute("create table generation_jobs (id uuid primary key, prompt text)")
        error = await said_of(old)
    assert "without nexiom_sdk's columns" in error.message
    assert "nexiom migrate --apply" in error.next_step


@pytest.mark.parametrize(("version", "next_step"), [(0, "nexiom migrate --apply"), (2, "Install the nexiom_sdk")])
async def test_another_version_of_the_schema_is_refused(url: str, version: int, next_step: str) -> None:
    with in_a_shell(url) as shell:
        made = f"create or replace function nexiom_schema_version() returns int language sql as 'select {version}'"
        shell.execute(made.encode())
    error = await said_of(url)
    assert f"has version {version} of the schema" in error.message
    assert next_step in error.next_step


# Rights.


async def test_a_user_who_may_only_read_may_read(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    with user(url, "select on generation_jobs") as address:
        reader = PostgresRepository(address)
        assert await reader.get(job.id) == job
        with pytest.raises(StorageUnavailable, match="does not let this user do that") as error:
            await reader.claim(limit=1, lease_seconds=60)
        await reader.aclose()
    assert "grant" in error.value.next_step


async def test_the_rights_that_the_words_name_are_enough_for_a_worker(url: str) -> None:
    with user(url, "select, insert, update on generation_jobs") as address:
        worker = PostgresRepository(address)
        job = await worker.add(sample_job(CLOCK))
        [claimed] = await worker.claim(limit=1, lease_seconds=60)
        assert await worker.save(claimed.evolve(leased_until=None), fence=claimed.fence)
        await worker.wake(job.id, cancel=True)
        assert (await worker.usage(UsageQuery())).jobs == 1
        await worker.aclose()


async def test_a_database_that_can_only_be_read_says_so(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    reader = PostgresRepository(make_conninfo(url, options="-c default_transaction_read_only=on"))
    assert await reader.get(job.id) == job
    with pytest.raises(StorageUnavailable, match="can only be read") as error:
        await reader.add(sample_job(CLOCK))
    await reader.aclose()
    assert "primary" in error.value.next_step


# A server in trouble.


async def test_a_statement_that_the_server_cuts_short_changed_nothing(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    impatient = PostgresRepository(make_conninfo(url, options="-c statement_timeout=50"))
    await impatient.usage(UsageQuery())
    with psycopg.connect(url) as shell:
        shell.execute("select from generation_jobs for update")
        with pytest.raises(StorageUnavailable, match="cut a statement short") as error:
            await impatient.save(job, fence=0)
    assert "open transaction" in error.value.next_step
    assert await impatient.save(job, fence=0)
    await impatient.aclose()


@pytest.mark.parametrize(
    ("state", "words"),
    [("53100", "no room left on its disk"), ("53300", "no connection left"), ("XX000", "answered XX000")],
)
async def test_what_the_server_cannot_do_is_told_and_the_row_stays(
    url: str, repository: PostgresRepository, state: str, words: str
) -> None:
    job = await repository.add(sample_job(CLOCK))
    with in_a_shell(url) as shell:
        trouble = f"begin raise exception 'trouble' using errcode = '{state}'; end"
        shell.execute(f"create function fail() returns trigger language plpgsql as $$ {trouble} $$".encode())
        shell.execute("create trigger fail before update on generation_jobs for each row execute function fail()")
        with pytest.raises(StorageUnavailable, match=words):
            await repository.save(job.evolve(error_message="CANARY"), fence=0)
        shell.execute("drop trigger fail on generation_jobs")
    assert await repository.get(job.id) == job
    assert await repository.save(job, fence=0)


async def test_connections_that_were_cut_are_made_anew_without_a_word(url: str, repository: PostgresRepository) -> None:
    jobs = [await repository.add(sample_job(CLOCK)) for _ in range(5)]
    await asyncio.gather(*(repository.get(job.id) for job in jobs))  # several connections
    _cut_all(url)
    assert len(await repository.list(JobQuery())) == 5
    _cut_all(url)
    assert await repository.save(jobs[0].evolve(error_message="seen"), fence=0)


async def test_a_connection_cut_in_the_middle_of_a_transaction_inserts_once(
    url: str, repository: PostgresRepository
) -> None:
    await repository.usage(UsageQuery())
    job = sample_job(CLOCK)
    with psycopg.connect(url) as shell:
        shell.execute("lock table generation_jobs in share mode")
        adding = asyncio.create_task(repository.add(job))
        await _until_waiting(url)
        _cut_all(url, but=shell)
        shell.rollback()
    assert columns(await adding) == columns(job)
    assert (await repository.usage(UsageQuery())).jobs == 1


async def test_a_commit_whose_answer_was_lost_is_not_made_twice(repository: PostgresRepository) -> None:
    await repository.usage(UsageQuery())
    lost: list[bool] = []
    once = repository._pool._once

    async def answer_lost(work: object) -> object:
        result: object = await once(work)  # type: ignore[arg-type]
        if not lost:
            lost.append(True)
            raise psycopg.OperationalError("the connection is lost")
        return result

    repository._pool._once = answer_lost  # type: ignore[assignment, method-assign]
    job = sample_job(CLOCK)
    assert columns(await repository.add(job)) == columns(job)
    assert lost
    lost.clear()
    assert await repository.adopt_late_id(job.id, 0, "acme", "v1")
    lost.clear()
    row = await repository.get(job.id)
    assert row is not None
    assert await repository.save(row, fence=row.fence)
    assert (await repository.usage(UsageQuery())).jobs == 1


async def test_an_insert_under_a_limit_whose_answer_was_lost_finds_its_own_row(repository: PostgresRepository) -> None:
    await repository.usage(UsageQuery())
    once, lost = repository._pool._once, False

    async def answer_lost(work: object) -> object:
        nonlocal lost
        result: object = await once(work)  # type: ignore[arg-type]
        if not lost:
            lost = True
            raise psycopg.OperationalError("the connection is lost")
        return result

    repository._pool._once = answer_lost  # type: ignore[assignment, method-assign]
    job = sample_job(CLOCK)
    one = [Limit(name="quota", over=UsageQuery(), max_jobs=1)]
    assert columns(await repository.add(job, limits=one)) == columns(job)
    assert (await repository.usage(UsageQuery())).jobs == 1


async def test_a_server_that_is_down_says_so_at_every_call_and_is_found_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection goes through a door that can be shut, as a server that is restarted."""
    monkeypatch.setattr(postgres_pool, "CONNECTION_SECONDS", 0.5)
    given = conninfo_to_dict(url)
    door = _Door(f"{given['host']}/.s.PGSQL.{given.get('port', 5432)}")
    async with door.opened() as port:
        repository = PostgresRepository(make_conninfo(url, host="127.0.0.1", port=port, connect_timeout=2))
        job = await repository.add(sample_job(CLOCK))
        await door.shut()
        for _ in range(2):
            with pytest.raises(StorageUnavailable, match="cannot be reached"):
                await repository.get(job.id)
        await door.open_again(port)
        assert await repository.get(job.id) == job
        await repository.aclose()


async def test_a_cancelled_call_leaves_its_connection_usable(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    with psycopg.connect(url) as shell:
        shell.execute("select from generation_jobs for update")
        calls = [asyncio.create_task(repository.save(job, fence=0)) for _ in range(12)]
        await asyncio.wait(calls, timeout=0.2)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert await repository.save(job, fence=0)


async def test_more_callers_than_connections_take_turns(repository: PostgresRepository) -> None:
    jobs = await asyncio.gather(*(repository.add(sample_job(CLOCK)) for _ in range(100)))
    assert len({job.id for job in jobs}) == 100


# Values.


async def test_a_value_that_no_row_can_hold_is_refused_and_not_quoted(repository: PostgresRepository) -> None:
    for fields in ({"error_message": "half \ud800"}, {"fence": 2**63}, {"model": "a\0b"}, {"id": "j1"}):
        with pytest.raises(StorageError) as error:
            await repository.add(sample_job(CLOCK, prompt="CANARY", **fields))
        assert "CANARY" not in f"{error.value}"
    assert (await repository.usage(UsageQuery())).jobs == 0


async def test_a_nul_in_metadata_does_not_lose_a_row(repository: PostgresRepository) -> None:
    said = {"said": "a\0b", "escaped": "\\u0000", "both": "\\\0"}
    job = await repository.add(sample_job(CLOCK, provider_metadata=said))
    row = await repository.get(job.id)
    assert row is not None
    assert row.provider_metadata == {"said": "a\ufffdb", "escaped": "\\u0000", "both": "\\\ufffd"}


async def test_an_id_that_no_row_can_have_is_not_found(repository: PostgresRepository) -> None:
    assert await repository.get("j1") is None
    assert await repository.claim(limit=1, lease_seconds=60, job_id="j1") == []
    await repository.wake("j1", cancel=True)


async def test_an_id_is_found_in_each_form_of_a_uuid(repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    for form in (job.id.replace("-", ""), job.id.upper(), f"{{{job.id}}}"):
        assert await repository.get(form) == job


# Hints.


async def test_whoever_waits_hears_of_new_and_woken_rows(repository: PostgresRepository) -> None:
    job = await _heard(repository, repository.add(sample_job(CLOCK)))
    assert isinstance(job, GenerationJob)
    await _heard(repository, repository.wake(job.id))
    await _heard(repository, repository.adopt_late_id(job.id, 0, "acme", "v1"))


async def test_hints_come_again_after_the_connection_was_cut(
    url: str, repository: PostgresRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexiom_sdk.backends.postgres._LISTEN_AGAIN_SECONDS", 0.01)
    await _heard(repository, repository.add(sample_job(CLOCK)))
    _cut_all(url)
    await _heard(repository, repository.add(sample_job(CLOCK)))


async def test_behind_a_pooler_nobody_listens(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def pooled(connection: object) -> bool:
        return False

    monkeypatch.setattr(postgres_pool, "_direct", pooled)
    pool = postgres_pool.PostgresPool(SecretStr(url))
    await asyncio.wait_for(pool.listen("nexiom_jobs", lambda: None), 5)
    await pool.aclose()


async def _heard(repository: PostgresRepository, change: object) -> object:
    """Make a change and wait for its hint; hints that were on their way before are let pass."""
    waiting = asyncio.create_task(repository.hinted())
    async with asyncio.timeout(20):
        while not await _listening(repository):
            await asyncio.sleep(0.01)
        done = await change  # type: ignore[misc]
        await waiting
    return done


async def _listening(repository: PostgresRepository) -> bool:
    async def work(db: Connection) -> bool:
        found = await db.execute(
            "select 1 from pg_stat_activity where datname = current_database() and query = 'listen nexiom_jobs'"
        )
        return await found.fetchone() is not None

    return await repository._pool.run(work)


def _cut_all(url: str, *, but: psycopg.Connection | None = None) -> None:
    with in_a_shell(url) as shell:
        shell.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> all(%s)",
            ([shell.info.backend_pid, *([but.info.backend_pid] if but else [])],),
        )


async def _until_waiting(url: str) -> None:
    """Until somebody waits for a lock."""
    with in_a_shell(url) as shell:
        async with asyncio.timeout(20):
            while not shell.execute(
                "select 1 from pg_locks where not granted and database = "
                "(select oid from pg_database where datname = current_database())"
            ).fetchone():
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def _silent_server() -> AsyncIterator[int]:
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


class _Door:
    """A way to the server's socket that can be shut."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
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
        far_reader, far_writer = await asyncio.open_unix_connection(self._socket)
        self._writers |= {writer, far_writer}
        await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer), return_exceptions=True)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
