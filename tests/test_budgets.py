"""Budgets as a service meets them: through `Studio`, from several studios and processes on one database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from budget_rig import studio_of, submitted, submitted_by_processes
from nexiom_sdk import VideoRequest
from nexiom_sdk.errors import BudgetExceeded
from nexiom_sdk.governance import Budget
from postgres_rig import jobs_database

TEN = Decimal("4.00")  # ten clips of $0.40


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
        return
    with jobs_database() as url:
        yield url


@pytest.mark.parametrize(
    "budgets",
    [
        [Budget(per="day", max_usd=TEN)],
        [Budget(per="month", max_jobs=10)],
        [Budget(max_active=10)],
        [Budget(per="day", each="user", max_usd=TEN)],
        [Budget(per="day", role="user", max_jobs=10)],
        [Budget(per="month", tier="standard", max_usd=TEN)],
        [
            Budget(per="day", max_usd=Decimal(100)),
            Budget(per="month", each="user", role="user", max_jobs=10),
            Budget(tier="standard", max_active=11),
            Budget(per="day", role="director", max_usd=Decimal(0)),
        ],
    ],
    ids=["money", "jobs", "at once", "user", "role", "tier", "several"],
)
async def test_a_budget_for_ten_lets_exactly_ten_of_a_hundred_at_once_through(
    database: str, tmp_path: Path, budgets: Sequence[Budget]
) -> None:
    async with AsyncExitStack() as stack:
        studios = [(await stack.enter_async_context(studio_of(database, tmp_path, budgets)))[0] for _ in range(2)]
        jobs = await submitted(studios, 100)
        assert len(jobs) == 10
        assert {job.id for job in await studios[0].jobs(limit=200)} == {job.id for job in jobs}


@pytest.mark.parametrize(
    "budget",
    [Budget(per="day", max_usd=TEN), Budget(per="day", max_jobs=10), Budget(each="user", max_active=10)],
    ids=["money", "jobs", "at once"],
)
async def test_four_processes_share_a_budget(database: str, tmp_path: Path, budget: Budget) -> None:
    async with studio_of(database, tmp_path, [budget]) as (studio, _):
        await studio.jobs()  # makes the file
        jobs = await submitted_by_processes(database, [budget], processes=4, count=25)
        assert len(jobs) == 10
        assert {job.id for job in await studio.jobs(limit=200)} == set(jobs)


async def test_budgets_that_overlap_hold_all_at_once(database: str, tmp_path: Path) -> None:
    budgets = [
        Budget(per="day", max_usd=Decimal("6.00")),  # fifteen
        Budget(per="day", each="user", max_jobs=7),
        Budget(each="user", max_active=6),
    ]
    async with AsyncExitStack() as stack:
        studios = [(await stack.enter_async_context(studio_of(database, tmp_path, budgets)))[0] for _ in range(2)]
        jobs = await submitted(studios, 90, users=("u1", "u2", None))
        of_each = Counter(job.user_id for job in jobs)
        assert len(jobs) == 15
        assert max(of_each.values()) <= 6
        assert len(of_each) == 3
        with pytest.raises(BudgetExceeded, match=r"\$6.00 of \$6.00 are used"):
            await studios[1].submit(VideoRequest(prompt="a fox", duration_seconds=4), user_id="u4", defer=True)


async def test_a_job_that_ends_makes_room_for_another_one(database: str, tmp_path: Path) -> None:
    async with studio_of(database, tmp_path, [Budget(each="user", max_active=1)]) as (studio, fake):
        fake.succeed()
        [job] = await submitted([studio], 5, users=["u1"])
        with pytest.raises(BudgetExceeded, match=r"1 of 1 jobs are running\. Nothing was charged\. Wait until one"):
            await studio.submit(VideoRequest(prompt="a fox"), user_id="u1")
        await studio.wait(job.id)
        assert len(await submitted([studio], 5, users=["u1"])) == 1


async def test_a_resubmit_and_new_jobs_share_a_budget(database: str, tmp_path: Path) -> None:
    budgets = [Budget(per="day", max_usd=Decimal("0.80"))]
    async with studio_of(database, tmp_path, budgets) as (studio, fake):
        fake.lose_answer().lose_answer()
        jobs = await submitted([studio], 3)
        assert len(jobs) == 2
        for job in jobs:
            await studio.advance(job.id)
        lost = next(job for job in [await studio.get(job.id) for job in jobs] if job.final)
        with pytest.raises(
            BudgetExceeded, match=r"Nothing was ordered.*\$0.40 of \$0.80 are used.*\$0.80 more"
        ) as refused:
            await studio.resubmit(lost.id)
        assert refused.value.job_id == lost.id
        assert await studio.get(lost.id) == lost
