from __future__ import annotations

import pytest

from nexiom_sdk.backends.memory import MemoryStore
from nexiom_sdk.errors import ConfigurationError
from nexiom_sdk.storage import ObjectStore
from nexiom_sdk.testing.clock import VirtualClock
from nexiom_sdk.testing.store_contract import KEY, ObjectStoreContract, pieces


class TestMemoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return MemoryStore()


async def test_an_object_has_the_time_of_the_clock_and_its_media_type() -> None:
    clock = VirtualClock()
    info = await MemoryStore(clock=clock).put(KEY, pieces(b"fox"), media_type="image/png")
    assert (info.modified_at, info.media_type) == (clock.now(), "image/png")


async def test_it_has_an_address_for_nobody() -> None:
    assert await MemoryStore().url(KEY, ttl_seconds=60) is None


@pytest.mark.parametrize("url", ["memory://", "memory:"])
async def test_its_url_makes_an_empty_store(url: str) -> None:
    assert [info async for info in MemoryStore.from_url(url, clock=VirtualClock()).list()] == []


@pytest.mark.parametrize("url", ["memory://somewhere", "file:///x", ""])
def test_a_url_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        MemoryStore.from_url(url, clock=VirtualClock())
