"""The same steps against a real project of Supabase: hosted, or the official stack on your machine.

It covers what no stand-in can: that the hosted roles, grants and policies let the migration in and hold, that PostgREST
finds the functions, that the storage service asks our policies, that our store works with it, and that the database
address works for a worker. It does not cover Realtime, resumable uploads, the S3 endpoint, or a provider.

It is skipped unless these are set:
- NEXIOM_TEST_SUPABASE_URL, NEXIOM_TEST_SUPABASE_KEY (publishable), NEXIOM_TEST_SUPABASE_SECRET_KEY;
- NEXIOM_TEST_SUPABASE_DATABASE_URL: session pooler, direct host or transaction pooler;
- NEXIOM_TEST_SUPABASE_USERS: two confirmed users, as `email:password,email:password`.

The test applies the migration to the project. It leaves two finished jobs and a few small files of the first user.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from nexiom_sdk.backends import postgres_upgrade
from nexiom_sdk.backends.postgres_migration import Has
from supabase_steps import (
    FrontEnd,
    Project,
    a_job_goes_from_the_app_to_a_worker_and_back,
    a_video_is_made_stored_and_shown_to_its_owner,
    media_belong_to_the_folder_of_their_owner,
    signed_in,
)

_PREFIX = "NEXIOM_TEST_SUPABASE_"
_NEEDED = ("URL", "KEY", "SECRET_KEY", "DATABASE_URL", "USERS")
_GIVEN = {name: os.environ.get(_PREFIX + name, "") for name in _NEEDED}
_MISSING = [_PREFIX + name for name in _NEEDED if not _GIVEN[name]]

pytestmark = [
    pytest.mark.real_supabase,
    pytest.mark.skipif(bool(_MISSING), reason=f"needs a real project: set {', '.join(_MISSING)}"),
]


async def test_everything_that_an_app_and_a_worker_do(tmp_path: Path) -> None:
    address = SecretStr(_GIVEN["DATABASE_URL"])
    await postgres_upgrade.apply(address)
    found = await postgres_upgrade.look(address)
    assert (found.has, found.supabase, found.obstacles) == (Has.CURRENT, True, ())
    project = Project(
        url=_GIVEN["URL"],
        publishable_key=_GIVEN["KEY"],
        secret_key=_GIVEN["SECRET_KEY"],
        database_url=address.get_secret_value(),
    )
    (first, second) = (user.split(":", 1) for user in _GIVEN["USERS"].split(","))
    alice, bob = await signed_in(project, *first), await signed_in(project, *second)
    stranger, worker = FrontEnd(project), FrontEnd(project, secret=True)
    try:
        await a_job_goes_from_the_app_to_a_worker_and_back(project, alice, bob, stranger)
        await media_belong_to_the_folder_of_their_owner(alice, bob, stranger, worker)
        await a_video_is_made_stored_and_shown_to_its_owner(project, tmp_path, alice, bob, stranger)
    finally:
        for one in (alice, bob, stranger, worker):
            await one.http.aclose()
