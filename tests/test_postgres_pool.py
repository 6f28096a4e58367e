"""Trouble with a real PostgreSQL: each in our words, nothing lost, and the next call works when the cause is gone."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from nexiom_sdk import Settings, Studio, VideoRequest
from nexiom_sdk.backends import postgres_pool
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import StorageUnavailable
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.spending import Limit, UsageQuery
from nexiom_sdk.testing import FakeProvider
from nexiom_sdk.testing.sample_jobs import columns, sample_job
from postgres_rig import repository, url
from postgres_troubles import before_each_update, cut_all, in_a_shell, one_answer_lost, tries, until_waiting
from rig import policy_over

__all__ = ["repository", "url"]  # fixtures

CLOCK = SystemClock()


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


async def test_a_connection_cut_in_the_middle_of_a_transaction_inserts_once(
    url: str, repository: PostgresRepository
) -> None:
    await repository.usage(UsageQuery())
    job = sample_job(CLOCK)
    with psycopg.connect(url) as shell:
        shell.execute("lock table generation_jobs in share mode")
        adding = asyncio.create_task(repository.add(job))
        await until_waiting(url)
        cut_all(url, but=shell)
        shell.rollback()
    assert columns(await adding) == columns(job)
    assert (await repository.usage(UsageQuery())).jobs == 1


async def test_a_commit_whose_answer_was_lost_is_not_made_twice(repository: PostgresRepository) -> None:
    job = sample_job(CLOCK)
    async with one_answer_lost(repository):
        assert columns(await repository.add(job)) == columns(job)
    async with one_answer_lost(repository):
        assert await repository.adopt_late_id(job.id, 0, "acme", "v1")
    row = await repository.get(job.id)
    assert row is not None
    async with one_answer_lost(repository):
        assert await repository.save(row, fence=row.fence)
    assert (await repository.usage(UsageQuery())).jobs == 1


async def test_an_insert_under_a_limit_whose_answer_was_lost_finds_its_own_row(repository: PostgresRepository) -> None:
    job = sample_job(CLOCK)
    one = [Limit(name="quota", over=UsageQuery(), max_jobs=1)]
    async with one_answer_lost(repository):
        assert columns(await repository.add(job, limits=one)) == columns(job)
    assert (await repository.usage(UsageQuery())).jobs == 1


async def test_a_call_says_whether_it_may_have_written(
    repository: PostgresRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "TRIES", 1)
    async with one_answer_lost(repository):
        with pytest.raises(StorageUnavailable) as lost:
            await repository.add(sample_job(CLOCK))
    assert not lost.value.unwritten
    assert (await repository.usage(UsageQuery())).jobs == 1


async def test_a_refusal_after_an_answer_that_was_lost_says_that_nobody_can_tell(
    url: str, repository: PostgresRepository
) -> None:
    with in_a_shell(url) as shell:
        async with one_answer_lost(repository, meanwhile=lambda: shell.execute("drop table generation_jobs cascade")):
            with pytest.raises(StorageUnavailable, match="no table generation_jobs") as error:
                await repository.add(sample_job(CLOCK))
    assert not error.value.unwritten


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_what_collides_with_others_is_tried_again(url: str, repository: PostgresRepository, state: str) -> None:
    job = await repository.add(sample_job(CLOCK))
    fails_once = f"if currval('tries') = 1 then raise exception 'trouble' using errcode = '{state}'; end if;"
    with before_each_update(url, fails_once) as shell:
        assert await repository.save(job, fence=0)
        assert tries(shell) == 2


async def test_what_collides_again_and_again_is_given_up_after_pauses(
    url: str, repository: PostgresRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await repository.add(sample_job(CLOCK))
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    with before_each_update(url, "raise exception 'trouble' using errcode = '40001';") as shell:
        monkeypatch.setattr("nexiom_sdk.backends.postgres_pool._pause", pause)
        with pytest.raises(StorageUnavailable, match="again and again") as error:
            await repository.save(job, fence=0)
        assert tries(shell) == postgres_pool.TRIES
    assert "read committed" in error.value.next_step
    assert error.value.unwritten
    assert len(pauses) == postgres_pool.TRIES - 1
    assert 0 < pauses[0] < 3 * pauses[1]


async def test_a_statement_that_took_too_long_is_not_tried_again(url: str) -> None:
    impatient = PostgresRepository(make_conninfo(url, options="-c statement_timeout=300"))
    job = await impatient.add(sample_job(CLOCK))
    with before_each_update(url, "perform pg_sleep(60);") as shell:
        with pytest.raises(StorageUnavailable, match="cut a statement short"):
            await impatient.save(job, fence=0)
        assert tries(shell) == 1
    await impatient.aclose()


async def test_a_locked_row_is_not_waited_for_for_ever(
    url: str, repository: PostgresRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await repository.add(sample_job(CLOCK))
    monkeypatch.setattr(postgres_pool, "PATIENCE_SECONDS", 0.3)
    with psycopg.connect(url) as shell:
        shell.execute("select from generation_jobs for update")
        with pytest.raises(StorageUnavailable, match=r"did not answer within 0\.3 s") as error:
            await repository.save(job, fence=0)
    assert "open transaction" in error.value.next_step


@pytest.mark.parametrize("lost", [True, False])
async def test_an_order_is_to_be_looked_for_only_where_it_may_have_been_written(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    fake = FakeProvider("acme")
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", lambda config, /, *, http=None: fake)
    monkeypatch.setattr(postgres_pool, "TRIES", 1)
    repository = PostgresRepository(url)
    parts = Studio(
        settings=Settings(home=tmp_path), repository=repository, registry=registry, policy=policy_over("acme/fake-1")
    )
    async with parts as studio, contextlib.AsyncExitStack() as trouble:
        if lost:
            await studio.submit(VideoRequest(prompt="one before"), defer=True)  # the clock of the rows is seen
            await trouble.enter_async_context(one_answer_lost(repository))
        else:
            with in_a_shell(url) as shell:
                shell.execute("drop table generation_jobs cascade")
        with pytest.raises(StorageUnavailable) as error:
            await studio.submit(VideoRequest(prompt="a fox"))
    assert ("for it may exist" in error.value.next_step) is lost
    assert (error.value.job_id is not None) is lost
    assert fake.accepted == []
