"""Connections: cut, all taken, of a server that is away, in one event loop after another."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from nexiom_sdk.backends import postgres_connections
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_address import Connection
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import ConfigurationError, StorageError, StorageUnavailable
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing.sample_jobs import sample_job
from postgres_rig import repository, url
from postgres_troubles import Door, cut_all, in_a_shell, until_waiting

__all__ = ["repository", "url"]  # fixtures

CLOCK = SystemClock()


async def test_connections_that_were_cut_are_made_anew_without_a_word(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    for _ in range(2):
        await on_each_of_five(repository, "select 1")
        cut_all(url)
        assert len(await repository.list(JobQuery())) == 1
    await on_each_of_five(repository, "select 1")
    cut_all(url)
    assert await repository.save(job.evolve(error_message="seen"), fence=0)


async def test_calls_that_wait_for_a_locked_row_leave_connections_for_the_others(
    url: str, repository: PostgresRepository
) -> None:
    locked = await repository.add(sample_job(CLOCK))
    with psycopg.connect(url) as shell:
        shell.execute("select from generation_jobs for update")
        calls = [asyncio.create_task(repository.wake(locked.id, cancel=True)) for _ in range(60)]
        await until_waiting(url, postgres_connections.FOR_WRITING)
        other = sample_job(CLOCK, id="00000000-0000-4000-8000-000000000001")
        with in_a_shell(url) as second:
            second.execute("insert into generation_jobs (id, prompt) values (%s, 'x')", (other.id,))
        async with asyncio.timeout(5):
            [claimed] = await repository.claim(limit=9, lease_seconds=60)
            assert await repository.extend(claimed.id, fence=claimed.fence, seconds=90)
            assert await repository.get(locked.id)
        assert claimed.id == other.id
        shell.rollback()
        await asyncio.gather(*calls)
    woken = await repository.get(locked.id)
    assert woken is not None
    assert woken.cancel_requested_at is not None


async def test_connections_that_are_all_in_use_are_said_to_be(
    url: str, repository: PostgresRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections, "CONNECTION_SECONDS", 0.3)
    async with contextlib.AsyncExitStack() as held:
        await repository.usage(UsageQuery())
        assert repository._pool._connections is not None
        for _ in range(postgres_connections.FOR_WRITING + postgres_connections.KEPT_FREE):
            await held.enter_async_context(repository._pool._connections.lent())
        with pytest.raises(StorageUnavailable, match=r"All 20 connections .* in use") as error:
            await repository.usage(UsageQuery())
    assert "open transaction" in error.value.next_step
    assert error.value.unwritten


async def test_a_server_that_is_down_says_so_at_every_call_and_is_found_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection goes through a door that can be shut, as a server that is restarted."""
    monkeypatch.setattr(postgres_connections, "CONNECTION_SECONDS", 0.5)
    door = Door(url)
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
        for _ in range(2):  # more than there are
            calls = [asyncio.create_task(repository.save(job, fence=0)) for _ in range(20)]
            await until_waiting(url, postgres_connections.FOR_WRITING)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
    assert await repository.save(job, fence=0)


async def test_a_call_that_is_cancelled_twice_gives_its_connection_back(
    url: str, repository: PostgresRepository
) -> None:
    await repository.usage(UsageQuery())
    connections = repository._pool._connections
    assert connections is not None
    pool, begun, go_on, held_now = connections._pool, asyncio.Event(), asyncio.Event(), asyncio.Event()
    assert pool is not None
    real = pool.putconn

    async def slow(connection: Connection) -> None:
        begun.set()
        await go_on.wait()
        await real(connection)

    pool.putconn = slow  # type: ignore[method-assign,assignment]

    async def held() -> None:
        async with connections.lent():
            held_now.set()
            await asyncio.Event().wait()

    for _ in range(postgres_connections.FOR_WRITING + postgres_connections.KEPT_FREE + 1):
        for event in (begun, go_on, held_now):
            event.clear()
        call = asyncio.create_task(held())
        async with asyncio.timeout(5):
            for event in (held_now, begun):  # in use, and on its way back
                await event.wait()
                call.cancel()
        await asyncio.wait({call})
        go_on.set()
    async with asyncio.timeout(5):
        await repository.usage(UsageQuery())


async def test_more_callers_than_connections_take_turns(repository: PostgresRepository) -> None:
    jobs = await asyncio.gather(*(repository.add(sample_job(CLOCK)) for _ in range(100)))
    assert len({job.id for job in jobs}) == 100


async def test_a_primary_that_became_a_replica_is_left_for_the_one_that_the_address_leads_to(
    repository: PostgresRepository,
) -> None:
    """Its sessions stay where a hosted service changes over; a new connection finds whoever may be written to."""
    await on_each_of_five(repository, "set default_transaction_read_only = on")
    await repository.add(sample_job(CLOCK))
    assert (await repository.usage(UsageQuery())).jobs == 1


async def test_a_repository_closes_when_the_calls_that_are_running_have_ended(
    url: str, repository: PostgresRepository
) -> None:
    job = await repository.add(sample_job(CLOCK))
    with psycopg.connect(url) as shell:
        shell.execute("select from generation_jobs for update")
        calls = [asyncio.create_task(repository.save(job, fence=0)) for _ in range(30)]  # some wait for a connection
        await until_waiting(url, postgres_connections.FOR_WRITING)
        closing = asyncio.create_task(repository.aclose())
        await asyncio.wait({closing}, timeout=0.1)
        assert not closing.done()
        with pytest.raises(StorageError, match="closed"):
            await repository.get(job.id)
        shell.rollback()
    await closing
    assert await asyncio.gather(*calls) == [True] * 30


def test_a_repository_goes_on_in_another_event_loop(url: str) -> None:
    """As a task of Celery or a view of Django that calls `asyncio.run` each time."""
    repository = PostgresRepository(url)
    job = asyncio.run(repository.add(sample_job(CLOCK)))
    cut_all(url)
    assert asyncio.run(repository.get(job.id)) == job
    with in_a_shell(url) as shell:
        assert asyncio.run(repository.get(job.id)) == job
        asyncio.run(repository.aclose())
        query = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        query += " and backend_type = 'client backend'"
        for _ in range(500):
            gc.collect()  # of one that was being made when its loop ended, nobody else knows
            if shell.execute(query.encode()).fetchone() == (0,):
                break
            shell.execute("select pg_sleep(0.01)")
        assert shell.execute(query.encode()).fetchone() == (0,)


async def test_two_event_loops_at_once_are_told_apart(url: str, repository: PostgresRepository) -> None:
    job = await repository.add(sample_job(CLOCK))
    with pytest.raises(ConfigurationError, match="another event loop") as error:
        await asyncio.to_thread(asyncio.run, repository.get(job.id))
    assert "of its own" in error.value.next_step
    assert await repository.get(job.id) == job


async def on_each_of_five(repository: PostgresRepository, statement: str) -> None:
    """Say something on more connections than a call is tried on."""
    await repository.usage(UsageQuery())
    connections = repository._pool._connections
    assert connections is not None
    async with contextlib.AsyncExitStack() as held:
        for connection in [await held.enter_async_context(connections.lent()) for _ in range(5)]:
            await connection.execute(statement.encode())
