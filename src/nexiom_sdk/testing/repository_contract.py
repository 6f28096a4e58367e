"""What every `JobRepository` must do, as a pytest class to inherit; it needs pytest, pytest-asyncio and hypothesis.

```python
class TestMyRepository(JobRepositoryContract):
    @pytest.fixture
    async def repository(self, clock: VirtualClock) -> AsyncIterator[JobRepository]:
        repository = MyRepository(clock=clock)
        yield repository
        await repository.aclose()
```
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from nexiom_sdk.backends.memory import MemoryRepository
from nexiom_sdk.errors import StorageError
from nexiom_sdk.repositories import JobQuery, JobRepository
from nexiom_sdk.spending import UsageQuery
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.repository_late_ids import LateIdContract
from nexiom_sdk.testing.repository_leases import LeaseContract
from nexiom_sdk.testing.repository_limits import LimitContract
from nexiom_sdk.testing.repository_orders import OrderContract
from nexiom_sdk.testing.repository_other_types import OtherTypeContract
from nexiom_sdk.testing.repository_rows import RowContract
from nexiom_sdk.testing.repository_spend import SpendContract
from nexiom_sdk.testing.repository_sums import SumContract
from nexiom_sdk.testing.sample_jobs import sample_job


class JobRepositoryContract(
    RowContract,
    OtherTypeContract,
    LimitContract,
    SumContract,
    SpendContract,
    LeaseContract,
    OrderContract,
    LateIdContract,
):
    """Every sentence of `JobRepository`, as a test; those of `SupportsIntake` and `SupportsSpend` where it has them."""

    pytestmark: ClassVar[pytest.MarkDecorator] = pytest.mark.asyncio

    @pytest.fixture
    def clock(self) -> VirtualClock:
        """The clock that the repository is to be made with."""
        return VirtualClock()

    @pytest.fixture
    def plain_rows(self, clock: VirtualClock) -> MemoryRepository:
        """Rows that are summed by walking through them."""
        return MemoryRepository(clock=clock)

    async def test_a_closed_repository_says_so(self, repository: JobRepository, clock: VirtualClock) -> None:
        job = await repository.add(sample_job(clock))
        await repository.aclose()
        await repository.aclose()
        for call in (
            repository.add(job),
            repository.get(job.id),
            repository.list(JobQuery()),
            repository.claim(limit=1, lease_seconds=60),
            repository.save(job, fence=0),
            repository.extend(job.id, fence=0, seconds=60),
            repository.wake(job.id),
            repository.adopt_late_id(job.id, 0, "acme", "v1"),
            repository.usage(UsageQuery()),
            repository.durations("key", 5),
        ):
            with pytest.raises(StorageError, match="closed"):
                await call
