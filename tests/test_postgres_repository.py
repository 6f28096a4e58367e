from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from nexiom_sdk.backends.postgres import PostgresRepository
from nexiom_sdk.jobs import JobRepository
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_contract import JobRepositoryContract
from postgres_rig import DatabaseClock, virtual_database


class TestPostgresRepository(JobRepositoryContract):
    @pytest.fixture
    def clock(self) -> Iterator[VirtualClock]:
        clock = DatabaseClock()
        yield clock
        clock.close()

    @pytest.fixture
    async def repository(self, clock: VirtualClock) -> AsyncIterator[JobRepository]:
        repository = PostgresRepository(virtual_database())
        yield repository
        await repository.aclose()
