"""Studios with budgets on one database, in this process or in others: `python budget_rig.py DATABASE BUDGETS COUNT`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter

from nexiom_sdk import GenerationJob, Settings, Studio, VideoRequest
from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.governance import Budget, Governance
from nexiom_sdk.providers.registry import ProviderRegistry
from nexiom_sdk.testing import FakeProvider, fake_card
from rig import policy_over

_BUDGETS = TypeAdapter(tuple[Budget, ...])


@asynccontextmanager
async def studio_of(
    database: str, home: Path, budgets: Sequence[Budget], **settings: object
) -> AsyncGenerator[tuple[Studio, FakeProvider]]:
    """A studio whose clips cost $0.40, and the provider that makes them."""
    card = fake_card(typical_seconds=0.01, min_poll_seconds=0.01)
    fake = FakeProvider("acme", models=(card,), submission_recovery="none")
    registry = ProviderRegistry(entry_points=[])
    registry.register("acme", lambda config, /, *, http=None: fake)
    policy = policy_over("acme/fake-1").evolve(governance=Governance(budgets=tuple(budgets)))
    set_up = Settings(home=home, database_url=database, **settings)  # type: ignore[arg-type]
    async with Studio(settings=set_up, registry=registry, policy=policy) as studio:
        yield studio, fake


async def submitted(
    studios: Sequence[Studio], count: int, users: Sequence[str | None] = (None,)
) -> list[GenerationJob]:
    """The jobs that got through, of so many submits at once that the studios and users take in turns."""
    tries = [
        studios[number % len(studios)].submit(
            VideoRequest(prompt="a fox", duration_seconds=4), user_id=users[number % len(users)], defer=True
        )
        for number in range(count)
    ]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, BudgetExceeded):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, GenerationJob)]


async def submitted_by_processes(database: str, budgets: Sequence[Budget], *, processes: int, count: int) -> list[str]:
    """Ids of the jobs that got through, of so many submits at once in each of so many processes."""
    words = [sys.executable, __file__, database, _BUDGETS.dump_json(tuple(budgets)).decode(), str(count)]
    running = [
        await asyncio.create_subprocess_exec(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(processes)
    ]
    for one in running:  # each says that it is ready, and begins when it is told to
        assert one.stdout is not None
        assert await one.stdout.readline() == b"ready\n"
    said = await asyncio.gather(*(one.communicate(b"go\n") for one in running))
    assert [one.returncode for one in running] == [0] * processes
    return [job_id for out, _ in said for job_id in out.decode().split()]


async def _main(database: str, budgets: str, count: int) -> None:
    with TemporaryDirectory() as home:
        async with studio_of(database, Path(home), _BUDGETS.validate_json(budgets)) as (studio, _):
            await studio.jobs(limit=1)
            print("ready", flush=True)
            sys.stdin.readline()
            for job in await submitted([studio], count):
                print(job.id)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
