from __future__ import annotations

import importlib
import inspect
import pickle
import typing
from datetime import UTC, datetime

import pytest

from nexiom_sdk import VideoRequest, jobs, repositories
from nexiom_sdk.jobs import GenerationJob

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
