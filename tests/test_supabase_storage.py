"""The store over Supabase Storage, on Supabase's own small server; skipped without node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from lite_rig import lite
from nexiom_sdk.backends.supabase_storage import SupabaseStorage
from nexiom_sdk.storage import ObjectStore
from nexiom_sdk.testing.store_contract import ObjectStoreContract
from supabase_steps import Project

pytestmark = pytest.mark.timeout(600)  # npm may have to install the server first


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with lite(tmp_path_factory.mktemp("project")) as project:
        yield project


@pytest.fixture
async def store(project: Project) -> AsyncIterator[SupabaseStorage]:
    store = SupabaseStorage(project.url, SecretStr(project.secret_key))
    for key in [info.key async for info in store.list()]:
        await store.delete(key)
    yield store
    await store.aclose()


class TestSupabaseStorage(ObjectStoreContract):
    @pytest.fixture
    async def store(self, store: SupabaseStorage) -> ObjectStore:
        return store
