"""What columns can hold and jobs cannot, and the other way round: each row by itself, in any session."""

from __future__ import annotations

from datetime import UTC

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pydantic import JsonValue

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import IdempotencyConflict, StorageError, StorageUnavailable
from nexiom_sdk.jobs import UNFIT, GenerationJob
from nexiom_sdk.repositories import JobQuery
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing.sample_jobs import sample_job
from nexiom_sdk.types import VideoRequest
from postgres_rig import repository, url

__all__ = ["repository", "url"]  # fixtures

CLOCK = SystemClock()
CHOSEN = "provider_metadata = '{\"choice\": {}}'"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (f"""set request = '{{"prompt": 5}}', {CHOSEN}""", "prompt"),
        (f"set request = '[]', {CHOSEN}", "request"),
        ("set provider_metadata = '7'", "metadata"),
    ],
)
async def test_a_row_that_is_no_job_is_named_and_does_not_hold_up_the_others(
    repository: PostgresRepository, url: str, change: str, named: str
) -> None:
    broken, good = [await repository.add(sample_job(CLOCK)) for _ in range(2)]
    with psycopg.connect(url, autocommit=True) as shell:
        shell.execute(b"update generation_jobs " + change.encode() + b" where id = %s", (broken.id,))
    with pytest.raises(StorageUnavailable, match=named) as error:
        await repository.get(broken.id)
    assert broken.id in error.value.message
    assert [job.id for job in await repository.claim(limit=9, lease_seconds=0)] == [good.id]
    with pytest.raises(StorageUnavailable, match=broken.id):
        await repository.claim(limit=1, lease_seconds=0, job_id=broken.id)


async def test_a_session_in_another_zone_reads_the_same_times_in_utc(url: str) -> None:
    repository = PostgresRepository(make_conninfo(url, options="-c timezone=Asia/Kathmandu"))
    job = await repository.add(sample_job(CLOCK))
    read = await repository.get(job.id)
    assert read == job
    assert read.run_at.tzinfo is UTC
    await repository.aclose()


async def test_a_session_of_another_date_style_reads_the_same_times(url: str) -> None:
    repository = PostgresRepository(make_conninfo(url, options="-c datestyle=German"))
    job = await repository.add(sample_job(CLOCK))
    assert await repository.get(job.id) == job
    [claimed] = await repository.claim(limit=1, lease_seconds=60)
    assert claimed.leased_until is not None
    assert claimed.leased_until > job.run_at
    await repository.aclose()


async def test_a_session_of_another_encoding_holds_any_script(url: str) -> None:
    repository = PostgresRepository(make_conninfo(url, client_encoding="LATIN1"))
    job = await repository.add(sample_job(CLOCK, error_message="\u96ea\u306e\u72d0"))
    assert await repository.get(job.id) == job
    await repository.aclose()


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "0044-03-15 BC", "12026-01-01"])
@pytest.mark.parametrize("column", ["run_at", "created_at", "updated_at", "submit_started_at", "cancel_requested_at"])
async def test_a_time_that_no_clock_shows_makes_one_row_unreadable_and_no_other(
    repository: PostgresRepository, url: str, column: str, moment: str
) -> None:
    broken, good = [await repository.add(sample_job(CLOCK)) for _ in range(2)]
    with psycopg.connect(url, autocommit=True) as shell:
        shell.execute(f"update generation_jobs set {column} = %s where id = %s".encode(), (moment, broken.id))
    with pytest.raises(StorageUnavailable, match=column) as error:
        await repository.get(broken.id)
    assert error.value.job_id == broken.id
    assert [job.id for job in await repository.list(JobQuery())] == [good.id]
    assert [job.id for job in await repository.claim(limit=9, lease_seconds=60)] == [good.id]


@pytest.mark.parametrize("odd", ["1e400", "1e-400", "-5", '"9"', "null", "[]", "1e300"])
async def test_a_duration_that_makes_no_sense_is_left_out(repository: PostgresRepository, url: str, odd: str) -> None:
    for took in ("61.5", odd, "0"):
        job = await repository.add(sample_job(CLOCK))
        metadata = f'{{"timing": {{"key": "k", "took_seconds": {took}}}}}'
        with psycopg.connect(url, autocommit=True) as shell:
            shell.execute(
                b"update generation_jobs set status = 'completed', result_url = 'x', provider_metadata = %s"
                b" where id = %s",
                (metadata, job.id),
            )
    assert await repository.durations("k", 9) == [0.0, 61.5]


@pytest.mark.parametrize("name", ["client_key", "user_id"])
async def test_a_name_that_no_index_holds_is_refused_before_anything_is_ordered(
    repository: PostgresRepository, name: str
) -> None:
    fits, long = {name: "\u00e9" * 500}, {name: "\u00e9" * 501}
    await repository.add(sample_job(CLOCK, **fits))
    with pytest.raises(StorageError, match=f"its {name} has more than 1,000 bytes"):
        await repository.add(sample_job(CLOCK, **long))


@pytest.mark.parametrize("odd", ["a\0b", 1e23, float("nan"), -0.0, 2**60], ids=repr)
async def test_the_same_request_is_the_same_however_the_database_writes_it(
    repository: PostgresRepository, odd: JsonValue
) -> None:
    def asked(seed: int) -> GenerationJob:
        options: dict[str, dict[str, JsonValue]] = {"acme": {"x": odd}}
        return sample_job(CLOCK, client_key="tap", request=VideoRequest(prompt="a fox", options=options, seed=seed))

    first = await repository.add(asked(1))
    assert (await repository.add(asked(1))).id == first.id
    with pytest.raises(IdempotencyConflict):
        await repository.add(asked(2))


async def test_an_old_row_without_a_prompt_is_read(repository: PostgresRepository, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as shell:
        shell.execute("alter table generation_jobs alter column prompt drop not null")
        shell.execute("insert into generation_jobs (type, run_at) values ('video', now() - interval '1 hour')")
        shell.execute("""insert into generation_jobs (type, request) values ('video', '{"prompt": "a boat"}')""")
    none, asked = await repository.claim(limit=9, lease_seconds=60)
    assert (none.prompt, asked.prompt) == ("", "a boat")
    assert "prompt is missing" in str(none.provider_metadata[UNFIT])
    assert UNFIT not in asked.provider_metadata


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


async def test_however_many_rows_are_no_jobs_the_good_ones_are_claimed(
    repository: PostgresRepository, url: str
) -> None:
    broken = [await repository.add(sample_job(CLOCK)) for _ in range(25)]
    good = [await repository.add(sample_job(CLOCK)) for _ in range(3)]
    with psycopg.connect(url, autocommit=True) as shell:
        ids = [one.id for one in broken]
        shell.execute(
            f"update generation_jobs set request = '[]', {CHOSEN} where id = any(%s::uuid[])".encode(), (ids,)
        )
    claimed = [job.id for job in await repository.claim(limit=2, lease_seconds=60)]
    claimed += [job.id for job in await repository.claim(limit=2, lease_seconds=60)]
    assert sorted(claimed) == sorted(job.id for job in good)
    assert await repository.claim(limit=0, lease_seconds=60) == []
