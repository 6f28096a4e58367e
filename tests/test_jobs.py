from __future__ import annotations

import importlib
import inspect
import pickle
import typing
from datetime import UTC, datetime, timedelta

import pytest

from nexiom_sdk import VideoRequest, jobs, repositories
from nexiom_sdk.jobs import GenerationJob
from nexiom_sdk.testing import VirtualClock
from nexiom_sdk.testing.sample_jobs import sample_job

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", jobs.__all__)
def test_who_brings_a_repository_finds_every_name_of_it_here(name: str) -> None:
    value = getattr(jobs, name)
    if isinstance(value, type) or inspect.isfunction(value):
        assert getattr(importlib.import_module(value.__module__), name) is value


def test_the_fields_of_a_query_have_types_that_can_be_read() -> None:
    assert set(typing.get_type_hints(repositories.JobQuery)) == set(repositories.JobQuery.__dataclass_fields__)


def test_a_row_survives_the_way_to_another_process() -> None:
    job = GenerationJob(
        id="j1",
        prompt="CANARY-PROMPT",
        request=VideoRequest(prompt="CANARY-PROMPT"),
        run_at=NOON,
        created_at=NOON,
        updated_at=NOON,
    )
    assert pickle.loads(pickle.dumps(job)) == job
    assert "CANARY" not in repr(job)


@pytest.mark.parametrize(("leased_seconds", "due_seconds"), [(None, 60), (30, 60), (90, 90), (-30, 60)])
def test_a_job_is_due_when_its_moment_has_come_and_nobody_has_it(leased_seconds: int | None, due_seconds: int) -> None:
    leased_until = None if leased_seconds is None else NOON + timedelta(seconds=leased_seconds)
    job = sample_job(VirtualClock(), run_at=NOON + timedelta(seconds=60), leased_until=leased_until)
    assert job.due_at == NOON + timedelta(seconds=due_seconds)
